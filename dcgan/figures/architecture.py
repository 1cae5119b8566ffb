"""The networks taken apart: every layer with its settings, the shape it gives and its parameters.

Shapes are per image, without the batch: (C, H, W), or (N,) where the layer's output is flat. torch is imported by the
functions that build networks, so that a page can import this module and open at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any

from dcgan.config import NUM_COMPONENTS

if TYPE_CHECKING:
    from torch import nn

    from dcgan.config import ModelConfig
    from dcgan.models.networks import Discriminator, Generator

Shape = tuple[int, ...]

RESHAPE, INPUT = "Reshape", "Input"
"""Kinds of Layer that are no modules: what happens between them, and what comes in."""
_SHAPES_ONLY = (RESHAPE, "Flatten", "Unflatten", "FlattenChannelsLast", "UnflattenChannelsLast")
_OPENS_STAGE = ("Linear", "Conv2d", "ConvTranspose2d", "Upsample", "MaxPool2d", "AvgPool2d")


@dataclass(frozen=True)
class Layer:
    """One layer as it runs. `kind` is its class in PyTorch; INPUT and RESHAPE are not modules and learn nothing."""

    kind: str
    settings: str
    output_shape: Shape
    parameters: int = 0


@dataclass(frozen=True)
class Anatomy:
    """Both networks of a config, each layer by layer from its input to its output."""

    generator: tuple[Layer, ...]
    discriminator: tuple[Layer, ...]


def anatomy(config: ModelConfig) -> Anatomy:
    """Take apart the very networks that a training of this config builds."""
    import torch

    from dcgan.models.gan import build_gan

    with torch.device("meta"):  # shapes alone: no weight is allocated or drawn
        gan = build_gan(config)
    return Anatomy(
        tuple(layers(gan.generator, (config.latent_dim,))),
        tuple(layers(gan.discriminator, config.image_shape)),
    )


def layers(network: Generator | Discriminator, input_shape: Shape) -> list[Layer]:
    """The layers in the order in which they run, each with what it really gave for a batch of two, in eval mode.

    The first is the input. Where the shape changes outside of any layer, a "Reshape" says so: the label is joined, an
    image flattened, one logit chosen of several.
    """
    import torch

    from dcgan.models.networks import Discriminator

    device = next(network.parameters()).device
    num_classes = network.config.num_classes
    labels = torch.zeros(2, dtype=torch.int64, device=device) if num_classes else None
    found = [Layer(INPUT, "z" if len(input_shape) == 1 else "image", tuple(input_shape))]

    def reach(shape: Shape) -> None:
        if shape != found[-1].output_shape:
            joined = len(found) == 1 and num_classes
            found.append(Layer(RESHAPE, f"with the label, one of {num_classes}" if joined else "", shape))

    def record(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        parameters = sum(parameter.numel() for parameter in module.parameters())
        reach(tuple(inputs[0].shape[1:]))
        found.append(Layer(type(module).__name__, module.extra_repr(), tuple(output.shape[1:]), parameters))

    was_training = network.training
    hooks = [module.register_forward_hook(record) for module in network.modules() if not any(module.children())]
    try:
        with torch.no_grad():
            network.eval()(torch.zeros(2, *input_shape, device=device), labels)
        if isinstance(network, Discriminator) and network.config.auxiliary_head:
            chosen = f"the logit for all plus the component's own; {NUM_COMPONENTS} more are the auxiliary head"
            found.append(Layer(RESHAPE, chosen, (1,)))
    finally:
        for hook in hooks:
            hook.remove()
        network.train(was_training)
    return found


def total_parameters(of: Sequence[Layer]) -> int:
    """Trainable parameters of all the layers."""
    return sum(layer.parameters for layer in of)


def shared(left: Sequence[Layer], right: Sequence[Layer]) -> tuple[list[bool], list[bool]]:
    """For each layer of either network: is it in the other one too, in the same order?

    Equal means the same kind, settings, output shape and number of parameters.
    """
    in_left, in_right = [False] * len(left), [False] * len(right)
    for block in SequenceMatcher(None, left, right, autojunk=False).get_matching_blocks():
        for offset in range(block.size):
            in_left[block.a + offset] = in_right[block.b + offset] = True
    return in_left, in_right


@dataclass(frozen=True)
class Stage:
    """What a diagram draws as one block: a shape, and the layers that led to it."""

    steps: tuple[str, ...]
    shape: Shape


def stages(of: Sequence[Layer]) -> list[Stage]:
    """The network in few blocks: a new one at each layer that learns a map, grows or shrinks; the rest joins it."""
    drawn = [Stage((), of[0].output_shape)]
    waiting: tuple[str, ...] = ()
    for layer in of[1:]:
        if layer.kind in _OPENS_STAGE:
            drawn.append(Stage((*waiting, layer.kind), layer.output_shape))
            waiting = ()
        elif len(drawn) == 1:  # before the first map: the label joins, z becomes a map
            waiting += (layer.kind,) if layer.settings.startswith("with") else ()
        else:
            name = () if layer.kind in _SHAPES_ONLY else (layer.kind,)
            drawn[-1] = Stage(drawn[-1].steps + name, layer.output_shape)
    return drawn
