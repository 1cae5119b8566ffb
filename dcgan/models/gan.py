"""The tutorials' networks: one file a topology, one function to build a pair."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor, nn

from dcgan.config import ModelConfig
from dcgan.models import conv, keras, mlp, step
from dcgan.models.layers import initialize
from dcgan.models.networks import Discriminator, Generator

TOPOLOGIES = {"mlp": mlp, "conv": conv, "keras": keras, "step": step}


class Gan(NamedTuple):
    """The two networks. generator(z, labels) -> images; discriminator(images, labels) -> logits (B,)."""

    generator: Generator
    discriminator: Discriminator


def build_generator(config: ModelConfig) -> Generator:
    """Return a new generator on the CPU, with weights from torch's global RNG."""
    generator = Generator(config, TOPOLOGIES[config.topology].generator_layers(config))
    initialize(generator, config.init)
    return generator


def build_discriminator(config: ModelConfig) -> Discriminator:
    """Return a new discriminator on the CPU, with weights from torch's global RNG."""
    discriminator = Discriminator(config, TOPOLOGIES[config.topology].discriminator_layers(config))
    initialize(discriminator, config.init)
    return discriminator


@lru_cache(maxsize=64)
def generator_tensors(config: ModelConfig) -> dict[str, Tensor]:
    """Return the tensors of such a generator by name, on the meta device: shapes and types that take no memory."""
    with torch.device("meta"):
        return build_generator(replace(config, init="torch")).state_dict()


@lru_cache(maxsize=64)
def discriminator_tensors(config: ModelConfig) -> dict[str, Tensor]:
    """Return the tensors of such a discriminator, as `generator_tensors` does."""
    with torch.device("meta"):
        return build_discriminator(replace(config, init="torch")).state_dict()


def build_gan(config: ModelConfig) -> Gan:
    """Return a new pair on the CPU. Seed torch's global RNG first to get the same weights again."""
    return Gan(build_generator(config), build_discriminator(config))


def count_parameters(network: nn.Module) -> int:
    """Return the number of trainable parameters, with batch norm's scales and shifts."""
    return sum(parameter.numel() for parameter in network.parameters())
