"""The training that is attacked, which takes a second, and the clocks under which it saves often."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from unittest import mock

import numpy as np
import torch
from nightly import children
from nightly.children import Child, Fault, Outcome
from nightly.file_layer import Operation
from recorded import TINY, write_idx

from dcgan.cli.main import main
from dcgan.config import DataConfig, ModelConfig, TrainConfig
from dcgan.runs.run import Run
from dcgan.training import recording

STEPS = 16
NUM_IMAGES, NUM_TEST_IMAGES = 32, 24
SAVE_EVERY_SECONDS = 4.0
TICK_SECONDS = 0.25


class Place:
    """A folder with the data, the cache, the output of children, and the runs of one attack."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.disk = folder / "disk"
        """The folder that faults watch. Trainings write nowhere else, except to the cache."""
        self.runs = self.disk / "runs"
        self.disk.mkdir()
        (folder / "data").mkdir()
        random = np.random.default_rng(0)
        for prefix, count in {"train": NUM_IMAGES, "t10k": NUM_TEST_IMAGES}.items():
            images = random.integers(0, 256, (count, 28, 28))
            write_idx(folder / "data", prefix, images, np.arange(count) % 10)
        self.numbers = itertools.count()
        self.whole: dict[object, Run] = {}
        self.usual_operations: list[Operation] = []

    @property
    def config(self) -> TrainConfig:
        """Return the config of the training: 16 steps with rows, scores, grids, snapshots and a moving average."""
        recipe = {"epochs": 2, "log_every": 2, "score_images": 16, "snapshots": 3, "ema_half_life_images": 40}
        model = ModelConfig(topology="mlp", latent_dim=6, hidden_g=(4,), hidden_d=(4,))
        return replace(TINY, model=model, data=DataConfig(root=str(self.folder / "data")), threads=1, **recipe)

    def new_run(self, root: Path | None = None) -> Run:
        """Make a run that has only its config."""
        return Run.create(self.config, "tiny", self.runs if root is None else root)

    def start(self, *arguments: str, faults: Sequence[Fault] = ()) -> Child:
        """Start a command of `python -m dcgan` in a child, under the faults."""
        output = self.folder / f"output-{next(self.numbers)}.txt"
        return children.start(output, _command, str(self.folder), str(self.runs), arguments, faults=faults)

    def command(self, *arguments: str, faults: Sequence[Fault] = ()) -> Outcome:
        """Run a command in a child to its end."""
        with self.start(*arguments, faults=faults) as child:
            return child.wait()

    def resume(self, run: Run, *faults: Fault) -> Outcome:
        """Train the run from its last save, to its end if no fault ends it before."""
        return self.command("resume", str(run.path), "--device", "cpu", faults=faults)

    def undisturbed(self, *faults: Fault) -> Run:
        """Return a run that was trained at once, one for the same faults. Raises RuntimeError where that fails."""
        if faults in self.whole:
            return self.whole[faults]
        self.whole[faults] = run = self.new_run(self.folder / "undisturbed")
        outcome = self.resume(run, *faults)
        if outcome.code or run.status().state != "finished" or run.status().step != STEPS:
            raise RuntimeError(f"a training without faults ended with {outcome}")
        return run


def _command(folder: str, runs: str, arguments: Sequence[str]) -> int:
    os.environ |= {"DCGAN_RUNS": runs, "DCGAN_CACHE": os.path.join(folder, "cache")}
    return main(arguments)


def train_slowly(run: str, row_seconds: float) -> int:
    """Train the run at this path, and wait so long after each row."""
    status = recording.run_training(Run(run), torch.device("cpu"), lambda row, status: time.sleep(row_seconds))
    return int(status.state != "finished")


# Clocks


@contextmanager
def frequent_saves(seconds: float = SAVE_EVERY_SECONDS) -> Iterator[None]:
    """Within the block, save as often as this, and write the status at every row."""
    with (
        mock.patch.object(recording, "SAVE_EVERY_SECONDS", seconds),
        mock.patch.object(recording, "STATUS_EVERY_SECONDS", 0.0),
    ):
        yield


@dataclass(frozen=True)
class FrequentSaves:
    """Save as often as this on the clock of the system."""

    seconds: float = 0.0

    def __call__(self):
        return frequent_saves(self.seconds)


@contextmanager
def even_clock() -> Iterator[None]:
    """Within the block, each look at the clock is a quarter of a second later, so all trainings save at one step."""
    ticks = itertools.count()

    def monotonic() -> float:
        return 1000.0 + TICK_SECONDS * next(ticks)

    with ExitStack() as stack:
        stack.enter_context(mock.patch.object(time, "monotonic", monotonic))
        stack.enter_context(mock.patch.object(time, "sleep"))
        stack.enter_context(frequent_saves())
        yield
