"""Which real images stand beside generated ones, and their figures in the user's cache: measured once, since they are
the same until the images or the code are others."""

from __future__ import annotations

import logging
from collections.abc import Callable

import torch
from torch import Tensor

from dcgan.checkpoint import load_tensors, save_tensors, weights_id
from dcgan.data.loading import ImageSet
from dcgan.files import cache_folder

logger = logging.getLogger(__name__)


def draw_real(train: ImageSet, num_images: int, wanted: Tensor | None = None) -> Tensor:
    """Places (num_images,) of the training images that a floor is made of, drawn by a fixed seed.

    `wanted` (num_images,) are the labels that a conditional generator is asked for; then as many of each are drawn.
    That matters: MNIST's digits are not quite as frequent as each other, and real ones drawn evenly are further from
    the test digits than real ones drawn at random (CFD of 10,000: 0.16, not 0.13). Where there are too few of a
    label, they are taken again. Raises ValueError for a label that no training image has.
    """
    drawn = torch.randperm(len(train.images_u8), generator=torch.Generator().manual_seed(0))
    if wanted is None:
        return drawn[:num_images]
    found = torch.empty(num_images, dtype=torch.int64)
    for label in wanted.unique().tolist():
        places, asked = drawn[train.labels[drawn] == label], wanted == label
        if not len(places):
            raise ValueError(
                f"none of the {len(drawn):,} training images has the label {label}, which the generator is asked "
                "for, so it has nothing to be measured beside; train it on images of every label"
            )
        found[asked] = places[torch.arange(int(asked.sum())) % len(places)]
    return found


def kept(key: str, measure: Callable[[], dict[str, Tensor]]) -> dict[str, Tensor]:
    """What `measure` gave under this key before, or gives now.

    The key names all that decides the figures, and is a file's name. What is damaged is measured anew, and a cache
    that cannot be written costs time only.
    """
    path = cache_folder() / "evaluation" / f"{key}.safetensors"
    try:
        tensors, metadata = load_tensors(path)
        if metadata["content"] == weights_id(tensors):
            return tensors
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        pass  # not there, or damaged: both are mended below
    logger.info("measuring the real images, once")
    tensors = measure()
    try:
        save_tensors(path, tensors, {"content": weights_id(tensors)})
    except OSError as error:
        logger.warning("%s cannot be kept (%s), so the real images are measured again next time", path, error)
    return tensors
