"""The tutorials' networks: one file a topology, one function to build a pair."""

from __future__ import annotations

from typing import NamedTuple

from torch import nn

from dcgan.config import ModelConfig
from dcgan.models import conv, keras, mlp, step
from dcgan.models.networks import Discriminator, Generator, initialize

TOPOLOGIES = {"mlp": mlp, "conv": conv, "keras": keras, "step": step}


class Gan(NamedTuple):
    """The two networks. generator(z, labels) -> images; discriminator(images, labels) -> logits (B,)."""

    generator: Generator
    discriminator: Discriminator


def build_generator(config: ModelConfig) -> Generator:
    """A new generator on the CPU; its weights come from torch's global RNG."""
    generator = Generator(config, TOPOLOGIES[config.topology].generator_layers(config))
    initialize(generator, config.init)
    return generator


def build_discriminator(config: ModelConfig) -> Discriminator:
    """A new discriminator on the CPU; its weights come from torch's global RNG."""
    discriminator = Discriminator(config, TOPOLOGIES[config.topology].discriminator_layers(config))
    initialize(discriminator, config.init)
    return discriminator


def build_gan(config: ModelConfig) -> Gan:
    """A new pair on the CPU; seed torch's global RNG first for the same weights again."""
    return Gan(build_generator(config), build_discriminator(config))


def count_parameters(network: nn.Module) -> int:
    """Trainable parameters, batch-norm scales and shifts included."""
    return sum(parameter.numel() for parameter in network.parameters())
