"""Formats of image files: how a file is recognized, and how it is opened within a bound of memory.

Metadata never decides whether a picture is read: only its pixels and its orientation count.

The module has a few more than 250 lines, so that all formats and their bounds of memory stand together.
"""

from __future__ import annotations

import importlib
import io
import logging
import os
import stat
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

from PIL import Image, JpegImagePlugin, UnidentifiedImageError

from dcgan.locale.language import tr, tr_later, tr_marked

log = logging.getLogger(__name__)

MAX_DECODED_BYTES = 440_000_000
"""Memory of one decoded file, with what its decoder takes: with PyTorch's, less than a gigabyte.

`_BYTES_PER_PIXEL` makes a number of pixels of it.
"""

_BYTES_PER_PIXEL = {"JPEG": 6, "MPO": 6, "WEBP": 21, "AVIF": 14, "HEIF": 12, "JPEG2000": 32, "PNG": 8, "BMP": 8}
"""By format; 12 for the others, and for a turned picture. They are decoded to 4 bytes and converted to as many. WebP,
AVIF and JPEG 2000 have several copies in memory. Measured with photos, and with files that were made to be large."""

_OPAQUE_BYTES = 5
"""For a pixel of a PNG or BMP that needs no other copy than a gray one."""

_TURNED_BYTES = 12

_PROGRESSIVE_BYTES = 3
"""For each pixel and color of a progressive JPEG, whose decoder keeps two bytes of each until the end of the file."""

MAX_IMAGE_SIDE = 2**22
"""Pixels of a side. Of each row Pillow keeps 8 bytes, and for each pixel of a side that is made smaller 32 bytes."""

MAX_JPEG_PIXELS = 2**29
"""Of a whole JPEG, which is decoded at a lower size. It bounds the time."""

_REMEDIES = {
    tr_later("pip install pillow-heif lets them be read"): (".heic", ".heif", ".hif"),
    tr_later("pip install pillow-avif-plugin lets them be read"): (".avif", ".avifs"),
    tr_later("unpack them first"): (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar"),
    tr_later("save them as JPEG or PNG first"): (
        *(".jxl", ".svg", ".svgz", ".eps", ".xcf", ".ai"),
        *(".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2", ".raf"),
    ),
}
REMEDY_OF = {extension: remedy for remedy, extensions in _REMEDIES.items() for extension in extensions}
"""Extension of pictures that may not be read, or of an archive -> what to do, marked by tr_later."""

_PLUGINS = {"pillow_heif": "register_heif_opener", "pillow_avif": ""}
"""Plugins of Pillow that are used where they are installed, and the function that registers each."""

_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF's orientation -> what makes the picture upright."""

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"
_PIXEL_CHUNKS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")

_WHOLE_SIZE = "whole size"

SOFTWARE = "DCGAN Studio"
"""Value of the text Software in PNG files that commands draw, or Title of strips. They are no training images."""


ImageSource = Path | bytes
"""An image file: its path, or all that it holds."""


class UnreadableImageError(ValueError):
    """A file that cannot be read as an image; `reason` says why, in half a sentence."""

    def __init__(self, source: ImageSource, error: Exception) -> None:
        self.reason = _reason_of(source, error)
        name = tr("a file of {size} bytes", size=len(source)) if isinstance(source, bytes) else str(source)
        if isinstance(error, RefusedImageError | _BOMBS):
            text = tr("{path} cannot be read as an image ({reason})", path=name, reason=self.reason)
        else:
            text = tr("{path} cannot be read as an image ({reason}); try PNG", path=name, reason=self.reason)
        super().__init__(text)


_BOMBS = Image.DecompressionBombError | Image.DecompressionBombWarning
"""What Pillow raises for too many pixels."""


class RefusedImageError(ValueError):
    """An image that takes too much memory or time, or that this program has drawn."""


def _reason_of(source: ImageSource, error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        kind = _kind_of(source[:_HEAD_BYTES]) if isinstance(source, bytes) else kind_by_content(source)
        if kind in REMEDY_OF:
            return tr("it is a {kind} file; {remedy}", kind=kind, remedy=tr_marked(REMEDY_OF[kind]))
        return tr("it is empty, damaged or of an unknown format")
    if isinstance(error, _BOMBS):
        return tr("it has too many pixels; make it smaller")
    return " ".join(str(error).split())[:200] or type(error).__name__


@cache
def image_extensions() -> frozenset[str]:
    """Return the extensions of the formats that are read, such as .png, in lower case."""
    formats = _formats()  # first, since plugins register their extensions
    return frozenset(ext for ext, name in Image.registered_extensions().items() if name in formats)


@cache
def _formats() -> tuple[str, ...]:
    """Return what Pillow opens, without what it only recognizes and without EPS, which starts Ghostscript.

    Pillow tries them in this order: with the usual ones first a file is open in half the time.
    """
    Image.init()
    for name, register in _PLUGINS.items():
        try:
            plugin = importlib.import_module(name)
            if register:
                getattr(plugin, register)()
        except ImportError:
            continue  # not installed: such files are named with the remedy
        except Exception as error:  # a plugin of another version may raise anything; its formats are then not read
            log.warning("the plugin %s of Pillow does not work: %s", name, error)
    usual = ("JPEG", "PNG", "WEBP")
    return usual + tuple(sorted(set(Image.OPEN) - {*usual, "BUFR", "EPS", "GRIB", "HDF5", "MPEG", "WMF"}))


_HEAD_BYTES = 26


def kind_by_content(path: Path | str) -> str:
    """Return the usual extension of a file's format by its first bytes, such as .jpg; empty for other files."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # a named pipe would be waited for
            return ""
        with open(path, "rb", buffering=0) as file:
            head = file.read(_HEAD_BYTES)
    except OSError:
        return ""
    return _kind_of(head)


def _kind_of(head: bytes) -> str:
    starts = {
        _JPEG: ".jpg",
        _PNG: ".png",
        b"GIF87a": ".gif",
        b"GIF89a": ".gif",
        b"II*\0": ".tif",
        b"MM\0*": ".tif",
        b"\0\0\0\x0cjP  ": ".jp2",
        b"PK\x03\x04": ".zip",
        b"\x1f\x8b": ".gz",
        b"7z\xbc\xaf\x27\x1c": ".7z",
        b"Rar!": ".rar",
    }
    for start, kind in starts.items():
        if head.startswith(start):
            return kind
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return ".webp"
    if head[:2] == b"BM" and head[6:10] == bytes(4) and head[14:18] in (b"\x28\0\0\0", b"\x6c\0\0\0", b"\x7c\0\0\0"):
        return ".bmp"
    if head[4:8] == b"ftyp":
        if head[8:12] in (b"avif", b"avis"):
            return ".avif"
        if head[8:12] in (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"):
            return ".heic"
    return ""


def open_image(
    source: ImageSource, *, size: int = 0, pixels_only: bool = False, for_training: bool = True
) -> Image.Image:
    """Open a file. A JPEG is decoded at a part of its size that is still `size` pixels wide and high; 0: all of it.

    pixels_only leaves out the metadata of a PNG. for_training refuses what this program has drawn. What a broken or
    hostile file raises is not documented.
    """
    in_memory = isinstance(source, bytes)
    with io.BytesIO(source) if in_memory else open(source, "rb") as file:
        head = file.read(_HEAD_BYTES)
        if pixels_only:
            if not head.startswith(_PNG):
                raise UnidentifiedImageError
            image = Image.open(_png_pixels(file), formats=("PNG",))
        elif head.startswith(_JPEG):
            image = None
        else:
            image = Image.open(io.BytesIO(source) if in_memory else source, formats=_formats())
    if image is None:
        _formats()
        # Pillow's bound on the pixels is meant for what is decoded whole.
        image = JpegImagePlugin.JpegImageFile(io.BytesIO(source) if in_memory else str(source))
    try:
        if for_training and SOFTWARE in (image.info.get("Software"), image.info.get("Title")):
            raise RefusedImageError(tr("this program has drawn it"))
        _check_size(image, size)
    except BaseException:
        image.close()
        raise
    return image


def _check_size(image: Image.Image, size: int) -> None:
    """Choose the decoded size. Raises RefusedImageError."""
    width, height = image.size
    if image.format == "JPEG" and width * height > MAX_JPEG_PIXELS:
        raise RefusedImageError(
            tr("{width}x{height} pixels are more than {most:,}", width=width, height=height, most=MAX_JPEG_PIXELS)
        )
    if image.info.get("progressive") or image.info.get("progression"):
        check_memory(image, _PROGRESSIVE_BYTES * len(image.getbands()))
    image.info[_WHOLE_SIZE] = image.size
    if size:
        image.draft(None, (size, size))
    check_memory(image, _bytes_per_pixel(image))


def _bytes_per_pixel(image: Image.Image) -> int:
    if image.format in ("PNG", "BMP") and image.mode in ("1", "L", "RGB") and "transparency" not in image.info:
        return _OPAQUE_BYTES
    return _BYTES_PER_PIXEL.get(image.format or "", _TURNED_BYTES)


def check_memory(image: Image.Image, bytes_per_pixel: int) -> None:
    """Raise ValueError for an image that takes too much memory with so many bytes for a pixel."""
    width, height = image.size
    if max(width, height) > MAX_IMAGE_SIDE:
        raise RefusedImageError(tr("it has too many pixels; make it smaller"))
    # A few kilobytes of PNG can hold gigabytes of pixels.
    most = min(MAX_DECODED_BYTES // bytes_per_pixel, Image.MAX_IMAGE_PIXELS or MAX_DECODED_BYTES)
    if width * height > most:
        raise RefusedImageError(
            tr(
                "{width}x{height} pixels are more than the {most:,} of a {format} file",
                width=width,
                height=height,
                most=most,
                format=image.format,
            )
        )


def turned(image: Image.Image) -> Image.Image:
    """Return the decoded image upright. Metadata other than the orientation may be damaged."""
    image.load()
    turn = _TURNS.get(orientation_of(image))
    if turn is None:
        return image
    check_memory(image, _BYTES_PER_PIXEL["JPEG"] if image.format == "JPEG" else _TURNED_BYTES)
    return image.transpose(turn)


def whole_size(image: Image.Image) -> tuple[int, int]:
    """Return the width and height of the file of an open image, which may be decoded at a lower size."""
    return image.info[_WHOLE_SIZE]


def orientation_of(image: Image.Image) -> int:
    """Return EXIF's orientation of a decoded image, 1 to 8; 1 where there is none, or the metadata are damaged."""
    try:
        orientation: Any = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # whatever the damage is
        return 1
    return orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else 1


def _png_pixels(file: BinaryIO) -> io.BytesIO:
    """Return a PNG without its metadata. Text and color profiles may be larger than Pillow allows, or damaged."""
    file_size = file.seek(0, os.SEEK_END)
    file.seek(len(_PNG))
    kept, num_bytes = [_PNG], 0
    while len(header := file.read(8)) == 8:
        length, kind = int.from_bytes(header[:4], "big"), header[4:]
        if kind not in _PIXEL_CHUNKS:
            file.seek(length + 4, os.SEEK_CUR)
            continue
        length = min(length, file_size - file.tell())  # Pillow asks for as many bytes as a chunk announces
        num_bytes += length
        if num_bytes > MAX_DECODED_BYTES // 2:
            raise RefusedImageError(tr("it has too many bytes"))
        kept.append(length.to_bytes(4, "big") + kind + file.read(length + 4))
        if kind == b"IEND":
            break
    return io.BytesIO(b"".join(kept))
