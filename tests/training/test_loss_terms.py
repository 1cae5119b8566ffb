"""The losses in numbers are the losses that training computes."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from dcgan import fields
from dcgan.config import TrainConfig
from dcgan.training.loss_terms import SIGMA, discriminator_terms, generator_terms, number, sigmoid
from dcgan.training.losses import LOSSES, TARGET_DEFAULTS, build_loss

REAL, FAKE = (2.5, -0.25, 0.0, 30.0), (-1.5, 0.75, 4.0, -40.0)
SMOOTHED = {"real_target": 0.9, "fake_target": 0.1, "generator_target": 0.8}


def configs() -> list[TrainConfig]:
    """Return a config of each loss, with and without targets, and of both reductions."""
    smoothed = [
        fields.changed(TrainConfig(), {"loss": name} | {target: SMOOTHED[target] for target in loss.targets})
        for name, loss in LOSSES.items()
        if loss.targets
    ]
    every = [*(TrainConfig(loss=name) for name in LOSSES), *smoothed]
    return every + [replace(config, reduction="sum") for config in every]


@pytest.mark.parametrize(
    "config", configs(), ids=lambda config: f"{config.loss}-{config.reduction}-{config.real_target}"
)
def test_the_terms_add_up_to_the_loss(config):
    loss = build_loss(config.loss, **{target: getattr(config, target) for target in TARGET_DEFAULTS})
    real, fake = (torch.tensor(logits, dtype=torch.float64) for logits in (REAL, FAKE))
    of_d, of_g = discriminator_terms(config, REAL, FAKE), generator_terms(config, REAL, FAKE)
    assert of_d is not None
    assert of_g is not None
    divisor = 2 if config.reduction == "mean" else 1
    assert of_d.value == pytest.approx(loss.discriminator(real, fake).item() / divisor, rel=1e-9)
    assert of_g.value == pytest.approx(loss.generator(real, fake).item(), rel=1e-9)
    for terms in (of_d, of_g):
        assert number(terms.value) in terms.in_numbers
        assert all(len(term.filled) == len(term.values) == 4 for term in terms.terms)
        assert all(number(value) in terms.in_numbers for term in terms.terms for value in term.values)


def test_a_logit_of_0_costs_the_logarithm_of_2():
    terms = discriminator_terms(TrainConfig(), (0.0,), (0.0,))
    assert terms is not None
    assert [term.values for term in terms.terms] == [(math.log(2),), (math.log(2),)]
    assert terms.value == pytest.approx(math.log(2))
    assert [term.filled for term in terms.terms] == [(f"-log {SIGMA}(0.00)",), (f"-log(1-{SIGMA}(0.00))",)]
    assert terms.rule.count(r"\overline") == 2
    assert r"\tfrac{1}{2}" in terms.rule


def test_each_image_has_its_own_numbers():
    hinge = discriminator_terms(TrainConfig(loss="hinge"), (0.25, 3.0), (-0.5, 2.0))
    assert hinge is not None
    assert hinge.terms[0].filled == ("max(0, 1 - 0.25)", "max(0, 1 - 3.00)")
    assert hinge.terms[1].filled == ("max(0, 1 + (-0.50))", "max(0, 1 + 2.00)")
    assert [term.values for term in hinge.terms] == [(0.75, 0.0), (0.5, 3.0)]
    pairs = generator_terms(TrainConfig(loss="relativistic"), (1.0,), (1.0,))
    assert pairs is not None
    assert (pairs.terms[0].images, pairs.terms[0].values) == ("pairs", (math.log(2),))
    assert pairs.terms[0].filled == ("log(1 + exp(1.00 - 1.00))",)


def test_negative_numbers_stand_in_one_pair_of_parentheses():
    negative = (-0.5,)
    fakes = {name: generator_terms(TrainConfig(loss=name), negative, negative) for name in LOSSES}
    texts = {name: terms.terms[0].filled[0] for name, terms in fakes.items() if terms is not None}
    assert texts == {
        "bce": f"-log {SIGMA}(-0.50)",
        "minimax": f"log(1-{SIGMA}(-0.50))",
        "least-squares": "\u00bd((-0.50) - 1)\u00b2",
        "hinge": "-(-0.50)",
        "wasserstein": "-(-0.50)",
        "relativistic": "log(1 + exp(-0.50 - (-0.50)))",
    }


def test_a_smoothed_target_has_two_parts():
    terms = discriminator_terms(TrainConfig(real_target=0.9), (0.0,), (0.0,))
    assert terms is not None
    assert terms.terms[0].filled == (f"-(0.9 log {SIGMA}(0.00) + 0.1 log(1-{SIGMA}(0.00)))",)


def test_a_loss_without_a_row_has_no_terms():
    config = TrainConfig(loss="a-loss-of-yours")
    assert discriminator_terms(config, REAL, FAKE) is generator_terms(config, REAL, FAKE) is None


def test_numbers_beyond_all_bounds_are_shown():
    assert sigmoid(0) == 0.5
    assert (sigmoid(1000), sigmoid(-1000)) == (1, 0)
    assert (number(-0.126), number(12345.6), number(math.nan), number(math.inf)) == (
        "-0.13",
        "1.235e+04",
        "nan",
        "inf",
    )
    terms = generator_terms(TrainConfig(), (), (1e5,))
    assert terms is not None
    assert terms.value == pytest.approx(0, abs=1e-9)
