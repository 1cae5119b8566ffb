"""Train, resume, rename and delete one run at once. The first training is unharmed, and all others get a sentence."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from nightly import children
from nightly.attack import Row, Setting
from nightly.children import Child, Fault
from nightly.equality import Failures, differences
from nightly.file_layer import Operation, watching
from nightly.kills import sample
from nightly.small_training import Place, even_clock
from nightly.traces import usual_operations

from dcgan.runs import launch
from dcgan.runs.errors import RunError
from dcgan.runs.run import Run

PATIENCE_SECONDS = 300.0
BESIDE, AT_ONCE, TAKEN_AWAY = "trainings beside another one", "trainings started at once", "runs that go away"


def attack(setting: Setting) -> Iterator[Row]:
    if children.MISSING:
        yield Row(BESIDE, 0, skipped=children.MISSING)
        return
    place = Place(setting.folder)
    whole = place.undisturbed(even_clock)
    yield intrude(setting, place, whole)
    yield start_at_once(setting, place, whole)
    yield take_away(setting, place, whole)


@dataclass(frozen=True)
class WaitAt:
    """Wait before the n-th operation on a file until `gate` exists; `gate` with the suffix .wait shows the wait."""

    folder: Path
    number: int
    gate: Path

    @contextmanager
    def __call__(self) -> Iterator[None]:
        left = self.number

        def hook(operation: Operation) -> None:
            nonlocal left
            left -= 1
            if left == -1:
                wait_for(self.gate, waiting=self.gate.with_suffix(".wait"))

        with watching(self.folder, hook):
            yield


@dataclass(frozen=True)
class WaitToBegin:
    """Wait before the command begins until `gate` exists."""

    gate: Path
    name: str

    @contextmanager
    def __call__(self) -> Iterator[None]:
        wait_for(self.gate, waiting=self.gate.with_name(f"{self.gate.name}.{self.name}"))
        yield


def wait_for(gate: Path, *, waiting: Path | None = None) -> bool:
    """Wait until the file exists, and return whether it does. Make the file `waiting` first."""
    if waiting:
        waiting.touch()
    give_up = time.perf_counter() + PATIENCE_SECONDS
    while not os.path.exists(gate):
        if time.perf_counter() > give_up:
            return False
        _sleep(0.002)
    return True


_sleep = time.sleep  # the even clock takes it away


def intruders(place: Place, run: Run) -> dict[str, Callable[[], object]]:
    """Return what others may try to do with a run: its name -> a call that raises RunError with a sentence."""

    def command(*arguments: str) -> None:
        outcome = place.command("resume", str(run.path), "--device", "cpu", *arguments)
        last = outcome.output.strip().rpartition("\n")[2]
        if outcome.code == 2 and last.startswith("error: ") and not outcome.fault():
            raise RunError(last)

    return {
        "a resume": lambda: command(),
        "a rename": lambda: run.rename("another-name"),
        "a deletion": lambda: run.delete(),
        "a start by a page": lambda: launch.resume(run),
        "a longer training": lambda: command("--epochs", "7"),
    }


def intrude(setting: Setting, place: Place, whole: Run, faults: Sequence[Fault] = ()) -> Row:
    """Stop a training at an operation, let others try to change its run, and let it go on."""
    failures, tries = Failures(faults), 0
    count = len(usual_operations(place))
    for number in sample(setting, range(3, count, max(1, count // 25)), quick=2):
        if failures.enough:
            break
        run, gate = place.new_run(), place.folder / f"gate-{number}"
        with place.start(
            "resume", str(run.path), "--device", "cpu", faults=(even_clock, WaitAt(place.disk, number, gate), *faults)
        ) as first:
            if not wait_for(gate.with_suffix(".wait")):
                failures.add(f"operation {number}", ["the first training did not come there"])
                continue
            for name, intruder in intruders(place, run).items():
                tries += 1
                try:
                    intruder()
                except RunError:
                    continue
                failures.add(f"{name} at operation {number} of {count} of another training", ["was permitted"])
            gate.touch()
            outcome = first.wait()
        unharmed = differences(run, whole) if outcome.code == 0 else [f"the first training ended with {outcome}"]
        failures.add(f"operation {number} of {count}", [outcome.fault(), *unharmed])
        shutil.rmtree(run.path, ignore_errors=True)
    return Row(BESIDE, tries, tuple(failures.sentences))


def start_at_once(setting: Setting, place: Place, whole: Run, faults: Sequence[Fault] = ()) -> Row:
    """Start several resumes of one run at the same moment."""
    failures, at_once, refused = Failures(faults), 3, 0
    rounds = setting.cases(quick=1, long=20)
    for number in range(rounds):
        run, gate = place.new_run(), place.folder / f"start-{number}"
        with ExitStack() as stack:
            started = [
                stack.enter_context(_resume_at(gate, place, run, str(index), faults)) for index in range(at_once)
            ]
            _open_gate(gate, at_once)
            outcomes = [child.wait() for child in started]
        case = f"round {number} of {at_once} resumes at once"
        for outcome in outcomes:
            expected = outcome.code == 0 or "is being trained" in outcome.output
            refused += outcome.code == 2
            failures.add(case, [outcome.fault(), "" if expected else f"one ended with {outcome}"])
        failures.check_end(case, place, run, whole, even_clock)
    measured = f"{refused} were refused, and the others began after the end of the first"
    return Row(AT_ONCE, rounds * at_once, tuple(failures.sentences), measured)


def _resume_at(gate: Path, place: Place, run: Run, name: str, faults: Sequence[Fault]) -> Child:
    return place.start("resume", str(run.path), "--device", "cpu", faults=(WaitToBegin(gate, name), *faults))


def _open_gate(gate: Path, count: int) -> None:
    for index in range(count):
        wait_for(gate.with_name(f"{gate.name}.{index}"))
    gate.touch()


def take_away(setting: Setting, place: Place, whole: Run) -> Row:
    """Rename or delete a run at the moment in which a resume begins: one of the two wins, and nothing is left."""
    random, failures, went = setting.random("take away"), Failures(), 0
    rounds = setting.cases(quick=2, long=40)
    for number in range(rounds):
        run, gate = place.new_run(), place.folder / f"away-{number}"
        target = run.path.with_name(f"moved-{number}")
        case = f"round {number}, {'renamed' if number % 2 else 'deleted'} while a resume begins"
        with _resume_at(gate, place, run, "0", ()) as child:
            _open_gate(gate, 1)
            _sleep(random.uniform(0, 0.2))
            try:
                if number % 2:
                    run.rename(target.name)
                else:
                    run.delete()
                gone = True
            except RunError:
                gone = False
            outcome = child.wait()
        went += gone
        clauses = [outcome.fault()]
        if gone and outcome.code not in (0, 2):  # 0: the training ended before, since it is short
            clauses.append(f"the resume ended with {outcome}")
        if gone and run.path.exists():
            clauses.append(f"the run was made again, with {sorted(p.name for p in run.path.iterdir())}")
        failures.add(case, clauses)
        present = Run(target) if gone else run
        if present.path.exists():
            failures.check_end(case, place, present, whole, even_clock)
    return Row(TAKEN_AWAY, rounds, tuple(failures.sentences), f"{went} went away before the training began")
