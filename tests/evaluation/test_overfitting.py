"""The gauge of overfitting, against discriminators whose logits are known."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from dcgan.config import ModelConfig
from dcgan.evaluation.overfitting import OverfittingGauge, evaluating, num_pictures, r_v
from dcgan.models.gan import Gan, build_gan


def test_r_v_is_the_place_of_held_out_pictures_between_training_and_generated_ones():
    train, fake = torch.full((20,), 3.0), torch.full((20,), -1.0)
    assert r_v(train, train, fake) == 0
    assert r_v(train, fake, fake) == 1
    assert r_v(train, torch.full((20,), 2.0), fake) == pytest.approx(0.25)
    assert r_v(train, torch.full((20,), 4.0), fake) == pytest.approx(-0.25)


def test_a_discriminator_that_only_guesses_has_no_r_v():
    draws = torch.Generator().manual_seed(0)
    train, held_out, fake = torch.randn(3, 100, generator=draws)
    assert r_v(train, held_out, fake) is None
    assert r_v(train + 5, held_out + 5, fake) is not None
    assert r_v(fake, held_out, train + 5) is None
    assert r_v(train * torch.nan, held_out, fake) is None


class Brightness(nn.Module):
    """A discriminator whose logit is the mean pixel, and whose batches are counted."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))
        self.batches: list[int] = []
        self.modes: set[bool] = set()

    def forward(self, images: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        self.batches.append(len(images))
        self.modes.add(self.training)
        return self.weight * images.mean((1, 2, 3))


def test_the_gauge_shows_as_many_pictures_of_each_kind_in_evaluation_mode():
    model = ModelConfig(image_size=8, latent_dim=4, width_g=2, width_d=2, output="sigmoid")
    discriminator = Brightness()
    gan = Gan(build_gan(model).generator, discriminator)
    gauge = OverfittingGauge(torch.full((24, 1, 8, 8), 0.75), torch.full((24, 1, 8, 8), 0.5), None, None, 8)
    before = torch.get_rng_state()
    logits = gauge.measure(gan)
    assert torch.equal(torch.get_rng_state(), before)
    assert (logits.train, logits.held_out) == (0.75, 0.5)
    assert 0 < logits.fake < 1
    assert discriminator.batches == [8] * 9
    assert discriminator.modes == {False}
    assert discriminator.training
    assert gan.generator.training
    assert gauge.measure(gan) == logits
    expected = (0.75 - 0.5) / (0.75 - logits.fake)
    assert logits.overfitting is None or logits.overfitting == pytest.approx(expected)


def test_modes_of_parts_are_restored():
    network = nn.Sequential(nn.Dropout(), nn.BatchNorm1d(2).eval())
    with evaluating(network):
        assert not any(module.training for module in network.modules())
    assert [module.training for module in network.modules()] == [True, True, False]


@pytest.mark.parametrize(
    ("held_out", "shape", "expected"), [(16, (3, 64, 64), 16), (5000, (3, 64, 64), 256), (5000, (3, 1024, 1024), 5)]
)
def test_the_pictures_are_bounded(held_out, shape, expected):
    assert num_pictures(held_out, shape) == expected
