"""Convert pixels from float to uint8 and back, and make grids, PNGs and GIFs.

N images, C H W image, F frames. A single picture is (H, W) gray or (H, W, 3) RGB, uint8, as Pillow and the pages take
it. A batch is (N, C, H, W), as networks return it.

The module has more than 250 lines because all that turns arrays into files of pictures is here.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Literal, overload

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from dcgan.locale.language import tr

if TYPE_CHECKING:  # a page that only reads runs imports this module and must not import torch
    from torch import Tensor

Bytes = NDArray[np.uint8]

MAX_PIXELS = 250_000_000
"""Limit for one picture, or for all frames of an animation: a quarter of a gigabyte in gray. More would be a mistake
and would fill the memory."""


MAX_READ_PIXELS = 2**26
"""Limit for a picture that is read: a grid of 8x8 images of 1,024 pixels. A file of some kilobytes can claim more."""
_MAX_ASPECT = 64
_EIGHT_BIT_MODES = ("1", "L", "LA", "P", "RGB", "RGBA")


@overload
def to_uint8(images: NDArray[np.floating]) -> Bytes: ...
@overload
def to_uint8(images: Tensor) -> Tensor: ...
def to_uint8(images: NDArray[np.floating] | Tensor) -> Bytes | Tensor:
    """Convert [-1, 1] to 0..255 in any shape: to the nearest byte, ties to even. Values outside are clipped.

    Takes and returns an array, or a tensor on the CPU. Raises ValueError for NaN and infinities, which have no color.
    """
    if not isinstance(images, np.ndarray):
        import torch

        return torch.from_numpy(to_uint8(images.numpy()))
    assert np.issubdtype(images.dtype, np.floating), f"{images.dtype} is not a float in [-1, 1]"
    finite = np.isfinite(images)
    if not finite.all():
        raise ValueError(
            tr(
                "images hold {count} non-finite values, first {first}; use weights from before the training diverged",
                count=np.count_nonzero(~finite),
                first=images[~finite][0],
            )
        )
    # Clipped first, so that even a float64 beyond float32's range cannot overflow.
    return np.rint((images.clip(-1, 1).astype(np.float32) + 1) * np.float32(127.5)).astype(np.uint8)


@overload
def from_uint8(images_u8: Bytes) -> NDArray[np.float32]: ...
@overload
def from_uint8(images_u8: Tensor) -> Tensor: ...
def from_uint8(images_u8: Bytes | Tensor) -> NDArray[np.float32] | Tensor:
    """Convert 0..255 to [-1, 1] float32 in any shape: an array, or a tensor on any device.

    `to_uint8` is the inverse.
    """
    if isinstance(images_u8, np.ndarray):
        return images_u8.astype(np.float32) / np.float32(127.5) - 1
    return images_u8.float() / 127.5 - 1


def grid(images_u8: Bytes, columns: int, gap: int = 0, background: int = 0) -> Bytes:
    """Arrange images (N, C, H, W) in rows of `columns`, `gap` pixels apart: (H', W') gray or (H', W', 3).

    Gaps and missing images of the last row have the color `background`. Raises ValueError for no images, for
    columns < 1, and for more than MAX_PIXELS.
    """
    count, channels, height, width = images_u8.shape
    if count < 1 or columns < 1:
        raise ValueError(
            tr(
                "{count} images in {columns} columns make no grid; give at least one of each",
                count=count,
                columns=columns,
            )
        )
    rows = -(-count // columns)
    if rows * columns * (height + gap) * (width + gap) > MAX_PIXELS:
        raise ValueError(
            tr(
                "{count} images in columns={columns} make a grid of more than {most:,} pixels; try {better} columns, "
                "or fewer images",
                count=count,
                columns=columns,
                most=MAX_PIXELS,
                better=math.ceil(math.sqrt(count)),
            )
        )
    tiles = np.full((rows * columns, height + gap, width + gap, channels), background, np.uint8)
    tiles[:count, :height, :width] = images_u8.transpose(0, 2, 3, 1)
    tiles = tiles.reshape(rows, columns, *tiles.shape[1:]).swapaxes(1, 2)  # (rows, H, columns, W, C)
    sheet = tiles.reshape(rows * (height + gap), columns * (width + gap), channels)
    sheet = sheet[: sheet.shape[0] - gap, : sheet.shape[1] - gap]
    return sheet[..., 0] if channels == 1 else sheet


def cell(sheet_u8: Bytes, index: int, columns: int, rows: int) -> Bytes:
    """Return image `index` of a grid without gaps as a view: (H, W) or (H, W, 3). Indices go row by row from 0.

    Raises ValueError for an index that the sheet does not have, or a sheet that rows and columns do not divide.
    """
    height, width = sheet_u8.shape[0] // rows, sheet_u8.shape[1] // columns
    if (height * rows, width * columns) != sheet_u8.shape[:2]:
        raise ValueError(
            tr(
                "{shape} pixels are not {rows} equal rows of {columns}; check both",
                shape=sheet_u8.shape[:2],
                rows=rows,
                columns=columns,
            )
        )
    if not 0 <= index < rows * columns:
        raise ValueError(
            tr(
                "index={index} is not in 0..{last}; the sheet has {rows} x {columns}",
                index=index,
                last=rows * columns - 1,
                rows=rows,
                columns=columns,
            )
        )
    row, column = divmod(index, columns)
    return sheet_u8[row * height : (row + 1) * height, column * width : (column + 1) * width]


def enlarge(image_u8: Bytes, factor: int) -> Bytes:
    """Repeat every pixel as factor x factor hard pixels, without smoothing.

    Raises ValueError for factor < 1, and for a factor that makes more than MAX_PIXELS.
    """
    if factor < 1:
        raise ValueError(tr("factor={factor} is below 1; try 4", factor=factor))
    height, width = image_u8.shape[:2]
    if factor > 1 and height * width * factor**2 > MAX_PIXELS:
        largest = max(1, math.isqrt(MAX_PIXELS // (height * width)))
        raise ValueError(
            tr(
                "factor={factor} makes more than {most:,} pixels of {width} x {height}; try {largest} at most",
                factor=factor,
                most=MAX_PIXELS,
                width=width,
                height=height,
                largest=largest,
            )
        )
    return image_u8.repeat(factor, axis=0).repeat(factor, axis=1)


def invert(image_u8: Bytes) -> Bytes:
    """Invert the colors: black on white becomes white on black."""
    return 255 - image_u8


def outline(sheet_u8: Bytes, index: int, columns: int, rows: int, thickness: int = 1) -> Bytes:
    """Return a copy of the sheet with a frame on the edge pixels of cell `index`: white, or black on a light cell.

    Raises ValueError as `cell` does.
    """
    copy = sheet_u8.copy()
    inside = cell(copy, index, columns, rows)
    edge = np.ones(inside.shape[:2], bool)
    edge[thickness:-thickness, thickness:-thickness] = False
    # The pixels under the frame decide, because digits do not reach the edges of their cell.
    inside[edge] = 0 if inside[edge].mean() > 127 else 255
    return copy


def join(pictures_u8: Sequence[Bytes], gap: int = 0, background: int = 0) -> Bytes:
    """Put pictures side by side, `gap` pixels apart. Lower ones are centered. The result is RGB if one of them is.

    Raises ValueError for no pictures.
    """
    if not pictures_u8:
        raise ValueError(tr("0 pictures cannot be joined; give at least one"))
    color = any(picture.ndim == 3 for picture in pictures_u8)
    height = max(picture.shape[0] for picture in pictures_u8)
    width = sum(picture.shape[1] for picture in pictures_u8) + gap * (len(pictures_u8) - 1)
    joined = np.full((height, width, 3) if color else (height, width), background, np.uint8)
    left = 0
    for picture in pictures_u8:
        top = (height - picture.shape[0]) // 2
        place = joined[top : top + picture.shape[0], left : left + picture.shape[1]]
        place[:] = picture[..., None] if color and picture.ndim == 2 else picture
        left += picture.shape[1] + gap
    return joined


def caption(
    image_u8: Bytes,
    text: str,
    *,
    position: Literal["above", "below"] = "below",
    background: int = 0,
    shorten: bool = False,
) -> Bytes:
    """Add a line of text to an image, in a strip above or below it; the image stays gray or RGB.

    The strip has the gray value `background`, and the text is black or white for contrast. Strip and letters
    scale with the image's width alone, so the frames of an animation keep one size whatever their text. The
    font is the one inside Pillow, so no machine's fonts change the result; it knows Latin letters only.
    Raises ValueError for text too wide for the image, unless `shorten` may end it with three dots.
    """
    picture = _to_pillow(image_u8)
    font_pixels = max(10, picture.width // 16)
    font = ImageFont.load_default(font_pixels)
    margin = font_pixels // 2
    whole, kept = text, len(text)
    while shorten and kept and font.getlength(text) + 2 * margin > picture.width:
        kept -= 1
        text = whole[:kept] + "..."
    text_pixels = int(font.getlength(text)) + 2 * margin
    if text_pixels > picture.width:
        raise ValueError(
            tr(
                "caption {text!r} takes {count} of {width} pixels; enlarge the image or shorten it",
                text=text,
                count=text_pixels,
                width=picture.width,
            )
        )
    strip = Image.new("L", (picture.width, 2 * font_pixels), background)
    # Anchored at the left, so that the words stand still where a number in them counts up.
    middle = (margin, font_pixels)
    ImageDraw.Draw(strip).text(middle, text, fill=255 if background < 128 else 0, font=font, anchor="lm")
    strip_u8 = np.asarray(strip.convert(picture.mode))
    return np.concatenate([strip_u8, image_u8] if position == "above" else [image_u8, strip_u8])


# Files, as bytes


def read_png(path: Path) -> Bytes:
    """Read a PNG as (H, W) or (H, W, 3) uint8.

    Format, size and mode are checked before anything is decoded. Raises FileNotFoundError, or ValueError for what is
    damaged, is not a PNG of 8 bits, or has more than MAX_READ_PIXELS.
    """
    try:
        if path.exists() and not path.is_file():  # opening a pipe would wait for its writer
            raise ValueError(tr("it is not a regular file"))
        with open(path, "rb") as file:
            _check_png_header(file.read(26))
            file.seek(0)
            with Image.open(file, formats=["PNG"]) as image:
                if image.mode not in _EIGHT_BIT_MODES:
                    raise ValueError(tr("mode {mode} does not have 8 bits", mode=image.mode))
                return np.asarray(image if image.mode in ("L", "RGB") else image.convert("RGB"))
    except FileNotFoundError:
        raise
    except Exception as error:  # Pillow raises many types for a broken file, and has no common one
        reason = " ".join(str(error).split()) or type(error).__name__
        sentence = tr("{path} is damaged ({reason}); delete it and try again", path=path, reason=reason)
        raise ValueError(sentence) from error


def _check_png_header(start: bytes) -> None:
    """Raise ValueError for what does not begin as a PNG of at most MAX_READ_PIXELS."""
    if len(start) < 26 or start[:8] != b"\x89PNG\r\n\x1a\n" or start[12:16] != b"IHDR":
        raise ValueError(tr("it is not a PNG"))
    width, height = struct.unpack(">II", start[16:24])
    if width * height > MAX_READ_PIXELS:
        raise ValueError(
            tr("{width} x {height} pixels are more than {most:,}", width=width, height=height, most=MAX_READ_PIXELS)
        )
    if max(width, height) > _MAX_ASPECT * min(width, height):  # pages scale a picture to their width
        raise ValueError(tr("{width} x {height} pixels are too narrow to be shown", width=width, height=height))


def png_bytes(image_u8: Bytes, metadata: Mapping[str, str] | None = None, *, compress_level: int = 6) -> bytes:
    """Return a lossless PNG with the metadata as text chunks. Equal images give equal bytes.

    Level 1 takes a third of the time of level 6, and a third more bytes for an enlarged digit.
    """
    chunks = PngInfo()
    for key, value in (metadata or {}).items():
        chunks.add_text(key, value)
    buffer = BytesIO()
    _to_pillow(image_u8).save(buffer, "PNG", pnginfo=chunks, compress_level=compress_level)
    return buffer.getvalue()


def check_animation_size(num_frames: int, frame_u8: Bytes, enlarge: int = 1) -> None:
    """Raise ValueError if so many frames like this one have more than MAX_PIXELS, or a third of it in color.

    Call it with the first frame, before it is enlarged. To find a palette takes 12 bytes a pixel.
    """
    height, width = (enlarge * side for side in frame_u8.shape[:2])
    most = MAX_PIXELS if frame_u8.ndim == 2 else MAX_PIXELS // 3
    if num_frames * height * width > most:
        raise ValueError(
            tr(
                "{count} frames of {width} x {height} pixels are more than {most:,} together; make them smaller, or "
                "take fewer",
                count=num_frames,
                width=width,
                height=height,
                most=most,
            )
        )


def gif_bytes(frames_u8: Sequence[Bytes], milliseconds: int | Sequence[int], loop: int = 0) -> bytes:
    """Return an animated GIF of pictures of one shape, each shown for its milliseconds, or all for the same.

    Gray frames are exact. RGB frames share one palette of at most 256 colors, without dithering, so that unchanged
    pixels do not flicker. `loop` is the number of repetitions; 0 repeats forever. Equal frames in a row are stored as
    one longer frame. Raises ValueError for no frames, for more pixels than `check_animation_size` allows, and for
    durations that a GIF cannot hold or a browser does not keep.
    """
    if len(frames_u8) == 0:
        raise ValueError(tr("0 frames do not make a GIF; give at least one"))
    check_animation_size(len(frames_u8), frames_u8[0])
    durations = [milliseconds] * len(frames_u8) if isinstance(milliseconds, int) else list(milliseconds)
    _check_durations(durations, len(frames_u8))
    if frames_u8[0].ndim == 2:
        indices, palette = np.stack(frames_u8), bytes(np.arange(256, dtype=np.uint8).repeat(3))
    else:
        indices, palette = _shared_palette(np.stack(frames_u8))
    frames = [_to_pillow(frame) for frame in indices]
    for frame in frames:
        frame.putpalette(palette)
    buffer = BytesIO()
    # With the palette here too, Pillow writes it once and does not change it for each frame.
    frames[0].save(
        buffer,
        "GIF",
        save_all=True,
        append_images=frames[1:],
        duration=durations,
        loop=loop,
        palette=palette,
    )
    return buffer.getvalue()


def _check_durations(durations: list[int], num_frames: int) -> None:
    if len(durations) != num_frames:
        raise ValueError(
            tr(
                "{count} durations for {frames} frames; give one, or one a frame",
                count=len(durations),
                frames=num_frames,
            )
        )
    for milliseconds in durations:
        # A GIF counts in hundredths of a second, and browsers slow anything below two of them to ten.
        if milliseconds < 20 or milliseconds % 10:
            nearest = max(20, round(milliseconds / 10) * 10)
            raise ValueError(
                tr(
                    "milliseconds={milliseconds} is not a multiple of 10 from 20; try {nearest}",
                    milliseconds=milliseconds,
                    nearest=nearest,
                )
            )
    # 16 bits hold a frame's duration, and equal frames in a row add theirs.
    if sum(durations) > 655_350:
        raise ValueError(
            tr("milliseconds add up to {sum}, more than 655350; show fewer, or shorter", sum=sum(durations))
        )


def _shared_palette(frames_u8: Bytes) -> tuple[Bytes, bytes]:
    """Return RGB frames (F, H, W, 3) as indices (F, H, W) into one palette of 256 x 3 bytes."""
    num_frames, height, width, _ = frames_u8.shape
    tall = Image.fromarray(frames_u8.reshape(num_frames * height, width, 3)).quantize(256)
    palette = bytes(tall.getpalette() or ()).ljust(768, b"\0")
    return np.asarray(tall).reshape(num_frames, height, width), palette


def _to_pillow(image_u8: Bytes) -> Image.Image:
    """Return an image of mode L for (H, W) and RGB for (H, W, 3)."""
    assert image_u8.dtype == np.uint8, f"{image_u8.dtype} is not uint8; to_uint8 makes it so"
    assert image_u8.ndim == 2 or image_u8.shape[2:] == (3,), f"{image_u8.shape} is not (H, W) or (H, W, 3)"
    return Image.fromarray(image_u8)
