"""Let many visitors watch a training that is alive, until after its end.

The training is real but slow: it waits after each row, so that it outlasts the visitors' arrival. Each visitor speaks
Streamlit's protocol as the page in a browser does (benchmarks/studio_client.py).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from nightly.attack import ROOT, Row, Setting
from servers import free_port, served, studio_command
from small_trainings import pictures

from dcgan.runs.rows import Status
from dcgan.runs.run import Run

sys.path[:0] = [str(ROOT / "benchmarks")]
from studio_client import Seen, Visitor, watch_together  # noqa: E402

MAX_BYTES = 2**30
"""Memory of the server at its peak."""
PATIENCE_SECONDS = 240.0
"""How long the visitors wait for the last row after the training has ended; other work may share the cores."""
ROW_SECONDS = 0.1
TRAIN = """
import sys, time
import torch
from dcgan.runs.run import Run
from dcgan.training.recording import run_training
run_training(Run(sys.argv[1]), torch.device("cpu"), lambda row, status: time.sleep(float(sys.argv[2])))
"""


def attack(setting: Setting) -> Iterator[Row]:
    """Yield a row for the visitors of a slow training; in the long mode, one for the speed that visitors leave."""
    num_visitors = setting.cases(quick=4, long=32)
    failures, measured = watched(setting.folder, num_visitors, epochs=setting.cases(quick=60, long=400))
    yield Row(f"{num_visitors} viewers of a live training", num_visitors, tuple(failures), measured)
    if setting.long:
        yield speed_row()


def watched(folder: Path, num_visitors: int, *, epochs: int) -> tuple[list[str], str]:
    """Let visitors watch a training of so many epochs; return what went wrong, and figures."""
    runs, port = folder / "runs", free_port()
    run = Run.create(replace(pictures(folder / "pictures"), epochs=epochs), "tiny", runs)
    run.write_status(Status("running", 0, 0, epochs))
    log = folder / "server.txt"
    # On a Space the page has no form, and so it times no steps beside the training.
    environment = {"DCGAN_RUNS": str(runs), "SPACE_ID": "someone/space", "DCGAN_ALLOW_TRAINING": "0"}
    with served(studio_command(port), port, environment, log=log) as (_, server):
        with training(run) as process:
            wait_for_rows(run, process)
            visitors = [Visitor(port, "train", f"run={run.name}") for _ in range(num_visitors)]
            asyncio.run(until_the_end(visitors, process, run))
            status = process.wait(60)
        peak = peak_bytes(server.pid)
        seen = [visitor.seen for visitor in visitors]
        failures = problems(seen, run.status(), peak)
        if status:
            failures.append(f"the training ended with exit status {status}")
    if "Traceback" in log.read_text(errors="replace"):
        failures.append(f"the server printed a traceback: {log.read_text(errors='replace')[-2000:]}")
    runs_per_visitor = sum(one.runs for one in seen) / len(seen)
    return failures, f"{runs_per_visitor:.0f} refreshes a viewer, server at most {peak / 2**20:.0f} MiB"


@contextlib.contextmanager
def training(run: Run) -> Iterator[subprocess.Popen[bytes]]:
    """Train the run slowly in a process of its own, which ends with the block."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", TRAIN, str(run.path), str(ROW_SECONDS)]
    with open(run.process_log_path, "wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=output)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def wait_for_rows(run: Run, process: subprocess.Popen[bytes]) -> None:
    """Wait for the first row: a page that is opened before its training begins does not follow it."""
    give_up = time.monotonic() + PATIENCE_SECONDS
    while not run.last_row():
        output = run.process_log_path.read_text(errors="replace")
        assert process.poll() is None, f"the training ended: {output}"
        assert time.monotonic() < give_up, f"the training has no row: {output}"
        time.sleep(0.2)


async def until_the_end(visitors: Sequence[Visitor], process: subprocess.Popen[bytes], run: Run) -> None:
    """Let the visitors look until all have seen the last row, or the patience ends."""
    watching = asyncio.create_task(watch_together(list(visitors), 24 * 3600, spread_seconds=2.0))
    give_up = None
    while give_up is None or time.monotonic() < give_up:
        await asyncio.sleep(0.2)
        if process.poll() is not None:
            give_up = give_up or time.monotonic() + PATIENCE_SECONDS
            if all(shows_the_end(visitor.seen, run.status()) for visitor in visitors):
                break
    watching.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await watching


def shows_the_end(seen: Seen, status: Status) -> bool:
    """Return whether the progress bar of a visitor is at the last step."""
    return any(f"step {status.steps:,} of {status.steps:,}" in text for text in seen.bars.values())


def problems(seen: Sequence[Seen], status: Status, peak: float) -> list[str]:
    """Return a sentence for each thing that no visitor should see, and for too much memory."""
    sentences = [f"viewer {index} got: {text}" for index, one in enumerate(seen) for text in one.exceptions]
    if status.state != "finished":
        sentences.append(f"the training is {status.state} at step {status.step} of {status.steps}: {status.error}")
    for index, one in enumerate(seen):
        if not shows_the_end(one, status):
            sentences.append(f"viewer {index} does not see step {status.steps}: {list(one.bars.values())}")
    if peak > MAX_BYTES:
        sentences.append(f"the server took {peak / 2**20:.0f} MiB")
    return sentences


def peak_bytes(pid: int) -> float:
    """Return the largest memory of a process so far; NaN except on Linux."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return float("nan")
    return next(1024.0 * int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def speed_row() -> Row:
    """Measure the share of its speed that a training of digits keeps with 16 viewers. It is a figure, not a check."""
    import studio_viewers  # it imports torch

    windows, alone = studio_viewers.measured(ROOT, [16], seconds=20, rounds=3)[16]
    shares = [window.images_per_second / speed for window, speed in zip(windows, alone, strict=True)]
    text = f"{statistics.fmean(shares):.0%} of {statistics.fmean(alone):,.0f} images a second"
    return Row("a training's speed with 16 viewers", len(windows), measured=text)
