"""The layers of a network as text, so that a test can write a network down."""

from __future__ import annotations

from torch import nn

from dcgan.models.layers import FlattenChannelsLast, MinibatchStddev, UnflattenChannelsLast


def describe(network: nn.Module) -> list[str]:
    """Return one phrase for each layer, with all of its settings that differ between networks."""
    return [_describe(layer) for layer in network.layers]


def _describe(layer: nn.Module) -> str:
    match layer:
        case nn.Conv2d() | nn.ConvTranspose2d():
            assert layer.dilation == (1, 1)
            assert layer.groups == 1
            assert layer.padding_mode == "zeros"
            assert set(getattr(layer, "output_padding", (0, 0))) == {0}
            sizes = [layer.kernel_size, layer.stride, layer.padding]
            assert all(height == width for height, width in sizes)
            kernel, stride, padding = (size[0] for size in sizes)
            kind = "convT" if isinstance(layer, nn.ConvTranspose2d) else "conv"
            bias = "" if layer.bias is None else " bias"
            return f"{kind} {layer.in_channels}->{layer.out_channels} {kernel} {stride} {padding}{bias}"
        case nn.Linear():
            return f"FC {layer.in_features}->{layer.out_features}" + (" bias" if layer.bias is not None else "")
        case nn.BatchNorm1d() | nn.BatchNorm2d():
            defaults = (layer.eps, layer.momentum, layer.affine, layer.track_running_stats)
            assert defaults == (1e-5, 0.1, True, True)
            return f"BN {layer.num_features}"
        case nn.LeakyReLU():
            return f"LReLU {layer.negative_slope}"
        case nn.Dropout():
            return f"dropout {layer.p}"
        case nn.MaxPool2d():
            assert (layer.padding, layer.dilation, layer.ceil_mode) == (0, 1, False)
            assert layer.stride == layer.kernel_size
            return f"max-pool {layer.kernel_size}"
        case nn.ZeroPad2d():
            left, right, top, bottom = layer.padding
            return f"pad left {left} right {right} top {top} bottom {bottom}"
        case nn.Unflatten():
            assert layer.dim == 1
            return "-> " + "x".join(map(str, layer.unflattened_size))
        case UnflattenChannelsLast():
            return "channels last -> {2}x{0}x{1}".format(*layer.shape)
        case MinibatchStddev():
            return f"deviation of {layer.group}"
        case FlattenChannelsLast():
            return "flatten channels last"
        case nn.Flatten():
            assert (layer.start_dim, layer.end_dim) == (1, -1)
            return "flatten"
        case nn.ReLU() | nn.Tanh() | nn.Sigmoid():
            return type(layer).__name__
    raise AssertionError(f"{layer} is in no tutorial")


def lines(text: str) -> list[str]:
    return [line.strip() for line in text.strip().splitlines()]
