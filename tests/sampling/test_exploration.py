"""Sheets, the time machine and arithmetic on seeds, on generators of a few hundred weights."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from recorded import TINY, record_run

from dcgan import pixels
from dcgan.checkpoint import load_generator, load_tensors, save_generator, weights_id
from dcgan.config import NUM_COMPONENTS
from dcgan.files import CHECKPOINTS
from dcgan.latents import latents_from_seeds, slerp, truncate, with_components
from dcgan.sampling import exploration, sheets
from dcgan.sampling.exploration import NEIGHBOR_NOISE, SavedGenerator
from dcgan.sampling.link import ShareLink
from dcgan.sampling.rendering import path_strip

CONDITIONAL = replace(TINY, model=replace(TINY.model, num_classes=3))
UNIFORM = replace(TINY, model=replace(TINY.model, latent="uniform"))
MIXED = replace(TINY, model=replace(TINY.model, latent="mixture", latent_dim=24))
COLOR = replace(TINY, model=replace(TINY.model, channels=3, image_size=8))


@pytest.fixture
def generator(tiny_run):
    return load_generator(tiny_run.path)


def image(generator, z, label=None) -> np.ndarray:
    """Return the picture (H, W) of one z (Z,)."""
    labels = None if label is None else np.array([label])
    return pixels.to_uint8(generator(np.asarray(z, np.float32)[None], labels).numpy())[0, 0]


def cells(picture, columns, rows=1):
    return [pixels.cell(picture, index, columns, rows) for index in range(columns * rows)]


# Truncation


@pytest.mark.parametrize("distribution", ["normal", "uniform"])
def test_truncation_moves_toward_the_mean_of_the_prior(distribution):
    z = latents_from_seeds(range(2000), 8, distribution)
    assert abs(z.mean()) < 0.02  # so its mean is 0
    assert np.array_equal(truncate(z, 1), z)
    assert not truncate(z, 0).any()
    assert np.array_equal(truncate(z, 0.5), z / 2)
    assert truncate(z, 0.3).dtype == np.float32


@pytest.mark.parametrize("psi", [-0.1, 1.1, float("nan")])
def test_truncation_beyond_the_prior_is_refused(psi):
    with pytest.raises(ValueError, match=r"psi=.* is not in \[0, 1\]; try"):
        truncate(np.zeros(3), psi)


# Sheets


def test_a_sheet_is_that_of_the_command_line(generator):
    assert np.array_equal(exploration.sheet(generator, range(9)), sheets.sample_sheet(generator, range(9)))
    reverse = exploration.sheet(generator, [4], reverse=True, enlarge=2)
    assert np.array_equal(reverse, 255 - exploration.sheet(generator, [4], enlarge=2))


def test_psi_zero_draws_the_mean_of_every_seed(generator):
    picture = exploration.sheet(generator, range(4), psi=0.0)
    assert all(np.array_equal(cell, image(generator, np.zeros(6))) for cell in cells(picture, 2, 2))
    half = exploration.sheet(generator, [5], psi=0.5)
    assert np.array_equal(half, image(generator, latents_from_seeds([5], 6)[0] / 2))


def test_crossing_gives_every_seed_a_row_and_every_label_a_column(runs_root):
    generator = load_generator(record_run(runs_root, CONDITIONAL).path)
    z = latents_from_seeds([8, 9], 6)
    crossed = cells(exploration.sheet(generator, [8, 9], [2, 0], cross=True), 2, 2)
    expected = [image(generator, z[row], label) for row in (0, 1) for label in (2, 0)]
    assert all(map(np.array_equal, crossed, expected))
    assert exploration.sheet(generator, [8, 9], cross=True).shape == (2 * 28, 3 * 28)  # all three classes
    assert not np.array_equal(expected[0], expected[1])  # or the label would not have been tested


def test_crossing_gives_every_seed_a_row_and_every_component_a_column(runs_root):
    generator = load_generator(record_run(runs_root, MIXED).path)
    z = latents_from_seeds([8, 9], 24, "mixture")
    crossed = cells(exploration.sheet(generator, [8, 9], cross=True), NUM_COMPONENTS, 2)
    expected = [
        image(generator, with_components(z[[row]], [component])[0])
        for row in (0, 1)
        for component in range(NUM_COMPONENTS)
    ]
    assert all(map(np.array_equal, crossed, expected))
    # Or the component would not have been tested.
    assert len({picture.tobytes() for picture in expected}) == 2 * NUM_COMPONENTS
    own = z[0, :NUM_COMPONENTS].argmax()
    assert np.array_equal(crossed[own], exploration.sheet(generator, [8]))
    numbered = exploration.sheet(generator, [8, 9], cross=True, numbers=True, enlarge=2)
    assert numbered.shape[1] == NUM_COMPONENTS * 56
    with pytest.raises(ValueError, match=r"component=20 is not in 0..19; try 0"):
        sheets.draw(generator, [1], components=[20])


def test_psi_zero_draws_one_image_per_component(runs_root):
    generator = load_generator(record_run(runs_root, MIXED).path)
    rows = exploration.sheet(generator, [8, 9], psi=0.0, cross=True)
    assert np.array_equal(rows[:28], rows[28:])
    assert not np.array_equal(*cells(rows[:28], NUM_COMPONENTS)[:2])


def test_an_unconditional_model_has_nothing_to_cross(generator):
    assert np.array_equal(exploration.sheet(generator, [1, 2], cross=True), exploration.sheet(generator, [1, 2]))
    with pytest.raises(ValueError, match="not conditional"):
        exploration.sheet(generator, [1, 2], labels=[1])
    with pytest.raises(ValueError, match="latents are normal and have no components"):
        sheets.draw(generator, [1], components=[1])


@pytest.mark.parametrize("config", [TINY, COLOR], ids=["gray", "color"])
def test_numbers_stand_below_the_images(runs_root, config):
    generator = load_generator(record_run(runs_root, config).path)
    enlarge = 56 // config.model.image_size
    plain = exploration.sheet(generator, [1, 23], enlarge=enlarge)
    numbered = exploration.sheet(generator, [1, 23], numbers=True, enlarge=enlarge)
    assert numbered.shape[1:] == plain.shape[1:]
    assert np.array_equal(numbered[:56], plain)
    first, second = cells(numbered[56:], 2)
    assert 0 < np.count_nonzero(first) < np.count_nonzero(second)  # one digit, two digits
    with pytest.raises(ValueError, match="enlarge the image"):
        exploration.sheet(generator, [2**32 - 1], numbers=True)


def test_a_sheet_is_bounded(runs_root):
    generator = load_generator(record_run(runs_root, CONDITIONAL).path)
    with pytest.raises(ValueError, match=r"2,049 images are more than 2,048; name fewer"):
        exploration.sheet(generator, range(2049))
    with pytest.raises(ValueError, match=r"2,049 images are more"):
        exploration.sheet(generator, range(683), cross=True)


def test_a_sheet_of_more_pixels_than_a_page_can_draw_is_refused_with_the_remedy(generator, monkeypatch):
    monkeypatch.setattr(exploration, "MAX_PIXELS", 4 * 28 * 28 * 9)
    assert [exploration.largest_zoom(generator.config, count) for count in (1, 4, 5, 36, 37)] == [6, 3, 2, 1, 1]
    assert exploration.sheet(generator, range(4), enlarge=3).shape == (168, 168)
    with pytest.raises(ValueError, match=r"4 images of 28x28, enlarged 4 times, .* pixels; try enlarge=3"):
        exploration.sheet(generator, range(4), enlarge=4)
    with pytest.raises(ValueError, match="try at most 36 images"):
        exploration.sheet(generator, range(37))


def test_crossed_images_are_counted(runs_root):
    for config, labels, count in (
        (TINY, (), 1),
        (CONDITIONAL, (), 3),
        (CONDITIONAL, (1,), 1),
        (MIXED, (), NUM_COMPONENTS),
    ):
        assert exploration.images_per_seed(config.model, labels) == count


# The time machine


def test_saved_generators_are_the_snapshots_and_the_newest_weights(tiny_run):
    saved = exploration.saved_generators(tiny_run, newest_step=4)
    assert [(generator.step, generator.label) for generator in saved] == [
        (0, "epoch 0 (step 0)"),
        (2, "epoch 1 (step 2)"),
        (4, "epoch 2 (step 4)"),
    ]
    assert [generator.path for generator in saved] == [tiny_run.snapshot_path(step) for step in (0, 2, 4)]
    tiny_run.snapshot_path(4).unlink()
    assert exploration.saved_generators(tiny_run, 4)[-1] == SavedGenerator(
        tiny_run.weights_path, 4, "epoch 2 (step 4)"
    )
    assert [generator.step for generator in exploration.saved_generators(tiny_run, None)] == [0, 2]


def test_a_run_without_snapshots_has_its_weights_alone(tiny_run):
    for step in tiny_run.snapshot_steps():
        tiny_run.snapshot_path(step).unlink()
    assert exploration.saved_generators(tiny_run, 4) == [
        SavedGenerator(tiny_run.generator_path, 4, "epoch 2 (step 4)")
    ]
    assert exploration.saved_generators(tiny_run, None) == []


@pytest.mark.parametrize("text", ["{", "[]", '{"state": "finished", "step": 4, "steps": 0, "epochs": 2}', None])
def test_the_step_is_the_label_of_a_run_of_unknown_length(tiny_run, text):
    if text is None:
        (tiny_run.path / "status.json").unlink()
    else:
        (tiny_run.path / "status.json").write_text(text)
    assert exploration.time_label(tiny_run, 1234) == "step 1,234"


def test_a_path_goes_from_the_first_seed_to_the_second(generator):
    z_a, z_b = latents_from_seeds([3, 5], 6)
    link = ShareLink(seed_a=3, seed_b=5, frames=5)
    for cell, t in zip(cells(path_strip(link, generator), 5), (0, 0.25, 0.5, 0.75, 1), strict=True):
        assert np.array_equal(cell, image(generator, slerp(z_a, z_b, t)))
    straight = path_strip(replace(link, frames=3, path="lerp"), generator, enlarge=2)
    assert np.array_equal(cells(straight, 3)[1], pixels.enlarge(image(generator, (z_a + z_b) / 2), 2))
    inverted = path_strip(link, generator, reverse=True)
    assert np.array_equal(inverted, 255 - path_strip(link, generator))


def test_a_path_keeps_its_label(runs_root):
    generator = load_generator(record_run(runs_root, CONDITIONAL).path)
    strip = cells(path_strip(ShareLink(seed_a=3, seed_b=5, frames=4, labels=(2,)), generator), 4)
    assert np.array_equal(strip[-1], image(generator, latents_from_seeds([5], 6)[0], 2))


def test_weights_are_found_by_their_id_past_damaged_files(tiny_run):
    other = load_generator(record_run(tiny_run.path.parent, replace(TINY, seed=1)).path)
    save_generator(tiny_run.snapshot_path(4), other.network, TINY, 4, half=True)
    own_id = weights_id(load_tensors(tiny_run.snapshot_path(4))[0])
    tiny_run.snapshot_path(0).write_bytes(b"no weights")
    tiny_run.snapshot_path(2).unlink()
    tiny_run.generator_path.unlink()
    assert exploration.find_weights(tiny_run, own_id) == tiny_run.snapshot_path(4)
    assert exploration.find_weights(tiny_run, "0" * 12) is None


# Arithmetic


def test_arithmetic_is_on_means_of_latents(generator):
    z = {seed: latents_from_seeds([seed], 6)[0].astype(np.float64) for seed in range(6)}
    sums = exploration.arithmetic(generator, [0, 1], [2], [3, 4, 5])
    means = [(z[0] + z[1]) / 2, z[2], (z[3] + z[4] + z[5]) / 3]
    result = means[0] - means[1] + means[2]
    assert all(
        np.array_equal(shown, image(generator, mean)) for shown, mean in zip(sums.means_u8, means, strict=True)
    )
    assert [strip.shape for strip in sums.seeds_u8] == [(28, 56), (28, 28), (28, 84)]
    assert np.array_equal(cells(sums.seeds_u8[2], 3)[1], image(generator, z[4]))
    assert np.array_equal(sums.result_u8, image(generator, result))
    assert np.array_equal(cells(sums.neighbors_u8, 3, 3)[4], sums.result_u8)
    assert sums.norm == pytest.approx(np.linalg.norm(result))


def test_a_minus_a_plus_c_is_c(generator):
    sums = exploration.arithmetic(generator, [7, 8], [7, 8], [9])
    assert np.array_equal(sums.result_u8, exploration.sheet(generator, [9]))


def test_neighbors_are_near_and_differ():
    z = np.full(50, 3.0, np.float32)
    near = exploration.neighbors(z)
    assert near.dtype == np.float32
    assert np.array_equal(near[4], z)
    away = np.abs(near - z)
    assert away.max() <= NEIGHBOR_NOISE
    assert len({row.tobytes() for row in near}) == 9
    others = np.delete(away, 4, axis=0)
    assert others.mean() == pytest.approx(NEIGHBOR_NOISE / 2, rel=0.1)  # uniform noise


@pytest.mark.parametrize("config", [TINY, UNIFORM, MIXED], ids=["normal", "uniform", "mixture"])
def test_the_rms_norm_is_that_of_samples(runs_root, config):
    generator = load_generator(record_run(runs_root, config).path)
    norm = exploration.arithmetic(generator, [0], [1], [2]).rms_norm
    z = latents_from_seeds(range(2000), config.model.latent_dim, config.model.latent)
    assert norm == pytest.approx(np.sqrt((z**2).sum(axis=1).mean()), rel=0.02)


def test_an_operand_is_bounded(generator):
    with pytest.raises(ValueError, match=r"b names 17 seeds, more than 16; try three"):
        exploration.arithmetic(generator, [0], range(17), [0])


def leaning(image_u8: np.ndarray) -> float:
    """Return how many pixels to the right an image's strokes move from one row to the row above."""
    y, x = np.mgrid[: image_u8.shape[0], : image_u8.shape[1]].astype(float)
    weight = image_u8 / image_u8.sum()
    y, x = y - (weight * y).sum(), x - (weight * x).sum()
    return -(weight * x * y).sum() / (weight * y * y).sum()


def test_the_best_published_dcgan_adds_the_lean_of_an_eight_to_a_one():
    """The first seeds of the page draw what its text says."""
    generator = load_generator(CHECKPOINTS / "dcgan-best-mnist")
    sums = exploration.arithmetic(generator, [3, 14, 768], [112, 400, 943], [26, 162, 727])
    eight, upright_eight, one = map(leaning, sums.means_u8)
    assert eight > upright_eight + 0.2
    assert abs(one) < 0.1
    assert min(map(leaning, cells(sums.neighbors_u8, 3, 3))) > 0.2
