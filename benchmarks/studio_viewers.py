"""Measure what viewers of a live training take from it: `python benchmarks/studio_viewers.py`.

One training runs on this machine, and so does the studio. Visitors without a browser look at the Train page. The
speed with 1, 16 and 32 of them is compared with the speed before and after, without any. `--checkout` names another
checkout, whose training and studio are measured. All processes end with the measurement.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from app_servers import free_port, processor_seconds, started, studio_command, wait_for_server
from studio_client import Visitor, watch_together
from timing import machine_line, print_table

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 180
SETTLE_SECONDS = 8.0
"""Visitors come within half of this time. Then each has its page, and the pace for so many."""
FORGET_SECONDS = 20.0
"""The studio counts a visitor for so long after the last refresh."""


class Window(NamedTuple):
    """What happened in some seconds."""

    images_per_second: float
    """Of the training."""
    server_seconds: float
    """Of processor time, a minute."""
    client_seconds: float
    """Of processor time of all visitors, a minute."""
    refreshes: float
    """A second, of all visitors."""
    exceptions: int


@contextlib.contextmanager
def process(command: list[str], checkout: Path, runs: Path, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Start a process of a checkout, and end it with the block."""
    environment = os.environ | {"DCGAN_RUNS": str(runs), "DCGAN_DEVICE": "cpu", "PYTHONPATH": str(checkout)}
    environment.pop("SPACE_ID", None)
    with tempfile.TemporaryFile(dir=folder) as log, started(command, checkout, environment, log) as child:
        yield child


def place(runs: Path) -> tuple[float, int]:
    """Return the time (s) and the step of the last written status of the only run."""
    (status,) = runs.glob("*/status.json")
    return status.stat().st_mtime, json.loads(status.read_text(encoding="utf-8"))["step"]


def wait_for_steps(runs: Path, training: subprocess.Popen[bytes]) -> None:
    """Wait until the training has done steps."""
    give_up = time.monotonic() + START_SECONDS
    while time.monotonic() < give_up and training.poll() is None:
        if list(runs.glob("*/status.json")) and place(runs)[1] > 20:
            return
        time.sleep(0.5)
    raise SystemExit(f"the training in {runs} did not begin (exit status {training.poll()})")


async def measure(
    runs: Path, port: int, server: subprocess.Popen[bytes], *, num_visitors: int, seconds: float, batch_size: int
) -> Window:
    """Let so many visitors look at the training, and measure for so many seconds once all of them are there."""
    (run,) = (status.parent.name for status in runs.glob("*/status.json"))
    visitors = [Visitor(port, "train", f"run={run}") for _ in range(num_visitors)]
    settle = SETTLE_SECONDS if visitors else 1.0
    watching = asyncio.create_task(watch_together(visitors, 3600.0, spread_seconds=settle / 2))
    await asyncio.sleep(settle)
    clock, mine, theirs = time.monotonic(), time.process_time(), processor_seconds(server)
    refreshes, (started, first) = sum(visitor.seen.runs for visitor in visitors), place(runs)
    await asyncio.sleep(seconds)
    give_up = time.monotonic() + START_SECONDS
    while place(runs)[1] == first and time.monotonic() < give_up:
        await asyncio.sleep(0.1)
    per_minute = 60 / (time.monotonic() - clock)
    used, clients = processor_seconds(server) - theirs, time.process_time() - mine
    refreshes, (ended, last) = sum(visitor.seen.runs for visitor in visitors) - refreshes, place(runs)
    watching.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await watching
    return Window(
        (last - first) * batch_size / (ended - started),
        used * per_minute,
        clients * per_minute,
        refreshes * per_minute / 60,
        sum(len(visitor.seen.exceptions) for visitor in visitors),
    )


def row(name: str, windows: list[Window], alone: list[float]) -> list[str]:
    """Return a row of the table. `alone`: the speed around each window without visitors."""
    mean = statistics.fmean
    shares = [window.images_per_second / speed for window, speed in zip(windows, alone, strict=True)]
    return [
        name,
        f"{mean(window.images_per_second for window in windows):,.0f}",
        f"{statistics.fmean(shares):.0%} ({min(shares):.0%}..{max(shares):.0%})",
        f"{mean(window.server_seconds for window in windows):.1f}",
        f"{mean(window.client_seconds for window in windows):.1f}",
        f"{mean(window.refreshes for window in windows):.1f}",
        str(sum(window.exceptions for window in windows)),
    ]


def measured(
    checkout: Path, numbers: list[int], *, seconds: float, rounds: int, preset: str = "dcgan"
) -> dict[int, tuple[list[Window], list[float]]]:
    """Return the windows of each number of visitors, and the speed alone around each window."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        runs, port = folder / "runs", free_port()
        train = [sys.executable, "-m", "dcgan", "train", preset, "--epochs", "1000", "--score-images", "0"]
        server = stack.enter_context(process(studio_command(port), checkout, runs, folder))
        training = stack.enter_context(process(train, checkout, runs, folder))
        wait_for_server(port, server, seconds=START_SECONDS)
        wait_for_steps(runs, training)
        (path,) = runs.glob("*/config.json")
        batch_size = json.loads(path.read_text(encoding="utf-8"))["config"]["batch_size"]

        def window(num_visitors: int, seconds: float) -> Window:
            return asyncio.run(
                measure(runs, port, server, num_visitors=num_visitors, seconds=seconds, batch_size=batch_size)
            )

        window(1, 2.0)  # the first visitor loads the pages
        results: dict[int, tuple[list[Window], list[float]]] = {number: ([], []) for number in numbers}
        for number in range(rounds):
            if number:
                time.sleep(FORGET_SECONDS)
            before = window(0, seconds).images_per_second
            for num_visitors, (windows, alone) in results.items():
                windows.append(window(num_visitors, seconds))
                after = window(0, seconds).images_per_second
                alone.append((before + after) / 2)
                before = after
        return results


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--viewers", type=int, nargs="+", default=[1, 16, 32], help="viewers at one time, ascending")
    parser.add_argument("--seconds", type=float, default=10, help="of each measurement (default: 10)")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--checkout", type=Path, default=ROOT, help="another checkout to measure")
    parser.add_argument("--quick", action="store_true", help="a second with one and with two viewers")
    options = parser.parse_args()
    numbers, seconds, rounds = options.viewers, options.seconds, options.rounds
    if options.quick:
        numbers, seconds, rounds = [1, 2], 1.0, 1
    print(machine_line())
    results = measured(options.checkout.resolve(), numbers, seconds=seconds, rounds=rounds)
    rows = [row(str(number), windows, alone) for number, (windows, alone) in results.items()]
    header = ["viewers", "images a second", "share of the speed alone", "server's processor s a minute"]
    header += ["viewers' processor s a minute", "refreshes a second", "errors"]
    speeds = [speed for _, alone in results.values() for speed in alone]
    print(f"\nWithout viewers the training does {statistics.fmean(speeds):,.0f} images a second.")
    print_table(f"A training of the preset dcgan with viewers, {rounds} times {seconds:g} seconds each", header, rows)


if __name__ == "__main__":
    main()
