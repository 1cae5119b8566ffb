"""What tests of commands share: a small training as flags, copies of runs, and what a command prints."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from dcgan.cli.main import main
from dcgan.config import TrainConfig
from dcgan.runs.run import Run

PROJECT = Path(__file__).resolve().parents[1]
TINY_FLAGS = [
    *("--data.limit", "64", "--batch-size", "16", "--epochs", "1", "--threads", "1"),
    *("--model.hidden-g", "16", "--model.hidden-d", "16", "--model.latent-dim", "4", "--no-scores"),
]
"""Flags of `train` for one epoch of 4 steps."""


def copy_run(run: Run, root: Path, name: str = "mine") -> Run:
    """Copy the run to `root` under another name, and return the copy."""
    shutil.copytree(run.path, root / name)
    return Run(root / name)


def change_config(run: Run, **fields) -> None:
    """Change a recorded config, which only a test does."""
    values = json.loads((run.path / "config.json").read_text())
    values["config"] |= fields
    run.write_text("config.json", json.dumps(values))


def _default_signals() -> None:
    for name in ("SIGINT", "SIGHUP"):
        signal.signal(getattr(signal, name), signal.SIG_DFL)


WITH_DEFAULT_SIGNALS = {"preexec_fn": _default_signals} if os.name == "posix" else {}
"""Options of Popen for a process that is sent signals. Tests in the background of a shell, or under nohup, ignore
some, and a new process would too."""


def start_command(*arguments: str) -> subprocess.Popen:
    """Start python -W error -m dcgan ..., in the same working directory and environment."""
    environment = os.environ | {"PYTHONPATH": str(PROJECT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-W", "error", "-m", "dcgan", *arguments]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, env=environment, text=True, **pipes, **WITH_DEFAULT_SIGNALS)


def dry_run_config(capsys, *arguments: str) -> TrainConfig:
    """Return the config that `train ... --dry-run` prints."""
    capsys.readouterr()
    assert main(["train", *arguments, "--dry-run"]) == 0
    return TrainConfig.from_json(json.loads(capsys.readouterr().out))


def command_error(capsys, *arguments: str) -> str:
    """Run a command that exits with code 2, and return the one line that begins with "error: "."""
    capsys.readouterr()
    assert main(arguments) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1
    return lines[0]
