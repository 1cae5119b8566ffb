"""The rows of evals.jsonl: which of them count, and the table of scores that they make. No torch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dcgan.config import TrainConfig
from dcgan.locale.language import tr
from dcgan.runs.run import Run
from dcgan.runs.scores import REAL, SCORES

_MISSING = "n/a"
"""Not a dash, which a page's Markdown would show as a list."""

_REQUIRED = {"classifier": str, "classifier_hash": str, "num_images": int, "seed": int, "step": int}
"""What the scores of a row depend on, and the types. A row without one of them is damaged and does not count."""

_SAME_IMAGES = ("weights_id", "seed", "psi")
"""Equal where two rows of one classifier are of the same images."""

_INCEPTION = "fid"
"""A row with this key has Inception's scores; the others have a classifier's."""

Row = dict[str, Any]
"""One row of evals.jsonl."""


def measured(run: Run) -> list[Row]:
    """Return the rows of evals.jsonl that say what they depend on, oldest first."""
    return [row for row in run.evals() if all(type(row.get(key)) is kind for key, kind in _REQUIRED.items())]


def by_classifier(rows: Iterable[Row]) -> dict[tuple[str, str, int], Row]:
    """Return the newest of the `measured` rows for each (classifier, its hash, number of images)."""
    newest: dict[tuple[str, str, int], Row] = {}
    for row in rows:
        scale = row["classifier"], row["classifier_hash"], row["num_images"]
        before = newest.pop(scale, {})
        # A score on request stays until the same images are measured for it again.
        same = all(before.get(key) == row.get(key) for key in _SAME_IMAGES)
        newest[scale] = before | row if same else row
    return newest


def evaluations(run: Run, step: int) -> list[Row]:
    """Return the scores of the weights of `step`, the run's last: a classifier's row, then Inception's.

    Of several rows of one kind, the one with the most images counts, and of these the newest. If only earlier weights
    have scores, the rows of the newest of them count. Empty if no row is `measured`.
    """
    rows = measured(run)
    current = [row for row in rows if row["step"] == step] or [row for row in rows if row["step"] == rows[-1]["step"]]
    chosen: dict[bool, Row] = {}
    for row in by_classifier(current).values():
        inception = _INCEPTION in row
        if inception not in chosen or row["num_images"] >= chosen[inception]["num_images"]:
            chosen[inception] = row
    return [chosen[inception] for inception in sorted(chosen)]


def is_known(evaluated: Sequence[Row]) -> bool:
    """Return whether the `evaluations` of a run have a score of the registry."""
    return any(cell != _MISSING for cell in _cells(evaluated))


def score_table(evaluated: Mapping[str, Sequence[Row]]) -> list[dict[str, str]]:
    """Return a row for each score that the `evaluations` of one of the named runs have.

    A row has what the score is, its value for each run, and last that of as many real images. These have one column
    if they are the same for all runs, else one for each run. Heads and scores are in the visitor's language.
    """
    real = {name: _cells(rows, prefix=REAL) for name, rows in evaluated.items()}
    if len(set(real.values())) == 1:
        real = {tr("real images"): next(iter(real.values()))}
    else:
        real = {tr("real images of {run}", run=name): cells for name, cells in real.items()}
    columns = {name: _cells(rows) for name, rows in evaluated.items()} | real
    table = [
        {tr("score"): score.sentence} | {head: cells[index] for head, cells in columns.items()}
        for index, score in enumerate(SCORES.values())
    ]
    present = [row for row in table if any(row[name] != _MISSING for name in evaluated)]
    return [{head: tr("n/a") if cell == _MISSING else cell for head, cell in row.items()} for row in present]


def _cells(evaluated: Sequence[Row], *, prefix: str = "") -> tuple[str, ...]:
    """Return the text of every score of the registry in these rows of one run."""
    # A classifier's scores and Inception's have no key in common.
    values = {key: value for row in evaluated for key, value in row.items()}
    return tuple(score.text(values.get(prefix + key), missing=_MISSING) for key, score in SCORES.items())


def measured_by(evaluated: Sequence[Row], steps: int) -> str:
    """Return by which classifier, of how many images and from which seeds the `evaluations` of a run are.

    Names their step if it is not the last of the run's `steps`.
    """
    parts = []
    for row in evaluated:
        first, count = row["seed"], row["num_images"]
        parts.append(
            tr(
                "{count:,} images, seeds {first:,} to {last:,}, by the {classifier} {hash}",
                count=count,
                first=first,
                last=first + count - 1,
                classifier=row["classifier"],
                hash=row["classifier_hash"],
            )
        )
    early = {row["step"] for row in evaluated} - {steps}
    parts += [tr("scored at step {step:,} of {steps:,}", step=step, steps=steps) for step in early]
    return "; ".join(parts)


def same_measure(evaluated: Iterable[tuple[TrainConfig, Sequence[Row]]]) -> bool:
    """Return whether the `evaluations` of runs compare, those of classifiers and those of Inception separately."""
    scales: dict[bool, set[tuple[object, ...]]] = {}
    for config, rows in evaluated:
        for row in rows:
            # Inception's hash does not depend on the data or on the size of the images.
            scale = config.data.name, config.model.image_shape, row["classifier_hash"], row["num_images"]
            scales.setdefault(_INCEPTION in row, set()).add(scale)
    return all(map(comparable, scales.values()))


def comparable(scales: Iterable[tuple[object, ...]]) -> bool:
    """Return whether scores compare, from what each depends on, as in (hash of the classifier, number of images)."""
    return len(set(scales)) <= 1
