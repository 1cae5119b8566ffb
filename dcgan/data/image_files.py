"""Image files of any mode and size, made arrays of the model's shape.

Shapes: C H W image.
"""

from __future__ import annotations

import contextlib
import itertools
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

_FILES_PER_ROUND = 256
"""Files handed to the threads at once: a bound on the memory, and on the work beyond a limit."""

_FILES_PER_TASK = 16
"""Files that one thread takes at a time: opening one is quicker than handing it over."""


MAX_DECODED_BYTES = 2**29
"""Memory of one decoded file, with what its decoder takes. `_BYTES_PER_PIXEL` makes a number of pixels of it."""

_BYTES_PER_PIXEL = {"JPEG": 6, "MPO": 6, "WEBP": 20, "AVIF": 20, "JPEG2000": 28}
"""By format; 12 for the others, which are decoded to 4 bytes and converted to as many. JPEG is decoded at a lower
size. WebP, AVIF and JPEG 2000 have several copies in memory."""

_PROGRESSIVE_BYTES = 3
"""For each pixel and color of a progressive JPEG, whose decoder keeps two bytes of each until the end of the file."""

_BAND_PIXELS = 2**20
"""Larger images are converted in bands of rows of about so many pixels, with one copy less in memory."""

_one_large_image = threading.Lock()
"""Held while an image of several bands is decoded, so that the threads do not all take much memory at once."""


class UnreadableImageError(ValueError):
    """A file with the extension of an image that cannot be read as one."""


def read_image(path: Path, size: int, channels: int) -> np.ndarray:
    """Return a file's first frame as (channels, size, size) uint8: upright, and on white where it is transparent.

    Raises UnreadableImageError, whatever is wrong with the file.
    """
    # What a broken or hostile file makes Pillow raise is not documented: OSError, SyntaxError, struct.error.
    try:
        with _open(path) as image:
            # A JPEG is decoded at an eighth, a quarter or half of its size where that is still twice ours.
            image.draft(None, (2 * size, 2 * size))
            is_large = image.width * image.height > _BAND_PIXELS
            with _one_large_image if is_large else contextlib.nullcontext():
                ImageOps.exif_transpose(image, in_place=True)
                return _fit(image, size, channels)
    except Exception as error:  # Pillow has no common type
        raise UnreadableImageError(f"{path} cannot be read as an image ({error}); try PNG") from error


def check_header(path: Path) -> None:
    """Open a file without decoding it. Raises UnreadableImageError."""
    try:
        _open(path).close()
    except Exception as error:  # as in read_image
        raise UnreadableImageError(f"{path} cannot be read as an image ({error}); try PNG") from error


def fit_array(image_u8: np.ndarray, size: int, channels: int) -> np.ndarray:
    """Return an image (C, H, W) uint8 as (channels, size, size), by the rule for files."""
    image = Image.fromarray(image_u8[0] if len(image_u8) == 1 else image_u8.transpose(1, 2, 0))
    return _fit(image, size, channels)


def read_all(paths: Sequence[Path], read: Callable[[Path], Any], threads: int) -> Iterator[Any]:
    """Yield read(path) of every path in order, or the UnreadableImageError that it raised.

    A bounded number of files is read at a time.
    """

    def read_some(indices: range) -> list[Any]:
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


def _attempt(read: Callable[[Path], Any], path: Path) -> Any:
    try:
        return read(path)
    except UnreadableImageError as error:
        return error


@cache
def image_extensions() -> frozenset[str]:
    """Return the extensions of the formats that are read, such as .png, in lower case."""
    return frozenset(ext for ext, name in Image.registered_extensions().items() if name in _formats())


@cache
def _formats() -> tuple[str, ...]:
    """Return what Pillow opens, without what it only recognizes and without EPS, which starts Ghostscript.

    Pillow tries them in this order: with the usual ones first a file is open in half the time.
    """
    Image.init()
    usual = ("JPEG", "PNG", "WEBP")
    return usual + tuple(sorted(set(Image.OPEN) - {*usual, "BUFR", "EPS", "GRIB", "HDF5", "MPEG", "WMF"}))


def _open(path: Path) -> Image.Image:
    image = Image.open(path, formats=_formats())
    width, height = image.size
    # A few kilobytes of PNG can hold gigabytes of pixels.
    bytes_per_pixel = _BYTES_PER_PIXEL.get(image.format or "", 12)
    if image.info.get("progressive") or image.info.get("progression"):
        bytes_per_pixel = max(bytes_per_pixel, _PROGRESSIVE_BYTES * len(image.getbands()))
    most = min(MAX_DECODED_BYTES // bytes_per_pixel, Image.MAX_IMAGE_PIXELS or MAX_DECODED_BYTES)
    if width * height > most:
        image.close()
        raise UnreadableImageError(f"{width}x{height} pixels are more than the {most:,} of a {image.format} file")
    return image


def _fit(image: Image.Image, size: int, channels: int) -> np.ndarray:
    """Return 8 bits, gray by luminance (ITU-R 601-2) or RGB; resized (bicubic, antialiased) and center-cropped."""
    mode = "L" if channels == 1 else "RGB"
    pixels = np.asarray(ImageOps.fit(_converted(image, mode), (size, size), Image.Resampling.BICUBIC))
    return pixels[None] if channels == 1 else pixels.transpose(2, 0, 1)


def _converted(image: Image.Image, mode: str) -> Image.Image:
    """Return the image in 8 bits, gray (L) or RGB, on white where it is transparent."""
    # No file declares the range of floats: [0, 1] if the values say so, else 0..255.
    is_unit = image.mode == "F" and max(np.nan_to_num(_floats(band)).max() for _, band in _bands(image)) <= 1
    scale = 255 if is_unit else 1
    if image.width * image.height <= _BAND_PIXELS:
        return _to_mode(image, mode, scale)
    if image.mode == mode and not image.has_transparency_data:
        return image
    whole = Image.new(mode, image.size)
    for top, band in _bands(image):
        whole.paste(_to_mode(band, mode, scale), (0, top))
    return whole


def _bands(image: Image.Image) -> Iterator[tuple[int, Image.Image]]:
    """Yield the image in bands of rows, each with its first row."""
    rows = max(1, _BAND_PIXELS // max(1, image.width))
    for top in range(0, image.height, rows):
        yield top, image.crop((0, top, image.width, min(top + rows, image.height)))


def _to_mode(image: Image.Image, mode: str, scale: int) -> Image.Image:
    image = _to_eight_bits(image, scale)
    # Gray by way of RGB: other modes, such as CMYK, have no gray of their own.
    image = image if image.mode == "RGB" else image.convert("RGB")
    return image if mode == "RGB" else image.convert("L")


def _floats(image: Image.Image) -> np.ndarray:
    return np.asarray(image, np.float64)


def _to_eight_bits(image: Image.Image, scale: int) -> Image.Image:
    """Scale deep grays, which Pillow would clip at 255, and lay transparency on white, like paper."""
    if image.mode.startswith("I"):  # 16 bits, which older Pillows and some formats hand out as 32
        gray = np.clip(np.asarray(image).astype(np.float64), 0, 65535) / 257
        return Image.fromarray(gray.round().astype(np.uint8))
    if image.mode == "F":
        values = np.nan_to_num(_floats(image))
        return Image.fromarray(np.clip(values * scale, 0, 255).round().astype(np.uint8))
    if image.has_transparency_data:
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
    return image
