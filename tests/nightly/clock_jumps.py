"""Let the clocks jump by hours and days, forward and back, while a training runs and is resumed."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from unittest import mock

import numpy as np
from nightly import children
from nightly.attack import Row, Setting
from nightly.children import Fault
from nightly.equality import Failures
from nightly.file_layer import Operation
from nightly.kills import KillAtOperation
from nightly.small_training import TICK_SECONDS, Place, even_clock, frequent_saves
from nightly.traces import traced, usual_operations

from dcgan.runs.run import Run
from dcgan.runs.series import Series
from dcgan.runs.timeline import stops, time_unit, timeline

JUMPS_SECONDS = (3600.0, 86_400.0, 30 * 86_400.0)


def attack(setting: Setting) -> Iterator[Row]:
    if children.MISSING:
        yield Row("clock jumps", 0, skipped=children.MISSING)
        return
    yield jump(setting, Place(setting.folder))


@dataclass(frozen=True)
class JumpingClocks:
    """Let each look at a clock be a quarter of a second later, and one look in eight after a jump."""

    seed: str

    @contextmanager
    def __call__(self) -> Iterator[None]:
        with (
            mock.patch.object(time, "monotonic", self._clock("monotonic", 1000.0)),
            mock.patch.object(time, "time", self._clock("time", 1.8e9)),
            mock.patch.object(time, "sleep"),
            frequent_saves(),
        ):
            yield

    def _clock(self, name: str, now: float):
        generator = random.Random(f"{self.seed} {name}")

        def read() -> float:
            nonlocal now
            now += TICK_SECONDS
            if generator.random() < 1 / 8:
                now += generator.choice((-1, 1)) * generator.choice(JUMPS_SECONDS)
            return now

        return read


def jump(setting: Setting, place: Place, faults: Sequence[Fault] = ()) -> Row:
    """Train, kill and resume under clocks that jump. `faults` are planted by tests."""
    failures, cases = Failures(faults), setting.cases(quick=4, long=60)
    whole = place.undisturbed(even_clock)
    operations = usual_operations(place)
    usual, fewest, most = saves(operations), len(operations), 0
    for number in range(cases):
        if failures.enough:
            break
        case = f"clocks {number} of seed {setting.seed}"
        clocks = JumpingClocks(f"{setting.seed} {number}")
        run = place.new_run()
        if number % 2:
            place.resume(run, clocks, KillAtOperation(place.disk, len(operations) // 2), *faults)
            failures.check_end(case, place, run, whole, clocks, *faults)
        else:
            try:
                count = saves(traced(place, "resume", str(run.path), faults=(clocks, *faults)))
            except RuntimeError as error:
                failures.add(case, [str(error)])
                continue
            fewest, most = min(fewest, count), max(most, count)
            if not usual / 2 <= count <= len(whole.progress()[0]) + 1:
                failures.add(case, [f"the state was saved {count} times, and {usual} times without jumps"])
            failures.check_end(case, place, run, whole, even_clock, *faults)
        failures.add(case, unreadable_times(run))
    measured = f"{fewest} to {most} saves of the state, and {usual} without jumps"
    return Row("clock jumps", cases, tuple(failures.sentences), measured)


def saves(operations: Sequence[Operation]) -> int:
    """Return how often the state was saved."""
    return sum(one.kind == "rename" and one.target.endswith("/state.safetensors") for one in operations)


def unreadable_times(run: Run) -> list[str]:
    """Return a clause for each reader of times that cannot use those of the run."""
    series = Series(run).update()
    values = np.concatenate([series["wall_seconds"], series["images_per_second"]])
    if not np.isfinite(values).all() or (values < 0).any():
        return [f"the times are {values.tolist()}"]
    line = timeline(run, run.status(), series, "time")
    positions = [*line.positions, *stops([line], time_unit(series)).values()]
    in_order = list(line.positions) == sorted(line.positions)
    return [] if in_order and all(map(math.isfinite, positions)) else [f"the timeline is {line.positions}"]
