"""The nearest image that a generator knows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from recorded import CONDITIONAL, TINY, record_run

from dcgan.checkpoint import TrainedGenerator, load_generator
from dcgan.files import CHECKPOINTS
from dcgan.sampling import projection
from dcgan.sampling.projection import project


@pytest.fixture
def few_steps(monkeypatch):
    """Searches that take a moment."""
    for name, value in {"NUM_SEEDS": 32, "NUM_STARTS": 2, "ADAM_STEPS": 4, "NEWTON_STEPS": 3}.items():
        monkeypatch.setattr(projection, name, value)


@pytest.fixture
def tiny(runs_root) -> TrainedGenerator:
    return load_generator(record_run(runs_root, TINY).path)


def drawn(generator: TrainedGenerator, seed: int, label: int | None = None) -> torch.Tensor:
    return generator(generator.latents([seed]), None if label is None else np.array([label]))[0]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["dcgan-mnist", "dcgan-best-mnist"])
def test_an_image_that_the_generator_drew_is_found_again(name):
    generator = load_generator(CHECKPOINTS / name)
    errors = [project(generator, drawn(generator, seed)).error for seed in range(1000, 1010)]
    assert sum(error < 1e-4 for error in errors) >= 9


@pytest.mark.slow
def test_a_conditional_model_finds_the_label_too():
    generator = load_generator(CHECKPOINTS / "cdcgan-mnist")
    found = project(generator, drawn(generator, 1000, 7))
    assert found.label == 7
    assert found.error < 1e-4
    assert project(generator, drawn(generator, 1000, 7), labels=[1]).label == 1


@pytest.mark.slow
def test_the_length_stays_usual_for_a_target_that_no_z_gives():
    generator = load_generator(CHECKPOINTS / "dcgan-mnist")
    noise = torch.rand(1, 28, 28, generator=torch.Generator().manual_seed(0)) * 2 - 1
    found = project(generator, noise)
    low, high = found.usual_length
    assert low - 0.5 < found.length < high + 2
    assert found.error > 0.01


def test_the_search_ends_nearer_than_its_best_seed(tiny, few_steps):
    target = drawn(tiny, 12345)
    found = project(tiny, target)
    assert found.z.shape == (6,)
    assert found.label is None
    seeds = tiny(tiny.latents(range(32)))
    assert found.error <= float(((seeds - target) ** 2).mean((1, 2, 3)).min()) / 4
    image = tiny(found.z[None])[0]
    assert found.error == pytest.approx(float((image - target).square().mean()) / 4)
    np.testing.assert_array_equal(found.path[-1], found.z)
    assert found.length == pytest.approx(float(np.linalg.norm(found.z)))


def test_equal_searches_have_equal_results(tiny, few_steps):
    target = drawn(tiny, 99)
    np.testing.assert_array_equal(project(tiny, target).z, project(tiny, target).z)


def test_a_caller_sees_the_least_error_fall(tiny, few_steps):
    points: list[tuple[int, float]] = []
    project(tiny, drawn(tiny, 99), on_point=lambda steps, error: points.append((steps, error)))
    assert points
    assert [steps for steps, _ in points] == sorted(steps for steps, _ in points)


@pytest.mark.parametrize("latent", ["uniform", "mixture"])
def test_every_distribution_of_z_is_searched(latent, runs_root, few_steps):
    model = replace(TINY.model, latent=latent, latent_dim=30)
    generator = load_generator(record_run(runs_root, replace(TINY, model=model)).path)
    found = project(generator, drawn(generator, 5))
    if latent == "mixture":
        assert sorted(np.unique(found.z[:20])) == [0, 6]
        assert all(np.array_equal(np.unique(z[:20]), [0, 6]) for z in found.path)


def test_pixels_in_0_to_1_are_searched_as_well(runs_root, few_steps):
    model = replace(TINY.model, topology="mlp", output="sigmoid", hidden_g=(8,), hidden_d=(8,))
    generator = load_generator(record_run(runs_root, replace(TINY, model=model)).path)
    target = drawn(generator, 3)
    assert project(generator, target).error <= float(((generator(generator.latents([0])) - target) ** 2).mean()) / 4


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_target_without_numbers_is_refused(tiny, value):
    with pytest.raises(ValueError, match="values that are no numbers"):
        project(tiny, torch.full((1, 28, 28), value))


def test_a_target_of_another_size_is_refused(tiny):
    with pytest.raises(ValueError, match=r"the target has shape \(3, 28, 28\)"):
        project(tiny, torch.zeros(3, 28, 28))


def test_empty_and_full_targets_have_a_nearest_image(tiny, few_steps):
    for value in (-1.0, 1.0, 1e30):
        assert np.isfinite(project(tiny, torch.full((1, 28, 28), value)).z).all()


def test_labels_that_do_not_fit_are_refused(tiny, runs_root):
    conditional = load_generator(record_run(runs_root, CONDITIONAL).path)
    for labels in ([3], [-1], []):
        with pytest.raises(ValueError, match=r"are not in 0\.\.2"):
            project(conditional, drawn(conditional, 0, 1), labels=labels)
    with pytest.raises(ValueError, match="not conditional"):
        project(tiny, drawn(tiny, 0), labels=[1])
