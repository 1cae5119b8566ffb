"""Cut the power at any moment of a training, show what a disk may then hold, and resume. disk.py has the model."""

from __future__ import annotations

import copy
import itertools
import shutil
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

from nightly import children
from nightly.attack import Row, Setting
from nightly.children import Fault
from nightly.disk import Disk, write_tree
from nightly.equality import Failures
from nightly.file_layer import Operation
from nightly.kills import KillAtOperation
from nightly.small_training import Place, even_clock
from nightly.traces import traced, usual_operations

from dcgan.runs.headers import metadata_of
from dcgan.runs.resume import saved_step
from dcgan.runs.run import Run


def attack(setting: Setting) -> Iterator[Row]:
    if children.MISSING:
        yield Row("power cuts", 0, skipped=children.MISSING)
        return
    place = Place(setting.folder)
    yield cut_power(setting, place, resumed=False)
    yield cut_power(setting, place, resumed=True)


def cut_power(setting: Setting, place: Place, *, resumed: bool, faults: Sequence[Fault] = ()) -> Row:
    """Cut the power at random moments of one recorded training, on ordered and unordered disks by turns.

    If `resumed`, the recorded training continues one that was killed, so that it takes rows and grids back.
    """
    name = "power cuts of a resumed training" if resumed else "power cuts"
    random, failures = setting.random(name), Failures(faults)
    whole = place.undisturbed(even_clock)
    before, run, operations = _recorded(place, faults, resumed=resumed)
    saved = _saved_steps(before, operations, place)
    cuts = setting.cases(quick=4, long=200)
    moments = sorted(random.randrange(len(operations) + 1) for _ in range(cuts))
    for number, (moment, disk) in enumerate(disks_at(before, operations, moments)):
        if failures.enough:
            break
        ordered = number % 2 == 0
        tree = disk.after_cut(Random(f"{setting.seed} {moment} {number}"), ordered=ordered)
        last = operations[moment - 1] if moment else "the start"
        order = "an ordered" if ordered else "an unordered"
        case = f"cut {number} after operation {moment} of {len(operations)}, {last}, on {order} disk"
        step = max((step for end, step in saved.items() if end <= moment), default=-1)
        if step < 0 and f"{run.path.relative_to(place.disk)}/config.json" not in tree:
            continue  # nothing was promised yet
        check(case, tree, place, run, whole, failures, step=step)
    return Row(name, cuts, tuple(failures.sentences), f"a training has {len(operations)} operations")


def _recorded(place: Place, faults: Sequence[Fault], *, resumed: bool) -> tuple[Disk, Run, list[Operation]]:
    """Return a disk, the run that is then trained on it, and the operations of that training.

    The training makes its run, and the folder of all runs. If `resumed`, it continues one that was killed.
    """
    template = place.new_run(place.folder / "template")
    operations = usual_operations(place)
    shutil.rmtree(place.disk)
    place.disk.mkdir()
    if resumed:
        run = place.new_run()
        outcome = place.resume(run, even_clock, KillAtOperation(place.disk, len(operations) * 2 // 3))
        assert outcome.code == -signal.SIGKILL
        before = Disk.of(place.disk)
        return before, run, traced(place, "resume", str(run.path), faults=faults)
    before = Disk.of(place.disk)
    operations = traced(place, "train", str(template.path), faults=faults)
    (path,) = place.runs.iterdir()
    return before, Run(path), operations


def disks_at(disk: Disk, operations: Sequence[Operation], moments: Sequence[int]) -> Iterator[tuple[int, Disk]]:
    """Yield each moment, ascending, and the disk after so many operations."""
    disk, done = copy.deepcopy(disk), 0
    for moment in moments:
        for operation in itertools.islice(operations, done, moment):
            disk.apply(operation)
        done = moment
        yield moment, copy.deepcopy(disk)


def _saved_steps(before: Disk, operations: Sequence[Operation], place: Place) -> dict[int, int]:
    """Return the moment at which each save ends -> the step that is on the disk from then on.

    A save ends two operations after the rename of its state: the sync of the folder follows the rename.
    """
    renames = [number for number, one in enumerate(operations) if one.target.endswith("/state.safetensors")]
    path, steps = place.folder / "state-of-trace", {}
    for moment, disk in disks_at(before, operations, [number + 1 for number in renames]):
        path.write_bytes(disk.seen()[operations[moment - 1].target])
        steps[moment + 1] = metadata_of(path)["step"]
    return steps


def check(
    case: str, tree: dict[str, bytes], place: Place, run: Run, whole: Run, failures: Failures, *, step: int
) -> None:
    """Write the tree in a folder of its own, and resume the run there to its end. `step` is the last one saved."""
    folder = place.folder / "after-cut"
    write_tree(tree, folder)
    try:
        after = Run(folder / Path(run.path).relative_to(place.disk))
        if step >= 0 and (not after.state_path.exists() or saved_step(after) < step):
            failures.add(case, [f"step {step} was saved, and the disk has {sorted(tree)}"])
        failures.check_end(case, place, after, whole, even_clock)
    finally:
        shutil.rmtree(folder)
