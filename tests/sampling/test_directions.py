"""Directions in latent space: planted ones are found, and shapes are measured."""

from __future__ import annotations

import numpy as np
import pytest
from recorded import TINY, record_run

from dcgan.checkpoint import load_generator
from dcgan.files import CHECKPOINTS
from dcgan.latents import latents_from_seeds
from dcgan.sampling.directions import first_layer_directions, fit_directions, shapes


def bar(slant=0.0, thickness=4, height=16, width=None, side=40) -> np.ndarray:
    """Draw a white bar on black (1, H, W), `slant` pixels to the right for each pixel upwards."""
    image = -np.ones((side, side))
    top = (side - height) // 2
    for row in range(top, top + height):
        shift = slant * (side / 2 - row)
        left = round(side / 2 + shift - (width or thickness) / 2)
        image[row, left : left + (width or thickness)] = 1
    return image[None]


def test_slant_is_the_shift_for_each_pixel_upwards():
    measured = shapes(np.stack([bar(0), bar(0.5), bar(-0.5)]))["slant"]
    np.testing.assert_allclose(measured, [0, 0.5, -0.5], atol=0.05)


def test_width_and_height_are_those_of_a_bar():
    measured = shapes(np.stack([bar(width=4, height=16), bar(width=8, height=16), bar(width=4, height=24)]))
    flat = 4 / np.sqrt(12)  # four standard deviations of a flat line of length 1
    np.testing.assert_allclose(measured["width"], [4 * flat, 8 * flat, 4 * flat], rtol=0.05)
    np.testing.assert_allclose(measured["height"], [16 * flat, 16 * flat, 24 * flat], rtol=0.05)


def test_thickness_grows_with_the_stroke():
    measured = shapes(np.stack([bar(thickness=width, height=24) for width in (2, 4, 6)]))["thickness"]
    assert measured[0] < measured[1] < measured[2]
    np.testing.assert_allclose(measured, [2, 4, 6], rtol=0.35)


def test_shapes_are_those_of_the_negative_too():
    drawn = np.stack([bar(0.3), bar(width=9)])
    for name, values in shapes(drawn).items():
        np.testing.assert_allclose(shapes(-drawn)[name], values, err_msg=name)


def test_an_empty_image_has_no_shape():
    assert all(np.array_equal(values, np.zeros(2)) for values in shapes(np.ones((2, 3, 8, 8))).values())


@pytest.mark.parametrize("distribution", ["normal", "uniform", "mixture"])
def test_a_planted_direction_is_found(distribution):
    z = latents_from_seeds(range(4000), 40, distribution)
    planted = np.zeros(40)
    planted[20:] = np.random.RandomState(1).normal(size=20)
    planted /= np.linalg.norm(planted)
    noise = np.random.RandomState(2).normal(size=4000)
    values = 3 * z @ planted + 0.3 * noise + 7
    values += 50 * z[:, :20].argmax(1) if distribution == "mixture" else 0  # between components, which does not count
    found = fit_directions(z, {"planted": values, "noise": noise}, distribution=distribution)
    assert found["planted"].r2 > 0.9
    assert found["planted"].vector @ planted > 0.99
    assert found["planted"].slope == pytest.approx(3, rel=0.05)
    assert found["noise"].r2 < 0.05


def test_a_constant_property_has_no_direction():
    found = fit_directions(latents_from_seeds(range(100), 6), {"constant": np.ones(100)})["constant"]
    assert (found.r2, found.slope) == (0, 0)
    assert not found.vector.any()


def test_lengths_that_differ_are_refused():
    with pytest.raises(ValueError, match="do not fit the properties"):
        fit_directions(latents_from_seeds(range(8), 6), {"x": np.ones(7)})
    with pytest.raises(ValueError, match="four or more"):
        fit_directions(latents_from_seeds(range(3), 6), {})


@pytest.mark.parametrize("name", ["dcgan-mnist", "gan-mnist", "dcgan-best-mnist", "cdcgan-mnist"])
def test_unnamed_directions_change_the_first_layer_most(name):
    generator = load_generator(CHECKPOINTS / name)
    found = first_layer_directions(generator)
    vectors = np.stack([direction.vector for direction in found]).astype(np.float64)
    np.testing.assert_allclose(vectors @ vectors.T, np.eye(8), atol=1e-5)
    layer = next(module for module in generator.network.modules() if hasattr(module, "weight"))
    weight = layer.weight.detach().double().numpy()
    rows = weight.reshape(len(weight), -1) if weight.ndim == 4 else weight.T
    effects = np.linalg.norm(vectors @ rows[:100], axis=1)
    assert np.all(np.diff(effects) < 1e-6)
    random = np.random.RandomState(0).normal(size=(200, 100))
    random[:, : 20 if generator.config.latent == "mixture" else 0] = 0
    random /= np.linalg.norm(random, axis=1, keepdims=True)
    assert effects[0] > np.linalg.norm(random @ rows[:100], axis=1).max()


def test_a_latent_of_six_numbers_has_six_unnamed_directions(runs_root):
    generator = load_generator(record_run(runs_root, TINY).path)
    assert len(first_layer_directions(generator)) == 6


@pytest.mark.slow
def test_the_slant_of_the_published_digits_has_a_direction():
    generator = load_generator(CHECKPOINTS / "dcgan-best-mnist")
    z = generator.latents(range(2000))
    found = fit_directions(z, shapes(generator(z).numpy()), distribution="mixture")
    assert found["slant"].r2 > 0.5
    step = 1.5 * found["slant"].vector
    before, after = (shapes(generator(z[:200] + sign * step).numpy())["slant"].mean() for sign in (-1, 1))
    assert after > before + 0.1
