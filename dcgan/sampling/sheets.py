"""Pictures of a trained generator, for the command line and the pages alike.

N images, C H W image. A picture is (H, W) grey or (H, W, 3) RGB, uint8.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from dcgan import pixels
from dcgan.checkpoint import TrainedGenerator
from dcgan.latents import Vectors, latents_from_seeds, with_components
from dcgan.pixels import Bytes


def draw(
    generator: TrainedGenerator,
    seeds: Sequence[int],
    labels: Sequence[int] | None = None,
    reverse: bool = False,
    components: Sequence[int] | None = None,
) -> Bytes:
    """One image a seed, (N, C, H, W) uint8; the same for the same seed and label, whatever the others are.

    Labels and `reverse` as in draw_latents. `kinds` repeat along the seeds and take the place of their own where the
    latent distribution is a mixture; elsewhere they are a ValueError.
    """
    config = generator.config
    z = latents_from_seeds(seeds, config.latent_dim, config.latent)
    if components is not None:
        if config.latent != "mixture":
            raise ValueError(f"the model's latents are {config.latent} and name no kinds; leave the kinds out")
        z = with_components(z, np.resize(components, len(z)))
    return draw_latents(generator, z, labels, reverse)


def draw_latents(
    generator: TrainedGenerator, z: Vectors, labels: Sequence[int] | None = None, reverse: bool = False
) -> Bytes:
    """One image a latent: z (N, Z) -> (N, C, H, W) uint8.

    Labels repeat along z; a conditional model without any counts 0, 1, 2 ... over all its classes.
    `reverse` gives black on white. Raises ValueError for labels the model does not take.
    """
    images_u8 = pixels.to_uint8(generator(z, labels_along(len(z), generator.config.num_classes, labels)).numpy())
    return pixels.reverse_grey(images_u8) if reverse else images_u8


def labels_along(count: int, num_classes: int, labels: Sequence[int] | None = None) -> NDArray[np.int64] | None:
    """`count` labels (N,): the given ones, else all classes, over and over. None for an unconditional model."""
    if labels is None and not num_classes:
        return None
    return np.resize(np.asarray(range(num_classes) if labels is None else labels, np.int64), count)


def sample_pictures(
    generator: TrainedGenerator,
    seeds: Sequence[int],
    labels: Sequence[int] | None = None,
    reverse: bool = False,
    enlarge: int = 1,
    components: Sequence[int] | None = None,
) -> Iterator[tuple[str, Bytes]]:
    """One picture a seed, each made when it is asked for, with a name for its file: seed-0000042,
    seed-0000042-label-7 or seed-0000042-kind-7. A seed that comes twice has one name twice, and the same picture."""
    images_u8 = draw(generator, seeds, labels, reverse, components)
    along = labels_along(len(seeds), generator.config.num_classes, labels)
    suffixes = [""] * len(seeds) if along is None else [f"-label-{label}" for label in along]
    if components is not None:
        named = np.resize(components, len(seeds))
        suffixes = [f"{suffix}-kind-{kind}" for suffix, kind in zip(suffixes, named, strict=True)]
    for seed, suffix, image_u8 in zip(seeds, suffixes, images_u8, strict=True):
        yield f"seed-{seed:07d}{suffix}", pixels.enlarge(pixels.grid(image_u8[None], 1), enlarge)


def sample_sheet(
    generator: TrainedGenerator,
    seeds: Sequence[int],
    labels: Sequence[int] | None = None,
    columns: int = 0,
    reverse: bool = False,
    enlarge: int = 1,
    components: Sequence[int] | None = None,
) -> Bytes:
    """All of them on one picture, row by row. columns=0: about as many columns as rows, 64 seeds as 8x8."""
    images_u8 = draw(generator, seeds, labels, reverse, components)
    columns = columns or math.ceil(math.sqrt(len(seeds)))
    return pixels.enlarge(pixels.grid(images_u8, columns, background=255 if reverse else 0), enlarge)
