"""Choose the real images that stand beside generated ones, and cache what is measured on them.

Real images are measured once. They are measured again only if the images or the code change.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor

from dcgan.checkpoint import load_tensors, save_tensors, weights_id
from dcgan.data.loading import ImageSet
from dcgan.files import cache_folder
from dcgan.locale.language import tr
from dcgan.runs.scores import Applies, applying

VERSION = 1
"""Raise it when the code gives real images other values. Then they are measured again."""

_SCORE = "score."
"""Begins the name of a tensor that is one score."""

logger = logging.getLogger(__name__)


def draw_real(train: ImageSet, num_images: int, labels: Tensor | None = None) -> Tensor:
    """Return the indices (num_images,) of the training images that are scored beside generated ones.

    A fixed seed draws them. `labels` (num_images,) are those that a conditional generator is given. Then as many real
    images of each label are drawn, because MNIST's digits are not equally frequent: 10,000 images with equal shares
    have CFD 0.15, and 10,000 random ones 0.12. If a label has too few images, they are used repeatedly. Raises
    ValueError for a label that no training image has.
    """
    order = torch.randperm(len(train.images_u8), generator=torch.Generator().manual_seed(0))
    if labels is None:
        return order[:num_images]
    assert train.labels is not None, "a conditional generator was trained on images with labels"
    indices = torch.empty(num_images, dtype=torch.int64)
    for label in labels.unique().tolist():
        candidates, places = order[train.labels[order] == label], labels == label
        if not len(candidates):
            raise ValueError(
                tr(
                    "none of the {count:,} training images has the label {label}, which the generator draws; train "
                    "it on images of every label",
                    count=len(order),
                    label=label,
                )
            )
        indices[places] = candidates[torch.arange(int(places.sum())) % len(candidates)]
    return indices


def cached(
    name: str, measure: Callable[[], dict[str, Tensor]], *, what: str = "the real images"
) -> dict[str, Tensor]:
    """Return what `measure` returned for this name before, or returns now. `what` is measured, for the log.

    The name must contain everything that decides the values; it becomes a file in the user's cache. A damaged file is
    measured again. If there is no cache, or it cannot be read or written, a warning says so.
    """
    try:
        tensors, metadata = load_tensors(_cache_path(name))
        if metadata["content"] == weights_id(tensors):
            return tensors
    except (OSError, ValueError, KeyError, TypeError):
        pass  # missing, damaged or out of reach: written again below
    logger.info("measuring %s once", what)
    tensors = measure()
    try:
        save_tensors(_cache_path(name), tensors, {"content": weights_id(tensors)})
    except OSError as error:
        logger.warning("the cache cannot be used (%s), so %s are measured again next time", error, what)
    return tensors


def _cache_path(name: str) -> Path:
    """Return the file of that name in the user's cache. Raises FileNotFoundError where the user has no home."""
    return cache_folder() / "evaluation" / f"{name}-v{VERSION}.safetensors"


def scores_id(*applies: Applies) -> str:
    """Return a name for the set of scores of these evaluations, for `cached`: it changes if a score is added."""
    return hashlib.sha256(" ".join(applying(*applies)).encode()).hexdigest()[:12]


def scores_as_tensors(scores: Mapping[str, float]) -> dict[str, Tensor]:
    """Return scores in the form that `cached` stores, exactly."""
    return {_SCORE + key: torch.tensor(value, dtype=torch.float64) for key, value in scores.items()}


def scores_from_tensors(tensors: Mapping[str, Tensor]) -> dict[str, float]:
    """Return the scores among the tensors, as they were before `scores_as_tensors`."""
    return {key.removeprefix(_SCORE): value.item() for key, value in tensors.items() if key.startswith(_SCORE)}
