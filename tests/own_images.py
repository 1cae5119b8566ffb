"""Files of one's own as they come: odd extensions, damaged metadata, deep and transparent pictures."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin

ORIENTATION_6 = (0x0112, 3, 1, struct.pack("<HH", 6, 0))
"""An EXIF entry: the picture lies on its left side."""


def photo(width: int = 96, height: int = 64, seed: int = 0) -> Image.Image:
    """Return a colored disc on a colored ground."""
    rng = np.random.RandomState(seed)
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[...] = rng.randint(40, 215, 3)
    y, x = np.mgrid[:height, :width]
    middle = rng.randint(width // 4, 3 * width // 4), rng.randint(height // 4, 3 * height // 4)
    pixels[((x - middle[0]) ** 2 + (y - middle[1]) ** 2) < (min(width, height) // 4) ** 2] = rng.randint(0, 255, 3)
    return Image.fromarray(pixels)


def photos(folder: Path, count: int = 4, start: int = 0) -> Path:
    """Write JPEG photos of different content, and return their folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(start, start + count):
        photo(seed=i).save(folder / f"img{i:03d}.jpg", quality=90)
    return folder


def jpeg_with_exif(entries: list[tuple], extra: bytes = b"", seed: int = 5) -> bytes:
    """Return a JPEG whose EXIF has little-endian entries (tag, type, count, four bytes)."""
    directory = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHI", *e[:3]) + e[3] for e in entries)
    payload = b"Exif\0\0II*\0" + struct.pack("<I", 8) + directory + struct.pack("<I", 0) + extra
    buffer = io.BytesIO()
    photo(seed=seed).save(buffer, "JPEG")
    data = buffer.getvalue()
    return data[:2] + b"\xff\xe1" + struct.pack(">H", len(payload) + 2) + payload + data[2:]


def turned_photos(folder: Path) -> list[Path]:
    """Write turned photos whose EXIF has an entry that cannot be written again."""
    folder.mkdir(parents=True, exist_ok=True)
    wrong = {
        "resolution.jpg": ([ORIENTATION_6, (0x011A, 2, 3, b"72\0\0")], b""),
        "software.jpg": ([ORIENTATION_6, (0x0131, 11, 1, struct.pack("<f", 1.5))], b""),
        "description.jpg": ([(0x010E, 5, 1, struct.pack("<I", 38)), ORIENTATION_6], struct.pack("<II", 1, 2)),
    }
    for name, (entries, extra) in wrong.items():
        (folder / name).write_bytes(jpeg_with_exif(entries, extra))
    return [folder / name for name in wrong]


def odd_pngs(folder: Path) -> list[Path]:
    """Write PNG files whose metadata is larger than Pillow's limits, or damaged."""
    folder.mkdir(parents=True, exist_ok=True)
    info = PngImagePlugin.PngInfo()
    info.add_text("workflow", "x" * 1_200_000, zip=True)
    photo(seed=5).save(folder / "text.png", pnginfo=info)
    photo(seed=5).save(folder / "profile.png", icc_profile=b"\0" * 1_500_000)
    buffer = io.BytesIO()
    photo(seed=5).save(buffer, "PNG")
    data, text = buffer.getvalue(), b"Raw profile type exif\0\nexif\n  6\nzzzz"
    chunk = struct.pack(">I", len(text)) + b"tEXt" + text + struct.pack(">I", zlib.crc32(b"tEXt" + text))
    (folder / "exif.png").write_bytes(data[:33] + chunk + data[33:])
    return [folder / name for name in ("text.png", "profile.png", "exif.png")]


def white_drawings(folder: Path, count: int = 8) -> Path:
    """Write white drawings on a transparent ground, and return their folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(count):
        rgba = np.zeros((64, 64, 4), np.uint8)
        rgba[16:48, 16 + i : 48] = 255
        Image.fromarray(rgba).save(folder / f"icon{i}.png")
    return folder


def deep_grays(folder: Path) -> list[Path]:
    """Write one ramp from black to white in three ways: all of 16 bits, 12 of them, and 8 of 32."""
    folder.mkdir(parents=True, exist_ok=True)
    ramp = np.tile(np.linspace(0, 1, 64), (64, 1))
    kinds = {
        "full.png": (ramp * 65535).astype(np.uint16),
        "part.png": (ramp * 4095).astype(np.uint16),
        "int.tif": (ramp * 255).astype(np.int32),
    }
    for name, pixels in kinds.items():
        Image.fromarray(pixels).save(folder / name)
    return [folder / name for name in kinds]
