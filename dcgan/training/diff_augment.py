"""Random changes of real and fake images before the discriminator sees them, with gradients through them.

A discriminator that sees few images learns them by heart. It cannot do so where each image comes in many versions.
The generator learns the images without the changes, because its images are changed in the same way.
Source: Zhao et al. 2020 (arXiv 2006.10738), and for the probability p Karras et al. 2020 (arXiv 2006.06676).

N images, C channels, H W image.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from dcgan.config import AUGMENTATIONS

MAX_TRANSLATION = 1 / 8
"""Of the side, in both directions. This bound and the next ones are those of Zhao et al."""
CUTOUT = 1 / 2
"""Side of the square that is cut out, as a share of the image's side."""
_NUMBERS = 5
"""Random numbers for one image and kind: the first decides whether the image is changed."""
NUM_PARAMETERS = _NUMBERS * len(AUGMENTATIONS)
"""Random numbers for one image. Each kind has its own, so that one kind more changes none of the others."""

MAX_PROBABILITY = 0.8
"""Bound of a steered p. At p near 1 the generator draws the changes too (Karras et al. 2020, section 2.2)."""
FULL_STEERING_IMAGES = 100_000
"""Real images in which a steered p could move from 0 to 1. Karras et al. use 500,000, for trainings of 25 million."""


def augment(images: Tensor, drawn: Tensor, kinds: tuple[str, ...], p: float | Tensor) -> Tensor:
    """Return the images (N, C, H, W), each changed by each of the kinds with probability p in [0, 1].

    drawn: (N, NUM_PARAMETERS), uniform on [0, 1). kinds: names from dcgan.config.AUGMENTATIONS. Gradients flow
    through to the images.
    """
    if not len(images):  # a rank without images
        return images
    parts: dict[str, Tensor] = dict(zip(AUGMENTATIONS, drawn.split(_NUMBERS, dim=1), strict=True))
    for kind, change in _CHANGES.items():
        if kind in kinds:
            numbers = parts[kind]
            images = change(images, numbers[:, 1:], numbers[:, 0] < p)
    return images


def _translate(images: Tensor, numbers: Tensor, changed: Tensor) -> Tensor:
    """Shift by whole pixels, up to MAX_TRANSLATION of the side. Pixels from outside repeat the edge."""
    most = round(MAX_TRANSLATION * images.shape[-1])
    shifts = ((2 * most + 1) * numbers[:, :2]).floor() - most  # (N, 2)
    shifts = torch.where(changed[:, None], shifts, 0)
    rows, columns = (_shift_matrix(shift, images.shape[-1]) for shift in shifts.unbind(1))
    return rows @ images @ columns.mT


def _shift_matrix(shifts: Tensor, side: int) -> Tensor:
    """Return (N, 1, side, side): a 1 in each row, at the pixel that comes there.

    A product with it has a gradient that is the same in every run. Those of gather and grid_sample add in the order
    of the GPU's threads.
    """
    places = torch.arange(side, device=shifts.device)
    sources = (places - shifts[:, None]).clamp(0, side - 1)  # (N, side)
    return (sources[:, :, None] == places).to(shifts.dtype)[:, None]


def _mirror(images: Tensor, numbers: Tensor, changed: Tensor) -> Tensor:
    """Exchange left and right in half of the images that may be changed, as real images would be."""
    mirrored = changed & (numbers[:, 0] < 0.5)
    return torch.where(mirrored[:, None, None, None], images.flip(3), images)


def _cutout(images: Tensor, numbers: Tensor, changed: Tensor) -> Tensor:
    """Set a square at a random place to 0. It may lie partly outside."""
    side = images.shape[-1]
    places = torch.arange(side, device=images.device)
    half = CUTOUT * side / 2
    inside = ((places - side * numbers[:, :2, None]).abs() < half) & changed[:, None, None]  # (N, 2, side)
    kept = ~(inside[:, 0, :, None] & inside[:, 1, None, :])
    return images * kept[:, None]


def _color(images: Tensor, numbers: Tensor, changed: Tensor) -> Tensor:
    """Change brightness by up to 0.5, saturation by up to 2 and contrast by 0.5 to 1.5. Gray has no saturation."""
    brightness, saturation, contrast = numbers[:, :3, None, None, None].unbind(1)
    brighter = images + (brightness - 0.5)
    gray = brighter.mean(1, keepdim=True)
    saturated = gray + (brighter - gray) * 2 * saturation
    middle = saturated.mean((1, 2, 3), keepdim=True)
    contrasted = middle + (saturated - middle) * (contrast + 0.5)
    return torch.where(changed[:, None, None, None], contrasted, images)


_CHANGES: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "color": _color,
    "translate": _translate,
    "mirror": _mirror,
    "cutout": _cutout,
}
"""In the order of use: a cut square keeps its color, and a shift does not repeat its edge."""
assert set(_CHANGES) == set(AUGMENTATIONS)


def steered(p: Tensor, overlap: Tensor, target: float, num_images: int) -> Tensor:
    """Return the next p: larger where D separates real from fake images better than the target, else smaller.

    overlap: r_t, the mean sign of D's logits on real images, in [-1, 1]. Where a loss pairs real with fake logits,
    only their difference has a meaning, and r_t is the mean sign of that. Source: Karras et al. 2020, section 3.1,
    which moves p every fourth step.
    """
    moved = p + torch.sign(overlap - target) * (num_images / FULL_STEERING_IMAGES)
    return moved.clamp(0, MAX_PROBABILITY)
