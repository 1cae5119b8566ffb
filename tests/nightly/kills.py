"""Kill a training, at random times and at each operation on a file, and resume it until it ends.

The end is compared with a training that nothing disturbed: weights, grids and snapshots bit for bit, and rows once.
"""

from __future__ import annotations

import itertools
import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from nightly import children
from nightly.attack import Row, Setting
from nightly.children import Fault
from nightly.equality import Failures, lost
from nightly.file_faults import AtOperation
from nightly.file_layer import watching
from nightly.small_training import FrequentSaves, Place, even_clock
from nightly.traces import traced, usual_operations

RANDOM, EVERY = "kills at random times", "kills at operations on files"
MAX_KILLS = 12
"""Of one training. The next resume may then go on to its end."""


def attack(setting: Setting) -> Iterator[Row]:
    if children.MISSING:
        yield Row("kills", 0, skipped=children.MISSING)
        return
    place = Place(setting.folder)
    yield kill_at_random(setting, place)
    yield kill_at_operations(setting, place)


def kill_at_random(setting: Setting, place: Place, faults: Sequence[Fault] = ()) -> Row:
    """Kill trainings at random times until there were enough kills. `faults` are planted by tests."""
    random, failures = setting.random("kills"), Failures(faults)
    kills = trainings = inside_saves = 0
    saving = FrequentSaves()
    whole = place.undisturbed(saving)  # its child also waits for torch
    began = time.monotonic()
    place.resume(place.new_run(), saving)
    usual_seconds = time.monotonic() - began
    most = setting.cases(quick=8, long=240)
    while kills < most and trainings < most and not failures.enough:
        run, of_this = place.new_run(), 0
        trainings += 1
        case = f"training {trainings} of seed {setting.seed}"
        while of_this < MAX_KILLS:
            with place.start("resume", str(run.path), "--device", "cpu", faults=(saving, *faults)) as child:
                child.process.join(random.uniform(0.1, 0.9) * usual_seconds)
                child.kill()
            if child.outcome().code != -signal.SIGKILL:
                break
            of_this += 1
            inside_saves += bool(list(run.path.glob(".*.tmp")))
            failures.add(f"{case}, kill {of_this}", lost(run, whole))
        kills += of_this
        failures.check_end(f"{case}, after {of_this} kills", place, run, whole, saving, *faults)
    measured = f"{trainings} trainings; {inside_saves} kills left a temporary file of a save"
    return Row(RANDOM, kills, tuple(failures.sentences), measured)


@dataclass(frozen=True)
class KillAtOperation:
    """Send SIGKILL to the process before its n-th operation on a file of the folder; of a write, in its middle."""

    folder: Path
    number: int

    @contextmanager
    def __call__(self) -> Iterator[None]:
        with watching(self.folder, AtOperation(self.number, _kill_this_process)):
            yield


def _kill_this_process() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def kill_at_operations(setting: Setting, place: Place, faults: Sequence[Fault] = ()) -> Row:
    """Kill a training at each operation on a file, and its resume at a random one; the quick mode takes a sample."""
    random, failures = setting.random("operations"), Failures(faults)
    whole = place.undisturbed(even_clock)
    # A planted fault may change the operations: without temporary files there are fewer.
    operations = (
        traced(place, "resume", str(place.new_run().path), faults=faults) if faults else usual_operations(place)
    )
    numbers = range(len(operations))
    kills = 0
    for number in sample(setting, numbers, quick=4):
        if failures.enough:
            break
        run = place.new_run()
        case = f"killed at operation {number} of {len(numbers)}, {operations[number]}"
        outcome = place.resume(run, even_clock, KillAtOperation(place.disk, number), *faults)
        if outcome.code != -signal.SIGKILL:
            failures.add(case, [f"ended with {outcome} before"])
            continue
        kills += 1
        second = random.randrange(len(numbers))
        kills += place.resume(run, even_clock, KillAtOperation(place.disk, second), *faults).code == -signal.SIGKILL
        failures.check_end(f"{case}, then at {second}", place, run, whole, even_clock, *faults)
    return Row(EVERY, kills, tuple(failures.sentences), f"a training has {len(numbers)} operations")


def sample(setting: Setting, numbers: Sequence[int], *, quick: int) -> list[int]:
    """Return all numbers in the long mode, and so many in the quick one, one from each part of the range."""
    if setting.long or len(numbers) <= quick:
        return list(numbers)
    random = setting.random("sample")
    edges = [len(numbers) * part // quick for part in range(quick + 1)]
    return [numbers[random.randrange(start, end)] for start, end in itertools.pairwise(edges)]
