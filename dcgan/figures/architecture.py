"""Describe networks layer by layer: settings, output shapes and parameters.

Shapes are per image, without the batch: (C, H, W), or (N,) where the layer's output is flat. The functions that build
networks import torch, so that a page can import this module and open at once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from dcgan.config import NUM_COMPONENTS
from dcgan.locale.language import tr_later, tr_marked

if TYPE_CHECKING:
    from torch import nn

    from dcgan.config import ModelConfig
    from dcgan.models.networks import Discriminator, Generator

Shape = tuple[int, ...]

RESHAPE, INPUT = tr_later("Reshape"), tr_later("Input")
"""Kinds of Layer that are not modules: a change of shape between two modules, and the input."""
_WITH_LABEL = tr_later("with the label, one of {num_classes}")
_OWN_LOGIT = tr_later("the shared logit plus the component's own; {count} more are the auxiliary head")
_SHAPES_ONLY = (RESHAPE, "Flatten", "Unflatten", "FlattenChannelsLast", "UnflattenChannelsLast")
_OPENS_STAGE = ("Linear", "Conv2d", "ConvTranspose2d", "Upsample", "MaxPool2d", "AvgPool2d")


@dataclass(frozen=True)
class Layer:
    """One layer as it runs. `kind` is its class in PyTorch, or INPUT or RESHAPE, which have no parameters."""

    kind: str
    words: str
    """The settings in English, as PyTorch writes them, or marked by `tr_later`."""
    output_shape: Shape
    parameters: int = 0
    numbers: tuple[tuple[str, int], ...] = ()
    """The values of the places in `words`."""

    @property
    def settings(self) -> str:
        """The settings in the visitor's language. A Layer itself is the same in all languages and can be cached."""
        return tr_marked(self.words, **dict(self.numbers))

    @property
    def name(self) -> str:
        """The kind as it is shown: PyTorch's names are code and stay, "Input" and "Reshape" are translated."""
        return tr_marked(self.kind) if self.kind in (INPUT, RESHAPE) else self.kind


@dataclass(frozen=True)
class Architecture:
    """The layers of both networks of a config, each from its input to its output."""

    generator: tuple[Layer, ...]
    discriminator: tuple[Layer, ...]


def describe_architecture(config: ModelConfig) -> Architecture:
    """Build the networks that a training of this config builds, and return their layers."""
    import torch

    from dcgan.models.gan import build_gan

    with torch.device("meta"):  # only shapes: no weight is allocated, no random number is drawn
        gan = build_gan(config)
    return Architecture(
        tuple(describe_layers(gan.generator, (config.latent_dim,))),
        tuple(describe_layers(gan.discriminator, config.image_shape)),
    )


def describe_layers(network: Generator | Discriminator, input_shape: Shape) -> list[Layer]:
    """Return the layers in the order in which they run, each with its output shape in eval mode.

    The first one is the input. A RESHAPE stands where the shape changes outside of any module: a label is joined, an
    image is flattened, or one logit is chosen of several.
    """
    import torch

    from dcgan.models.networks import Discriminator

    device = next(network.parameters()).device
    num_classes = network.config.num_classes
    labels = torch.zeros(2, dtype=torch.int64, device=device) if num_classes else None
    layers = [Layer(INPUT, "z" if len(input_shape) == 1 else tr_later("image"), tuple(input_shape))]

    def reach(shape: Shape) -> None:
        if shape != layers[-1].output_shape:
            joined = len(layers) == 1 and num_classes
            numbers = (("num_classes", num_classes),) if joined else ()
            layers.append(Layer(RESHAPE, _WITH_LABEL if joined else "", shape, numbers=numbers))

    def record(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        parameters = sum(parameter.numel() for parameter in module.parameters())
        reach(tuple(inputs[0].shape[1:]))
        layers.append(Layer(type(module).__name__, module.extra_repr(), tuple(output.shape[1:]), parameters))

    was_training = network.training
    hooks = [module.register_forward_hook(record) for module in network.modules() if not any(module.children())]
    try:
        with torch.no_grad():
            network.eval()(torch.zeros(2, *input_shape, device=device), labels)
        if isinstance(network, Discriminator) and network.config.auxiliary_head:
            layers.append(Layer(RESHAPE, _OWN_LOGIT, (1,), numbers=(("count", NUM_COMPONENTS),)))
    finally:
        for hook in hooks:
            hook.remove()
        network.train(was_training)
    return layers


def total_parameters(layers: Sequence[Layer]) -> int:
    """Return the number of trainable parameters in all layers."""
    return sum(layer.parameters for layer in layers)


def multiplications(layers: Sequence[Layer]) -> list[int]:
    """Return about how many multiplications each layer takes for one image: its weights, at each of its places."""
    counts = [0]
    for before, layer in pairwise(layers):
        # A transposed convolution uses its weights at each place of its input, the others at each of their output.
        shape = before.output_shape if layer.kind == "ConvTranspose2d" else layer.output_shape
        counts.append(layer.parameters * math.prod(shape[1:]) or math.prod(layer.output_shape))
    return counts


def shared_layers(left: Sequence[Layer], right: Sequence[Layer]) -> tuple[list[bool], list[bool]]:
    """Return, for each layer of either network, whether the other one has it too, in the same order.

    Equal means the same kind, settings, output shape and number of parameters.
    """
    in_left, in_right = [False] * len(left), [False] * len(right)
    for block in SequenceMatcher(None, left, right, autojunk=False).get_matching_blocks():
        for offset in range(block.size):
            in_left[block.a + offset] = in_right[block.b + offset] = True
    return in_left, in_right


@dataclass(frozen=True)
class Stage:
    """One block of a diagram: a shape, and the layers that lead to it."""

    steps: tuple[str, ...]
    shape: Shape


def stages(layers: Sequence[Layer]) -> list[Stage]:
    """Return the network in few blocks: a layer that learns a map, or changes its size, opens a new one."""
    drawn = [Stage((), layers[0].output_shape)]
    waiting: tuple[str, ...] = ()
    for layer in layers[1:]:
        if layer.kind in _OPENS_STAGE:
            drawn.append(Stage((*waiting, layer.kind), layer.output_shape))
            waiting = ()
        elif len(drawn) == 1:  # before the first map: a label is joined, z becomes a map
            waiting += (layer.kind,) if layer.words == _WITH_LABEL else ()
        else:
            name = () if layer.kind in _SHAPES_ONLY else (layer.kind,)
            drawn[-1] = Stage(drawn[-1].steps + name, layer.output_shape)
    return drawn
