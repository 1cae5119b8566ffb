"""Compare two sets of images by small patches at several sizes: the sliced Wasserstein distance. No classifier.

The method is that of Progressive GAN (Karras et al. 2018, arXiv 1710.10196, section 5). Each image becomes a
Laplacian pyramid: the details of each size, and at last the image at its smallest size. Patches of 7x7 pixels of each
level are compared along random directions. The finest level shows errors of texture, the coarsest errors of shape.

Where this differs from the paper, so that small sets and any size have a score:

| what | paper | here |
|---|---|---|
| patches a level | 2^21, 128 of each image | 2^14, at most 128 of each image |
| levels | halved down to 16 pixels | halved while 14 pixels are left, so 28 has the levels 28 and 14 |
| mean and deviation of each channel | not stated; its code takes those of each set | those of the real patches |

With the mean of each set, wrong colors and faint images would cost nothing. Patches lie at the same places in both
sets, so equal sets have the distance 0.

N images, C H W image, P patches, F numbers of a patch, K directions.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from dcgan.locale.language import tr

PATCH_SIZE = 7
MAX_PATCHES = 2**14
"""Patches of one level. 9.6 MB, for RGB."""
PATCHES_PER_IMAGE = 128
SMALLEST_LEVEL = 14
"""The least side of a level besides the image itself, in pixels."""
NUM_DIRECTIONS = 512
SCALE = 1000
"""Distances are multiplied by it, as in the paper's tables."""
ROUNDING = 2 / 255 / math.sqrt(12)
"""The standard deviation of rounding to bytes. A channel that varies less counts as varying so much."""

_SEED = 0
_DIRECTIONS_AT_ONCE = 128
"""Directions whose projections are in memory: 8 MB for each set."""


def level_sizes(image_size: int) -> tuple[int, ...]:
    """Return the sides of the levels in pixels, from the image's own to the smallest.

    >>> level_sizes(128), level_sizes(28), level_sizes(100), level_sizes(20)
    ((128, 64, 32, 16), (28, 14), (100, 50, 25), (20,))
    """
    sizes = [image_size]
    while (half := math.ceil(sizes[-1] / 2)) >= SMALLEST_LEVEL:
        sizes.append(half)
    return tuple(sizes)


def laplacian_pyramid(images: Tensor) -> list[Tensor]:
    """Return the levels of images (N, C, H, H), each (N, C, h, h), from the finest to the coarsest.

    A level is what is lost where the image is halved. The last one is the image at the smallest size. Added up by
    `double`, they give the image again.
    """
    levels = [images]
    for _ in level_sizes(images.shape[-1])[1:]:
        small = halve(levels[-1])
        levels[-1] = levels[-1] - double(small, levels[-1].shape[-1])
        levels.append(small)
    return levels


def halve(images: Tensor) -> Tensor:
    """Blur images (N, C, H, H), and return every other pixel of every other row."""
    return _blurred(images)[..., ::2, ::2]


def double(images: Tensor, size: int) -> Tensor:
    """Return images (N, C, h, h) at the side `size`, which `halve` makes h: zeros between the pixels, then a blur."""
    spread = images.new_zeros(*images.shape[:2], size, size)
    spread[..., ::2, ::2] = images
    return 4 * _blurred(spread)


def _blurred(images: Tensor) -> Tensor:
    """Blur with the binomial kernel 1 4 6 4 1, down and across. Images are mirrored at their edges."""
    # Sums of slices: a convolution of one channel is no faster, and a GPU chooses its kernel by the batch.
    for dim in (2, 3):
        padded = F.pad(images, (0, 0, 2, 2) if dim == 2 else (2, 2, 0, 0), mode="reflect")
        length = images.shape[dim]
        a, b, c, d, e = (padded.narrow(dim, start, length) for start in range(5))
        images = (a + e) / 16 + (b + d) / 4 + c * 0.375
    return images


class Patches(NamedTuple):
    """Patches of a set of images."""

    num_images: int
    levels: tuple[Tensor, ...]
    """For each level, from the finest: (P, C, p, p) float32, with p = 7 or the whole of a smaller image."""


def patches_of(chunks: Iterable[Tensor], num_images: int) -> Patches:
    """Return patches of the first `num_images` (1 or more) images of these chunks, (B, C, H, H) in [-1, 1] each.

    The places are random, from a fixed seed. They depend on the number and the size of the images only, and not on
    the chunks. Only one chunk and the patches are in memory. Raises ValueError where the chunks have too few images.
    """
    levels: list[Tensor] = []
    places: list[Tensor] = []
    done = 0
    for chunk in chunks:
        chunk = chunk[: num_images - done]
        if not levels:
            sizes = level_sizes(chunk.shape[-1])
            places = [_places(num_images, size) for size in sizes]
            side = min(PATCH_SIZE, chunk.shape[-1])
            levels = [chunk.new_empty(len(place), chunk.shape[1], side, side) for place in places]
        for level, place, images in zip(levels, places, laplacian_pyramid(chunk), strict=True):
            _copy_patches(level, place, images, done)
        done += len(chunk)
        if done == num_images:
            return Patches(num_images, tuple(levels))
    raise ValueError(
        tr(
            "{count} images are fewer than the {required} that are to be compared; draw more of them",
            count=done,
            required=num_images,
        )
    )


def num_patches(num_images: int) -> int:
    """Return the number of patches of one level: 128 of each image, and at most 2^14."""
    return min(MAX_PATCHES, PATCHES_PER_IMAGE * num_images)


def _places(num_images: int, size: int) -> Tensor:
    """Return the image, the row and the column of each patch (P, 3) of a level, in the order of the images."""
    count, positions = num_patches(num_images), max(1, size - PATCH_SIZE + 1)
    draws = torch.Generator().manual_seed(_SEED)
    corners = torch.randint(positions, (count, 2), generator=draws)
    images = torch.arange(count) * num_images // count  # as many of each, up to one
    return torch.cat([images[:, None], corners], dim=1)


def _copy_patches(level: Tensor, places: Tensor, images: Tensor, first: int) -> None:
    """Copy the patches of these images (B, C, h, h), of which the first has the number `first`, into the level."""
    side = level.shape[-1]
    numbers = places[:, 0].contiguous()
    start, stop = torch.searchsorted(numbers, torch.tensor([first, first + len(images)])).tolist()
    image, row, column = (places[start:stop] - torch.tensor([first, 0, 0])).to(images.device).unbind(1)
    windows = images.unfold(2, side, 1).unfold(3, side, 1)  # (B, C, rows, columns, p, p), a view
    level[start:stop] = windows[image, :, row, column]


def sliced_wasserstein(real: Patches, others: Patches) -> tuple[float, ...]:
    """Return the distance of two sets for each level, from the finest, times 1000; 0 for equal sets.

    It is the mean, over random directions, of the Wasserstein distance of the patches' projections. Patches are
    measured in the standard deviations of the real ones, channel by channel. Both sets have as many images: fewer of
    them are farther from each other, so only distances of as many images compare. The same call gives the same
    numbers on the same device. Raises ValueError for sets of different sizes.
    """
    shapes = [[tuple(level.shape) for level in patches.levels] for patches in (real, others)]
    if real.num_images != others.num_images or shapes[0] != shapes[1]:
        raise ValueError(
            f"{real.num_images} and {others.num_images} images with patches of {shapes[0]} and {shapes[1]} do not "
            "compare; take as many images of the same size"
        )
    return tuple(map(_distance, real.levels, others.levels))


def mean_distance(levels: Sequence[float]) -> float:
    """Return the mean over the levels: the last column of the paper's tables."""
    return sum(levels) / len(levels)


def normalization(real: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and standard deviation (1, C, 1, 1) of real patches (P, C, p, p), in each channel."""
    deviation, mean = torch.std_mean(real, dim=(0, 2, 3), correction=0, keepdim=True)
    return mean, deviation.clamp(min=ROUNDING)


def directions(num_numbers: int) -> Tensor:
    """Return random unit vectors (K, F), always the same for F numbers."""
    draws = torch.Generator().manual_seed(_SEED)
    vectors = torch.randn(NUM_DIRECTIONS, num_numbers, generator=draws)
    return vectors / vectors.norm(dim=1, keepdim=True)


def _distance(real: Tensor, others: Tensor) -> float:
    """Return the distance of two levels (P, C, p, p)."""
    mean, deviation = normalization(real)
    a, b = (((level - mean) / deviation).flatten(1).T for level in (real, others))  # (F, P)
    total = 0.0
    for block in directions(len(a)).to(a.device).split(_DIRECTIONS_AT_ONCE):
        differences = _sorted_rows(block @ a) - _sorted_rows(block @ b)  # (k, P)
        total += differences.abs().mean(1).cpu().double().sum().item()
    return SCALE * total / NUM_DIRECTIONS


def _sorted_rows(values: Tensor) -> Tensor:
    """Sort each row. On a CPU NumPy takes about a tenth of PyTorch's time."""
    if values.device.type == "cpu":
        return torch.from_numpy(np.sort(values.cpu().numpy(), axis=1))
    return values.sort(1).values
