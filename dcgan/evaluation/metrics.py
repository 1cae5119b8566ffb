"""Measure how far generated images are from real ones: features and logits in, numbers out.

Nothing here reads a file, runs a network or draws global random numbers. FID is the Fréchet distance of *Inception's*
features. Ours are those of a small classifier (classifier.py), so the distance is called CFD, classifier Fréchet
distance. CFD is not FID. Do not compare it with published FIDs.

`METRICS` at the end has a function for every score of the registry (dcgan/runs/scores.py).

N generated, M real, F features, K classes. Features are float64, or are converted to it.

The module has more than 250 lines because it holds every score, each with its formula and source.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from dcgan.evaluation.sliced_wasserstein import mean_distance
from dcgan.locale.language import tr
from dcgan.runs.scores import Applies, applying

K = 5
"""A ball reaches to this nearest neighbor, as in the code of the density and coverage paper."""
_ELEMENTS = 10_000_000
"""Distances in memory at a time: 80 MB. All of 10,000 x 10,000 would be ten times as much."""


def frechet_distance(real: Tensor, fake: Tensor) -> float:
    """Return the squared Fréchet distance between real (M, F) and fake (N, F) features; 0 is best.

    It is |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^1/2), with means m and covariances C (Heusel et al., arXiv 1706.08500).
    Each set needs two images. Few images bias it upwards, so compare equal numbers of images only.
    """
    (mean_a, a), (mean_b, b) = _moments(real), _moments(fake)
    # (A B)^1/2 has the same trace as (A^1/2 B A^1/2)^1/2: the sum of the singular values of A^1/2 B^1/2. This sum is
    # always real, and no small number is squared.
    trace = torch.linalg.svdvals(_root(a) @ _root(b)).sum()
    distance = (mean_a - mean_b).square().sum() + a.trace() + b.trace() - 2 * trace
    return max(0.0, distance.item())  # equal features give 0 up to rounding


def _moments(features: Tensor) -> tuple[Tensor, Tensor]:
    features = features.double()
    return features.mean(0), torch.cov(features.T).reshape(features.shape[1], -1)


def _root(covariance: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(covariance)
    return vectors * values.clamp(min=0).sqrt() @ vectors.T


class KernelDistance(NamedTuple):
    mean: float
    deviation: float
    """Standard deviation over the subsets."""


def kernel_distance(
    real: Tensor, fake: Tensor, *, subsets: int = 50, size: int = 1000, seed: int = 0
) -> KernelDistance:
    """Return the squared maximum mean discrepancy between real (M, F) and fake (N, F); 0 is best.

    The kernel is (x·y / F + 1)^3. The result is the mean over random subsets of `size` images of each set, or of all
    images of a smaller set (two at least). The estimate is unbiased, so it may be slightly below 0. Bińkowski et al.,
    arXiv 1801.01401.
    """
    real, fake = real.double(), fake.double()
    draws = torch.Generator().manual_seed(seed)
    size = min(size, len(real), len(fake))
    values = []
    for _ in range(subsets):
        x = real[torch.randperm(len(real), generator=draws)[:size]]
        y = fake[torch.randperm(len(fake), generator=draws)[:size]]
        values.append(_discrepancy(x, y))
    deviation, mean = torch.std_mean(torch.stack(values), correction=0)
    return KernelDistance(mean.item(), deviation.item())


def _discrepancy(x: Tensor, y: Tensor) -> Tensor:
    """Return the unbiased estimate for two subsets (S, F)."""
    size = len(x)

    def kernel(a: Tensor, b: Tensor) -> Tensor:
        return (a @ b.T / a.shape[1] + 1) ** 3

    # Without the kernel of an image with itself, the estimate is unbiased.
    within_x, within_y = (values.sum() - values.trace() for values in (kernel(x, x), kernel(y, y)))
    return (within_x + within_y) / (size * (size - 1)) - 2 * kernel(x, y).mean()


def inception_score(logits: Tensor) -> float:
    """Return exp of the mean divergence of p(class | image) from p(class): 1 is worst, the number of classes is best.

    Salimans et al., arXiv 1606.03498, with a classifier's logits (N, K) instead of Inception's, and in one part.
    """
    log_p = logits.double().log_softmax(1)
    log_mean = log_p.logsumexp(0) - math.log(len(log_p))
    return (log_p.exp() * (log_p - log_mean)).sum(1).mean().exp().item()


# Neighbors


class Neighbors(NamedTuple):
    precision: float
    """Share of generated images within the ball of a real image."""
    recall: float
    """Share of real images within the ball of a generated image."""
    density: float
    """Mean number of real balls around a generated image, divided by k: about 1 for real images, and may be more."""
    coverage: float
    """Share of real images with a generated image in their ball. Outliers change it less than recall."""


def radii(features: Tensor, k: int = K) -> Tensor:
    """Return each image's distance (N,) from its k-th nearest neighbor: the radius of its ball.

    Raises ValueError for k images or fewer.
    """
    features = features.double()
    if len(features) <= k:
        raise ValueError(
            tr("{count} images do not have {k} neighbors each; take more images", count=len(features), k=k)
        )
    rows = [block.topk(k + 1, largest=False).values[:, k] for _, block in _distances(features, features)]
    return torch.cat(rows)  # the nearest of all is the image itself


def neighbors(real: Tensor, fake: Tensor, real_radii: Tensor, fake_radii: Tensor, k: int = K) -> Neighbors:
    """Return precision, recall, density and coverage of fake (N, F) beside real (M, F) features.

    The `radii` (M,) and (N,) have the same k. Precision and recall: Kynkäänniemi et al., arXiv 1904.06991. Density
    and coverage: Naeem et al., arXiv 2002.09797.
    """
    precise = density = 0
    recalled, covered = (torch.zeros(len(real), dtype=torch.bool) for _ in range(2))
    for rows, block in _distances(fake.double(), real.double()):
        in_balls = (block < real_radii).sum(1)
        precise += (in_balls > 0).sum().item()
        density += in_balls.sum().item()
        recalled |= (block < fake_radii[rows, None]).any(0)
        covered |= block.amin(0) < real_radii
    return Neighbors(
        precise / len(fake),
        recalled.double().mean().item(),
        density / (k * len(fake)),
        covered.double().mean().item(),
    )


def coverage(real: Tensor, fake: Tensor, real_radii: Tensor) -> float:
    """Return only the coverage of `neighbors`, which costs less.

    real (M, F) with its `radii` (M,), and fake (N, F), in the precision that they have.
    """
    return (nearest(real, fake) < real_radii).double().mean().item()


def nearest(images: Tensor, others: Tensor) -> Tensor:
    """Return each image's distance (N,) from the nearest of the others: (N, F) and (M, F), in their own precision."""
    return torch.cat([block.amin(1) for _, block in _distances(images, others)])


def nearest_ones(images: Tensor, others: Tensor, count: int) -> Tensor:
    """Return each image's distances (N, count) from its nearest others, ascending: (N, F) and (M, F).

    Where there are fewer others, distances are infinite.
    """
    missing = max(0, count - len(others))
    rows = [block.topk(count - missing, largest=False).values for _, block in _distances(images, others)]
    return F.pad(torch.cat(rows), (0, missing), value=math.inf)


def nearest_neighbor_error(known: Tensor, known_labels: Tensor, images: Tensor, labels: Tensor) -> float:
    """Return the error of a 1-nearest-neighbor classifier that knows images (M, F) with labels (M,).

    It is the share of the images (N, F) whose nearest known image has another label than theirs (N,). Distances have
    the precision of the images.
    """
    neighbors = torch.cat([block.argmin(1) for _, block in _distances(images, known)])
    wrong = known_labels[neighbors] != labels
    return wrong.cpu().double().mean().item()  # an Apple GPU has no float64


def _distances(a: Tensor, b: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Yield the Euclidean distances of a (N, F) from b (M, F) in blocks: the rows as a slice, and their distances."""
    b_squares = b.square().sum(1)
    step = max(1, _ELEMENTS // len(b))
    for start in range(0, len(a), step):
        part = a[start : start + step]
        squares = torch.addmm(part.square().sum(1)[:, None] + b_squares, part, b.T, alpha=-2)
        yield slice(start, start + len(part)), squares.clamp_(min=0).sqrt_()


# Classes


def class_histogram(classes: Tensor, num_classes: int) -> Tensor:
    """Return the share (K,) of each class among classes (N,); float64."""
    return torch.bincount(classes, minlength=num_classes).double() / len(classes)


def class_distance(a: Tensor, b: Tensor) -> float:
    """Return the total variation distance of two histograms (K,): 0 if equal, 1 without a common class.

    It is the share of images that would have to change class.
    """
    return (a - b).abs().sum().item() / 2


class Modes(NamedTuple):
    drawn: int
    """Modes with at least one image."""
    kl: float
    """KL(images || uniform) = sum of p log(p K), in nats: 0 for equal shares of K modes, log K for one mode."""


def modes(counts: Tensor) -> Modes:
    """Return how many of the K modes are drawn, and how far from equally; counts (K,) are the images of each mode.

    The direction of KL, and the uniform distribution instead of the data's, are those of PacGAN (Lin et al., arXiv
    1712.04086). Few images bias KL upwards: N draws from equal shares give about (K - 1) / 2 N.
    """
    shares = counts.double() / counts.sum()
    divergence = torch.xlogy(shares, shares * len(counts)).sum().item()
    return Modes(int((counts > 0).sum()), max(0.0, divergence))  # equal shares give 0 up to rounding


# Memorization

MEMORIZES_BELOW = 0.5
"""Real images never have such a ratio, and neither does a generator that draws smoothly."""


def memorization_ratio(generated: Tensor, generated_classes: Tensor, unseen: Tensor, unseen_classes: Tensor) -> float:
    """Return how near generated images are to training images, compared with unseen images: 1 as near, 0 copies.

    Takes distances from the `nearest` training image and classes, (N,) of generated and (M,) of unseen images. Each
    generated image's distance is divided by the median distance of unseen images of its class, and the ratio is the
    median of these. Classes matter: ones are near to each other and eights are not. The ratio detects copies only if
    most images are copies. It is NaN if no generated image has a class of the unseen ones.
    """
    medians = torch.full((int(max(generated_classes.max(), unseen_classes.max())) + 1,), math.nan).double()
    for label in unseen_classes.unique().tolist():
        medians[label] = unseen[unseen_classes == label].double().median()
    return (generated / medians[generated_classes]).nanmedian().item()


COPY_FACTOR = 2
"""A copy is so many times nearer to one training picture than to any other. Gu et al. use 3, for cleaner copies."""


def copy_share(distances: Tensor) -> float:
    """Return the share of images that are twice as near to one training picture as to any other.

    distances (N, 2): from the nearest and from the second nearest training picture, without equal pictures. A blank
    image may be near to many pictures, and is not a copy.
    """
    return (COPY_FACTOR * distances[:, 0] < distances[:, 1]).double().mean().item()


# What scores are computed from


@dataclass(frozen=True, kw_only=True)
class FeatureSample:
    """Features of some images beside those of the real test images."""

    features: Tensor
    """(N, F)."""
    real: Tensor
    """(M, F), of the test images."""

    @cached_property
    def kernel(self) -> KernelDistance:
        return kernel_distance(self.real, self.features)


@dataclass(frozen=True, kw_only=True)
class ClassifiedSample(FeatureSample):
    """Features, classes and pixel distances of some images beside those of real images."""

    logits: Tensor
    """(N, K)."""
    real_radii: Tensor
    """`radii` (M,) of the test images."""
    training_histogram: Tensor
    """The share (K,) of each label in the training images."""
    labels: Tensor | None = None
    """The labels (N,) that a conditional generator was given."""
    distances: Tensor | None = None
    """Distances in pixels of the first images from the `nearest` training image; None for training images."""
    unseen_distances: Tensor | None = None
    """The same distances of unseen images, with their classes."""
    unseen_classes: Tensor | None = None

    @cached_property
    def classes(self) -> Tensor:
        """The classes (N,) that the classifier sees."""
        return self.logits.argmax(1)

    @cached_property
    def histogram(self) -> Tensor:
        """The share (K,) of each class that the classifier sees."""
        return class_histogram(self.classes, self.logits.shape[1])

    @cached_property
    def neighbors(self) -> Neighbors:
        return neighbors(self.real, self.features, self.real_radii, radii(self.features))

    @property
    def memorization_ratio(self) -> float | None:
        if self.distances is None or self.unseen_distances is None or self.unseen_classes is None:
            return None
        classes = self.classes[: len(self.distances)]
        return memorization_ratio(self.distances, classes, self.unseen_distances, self.unseen_classes)

    @property
    def label_accuracy(self) -> float | None:
        return None if self.labels is None else (self.classes == self.labels).double().mean().item()


@dataclass(frozen=True, kw_only=True)
class PictureSample:
    """What any images have beside real ones: distances of patches, and from training pictures."""

    levels: tuple[float, ...]
    """The sliced Wasserstein distance of each level, from the finest."""
    distances: Tensor
    """(N, 2): from the nearest and the second nearest training picture."""
    unseen_distances: Tensor | None = None
    """(M, 2): those of unseen pictures; None where the images are unseen pictures themselves."""
    overfitting: float | None = None
    """r_v, where the discriminator was shown held-out pictures."""

    @property
    def memorization_ratio(self) -> float | None:
        if self.unseen_distances is None:
            return None
        own, unseen = self.distances[:, 0], self.unseen_distances[:, 0]
        ratio = memorization_ratio(own, torch.zeros(len(own)).long(), unseen, torch.zeros(len(unseen)).long())
        return ratio if math.isfinite(ratio) else None


@dataclass(frozen=True, kw_only=True)
class LabeledSample:
    """Labeled images that classifiers learned from, and the real test images. Images are flat: (N, F) and (M, F)."""

    images: Tensor
    labels: Tensor
    test_images: Tensor
    test_labels: Tensor
    accuracy: float
    """The share of test images that a network trained on the images classifies correctly."""


METRICS: dict[str, Callable[[Any], float | None]] = {
    # Of a ClassifiedSample.
    "cfd": lambda sample: frechet_distance(sample.real, sample.features),
    "kernel_distance": lambda sample: sample.kernel.mean,
    "kernel_deviation": lambda sample: sample.kernel.deviation,
    "inception_score": lambda sample: inception_score(sample.logits),
    "precision": lambda sample: sample.neighbors.precision,
    "recall": lambda sample: sample.neighbors.recall,
    "density": lambda sample: sample.neighbors.density,
    "coverage": lambda sample: sample.neighbors.coverage,
    "class_distance": lambda sample: class_distance(sample.histogram, sample.training_histogram),
    "memorization_ratio": lambda sample: sample.memorization_ratio,
    "label_accuracy": lambda sample: sample.label_accuracy,
    # Of a PictureSample, which has a memorization_ratio too.
    "swd": lambda sample: mean_distance(sample.levels),
    "copy_share": lambda sample: copy_share(sample.distances),
    "overfitting": lambda sample: sample.overfitting,
    # Of a LabeledSample.
    "nearest_neighbor_error": lambda sample: nearest_neighbor_error(
        sample.images, sample.labels, sample.test_images, sample.test_labels
    ),
    "classification_accuracy": lambda sample: sample.accuracy,
    # Of the mean squared errors (M,) of nearest images.
    "projection_error": lambda errors: errors.double().mean().item(),
    # Of the counts (K,) of Stacked MNIST's modes.
    "modes": lambda counts: modes(counts).drawn,
    "kl": lambda counts: modes(counts).kl,
    # Of a FeatureSample by Inception.
    "fid": lambda sample: frechet_distance(sample.real, sample.features),
    "kid": lambda sample: sample.kernel.mean,
}
"""Key of a score -> its function of a sample; None if the sample does not have this score."""


def compute(sample: FeatureSample | PictureSample | LabeledSample | Tensor, *applies: Applies) -> dict[str, float]:
    """Return the scores of these evaluations for a sample, and their deviations, by key."""
    keys = [key for own, score in applying(*applies).items() for key in (own, score.deviation) if key]
    values = {key: METRICS[key](sample) for key in keys}
    return {key: value for key, value in values.items() if value is not None}
