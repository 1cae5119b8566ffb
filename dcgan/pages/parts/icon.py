"""Draw the icon of the browser tab: a digit, half in the generator's color and half in the discriminator's.

It is a picture because a Material symbol makes the page fetch a font from elsewhere, and an emoji needs a font that
many machines lack.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from dcgan import pixels
from dcgan.figures.plots import DISCRIMINATOR, GENERATOR

_ROWS = (
    "........",
    "..####..",
    ".##..##.",
    ".##..##.",
    ".##..##.",
    ".##..##.",
    "..####..",
    "........",
)


def studio_icon(*, enlarge: int = 8) -> Image.Image:
    """Return the icon, 8 * enlarge pixels wide and high. It is RGBA, so Streamlit sends it as a PNG."""
    icon_u8 = np.empty((len(_ROWS), len(_ROWS[0]), 4), np.uint8)
    half = icon_u8.shape[1] // 2
    icon_u8[:, :half], icon_u8[:, half:] = _rgba(GENERATOR), _rgba(DISCRIMINATOR)
    icon_u8[np.array([[cell == "#" for cell in row] for row in _ROWS])] = 255
    return Image.fromarray(pixels.enlarge(icon_u8, enlarge))


def _rgba(color: str) -> tuple[int, ...]:
    return (*bytes.fromhex(color.removeprefix("#")), 255)
