"""The view "Named sliders" of the Explore page: directions with names, their sliders, and the address."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from recorded import CONDITIONAL, MIXED, TINY, record_run
from studio import captions, checked, open_page, warnings

from dcgan.checkpoint import TrainedGenerator, load_generator
from dcgan.config import DataConfig
from dcgan.pages.parts import explore_sliders, named_directions
from dcgan.pages.parts.named_directions import NamedDirection, moved, unnamed_directions
from dcgan.sampling.directions import Direction

VIEW = "Named sliders"
COLORED = replace(TINY, model=replace(TINY.model, channels=3))
MLP = replace(TINY, model=replace(TINY.model, topology="mlp", hidden_g=(8,), hidden_d=(8,)))


@pytest.fixture(autouse=True)
def small(only_own_runs, monkeypatch, tmp_path):
    """Few seeds, and a cache of their own."""
    explore_sliders.directions_of.clear()
    monkeypatch.setenv("DCGAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(named_directions, "NUM_SEEDS", 500)


class Bars(TrainedGenerator):
    """Draws a bar whose width is planted: it grows with the second number of z."""

    def __call__(self, z, labels=None):
        images = -torch.ones(len(z), 1, 28, 28)
        for image, numbers in zip(images, np.asarray(z), strict=True):
            half = round(float(np.clip(6 + 2 * numbers[1], 1, 12)))
            image[0, 6:22, 14 - half : 14 + half] = 1
        return images


def bars(run) -> Bars:
    """Return the planted generator, with the config of a run."""
    real = load_generator(run.path)
    config = replace(real.train_config, data=DataConfig(name="folder:/nowhere"))
    return Bars(real.network, config, 0, "0123456789ab", torch.device("cpu"))


def test_a_planted_direction_is_found_and_the_others_are_hidden(tiny_run):
    (width,) = [entry for entry in named_directions.named_directions(bars(tiny_run)) if entry.key == "width"]
    assert width.title == "Width"
    assert width.direction.r2 > 0.9
    assert abs(width.direction.vector[1]) > 0.99
    keys = [entry.key for entry in named_directions.named_directions(bars(tiny_run))]
    assert "slant" not in keys
    assert "height" not in keys
    assert not any(key.startswith("like") for key in keys)  # there is no classifier


def test_directions_are_measured_once_for_each_weights_id(tiny_run, monkeypatch):
    first = named_directions.named_directions(bars(tiny_run))
    monkeypatch.setattr(named_directions, "_measured", lambda *_: pytest.fail("measured again"))
    again = named_directions.named_directions(bars(tiny_run))
    assert [entry.key for entry in again] == [entry.key for entry in first]
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one.direction.vector, other.direction.vector)
        assert (one.direction.r2, one.direction.slope) == (other.direction.r2, other.direction.slope)


def test_the_mean_of_a_label_is_no_property_of_z():
    values = np.array([1.0, 12.0, 3.0, 14.0])
    np.testing.assert_allclose(named_directions._without_labels(values, np.array([0, 1, 0, 1])), [-1, -1, 1, 1])
    np.testing.assert_allclose(named_directions._without_labels(values, None), values)


def test_z_moves_along_all_directions():
    one, other = (NamedDirection("x", "X", Direction(np.eye(3, dtype=np.float32)[axis], 0.5)) for axis in (0, 2))
    result = moved(np.zeros((2, 3), np.float32), {one: 1.5, other: -2.0})
    np.testing.assert_allclose(result, [[1.5, 0, -2]] * 2)
    assert result.dtype == np.float32


@pytest.mark.slow
@pytest.mark.parametrize(
    "config", [TINY, MIXED, COLORED, MLP, CONDITIONAL], ids=["normal", "mixture", "rgb", "mlp", "conditional"]
)
def test_the_unnamed_sliders_move_the_image(config, only_own_runs, drawn):
    generator = load_generator(record_run(only_own_runs, config).path)
    app = open_page("explore", view=VIEW, size="1")
    assert not app.warning
    unmoved = drawn[-2]
    assert captions(app)[0] == "Seed 7"
    assert {entry.key for entry in unnamed_directions(generator)} <= {slider.key for slider in app.slider}
    checked(app.slider(key="unnamed1").set_value(4.0).run())
    assert not np.array_equal(drawn[-2], unmoved)
    checked(next(button for button in app.button if button.label == "Reset all").click().run())
    assert app.slider(key="unnamed1").value == 0
    assert np.array_equal(drawn[-2], unmoved)


@pytest.mark.slow
@pytest.mark.parametrize("text", ["nan", "inf", "99", "-99", "x", ""])
def test_values_of_the_address_are_bounded(tiny_run, text):
    app = open_page("explore", view=VIEW, unnamed1=text)
    assert app.slider(key="unnamed1").value == 0
    assert [sentence.split("=")[0] for sentence in warnings(app)] == ["unnamed1"]
    app = open_page("explore", view=VIEW, unnamed1="-1.5", origin="3")
    assert (app.slider(key="unnamed1").value, app.number_input(key="origin").value) == (-1.5, 3)
    assert not app.warning


@pytest.mark.slow
def test_a_moved_seed_becomes_an_end_of_the_walk(tiny_run):
    app = open_page("explore", view=VIEW, unnamed1="2.0")
    checked(app.button(key="use-za").click().run())
    assert app.query_params["za"]


@pytest.mark.slow
def test_damaged_weights_are_a_warning(tiny_run):
    tiny_run.generator_path.write_bytes(b"no weights")
    app = open_page("explore", view=VIEW)
    assert "generator.safetensors" in warnings(app)[0]
    assert not app.slider or {slider.key for slider in app.slider} == {"size"}
