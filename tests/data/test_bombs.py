"""Small files that unpack to gigabytes are refused, or read in little memory."""

from __future__ import annotations

import gzip
import io
import tarfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from images import save_image
from PIL import Image

from dcgan.data import bounded_gzip, image_files, image_formats
from dcgan.data.cifar10 import read_cifar10
from dcgan.data.idx import read_idx
from dcgan.data.image_files import UnreadableImageError, check_header, read_image
from dcgan.data.image_formats import open_image

LIMIT = 100_000
ZEROS = gzip.compress(bytes(100 * LIMIT))


@pytest.fixture
def small_limit(monkeypatch):
    monkeypatch.setattr(bounded_gzip, "MAX_BYTES", LIMIT)


def error_and_peak(read: Callable[[Path], object], path: Path) -> tuple[str, int]:
    """Return the text of the ValueError, and the largest memory of Python's objects meanwhile."""
    tracemalloc.start()
    try:
        with pytest.raises(ValueError) as error:  # noqa: PT011 - the caller compares the text
            read(path)
        return str(error.value), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", ["a.gz", "a"])
def test_an_idx_file_of_too_many_bytes_is_not_unpacked(tmp_path, small_limit, name):
    (tmp_path / name).write_bytes(ZEROS if name == "a.gz" else bytes(100 * LIMIT))
    text, peak = error_and_peak(read_idx, tmp_path / name)
    assert text.startswith(f"{tmp_path / name} is damaged (it has more than 100,000 bytes)")
    assert peak < 20 * LIMIT


def test_an_archive_of_too_many_bytes_is_not_unpacked(tmp_path, small_limit):
    path = tmp_path / "cifar-10-binary.tar.gz"
    path.write_bytes(ZEROS)
    text, peak = error_and_peak(lambda path: read_cifar10(path.parent, "train"), path)
    assert text.startswith(f"{path} is damaged (it has more than 100,000 bytes)")
    assert peak < 20 * LIMIT


def tar_with(kind: bytes, name: str, **values: object) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        member = tarfile.TarInfo(name)
        member.type = kind
        for key, value in values.items():
            setattr(member, key, value)
        archive.addfile(member)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE], ids=["symbolic", "hard"])
def test_a_link_in_an_archive_is_not_followed(tmp_path, kind):
    path = tmp_path / "cifar-10-binary.tar.gz"
    path.write_bytes(tar_with(kind, "test_batch.bin", linkname="test_batch.bin"))
    with pytest.raises(ValueError, match=r"is damaged \(test_batch\.bin has 0 bytes"):
        read_cifar10(tmp_path, "test")


def test_holes_in_an_archive_are_not_read(tmp_path):
    """A sparse file of one byte may unpack to gigabytes of holes."""
    path = tmp_path / "cifar-10-binary.tar.gz"
    records = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "test_batch.bin"}
    path.write_bytes(tar_with(tarfile.GNUTYPE_SPARSE, "test_batch.bin", pax_headers=records))
    with pytest.raises(ValueError, match=r"cifar-10-binary\.tar\.gz is damaged"):
        read_cifar10(tmp_path, "test")


MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I", "F")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("orientation", [1, 6])
def test_an_image_that_is_read_in_bands_has_the_same_pixels(tmp_path, monkeypatch, mode, orientation):
    pixels = np.random.RandomState(0).randint(0, 256, (40, 30, 4), np.uint8)
    if mode in ("F", "I;16", "I"):
        kind = {"F": np.float32, "I;16": np.uint16, "I": np.int32}[mode]
        image = Image.fromarray(pixels[:, :, 0].astype(kind) * (257 if kind is not np.float32 else 1))
    else:
        image = Image.fromarray(pixels, "RGBA" if mode != "CMYK" else "CMYK").convert(mode)
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / ("a.tif" if mode in ("F", "CMYK", "I") else "a.png")
    image.save(path, exif=exif)
    whole = [read_image(path, 16, channels) for channels in (1, 3)]
    monkeypatch.setattr(image_files, "_BAND_PIXELS", 100)
    for image_u8, channels in zip(whole, (1, 3), strict=True):
        assert np.array_equal(read_image(path, 16, channels), image_u8)


def test_floats_have_one_range_in_all_bands(tmp_path, monkeypatch):
    monkeypatch.setattr(image_files, "_BAND_PIXELS", 8)
    values = np.full((8, 8), 0.5, np.float32)
    path = save_image(tmp_path / "a.tif", values)
    assert (read_image(path, 8, 1) == 128).all()
    values[7] = 200
    save_image(path, values)
    assert (read_image(path, 8, 1)[0, :4] <= 1).all()


@pytest.mark.parametrize("read", [check_header, lambda path: read_image(path, 4, 1)])
@pytest.mark.parametrize(
    ("name", "options", "bytes_per_pixel"),
    [("a.png", {}, 5), ("a.tif", {}, 12), ("a.jpg", {}, 6), ("a.jpg", {"progressive": True}, 9), ("a.webp", {}, 21)],
)
def test_pixels_are_bounded_by_the_memory_of_their_format(
    tmp_path, monkeypatch, read, name, options, bytes_per_pixel
):
    path = save_image(tmp_path / name, 7, "RGB", **options)  # 64 pixels
    monkeypatch.setattr(image_formats, "MAX_DECODED_BYTES", 64 * bytes_per_pixel)
    read(path)
    monkeypatch.setattr(image_formats, "MAX_DECODED_BYTES", 64 * bytes_per_pixel - 1)
    with pytest.raises(UnreadableImageError, match=rf"{name} cannot be read .*8x8 pixels are more than the 63 of a"):
        read(path)


def test_a_deep_png_takes_more_memory_than_a_gray_one(tmp_path, monkeypatch):
    deep = save_image(tmp_path / "deep.png", np.full((8, 8), 777, np.uint16))
    gray = save_image(tmp_path / "gray.png", np.full((8, 8), 77, np.uint8))
    monkeypatch.setattr(image_formats, "MAX_DECODED_BYTES", 64 * 5)
    read_image(gray, 4, 1)
    with pytest.raises(UnreadableImageError, match="8x8 pixels are more than the 40 of a PNG file"):
        read_image(deep, 4, 1)


@pytest.mark.parametrize("kind", [b"IDAT", b"PLTE", b"tRNS", b"tEXt"])
def test_a_png_chunk_takes_no_more_memory_than_the_file_has(tmp_path, kind):
    plain = save_image(tmp_path / "plain.png", 7)
    body = plain.read_bytes()
    start = body.index(b"IDAT") if kind == b"IDAT" else body.index(b"IEND")
    chunk = (2**32 - 1).to_bytes(4, "big") + kind
    path = tmp_path / "announces.png"
    path.write_bytes(body[: start - 4] + chunk + body[start + 4 :])
    tracemalloc.start()
    try:
        with open_image(path, pixels_only=True) as image:
            pixels = np.asarray(image)
        assert tracemalloc.get_traced_memory()[1] < 10 * LIMIT
    finally:
        tracemalloc.stop()
    assert np.array_equal(pixels, np.asarray(Image.open(plain)))
