"""The layers that PyTorch lacks, and what all topologies build from.

B batch, C H W image.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dcgan.config import ModelConfig


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
    """(B, C, H, W) -> (B, C + 1, H, W): add one map, filled with the standard deviation over a group of images.

    A discriminator that sees one image at a time cannot tell when a generator draws too little variety. The number is
    the standard deviation over at least `group` images, averaged over channels and positions, and the same for the
    whole group. Images that are left over get the number of another group.

    Source: minibatch standard deviation, Karras et al. 2018 (Progressive GAN), section 3; groups as in StyleGAN.
    """

    def __init__(self, group: int = 8) -> None:
        super().__init__()
        self.group = group

    def forward(self, x: Tensor) -> Tensor:
        groups = max(1, len(x) // self.group)
        size = len(x) // groups  # may exceed `group`; 0 on a rank without images
        members = x[: size * groups].unflatten(0, (size, groups))
        # Written out, because torch's var over the first dimension takes longer than all of this.
        variance = (members - members.mean(0)).square().mean(0)  # (groups, C, H, W)
        # The root's gradient at 0 is infinite: equal images, as in a batch of one, would make it NaN.
        deviation = (variance + 1e-8).sqrt().mean((1, 2, 3))  # (groups,)
        deviation = deviation.repeat(len(x) // groups + 1)[: len(x)]  # image i is of group i modulo groups
        return torch.cat([x, deviation[:, None, None, None].expand(-1, 1, *x.shape[2:])], dim=1)

    def extra_repr(self) -> str:
        return f"group={self.group}"


def output_activation(config: ModelConfig) -> nn.Module:
    """Return the generator's last layer, which decides config.pixel_range."""
    return nn.Sigmoid() if config.output == "sigmoid" else nn.Tanh()


def dropout(config: ModelConfig) -> list[nn.Module]:
    """Return the discriminator's dropout as a list; an empty list where it has none."""
    return [nn.Dropout(config.dropout)] if config.dropout else []


def initialize(network: nn.Module, scheme: str) -> None:
    """Draw new weights from torch's global RNG by a scheme of ModelConfig.init; `torch` leaves them as they are.

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
