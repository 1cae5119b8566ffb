"""Colors that say which way something goes, over images and around them.

Blue and vermilion are different for color-blind eyes too, on black and on white.

N images, C H W image.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dcgan.figures.plots import DISCRIMINATOR, GENERATOR, GRAY, REAL
from dcgan.pixels import Bytes

BRIGHTER, DARKER = GENERATOR, DISCRIMINATOR
"""Color of pixels that become brighter, and of those that become darker."""
_GAMMA = 0.6
"""Below 1, so that weak changes are seen too."""
_LEAST_RANGE = 8.0
"""Levels of 255. A smaller change is not stretched to the full color."""


def realness_color(realness: float) -> str:
    """Return a color as #rrggbb: the generator's blue at 0, gray at 1/2, the green of real images at 1."""
    realness = min(1.0, max(0.0, realness))
    ends = (GENERATOR, GRAY) if realness < 0.5 else (GRAY, REAL)
    share = 2 * realness - (realness >= 0.5)
    low, high = (np.array(rgb(end), np.float64) for end in ends)
    return "#{:02x}{:02x}{:02x}".format(*np.rint(low + share * (high - low)).astype(int))


def rgb(color: str) -> tuple[int, int, int]:
    """Return #rrggbb as three bytes."""
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)


def advice_overlay(images_u8: Bytes, advice: NDArray[np.floating]) -> Bytes:
    """Return gray images (N, 3, H, W) under the advice (N, C, H, W). An image's largest has the full color."""
    signed = np.asarray(advice, np.float64).mean(1)
    largest = np.abs(signed).max((1, 2), keepdims=True)
    return signed_overlay(images_u8, signed / np.maximum(largest, 1e-30))


def difference_overlay(images_u8: Bytes, without_u8: Bytes, *, light: bool = False) -> Bytes:
    """Return what is in images (N, C, H, W) and not in those without it, as (N, 3, H, W).

    Blue is what made a pixel brighter, and vermilion what made it darker. The images below are dim; `light` is for
    images on white, which become pale. The colors have one scale for all images.
    """
    change = (images_u8.astype(np.float64) - without_u8).mean(1)
    dim_u8 = 255 - (255 - images_u8) // 3 if light else images_u8 // 3
    return signed_overlay(dim_u8, change / max(_LEAST_RANGE, float(np.abs(change).max(initial=0))))


def signed_overlay(images_u8: Bytes, signed: NDArray[np.floating]) -> Bytes:
    """Return gray images (N, 3, H, W) under blue where `signed` (N, H, W) is above 0, and vermilion where below.

    At 1 and -1 the color covers the image.
    """
    gray = np.repeat(images_u8.mean(1, keepdims=True), 3, axis=1)
    opacity = np.abs(signed).clip(0, 1)[:, None] ** _GAMMA
    brighter, darker = (np.array(rgb(color), np.float64)[None, :, None, None] for color in (BRIGHTER, DARKER))
    color = np.where(signed[:, None] > 0, brighter, darker)
    return np.rint(gray * (1 - opacity) + color * opacity).astype(np.uint8)
