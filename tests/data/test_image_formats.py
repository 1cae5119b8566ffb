"""Files are recognized by their content, metadata hides no picture, and memory is bounded by what is decoded."""

from __future__ import annotations

import os
import sys
import types

import numpy as np
import pytest
from images import save_image
from own_images import deep_grays, odd_pngs, photo, turned_photos
from PIL import Image, PngImagePlugin

from dcgan.data import image_formats
from dcgan.data.image_files import UnreadableImageError, check_header, read_image
from dcgan.data.image_formats import image_extensions, kind_by_content


@pytest.mark.parametrize(
    ("format", "kind"),
    [
        *(("JPEG", ".jpg"), ("PNG", ".png"), ("GIF", ".gif"), ("WEBP", ".webp"), ("BMP", ".bmp"), ("TIFF", ".tif")),
        *(("JPEG2000", ".jp2"), ("AVIF", ".avif")),
    ],
)
def test_a_picture_is_recognized_by_its_first_bytes(tmp_path, format, kind):
    photo().save(tmp_path / "picture", format)
    assert kind_by_content(tmp_path / "picture") == kind
    assert kind in image_extensions()


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        *((b"", ""), (b"BM was a good car to have in town", ""), (b"\0\0\0\x18ftypheic" + bytes(99), ".heic")),
        *((b"PK\x03\x04" + bytes(9), ".zip"), (b"\0\0\0\x18ftypmp42" + bytes(99), "")),
    ],
)
def test_other_content_is_no_picture(tmp_path, content, kind):
    (tmp_path / "file").write_bytes(content)
    assert kind_by_content(tmp_path / "file") == kind


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_a_named_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert kind_by_content(tmp_path / "pipe") == ""
    assert kind_by_content(tmp_path / "missing") == ""


def test_only_the_orientation_of_metadata_counts(tmp_path):
    plain = photo(seed=5)
    plain.save(tmp_path / "plain.jpg")
    upright = read_image(tmp_path / "plain.jpg", 16, 3)
    for path in turned_photos(tmp_path / "turned"):
        check_header(path)
        turned = read_image(path, 16, 3).astype(int)
        assert abs(turned - np.rot90(upright, -1, (1, 2))).max() <= 2, path.name
    plain.save(tmp_path / "plain.png")
    for path in odd_pngs(tmp_path / "odd"):
        check_header(path)
        assert np.array_equal(read_image(path, 16, 3), read_image(tmp_path / "plain.png", 16, 3)), path.name


def test_a_png_without_its_metadata_must_be_whole(tmp_path):
    (path, _, _) = odd_pngs(tmp_path)
    path.write_bytes(path.read_bytes()[:-400])
    with pytest.raises(UnreadableImageError):
        read_image(path, 16, 3)


def test_deep_grays_are_scaled_to_the_bits_that_they_use(tmp_path):
    ramps = [read_image(path, 64, 1)[0].astype(int) for path in deep_grays(tmp_path)]
    for ramp in ramps:
        assert abs(ramp - np.linspace(0, 255, 64)).max() <= 1


@pytest.mark.parametrize(
    ("value", "gray"), [(200, 200), (1023, 255), (4095, 255), (2048, 128), (16383, 255), (10**6, 255)]
)
def test_white_is_the_largest_number_of_the_bits_that_are_used(tmp_path, value, gray):
    path = save_image(tmp_path / "a.tif", np.full((8, 8), value, np.int32))
    assert read_image(path, 8, 1).max() == gray


def test_a_jpeg_is_bounded_by_its_decoded_size(tmp_path, monkeypatch):
    photo(256, 256).save(tmp_path / "a.jpg")
    photo(256, 256).save(tmp_path / "a.png")
    monkeypatch.setattr(image_formats, "MAX_DECODED_BYTES", 6 * 64 * 64)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100 * 100)  # Pillow refuses twice this
    assert read_image(tmp_path / "a.jpg", 16, 3).shape == (3, 16, 16)
    check_header(tmp_path / "a.jpg", size=16)
    for read in (lambda path: read_image(path, 64, 3), lambda path: check_header(path, size=64)):
        with pytest.raises(UnreadableImageError, match="128x128 pixels are more than the"):
            read(tmp_path / "a.jpg")
    monkeypatch.setattr(image_formats, "MAX_JPEG_PIXELS", 256 * 256 - 1)
    with pytest.raises(UnreadableImageError, match="256x256 pixels"):
        read_image(tmp_path / "a.jpg", 16, 3)


@pytest.mark.slow
@pytest.mark.parametrize("size", [(12000, 9000), (20000, 5000)], ids=["telephone", "panorama"])
def test_a_photo_of_a_hundred_megapixels_is_read(tmp_path, size):
    Image.new("RGB", size, (9, 99, 199)).save(tmp_path / "large.jpg", quality=40)
    assert abs(read_image(tmp_path / "large.jpg", 64, 3).mean((1, 2)) - (9, 99, 199)).max() <= 2


@pytest.mark.slow
def test_a_png_of_eighty_megapixels_is_read(tmp_path):
    Image.new("L", (10_000, 8_000), 77).save(tmp_path / "large.png", compress_level=1)
    assert (read_image(tmp_path / "large.png", 16, 1) == 77).all()


@pytest.mark.parametrize("fit", ["crop", "pad"])
@pytest.mark.parametrize("size", [(1, 2**22 + 1), (2**22 + 1, 1)])
def test_an_endless_strip_is_refused_before_it_is_decoded(tmp_path, size, fit):
    """Its pixels would fit into memory, and Pillow's lists of rows and weights would not."""
    path = tmp_path / "strip.png"
    Image.new("L", size).save(path, compress_level=1)
    with pytest.raises(UnreadableImageError, match="it has too many pixels; make it smaller"):
        read_image(path, 8, 1, fit=fit)
    Image.new("L", (1, 2**20), 77).save(path, compress_level=1)
    assert read_image(path, 8, 1, fit=fit).mean() == 77


@pytest.mark.parametrize("name", ["Software", "Title"])
def test_a_picture_that_this_program_drew_is_no_training_image(tmp_path, name):
    info = PngImagePlugin.PngInfo()
    info.add_text(name, image_formats.SOFTWARE)
    photo().save(tmp_path / "sheet.png", pnginfo=info)
    for read in (check_header, lambda path: read_image(path, 8, 3)):
        with pytest.raises(UnreadableImageError, match="this program has drawn it"):
            read(tmp_path / "sheet.png")


@pytest.mark.parametrize("breaks", [False, True])
def test_heic_is_read_where_its_plugin_is_installed(monkeypatch, breaks):
    """A plugin for a format that Pillow lacks registers its extension; a broken one is passed over."""

    def register() -> None:
        if breaks:
            raise OSError("libheif is missing")
        Image.register_open("HEIF", lambda file, name: None, lambda head: head[4:12] == b"ftypheic")
        Image.register_extension("HEIF", ".heic")

    caches = (image_formats._formats, image_formats.image_extensions)
    monkeypatch.setitem(sys.modules, "pillow_heif", types.SimpleNamespace(register_heif_opener=register))
    for kept in (Image.OPEN, Image.EXTENSION):
        monkeypatch.setattr(Image, "OPEN" if kept is Image.OPEN else "EXTENSION", dict(kept))
    monkeypatch.setattr(Image, "ID", list(Image.ID))
    for cached in caches:
        cached.cache_clear()
    try:
        assert (".heic" in image_extensions()) is not breaks
    finally:
        monkeypatch.undo()
        for cached in caches:
            cached.cache_clear()
