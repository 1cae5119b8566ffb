"""The networks of "GAN Step by Step", step 3: max pooling in D, activation before batch norm in G, biases on.

B batch, Z latent, K classes, C H W image, S = H/4.
"""

from __future__ import annotations

from torch import nn

from dcgan.config import ModelConfig
from dcgan.models.layers import dropout, output_activation

SLOPE = 0.01
HIDDEN = 1024


def generator_layers(config: ModelConfig) -> nn.Sequential:
    """Return layers (B, Z + K) -> 1024 -> 2*width x S x S -> width x 2S x 2S -> (B, C, H, W)."""
    size, width = config.image_size // 4, config.width_g
    flat = 2 * width * size * size
    normed = config.norm_g == "batch"
    layers: list[nn.Module] = [nn.Linear(config.latent_dim + config.num_classes, HIDDEN), nn.ReLU()]
    layers += [nn.BatchNorm1d(HIDDEN)] if normed else []
    layers += [nn.Linear(HIDDEN, flat), nn.ReLU()]
    layers += [nn.BatchNorm1d(flat)] if normed else []
    layers += [
        nn.Unflatten(1, (2 * width, size, size)),
        nn.ConvTranspose2d(2 * width, width, 4, 2, 1),
        nn.ReLU(),
    ]
    layers += [nn.BatchNorm2d(width)] if normed else []
    layers += [nn.ConvTranspose2d(width, config.channels, 4, 2, 1), output_activation(config)]
    return nn.Sequential(*layers)


def discriminator_layers(config: ModelConfig) -> nn.Sequential:
    """Return layers (B, C + K, H, W) -> two 5x5 convolutions, each pooled by 2 -> two linear layers -> (B, 1)."""
    width = config.width_d
    size = ((config.image_size - 4) // 2 - 4) // 2
    flat = 2 * width * size * size
    normed = config.norm_d == "batch"
    layers: list[nn.Module] = [nn.Conv2d(config.channels + config.num_classes, width, 5), nn.LeakyReLU(SLOPE)]
    layers += [*dropout(config), nn.MaxPool2d(2), nn.Conv2d(width, 2 * width, 5), nn.LeakyReLU(SLOPE)]
    layers += [nn.BatchNorm2d(2 * width)] if normed else []
    layers += [*dropout(config), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(flat, flat), nn.LeakyReLU(SLOPE)]
    layers += [nn.BatchNorm1d(flat)] if normed else []
    layers += [*dropout(config), nn.Linear(flat, 1)]
    return nn.Sequential(*layers)
