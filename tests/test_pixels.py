"""Bytes, grids and files that decode to what went in."""

import struct
import zlib
from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageSequence

from dcgan import pixels

EVERY_BYTE = np.arange(256, dtype=np.uint8)


def noise(*shape: int) -> np.ndarray:
    return np.random.RandomState(0).randint(0, 256, shape).astype(np.uint8)


def decode_gif(data: bytes) -> list[tuple[np.ndarray, int]]:
    """Return every stored frame as RGB, with its milliseconds."""
    with Image.open(BytesIO(data)) as image:
        return [(np.asarray(f.convert("RGB")), f.info["duration"]) for f in ImageSequence.Iterator(image)]


def as_rgb(image_u8: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(image_u8).convert("RGB"))


# Floats and bytes


def test_every_byte_survives_the_round_trip():
    images = pixels.from_uint8(EVERY_BYTE)
    assert images.dtype == np.float32
    assert (images.min(), images.max()) == (-1, 1)
    np.testing.assert_array_equal(pixels.to_uint8(images), EVERY_BYTE)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_to_uint8_known_values(dtype):
    images = np.array([[-1, 0, 1], [-1.5, 0.5, 7]], dtype)
    # 0 lies exactly between bytes 127 and 128: the even one. 0.5 is 191.25.
    np.testing.assert_array_equal(pixels.to_uint8(images), [[0, 128, 255], [0, 191, 255]])


def test_to_uint8_gives_the_nearest_byte():
    images = np.linspace(-1, 1, 100_001)
    errors = np.abs(pixels.to_uint8(images) - (images + 1) * 127.5)
    assert errors.max() <= 0.5 + 1e-4
    assert (np.diff(pixels.to_uint8(images).astype(int)) >= 0).all()


def test_to_uint8_clips_the_largest_floats():
    np.testing.assert_array_equal(pixels.to_uint8(np.array([-1e300, 1e300])), [0, 255])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_to_uint8_refuses_values_that_are_not_finite(value):
    with pytest.raises(ValueError, match=f"images hold 2 non-finite values, first {value}; use weights"):
        pixels.to_uint8(np.array([0, value, value], np.float32))


def test_to_uint8_refuses_bytes():
    with pytest.raises(AssertionError, match="uint8 is not a float"):
        pixels.to_uint8(EVERY_BYTE)


# Grids


def test_grid_known_values():
    images = np.arange(1, 4, dtype=np.uint8).reshape(3, 1, 1, 1) * np.ones((1, 1, 1, 2), np.uint8)
    np.testing.assert_array_equal(pixels.grid(images, 2), [[1, 1, 2, 2], [3, 3, 0, 0]])
    np.testing.assert_array_equal(
        pixels.grid(images, 2, gap=1, background=9), [[1, 1, 9, 2, 2], [9, 9, 9, 9, 9], [3, 3, 9, 9, 9]]
    )


@pytest.mark.parametrize("channels", [1, 3])
def test_cell_finds_every_image_of_a_grid(channels):
    images = noise(6, channels, 4, 5)
    sheet = pixels.grid(images, columns=3)
    assert sheet.shape == ((8, 15) if channels == 1 else (8, 15, 3))
    assert sheet.dtype == np.uint8
    for index, image in enumerate(images):
        result = pixels.cell(sheet, index, columns=3, rows=2)
        np.testing.assert_array_equal(result, image[0] if channels == 1 else image.transpose(1, 2, 0))


def test_grid_wider_than_its_images_is_padded():
    assert pixels.grid(noise(2, 1, 4, 5), columns=4).shape == (4, 20)


def test_grid_and_cell_errors():
    with pytest.raises(ValueError, match="0 images in 8 columns make no grid"):
        pixels.grid(noise(0, 1, 4, 4), 8)
    with pytest.raises(ValueError, match="2 images in 0 columns make no grid"):
        pixels.grid(noise(2, 1, 4, 4), 0)
    for index in (-1, 6):
        with pytest.raises(ValueError, match=f"index={index} is not in 0..5"):
            pixels.cell(noise(8, 15), index, columns=3, rows=2)
    with pytest.raises(ValueError, match=r"\(8, 15\) pixels are not 2 equal rows of 4"):
        pixels.cell(noise(8, 15), 0, columns=4, rows=2)


@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 3)])
def test_enlarge_repeats_hard_pixels(shape):
    image = noise(*shape)
    large = pixels.enlarge(image, 4)
    assert large.shape[:2] == (8, 12)
    for row in range(8):
        for column in range(12):
            np.testing.assert_array_equal(large[row, column], image[row // 4, column // 4])
    np.testing.assert_array_equal(pixels.enlarge(image, 1), image)
    with pytest.raises(ValueError, match="factor=0 is below 1"):
        pixels.enlarge(image, 0)


@pytest.mark.parametrize("factor", [1582, 100_000, 10**30])
def test_a_picture_too_large_for_the_memory_is_refused_before_it_is_made(factor):
    with pytest.raises(
        ValueError, match=f"factor={factor} makes more than 250,000,000 pixels of 10 x 10; try 1581 at"
    ):
        pixels.enlarge(noise(10, 10), factor)


def test_the_largest_possible_factor_is_named(monkeypatch):
    monkeypatch.setattr(pixels, "MAX_PIXELS", 6 * 49)
    assert pixels.enlarge(noise(2, 3, 3), 7).shape == (14, 21, 3)
    with pytest.raises(ValueError, match="try 7 at most"):
        pixels.enlarge(noise(2, 3, 3), 8)
    large = noise(20, 20)
    assert pixels.enlarge(large, 1).shape == (20, 20)


@pytest.mark.parametrize("columns", [10**7, 10**12])
def test_a_grid_too_large_for_the_memory_is_refused_before_it_is_made(columns):
    with pytest.raises(
        ValueError, match=f"5 images in columns={columns} make .* more than 250,000,000 .*; try 3 columns"
    ):
        pixels.grid(noise(5, 1, 6, 6), columns)


def test_an_animation_too_large_for_the_memory_is_refused(monkeypatch):
    monkeypatch.setattr(pixels, "MAX_PIXELS", 3 * 24)
    assert pixels.gif_bytes([noise(4, 6)] * 3, 100)
    with pytest.raises(ValueError, match="4 frames of 6 x 4 pixels are more than 72 together; make them smaller"):
        pixels.gif_bytes([noise(4, 6)] * 4, 100)
    assert pixels.gif_bytes([noise(4, 6, 3)], 100)
    pixels.check_animation_size(3, noise(2, 3), enlarge=2)
    with pytest.raises(ValueError, match="4 frames of 6 x 4 pixels"):
        pixels.check_animation_size(4, noise(2, 3), enlarge=2)
    with pytest.raises(ValueError, match="2 frames of 6 x 4 pixels are more than 24 together"):
        pixels.gif_bytes([noise(4, 6, 3)] * 2, 100)


def test_invert_swaps_black_and_white():
    np.testing.assert_array_equal(pixels.invert(EVERY_BYTE), EVERY_BYTE[::-1])


# PNG


@pytest.mark.parametrize("shape", [(28, 30), (28, 30, 3)])
def test_png_is_lossless_and_deterministic(shape):
    image = noise(*shape)
    data = pixels.png_bytes(image)
    assert data == pixels.png_bytes(image.copy())
    with Image.open(BytesIO(data)) as decoded:
        assert decoded.mode == ("L" if len(shape) == 2 else "RGB")
        np.testing.assert_array_equal(np.asarray(decoded), image)


@pytest.mark.parametrize(("mode", "shape"), [("L", (5, 4)), ("RGB", (5, 4, 3)), ("P", (5, 4, 3)), ("1", (5, 4, 3))])
def test_a_png_is_read_as_gray_or_rgb(tmp_path, mode, shape):
    Image.new(mode, (4, 5), 1).save(tmp_path / "a.png")
    picture = pixels.read_png(tmp_path / "a.png")
    assert (picture.shape, picture.dtype) == (shape, np.uint8)


def png_of(width: int, height: int, *, bits: int = 8, color: int = 0, content: bytes = b"") -> bytes:
    """Return a small PNG that claims this size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(content)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def gif_of_zeros() -> bytes:
    buffer = BytesIO()
    Image.new("L", (4, 4)).save(buffer, "GIF")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is not a PNG"),
        (gif_of_zeros(), "it is not a PNG"),
        (png_of(2**13, 2**13 + 1), "8192 x 8193 pixels are more than 67,108,864"),
        (png_of(2**31 - 1, 2**31 - 1), "pixels are more than"),
        (png_of(10_000, 10_000, content=b"\0" * 10**6), "pixels are more than"),
        (png_of(4, 4, bits=16, content=b"\0" * 36), "does not have 8 bits"),
        (png_of(4096, 2), "4096 x 2 pixels are too narrow"),
        (png_of(4, 4)[:40], ""),
        (png_of(4, 4, bits=3), ""),
        (png_of(0, 0), ""),
        (png_of(4, 4, content=b"9" * 20), ""),
    ],
    ids=lambda value: "" if isinstance(value, bytes) else value,
)
def test_what_is_not_a_small_png_is_one_sentence(tmp_path, monkeypatch, content, reason):
    path = tmp_path / "a.png"
    path.write_bytes(content)
    if reason:
        monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("it is checked before it is decoded"))
    with pytest.raises(ValueError, match="damaged") as caught:
        pixels.read_png(path)
    assert str(caught.value).startswith(f"{path} is damaged (")
    assert reason in str(caught.value)
    assert str(caught.value).endswith("; delete it and try again")


def test_a_missing_png_and_one_that_is_a_folder(tmp_path):
    with pytest.raises(FileNotFoundError):
        pixels.read_png(tmp_path / "gone.png")
    with pytest.raises(ValueError, match="it is not a regular file"):
        pixels.read_png(tmp_path)


def test_png_metadata():
    metadata = {"dcgan": '{"seed": 7}', "Title": "Ziffern, 数字"}
    with Image.open(BytesIO(pixels.png_bytes(noise(2, 2), metadata))) as decoded:
        assert decoded.text == metadata


@pytest.mark.parametrize("image", [np.zeros((2, 2), np.float32), noise(2, 2, 1), noise(4)])
def test_arrays_that_are_not_pictures_are_refused(image):
    with pytest.raises(AssertionError, match=r"is not uint8|is not \(H, W\)"):
        pixels.png_bytes(image)


# GIF


def test_gray_gif_is_exact_frame_by_frame():
    # All 256 grays, few grays, a local change, and grays that have to come back in their own order.
    frames = [noise(28, 28), np.full((28, 28), 77, np.uint8), EVERY_BYTE[:196].repeat(4).reshape(28, 28)]
    frames.append(frames[2].copy())
    frames[3][5:7, 9] = 255
    frames.append(255 - frames[0])
    durations = [40, 50, 1000, 20, 500]
    decoded = decode_gif(pixels.gif_bytes(frames, durations))
    assert [milliseconds for _, milliseconds in decoded] == durations
    for (shown, _), frame in zip(decoded, frames, strict=True):
        np.testing.assert_array_equal(shown, as_rgb(frame))


def test_equal_frames_in_a_row_share_a_frame_and_add_their_durations():
    a, b = noise(2, 8, 8)
    decoded = decode_gif(pixels.gif_bytes([a, a, b, b, b, a], [100, 20, 30, 40, 50, 60]))
    assert [milliseconds for _, milliseconds in decoded] == [120, 120, 60]
    for (shown, _), frame in zip(decoded, [a, b, a], strict=True):
        np.testing.assert_array_equal(shown, as_rgb(frame))


@pytest.mark.parametrize("count", [1, 3])
def test_a_gif_of_equal_frames_keeps_its_duration(count):
    still = noise(8, 8)
    ((shown, milliseconds),) = decode_gif(pixels.gif_bytes([still] * count, 200))
    np.testing.assert_array_equal(shown, as_rgb(still))
    assert milliseconds == 200 * count


def test_rgb_gif_of_up_to_256_colors_is_exact():
    palette = noise(256, 3)
    frames = palette[np.random.RandomState(1).randint(0, 256, (4, 20, 21))]
    decoded = decode_gif(pixels.gif_bytes(frames, 100))
    for (shown, _), frame in zip(decoded, frames, strict=True):
        np.testing.assert_array_equal(shown, frame)


def test_rgb_gif_shares_one_palette_so_that_still_pixels_stay():
    """On the left is a still gradient of more than 256 colors, on the right is moving noise."""
    still = np.stack(np.broadcast_arrays(np.arange(32)[:, None] * 8, np.arange(32) * 8, 99), -1)
    frames = np.concatenate([np.tile(still, (3, 1, 1, 1)), noise(3, 32, 32, 3)], axis=2).astype(np.uint8)
    decoded = np.stack([shown for shown, _ in decode_gif(pixels.gif_bytes(frames, 100))])
    assert len(np.unique(decoded.reshape(-1, 3), axis=0)) <= 256
    for shown in decoded:
        np.testing.assert_array_equal(shown[:, :32], decoded[0, :, :32])
    assert np.abs(decoded.astype(int) - frames).mean() < 24


@pytest.mark.parametrize("convert", [np.asarray, as_rgb], ids=["gray", "rgb"])
def test_gif_stores_its_palette_once(convert):
    """20 frames have every gray, and one pixel blinks. A palette for each frame would take 15 kB."""
    frames = np.tile(EVERY_BYTE.reshape(16, 16), (20, 1, 1))
    frames[::2, 0, 0] = 255
    assert len(pixels.gif_bytes([convert(frame) for frame in frames], 100)) < 3 * 768


@pytest.mark.parametrize("loop", [0, 3])
def test_gif_loop_and_determinism(loop):
    frames = noise(3, 8, 8)
    data = pixels.gif_bytes(frames, 100, loop)
    assert data == pixels.gif_bytes(list(frames), [100] * 3, loop)
    with Image.open(BytesIO(data)) as image:
        assert image.info["loop"] == loop


@pytest.mark.parametrize(
    ("count", "milliseconds", "message"),
    [
        (0, 100, "0 frames do not make a GIF"),
        (2, [100], "1 durations for 2 frames"),
        (2, 33, "milliseconds=33 is not a multiple of 10 from 20; try 30"),
        (2, [100, 10], "milliseconds=10 is not a multiple of 10 from 20; try 20"),
        (2, 400_000, "milliseconds add up to 800000, more than 655350"),
    ],
)
def test_gif_errors(count, milliseconds, message):
    with pytest.raises(ValueError, match=message):
        pixels.gif_bytes(noise(count, 8, 8), milliseconds)


# Captions


@pytest.mark.parametrize("shape", [(224, 224), (112, 300, 3)])
@pytest.mark.parametrize("background", [0, 255])
def test_caption_adds_a_readable_strip_and_leaves_the_image(shape, background):
    image = noise(*shape)
    below = pixels.caption(image, "epoch 3 of 20", background=background)
    above = pixels.caption(image, "epoch 3 of 20", position="above", background=background)
    np.testing.assert_array_equal(below[: shape[0]], image)
    np.testing.assert_array_equal(above[-shape[0] :], image)
    strip = below[shape[0] :]
    np.testing.assert_array_equal(above[: -shape[0]], strip)
    assert len(strip) == 2 * (shape[1] // 16)
    assert {strip.min(), strip.max()} == {0, 255}
    for edge in (strip[0], strip[-1], strip[:, 0], strip[:, -1]):  # no letter is cut
        assert (edge == background).all()


def test_caption_strip_is_the_same_size_for_every_text_and_scales_with_the_width():
    image = noise(112, 112)
    shapes = {pixels.caption(image, text).shape for text in ("", "epoch 1", "jgpqy ÄÖÜ")}
    assert shapes == {(112 + 20, 112)}
    assert pixels.caption(pixels.enlarge(image, 4), "epoch 1").shape == (448 + 56, 448)


def test_caption_letters_stand_still_where_a_number_counts_up():
    one, two = (pixels.caption(noise(64, 224), f"epoch {number} of 20") for number in (1, 2))
    np.testing.assert_array_equal(one[:, :40], two[:, :40])
    assert (one != two).any()


def test_caption_too_wide_names_the_remedy():
    with pytest.raises(ValueError, match=r"'epoch 3 of 20' takes \d+ of 28 pixels; enlarge the image"):
        pixels.caption(noise(28, 28), "epoch 3 of 20")
