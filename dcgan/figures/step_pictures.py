"""Draw what a training step computes, as HTML: images with numbers below, latents, and the way through both networks.

Pictures are within the HTML as PNG. Texts are escaped. N images, Z latent, C H W image.
"""

from __future__ import annotations

import base64
import html
import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dcgan import pixels
from dcgan.figures.overlays import advice_overlay, signed_overlay
from dcgan.figures.plots import DISCRIMINATOR, GENERATOR, GRAY, REAL
from dcgan.locale.language import tr, tr_later, tr_marked
from dcgan.pixels import Bytes

MIN_CELL_PIXELS = 56
"""Images are enlarged by the smallest whole factor that makes them so large."""
MAX_LATENT_NUMBERS = 1024
"""Of one z that are drawn."""

_STYLE = """<style>
.step-images {display: grid; grid-template-columns: repeat(4, minmax(0, 1fr)); gap: 10px 6px; margin: 2px 0 10px}
.step-images figure {margin: 0; text-align: center; font-size: 0.8rem; line-height: 1.25; overflow-wrap: anywhere}
.step-images img {image-rendering: pixelated; max-width: 100%; border: 3px solid transparent; box-sizing: content-box}
.step-way {display: flex; flex-wrap: wrap; align-items: center; gap: 4px; font-size: 0.8rem; margin: 2px 0 8px}
.step-way span {border: 1px solid; border-radius: 6px; padding: 1px 6px; white-space: nowrap}
.step-way b {border: 0; font-weight: 400; padding: 0}
</style>"""


class Cell(NamedTuple):
    """One picture with its lines of text."""

    picture_u8: Bytes
    """(H, W) or (H, W, 3)."""
    lines: tuple[str, ...]
    """The first one is bold. Empty ones are left out."""
    alt: str
    """What a screen reader reads."""
    color: str = "transparent"
    """Of the frame, in CSS."""


def image_cells(cells: Sequence[Cell]) -> str:
    """Return the pictures in rows of four, as HTML."""
    return f'{_STYLE}<div class="step-images">{"".join(map(_figure, cells))}</div>'


def _figure(cell: Cell) -> str:
    height, width = cell.picture_u8.shape[:2]
    zoom = math.ceil(MIN_CELL_PIXELS / max(height, width))
    data = base64.b64encode(pixels.png_bytes(cell.picture_u8, compress_level=1)).decode()
    first, *others = (html.escape(line) for line in cell.lines if line)
    lines = "".join(f"<br>{line}" for line in others)
    return (
        f'<figure><img src="data:image/png;base64,{data}" alt="{html.escape(cell.alt)}" width="{zoom * width}" '
        f'style="border-color: {cell.color}"><figcaption><b>{first}</b>{lines}</figcaption></figure>'
    )


def pictures(images_u8: Bytes) -> list[Bytes]:
    """Return images (N, C, H, W) one by one, (H, W) or (H, W, 3)."""
    return [image[0] if len(image) == 1 else image.transpose(1, 2, 0) for image in images_u8]


def arrow_pictures(images_u8: Bytes, gradient: NDArray[np.floating]) -> list[Bytes]:
    """Return images (N, C, H, W) under minus the gradient of a loss: blue where a pixel should become brighter."""
    return pictures(advice_overlay(images_u8, -np.nan_to_num(gradient, posinf=0.0, neginf=0.0)))


def latent_pictures(z: NDArray[np.floating]) -> list[Bytes]:
    """Return latents (N, Z) as squares of colored numbers: blue above 0, vermilion below, full at 3.

    A square has about MIN_CELL_PIXELS on a side.
    """
    z = np.nan_to_num(z[:, :MAX_LATENT_NUMBERS])
    side = math.ceil(math.sqrt(z.shape[1]))
    squares = np.zeros((len(z), side * side))
    squares[:, : z.shape[1]] = z / 3
    black = np.zeros((len(z), 1, side, side), np.uint8)
    zoom = max(1, MIN_CELL_PIXELS // side)
    drawn = pictures(signed_overlay(black, squares.reshape(len(z), side, side)))
    return [picture.repeat(zoom, 0).repeat(zoom, 1) for picture in drawn]


# The way through both networks

Station = Literal["z", "G", "fake", "real", "D", "logits", "loss"]

_STATIONS: dict[Station, tuple[str, str, str]] = {
    "z": ("z", GRAY, "#000"),
    "G": ("G", GENERATOR, "#fff"),
    "fake": (tr_later("fake images"), GENERATOR, "#fff"),
    "real": (tr_later("real images"), REAL, "#000"),
    "D": ("D", DISCRIMINATOR, "#000"),
    "logits": (tr_later("logits"), GRAY, "#000"),
    "loss": (tr_later("loss"), GRAY, "#000"),
}
"""Station -> its text, marked for translation, and its color and the color of its text where it is filled."""


def way(filled: Sequence[Station], framed: Sequence[Station], *, backward: bool, alt: str) -> str:
    """Return the way from z to the loss in one line, as HTML.

    Filled stations change. Framed ones compute. Gradients go backward.
    """
    arrow = "\u2190" if backward else "\u2192"
    both = tr("and")  # D sees the images on its left and on its right
    parts = []
    for name, (text, color, on_color) in _STATIONS.items():
        if name == "real":
            parts.append(f"<b>{html.escape(both)}</b>")
        elif parts:
            parts.append(f"<b>{arrow}</b>")
        style = f"border-color: {color if name in framed else 'rgba(136, 136, 136, 0.4)'}"
        if name in filled:
            style = f"background: {color}; border-color: {color}; color: {on_color}; font-weight: 600"
        parts.append(f'<span style="{style}">{html.escape(tr_marked(text))}</span>')
    return f'{_STYLE}<div class="step-way" role="img" aria-label="{html.escape(alt)}">{"".join(parts)}</div>'
