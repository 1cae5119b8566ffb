"""Full disks, and file systems that refuse renames, modes or syncs, for a while or for ever.

The training goes on, or it ends with a sentence that names the run and the remedy. Then the fault ends, and a resume
loses nothing.
"""

from __future__ import annotations

import errno
import math
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from nightly import children
from nightly.attack import Row, Setting
from nightly.children import Fault, Outcome
from nightly.equality import Failures
from nightly.file_faults import GROWING, FullDisk, Refusal
from nightly.file_layer import Operation, watching
from nightly.kills import sample
from nightly.small_training import Place, even_clock
from nightly.traces import usual_operations

from dcgan.runs.run import Run

FULL, FULL_AT_START, REFUSED = "full disks", "full disks at the start", "refused operations"


def attack(setting: Setting) -> Iterator[Row]:
    if children.MISSING:
        yield Row("full disks", 0, skipped=children.MISSING)
        return
    place = Place(setting.folder)
    whole = place.undisturbed(even_clock)
    yield fill_disks(setting, place, whole)
    yield fill_disks_at_start(setting, place)
    yield refuse_operations(setting, place, whole)


@dataclass(frozen=True)
class Full:
    """Leave room for so many bytes in the folder."""

    folder: Path
    room: int

    @contextmanager
    def __call__(self) -> Iterator[None]:
        with watching(self.folder, FullDisk(self.room)):
            yield


def bytes_of(operations: Sequence[Operation]) -> int:
    """Return the room that the operations need on a FullDisk."""
    return sum(len(operation.data) or 1 for operation in operations if operation.kind in GROWING)


def fill_disks(setting: Setting, place: Place, whole: Run, faults: Sequence[Fault] = ()) -> Row:
    """Let the disk get full at any byte of a training, then make room and resume."""
    failures = Failures(faults)
    needed = bytes_of(usual_operations(place))
    rooms = sample(setting, range(0, needed, needed // 150), quick=3)
    for room in rooms:
        if failures.enough:
            break
        run, case = place.new_run(), f"a disk with room for {room:,} of {needed:,} bytes"
        outcome = place.resume(run, even_clock, Full(place.disk, room), *faults)
        failures.add(case, [outcome.fault(), *ending(outcome, run, "make room")])
        failures.check_end(case, place, run, whole, even_clock, *faults)
    return Row(FULL, len(rooms), tuple(failures.sentences), f"a training writes {needed:,} bytes")


def ending(outcome: Outcome, run: Run, remedy: str) -> list[str]:
    """Return a clause where a training that was refused something ended without a sentence for its user."""
    last = outcome.output.strip().rpartition("\n")[2]
    if outcome.code == 0 or (last.startswith("error: ") and str(run.path) in last and remedy in last):
        return []
    return [f"ended with {last!r}, which does not name {run.path.name} and {remedy!r}"]


def fill_disks_at_start(setting: Setting, place: Place) -> Row:
    """Start trainings on disks that are full within the first kilobytes."""
    failures = Failures()
    template = place.new_run(place.folder / "template")
    rooms = sample(setting, [0, 1, 2, 3, *range(10, 4000, 60)], quick=2)
    for room in rooms:
        shutil.rmtree(place.runs, ignore_errors=True)
        case = f"a start with room for {room:,} bytes"
        outcome = place.command("train", str(template.path), "--device", "cpu", faults=(Full(place.disk, room),))
        clauses = [outcome.fault()]
        if "make room" not in outcome.output or str(place.runs) not in outcome.output:
            clauses.append(f"printed {outcome.output[-300:]!r}")
        for path in place.disk.rglob("*"):
            if path.name.endswith(".tmp"):
                clauses.append(f"{path.name} is left")
        failures.add(case, clauses)
        for path in place.runs.iterdir() if place.runs.exists() else ():
            run = Run(path)
            if not run.status_path.exists():
                failures.add(case, [f"{path.name} is left, with {sorted(p.name for p in path.iterdir())}"])
            elif place.resume(run).code:
                failures.add(case, [f"{path.name} cannot be resumed"])
    return Row(FULL_AT_START, len(rooms), tuple(failures.sentences))


@dataclass(frozen=True)
class Refused:
    """Refuse a kind of operation on files with this end of their names, so many times."""

    folder: Path
    kind: str
    suffix: str
    times: float
    number: int = errno.EACCES

    @contextmanager
    def __call__(self) -> Iterator[None]:
        with watching(self.folder, self.refusal()):
            yield

    def refusal(self) -> Refusal:
        return Refusal(self.kind, self.suffix, self.times, number=self.number)

    def __str__(self) -> str:
        often = "always" if self.times == math.inf else f"{self.times:g} times"
        return f"{self.kind} of {self.suffix or 'anything'} refused {often}"


ALWAYS = math.inf
FINISHES = ""
"""Instead of a remedy: the training reaches its end in spite of the refusal."""
REFUSALS = (
    ("rename", "", 3, errno.EACCES, FINISHES),
    ("rename", "status.json", ALWAYS, errno.EACCES, "make it writable for you"),
    ("chmod", "", ALWAYS, errno.EPERM, FINISHES),
    ("rename", "state.safetensors", ALWAYS, errno.EACCES, "make it writable for you"),
    ("write", "log.txt", ALWAYS, errno.ENOSPC, FINISHES),
    ("fsync", "samples", ALWAYS, errno.EINVAL, FINISHES),
    ("fsync", "progress.jsonl", 1, errno.EIO, "check the disk"),
    ("rename", ".png", ALWAYS, errno.EPERM, "make it writable for you"),
    ("create", "scores.jsonl", ALWAYS, errno.EACCES, "make it writable for you"),
    ("mkdir", "snapshots", ALWAYS, errno.EACCES, "make it writable for you"),
    ("write", "progress.jsonl", 1, errno.EIO, "check the disk"),
    ("rename", "generator_ema.safetensors", 3, errno.EACCES, FINISHES),
    ("chmod", "status.json", ALWAYS, errno.EPERM, FINISHES),
    ("fsync", "generator.safetensors", 1, errno.EDQUOT, "make room"),
    ("create", "log.txt", ALWAYS, errno.EACCES, FINISHES),
)


def refuse_operations(setting: Setting, place: Place, whole: Run, faults: Sequence[Fault] = ()) -> Row:
    """Refuse one kind of operation during a training, then permit it and resume."""
    failures = Failures(faults)
    chosen = REFUSALS[: setting.cases(quick=4, long=len(REFUSALS))]
    for kind, suffix, times, number, remedy in chosen:
        if failures.enough:
            break
        run, fault = place.new_run(), Refused(place.disk, kind, suffix, times, number)
        outcome = place.resume(run, even_clock, fault, *faults)
        case = f"{fault} ({errno.errorcode[number]})"
        clauses = [outcome.fault(), *ending(outcome, run, remedy)]
        if not any(map(fault.refusal().applies_to, usual_operations(place))):
            clauses.append("a training has no such operation")
        if outcome.code != (2 if remedy else 0):
            clauses.append(f"ended with code {outcome.code} and {outcome.output[-300:]!r}")
        failures.add(case, clauses)
        failures.check_end(case, place, run, whole, even_clock, *faults)
    return Row(REFUSED, len(chosen), tuple(failures.sentences))
