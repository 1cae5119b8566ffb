"""Both apps as processes on this machine, with planted secrets around them, for attacks over the network."""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from nightly.attack import ROOT
from recorded import record_run
from servers import free_port

from dcgan.runs.rows import Status
from dcgan.runs.run import Run

START_SECONDS = 300
MARK = "planted"
"""How each secret begins."""


@dataclass(frozen=True)
class Place:
    """A program with runs, a home and a temporary folder of its own, and secrets that no visitor may get."""

    program: Path
    runs: Path
    run: Run
    environment: Mapping[str, str]
    secrets: Mapping[str, str]
    """Where it lies -> the secret text."""

    def leaks(self, data: bytes) -> list[str]:
        """Return the names of all that the data have and no visitor may get: secrets, traces and paths."""
        kept = {where: secret.encode() for where, secret in self.secrets.items()} | {
            "/etc/passwd": b"root:x:0:0:",
            "a trace": b"Traceback (most recent call last)",
            "a path of the server": f"{self.program}/dcgan".encode(),
        }
        return [name for name, secret in kept.items() if secret in data]


def plant(folder: Path) -> Place:
    """Copy the program into the folder, record a run, and plant secrets around both.

    Beside the good run there is a hostile one, whose files are links to secrets.
    """
    parent = folder / "parent"
    program, runs, home, temporary = (parent / name for name in ("program", "runs", "home", "temporary"))
    shutil.copytree(ROOT / "dcgan", program / "dcgan")
    shutil.copytree(ROOT / ".streamlit", program / ".streamlit")
    for name in ("streamlit_app.py", "gradio_app.py", "pyproject.toml"):
        shutil.copy(ROOT / name, program / name)
    secrets = {}

    def secret_in(path: Path) -> Path:
        where = str(path.relative_to(parent))
        secrets[where] = f"{MARK}-{len(secrets)}-{os.urandom(8).hex()}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{secrets[where]}\n")
        return path

    for path in (program / "secret.txt", program / ".env", parent / "secret.txt", home / "secret.txt"):
        secret_in(path)
    for path in (home / ".ssh" / "id_rsa", temporary / "secret.txt", runs / "secret.txt"):
        secret_in(path)
    for name in ("DCGAN_SECRET", "HF_TOKEN"):
        secrets[name] = f"{MARK}-{name}-{os.urandom(8).hex()}"
    run = record_run(runs)
    outside = parent / "outside" / "secret-run"
    shutil.copytree(run.path, outside)
    secret_in(outside / "log.txt")
    with contextlib.suppress(OSError, NotImplementedError):  # Windows grants links to administrators only
        _link_files(run, runs / "linked", parent / "secret.txt")
    environment = {
        "DCGAN_RUNS": str(runs),
        "DCGAN_DEVICE": "cpu",
        "DCGAN_ALLOW_TRAINING": "0",
        "HOME": str(home),
        "TMPDIR": str(temporary),
        "SPACE_ID": "",
        "PYTHONPATH": "",
        "OMP_NUM_THREADS": "1",
    }
    return Place(program, runs, run, environment | {k: v for k, v in secrets.items() if k.isupper()}, secrets)


def _link_files(run: Run, hostile: Path, secret: Path) -> None:
    shutil.copytree(run.path, hostile)
    for name in ("log.txt", "process.txt", "progress.jsonl", "scores.jsonl", "evals.jsonl", "samples/0000002.png"):
        path = hostile / name
        path.unlink(missing_ok=True)
        path.symlink_to(secret)
    # So the studio looks for the reason of its end in process.txt.
    Run(hostile).write_status(Status("running", 2, 4, 2))
    shutil.copytree(hostile, hostile.with_name("linked-config"), symlinks=True)
    (hostile.with_name("linked-config") / "config.json").unlink()
    (hostile.with_name("linked-config") / "config.json").symlink_to(secret)


@dataclass
class App:
    """A running server."""

    name: str
    port: int
    process: subprocess.Popen[bytes]
    log: Path
    started_mb: float = field(default=0.0)

    def memory_mb(self) -> float:
        """Return the peak resident memory of the process; NaN except on Linux."""
        try:
            status = Path(f"/proc/{self.process.pid}/status").read_text()
        except OSError:
            return float("nan")
        return int(status.partition("VmHWM:")[2].split()[0]) / 1024

    def failures(self, place: Place, *, most_mb: float) -> list[str]:
        """Return a sentence for each reason why the server did not withstand what came before."""
        if self.process.poll() is not None:
            return [f"the {self.name} ended with {self.process.returncode}: {self.log.read_text()[-500:]}"]
        sentences = []
        try:
            status, data = get(self.port, "/")
            if status != 200 or b"<html" not in data.lower():
                sentences.append(f"the {self.name} answers its own page with {status}")
        except OSError as error:
            sentences.append(f"the {self.name} no longer answers: {error}")
        if self.memory_mb() > self.started_mb + most_mb:
            sentences.append(f"the {self.name} grew from {self.started_mb:.0f} to {self.memory_mb():.0f} MB")
        return sentences


def get(port: int, path: str, timeout: float = 120) -> tuple[int, bytes]:
    """Return the status and the body of a plain request."""
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)) as connection:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read()


@contextlib.contextmanager
def serving(name: str, place: Place, folder: Path) -> Iterator[App]:
    """Start the "demo" or the "studio" until the block ends, however it ends."""
    port = free_port()
    studio = ["-m", "streamlit", "run", "streamlit_app.py", "--server.headless=true", "--server.address=127.0.0.1"]
    arguments = {"demo": ["gradio_app.py"], "studio": [*studio, f"--server.port={port}"]}[name]
    environment = {key: value for key, value in os.environ.items() if key not in ("SPACE_ID", "HF_TOKEN")}
    environment |= {**place.environment, "GRADIO_SERVER_PORT": str(port), "GRADIO_SERVER_NAME": "127.0.0.1"}
    log = folder / f"{name}-log.txt"
    with open(log, "wb") as output:
        process = subprocess.Popen(
            [sys.executable, *arguments], cwd=place.program, env=environment, stdout=output, stderr=output
        )
    try:
        app = App(name, port, process, log)
        give_up = time.monotonic() + START_SECONDS
        while True:
            with contextlib.suppress(OSError):
                get(port, "/")
                break
            if process.poll() is not None or time.monotonic() > give_up:
                raise RuntimeError(f"the {name} did not start: {log.read_text()[-2000:]}")
            time.sleep(0.2)
        app.started_mb = app.memory_mb()
        yield app
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(30)
