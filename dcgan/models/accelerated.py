"""The same networks in fewer and larger operations, for training on a CPU, or in half precision.

Parameters and buffers are those of the plain networks. Sums are computed in another order, so results differ by
rounding only. The reasons were measured on x86 with PyTorch 2.14 (docs/performance.md):

- Feature maps are stored channels last. Batch norm is then 2 to 4 times faster, and convolutions are a little faster.
- A convolution to or from an image of 1 or 3 channels is computed as patches and a matrix product. PyTorch's
  convolution to one channel takes as long as a layer with 20 times its arithmetic.
- A convolution to or from a single pixel is computed as one matrix product.

B batch, C H W image, I inner channels, h w the grid of patches, K kernel, S stride, P padding.

The module has more than 250 lines because every accelerated layer stands beside those it is chosen from.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dcgan.config import TrainConfig
from dcgan.models.gan import Gan
from dcgan.models.networks import Discriminator, DiscriminatorOutput, Generator

FEW_CHANNELS = 4
"""Up to so many channels of the image, a convolution is computed by patches."""

Step = Callable[[Tensor], Tensor]


def accelerated_networks(gan: Gan, config: TrainConfig, device: torch.device) -> Gan:
    """Return the networks that a step calls: `gan` itself, or networks with its parameters that run faster."""
    generator, discriminator = gan
    if config.precision == "bf16":
        return Gan(AutocastGenerator(generator), AutocastDiscriminator(discriminator))
    if config.engine == "fast" and device.type == "cpu" and config.model.topology != "mlp":
        return Gan(AcceleratedGenerator(generator), AcceleratedDiscriminator(discriminator))
    return gan


class SharedGenerator(Generator):
    """A generator that shares the layers of another one, and so its parameters and buffers."""

    def __init__(self, plain: Generator) -> None:
        super().__init__(plain.config, plain.layers)


class SharedDiscriminator(Discriminator):
    """A discriminator that shares the layers of another one, and so its parameters and buffers."""

    def __init__(self, plain: Discriminator) -> None:
        super().__init__(plain.config, plain.layers)
        if plain.config.auxiliary_head:
            self.balance_bias = plain.balance_bias  # shared, as the parameters are


class AutocastGenerator(SharedGenerator):
    """A generator that multiplies matrices in bfloat16. Its parameters, norms and results are float32."""

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        with torch.autocast(z.device.type, torch.bfloat16):
            return super().forward(z, labels).float()


class AutocastDiscriminator(SharedDiscriminator):
    """A discriminator that multiplies matrices in bfloat16. Its parameters, norms and results are float32."""

    def discriminate(self, images: Tensor, labels: Tensor | None = None) -> DiscriminatorOutput:
        with torch.autocast(images.device.type, torch.bfloat16):
            logits, components, auxiliary_logits = super().discriminate(images, labels)
        return DiscriminatorOutput(
            logits.float(), components, None if auxiliary_logits is None else auxiliary_logits.float()
        )


class AcceleratedGenerator(SharedGenerator):
    """A generator that shares its parameters with another one, and runs as this module describes."""

    def __init__(self, plain: Generator) -> None:
        super().__init__(plain)
        self._steps = steps(plain.layers)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        return run(self._steps, self.inputs(z, labels))


class AcceleratedDiscriminator(SharedDiscriminator):
    """A discriminator that shares its parameters with another one, and runs as this module describes."""

    def __init__(self, plain: Discriminator) -> None:
        super().__init__(plain)
        self._steps = steps(plain.layers)

    def discriminate(self, images: Tensor, labels: Tensor | None = None) -> DiscriminatorOutput:
        return self.read(run(self._steps, self.inputs(images, labels)), labels)


def run(layers: list[Step], x: Tensor) -> Tensor:
    """Return the result of the steps, applied one after another."""
    for layer in layers:
        x = layer(x)
    return x


def steps(layers: nn.Sequential) -> list[Step]:
    """Return the functions that compute these layers, in order."""
    result: list[Step] = []
    previous = None
    for layer in layers:
        if isinstance(layer, nn.ReLU | nn.LeakyReLU) and isinstance(previous, nn.BatchNorm2d):
            # In place: batch norm does not read its result again, and memory takes most of the time.
            result.append(partial(F.leaky_relu_, negative_slope=getattr(layer, "negative_slope", 0.0)))
        elif isinstance(layer, nn.LeakyReLU) and isinstance(previous, nn.Conv2d) and _from_image(previous):
            result[-1] = _conv(previous, layer.negative_slope)
        else:
            result.append(_TABLE.get(type(layer), _unchanged)(layer))
        previous = layer
    return result


def _unchanged(layer: nn.Module) -> Step:
    return layer


def _from_image(layer: nn.Conv2d) -> bool:
    return layer.in_channels <= FEW_CHANNELS and layer.kernel_size[0] % layer.stride[0] == 0


def _conv(layer: nn.Conv2d, slope: float = 1.0) -> Step:
    (kernel, _), (stride, _), (padding, _) = layer.kernel_size, layer.stride, layer.padding
    assert isinstance(padding, int), "the topologies give numbers"
    if _from_image(layer):
        return lambda images: conv_by_patches(images, layer.weight, layer.bias, stride, padding, slope)
    if layer.out_channels <= FEW_CHANNELS and stride == 1 and padding:

        def to_image(x: Tensor) -> Tensor:
            # A convolution is the transpose of a convolution with the rotated kernel.
            weight = layer.weight.flip(2, 3).transpose(0, 1)
            return transpose_by_patches(x, weight, layer.bias, 1, kernel - 1 - padding)

        return to_image

    def call(x: Tensor) -> Tensor:
        if x.shape[2:] == layer.kernel_size and not padding:
            return _to_one_pixel(x, layer.weight, layer.bias)
        return channels_last(layer(channels_last(x)))

    return call


def _conv_transpose(layer: nn.ConvTranspose2d) -> Step:
    (kernel, _), (stride, _), (padding, _) = layer.kernel_size, layer.stride, layer.padding
    assert isinstance(padding, int), "the topologies give numbers"
    if layer.out_channels <= FEW_CHANNELS and kernel % stride == 0:
        return lambda x: transpose_by_patches(x, layer.weight, layer.bias, stride, padding)

    def call(x: Tensor) -> Tensor:
        if x.shape[2:] == (1, 1) and not padding:
            return _from_one_pixel(x, layer.weight, layer.bias)
        return channels_last(layer(channels_last(x)))

    return call


_TABLE: dict[type, Callable[[Any], Step]] = {
    nn.Conv2d: _conv,
    nn.ConvTranspose2d: _conv_transpose,
    # Masks are drawn in memory order. In this order they equal those of the plain network.
    nn.Dropout: lambda layer: lambda x: channels_last(layer(x.contiguous())) if x.ndim == 4 else layer(x),
}


def channels_last(x: Tensor) -> Tensor:
    """Return x in channels-last order. With mixed orders even an addition or a ReLU takes 30 times as long."""
    return x.contiguous(memory_format=torch.channels_last)


# Convolutions as matrix products


def conv_by_patches(
    images: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: int, slope: float = 1.0
) -> Tensor:
    """Return F.conv2d, followed by a leaky ReLU with that slope. The kernel must be a multiple of the stride.

    images (B, C, H, W), weight (I, C, K, K) -> (B, I, h, w).
    """
    out_channels, _, kernel, _ = weight.shape
    patches = Unfold.apply(images, kernel, stride, padding)  # (K, K, C, B, h, w)
    matrix = weight.permute(2, 3, 1, 0).reshape(-1, out_channels)  # (K K C, I)
    points = patches.flatten(3).flatten(0, 2).t()  # (B h w, K K C)
    x = points @ matrix if bias is None else torch.addmm(bias, points, matrix)
    if slope != 1.0:
        x = F.leaky_relu_(x, slope)  # before the view: autograd would copy a viewed tensor
    return x.view(*patches.shape[3:], out_channels).permute(0, 3, 1, 2)


def transpose_by_patches(x: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: int) -> Tensor:
    """Return F.conv_transpose2d. The kernel must be a multiple of the stride.

    x (B, I, h, w), weight (I, C, K, K) -> (B, C, H, W).
    """
    batch, in_channels, height, width = x.shape
    _, channels, kernel, _ = weight.shape
    matrix = weight.permute(2, 3, 1, 0).reshape(-1, in_channels)  # (K K C, I)
    points = x.permute(0, 2, 3, 1).reshape(-1, in_channels)  # (B h w, I)
    patches = (matrix @ points.t()).view(kernel, kernel, channels, batch, height, width)
    images = Fold.apply(patches, stride, padding)
    return images if bias is None else images + bias[:, None, None]


def _from_one_pixel(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Return F.conv_transpose2d of one pixel: x (B, I, 1, 1), weight (I, O, K, K) -> (B, O, K, K), channels last."""
    x = (x.flatten(1) @ weight.flatten(1)).unflatten(1, weight.shape[1:])
    return channels_last(x if bias is None else x + bias[:, None, None])


def _to_one_pixel(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Return F.conv2d to one pixel: x (B, I, K, K), weight (O, I, K, K) -> (B, O, 1, 1)."""
    matrix = weight.permute(2, 3, 1, 0).flatten(0, 2)  # (K K I, O)
    x = x.permute(0, 2, 3, 1).flatten(1) @ matrix
    return (x if bias is None else x + bias)[:, :, None, None]


class Fold(torch.autograd.Function):
    """Adds patches (K, K, C, B, h, w) up to images (B, C, H, W).

    A kernel of n strides has n x n blocks of one stride each. The blocks at one position in all patches tile the
    plane without overlap. So n x n additions of whole planes are enough.
    """

    @staticmethod
    def forward(ctx: Any, patches: Tensor, stride: int, padding: int) -> Tensor:
        kernel, _, channels, batch, height, width = patches.shape
        ctx.geometry = kernel, stride, padding
        blocks = kernel // stride
        parts = patches.view(blocks, stride, blocks, stride, channels, batch, height, width)
        planes = patches.new_zeros(channels, batch, height + blocks - 1, stride, width + blocks - 1, stride)
        for row in range(blocks):
            for column in range(blocks):
                part = parts[row, :, column].permute(2, 3, 4, 0, 5, 1)  # (C, B, h, S, w, S)
                planes[:, :, row : row + height, :, column : column + width] += part
        images = planes.flatten(4).flatten(2, 3)  # (C, B, H + 2P, W + 2P)
        inside = slice(padding, -padding or None)
        return images[:, :, inside, inside].transpose(0, 1)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        return Unfold.apply(gradient, *ctx.geometry), None, None


class Unfold(torch.autograd.Function):
    """Cuts images (B, C, H, W), padded with zeros, into patches (K, K, C, B, h, w). The adjoint of Fold."""

    @staticmethod
    def forward(ctx: Any, images: Tensor, kernel: int, stride: int, padding: int) -> Tensor:
        ctx.geometry = stride, padding, images.shape[2:]
        x = F.pad(images.transpose(0, 1), (padding,) * 4)  # (C, B, H + 2P, W + 2P)
        return x.unfold(2, kernel, stride).unfold(3, kernel, stride).permute(4, 5, 0, 1, 2, 3).contiguous()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        stride, padding, size = ctx.geometry
        covered = Fold.apply(gradient, stride, 0)
        # If the last stride does not fit, some rows are in no patch. A negative padding removes rows.
        bottom, right = (whole + padding - part for whole, part in zip(size, covered.shape[2:], strict=True))
        return F.pad(covered, (-padding, right, -padding, bottom)), None, None, None
