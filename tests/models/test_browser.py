"""Which generators a browser draws."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
import torch
from torch import nn

from dcgan.config import ModelConfig
from dcgan.files import PROJECT
from dcgan.models.browser import MAX_MULTIPLY_ADDS, multiply_adds, why_not_in_browser
from dcgan.models.gan import build_generator
from dcgan.presets import PRESETS

CONFIGS = {name: preset.config.model for name, preset in PRESETS.items()}


def counted(model: ModelConfig) -> int:
    """Return the multiply-adds that the layers of a generator compute for one image."""
    total = 0

    def count(layer, inputs, outputs):
        nonlocal total
        total += layer.weight.numel() * inputs[0][0].numel() // layer.weight.shape[1 if linear(layer) else 0]

    def linear(layer) -> bool:
        return isinstance(layer, nn.Linear)

    generator = build_generator(model).eval()
    for layer in generator.modules():
        if isinstance(layer, nn.Linear | nn.ConvTranspose2d):
            layer.register_forward_hook(count)
    labels = torch.zeros(1, dtype=torch.int64) if model.num_classes else None
    generator(torch.zeros(1, model.latent_dim), labels)
    return total


DRAWN = [name for name, model in CONFIGS.items() if model.topology in ("conv", "mlp")]


@pytest.mark.parametrize("name", DRAWN)
def test_multiply_adds_are_those_of_the_layers(name):
    assert multiply_adds(CONFIGS[name]) == counted(CONFIGS[name])


def test_the_generator_of_dcgan_has_three_million():
    assert multiply_adds(CONFIGS["dcgan"]) == 3_090_432


@pytest.mark.parametrize("name", sorted(CONFIGS))
def test_the_presets_of_other_topologies_are_refused(name):
    assert bool(why_not_in_browser(CONFIGS[name])) == (name not in DRAWN)


def test_a_generator_that_is_too_large_is_refused():
    model = replace(CONFIGS["dcgan"], image_size=256, width_g=64)
    assert multiply_adds(model) > MAX_MULTIPLY_ADDS
    assert re.search(r"takes \d+ million multiply-adds", why_not_in_browser(model))


def test_another_topology_is_not_counted():
    with pytest.raises(ValueError, match="topology='step'"):
        multiply_adds(CONFIGS["dcgan-step"])


def test_the_limit_is_that_of_the_browser():
    text = (PROJECT / "dcgan/web/network.js").read_text(encoding="utf-8")
    (limit,) = re.findall(r"MAX_MULTIPLY_ADDS = ([\d_]+);", text)
    assert int(limit) == MAX_MULTIPLY_ADDS
