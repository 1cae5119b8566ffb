"""What a picture is, at a glance: its size, colors, transparency and depth, from 64x64 of its pixels."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image

from dcgan.config import ShownGround
from dcgan.data.folder import ImageFiles
from dcgan.data.image_files import UnreadableImageError, deep_white, read_all
from dcgan.data.image_formats import ImageSource, open_image, orientation_of, whole_size

_SIDE = 64
_MIN_COLOR = 17
"""Difference between the channels of a pixel that has a color: JPEG gives gray pictures small ones."""
_MIN_COLORED_SHARE = 0.01
_MIN_CONTRAST = 32
"""Mean difference of a drawing from its ground, of 255, below which it can hardly be seen."""
GROUND_SAMPLE = 64
"""Pictures of a folder that decide its ground. They are evenly spaced in path order."""
_OPAQUE_EXTENSIONS = (b".jpg", b".jpeg", b".jfif", b".jpe", b".bmp")


class Glance(NamedTuple):
    """What one picture is. Sizes are in pixels, and upright."""

    width: int
    height: int
    has_color: bool
    is_transparent: bool
    hides_on: tuple[ShownGround, ...] = ()
    """The grounds on which a transparent picture can hardly be seen."""
    bits: int = 8
    """Bits of a gray value that are used; 8 for colors."""
    stored_bits: int = 8


def glance_at(source: ImageSource) -> Glance:
    """Return what a picture is. Raises UnreadableImageError, whatever is wrong with the file."""
    try:
        return _glance_at(source, pixels_only=False)
    except Exception as error:  # as in read_image
        with contextlib.suppress(Exception):
            return _glance_at(source, pixels_only=True)
        raise UnreadableImageError(source, error) from error


def _glance_at(source: ImageSource, *, pixels_only: bool) -> Glance:
    with open_image(source, size=_SIDE, pixels_only=pixels_only) as image:
        width, height = whole_size(image)
        image.load()
        if orientation_of(image) >= 5:
            width, height = height, width
        bits, stored_bits = _bits(image)
        small = image.resize((_SIDE, _SIDE), Image.Resampling.NEAREST)
        return Glance(width, height, _has_color(small), *_transparency(small), bits, stored_bits)


def glances(files: ImageFiles, indices: Sequence[int], threads: int = 1) -> list[Glance | UnreadableImageError]:
    """Return what the files of these indices are, in order, and an error for each that cannot be read."""
    return list(read_all([files.paths[i] for i in indices], glance_at, threads))


def evenly_spaced(total: int, count: int) -> list[int]:
    """Return at most `count` indices of 0..total - 1, evenly spaced, in order."""
    count = min(total, count)
    return [i * total // count for i in range(count)]


def shown_ground(files: ImageFiles, threads: int = 1) -> ShownGround:
    """Return the ground on which more of the folder's transparent pictures can be seen; white if as many on both.

    A sample decides, which is a function of the folder's names and pixels alone.
    """
    # By their extension, most files cannot be transparent, and are not opened.
    candidates = [
        i for i, name in enumerate(files.paths.names.tolist()) if not name.lower().endswith(_OPAQUE_EXTENSIONS)
    ]
    sample = [candidates[i] for i in evenly_spaced(len(candidates), GROUND_SAMPLE)] if candidates else []
    return ground_that_shows(glances(files, sample, threads))


def ground_that_shows(looks: Iterable[Glance | UnreadableImageError]) -> ShownGround:
    """Return the ground on which more of the transparent pictures can be seen; white if as many on both."""
    hidden = [glance.hides_on for glance in looks if isinstance(glance, Glance)]
    on_white, on_black = (sum(ground in grounds for grounds in hidden) for ground in ("white", "black"))
    return "black" if on_white > on_black else "white"


def _bits(image: Image.Image) -> tuple[int, int]:
    """Return how many bits of a gray value are used, and how many the file has."""
    if not image.mode.startswith("I"):
        return 8, 8
    return max(1, int(deep_white(image)).bit_length()), 32 if image.mode == "I" else 16


def _has_color(image: Image.Image) -> bool:
    if image.mode.startswith("I") or image.mode in ("1", "L", "LA", "F"):
        return False
    pixels = np.asarray(image.convert("RGBA"), np.int64)
    spread = (pixels[..., :3].max(-1) - pixels[..., :3].min(-1)) * (pixels[..., 3] >= 128)
    return bool((spread >= _MIN_COLOR).mean() >= _MIN_COLORED_SHARE)


def _transparency(image: Image.Image) -> tuple[bool, tuple[ShownGround, ...]]:
    """Return whether a picture is transparent anywhere, and the grounds on which it can hardly be seen."""
    if not image.has_transparency_data:
        return False, ()
    pixels = np.asarray(image.convert("RGBA"), np.int64)
    alpha = pixels[..., 3:]
    if alpha.min() == 255:
        return False, ()
    weight = 3 * max(1, int(alpha.sum()))
    grounds: tuple[tuple[ShownGround, int], ...] = (("white", 255), ("black", 0))
    contrasts = {name: int((alpha * abs(pixels[..., :3] - value)).sum()) // weight for name, value in grounds}
    if not alpha.any():
        return True, ()
    return True, tuple(name for name, _ in grounds if contrasts[name] < _MIN_CONTRAST)
