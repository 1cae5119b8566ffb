"""How far generated images are from real ones: features and logits in, numbers out.

No file, no network and no global random numbers here. The Fréchet distance of *Inception's* features is called FID;
ours are those of a small classifier (classifier.py), so it is called the classifier Fréchet distance, CFD, and
compares with no FID.

N generated, M real, F features; features are float64, or are made so.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

K = 5
"""Neighbours that make a ball, as in the code of the density and coverage paper."""
_ELEMENTS = 10_000_000
"""Distances held at a time, 80 MB: all of 10,000 x 10,000 would be ten times as much, several times over."""


def frechet_distance(real: Tensor, fake: Tensor) -> float:
    """The squared Fréchet distance of two normal distributions with the features' means and covariances; 0 is best.

    |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^1/2), Heusel et al., arXiv 1706.08500. Biased upwards for few images: compare
    equal counts only. real (M, F), fake (N, F), two images or more each.
    """
    (mean_a, a), (mean_b, b) = _moments(real), _moments(fake)
    # (A B)^1/2 has the trace of (A^1/2 B A^1/2)^1/2, the sum of the singular values of A^1/2 B^1/2: always real, and
    # no square of small numbers on the way.
    trace = torch.linalg.svdvals(_root(a) @ _root(b)).sum()
    distance = (mean_a - mean_b).square().sum() + a.trace() + b.trace() - 2 * trace
    return max(0.0, distance.item())  # equal features give 0 but for rounding


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


def kernel_distance(real: Tensor, fake: Tensor, subsets: int = 50, size: int = 1000, seed: int = 0) -> KernelDistance:
    """The unbiased squared maximum mean discrepancy under the kernel (x·y / F + 1)^3, over random subsets; 0 is best,
    and may come out a little below it. Bińkowski et al., arXiv 1801.01401.

    real (M, F), fake (N, F); subsets are of `size` images of each, or of all where there are fewer; two at least.
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
    """x and y are (S, F)."""
    size = len(x)

    def kernel(a: Tensor, b: Tensor) -> Tensor:
        return (a @ b.T / a.shape[1] + 1) ** 3

    # An image's likeness to itself tells nothing about the others; leaving it out is what makes this unbiased.
    within = sum(values.sum() - values.trace() for values in (kernel(x, x), kernel(y, y)))
    return within / (size * (size - 1)) - 2 * kernel(x, y).mean()


def inception_score(logits: Tensor) -> float:
    """exp of the mean divergence of p(class | image) from p(class): 1 is worst, the number of classes is best.

    Salimans et al., arXiv 1606.03498, with the classifier of the logits (N, K) in Inception's place; in one part.
    """
    log_p = logits.double().log_softmax(1)
    log_mean = log_p.logsumexp(0) - math.log(len(log_p))
    return (log_p.exp() * (log_p - log_mean)).sum(1).mean().exp().item()


# Neighbours


class Neighbors(NamedTuple):
    precision: float
    """Share of generated images within some real image's ball: are they real ones?"""
    recall: float
    """Share of real images within some generated image's ball: are all kinds there?"""
    density: float
    """How many real balls a generated image lies in, over k; about 1 for real ones, and not bounded by it."""
    coverage: float
    """Share of real images with a generated one in their ball; of few outliers it makes less than recall does."""


def radii(features: Tensor, k: int = K) -> Tensor:
    """The distance (N,) of each image from its k-th nearest among the others: the radius of its ball.

    Raises ValueError for k images or fewer.
    """
    features = features.double()
    if len(features) <= k:
        raise ValueError(f"{len(features)} images have no {k} neighbours each; take more images")
    rows = [block.topk(k + 1, largest=False).values[:, k] for _, block in _distances(features, features)]
    return torch.cat(rows)  # the nearest of all is the image itself


def neighbors(real: Tensor, fake: Tensor, real_radii: Tensor, fake_radii: Tensor, k: int = K) -> Neighbors:
    """Precision and recall (Kynkäänniemi et al., arXiv 1904.06991), density and coverage (Naeem et al., arXiv
    2002.09797). real (M, F), fake (N, F), with the `radii` (M,) and (N,) under the same k."""
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
    """The coverage of `neighbours` alone, for less: real (M, F) and fake (N, F) in the precision they come in, with
    the real `radii` (M,)."""
    return (nearest(real, fake) < real_radii).double().mean().item()


def nearest(images: Tensor, others: Tensor) -> Tensor:
    """The distance (N,) of each image (N, F) from the nearest of the others (M, F), in the precision they come in."""
    return torch.cat([block.amin(1) for _, block in _distances(images, others)])


def nearest_neighbour_error(known: Tensor, known_labels: Tensor, images: Tensor, labels: Tensor) -> float:
    """The share of images (N, F) whose nearest known one (M, F) is of another class: a 1-nearest-neighbour classifier
    of the known ones, in the precision they come in. The labels are (M,) and (N,)."""
    nearest_ones = torch.cat([block.argmin(1) for _, block in _distances(images, known)])
    wrong = known_labels[nearest_ones] != labels
    return wrong.cpu().double().mean().item()  # an Apple GPU has no float64


def _distances(a: Tensor, b: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Euclidean distances of a (N, F) from b (M, F), some rows at a time: which rows, and the block of them."""
    b_squares = b.square().sum(1)
    step = max(1, _ELEMENTS // len(b))
    for start in range(0, len(a), step):
        part = a[start : start + step]
        squares = torch.addmm(part.square().sum(1)[:, None] + b_squares, part, b.T, alpha=-2)
        yield slice(start, start + len(part)), squares.clamp_(min=0).sqrt_()


# Classes


def class_histogram(classes: Tensor, num_classes: int) -> Tensor:
    """The share (K,) of each class among classes (N,)."""
    return torch.bincount(classes, minlength=num_classes).double() / len(classes)


def class_distance(a: Tensor, b: Tensor) -> float:
    """The total variation distance of two histograms (K,): 0 equal, 1 without a common class; the share of images
    that would have to be of another class."""
    return (a - b).abs().sum().item() / 2


class Modes(NamedTuple):
    found: int
    """Kinds of which there is an image."""
    kl: float
    """KL(images || even) = sum of p log(p K), in nats: 0 if all K kinds are equally often, log K if there is one."""


def modes(counts: Tensor) -> Modes:
    """How many of the K kinds are among the images, and how far from even: counts (K,) of the images of each kind.

    The direction, and the even distribution in place of the data's own, are PacGAN's (Lin et al., arXiv 1712.04086).
    Biased upwards for few images: even draws of N give about (K - 1) / 2 N.
    """
    shares = counts.double() / counts.sum()
    divergence = torch.xlogy(shares, shares * len(counts)).sum().item()
    return Modes(int((counts > 0).sum()), max(0.0, divergence))  # evenness gives 0 but for rounding


# Memorisation

MEMORIZES_BELOW = 0.5
"""A ratio that real images do not come near to, nor a generator that only draws smoothly."""


def memorization_ratio(generated: Tensor, generated_classes: Tensor, unseen: Tensor, unseen_classes: Tensor) -> float:
    """How near generated images come to training images, beside images that training has not seen: 1 as near, 0
    copies.

    Takes distances from the `nearest` training image and classes, (N,) and (M,). It is the median of a generated
    image's distance over the median of unseen images of its class: ones are near to each other and eights are not, so
    a generator of ones would look like a copier. Sees copying only where most images are copies. NaN where no
    generated image is of a class of the unseen.
    """
    medians = torch.full((int(max(generated_classes.max(), unseen_classes.max())) + 1,), math.nan).double()
    for each in unseen_classes.unique().tolist():
        medians[each] = unseen[unseen_classes == each].double().median()
    return (generated / medians[generated_classes]).nanmedian().item()
