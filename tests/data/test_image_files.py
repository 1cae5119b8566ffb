"""Image files of every mode and size become arrays of one shape; broken and hostile files are refused."""

from __future__ import annotations

import sys
import warnings

import numpy as np
import pytest
from images import save_image as save
from PIL import Image

from dcgan.data import image_formats
from dcgan.data.image_files import UnreadableImageError, check_header, fit_array, read_all, read_image
from dcgan.locale.language import language, speaking


def flat(dtype: type, value: float) -> np.ndarray:
    return np.full((8, 8), value, dtype)


RED_LUMINANCE = 76  # 0.299 * 255, ITU-R 601-2


@pytest.mark.parametrize(
    ("file", "pixels", "mode", "rgb", "gray"),
    [
        ("a.png", 1, "1", (255, 255, 255), 255),
        ("a.png", 0, "1", (0, 0, 0), 0),
        ("a.png", 77, "L", (77, 77, 77), 77),
        ("a.png", (0, 0), "LA", (255, 255, 255), 255),
        ("a.png", (10, 255), "LA", (10, 10, 10), 10),
        ("a.png", (255, 0, 0), "RGB", (255, 0, 0), RED_LUMINANCE),
        ("a.png", (255, 0, 0, 255), "RGBA", (255, 0, 0), RED_LUMINANCE),
        ("a.png", (255, 0, 0, 0), "RGBA", (255, 255, 255), 255),
        ("a.png", (0, 0, 0, 51), "RGBA", (204, 204, 204), 204),
        ("a.tif", (0, 255, 255, 0), "CMYK", (255, 0, 0), RED_LUMINANCE),
        ("a.png", flat(np.uint16, 0), None, (0, 0, 0), 0),
        ("a.png", flat(np.uint16, 257 * 100), None, (100, 100, 100), 100),
        ("a.png", flat(np.uint16, 65535), None, (255, 255, 255), 255),
        ("a.tif", flat(np.uint16, 257 * 100), None, (100, 100, 100), 100),
        ("a.tif", flat(np.int32, 257 * 100), None, (100, 100, 100), 100),
        ("a.tif", flat(np.int32, -5), None, (0, 0, 0), 0),
        ("a.tif", flat(np.int32, 70000), None, (255, 255, 255), 255),
        ("a.tif", flat(np.float32, 0.4), None, (102, 102, 102), 102),
        ("a.tif", flat(np.float32, 102.4), None, (102, 102, 102), 102),
        ("a.tif", flat(np.float32, 300), None, (255, 255, 255), 255),
        ("a.tif", flat(np.float32, np.nan), None, (0, 0, 0), 0),
    ],
)
def test_every_mode_becomes_gray_and_rgb(tmp_path, file, pixels, mode, rgb, gray):
    path = save(tmp_path / file, pixels, mode)
    assert np.array_equal(read_image(path, 4, 3), np.full((3, 4, 4), np.reshape(rgb, (3, 1, 1))))
    assert np.array_equal(read_image(path, 4, 1), np.full((1, 4, 4), gray))
    assert read_image(path, 4, 1).dtype == np.uint8


def test_a_palette_keeps_its_colors_and_its_transparency(tmp_path):
    image = Image.new("P", (8, 8), 0)
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.paste(1, (4, 0, 8, 8))
    image.save(tmp_path / "opaque.png")
    image.save(tmp_path / "clear.png", transparency=0)
    image.save(tmp_path / "bytes.png", transparency=bytes([0, 255]))
    image.save(tmp_path / "clear.gif", transparency=0)
    assert read_image(tmp_path / "opaque.png", 8, 3)[:, 0, 0].tolist() == [255, 0, 0]
    for name in ("clear.png", "bytes.png", "clear.gif"):
        pixels = read_image(tmp_path / name, 8, 3)
        assert pixels[:, 0, 0].tolist() == [255, 255, 255]
        assert pixels[:, 0, 7].tolist() == [0, 0, 255]


def test_a_transparent_color_becomes_white(tmp_path):
    save(tmp_path / "gray.png", 9, "L", transparency=9)
    save(tmp_path / "rgb.png", (9, 8, 7), "RGB", transparency=(9, 8, 7))
    assert read_image(tmp_path / "gray.png", 4, 1).min() == 255
    assert read_image(tmp_path / "rgb.png", 4, 3).min() == 255


def test_an_image_of_the_right_size_keeps_its_bits(tmp_path):
    pixels = np.random.RandomState(0).randint(0, 256, (8, 8, 3)).astype(np.uint8)
    assert np.array_equal(read_image(save(tmp_path / "a.png", pixels), 8, 3), pixels.transpose(2, 0, 1))
    gray = pixels[..., 0]
    assert np.array_equal(read_image(save(tmp_path / "b.png", gray), 8, 1), gray[None])
    assert np.array_equal(fit_array(gray[None], 8, 3), np.stack([gray] * 3))
    assert np.array_equal(fit_array(pixels.transpose(2, 0, 1), 8, 3), pixels.transpose(2, 0, 1))


def test_the_middle_of_a_wide_image_is_used(tmp_path):
    wide = np.zeros((10, 30), np.uint8)
    wide[:, 10:20] = 200
    assert np.array_equal(read_image(save(tmp_path / "wide.png", wide), 10, 1), np.full((1, 10, 10), 200))
    assert np.array_equal(read_image(save(tmp_path / "tall.png", wide.T), 10, 1), np.full((1, 10, 10), 200))


def test_shrinking_averages_instead_of_skipping(tmp_path):
    stripes = np.zeros((64, 64), np.uint8)
    stripes[:, ::2] = 255
    small = read_image(save(tmp_path / "a.png", stripes), 8, 1)[:, 1:-1, 1:-1]
    assert abs(small.astype(int) - 127).max() <= 2


def test_a_camera_held_sideways_is_upright(tmp_path):
    pixels = np.zeros((8, 8), np.uint8)
    pixels[:4] = 255  # bright above
    exif = Image.Exif()
    exif[0x0112] = 6  # stored lying on its left side: the viewer turns it a quarter clockwise
    upright = read_image(save(tmp_path / "a.png", pixels, exif=exif), 8, 1)[0]
    assert np.array_equal(upright, np.rot90(pixels, -1))


def test_a_large_jpeg_is_decoded_small_and_right(tmp_path):
    ramp = np.tile(np.linspace(0, 255, 1024), (768, 1)).astype(np.uint8)
    small = read_image(save(tmp_path / "a.jpg", ramp, quality=95), 16, 1)[0].astype(int)
    middle = ramp[:, 128:-128].reshape(16, 48, 16, 48).mean((1, 3))
    assert abs(small - middle)[:, 1:-1].max() <= 2


@pytest.mark.parametrize("read", [check_header, lambda path: read_image(path, 4, 1)])
@pytest.mark.parametrize("limit_pixels", [50, 20])
def test_a_decompression_bomb_is_unreadable(tmp_path, monkeypatch, read, limit_pixels):
    path = save(tmp_path / "bomb.png", 1, "L")  # 64 pixels: Pillow itself warns of 50, refuses twice 20
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit_pixels)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(UnreadableImageError, match=r"bomb\.png cannot .*(make it smaller|of a PNG file)\)$"):
            read(path)


def test_eps_never_reaches_ghostscript(tmp_path):
    header = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\n"
    (tmp_path / "a.png").write_bytes(header)
    with pytest.raises(UnreadableImageError):
        check_header(tmp_path / "a.png")


def test_a_plugin_that_does_not_work_is_logged_and_the_usual_formats_are_read(monkeypatch, caplog):
    class Broken:
        @staticmethod
        def register_heif_opener():
            raise RuntimeError("made for another Pillow")

    monkeypatch.setitem(sys.modules, "pillow_heif", Broken)
    image_formats._formats.cache_clear()
    try:
        assert "PNG" in image_formats._formats()
    finally:
        image_formats._formats.cache_clear()
    assert "pillow_heif of Pillow does not work: made for another Pillow" in caplog.text


def test_threads_that_read_speak_the_language_of_their_caller():
    with speaking("vi"):
        assert set(read_all(range(40), lambda _: language(), 2)) == {"vi"}
    assert set(read_all(range(40), lambda _: language(), 2)) == {"en"}
