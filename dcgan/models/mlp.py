"""Fully connected networks: the plain GAN of the tutorial series, the beginners' GAN and its conditional version.

B batch, Z latent, K classes, P = C*H*W pixels.
"""

from __future__ import annotations

import math
from itertools import pairwise

from torch import nn

from dcgan.config import ModelConfig
from dcgan.models.layers import dropout, output_activation

SLOPE = 0.2


def generator_layers(config: ModelConfig) -> nn.Sequential:
    """Return layers (B, Z + K) -> (B, C, H, W), with leaky ReLU after each hidden layer."""
    pixels = math.prod(config.image_shape)
    widths = (config.latent_dim + config.num_classes, *config.hidden_g)
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths):
        layers.append(nn.Linear(inputs, outputs))
        if config.norm_g == "batch":
            layers.append(nn.BatchNorm1d(outputs))
        layers.append(nn.LeakyReLU(SLOPE))
    layers += [nn.Linear(widths[-1], pixels), output_activation(config), nn.Unflatten(1, config.image_shape)]
    return nn.Sequential(*layers)


def discriminator_layers(config: ModelConfig) -> nn.Sequential:
    """Return layers (B, P + K) -> logits (B, 1), with leaky ReLU and dropout after each hidden layer."""
    widths = (math.prod(config.image_shape) + config.num_classes, *config.hidden_d)
    layers: list[nn.Module] = []
    for index, (inputs, outputs) in enumerate(pairwise(widths)):
        layers.append(nn.Linear(inputs, outputs))
        if config.norm_d == "batch" and index > 0:
            layers.append(nn.BatchNorm1d(outputs))
        layers += [nn.LeakyReLU(SLOPE), *dropout(config)]
    layers.append(nn.Linear(widths[-1], 1))
    return nn.Sequential(*layers)
