"""The discriminator's first kernels from patches of real images.

N images, C channels, K kernel, H W image.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dcgan.models.networks import Discriminator

NUM_PATCHES = 400_000
"""Patches of real images that are used: those of about 2,000 images of 28x28 pixels."""
EPSILON = 0.01
"""Added to each variance, so that components with hardly any variance are not amplified without bound."""

FirstImages = Callable[[int], Tensor]
"""Returns the training's first images, up to a number: (N, C, H, W) in the model's pixel range."""


@torch.no_grad()
def whiten_first_layer(discriminator: Discriminator, first_images: FirstImages) -> None:
    """Replace the first kernels by whitening kernels of real images and by their negatives, in place.

    Half of the kernels are whitening kernels, the largest variance first. There are at most C * K * K of them, so a
    wide layer keeps its other kernels as they are.

    Source: airbench (Jordan 2024, arXiv 2404.00498, section 3.2), for classifiers. There the layer is frozen too.
    """
    layer = discriminator.layers[0]
    assert isinstance(layer, nn.Conv2d), "the config allows the topology conv only"
    patches_per_image = (discriminator.config.image_size // layer.stride[0]) ** 2
    images = first_images(max(1, NUM_PATCHES // patches_per_image))
    kernels = whitening_kernels(images, layer)[: layer.out_channels // 2]
    layer.weight[: 2 * len(kernels)] = torch.cat([kernels, -kernels]).to(layer.weight)


def whitening_kernels(images: Tensor, layer: nn.Conv2d) -> Tensor:
    """Return kernels (C * K * K, C, K, K) float64, whose responses to the layer's patches are uncorrelated.

    A kernel is an eigenvector of the patches' covariance, divided by the square root of its eigenvalue + EPSILON. So
    its responses have a variance near 1. The kernel with the largest eigenvalue comes first.
    """
    variances, vectors = torch.linalg.eigh(patch_covariance(images, layer))
    kernels = (vectors / (variances + EPSILON).sqrt()).T.flip(0)
    return kernels.unflatten(1, (layer.in_channels, layer.kernel_size[0], layer.kernel_size[1]))


def patch_covariance(images: Tensor, layer: nn.Conv2d) -> Tensor:
    """Return the covariance (C K K, C K K) float64 of the patches (C, K, K) that the layer sees in images."""
    assert isinstance(layer.padding, tuple), "the topologies give numbers"
    size = layer.weight[0].numel()
    count, total, products = 0, torch.zeros(size, dtype=torch.float64), torch.zeros(size, size, dtype=torch.float64)
    # In parts, for memory, and on the CPU, because Apple's GPUs have no float64.
    for part in images.cpu().split(100):
        patches = F.unfold(part, layer.kernel_size, padding=layer.padding, stride=layer.stride)
        patches = patches.transpose(1, 2).flatten(0, 1).double()  # (patches, C K K)
        count += len(patches)
        total += patches.sum(0)
        products += patches.T @ patches
    mean = total / count
    return products / count - torch.outer(mean, mean)
