"""Draw the images that are scored: from consecutive seeds, in chunks.

N images, Z latent, C H W image.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
from torch import Tensor

from dcgan.latents import Vectors, latents_from_seeds
from dcgan.locale.language import tr
from dcgan.models.inference import sample
from dcgan.models.networks import Generator

CHUNK = 1_000
"""Images drawn at a time: 3 MB as floats, for 28x28 gray pixels."""


class SeededGenerator(Protocol):
    """What draws images from seeds, as a TrainedGenerator does."""

    def latents(self, seeds: Sequence[int]) -> Vectors: ...

    def __call__(self, z: np.ndarray | Tensor, labels: np.ndarray | Tensor | None = None) -> Tensor: ...


class NetworkSampler:
    """Draws from a network as a TrainedGenerator does; the network stays in its mode, as in a training."""

    def __init__(self, network: Generator) -> None:
        self.network = network

    def latents(self, seeds: Sequence[int]) -> Vectors:
        """Return a latent vector for each seed, (N, Z) float32."""
        return latents_from_seeds(seeds, self.network.config.latent_dim, self.network.config.latent)

    def __call__(self, z: np.ndarray | Tensor, labels: np.ndarray | Tensor | None = None) -> Tensor:
        """Return images (N, C, H, W) in [-1, 1] on the CPU."""
        return sample(self.network, z, labels)


def draw(
    generator: SeededGenerator, num_images: int, *, seed: int = 0, labels: Tensor | None = None, chunk: int = CHUNK
) -> Iterator[Tensor]:
    """Draw images from the seeds `seed`, `seed` + 1, ..., and yield them in chunks (B, C, H, W) in [-1, 1].

    `labels` (num_images,) are for a conditional generator. The size of a chunk does not change the images.
    """
    for start in range(0, num_images, chunk):
        stop = min(start + chunk, num_images)
        z = generator.latents(range(seed + start, seed + stop))
        yield generator(z, None if labels is None else labels[start:stop])


def check_finite(images: Tensor) -> None:
    """Raise ValueError for pixels that are not numbers."""
    if not images.isfinite().all():
        raise ValueError(
            tr("the images have pixels that are not numbers and cannot be scored; train their generator again")
        )
