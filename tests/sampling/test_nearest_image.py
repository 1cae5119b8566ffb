"""Pictures of one's own: how they are read, bounded and shown beside the nearest image."""

from __future__ import annotations

import base64
import io
import threading
from dataclasses import replace

import numpy as np
import pytest
from images import save_image
from PIL import Image, ImageSequence
from recorded import CONDITIONAL, TINY, record_run, write_idx

from dcgan import pixels
from dcgan.checkpoint import load_generator
from dcgan.config import DataConfig
from dcgan.data.image_files import UnreadableImageError
from dcgan.sampling import nearest_image, projection
from dcgan.sampling.nearest_image import (
    bytes_of_address,
    find_for_visitor,
    find_nearest,
    images_for_visitors,
    num_test_images,
    picture_target,
    target_of_test,
)

COLORED = replace(TINY, model=replace(TINY.model, channels=3))


@pytest.fixture(autouse=True)
def few_steps(monkeypatch):
    """Searches that take a moment."""
    for name, value in {"NUM_SEEDS": 32, "NUM_STARTS": 2, "ADAM_STEPS": 4, "NEWTON_STEPS": 3}.items():
        monkeypatch.setattr(projection, name, value)


@pytest.fixture
def tiny(runs_root):
    return load_generator(record_run(runs_root).path)


def png(picture_u8) -> bytes:
    """Return a picture as a file."""
    buffer = io.BytesIO()
    Image.fromarray(np.asarray(picture_u8, np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def stroke(height: int, width: int) -> np.ndarray:
    """Return a white stroke on black."""
    picture = np.zeros((height, width), np.uint8)
    picture[height // 5 : -height // 5, width // 2 - width // 16 : width // 2 + width // 16] = 255
    return picture


def test_the_row_has_the_target_the_image_and_their_difference(tiny):
    target = np.arange(28 * 28, dtype=np.uint8).reshape(1, 28, 28)
    nearest = find_nearest(tiny, target)
    image = pixels.to_uint8(tiny(nearest.projection.z[None]).numpy())[0]
    assert np.array_equal(nearest.image_u8, image)
    assert np.array_equal(nearest.difference_u8(), np.abs(image.astype(int) - target))
    row = nearest.row(enlarge=2)
    assert row.shape == (56, 2 * (3 * 28 + 2))
    assert np.array_equal(row[::2, ::2][:, :28], target[0])
    assert np.array_equal(nearest.row(reverse=True)[:, :28], 255 - target[0])
    assert nearest.gray_levels == pytest.approx(255 * nearest.projection.error**0.5)


def test_the_animation_ends_with_the_nearest_image(tiny):
    nearest = find_nearest(tiny, stroke(28, 28)[None])
    with Image.open(io.BytesIO(nearest.images_gif(enlarge=3))) as animation:
        last = ImageSequence.all_frames(animation)[-1]
        assert np.array_equal(np.asarray(last.convert("L"))[::3, ::3], nearest.image_u8[0])


@pytest.mark.parametrize("shape", [(40, 40), (30, 300), (300, 30), (2000, 1500), (1, 1)])
def test_pictures_of_any_shape_become_targets(tiny, shape):
    if shape == (1, 1):
        with pytest.raises(ValueError, match="one color"):
            picture_target(png(stroke(*shape)), tiny)
    else:
        picture = np.random.RandomState(0).randint(0, 2, shape).astype(np.uint8) * 255
        assert picture_target(png(picture), tiny)[0].shape == (1, 28, 28)


def test_colors_become_gray_for_a_gray_model_and_stay_for_a_colored_one(tiny, runs_root, tmp_path):
    picture = np.zeros((60, 60, 3), np.uint8)
    picture[20:40, 20:40] = (255, 0, 0)
    path = save_image(tmp_path / "red.png", picture)
    assert picture_target(path, tiny)[0].shape == (1, 28, 28)
    colored = load_generator(record_run(runs_root, COLORED).path)
    target, _ = picture_target(path, colored)
    assert target.shape == (3, 28, 28)
    assert target[0].max() > 200 > target[1].max()


@pytest.mark.parametrize("value", [0, 128, 255])
def test_a_picture_of_one_color_is_refused(tiny, value):
    with pytest.raises(ValueError, match="one color"):
        picture_target(png(np.full((50, 50), value)), tiny)


@pytest.mark.parametrize("data", [b"", b"no picture", png(stroke(28, 28))[:60]])
def test_bytes_that_are_no_picture_are_refused(tiny, data):
    with pytest.raises(UnreadableImageError):
        picture_target(data, tiny)


def test_the_address_of_a_picture_is_read():
    data = png(stroke(28, 28))
    assert bytes_of_address(f"data:image/png;base64,{base64.b64encode(data).decode()}") == data


@pytest.mark.parametrize(
    "text",
    [
        *("", "data:image/png;base64", "data:text/html;base64,QQ==", "data:image/png,QQ==", "QQ==", None, 5, ["x"]),
        "data:image/png;base64,not base64!",
        "data:image/png;base64,é",
        "data:image/png;base64," + "A" * nearest_image.MAX_PICTURE_TEXT,
    ],
)
def test_other_texts_are_refused(text):
    with pytest.raises(ValueError, match="sent no picture"):
        bytes_of_address(text)


# Test images


@pytest.fixture
def small_mnist(tmp_path):
    """Return a data set of five test digits."""
    digits = np.stack([np.roll(stroke(28, 28), shift, 1) for shift in range(5)])
    write_idx(tmp_path, "t10k", digits, np.arange(5))
    return DataConfig(root=str(tmp_path)), digits


def test_a_test_digit_is_that_of_its_number(small_mnist, runs_root):
    data, digits = small_mnist
    generator = load_generator(record_run(runs_root, replace(TINY, data=data)).path)
    assert num_test_images(generator) == 10_000
    target, notes = target_of_test(3, generator)
    assert np.array_equal(target[0], digits[3])
    assert notes == []
    target, notes = target_of_test(9999, generator)
    assert np.array_equal(target[0], digits[4])
    assert "9,999" in notes[0]


def test_a_test_digit_gets_the_size_and_the_colors_of_the_model(small_mnist, runs_root):
    model = replace(TINY.model, channels=3, image_size=32)
    generator = load_generator(record_run(runs_root, replace(TINY, data=small_mnist[0], model=model)).path)
    assert target_of_test(0, generator)[0].shape == (3, 32, 32)


def test_missing_data_is_not_downloaded(runs_root, monkeypatch, tmp_path):
    monkeypatch.setenv("DCGAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("dcgan.data.named_sets._download_into_cache", lambda *_: pytest.fail("downloaded"))
    run = record_run(runs_root, replace(TINY, data=DataConfig(name="fashion-mnist")))
    with pytest.raises(FileNotFoundError, match="fashion-mnist is not on this machine"):
        target_of_test(0, load_generator(run.path))


def test_own_pictures_have_their_held_out_ones(runs_root, tmp_path):
    for number in range(8):
        picture = np.zeros((28, 28, 3), np.uint8)
        picture[number : number + 9, 4:20] = 30 * number + 40
        save_image(tmp_path / "pictures" / f"{number}.png", picture)
    data = DataConfig(name=f"folder:{tmp_path / 'pictures'}", holdout=0.5, min_holdout=0)
    generator = load_generator(record_run(runs_root, replace(COLORED, data=data)).path)
    target, notes = target_of_test(200, generator)
    assert target.shape == (3, 28, 28)
    assert "nearest is 3" in notes[0]


# Bounds


def test_a_search_ends_with_its_images(tiny):
    target = pixels.from_uint8(stroke(28, 28)[None])
    calls: list[int] = []
    draw = tiny.network.forward
    tiny.network.forward = lambda z, classes: calls.append(len(z)) or draw(z, classes)
    whole = projection.project(tiny, target)
    drawn = sum(calls)
    calls.clear()
    short = projection.project(tiny, target, max_images=20)
    assert sum(calls) < drawn / 2
    assert short.error >= whole.error
    assert np.isfinite(projection.project(tiny, target, max_images=1).z).all()


def test_larger_generators_get_fewer_images():
    large = replace(TINY.model, image_size=128, width_g=64)
    assert images_for_visitors(large) < 5000 < images_for_visitors(TINY.model)
    assert images_for_visitors(replace(TINY.model, topology="keras")) == 20_000


def test_a_visitor_waits_for_a_place_or_is_refused(tiny, monkeypatch):
    target = stroke(28, 28)[None]
    assert np.array_equal(find_for_visitor(tiny, target).image_u8, find_nearest(tiny, target).image_u8)
    monkeypatch.setattr(nearest_image, "_places", threading.BoundedSemaphore(1))
    with nearest_image._a_place(), pytest.raises(ValueError, match="busy"):
        find_for_visitor(tiny, target)
    assert find_for_visitor(tiny, target).projection.label is None  # the place is free again


def test_a_conditional_model_keeps_the_chosen_label(runs_root):
    generator = load_generator(record_run(runs_root, CONDITIONAL).path)
    assert find_for_visitor(generator, stroke(28, 28)[None], label=2).projection.label == 2
