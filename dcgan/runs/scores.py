"""The registry of scores: what every number of an evaluation means and how it is shown. No torch.

`evaluate`, the Compare and Train pages, the model card and the results page all read this table. To add a score,
write its function in dcgan/evaluation/metrics.py and add one row here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

Direction = Literal["lower", "higher", "none"]
Applies = Literal["every model", "conditional models", "--labels", "Stacked MNIST", "Inception"]
"""Which evaluation has a score. The first two use the classifier's features; `--labels` adds to them on request."""

REAL = "real_"
"""Begins the key of what as many real images get: `real_cfd` stands beside `cfd`."""

_ARROWS: dict[Direction, str] = {"lower": " ↓", "higher": " ↑", "none": ""}


@dataclass(frozen=True, kw_only=True)
class Score:
    """One row of the registry."""

    label: str
    """Head of its column."""
    title: str
    """A phrase that says what it is, for rows and legends."""
    direction: Direction
    """Which values are better."""
    format: str
    """Format specification of a value, as in ".2f"."""
    description: str
    """One to three plain sentences: what it measures and how to read it."""
    source: str
    """The paper that it is from, or "this project"."""
    applies: Applies = "every model"
    per_epoch: bool = False
    """Whether a training records it at the end of each epoch."""
    deviation: str = ""
    """Key of its standard deviation over subsets, where it has one."""

    def __post_init__(self) -> None:
        for value, kind in ((self.direction, Direction), (self.applies, Applies)):
            if value not in get_args(kind):
                raise ValueError(f"{value!r} is not one of {', '.join(get_args(kind))}; choose one of these")

    @property
    def head(self) -> str:
        """The label with an arrow that points to better values."""
        return self.label + _ARROWS[self.direction]

    @property
    def sentence(self) -> str:
        """Label, title and direction in words: the first cell of a table's row."""
        better = "" if self.direction == "none" else f"; {self.direction} is better"
        return f"{self.label}: {self.title}{better}"

    @property
    def axis(self) -> str:
        """Title of a plot's axis."""
        return self.label if self.direction == "none" else f"{self.label} ({self.direction} is better)"

    def text(self, value: Any, *, missing: str) -> str:
        """Return the value as it is shown; `missing` for what is not a finite number."""
        number = type(value) in (int, float) and math.isfinite(value)
        return format(value, self.format) if number else missing


_HEUSEL = "Heusel et al. 2017, arXiv 1706.08500"
_BINKOWSKI = "Bińkowski et al. 2018, arXiv 1801.01401"
_NAEEM = "Naeem et al. 2020, arXiv 2002.09797"
_KYNKAANNIEMI = "Kynkäänniemi et al. 2019, arXiv 1904.06991"

SCORES: dict[str, Score] = {
    "cfd": Score(
        label="CFD",
        title="classifier Fréchet distance",
        direction="lower",
        format=".2f",
        description="CFD compares mean and covariance of the classifier's features between generated and test "
        "images. CFD is not FID. Do not compare it with published FIDs.",
        source=f"this project, after {_HEUSEL}",
        per_epoch=True,
    ),
    "kernel_distance": Score(
        label="kernel",
        title="kernel distance of the classifier's features",
        direction="lower",
        format=".4f",
        description="The kernel distance compares the same features without assuming a normal distribution. "
        "The number of images does not bias it. Real images may score slightly below 0.",
        source=f"this project, after {_BINKOWSKI}",
        deviation="kernel_deviation",
    ),
    "inception_score": Score(
        label="IS",
        title="inception score by the classifier, 10 at best",
        direction="higher",
        format=".2f",
        description="The score is 10 if the classifier is sure of every image and all classes are equally frequent. "
        "It never compares with real images: copies of ten digits would score 10.",
        source="Salimans et al. 2016, arXiv 1606.03498",
    ),
    "precision": Score(
        label="precision",
        title="share of the generated images that lie among real ones",
        direction="higher",
        format=".3f",
        description="Precision is the share of generated images that lie among the test images. "
        "One good image, drawn many times, also has a high precision.",
        source=_KYNKAANNIEMI,
    ),
    "recall": Score(
        label="recall",
        title="share of the test images that lie among generated ones",
        direction="higher",
        format=".3f",
        description="Recall is the share of test images that lie among the generated images. "
        "A low recall means that some kinds of images are missing. A few outliers can raise it.",
        source=_KYNKAANNIEMI,
    ),
    "density": Score(
        label="density",
        title="number of real images near a generated one, about 1 for real images",
        direction="higher",
        format=".3f",
        description="Density counts the test images near a generated image; real images have about 1. "
        "Above 1, the generator prefers the most common images. One real outlier hardly changes it.",
        source=_NAEEM,
    ),
    "coverage": Score(
        label="coverage",
        title="share of the test images with a generated one near them",
        direction="higher",
        format=".3f",
        description="Coverage is the share of test images that have a generated image near them. "
        "It is lower where fewer images are drawn.",
        source=_NAEEM,
        per_epoch=True,
    ),
    "class_distance": Score(
        label="class distance",
        title="share of the images that would have to change class",
        direction="lower",
        format=".3f",
        description="The class distance is the share of images that would have to change class to match the training "
        "data. It is the total variation distance of the two class histograms.",
        source="this project",
    ),
    "memorization_ratio": Score(
        label="memorization",
        title="distance from training images, 1 as for unseen images, 0 for copies",
        direction="none",
        format=".2f",
        description="The ratio divides the pixel distance from the nearest training image by that of unseen images. "
        "A ratio near 1 is good. Below 0.5, most images are copies.",
        source="this project",
    ),
    "label_accuracy": Score(
        label="label accuracy",
        title="share of the images that show the requested class",
        direction="higher",
        format=".3f",
        description="Label accuracy is the share of images that the classifier assigns to the requested class.",
        source="this project",
        applies="conditional models",
    ),
    "nearest_neighbor_error": Score(
        label="1-NN error",
        title="share of the test images whose nearest generated one has another label",
        direction="lower",
        format=".4f",
        description="A 1-nearest-neighbor classifier knows 50,000 generated images with their labels. "
        "The error is the share of test images that it gets wrong. Distances are between pixels.",
        source="Radford et al. 2016, arXiv 1511.06434, Table 3",
        applies="--labels",
    ),
    "classification_accuracy": Score(
        label="CAS",
        title="classification accuracy score",
        direction="higher",
        format=".4f",
        description="A small network learns from 50,000 generated images only. "
        "CAS is the share of test images that it classifies correctly.",
        source="Ravuri and Vinyals 2019, arXiv 1905.10887",
        applies="--labels",
    ),
    "modes": Score(
        label="modes",
        title="number of the 1,000 modes of Stacked MNIST that are drawn",
        direction="higher",
        format=".0f",
        description="A mode is one of the 1,000 combinations of three digits. "
        "The score counts the modes that appear among 26,000 images.",
        source="Srivastava et al. 2017, arXiv 1705.07761",
        applies="Stacked MNIST",
    ),
    "kl": Score(
        label="KL",
        title="divergence of the modes from equal frequency, in nats",
        direction="lower",
        format=".4f",
        description="KL is the Kullback-Leibler divergence of the modes' shares from equal shares, in nats. "
        "Real images do not score 0, because 26,000 draws are never quite even.",
        source="Lin et al. 2018, arXiv 1712.04086",
        applies="Stacked MNIST",
    ),
    "fid": Score(
        label="FID",
        title="Fréchet Inception distance",
        direction="lower",
        format=".2f",
        description="FID compares mean and covariance of Inception's features between generated and test images. "
        "Compare it with FIDs of as many images only. Many papers use training images instead of test images.",
        source=_HEUSEL,
        applies="Inception",
    ),
    "kid": Score(
        label="KID",
        title="kernel Inception distance",
        direction="lower",
        format=".5f",
        description="KID is the kernel distance of Inception's features. The number of images does not bias it.",
        source=_BINKOWSKI,
        applies="Inception",
    ),
}
"""Key of a row of evals.jsonl -> what it is. Tables have this order."""

NOT_SCORES = frozenset({"step", "seed", "num_images", "num_labeled", "psi", "memorizes"})
"""Numbers in a row that say how it was measured, or repeat a score."""


def applying(*applies: Applies) -> dict[str, Score]:
    """Return the scores of these evaluations, by key, in the registry's order."""
    return {key: score for key, score in SCORES.items() if score.applies in applies}


def per_epoch() -> dict[str, Score]:
    """Return the scores that a training records at the end of each epoch, by key."""
    return {key: score for key, score in SCORES.items() if score.per_epoch}


def measured(row: Mapping[str, Any]) -> dict[str, Score]:
    """Return the scores that have a finite number in the row, by key."""
    return {key: score for key, score in SCORES.items() if score.text(row.get(key), missing="")}
