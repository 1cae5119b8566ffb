"""What `evaluate` prints: the scores of several checkpoints as aligned tables. No torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dcgan.runs.scores import REAL, SCORES, Applies, measured
from dcgan.runs.tables import table

_MISSING = "-"

Scored = Mapping[str, Any]
"""The row of evals.jsonl of one checkpoint, with its `name`."""


def report(scored: Sequence[Scored]) -> str:
    """Return a table for each kind of evaluation: of features, of Stacked MNIST's modes, of Inception."""
    groups: dict[Applies, list[Scored]] = {}
    for row in scored:
        first = next(iter(measured(row).values()), SCORES["cfd"])
        groups.setdefault(first.applies, []).append(row)
    return "\n\n".join(map(_group_report, groups.values()))


def _group_report(scored: Sequence[Scored]) -> str:
    """Return a row for each checkpoint, a row for each set of real images, and what the scores depend on."""
    formats = _formats(scored)
    rows = [[row["name"], *_cells(formats, row)] for row in scored]
    real_names = {tuple(_cells(formats, row, prefix=REAL)): row["name"] for row in reversed(scored)}
    for cells, name in reversed(real_names.items()):
        rows.append(["real images" if len(real_names) == 1 else f"real images of {name}", *cells])
    heads = [head for head, _ in formats.values()]
    return "\n".join([table(["NAME", *heads], rows), "", _measured_by(scored), *_remarks(scored)])


def _formats(scored: Sequence[Scored]) -> dict[str, tuple[str, str]]:
    """Return head and format of every column, by key: the scores that one of the checkpoints has."""
    present = {key for row in scored for key in measured(row)}
    formats = {}
    for key, score in SCORES.items():
        if key in present:
            formats[key] = (score.label.upper(), score.format)
            if score.deviation:
                formats[score.deviation] = ("±", score.format)
    return formats


def _cells(formats: Mapping[str, tuple[str, str]], row: Scored, *, prefix: str = "") -> list[str]:
    values = [(row.get(prefix + key), spec) for key, (_, spec) in formats.items()]
    return [_MISSING if value is None else format(value, spec) for value, spec in values]


def _measured_by(scored: Sequence[Scored]) -> str:
    classifiers = dict.fromkeys(f"{row['classifier']} {row['classifier_hash']}" for row in scored)
    first = scored[0]
    seeds = f"seeds {first['seed']} to {first['seed'] + first['num_images'] - 1}"
    if "psi" in first:
        seeds += f" at psi {first['psi']:g}"
    return f"{first['num_images']:,} images each, {seeds}, by the {', '.join(classifiers)}"


def _remarks(scored: Sequence[Scored]) -> list[str]:
    """Return which checkpoints copy, and how --labels was measured or can be."""
    remarks = [
        f"{row['name']} draws copies: its images are {row['memorization_ratio']:.2f} times as far from the nearest "
        "training image as unseen ones are"
        for row in scored
        if row.get("memorizes")
    ]
    counts = [row["num_labeled"] for row in scored if "num_labeled" in row]
    conditional = [row["name"] for row in scored if "label_accuracy" in row]
    if counts:
        remarks.append(f"1-NN ERROR and CAS belong to classifiers that learned from {counts[0]:,} images each")
    elif conditional:
        remarks.append(
            f"--labels adds what classifiers learn from the images of {', '.join(conditional)}, in minutes"
        )
    projected = [row["num_projected"] for row in scored if "num_projected" in row]
    if projected:
        remarks.append(
            f"PROJECTION ERROR is the mean over {projected[0]:,} test images; real images have that of the nearest "
            "training image"
        )
    return remarks
