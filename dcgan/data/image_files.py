"""Image files of any mode and size, made arrays of the model's shape.

image_formats.py says which formats there are, and opens a file.

Shapes: C H W image.
"""

from __future__ import annotations

import contextlib
import itertools
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from dcgan.config import Fit, ShownGround
from dcgan.data.image_formats import ImageSource, RefusedImageError, UnreadableImageError, open_image, turned
from dcgan.locale.language import language, speaking

__all__ = ["UnreadableImageError", "check_header", "fit_array", "read_all", "read_image", "why_unreadable"]

_FILES_PER_ROUND = 256
"""Files handed to the threads at once: a bound on the memory, and on the work beyond a limit."""

_FILES_PER_TASK = 16
"""Files that one thread takes at a time: opening one is quicker than handing it over."""

_BAND_PIXELS = 2**20
"""Larger images are converted in bands of rows of about so many pixels, with one copy less in memory."""

_one_large_image = threading.Lock()
"""Held while an image of several bands is decoded, so that the threads do not all take much memory at once."""


def read_image(
    source: ImageSource,
    size: int,
    channels: int,
    *,
    fit: Fit = "crop",
    ground: ShownGround = "white",
    for_training: bool = True,
) -> np.ndarray:
    """Return a file's first frame as (channels, size, size) uint8: upright, and on `ground` where it is transparent.

    fit: cut off what is beyond a square, or pad the image to one. for_training: refuse what this program has drawn,
    since no generator should learn from samples.

    Raises UnreadableImageError, whatever is wrong with the file.
    """

    def read(*, pixels_only: bool) -> np.ndarray:
        # A JPEG is decoded at an eighth, a quarter or half of its size where that is still twice ours.
        with open_image(source, size=2 * size, pixels_only=pixels_only, for_training=for_training) as image:
            is_large = image.width * image.height > _BAND_PIXELS
            with _one_large_image if is_large else contextlib.nullcontext():
                return _fitted(turned(image), size, channels, fit, ground)

    # What a broken or hostile file makes Pillow raise is not documented: OSError, SyntaxError, struct.error.
    try:
        return read(pixels_only=False)
    except RefusedImageError as error:
        raise UnreadableImageError(source, error) from error
    except Exception as error:  # Pillow has no common type
        with contextlib.suppress(Exception):
            return read(pixels_only=True)
        raise UnreadableImageError(source, error) from error


def check_header(path: Path, *, size: int = 0) -> None:
    """Open a file without decoding it, for images of `size` pixels. Raises UnreadableImageError."""
    try:
        open_image(path, size=2 * size).close()
    except RefusedImageError as error:
        raise UnreadableImageError(path, error) from error
    except Exception as error:  # as in read_image
        with contextlib.suppress(Exception):
            return open_image(path, pixels_only=True).close()
        raise UnreadableImageError(path, error) from error


def why_unreadable(path: Path, size: int, channels: int) -> str:
    """Return why read_image cannot read a file; empty where it can."""
    try:
        read_image(path, size, channels)
    except UnreadableImageError as error:
        return error.reason
    return ""


def fit_array(image_u8: np.ndarray, size: int, channels: int) -> np.ndarray:
    """Return an image (C, H, W) uint8 as (channels, size, size), by the rule for files."""
    image = Image.fromarray(image_u8[0] if len(image_u8) == 1 else image_u8.transpose(1, 2, 0))
    return _fitted(image, size, channels, "crop", "white")


def read_all(paths: Sequence[Any], read: Callable[[Any], Any], threads: int) -> Iterator[Any]:
    """Yield read(path) of every path, or file in memory, in order, or the UnreadableImageError that it raised.

    A bounded number of files is read at a time.
    """
    code = language()  # the threads do not know for whom they work

    def read_some(indices: range) -> list[Any]:
        with speaking(code):
            return [_attempt(read, paths[i]) for i in indices]

    # Pillow lets other threads run while it decodes. Its warnings about odd metadata do not help the user. An icon
    # may hold a picture that is larger than it says: then the warning about its size is the only check.
    with warnings.catch_warnings(), ThreadPoolExecutor(max(1, threads)) as pool:
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        for start in range(0, len(paths), _FILES_PER_ROUND):
            places = range(start, min(start + _FILES_PER_ROUND, len(paths)))
            tasks = [places[i : i + _FILES_PER_TASK] for i in range(0, len(places), _FILES_PER_TASK)]
            yield from itertools.chain.from_iterable(pool.map(read_some, tasks))


def _attempt(read: Callable[[Any], Any], path: Any) -> Any:
    try:
        return read(path)
    except UnreadableImageError as error:
        return error


def _fitted(image: Image.Image, size: int, channels: int, fit: Fit, ground: ShownGround) -> np.ndarray:
    """Return 8 bits, gray by luminance (ITU-R 601-2) or RGB; resized (bicubic, antialiased), cropped or padded."""
    converted = _converted(image, "L" if channels == 1 else "RGB", ground)
    if fit == "pad":
        pixels = _padded(converted, size)
    else:
        pixels = np.asarray(ImageOps.fit(converted, (size, size), Image.Resampling.BICUBIC))
    return pixels[None] if channels == 1 else pixels.transpose(2, 0, 1)


def _padded(image: Image.Image, size: int) -> np.ndarray:
    """Return the whole image in the middle of a square. The mean color of its border fills the rest."""
    longer = max(image.size)
    # Integers, so that every machine rounds alike, here and below.
    shape = [max(1, (2 * side * size + longer) // (2 * longer)) for side in image.size]
    resized = image if shape == list(image.size) else image.resize((shape[0], shape[1]), Image.Resampling.BICUBIC)
    pixels = np.asarray(resized)  # (H, W) or (H, W, 3)
    height, width = pixels.shape[:2]
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]]).astype(np.int64)
    square = np.empty((size, size, *pixels.shape[2:]), np.uint8)
    square[:] = (2 * border.sum(0) + len(border)) // (2 * len(border))
    top, left = (size - height) // 2, (size - width) // 2
    square[top : top + height, left : left + width] = pixels
    return square


def _converted(image: Image.Image, mode: str, ground: ShownGround) -> Image.Image:
    """Return the image in 8 bits, gray (L) or RGB, on the ground where it is transparent."""
    white = deep_white(image)
    if image.width * image.height <= _BAND_PIXELS:
        return _to_mode(image, mode, white, ground)
    if image.mode == mode and not image.has_transparency_data:
        return image
    whole = Image.new(mode, image.size)
    for top, band in _bands(image):
        whole.paste(_to_mode(band, mode, white, ground), (0, top))
    return whole


def deep_white(image: Image.Image) -> float:
    """Return the value that means white in a deep gray image; 255 for 8 bits.

    Files of more than 8 bits do not say how many of them are used: the fewest of 8, 10, 12, 14 and 16 that hold the
    largest value. Above 16 bits this value itself is white. Floats are in [0, 1] if the values say so, else in
    0..255.
    """
    if image.mode != "F" and not image.mode.startswith("I"):
        return 255
    top = max(float(np.nan_to_num(_floats(band)).max()) for _, band in _bands(image))
    if image.mode == "F":
        return 1 if top <= 1 else 255
    return next((white for white in _WHITES if top <= white), top)


_WHITES = tuple(2**bits - 1 for bits in (8, 10, 12, 14, 16))


def _bands(image: Image.Image) -> Iterator[tuple[int, Image.Image]]:
    """Yield the image in bands of rows, each with its first row."""
    rows = max(1, _BAND_PIXELS // max(1, image.width))
    for top in range(0, image.height, rows):
        yield top, image.crop((0, top, image.width, min(top + rows, image.height)))


def _to_mode(image: Image.Image, mode: str, white: float, ground: ShownGround) -> Image.Image:
    image = _to_eight_bits(image, white, ground)
    # Gray by way of RGB: other modes, such as CMYK, have no gray of their own.
    image = image if image.mode == "RGB" else image.convert("RGB")
    return image if mode == "RGB" else image.convert("L")


def _floats(image: Image.Image) -> np.ndarray:
    return np.asarray(image, np.float64)


def _to_eight_bits(image: Image.Image, white: float, ground: ShownGround) -> Image.Image:
    """Scale deep grays, which Pillow would clip at 255, and lay transparency on the ground, like paper."""
    if image.mode.startswith("I"):  # 16 bits, which older Pillows and some formats hand out as 32
        gray = np.clip(_floats(image), 0, white) / (white / 255)
        return Image.fromarray(gray.round().astype(np.uint8))
    if image.mode == "F":
        values = np.nan_to_num(_floats(image))
        return Image.fromarray(np.clip(values * (255 / white), 0, 255).round().astype(np.uint8))
    if image.has_transparency_data:
        return Image.alpha_composite(Image.new("RGBA", image.size, ground), image.convert("RGBA"))
    return image
