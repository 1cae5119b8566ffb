"""Whitening kernels: known answers, and trainings that begin with them."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from recipes import small
from torch import nn
from torch.nn import functional as F

from dcgan.data.batches import ImageSet, ResidentBatches
from dcgan.training.loop import training_steps
from dcgan.training.state import TrainState
from dcgan.training.whitening import EPSILON, NUM_PATCHES, patch_covariance, whitening_kernels

CPU = torch.device("cpu")
LAYER = nn.Conv2d(1, 8, 4, 2, 1, bias=False)


def images_of(count: int = 40) -> torch.Tensor:
    """Return smooth random images, whose neighboring pixels are alike."""
    noise = torch.rand(count, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    return F.avg_pool2d(noise, 3, 1, 1) * 2 - 1


def batches_of(config, images_u8: torch.Tensor) -> ResidentBatches:
    return ResidentBatches(ImageSet(images_u8, None, ()), config, CPU)


def test_covariance_is_that_of_all_patches_whatever_the_parts():
    images = images_of(250)
    padded = F.pad(images, (1, 1, 1, 1)).double()
    patches = padded.unfold(2, 4, 2).unfold(3, 4, 2).permute(0, 2, 3, 1, 4, 5).reshape(-1, 16)
    torch.testing.assert_close(patch_covariance(images, LAYER), patches.T.cov(correction=0))


def test_responses_are_uncorrelated_with_known_variances():
    images = images_of()
    kernels = whitening_kernels(images, LAYER)
    responses = F.conv2d(images.double(), kernels, padding=1, stride=2).transpose(0, 1).flatten(1)
    variances = torch.linalg.eigvalsh(patch_covariance(images, LAYER)).flip(0)
    torch.testing.assert_close(responses.cov(correction=0), torch.diag(variances / (variances + EPSILON)))


def test_half_of_the_first_kernels_are_negatives_of_the_other_half():
    config = replace(small("dcgan-best"), patch_whitening=True)
    images = images_of()
    state = TrainState.new(config, CPU, first_images=lambda count: images[:count])
    plain = TrainState.new(replace(config, patch_whitening=False), CPU)
    width = config.model.width_d
    weight = state.gan.discriminator.layers[0].weight
    layer = plain.gan.discriminator.layers[0]
    expected = whitening_kernels(images, layer)[: width // 2].float()
    torch.testing.assert_close(weight, torch.cat([expected, -expected]))
    others = {name: value for name, value in state.tensors().items() if name != "discriminator.layers.0.weight"}
    torch.testing.assert_close(others, {name: plain.tensors()[name] for name in others})


def test_a_wide_layer_keeps_its_other_kernels():
    config = small("dcgan-best")
    config = replace(config, model=replace(config.model, width_d=40), patch_whitening=True)
    state = TrainState.new(config, CPU, first_images=lambda count: images_of()[:count])
    plain = TrainState.new(replace(config, patch_whitening=False), CPU)
    weight, initial = (s.gan.discriminator.layers[0].weight for s in (state, plain))
    assert torch.equal(weight[32:], initial[32:])
    assert torch.equal(weight[:16], -weight[16:32])


def test_large_images_need_few():
    config = replace(small("dcgan-best", model={"image_size": 64, "channels": 3}), patch_whitening=True)
    counts = []

    def first_images(count: int) -> torch.Tensor:
        counts.append(count)
        return torch.rand(4, 3, 64, 64)

    TrainState.new(config, CPU, first_images=first_images)
    assert counts == [NUM_PATCHES // 32**2]


def test_a_training_begins_with_the_kernels_of_its_own_images():
    config = replace(small("dcgan-best"), patch_whitening=True, epochs=1, steps_per_epoch=1)
    images_u8 = torch.randint(256, (64, 1, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    batches = batches_of(config, images_u8)
    one, other = (next(training_steps(config, batches, CPU)).state.tensors() for _ in range(2))
    torch.testing.assert_close(one, other, rtol=0, atol=0)
    inverted = batches_of(config, 255 - images_u8 // 2)
    different = next(training_steps(config, inverted, CPU)).state.tensors()
    assert not torch.allclose(one["discriminator.layers.0.weight"], different["discriminator.layers.0.weight"])


def test_missing_images_are_an_error():
    with pytest.raises(ValueError, match="first_images"):
        TrainState.new(replace(small("dcgan-best"), patch_whitening=True), CPU)
