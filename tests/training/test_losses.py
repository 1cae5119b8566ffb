"""Losses against numbers worked out by hand, and what their entries say about them."""

import math
import re
from dataclasses import replace
from inspect import signature

import pytest
import torch
from torch import nn, tensor
from torch.testing import assert_close

from dcgan.config import TrainConfig
from dcgan.presets import PRESETS
from dcgan.training.losses import LOSSES, TARGET_DEFAULTS, build_loss, check_loss, logits_are_probabilities
from dcgan.training.state import TrainState

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
def test_losses_have_the_values_computed_by_hand(name):
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
def test_losses_of_an_undecided_discriminator(name, discriminator, generator):
    undecided = torch.zeros(3, dtype=torch.float64)
    assert LOSSES[name].discriminator(undecided, undecided).item() == pytest.approx(discriminator, abs=1e-9)
    assert LOSSES[name].generator(undecided, undecided).item() == pytest.approx(generator, abs=1e-9)


def test_losses_have_their_stated_properties():
    assert {name for name, loss in LOSSES.items() if loss.targets} == {"bce", "minimax", "least-squares"}
    assert {name for name, loss in LOSSES.items() if loss.pairs_real_with_fake} == {"relativistic"}
    assert {name for name, loss in LOSSES.items() if loss.logits_are_probabilities} == {"bce", "minimax"}
    assert logits_are_probabilities("bce")
    assert not logits_are_probabilities("the loss of a later version")


@pytest.mark.parametrize("name", LOSSES)
def test_the_targets_of_an_entry_are_the_keywords_of_its_two_sides(name):
    sides = LOSSES[name].discriminator, LOSSES[name].generator
    keywords = {
        parameter.name
        for side in sides
        for parameter in signature(side).parameters.values()
        if parameter.kind is parameter.KEYWORD_ONLY
    }
    assert keywords == set(LOSSES[name].targets)
    for side in sides:
        defaults = {key: side.__kwdefaults__[key] for key in side.__kwdefaults__ or {}}
        assert defaults.items() <= TARGET_DEFAULTS.items()


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
    assert replace(loss, discriminator=None, generator=None) == replace(
        LOSSES[name], discriminator=None, generator=None
    )


# Configs


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("target", TARGET_DEFAULTS)
def test_a_config_may_move_the_targets_that_its_loss_has(name, target):
    config = TrainConfig(loss=name, **{target: 0.3})
    if target in LOSSES[name].targets:
        check_loss(config)
    else:
        message = f"{target}=0.3 has no effect with loss {name}; set it to {TARGET_DEFAULTS[target]}"
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            check_loss(config)
    check_loss(replace(config, **{target: TARGET_DEFAULTS[target]}))


@pytest.mark.parametrize("preset", PRESETS)
def test_the_loss_of_a_preset_fits_its_config(preset):
    check_loss(PRESETS[preset].config)


def test_a_config_with_an_unknown_loss_is_read_but_not_trained():
    config = TrainConfig.from_json({"loss": "bec"})
    names = "bce, minimax, least-squares, hinge, wasserstein, relativistic"
    with pytest.raises(ValueError, match=f"^loss='bec' is not one of {names}; choose one of these$"):
        check_loss(config)
    with pytest.raises(ValueError, match=r"^loss='bec' is not one of "):
        TrainState.new(config, torch.device("cpu"))


def test_a_loss_that_pairs_needs_equally_many_real_and_fake_images():
    message = "generator_batch_factor=2 cannot pair real and fake images; loss relativistic needs 1"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        check_loss(TrainConfig(loss="relativistic", generator_batch_factor=2))
    check_loss(TrainConfig(loss="hinge", generator_batch_factor=2))


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


def test_all_targets_without_effect_are_named_at_once():
    with pytest.raises(ValueError, match=r"real_target=0.9, generator_target=0.8 have no effect.*them to 1.0, 1.0"):
        build_loss("hinge", real_target=0.9, fake_target=0.0, generator_target=0.8)
