"""The registry of scores: what every number of an evaluation means and how it is shown. No torch.

`evaluate`, the Compare and Train pages, the model card and the results page all read this table. To add a score,
write its function in dcgan/evaluation/metrics.py and add one row here.

The module has more than 250 lines, because every score has its texts beside it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from dcgan.locale.language import tr, tr_later, tr_marked

Direction = Literal["lower", "higher", "none"]
Applies = Literal[
    "every model", "any pictures", "conditional models", "--labels", "--projection", "Stacked MNIST", "Inception"
]
"""Which evaluation has a score. `any pictures`: data without a classifier. `every model` and `conditional models` use
the classifier's features; `--labels` and `--projection` add to them on request."""

REAL = "real_"
"""Begins the key of what as many real images get: `real_cfd` stands beside `cfd`."""

_ARROWS: dict[Direction, str] = {"lower": " ↓", "higher": " ↑", "none": ""}


@dataclass(frozen=True, kw_only=True)
class Score:
    """One row of the registry. Label, title and description are in English; `tr_marked` translates them."""

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
        return tr_marked(self.label) + _ARROWS[self.direction]

    @property
    def sentence(self) -> str:
        """Label, title and direction in words: the first cell of a table's row."""
        label, title = tr_marked(self.label), tr_marked(self.title)
        if self.direction == "lower":
            return tr("{label}: {title}; lower is better", label=label, title=title)
        if self.direction == "higher":
            return tr("{label}: {title}; higher is better", label=label, title=title)
        return tr("{label}: {title}", label=label, title=title)

    @property
    def axis(self) -> str:
        """Title of a plot's axis."""
        label = tr_marked(self.label)
        if self.direction == "lower":
            return tr("{label} (lower is better)", label=label)
        if self.direction == "higher":
            return tr("{label} (higher is better)", label=label)
        return label

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
        title=tr_later("classifier Fréchet distance"),
        direction="lower",
        format=".2f",
        description=tr_later(
            "CFD compares mean and covariance of the classifier's features between generated and test images. CFD is "
            "not FID. Do not compare it with published FIDs."
        ),
        source=f"this project, after {_HEUSEL}",
        per_epoch=True,
    ),
    "kernel_distance": Score(
        label=tr_later("kernel"),
        title=tr_later("kernel distance of the classifier's features"),
        direction="lower",
        format=".4f",
        description=tr_later(
            "The kernel distance compares the same features without assuming a normal distribution. The number of "
            "images does not bias it. Real images may score slightly below 0."
        ),
        source=f"this project, after {_BINKOWSKI}",
        deviation="kernel_deviation",
    ),
    "inception_score": Score(
        label="IS",
        title=tr_later("inception score by the classifier, 10 at best"),
        direction="higher",
        format=".2f",
        description=tr_later(
            "The score is 10 if the classifier is sure of every image and all classes are equally frequent. It never "
            "compares with real images: copies of ten digits would score 10."
        ),
        source="Salimans et al. 2016, arXiv 1606.03498",
    ),
    "precision": Score(
        label=tr_later("precision"),
        title=tr_later("share of the generated images that lie among real ones"),
        direction="higher",
        format=".3f",
        description=tr_later(
            "Precision is the share of generated images that lie among the test images. One good image, drawn many "
            "times, also has a high precision."
        ),
        source=_KYNKAANNIEMI,
    ),
    "recall": Score(
        label=tr_later("recall"),
        title=tr_later("share of the test images that lie among generated ones"),
        direction="higher",
        format=".3f",
        description=tr_later(
            "Recall is the share of test images that lie among the generated images. A low recall means that some "
            "kinds of images are missing. A few outliers can raise it."
        ),
        source=_KYNKAANNIEMI,
    ),
    "density": Score(
        label=tr_later("density"),
        title=tr_later("number of real images near a generated one, about 1 for real images"),
        direction="higher",
        format=".3f",
        description=tr_later(
            "Density counts the test images near a generated image; real images have about 1. Above 1, the generator "
            "prefers the most common images. One real outlier hardly changes it."
        ),
        source=_NAEEM,
    ),
    "coverage": Score(
        label=tr_later("coverage"),
        title=tr_later("share of the test images with a generated one near them"),
        direction="higher",
        format=".3f",
        description=tr_later(
            "Coverage is the share of test images that have a generated image near them. It is lower where fewer "
            "images are drawn."
        ),
        source=_NAEEM,
        per_epoch=True,
    ),
    "swd": Score(
        label="SWD",
        title=tr_later("sliced Wasserstein distance of patches, times 1,000"),
        direction="lower",
        format=".1f",
        description=tr_later(
            "SWD compares small patches of generated and real pictures at several sizes. It needs no classifier. "
            "Fewer pictures score higher, also real ones, so compare only the same number."
        ),
        source="Karras et al. 2018, arXiv 1710.10196",
        applies="any pictures",
        per_epoch=True,
    ),
    "class_distance": Score(
        label=tr_later("class distance"),
        title=tr_later("share of the images that would have to change class"),
        direction="lower",
        format=".3f",
        description=tr_later(
            "The class distance is the share of images that would have to change class to match the training data. "
            "It is the total variation distance of the two class histograms."
        ),
        source="this project",
    ),
    "memorization_ratio": Score(
        label=tr_later("memorization"),
        title=tr_later("distance from training images, 1 as for unseen images, 0 for copies"),
        direction="none",
        format=".2f",
        description=tr_later(
            "The ratio divides the pixel distance from the nearest training image by that of unseen images. A ratio "
            "near 1 is good. Below 0.5, most images are copies."
        ),
        source="this project",
        per_epoch=True,
    ),
    "copy_share": Score(
        label=tr_later("copies"),
        title=tr_later("share of the images that are near to one training picture only"),
        direction="lower",
        format=".2f",
        description=tr_later(
            "A copy is twice as near, in pixels, to one training picture as to any other. Some real pictures are so "
            "too. Far above them, the generator copies."
        ),
        source="this project, after Gu et al. 2023, arXiv 2310.02664",
        applies="any pictures",
        per_epoch=True,
    ),
    "overfitting": Score(
        label="r_v",
        title=tr_later("overfitting of the discriminator: 0 is none, 1 is complete"),
        direction="lower",
        format=".2f",
        description=tr_later(
            "r_v is (D(train) - D(held out)) / (D(train) - D(generated)), of mean logits. At 0, D takes held-out "
            "pictures for training pictures. At 1, it takes them for generated ones."
        ),
        source="Karras et al. 2020, arXiv 2006.06676, equation 1",
        applies="any pictures",
        per_epoch=True,
    ),
    "label_accuracy": Score(
        label=tr_later("label accuracy"),
        title=tr_later("share of the images that show the requested class"),
        direction="higher",
        format=".3f",
        description=tr_later(
            "Label accuracy is the share of images that the classifier assigns to the requested class."
        ),
        source="this project",
        applies="conditional models",
    ),
    "nearest_neighbor_error": Score(
        label=tr_later("1-NN error"),
        title=tr_later("share of the test images whose nearest generated one has another label"),
        direction="lower",
        format=".4f",
        description=tr_later(
            "A 1-nearest-neighbor classifier knows 50,000 generated images with their labels. The error is the share "
            "of test images that it gets wrong. Distances are between pixels."
        ),
        source="Radford et al. 2016, arXiv 1511.06434, Table 3",
        applies="--labels",
    ),
    "classification_accuracy": Score(
        label="CAS",
        title=tr_later("classification accuracy score"),
        direction="higher",
        format=".4f",
        description=tr_later(
            "A small network learns from 50,000 generated images only. CAS is the share of test images that it "
            "classifies correctly."
        ),
        source="Ravuri and Vinyals 2019, arXiv 1905.10887",
        applies="--labels",
    ),
    "projection_error": Score(
        label=tr_later("projection error"),
        title=tr_later("mean squared error of the nearest images to test images"),
        direction="lower",
        format=".5f",
        description=tr_later(
            "For each of 1,000 test images, the nearest image of the generator is searched. The error is of pixels "
            "in 0..1. Real images have that of the nearest training image. A generator that misses some kinds of "
            "images cannot come near to them."
        ),
        source="Lipton and Tripathi 2017, arXiv 1702.04782; Creswell and Bharath 2018, arXiv 1802.05701",
        applies="--projection",
    ),
    "modes": Score(
        label=tr_later("modes"),
        title=tr_later("number of the 1,000 modes of Stacked MNIST that are drawn"),
        direction="higher",
        format=".0f",
        description=tr_later(
            "A mode is one of the 1,000 combinations of three digits. The score counts the modes that appear among "
            "26,000 images."
        ),
        source="Srivastava et al. 2017, arXiv 1705.07761",
        applies="Stacked MNIST",
    ),
    "kl": Score(
        label="KL",
        title=tr_later("divergence of the modes from equal frequency, in nats"),
        direction="lower",
        format=".4f",
        description=tr_later(
            "KL is the Kullback-Leibler divergence of the modes' shares from equal shares, in nats. Real images do "
            "not score 0, because 26,000 draws are never quite even."
        ),
        source="Lin et al. 2018, arXiv 1712.04086",
        applies="Stacked MNIST",
    ),
    "fid": Score(
        label="FID",
        title=tr_later("Fréchet Inception distance"),
        direction="lower",
        format=".2f",
        description=tr_later(
            "FID compares mean and covariance of Inception's features between generated and test images. Compare it "
            "with FIDs of as many images only. Many papers use training images instead of test images."
        ),
        source=_HEUSEL,
        applies="Inception",
    ),
    "kid": Score(
        label="KID",
        title=tr_later("kernel Inception distance"),
        direction="lower",
        format=".5f",
        description=tr_later(
            "KID is the kernel distance of Inception's features. The number of images does not bias it."
        ),
        source=_BINKOWSKI,
        applies="Inception",
    ),
}
"""Key of a row of evals.jsonl -> what it is. Tables have this order."""

NOT_SCORES = frozenset({"step", "seed", "num_images", "num_labeled", "num_projected", "psi", "memorizes"})
"""Numbers in a row that say how it was measured, or repeat a score."""


COPIES_ABOVE = 0.25
"""So much more copies than among real pictures are announced."""


def draws_copies(copy_share: float, real_copy_share: float) -> bool:
    """Return whether a generator with this share of copies copies training pictures."""
    return copy_share > real_copy_share + COPIES_ABOVE


def applying(*applies: Applies) -> dict[str, Score]:
    """Return the scores of these evaluations, by key, in the registry's order."""
    return {key: score for key, score in SCORES.items() if score.applies in applies}


def per_epoch() -> dict[str, Score]:
    """Return the scores that a training records at the end of each epoch, by key."""
    return {key: score for key, score in SCORES.items() if score.per_epoch}


def recorded(rows: Iterable[Any]) -> dict[str, Score]:
    """Return the scores of an epoch that some of these ScoreRows have, by key."""
    present = {key for row in rows for key in per_epoch() if getattr(row, key) is not None}
    return {key: score for key, score in per_epoch().items() if key in present}


def measured(row: Mapping[str, Any]) -> dict[str, Score]:
    """Return the scores that have a finite number in the row, by key."""
    return {key: score for key, score in SCORES.items() if score.text(row.get(key), missing="")}
