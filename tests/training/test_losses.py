"""Losses and penalties against numbers worked out by hand."""

import math
from functools import partial

import pytest
import torch
from torch import nn, tensor
from torch.testing import assert_close

from dcgan.config import TrainConfig
from dcgan.training.losses import LOSSES, build_loss, gradient_penalty, zero_centered_penalty

LN2 = math.log(2)
REAL = tensor([2.0, -1.0])
FAKE = tensor([0.5, -3.0])


def softplus(x: float) -> float:
    return math.log1p(math.exp(x))


AT_REAL_AND_FAKE = {  # discriminator, generator
    "bce": (
        (softplus(-2) + softplus(1)) / 2 + (softplus(0.5) + softplus(-3)) / 2,
        (softplus(-0.5) + softplus(3)) / 2,
    ),
    "minimax": (
        (softplus(-2) + softplus(1)) / 2 + (softplus(0.5) + softplus(-3)) / 2,
        -(softplus(0.5) + softplus(-3)) / 2,
    ),
    # D: half of the mean of (1, 4), and half of the mean of (0.25, 9). G: half of the mean of (0.25, 16).
    "least-squares": (1.25 + 2.3125, 4.0625),
    # D: the mean of (0, 2), and the mean of (1.5, 0).
    "hinge": (1.0 + 0.75, 1.25),
    "wasserstein": (-1.25 - 0.5, 1.25),
    "relativistic": ((softplus(-1.5) + softplus(-2)) / 2, (softplus(1.5) + softplus(2)) / 2),
}


@pytest.mark.parametrize("name", LOSSES)
def test_values_worked_out_by_hand(name):
    discriminator, generator = AT_REAL_AND_FAKE[name]
    assert_close(LOSSES[name].discriminator(REAL, FAKE), tensor(discriminator))
    assert_close(LOSSES[name].generator(REAL, FAKE), tensor(generator))


@pytest.mark.parametrize(
    ("name", "discriminator", "generator"),
    [
        ("bce", 1.3862943611, 0.6931471806),
        ("minimax", 1.3862943611, -0.6931471806),
        ("least-squares", 0.5, 0.5),
        ("hinge", 2.0, 0.0),
        ("wasserstein", 0.0, 0.0),
        ("relativistic", 0.6931471806, 0.6931471806),
    ],
)
def test_an_undecided_discriminator(name, discriminator, generator):
    undecided = torch.zeros(3, dtype=torch.float64)
    assert LOSSES[name].discriminator(undecided, undecided).item() == pytest.approx(discriminator, abs=1e-9)
    assert LOSSES[name].generator(undecided, undecided).item() == pytest.approx(generator, abs=1e-9)


def test_flags():
    assert {name for name, loss in LOSSES.items() if loss.smoothing} == {"bce", "minimax", "least-squares"}
    assert {name for name, loss in LOSSES.items() if loss.relative} == {"relativistic"}


@pytest.mark.parametrize("name", [name for name in LOSSES if name != "relativistic"])
def test_unpaired_losses_take_batches_of_different_sizes_and_no_real_logits_for_the_generator(name):
    loss = LOSSES[name]
    assert_close(loss.discriminator(REAL, FAKE), loss.discriminator(REAL, FAKE.repeat(3)))
    assert_close(loss.generator(None, FAKE), loss.generator(REAL, FAKE.repeat(3)))


def test_relativistic_refuses_batches_it_cannot_pair():
    with pytest.raises(AssertionError, match=r"\[2\].*unlike.*\[1\]|\[1\].*unlike.*\[2\]"):
        LOSSES["relativistic"].generator(REAL, FAKE[:1])


@pytest.mark.parametrize("name", LOSSES)
def test_losses_and_gradients_are_finite_at_extreme_logits(name):
    extremes = tensor([-1000.0, 1000.0])
    for side in ("discriminator", "generator"):
        real = extremes.repeat(2).requires_grad_()
        fake = extremes.repeat_interleave(2).requires_grad_()
        loss = getattr(LOSSES[name], side)(real, fake)
        loss.backward()
        assert loss.isfinite()
        assert fake.grad.isfinite().all()
        assert real.grad is None or real.grad.isfinite().all()


def test_only_the_saturating_generator_stops_learning_where_the_discriminator_is_sure():
    gradients = {}
    for name in ("minimax", "bce"):
        fake = tensor([-1000.0], requires_grad=True)
        LOSSES[name].generator(None, fake).backward()
        gradients[name] = fake.grad.item()
    assert gradients == {"minimax": 0.0, "bce": -1.0}


# Label smoothing


def test_smoothed_bce_is_bce_of_the_sigmoids():
    loss = build_loss("bce", real_target=0.9, fake_target=0.1, generator_target=0.95)
    real, fake, bce = REAL.sigmoid(), FAKE.sigmoid(), nn.BCELoss()
    real_term, fake_term = bce(real, tensor([0.9, 0.9])), bce(fake, tensor([0.1, 0.1]))
    assert_close(loss.discriminator(REAL, FAKE), real_term + fake_term)
    assert_close(loss.generator(None, FAKE), bce(fake, tensor([0.95, 0.95])))


def test_smoothing_moves_the_discriminators_optimum_to_the_target():
    logits = tensor([math.log(9.0)], requires_grad=True)  # sigmoid 0.9
    build_loss("bce", real_target=0.9).discriminator(logits, tensor([-50.0])).backward()
    assert_close(logits.grad, tensor([0.0]), atol=1e-6, rtol=0)


def test_least_squares_aims_at_its_targets():
    loss = build_loss("least-squares", real_target=0.8, fake_target=0.2, generator_target=0.6)
    assert_close(loss.discriminator(tensor([0.8]), tensor([0.2])), tensor(0.0))
    assert_close(loss.generator(None, tensor([0.6])), tensor(0.0))


def test_smoothed_minimax_moves_the_discriminator_only():
    loss = build_loss("minimax", real_target=0.9, fake_target=0.1)
    smoothed = build_loss("bce", real_target=0.9, fake_target=0.1)
    assert_close(loss.discriminator(REAL, FAKE), smoothed.discriminator(REAL, FAKE))
    assert_close(loss.generator(None, FAKE), LOSSES["minimax"].generator(None, FAKE))


@pytest.mark.parametrize("name", LOSSES)
def test_build_loss_without_smoothing_is_the_loss_of_the_table(name):
    loss = build_loss(name, real_target=1, fake_target=0, generator_target=1)
    assert_close(loss.discriminator(REAL, FAKE), LOSSES[name].discriminator(REAL, FAKE))
    assert loss[2:] == LOSSES[name][2:]


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("target", ["real_target", "fake_target", "generator_target"])
def test_a_config_accepts_the_targets_that_the_loss_has(name, target):
    """The config imports no torch, and so keeps a list of its own."""

    def refuses(make) -> bool:
        try:
            make(**{target: 0.5})
        except ValueError:
            return True
        return False

    assert refuses(partial(TrainConfig, loss=name)) == refuses(partial(build_loss, name))


@pytest.mark.parametrize(
    ("name", "targets", "message"),
    [
        (
            "foo",
            {},
            "loss='foo' is not one of bce, minimax, least-squares, hinge, wasserstein, relativistic;",
        ),
        ("hinge", {"real_target": 0.9}, "real_target=0.9 has no effect with loss hinge; set it to 1.0"),
        (
            "wasserstein",
            {"fake_target": 0.1},
            "fake_target=0.1 has no effect with loss wasserstein; set it to 0",
        ),
        (
            "relativistic",
            {"generator_target": 0.9},
            "generator_target=0.9 has no effect with loss relativistic",
        ),
        (
            "minimax",
            {"generator_target": 0.9},
            "generator_target=0.9 has no effect with loss minimax; set it to 1",
        ),
    ],
)
def test_errors_name_the_value_and_the_remedy(name, targets, message):
    with pytest.raises(ValueError, match=message):
        build_loss(name, **targets)


# Penalties


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
