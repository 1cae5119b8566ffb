"""Figures of real images in the user's cache: measured once, since they are the same until the images or the code are
others."""

from __future__ import annotations

import logging
from collections.abc import Callable

from torch import Tensor

from dcgan.archives import cache_folder
from dcgan.checkpoint import load_tensors, save_tensors, weights_id

logger = logging.getLogger(__name__)


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
