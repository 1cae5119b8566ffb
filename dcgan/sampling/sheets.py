"""Pictures of a trained generator, for the command line and the pages alike.

N images, Z latent, C H W image. A picture is (H, W) gray or (H, W, 3) RGB, uint8.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from dcgan import pixels
from dcgan.checkpoint import TrainedGenerator
from dcgan.latents import Vectors, with_components
from dcgan.locale.language import tr
from dcgan.pixels import Bytes


def draw(
    generator: TrainedGenerator,
    seeds: Sequence[int],
    labels: Sequence[int] | None = None,
    *,
    reverse: bool = False,
    components: Sequence[int] | None = None,
) -> Bytes:
    """Draw one image per seed: (N, C, H, W) uint8. A seed and label give the same image in any batch.

    Labels and `reverse` as in draw_latents. `components` repeat along the seeds and replace those of the seeds.
    Raises ValueError for components of a model whose latent distribution is not a mixture.
    """
    config = generator.config
    z = generator.latents(seeds)
    if components is not None:
        if config.latent != "mixture":
            raise ValueError(
                tr(
                    "the model's latents are {latent} and have no components; leave components out",
                    latent=config.latent,
                )
            )
        z = with_components(z, np.resize(components, len(z)))
    return draw_latents(generator, z, labels, reverse=reverse)


def draw_latents(
    generator: TrainedGenerator, z: Vectors, labels: Sequence[int] | None = None, *, reverse: bool = False
) -> Bytes:
    """Draw one image per latent: z (N, Z) -> (N, C, H, W) uint8.

    Labels repeat along z; without labels a conditional model counts 0, 1, 2 ... over all its classes.
    `reverse` gives black on white. Raises ValueError for labels the model does not take.
    """
    images_u8 = pixels.to_uint8(generator(z, labels_along(len(z), generator.config.num_classes, labels)).numpy())
    return pixels.invert(images_u8) if reverse else images_u8


def labels_along(count: int, num_classes: int, labels: Sequence[int] | None = None) -> NDArray[np.int64] | None:
    """Return `count` labels (N,): the given ones repeated, or all classes. None for an unconditional model."""
    if labels is None and not num_classes:
        return None
    return np.resize(np.asarray(range(num_classes) if labels is None else labels, np.int64), count)


def sample_pictures(
    generator: TrainedGenerator,
    seeds: Sequence[int],
    labels: Sequence[int] | None = None,
    *,
    reverse: bool = False,
    enlarge: int = 1,
    components: Sequence[int] | None = None,
) -> Iterator[tuple[str, Bytes]]:
    """Yield one picture per seed with a name for its file: seed-0000042, seed-0000042-label-7 or
    seed-0000042-component-7. A repeated seed yields the same name and picture again."""
    images_u8 = draw(generator, seeds, labels, reverse=reverse, components=components)
    label_of_seed = labels_along(len(seeds), generator.config.num_classes, labels)
    suffixes = [""] * len(seeds) if label_of_seed is None else [f"-label-{label}" for label in label_of_seed]
    if components is not None:
        component_of_seed = np.resize(components, len(seeds))
        pairs = zip(suffixes, component_of_seed, strict=True)
        suffixes = [f"{suffix}-component-{component}" for suffix, component in pairs]
    for seed, suffix, image_u8 in zip(seeds, suffixes, images_u8, strict=True):
        yield f"seed-{seed:07d}{suffix}", pixels.enlarge(pixels.grid(image_u8[None], 1), enlarge)


def sample_sheet(
    generator: TrainedGenerator,
    seeds: Sequence[int],
    labels: Sequence[int] | None = None,
    *,
    columns: int = 0,
    reverse: bool = False,
    enlarge: int = 1,
    components: Sequence[int] | None = None,
) -> Bytes:
    """Draw all images as one picture, row by row. columns=0: about as many columns as rows, 64 seeds as 8x8."""
    images_u8 = draw(generator, seeds, labels, reverse=reverse, components=components)
    columns = columns or math.ceil(math.sqrt(len(seeds)))
    return pixels.enlarge(pixels.grid(images_u8, columns, background=255 if reverse else 0), enlarge)
