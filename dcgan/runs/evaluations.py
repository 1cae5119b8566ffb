"""The rows of evals.jsonl: which of them count, and the table of scores that they make. No torch."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dcgan.config import TrainConfig
from dcgan.runs.run import Run

SCORES = {
    "cfd": ("Fréchet distance of the classifier's features (CFD), lower is better", ".2f"),
    "kernel_distance": ("Kernel distance of the same features, lower is better", ".4f"),
    "inception_score": ("Inception score by the classifier, of 10 at best", ".2f"),
    "precision": ("Precision: share of the images that look real, higher is better", ".2f"),
    "recall": ("Recall: share of the real kinds that are drawn, higher is better", ".2f"),
    "density": ("Density: how many real images are near a drawn one, 1 is as among real ones", ".2f"),
    "coverage": ("Coverage: share of the real images with a drawn one near, higher is better", ".2f"),
    "class_distance": ("Share of the images that would have to be of another class, lower is better", ".3f"),
    "label_accuracy": ("Share of the images that are of the class asked for, higher is better", ".3f"),
    "nearest_neighbor_error": (
        "1-NN error: test images whose nearest drawn one is of another class, lower is better",
        ".4f",
    ),
    "classification_accuracy": ("CAS: what a network taught by drawn images gets right, higher is better", ".4f"),
    "modes": ("Modes: how many of the 1,000 kinds of Stacked MNIST are drawn, higher is better", ",.0f"),
    "kl": ("KL: how far these kinds are from even, in nats, lower is better", ".4f"),
    "fid": ("Fréchet distance of Inception's features (FID), lower is better", ".2f"),
    "kid": ("Kernel distance of Inception's features (KID), lower is better", ".5f"),
    "memorization_ratio": ("Memorisation: 1 is as far from training images as unseen ones are, 0 copies", ".2f"),
}
"""Field of an evaluation -> what it is, and its format."""


_UNKNOWN = "n/a"
"""No dash, which a page's Markdown would make a list of."""


_SCALE = {"classifier": str, "classifier_hash": str, "num_images": int, "seed": int, "step": int}
"""What the figures of an evaluation depend on; a row without them is damage, and says nothing."""


_SAME = ("weights_id", "seed", "psi")
"""Equal where two rows of one judge are of the same images."""


_INCEPTION = "fid"
"""A row with this field is Inception's; the others are a classifier's."""


Row = dict[str, Any]
"""One of evals.jsonl."""


def measured(run: Run) -> list[Row]:
    """The rows of evals.jsonl that say what they depend on, oldest first."""
    return [row for row in run.evals() if all(type(row.get(name)) is kind for name, kind in _SCALE.items())]


def by_classifier(rows: Iterable[Row]) -> dict[tuple[str, str, int], Row]:
    """The newest of the `measured` rows of each judge, under its name, its hash and the number of images."""
    newest: dict[tuple[str, str, int], Row] = {}
    for row in rows:
        judge = row["classifier"], row["classifier_hash"], row["num_images"]
        before = newest.pop(judge, {})
        # A score that is only measured on request stays until the same images are asked for it again.
        same = all(before.get(name) == row.get(name) for name in _SAME)
        newest[judge] = before | row if same else row
    return newest


def evaluations(run: Run, step: int) -> list[Row]:
    """What the weights of `step`, the run's last, have scored: a classifier's row, then Inception's; where there are
    several of a kind, the one of the most images, and of these the newest.

    Where only earlier weights were scored, those of the newest row count. Empty where nothing is `measured`.
    """
    rows = measured(run)
    found = [row for row in rows if row["step"] == step] or [row for row in rows if row["step"] == rows[-1]["step"]]
    chosen: dict[bool, Row] = {}
    for row in by_classifier(found).values():
        kind = _INCEPTION in row
        if kind not in chosen or row["num_images"] >= chosen[kind]["num_images"]:
            chosen[kind] = row
    return [chosen[kind] for kind in sorted(chosen)]


def last_scores(run: Run) -> Row:
    """The first of the run's `evaluations`, as far as it is numbers and words; empty where there is none.

    Raises RunError for a run without a status.
    """
    first = next(iter(evaluations(run, run.status().step)), {})
    return {key: value for key, value in first.items() if isinstance(value, int | float | str)}


def is_known(evaluated: Sequence[Row]) -> bool:
    """Whether the evaluations of a run have a score of the table."""
    return any(cell != _UNKNOWN for cell in _cells(evaluated))


def score_table(evaluated: Mapping[str, Sequence[Row]]) -> list[dict[str, str]]:
    """A row for each score that the `evaluations` of one of the named runs have: what it is, the values, and at the
    end what as many real images get, in a column for all where that is the same."""
    floors = {name: _cells(each, "real_") for name, each in evaluated.items()}
    if len(set(floors.values())) == 1:
        floors = {"real images": next(iter(floors.values()))}
    else:
        floors = {f"real images of {name}": cells for name, cells in floors.items()}
    columns = {name: _cells(each) for name, each in evaluated.items()} | floors
    rows = [
        {"score": words} | {head: cells[index] for head, cells in columns.items()}
        for index, (words, _) in enumerate(SCORES.values())
    ]
    return [row for row in rows if any(row[name] != _UNKNOWN for name in evaluated)]


def _cells(evaluated: Sequence[Row], prefix: str = "") -> tuple[str, ...]:
    # A classifier's scores and Inception's have no name in common.
    values = {name: value for row in evaluated for name, value in row.items()}
    found = [(values.get(prefix + name), form) for name, (_, form) in SCORES.items()]
    numbers = [
        (value, form) if type(value) in (int, float) and math.isfinite(value) else None for value, form in found
    ]
    return tuple(_UNKNOWN if each is None else format(*each) for each in numbers)


def measured_by(evaluated: Sequence[Row], steps: int) -> str:
    """By which classifier, of how many images, from which seeds; at which of the run's `steps`, if not the last."""
    told = []
    for row in evaluated:
        first, count = row["seed"], row["num_images"]
        told.append(
            f"{count:,} images, seeds {first:,} to {first + count - 1:,}, by the {row['classifier']} "
            f"{row['classifier_hash']}"
        )
    early = {row["step"] for row in evaluated} - {steps}
    told += [f"scored at step {step:,} of {steps:,}" for step in early]
    return "; ".join(told)


def same_measure(evaluated: Iterable[tuple[TrainConfig, Sequence[Row]]]) -> bool:
    """Whether the `evaluations` of runs compare, the classifiers' and Inception's each among themselves."""
    scales: dict[bool, set[tuple[object, ...]]] = {}
    for config, rows in evaluated:
        for row in rows:
            # Inception takes images of any data and size, and tells neither by its hash.
            scale = config.data.name, config.model.image_shape, row["classifier_hash"], row["num_images"]
            scales.setdefault(_INCEPTION in row, set()).add(scale)
    return all(map(comparable, scales.values()))


def comparable(scales: Iterable[tuple[object, ...]]) -> bool:
    """Whether figures compare: all that they depend on, as (hash of the classifier, number of images), of each."""
    return len(set(scales)) <= 1
