"""The networks of "Deep Convolutional GAN" in Keras (2021): given Keras' weights they compute Keras' outputs.

B batch, Z latent, K classes, C H W image, S = H/4.
"""

from __future__ import annotations

from torch import nn

from dcgan.config import ModelConfig
from dcgan.models.layers import FlattenChannelsLast, UnflattenChannelsLast, dropout, output_activation

SLOPE = 0.2


def generator_layers(config: ModelConfig) -> nn.Sequential:
    """Return layers (B, Z + K) -> width x S x S -> width x 2S x 2S -> width x 4S x 4S -> (B, C, H, W)."""
    size, width = config.image_size // 4, config.width_g
    layers: list[nn.Module] = [
        nn.Linear(config.latent_dim + config.num_classes, size * size * width),
        nn.LeakyReLU(SLOPE),
        UnflattenChannelsLast(size, size, width),
    ]
    for _ in range(2):
        # Keras' "same" with kernel 4 and stride 2 crops one pixel on every side, as padding=1 does here.
        layers.append(nn.ConvTranspose2d(width, width, 4, 2, 1))
        if config.norm_g == "batch":
            layers.append(nn.BatchNorm2d(width))
        layers.append(nn.LeakyReLU(SLOPE))
    layers += [nn.Conv2d(width, config.channels, 7, 1, 3), output_activation(config)]
    return nn.Sequential(*layers)


def discriminator_layers(config: ModelConfig) -> nn.Sequential:
    """Return layers (B, C + K, H, W) -> width x 2S x 2S -> width x S x S -> (B, 1)."""
    size, width = config.image_size // 4, config.width_d
    inputs = config.channels + config.num_classes
    layers: list[nn.Module] = []
    for level in range(2):
        # "same" with kernel 3 and stride 2 on an even size needs one row and column: Keras adds them right and below.
        layers += [nn.ZeroPad2d((0, 1, 0, 1)), nn.Conv2d(inputs, width, 3, 2, 0)]
        if config.norm_d == "batch" and level > 0:
            layers.append(nn.BatchNorm2d(width))
        layers += [nn.LeakyReLU(SLOPE), *dropout(config)]
        inputs = width
    layers += [FlattenChannelsLast(), nn.Linear(size * size * width, 1)]
    return nn.Sequential(*layers)
