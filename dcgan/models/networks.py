"""What the topologies share: the two networks' outer shells, and the layers PyTorch lacks.

B batch, Z latent, K classes, C H W image.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dcgan.config import NUM_COMPONENTS, ModelConfig


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
        """What the first layer sees."""
        if not self.config.num_classes:
            return z
        return torch.cat([z, one_hot(labels, self.config.num_classes, z)], dim=1)


class DiscriminatorOutput(NamedTuple):
    """What a discriminator says of images."""

    logits: Tensor
    """(B,)"""
    components: Tensor | None = None
    """(B,) int64: as which kind each was judged, where kinds are guessed."""
    auxiliary_logits: Tensor | None = None
    """(B, NUM_COMPONENTS): a logit for each kind that it might be of."""


class Discriminator(nn.Module):
    """images (B, C, H, W) in config.pixel_range, labels (B,) or None -> logits (B,).

    A conditional one sees the one-hot label joined: to the flattened image where the layers are fully connected,
    (B, C*H*W + K), else as one constant plane a class, (B, C + K, H, W).

    One that guesses kinds takes the kinds of fakes in place of labels, and without them it judges an image as of the
    kind that it guesses. It has a logit for all and one more for each kind, which are added, as in the projection
    discriminator (Miyato and Koyama, arXiv 1802.05637, with a vector a kind at each place). What it guesses is less
    its `balance_bias`: by that, as many real images come to be of each kind.
    """

    def __init__(self, config: ModelConfig, layers: nn.Sequential) -> None:
        super().__init__()
        self.config = config
        self.layers = layers
        if config.auxiliary_head:
            self.register_buffer("balance_bias", torch.zeros(NUM_COMPONENTS))

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        return self.discriminate(images, labels).logits

    def discriminate(self, images: Tensor, labels: Tensor | None = None) -> DiscriminatorOutput:
        """The logits, and whatever else it finds of the images."""
        return self.read(self.layers(self.inputs(images, labels)), labels)

    def read(self, outputs: Tensor, components: Tensor | None) -> DiscriminatorOutput:
        """Split the last layer's outputs: (B, 1, 1, 1) or (B, 1), the logits; with auxiliary head
        (B, 1 + 2 * NUM_COMPONENTS, 1, 1), the logit for all, one more per component, and the auxiliary logits."""
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
        """What the first layer sees."""
        x = images.flatten(1) if self.config.topology == "mlp" else images
        if self.config.num_classes:
            hot = one_hot(labels, self.config.num_classes, x)
            if x.ndim == 4:
                hot = hot[:, :, None, None].expand(-1, -1, *x.shape[2:])
            x = torch.cat([x, hot], dim=1)
        return x


def one_hot(labels: Tensor | None, num_classes: int, like: Tensor) -> Tensor:
    """labels (B,) -> (B, K) in the dtype of `like`; float labels (B, K) are such rows, or mixtures of them, already.

    Raises ValueError where labels are missing.
    """
    if labels is None:
        raise ValueError(f"the model is conditional: pass labels from 0 to {num_classes - 1}")
    if labels.is_floating_point():
        return labels.to(like.dtype)
    return F.one_hot(labels, num_classes).to(like.dtype)


class FlattenChannelsLast(nn.Module):
    """(B, C, H, W) -> (B, H*W*C), the order in which Keras flattens."""

    def forward(self, x: Tensor) -> Tensor:
        return x.permute(0, 2, 3, 1).flatten(1)


class UnflattenChannelsLast(nn.Module):
    """(B, H*W*C) -> (B, C, H, W), Keras' Reshape((H, W, C))."""

    def __init__(self, height: int, width: int, channels: int) -> None:
        super().__init__()
        self.shape = (height, width, channels)

    def forward(self, x: Tensor) -> Tensor:
        return x.unflatten(1, self.shape).permute(0, 3, 1, 2).contiguous()

    def extra_repr(self) -> str:
        return "height={}, width={}, channels={}".format(*self.shape)


class MinibatchStddev(nn.Module):
    """(B, C, H, W) -> (B, C + 1, H, W): one more map, filled with how much the features of a group of images differ.

    A discriminator that sees one image at a time lets a generator pass that draws too few kinds of them. The number
    is the standard deviation over `group` images of the batch or a few more, averaged over channels and places: the
    same for all of a group. The few images left over get a group's that they are not of. Karras et al. 2018
    (Progressive GAN), section 3; groups as in their code.
    """

    def __init__(self, group: int = 8) -> None:
        super().__init__()
        self.group = group

    def forward(self, x: Tensor) -> Tensor:
        groups = max(1, len(x) // self.group)
        size = len(x) // groups  # more than `group` where batches are odd; 0 on a rank that has no images
        members = x[: size * groups].unflatten(0, (size, groups))
        # Written out: torch's var over the first dimension takes longer than all of this.
        variance = (members - members.mean(0)).square().mean(0)  # (groups, C, H, W)
        # The root's own gradient at 0 is infinite: equal images, as in a batch of one, would make it NaN.
        deviation = (variance + 1e-8).sqrt().mean((1, 2, 3))  # (groups,)
        deviation = deviation.repeat(len(x) // groups + 1)[: len(x)]  # image i is of group i modulo groups
        return torch.cat([x, deviation[:, None, None, None].expand(-1, 1, *x.shape[2:])], dim=1)

    def extra_repr(self) -> str:
        return f"group={self.group}"


def output_activation(config: ModelConfig) -> nn.Module:
    """The generator's last layer; it decides config.pixel_range."""
    return nn.Sigmoid() if config.output == "sigmoid" else nn.Tanh()


def dropout(config: ModelConfig) -> list[nn.Module]:
    """The discriminator's dropout, where it has one."""
    return [nn.Dropout(config.dropout)] if config.dropout else []


def initialize(network: nn.Module, scheme: str) -> None:
    """Draw the weights anew from torch's global RNG: a scheme of ModelConfig.init. 'torch' leaves them as they are.

    glorot: Keras' defaults. normal: convolutions and linear layers N(0, 0.02), batch-norm scales N(1, 0.02), biases
    zero, as in the DCGAN paper and PyTorch's example of it.
    """
    if scheme == "torch":
        return
    for module in network.modules():
        if isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            if scheme == "glorot":
                nn.init.xavier_uniform_(module.weight)
            else:
                nn.init.normal_(module.weight, 0.0, 0.02)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d) and scheme == "normal":
            nn.init.normal_(module.weight, 1.0, 0.02)
