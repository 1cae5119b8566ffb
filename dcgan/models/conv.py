"""DCGAN: the series' 28x28 network, and the paper's at any power of two. Radford et al., arXiv 1511.06434.

B batch, Z latent, K classes, C H W image. The generator grows 4x4 maps to the image, halving the channels each
time; the discriminator walks the same sizes back. Another image_size is another number of levels:

    28: 4 7 14 28        32: 4 8 16 32        64: 4 8 16 32 64        128: 4 8 16 32 64 128
"""

from __future__ import annotations

from itertools import pairwise

from torch import nn

from dcgan.config import NUM_COMPONENTS, ModelConfig
from dcgan.models.layers import MinibatchStddev, dropout, output_activation

SLOPE = 0.2


def level_sizes(image_size: int) -> list[int]:
    """Return the heights of the feature maps, from the innermost, 4, to the image."""
    if image_size == 28:
        return [4, 7, 14, 28]
    sizes = [4]
    while sizes[-1] < image_size:
        sizes.append(2 * sizes[-1])
    return sizes


def _kernel(small: int, large: int) -> int:
    """With stride 2 and padding 1, kernel 3 maps 4 <-> 7 and kernel 4 maps n <-> 2n."""
    return 3 if (small, large) == (4, 7) else 4


def generator_layers(config: ModelConfig) -> nn.Sequential:
    """Return layers (B, Z + K) -> (B, Z + K, 1, 1) -> 4x4 maps -> ... -> (B, C, H, W)."""
    sizes = level_sizes(config.image_size)
    widths = [config.width_g * 2**level for level in reversed(range(len(sizes) - 1))]
    normed = config.norm_g == "batch"
    inputs = config.latent_dim + config.num_classes
    layers: list[nn.Module] = [nn.Unflatten(1, (inputs, 1, 1))]
    # On a 1x1 input the stride has nothing to do; 2 is what the tutorial writes.
    layers.append(nn.ConvTranspose2d(inputs, widths[0], 4, 2, 0, bias=not normed))
    for level, (small, large) in enumerate(pairwise(sizes)):
        if normed:
            layers.append(nn.BatchNorm2d(widths[level]))
        layers.append(nn.ReLU())
        last = level == len(widths) - 1
        outputs = config.channels if last else widths[level + 1]
        # Batch norm brings the shift that a bias would; the last layer has neither, as in the paper's code.
        bias = not (normed or last)
        layers.append(nn.ConvTranspose2d(widths[level], outputs, _kernel(small, large), 2, 1, bias=bias))
    layers.append(output_activation(config))
    return nn.Sequential(*layers)


def discriminator_layers(config: ModelConfig) -> nn.Sequential:
    """Return layers (B, C + K, H, W) -> ... -> 4x4 maps -> (B, 1, 1, 1). As in the paper, the first has no norm.

    With an auxiliary head the last layer gives what Discriminator.read takes, (B, 1 + 2 * NUM_COMPONENTS, 1, 1).
    """
    sizes = level_sizes(config.image_size)[::-1]
    normed = config.norm_d == "batch"
    inputs = config.channels + config.num_classes
    layers: list[nn.Module] = []
    for level, (large, small) in enumerate(pairwise(sizes)):
        outputs = config.width_d * 2**level
        hidden = level > 0
        bias = hidden and not normed
        layers.append(nn.Conv2d(inputs, outputs, _kernel(small, large), 2, 1, bias=bias))
        if hidden and normed:
            layers.append(nn.BatchNorm2d(outputs))
        layers += [nn.LeakyReLU(SLOPE), *dropout(config)]
        inputs = outputs
    if config.minibatch_stddev:
        layers.append(MinibatchStddev())
        inputs += 1
    outputs = 1 + 2 * NUM_COMPONENTS if config.auxiliary_head else 1
    layers.append(nn.Conv2d(inputs, outputs, 4, 1, 0, bias=False))
    return nn.Sequential(*layers)
