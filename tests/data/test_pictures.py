"""The presets for own pictures, adapted to the pictures and the device."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dcgan.data.pictures import Pictures, adapted, holdout_for
from dcgan.presets import PRESETS

PICTURES = PRESETS["pictures"].config
COLORS = Pictures(count=351, channels=3, num_classes=0)


def test_a_cpu_and_pictures_in_color_change_nothing():
    assert adapted(PICTURES, COLORS) == PICTURES


def test_gray_pictures_need_one_channel():
    assert adapted(PICTURES, COLORS._replace(channels=1)).model == replace(PICTURES.model, channels=1)


def test_a_gpu_gets_twice_the_width():
    model = adapted(PICTURES, COLORS, on_gpu=True).model
    assert model == replace(PICTURES.model, width_g=64, width_d=64)


@pytest.mark.parametrize(("size", "gamma"), [(32, 0.05), (64, 0.2), (128, 0.8)])
def test_the_penalties_grow_with_the_square_of_the_side(size, gamma):
    config = adapted(PICTURES, COLORS, image_size=size)
    assert config.model.image_size == size
    assert (config.r1_gamma, config.r2_gamma) == (gamma, gamma)


def test_the_conditional_preset_has_the_classes_of_the_pictures():
    conditional = PRESETS["cpictures"].config
    assert adapted(conditional, COLORS._replace(num_classes=3)).model.num_classes == 3
    assert adapted(PICTURES, COLORS._replace(num_classes=3)).model.num_classes == 0
    with pytest.raises(ValueError, match="have no classes to learn"):
        adapted(conditional, COLORS)


@pytest.mark.parametrize(("count", "held_out"), [(50, 0), (99, 0), (100, 16), (351, 35), (100_000, 10_000)])
def test_a_tenth_and_at_least_16_of_100_pictures_are_held_out(count, held_out):
    assert round(holdout_for(COLORS._replace(count=count)) * count) == held_out


def test_a_named_set_has_test_images_of_its_own():
    assert holdout_for(COLORS._replace(is_own=False)) == 0


# The length in images


@pytest.mark.parametrize(
    ("images", "epochs", "steps"), [(1, 1, 1), (10_000, 2, 626), (80_000, 20, 5000), (10**6, 100, 62_500)]
)
def test_a_length_in_images_is_reached_within_a_step_an_epoch(images, epochs, steps):
    config = PICTURES.with_images(images)
    assert (config.epochs, config.epochs * config.steps_per_epoch) == (epochs, steps)


def test_the_preset_has_80000_images():
    assert PICTURES.with_images(80_000) == PICTURES


def test_a_length_below_one_image_is_refused():
    with pytest.raises(ValueError, match="images=0 is below 1"):
        PICTURES.with_images(0)
