"""Random changes of real and fake images: what they change, their gradients, and the steered probability."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from plain_steps import CPU, batches_for, first_batches, small
from torch.testing import assert_close

from dcgan.config import AUGMENTATIONS, TrainConfig
from dcgan.training.diff_augment import (
    FULL_STEERING_IMAGES,
    MAX_PROBABILITY,
    NUM_PARAMETERS,
    augment,
    steered,
)
from dcgan.training.loop import training_steps
from dcgan.training.state import TrainState
from dcgan.training.step import augmented_batch

STEERED = {"augment": "translate,mirror", "augment_p": 0.3, "augment_target": 0.5}


def images_of(count: int, channels: int = 3, side: int = 16) -> torch.Tensor:
    return torch.rand(count, channels, side, side, generator=torch.Generator().manual_seed(5)) * 2 - 1


def numbers_of(count: int, seed: int = 7) -> torch.Tensor:
    return torch.rand(count, NUM_PARAMETERS, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("kind", AUGMENTATIONS)
def test_probability_0_changes_no_image_and_1_changes_most(kind):
    images, numbers = images_of(64), numbers_of(64)
    assert torch.equal(augment(images, numbers, (kind,), 0.0), images)
    changed = (augment(images, numbers, (kind,), 1.0) != images).flatten(1).any(1)
    expected = 0.5 if kind == "mirror" else 1.0
    assert changed.float().mean() == pytest.approx(expected, abs=0.15)


@pytest.mark.parametrize("kind", AUGMENTATIONS)
def test_the_probability_is_the_share_of_changed_images(kind):
    images, numbers = images_of(1, side=8).expand(2000, -1, -1, -1), numbers_of(2000)
    always = (augment(images, numbers, (kind,), 1.0) != images).flatten(1).any(1)
    sometimes = (augment(images, numbers, (kind,), torch.tensor(0.3)) != images).flatten(1).any(1)
    assert (sometimes & ~always).sum() == 0
    assert sometimes[always].float().mean() == pytest.approx(0.3, abs=0.05)


def test_a_kind_more_changes_nothing_of_the_others():
    images, numbers = images_of(32), numbers_of(32)
    mirrored = augment(images, numbers, ("mirror",), 1.0)
    assert torch.equal(augment(images, numbers, ("color", "mirror"), 0.0), images)
    color_first = augment(augment(images, numbers, ("color",), 1.0), numbers, ("mirror",), 1.0)
    assert torch.equal(augment(images, numbers, ("mirror", "color"), 1.0), color_first)
    assert not torch.equal(mirrored, color_first)


def test_translation_moves_whole_pixels_and_repeats_the_edge():
    image = torch.arange(256.0).reshape(1, 1, 16, 16)
    seen = set()
    for seed in range(300):
        moved = augment(image, numbers_of(1, seed), ("translate",), 1.0)[0, 0]
        found = [
            (down, right)
            for down in range(-2, 3)
            for right in range(-2, 3)
            if torch.equal(
                moved,
                image[0, 0][(torch.arange(16) - down).clamp(0, 15)][:, (torch.arange(16) - right).clamp(0, 15)],
            )
        ]
        assert len(found) == 1
        seen |= set(found)
    assert len(seen) == 25  # up to an eighth of 16 in both directions


def test_a_mirrored_image_is_the_image_from_right_to_left():
    images, numbers = images_of(32), numbers_of(32)
    mirrored = augment(images, numbers, ("mirror",), 1.0)
    for image, result in zip(images, mirrored, strict=True):
        assert torch.equal(result, image) or torch.equal(result, image.flip(2))


def test_a_cut_square_is_zero_and_the_rest_is_kept():
    images = images_of(200) + 3  # never 0
    cut = augment(images, numbers_of(200), ("cutout",), 1.0)
    assert torch.equal(cut[cut != 0], images[cut != 0])
    areas = (cut[:, 0] == 0).flatten(1).sum(1)
    assert areas.max() == 8 * 8
    assert areas.min() >= 4 * 4  # with its center at a corner a quarter of it is inside


def test_gray_keeps_its_grays_equal_under_color():
    gray = images_of(8, channels=1).expand(-1, 3, -1, -1)
    changed = augment(gray, numbers_of(8), ("color",), 1.0)
    assert_close(changed[:, 0], changed[:, 2])


@pytest.mark.parametrize("kinds", [("translate", "mirror"), AUGMENTATIONS])
def test_gradients_flow_to_the_pixels_that_are_left(kinds):
    images, numbers = images_of(4, side=8).double().requires_grad_(), numbers_of(4).double()
    assert torch.autograd.gradcheck(lambda x: augment(x, numbers, kinds, 1.0), images)


def test_no_images_stay_no_images():
    assert augment(images_of(0), numbers_of(0), AUGMENTATIONS, 1.0).shape == (0, 3, 16, 16)


def test_p_moves_towards_the_target_and_is_bounded():
    p = torch.tensor(0.5)
    assert steered(p, torch.tensor(0.9), 0.6, 1000).item() == pytest.approx(0.5 + 1000 / FULL_STEERING_IMAGES)
    assert steered(p, torch.tensor(0.1), 0.6, 1000).item() == pytest.approx(0.5 - 1000 / FULL_STEERING_IMAGES)
    assert steered(p, torch.tensor(1.0), 0.6, 10**9).item() == pytest.approx(MAX_PROBABILITY)
    assert steered(p, torch.tensor(-1.0), 0.6, 10**9).item() == 0


# In a training


def test_without_augmentation_a_batch_is_unchanged():
    config = small("dcgan")
    batch = first_batches(config, 1)[0]
    assert augmented_batch(TrainState.new(config, CPU), batch).images is batch.images


@pytest.mark.parametrize("changes", [{}, {"loss": "relativistic", "real_target": 1.0, "generator_target": 1.0}])
def test_a_stopped_training_continues_with_its_steered_probability(changes):
    config = small("dcgan", epochs=2, **STEERED, **changes)
    batches = batches_for(config)
    whole = [float(result.state.augment_p) for result in training_steps(config, batches, CPU)]
    assert len(set(whole)) > 1
    first = TrainState.new(config, CPU)
    for result in training_steps(config, batches, CPU, first):
        if result.state.step == 4:
            break
    again = TrainState.new(config, CPU)
    again.load({name: value.clone() for name, value in first.tensors().items()})
    again.step, again.images_seen = first.step, first.images_seen
    rest = [float(result.state.augment_p) for result in training_steps(config, batches, CPU, again)]
    assert whole[4:] == rest


def last_probability(config: TrainConfig) -> float:
    state = TrainState.new(config, CPU)
    for _ in training_steps(config, batches_for(config), CPU, state):
        pass
    return float(state.augment_p)


def test_an_overwhelmed_generator_raises_the_probability():
    config = small("dcgan", epochs=12, lr_g=1e-9, lr_d=1e-2, **STEERED)
    assert last_probability(config) > config.augment_p
    assert last_probability(replace(config, lr_d=1e-9)) < config.augment_p
