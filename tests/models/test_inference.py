"""The same z gives the same image: in any batch, at any place, on any number of threads."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from dcgan.config import ModelConfig
from dcgan.latents import latents_from_seeds
from dcgan.models.gan import build_generator
from dcgan.models.inference import sample, side_by_side
from dcgan.presets import PRESETS


def warmed_up(name: str) -> nn.Module:
    """Return a generator whose batch norm has seen a few batches."""
    torch.manual_seed(1)
    model = PRESETS[name].config.model
    generator = build_generator(model)
    with torch.no_grad():
        for _ in range(3):
            labels = torch.randint(10, (8,)) if model.num_classes else None
            generator.train()(torch.randn(8, model.latent_dim) * 2 + 1, labels)
    return generator


def latents_for(model: ModelConfig, count: int) -> tuple[np.ndarray, np.ndarray | None]:
    """Return z (N, Z) and labels (N,) of the first seeds; None for labels of an unconditional model."""
    z = latents_from_seeds(range(count), model.latent_dim, model.latent)
    return z, np.arange(count) % model.num_classes if model.num_classes else None


def some(labels: np.ndarray | None, index) -> np.ndarray | None:
    """Return the labels at the index; None where there are none."""
    return None if labels is None else labels[index]


@pytest.mark.slow
@pytest.mark.parametrize("name", PRESETS)
def test_the_same_z_gives_the_same_image_alone_and_at_any_place(name):
    generator = warmed_up(name)
    z, labels = latents_for(generator.config, 64)
    images = sample(generator, z, labels)
    assert images.shape == (64, *generator.config.image_shape)
    for place in (0, 5, 15, 16, 63):  # the first, the middle and the last of a chunk; a chunk's first; the last
        alone = sample(generator, z[place : place + 1], some(labels, slice(place, place + 1)))
        assert torch.equal(alone[0], images[place]), f"alone, number {place} is another image"
    other_places = np.random.RandomState(0).permutation(64)[:37]
    assert torch.equal(sample(generator, z[other_places], some(labels, other_places)), images[other_places])
    assert len({image.numpy().tobytes() for image in images}) == 64, "64 latents give 64 images"


@pytest.mark.parametrize("name", ["gan", "dcgan"])
def test_the_place_has_no_effect_with_more_threads(name):
    """Other tests use one thread. With more threads, PyTorch divides the work by position."""
    generator = warmed_up(name)
    z, labels = latents_for(generator.config, 64)
    threads = torch.get_num_threads()
    torch.set_num_threads(threads + 1)
    try:
        images = sample(generator, z, labels)
        for place in (0, 9, 31, 63):
            assert torch.equal(sample(generator, z[place : place + 1], labels)[0], images[place])
    finally:
        torch.set_num_threads(threads)


@pytest.mark.slow
@pytest.mark.parametrize("name", PRESETS)
def test_the_memory_layout_of_z_does_not_matter(name):
    generator = warmed_up(name)
    z, labels = latents_for(generator.config, 32)
    images = sample(generator, z, labels)
    assert torch.equal(sample(generator, np.asfortranarray(z), labels), images)
    assert torch.equal(sample(generator, torch.from_numpy(z), labels), images)
    assert torch.equal(sample(generator, z.astype(np.float64), labels), images)


@pytest.mark.parametrize("training", [True, False])
def test_sampling_does_not_change_the_generator(training):
    generator = warmed_up("dcgan").train(training)
    before = {name: value.clone() for name, value in generator.state_dict().items()}
    stream = torch.get_rng_state()
    images = sample(generator, latents_for(generator.config, 3)[0])
    assert generator.training is training
    assert all(module.training is training for module in generator.modules())
    assert all(torch.equal(value, before[name]) for name, value in generator.state_dict().items())
    assert torch.equal(torch.get_rng_state(), stream)
    assert not images.requires_grad


def test_sampling_uses_the_running_statistics():
    """A generator in training mode draws what PyTorch draws in eval mode."""
    generator = warmed_up("dcgan")
    z = torch.from_numpy(latents_for(generator.config, 16)[0])
    with torch.no_grad():
        expected = generator.eval()(z)
        generator.train()
    assert torch.allclose(sample(generator, z), expected, atol=1e-6)


def test_sampling_maps_every_pixel_range_to_minus_one_to_one():
    generator = warmed_up("gan")
    assert generator.config.pixel_range == (0, 1)
    z = torch.from_numpy(latents_for(generator.config, 16)[0])
    with torch.no_grad():
        expected = 2 * generator.eval()(z) - 1
    assert torch.allclose(sample(generator, z), expected, atol=1e-6)
    assert expected.min() < 0 < expected.max()


@pytest.mark.parametrize("name", ["dcgan", "cdcgan"])
def test_no_latents_give_no_images(name):
    generator = warmed_up(name)
    z, labels = latents_for(generator.config, 0)
    images = sample(generator, z, labels)
    assert (images.shape, images.dtype) == ((0, 1, 28, 28), torch.float32)


@pytest.mark.parametrize("shape", [(2, 99), (2, 110), (100,), (1, 2, 100)])
def test_a_wrong_z_is_named(shape):
    generator = build_generator(PRESETS["cgan"].config.model)
    with pytest.raises(ValueError, match=r"\(N, 100\)") as caught:
        sample(generator, np.zeros(shape, np.float32), np.zeros(shape[0], np.int64))
    assert str(shape) in str(caught.value)


@pytest.mark.parametrize(
    ("name", "labels", "message"),
    [
        ("cgan", None, "labels from 0 to 9"),
        ("cgan", [0, 1], r"3 labels.*\(2,\)"),
        ("cgan", [[0], [1], [2]], r"3 labels.*\(3, 1\)"),
        ("cgan", [0, 10, 2], r"\b10\b.*\b9\b"),
        ("cgan", [0, -1, 2], r"-1\b.*\b9\b"),
        ("gan", [0, 1, 2], "not conditional"),
    ],
)
def test_wrong_labels_are_named(name, labels, message):
    generator = build_generator(PRESETS[name].config.model)
    labels = None if labels is None else np.array(labels)
    with pytest.raises(ValueError, match=message):
        sample(generator, np.zeros((3, 100), np.float32), labels)


def test_labels_are_passed_on_chunk_by_chunk():
    generator = warmed_up("cgan")
    z = np.repeat(latents_from_seeds([3], 100), 20, axis=0)
    images = sample(generator, z, np.arange(20) % 10)
    assert torch.equal(images[:10], images[10:])
    assert len({image.numpy().tobytes() for image in images}) == 10


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_images_do_not_depend_on_the_number_of_threads(threads):
    generator = build_generator(ModelConfig(topology="conv"))
    z = torch.from_numpy(latents_from_seeds(range(40), 100))
    before = torch.get_num_threads()
    expected = sample(generator, z)
    try:
        torch.set_num_threads(threads)
        assert torch.equal(sample(generator, z), expected)
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)


def in_threads(*works: Callable[[], None]) -> None:
    """Run the functions in threads at the same time, and wait for all."""
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()


def test_two_concurrent_callers_do_not_change_the_number_of_threads():
    before, together = torch.get_num_threads(), threading.Barrier(2, timeout=30)
    while_drawing, after = [], []

    def draw(start: int) -> torch.Tensor:
        if start == 0:
            together.wait()  # both callers are drawing
        while_drawing.append(torch.get_num_threads())
        return torch.zeros(1)

    def caller() -> None:
        side_by_side(draw, range(3))
        after.append(torch.get_num_threads())
        together.wait()
        side_by_side(draw, range(3))
        after.append(torch.get_num_threads())

    torch.set_num_threads(3)
    try:
        in_threads(caller, caller)
        in_threads(lambda: after.append(torch.get_num_threads()))
        assert after == [3] * 5
        assert while_drawing == [1] * 12
    finally:
        torch.set_num_threads(before)


def test_concurrent_callers_get_the_pixels_of_one_caller():
    generator = build_generator(ModelConfig(topology="conv")).eval()
    z = torch.from_numpy(latents_from_seeds(range(40), 100))
    expected, before, results = sample(generator, z), torch.get_num_threads(), []
    torch.set_num_threads(2)
    try:
        in_threads(*[lambda: results.append(sample(generator, z))] * 4)
        assert len(results) == 4
        assert all(torch.equal(images, expected) for images in results)
    finally:
        torch.set_num_threads(before)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_process_draws_too():
    code = (
        "import os, torch; from dcgan.models.inference import side_by_side; torch.set_num_threads(2); "
        "draw = lambda: side_by_side(lambda start: torch.zeros(1), range(3)); draw(); child = os.fork(); "
        "child or (draw(), os._exit(7)); raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))"
    )
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], timeout=120)
    assert done.returncode == 7
