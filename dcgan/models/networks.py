"""The two networks, whatever their topology: what goes in, what comes out.

B batch, Z latent, K classes, C H W image.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dcgan.config import NUM_COMPONENTS, ModelConfig
from dcgan.locale.language import tr


class Generator(nn.Module):
    """z (B, Z), labels (B,) or None -> images (B, C, H, W) in config.pixel_range.

    A conditional generator sees z with the one-hot label joined, (B, Z + K). Mirza and Osindero, arXiv 1411.1784.
    """

    def __init__(self, config: ModelConfig, layers: nn.Sequential) -> None:
        super().__init__()
        self.config = config
        self.layers = layers

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        return self.layers(self.inputs(z, labels))

    def inputs(self, z: Tensor, labels: Tensor | None) -> Tensor:
        """Return what the first layer sees."""
        if not self.config.num_classes:
            return z
        return torch.cat([z, one_hot(labels, self.config.num_classes, z)], dim=1)


class DiscriminatorOutput(NamedTuple):
    """What a discriminator computes from images."""

    logits: Tensor
    """(B,)"""
    components: Tensor | None = None
    """(B,) int64: the component of each image, with an auxiliary head."""
    auxiliary_logits: Tensor | None = None
    """(B, NUM_COMPONENTS): a logit for each component, with an auxiliary head."""


class Discriminator(nn.Module):
    """images (B, C, H, W) in config.pixel_range, labels (B,) or None -> logits (B,).

    A conditional one sees the one-hot label joined. Fully connected layers see it joined to the flattened image,
    (B, C*H*W + K). Convolutions see one constant plane a class, (B, C + K, H, W).

    One with an auxiliary head takes components as labels. Without them it assigns each image to the component with
    the largest auxiliary logit, after `balance_bias` is subtracted: a pseudo-label. Its logit is the sum of one for
    all images and one for the component, as in the projection discriminator (Miyato and Koyama, arXiv 1802.05637).
    """

    balance_bias: Tensor

    def __init__(self, config: ModelConfig, layers: nn.Sequential) -> None:
        super().__init__()
        self.config = config
        self.layers = layers
        if config.auxiliary_head:
            self.register_buffer("balance_bias", torch.zeros(NUM_COMPONENTS))

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        return self.discriminate(images, labels).logits

    def discriminate(self, images: Tensor, labels: Tensor | None = None) -> DiscriminatorOutput:
        """Return the logits and, with an auxiliary head, the components and their logits."""
        return self.read(self.layers(self.inputs(images, labels)), labels)

    def read(self, outputs: Tensor, components: Tensor | None) -> DiscriminatorOutput:
        """Split the last layer's outputs, (B, 1, 1, 1) or (B, 1).

        With an auxiliary head they are (B, 1 + 2 * NUM_COMPONENTS, 1, 1): the logit for all images, one logit a
        component, and the auxiliary logits.
        """
        if not self.config.auxiliary_head:
            return DiscriminatorOutput(outputs.flatten())
        for_all, for_components, auxiliary_logits = outputs.flatten(1).split(
            [1, NUM_COMPONENTS, NUM_COMPONENTS], dim=1
        )
        if components is None:
            components = (auxiliary_logits.detach() - self.balance_bias).argmax(1)
        return DiscriminatorOutput(
            (for_all + for_components.gather(1, components[:, None])).flatten(), components, auxiliary_logits
        )

    def inputs(self, images: Tensor, labels: Tensor | None) -> Tensor:
        """Return what the first layer sees."""
        x = images.flatten(1) if self.config.topology == "mlp" else images
        if self.config.num_classes:
            hot = one_hot(labels, self.config.num_classes, x)
            if x.ndim == 4:
                hot = hot[:, :, None, None].expand(-1, -1, *x.shape[2:])
            x = torch.cat([x, hot], dim=1)
        return x


def one_hot(labels: Tensor | None, num_classes: int, like: Tensor) -> Tensor:
    """Return labels (B,) as one-hot rows (B, K) in the dtype of `like`; float labels (B, K) are such rows already.

    Raises ValueError if labels are missing.
    """
    if labels is None:
        raise labels_missing(num_classes)
    if labels.is_floating_point():
        return labels.to(like.dtype)
    return F.one_hot(labels, num_classes).to(like.dtype)


def labels_missing(num_classes: int) -> ValueError:
    """Return the error of a conditional model that gets no labels."""
    return ValueError(tr("the model is conditional: pass labels from 0 to {last}", last=num_classes - 1))
