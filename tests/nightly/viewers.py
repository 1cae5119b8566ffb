"""Let many visitors watch a training that is alive, until after its end.

The training is real but slow: it waits after each row, so that it outlasts the visitors' arrival. Each visitor speaks
Streamlit's protocol as the page in a browser does (benchmarks/studio_client.py).
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from nightly import children
from nightly.apps import App, planted_apps, traces
from nightly.attack import ROOT, Row, Setting
from nightly.children import Child
from nightly.small_training import train_slowly
from small_trainings import pictures

from benchmarks.app_servers import peak_bytes
from benchmarks.studio_client import Seen, Visitor, watch_together
from dcgan.runs.rows import Status
from dcgan.runs.run import Run

MAX_BYTES = 2**30
"""Memory of the server at its peak."""
PATIENCE_SECONDS = 240.0
"""How long the visitors wait for the last row after the training has ended; other work may share the cores."""
ROW_SECONDS = 0.1


def attack(setting: Setting) -> Iterator[Row]:
    """Yield a row for the visitors of a slow training; in the long mode, one for the speed that visitors leave."""
    if children.MISSING:
        yield Row("viewers of a live training", 0, skipped=children.MISSING)
        return
    num_visitors = setting.cases(quick=4, long=32)
    with setting.using(planted_apps) as apps:
        run = new_run(setting.folder, apps.place.runs, epochs=setting.cases(quick=40, long=400))
        failures, measured = watched(setting.folder, apps.start("studio"), run, num_visitors)
    yield Row(f"{num_visitors} viewers of a live training", num_visitors, tuple(failures), measured)
    if setting.long:
        yield speed_row()


def new_run(folder: Path, runs: Path, *, epochs: int) -> Run:
    """Return a run of so many epochs of small pictures in the folder."""
    run = Run.create(replace(pictures(folder / "pictures"), epochs=epochs), "tiny", runs)
    run.write_status(Status("running", 0, 0, epochs))
    return run


def watched(folder: Path, app: App, run: Run, num_visitors: int) -> tuple[list[str], str]:
    """Let visitors watch the training of a run; return what went wrong, and figures."""
    start = app.log.stat().st_size
    with children.start(folder / "training.txt", train_slowly, str(run.path), ROW_SECONDS) as training:
        wait_for_rows(run, training)
        visitors = [Visitor(app.port, "train", f"run={run.name}") for _ in range(num_visitors)]
        asyncio.run(until_the_end(visitors, training, run))
        training.process.join(60)
        training.kill()
    peak, outcome = peak_bytes(app.process.pid), training.outcome()
    seen = [visitor.seen for visitor in visitors]
    failures = [*problems(seen, run.status(), peak), *traces(app.log, start)]
    if outcome.code:
        failures.append(f"the training ended with {outcome}")
    runs_per_visitor = sum(one.runs for one in seen) / len(seen)
    return failures, f"{runs_per_visitor:.0f} refreshes a viewer, server at most {peak / 2**20:.0f} MiB"


def wait_for_rows(run: Run, training: Child) -> None:
    """Wait for the first row: a page that is opened before its training begins does not follow it."""
    give_up = time.monotonic() + PATIENCE_SECONDS
    while not run.last_row():
        assert training.process.is_alive(), f"the training ended: {training.outcome()}"
        assert time.monotonic() < give_up, f"the training has no row: {training.output_path.read_text()}"
        time.sleep(0.2)


async def until_the_end(visitors: Sequence[Visitor], training: Child, run: Run) -> None:
    """Let the visitors look until all have seen the last row, or the patience ends."""
    watching = asyncio.create_task(watch_together(list(visitors), 24 * 3600, spread_seconds=2.0))
    give_up = None
    while give_up is None or time.monotonic() < give_up:
        await asyncio.sleep(0.2)
        if not training.process.is_alive():
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


def speed_row() -> Row:
    """Measure the share of its speed that a training of digits keeps with 16 viewers. It is a figure, not a check."""
    studio_viewers = importlib.import_module("studio_viewers")  # of benchmarks/, which run.py puts on the path

    windows, alone = studio_viewers.measured(ROOT, [16], seconds=20, rounds=3)[16]
    shares = [window.images_per_second / speed for window, speed in zip(windows, alone, strict=True)]
    text = f"{statistics.fmean(shares):.0%} of {statistics.fmean(alone):,.0f} images a second"
    return Row("a training's speed with 16 viewers", len(windows), measured=text)
