"""What must be equal after an attack: an undisturbed training and one that was resumed until its end."""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections.abc import Sequence
from pathlib import Path

import torch
from nightly.children import Fault
from nightly.small_training import Place

from dcgan.checkpoint import load_tensors
from dcgan.runs.resume import saved_step
from dcgan.runs.rows import row_json
from dcgan.runs.run import Run, RunError

TIMES = ("wall_seconds", "images_per_second", "scoring_seconds")
"""The columns of rows that differ between two equal trainings."""


def lost(run: Run, whole: Run) -> list[str]:
    """Return what the run's last save refers to and is not there, and rows that are there twice; one clause each.

    `whole` is an undisturbed run of the same config.
    """
    try:
        step = saved_step(run)
        run.config()
        if run.status_path.exists():
            run.status()
    except RunError as error:
        return [f"the run cannot be read: {error}"]
    clauses = [*_row_differences(run, whole, until=step), *_torn_order(run)]
    if not run.state_path.exists():
        return clauses
    for name in sorted(_names(whole)):
        recorded_at = Path(name).stem
        if recorded_at.isdecimal() and int(recorded_at) <= step:
            clauses += _file_difference(run.path / name, whole.path / name)
    for path in (run.generator_path, run.ema_path, run.discriminator_path):
        try:
            if load_tensors(path)[1]["step"] < step:
                clauses.append(f"{path.name} is older than the state")
        except (OSError, ValueError) as error:
            clauses.append(f"{path.name} cannot be read: {error}")
    return clauses


def differences(run: Run, whole: Run) -> list[str]:
    """Return how a run that has ended differs from an undisturbed one, except for times; one clause each."""
    names, expected = _names(run), _names(whole)
    if names != expected:
        return [f"has the files {sorted(names - expected)} more and {sorted(expected - names)} less"]
    clauses = []
    for name in sorted(expected):
        if Path(name).suffix in (".png", ".safetensors") and run.path / name != run.state_path:
            clauses += _file_difference(run.path / name, whole.path / name)
    clauses += [*_state_differences(run, whole), *_row_differences(run, whole), *_torn_order(run)]
    if run.status() != whole.status():
        clauses.append(f"has the status {run.status()}")
    if (run.config(), run.preset) != (whole.config(), whole.preset):
        clauses.append("has another config")
    return clauses


def _names(run: Run) -> set[str]:
    paths = (path for path in run.path.rglob("*") if path.is_file())
    return {path.relative_to(run.path).as_posix() for path in paths} - {"log.txt"}


def _file_difference(path: Path, expected: Path) -> list[str]:
    if not path.is_file():
        return [f"{path.name} is missing"]
    return [] if path.read_bytes() == expected.read_bytes() else [f"{path.name} differs"]


def _state_differences(run: Run, whole: Run) -> list[str]:
    (tensors, metadata), (expected, of_whole) = load_tensors(run.state_path), load_tensors(whole.state_path)
    if tensors.keys() != expected.keys() or any(not torch.equal(tensors[name], expected[name]) for name in expected):
        return ["the tensors of the state differ"]
    differs = {**metadata, "wall_seconds": 0} != {**of_whole, "wall_seconds": 0}
    return ["the metadata of the state differ"] if differs else []


def _rows(run: Run, until: float) -> dict[str, list[str]]:
    """Return the rows of each file up to this step as text without times."""
    rows = {"progress.jsonl": run.progress()[0], "scores.jsonl": run.scores()}
    return {
        name: [
            json.dumps({key: value for key, value in row_json(row).items() if key not in TIMES})
            for row in of_file
            if row.step <= until
        ]
        for name, of_file in rows.items()
    }


def _row_differences(run: Run, whole: Run, until: float = float("inf")) -> list[str]:
    rows, expected = _rows(run, until), _rows(whole, until)
    return [
        f"{name} has {len(rows[name])} of {len(expected[name])} rows up to step {until}, or others"
        for name in expected
        if rows[name] != expected[name]
    ]


def _torn_order(run: Run) -> list[str]:
    """Return a clause for rows whose steps do not ascend, or whose times descend."""
    clauses = []
    for rows in (run.progress()[0], run.scores()):
        steps, seconds = [row.step for row in rows], [row.wall_seconds for row in rows]
        if any(later <= earlier for earlier, later in itertools.pairwise(steps)):
            clauses.append(f"rows are at steps {steps}")
        if any(later < earlier for earlier, later in itertools.pairwise(seconds)):
            clauses.append(f"rows are at seconds {seconds}")
    return clauses


@dataclasses.dataclass
class Failures:
    """The failures of one row of the table, with the case before each."""

    planted: Sequence[Fault] = ()
    """Faults of the program that a test planted. The first failure is enough then."""
    sentences: list[str] = dataclasses.field(default_factory=list)

    @property
    def enough(self) -> bool:
        """Whether no more cases are needed."""
        return bool(self.planted and self.sentences)

    def add(self, case: str, clauses: Sequence[str]) -> None:
        """Add a sentence if there are clauses."""
        if clauses := [clause for clause in clauses if clause]:
            self.sentences.append(f"{case}: {'; '.join(clauses)}")

    def check_end(self, case: str, place: Place, run: Run, whole: Run, *faults: Fault) -> None:
        """Resume the run to its end, and add what is lost, or differs from the undisturbed run."""
        before = lost(run, whole)
        outcome = place.resume(run, *faults)
        clauses = [*before, outcome.fault()]
        if outcome.code != 0:
            clauses.append(f"the resume ended with {outcome.output[-400:]!r}")
        else:
            clauses += differences(run, whole)
        self.add(case, clauses)
