"""Penalties on gradients against numbers worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch import tensor
from torch.testing import assert_close

from dcgan.training.penalties import gradient_penalty, zero_centered_penalty


def linear(weight: torch.Tensor):
    """D(x) = weight . x, whose gradient is the weight everywhere."""
    return lambda images: (images * weight).flatten(1).sum(1)


@pytest.mark.parametrize(
    "memory_format", [torch.contiguous_format, torch.channels_last], ids=["contiguous", "channels-last"]
)
@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 5, 7)])
def test_gradient_penalty_of_a_linear_discriminator_is_its_norms_distance_from_1(shape, memory_format):
    generator = torch.Generator().manual_seed(0)
    real, fake = torch.randn(2, 4, *shape, generator=generator)
    real, fake = real.to(memory_format=memory_format), fake.to(memory_format=memory_format)
    weight = torch.full(shape, 5 / math.sqrt(math.prod(shape)))  # norm 5
    penalty = gradient_penalty(linear(weight), real, fake, torch.rand(4, 1, 1, 1, generator=generator))
    assert penalty.shape == ()
    assert_close(penalty, tensor(16.0), rtol=1e-5, atol=0)


def test_gradient_penalty_is_taken_between_real_and_fake():
    """D(x) = sum x^2 / 2 has gradient x: at epsilon 1 the real image, at 0 the fake one, at 1/4 between."""
    real, fake = torch.full((3, 1, 1, 1), 5.0), torch.full((3, 1, 1, 1), 1.0)
    epsilon = tensor([1.0, 0.0, 0.25]).reshape(3, 1, 1, 1)
    penalty = gradient_penalty(lambda images: images.square().flatten(1).sum(1) / 2, real, fake, epsilon)
    assert_close(penalty, tensor((4.0**2 + 0.0**2 + 1.0**2) / 3))


def test_gradient_penalty_trains_the_discriminator():
    """(|w| - 1)^2 has gradient 2 (|w| - 1) w / |w|: at w = (3, 4) that is 8 (0.6, 0.8)."""
    weight = tensor([3.0, 4.0], requires_grad=True)
    images = torch.zeros(2, 1, 1, 2)
    gradient_penalty(linear(weight), images, images, torch.zeros(2, 1, 1, 1)).backward()
    assert_close(weight.grad, tensor([4.8, 6.4]))


def test_gradient_penalty_of_a_flat_discriminator_has_a_finite_gradient():
    weight = torch.zeros(2, requires_grad=True)
    images = torch.zeros(2, 1, 1, 2)
    penalty = gradient_penalty(linear(weight), images, images, torch.zeros(2, 1, 1, 1))
    penalty.backward()
    assert_close(penalty.detach(), tensor(1.0))
    assert weight.grad.isfinite().all()


def test_gradient_penalty_sends_no_gradient_to_the_images():
    fake = torch.ones(2, 1, 1, 2, requires_grad=True)
    k = tensor(3.0, requires_grad=True)

    def quadratic(images):
        return k * images.square().flatten(1).sum(1)

    gradient_penalty(quadratic, fake.detach(), fake, torch.zeros(2, 1, 1, 1)).backward()
    assert k.grad is not None
    assert fake.grad is None


def test_gradient_penalty_refuses_what_would_broadcast():
    images = torch.zeros(2, 1, 1, 2)
    with pytest.raises(AssertionError, match="one an image"):
        gradient_penalty(linear(torch.ones(2)), images, images, torch.zeros(2))
    with pytest.raises(AssertionError, match="unlike"):
        gradient_penalty(linear(torch.ones(2)), images, images[:1], torch.zeros(2, 1, 1, 1))


@pytest.mark.parametrize(
    "memory_format", [torch.contiguous_format, torch.channels_last], ids=["contiguous", "channels-last"]
)
def test_zero_centered_penalty_of_a_quadratic_discriminator(memory_format):
    """D(x) = k sum x^2 has gradient 2 k x. 12 pixels of 1, 12 of 2, k = 3: (36 * 12 + 144 * 12) / 2 / 2."""
    images = torch.stack([torch.ones(3, 2, 2), torch.full((3, 2, 2), 2.0)])
    images = images.to(memory_format=memory_format).requires_grad_()
    k = tensor(3.0, requires_grad=True)
    penalty = zero_centered_penalty(k * images.square().flatten(1).sum(1), images)
    assert penalty.shape == ()
    assert_close(penalty.detach(), tensor(540.0))
    penalty.backward()  # 60 k^2
    assert_close(k.grad, tensor(360.0))


def test_zero_centered_penalty_needs_images_that_require_grad():
    images = torch.ones(2, 1, 2, 2)
    with pytest.raises(AssertionError, match="requires_grad"):
        zero_centered_penalty(images.flatten(1).sum(1), images)
