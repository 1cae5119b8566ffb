"""Warped images: where a point of a known image goes."""

from __future__ import annotations

import math

import pytest
import torch

from dcgan.training.augment import (
    MAX_LOG_SCALE,
    MAX_ROTATION,
    MAX_SHEAR,
    MAX_TRANSLATION,
    NUM_PARAMETERS,
    random_affine,
)

SIZE = 101
FULL = {"turn": 0, "slant": 1, "stretch_x": 2, "stretch_y": 3, "shift_x": 4, "shift_y": 5}
"""Which of an image's numbers does what."""


def numbers(**full: float) -> torch.Tensor:
    """Return the numbers of one image: the neutral value, or the given one."""
    drawn = torch.full((1, NUM_PARAMETERS), 0.5)
    for name, value in full.items():
        drawn[0, FULL[name]] = value
    return drawn


def blob(x: float, y: float) -> torch.Tensor:
    """Return a round spot on black with its middle at (x, y) in [-1, 1]."""
    steps = (torch.arange(SIZE) + 0.5) * 2 / SIZE - 1
    spot = torch.exp(-((steps[None] - x) ** 2 + (steps[:, None] - y) ** 2) / (2 * 0.05**2))
    return (2 * spot - 1)[None, None]


def middle(image: torch.Tensor) -> tuple[float, float]:
    steps = (torch.arange(SIZE) + 0.5) * 2 / SIZE - 1
    light = (image[0, 0] + 1) / (image + 1).sum()
    return float((light.sum(0) * steps).sum()), float((light.sum(1) * steps).sum())


@pytest.mark.parametrize(
    ("full", "found"),
    [
        ({}, (0.4, 0.2)),
        # Numbers say where to look, so the spot goes the other way.
        ({"shift_x": 1.0}, (0.4 - MAX_TRANSLATION, 0.2)),
        ({"shift_y": 0.0}, (0.4, 0.2 + MAX_TRANSLATION)),
        ({"stretch_x": 1.0}, (0.4 * math.exp(-MAX_LOG_SCALE), 0.2)),
        ({"stretch_y": 0.0}, (0.4, 0.2 * math.exp(MAX_LOG_SCALE))),
        ({"slant": 1.0}, (0.4 - MAX_SHEAR * 0.2, 0.2)),
        (
            {"turn": 1.0},
            (
                0.4 * math.cos(MAX_ROTATION) + 0.2 * math.sin(MAX_ROTATION),
                0.2 * math.cos(MAX_ROTATION) - 0.4 * math.sin(MAX_ROTATION),
            ),
        ),
    ],
)
def test_a_spot_moves_as_the_numbers_describe(full, found):
    assert middle(random_affine(blob(0.4, 0.2), numbers(**full))) == pytest.approx(found, abs=2e-3)


def test_half_the_strength_moves_half_as_far():
    half = random_affine(blob(0.4, 0.2), numbers(shift_x=1.0), 0.5)
    assert middle(half) == pytest.approx((0.4 - MAX_TRANSLATION / 2, 0.2), abs=2e-3)


def test_strength_0_changes_nothing():
    images = torch.randn(3, 3, 28, 28)
    assert torch.allclose(random_affine(images, torch.rand(3, NUM_PARAMETERS), 0.0), images, atol=1e-5)


def test_each_image_goes_by_its_own_numbers():
    images = torch.rand(4, 1, 28, 28)
    drawn = torch.rand(4, NUM_PARAMETERS)
    together = random_affine(images, drawn)
    for i in range(4):
        assert torch.allclose(together[i], random_affine(images[i : i + 1], drawn[i : i + 1])[0], atol=1e-6)
    assert not torch.allclose(together[0], images[0], atol=0.1)


def test_edges_are_filled_with_nothing_darker_than_the_image():
    assert torch.allclose(
        random_affine(torch.full((2, 3, 28, 28), 0.7), torch.ones(2, NUM_PARAMETERS)), torch.tensor(0.7)
    )


def test_an_empty_batch_stays_empty():
    assert random_affine(torch.zeros(0, 1, 28, 28), torch.zeros(0, NUM_PARAMETERS)).shape == (0, 1, 28, 28)
