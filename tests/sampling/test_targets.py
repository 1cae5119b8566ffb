"""Drawings and photos, made what a generator could draw."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from recorded import TINY, record_run

from dcgan.checkpoint import load_generator
from dcgan.config import DataConfig
from dcgan.data.named_sets import read_named_set
from dcgan.files import CHECKPOINTS
from dcgan.sampling.targets import centered, target_of


@pytest.fixture(scope="module")
def digits():
    return load_generator(CHECKPOINTS / "dcgan-mnist")


def stroke(ground: int, ink: int, side: int = 128) -> np.ndarray:
    """Draw a vertical stroke near the upper left corner."""
    picture = np.full((1, side, side), ground, np.uint8)
    picture[:, 10:50, 20:26] = ink
    return picture


def test_black_on_white_becomes_white_on_black_in_the_middle(digits):
    target, notes = target_of(stroke(255, 0), digits)
    assert target.shape == (1, 28, 28)
    rows, columns = np.nonzero(target[0] > 127)
    assert (rows.min(), rows.max()) == (5, 24)
    assert 13 <= columns.mean() <= 14
    assert len(notes) == 1
    assert "inverted" in notes[0]


def test_white_on_black_is_not_inverted(digits):
    target, notes = target_of(stroke(0, 255), digits)
    assert notes == []
    np.testing.assert_array_equal(target, target_of(stroke(255, 0), digits)[0])


def test_colors_become_gray_and_gray_becomes_color(digits, runs_root):
    target, _ = target_of(stroke(0, 255).repeat(3, 0), digits)
    assert target.shape == (1, 28, 28)
    model = replace(TINY.model, channels=3, image_size=32)
    colored = load_generator(record_run(runs_root, replace(TINY, model=model)).path)
    assert target_of(stroke(0, 255), colored)[0].shape == (3, 32, 32)


def test_pictures_of_other_models_stay_where_they_are(runs_root):
    other = load_generator(record_run(runs_root, replace(TINY, data=DataConfig(name="folder:/x"))).path)
    target, _ = target_of(stroke(0, 255), other)
    assert np.nonzero(target[0] > 127)[0].max() <= 11


@pytest.mark.parametrize("level", [0, 20, 255])
def test_plain_pictures_stay_plain(digits, level):
    target, _ = target_of(np.full((1, 64, 64), level, np.uint8), digits)
    assert target.min() == target.max()


def test_mnists_own_digits_stay_where_they_are():
    images_u8, _ = read_named_set("mnist", "", "test")
    differences = [np.abs(centered(image).astype(int) - image).mean() for image in images_u8[:200]]
    assert np.mean(np.array(differences) < 1) > 0.95
