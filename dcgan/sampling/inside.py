"""Inside a generator: its feature maps, and what one channel draws.

N images, Z latent, C channels of a layer, h w its maps, H W image.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from dcgan import pixels
from dcgan.checkpoint import TrainedGenerator
from dcgan.figures.architecture import INPUT, RESHAPE, describe_layers, multiplications
from dcgan.locale.language import tr
from dcgan.pixels import Bytes

MAX_CHANNELS = 4096
"""Of a layer whose channels are switched off one after another."""
MAX_SEEDS = 4
"""With which the effect of a channel is measured."""
MAX_MULTIPLICATIONS = 2_000_000_000
"""For the effects of all channels of a layer: less than a second on two cores. Larger layers get fewer seeds."""
_IMAGES_AT_ONCE = 64
_NUMBERS_AT_ONCE = 2**25
"""In the maps of a layer: 128 MiB."""

Classify = Callable[[Bytes], NDArray[np.floating]]
"""Images (N, C, H, W) uint8 -> the probability of each class, (N, K)."""


@dataclass(frozen=True)
class Layer:
    """A hidden layer, after its activation."""

    index: int
    """Its place in the network's layers."""
    channels: int
    height: int
    width: int

    @property
    def title(self) -> str:
        """Its size as an address has it: 128 maps of 4x4."""
        return f"{self.channels} maps of {self.size}"

    @property
    def text(self) -> str:
        """Its size as a reader sees it: the title in the visitor's language."""
        return tr("{channels} maps of {size}", channels=self.channels, size=self.size)

    @property
    def size(self) -> str:
        """Height and width of its maps as text: 4x4."""
        return f"{self.height}x{self.width}"


@dataclass(frozen=True)
class Effects:
    """What each channel of a layer does, when it alone is switched off."""

    pixels: NDArray[np.float64]
    """(C,): mean absolute change of a pixel, in levels of 255."""
    classes: NDArray[np.float64] | None
    """(C,) in [0, 1]: probability that moves to other classes, on average over the images; None without classes."""

    def order(self, *, by_class: bool = False) -> list[int]:
        """Return the channels, that of the largest effect first."""
        values = self.classes if by_class and self.classes is not None else self.pixels
        return np.argsort(-values, kind="stable").tolist()


class Anatomy:
    """A generator, taken apart at its hidden layers. Only networks with feature maps have such layers."""

    def __init__(self, generator: TrainedGenerator) -> None:
        self._generator = generator
        self._network = generator.network
        self._parts: Sequence[nn.Module] = list(generator.network.layers)
        probe = self._run(*self._inputs([0], None), 0, len(self._parts), keep=True)
        self.layers = tuple(
            Layer(index, *map(int, maps.shape[1:]))
            for index, (part, maps) in enumerate(zip(self._parts, probe, strict=True))
            if _is_activation(part) and maps.ndim == 4 and index < len(self._parts) - 1
        )
        described = describe_layers(generator.network, (generator.config.latent_dim,))
        costs = zip(described, multiplications(described), strict=True)
        self._multiplications = [cost for layer, cost in costs if layer.kind not in (INPUT, RESHAPE)]

    def maps(self, layer: Layer, seeds: Sequence[int], labels: Sequence[int] | None = None) -> NDArray[np.float32]:
        """Return the feature maps of seeds at a layer, (N, C, h, w), as the next layer sees them."""
        inputs = self._inputs(seeds, labels)
        return self._run(*inputs, 0, layer.index + 1)[-1].cpu().numpy()

    def draw(
        self, layer: Layer, off: Sequence[int], seeds: Sequence[int], labels: Sequence[int] | None = None
    ) -> Bytes:
        """Return images (N, C, H, W) uint8 with these channels of a layer switched off: their maps are 0.

        Raises ValueError for a channel that the layer does not have.
        """
        outside = [channel for channel in off if not 0 <= channel < layer.channels]
        if outside:
            raise ValueError(
                tr(
                    "channel={channel} is not in 0..{last}; the layer has {maps}",
                    channel=outside[0],
                    last=layer.channels - 1,
                    maps=layer.text,
                )
            )
        hidden = self._run(*self._inputs(seeds, labels), 0, layer.index + 1)[-1]
        hidden[:, list(off)] = 0
        return self._images(hidden, layer)

    def seeds_for_effects(self, layer: Layer) -> int:
        """Return with how many seeds the effects of the layer are measured: MAX_SEEDS, or fewer where that is work.

        It is 0 where one seed would take four times as long as it should, or where there are too many channels.
        """
        cost = layer.channels * sum(self._multiplications[layer.index + 1 :])
        if cost > 4 * MAX_MULTIPLICATIONS or layer.channels > MAX_CHANNELS:
            return 0
        return max(1, min(MAX_SEEDS, MAX_MULTIPLICATIONS // max(1, cost)))

    def effects(
        self,
        layer: Layer,
        seeds: Sequence[int],
        labels: Sequence[int] | None = None,
        *,
        classify: Classify | None = None,
    ) -> Effects:
        """Return how much each channel of a layer changes the images and, with `classify`, their class.

        Raises ValueError for a layer of more than MAX_CHANNELS channels.
        """
        if layer.channels > MAX_CHANNELS:
            raise ValueError(
                tr("{maps} are more than {most} channels; choose another layer", maps=layer.text, most=MAX_CHANNELS)
            )
        hidden = self._run(*self._inputs(seeds, labels), 0, layer.index + 1)[-1]
        whole = self._images(hidden, layer)
        classes = classify(whole) if classify else None
        changes, moves = np.zeros(layer.channels), np.zeros(layer.channels)
        at_once = max(1, min(_IMAGES_AT_ONCE // len(hidden), _NUMBERS_AT_ONCE // hidden.numel()))
        for start in range(0, layer.channels, at_once):
            channels = range(start, min(start + at_once, layer.channels))
            without = hidden.repeat(len(channels), 1, 1, 1).unflatten(0, (len(channels), len(hidden)))
            for place, channel in enumerate(channels):
                without[place, :, channel] = 0
            drawn = self._images(without.flatten(0, 1), layer)
            difference = np.abs(drawn.reshape(len(channels), *whole.shape).astype(np.int16) - whole)
            changes[channels] = difference.mean((1, 2, 3, 4))
            if classify and classes is not None:
                moved = np.abs(classify(drawn).reshape(len(channels), *classes.shape) - classes)
                moves[channels] = moved.sum(2).mean(1) / 2
        return Effects(changes, moves if classify else None)

    def _inputs(self, seeds: Sequence[int], labels: Sequence[int] | None) -> tuple[Tensor]:
        generator = self._generator
        z = torch.from_numpy(generator.latents(seeds)).to(generator.device)
        classes = generator.config.num_classes
        if not classes:
            return (self._network.inputs(z, None),)
        chosen = [seed % classes for seed in seeds] if labels is None else labels
        return (self._network.inputs(z, torch.tensor(chosen, device=generator.device)),)

    @torch.no_grad()
    def _run(self, x: Tensor, start: int, end: int, *, keep: bool = False) -> list[Tensor]:
        """Return the outputs of layers start..end - 1, or of the last one only."""
        outputs = []
        for part in self._parts[start:end]:
            x = part(x)
            outputs = [*outputs, x] if keep else [x]
        return outputs

    def _images(self, hidden: Tensor, layer: Layer) -> Bytes:
        """Return the images of a layer's maps."""
        drawn = [self._run(chunk, layer.index + 1, len(self._parts))[-1] for chunk in hidden.split(_IMAGES_AT_ONCE)]
        low, high = self._generator.config.pixel_range
        images = (torch.cat(drawn).cpu() - low) * (2 / (high - low)) - 1
        return pixels.to_uint8(images.numpy())


def _is_activation(part: nn.Module) -> bool:
    return isinstance(part, nn.ReLU | nn.LeakyReLU)
