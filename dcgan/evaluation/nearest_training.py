"""The nearest training image to each image, and whether it is nearer than training images are to each other.

So memorization is seen: a generator that copies draws images that lie nearer to a training image than the next
training image does. Some unseen images do so too, so test images are counted beside them.

N images, T training images, F features or pixels, C H W image.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from dcgan.config import TrainConfig
from dcgan.data.loading import load_images
from dcgan.data.named_sets import Split, read_named_set
from dcgan.evaluation.classifier import Classifier
from dcgan.evaluation.real_images import cached
from dcgan.locale.language import tr
from dcgan.pixels import from_uint8

MAX_TRAINING_BYTES = 2**26
"""Of training images in memory: all of MNIST, or 5,461 RGB pictures of 64x64."""
MAX_OWN_PICTURES = 5_000
"""Of a folder, whose files are decoded while a visitor waits."""
_BLOCK = 2_000
"""Training images that are floats at a time."""


@dataclass(frozen=True)
class Neighbors:
    """The nearest training image of each image."""

    indices: Tensor  # (N,)
    distances: Tensor  # (N,)
    """Euclidean distances to them."""
    spacing: Tensor  # (N,)
    """Distance of each of these training images from its own nearest training image."""

    @property
    def is_nearer(self) -> Tensor:
        """Return whether an image is nearer than training images are to each other there: (N,)."""
        return self.distances < self.spacing


def training_images(config: TrainConfig) -> Tensor:
    """Return the training images (T, C, H, W) uint8, or some of them where they are many. Nothing is downloaded.

    Raises ValueError or FileNotFoundError where the data is not here.
    """
    data = config.data
    if not data.is_own:
        read_named_set(data.name, data.root, "train", download=False)  # a page downloads nothing
    return _images(config, "train")


def held_out_images(config: TrainConfig, count: int) -> Tensor:
    """Return test images (N, C, H, W) uint8, spread evenly over all of them, at most `count`; none without any."""
    try:
        images_u8 = _images(config, "test")
    except (OSError, ValueError):
        return torch.empty(0, *config.model.image_shape, dtype=torch.uint8)
    places = torch.linspace(0, max(0, len(images_u8) - 1), min(count, len(images_u8))).round().long()
    return images_u8[places]


def _images(config: TrainConfig, split: Split) -> Tensor:
    data = config.data
    if data.name.startswith("hub:"):
        raise ValueError(
            tr("the pictures are on the Hugging Face Hub, and are not fetched here; train on a copy of them")
        )
    channels, height, width = config.model.image_shape
    most = MAX_TRAINING_BYTES // (channels * height * width)
    if data.is_own:
        data, most = replace(data, cache=False), min(most, MAX_OWN_PICTURES)
    elif split == "train":
        read_named_set(data.name, data.root, "train", download=False)  # a page downloads nothing
    return load_images(
        data, config.model, config.seed, "train" if split == "train" else "test", at_most=most
    ).images_u8


def nearest_by_pixels(images: Tensor, train_u8: Tensor) -> Neighbors:
    """Return the neighbors of images (N, C, H, W) in [-1, 1] among training images (T, C, H, W) uint8.

    Raises ValueError for fewer than two training images.
    """
    return _neighbors(images.flatten(1), lambda part: from_uint8(train_u8[part]).flatten(1), len(train_u8))


def nearest_by_features(features: Tensor, train: Tensor) -> Neighbors:
    """Return the neighbors of images with features (N, F) among training images with features (T, F)."""
    return _neighbors(features, lambda part: train[part], len(train))


def training_features(train_u8: Tensor, classifier: Classifier, content: str) -> Tensor:
    """Return the features (T, F) of training images, measured once. `content` names the images."""

    def measure() -> dict[str, Tensor]:
        parts = [classifier.features(from_uint8(part)) for part in train_u8.split(_BLOCK)]
        return {"features": torch.cat(parts)}

    name = f"training-features-{classifier.hash}-{content}"
    return cached(name, measure, what="the features of the training images")["features"]


def _neighbors(vectors: Tensor, block: Callable[[Tensor], Tensor], count: int) -> Neighbors:
    if count < 2:
        raise ValueError(tr("{count} training images have no distances; train on two or more", count=count))
    indices, distances = _nearest(vectors, block, count)
    _, spacing = _nearest(block(indices), block, count, excluded=indices)
    return Neighbors(indices, distances, spacing)


def _nearest(
    vectors: Tensor, block: Callable[[Tensor], Tensor], count: int, *, excluded: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Return index and distance (N,) of the nearest of `count` training images, without one excluded for each."""
    best = torch.full((len(vectors),), torch.inf)
    indices = torch.zeros(len(vectors), dtype=torch.long)
    squares = vectors.square().sum(1)[:, None]
    for start in range(0, count, _BLOCK):
        part = torch.arange(start, min(start + _BLOCK, count))
        others = block(part)
        found = squares + others.square().sum(1) - 2 * vectors @ others.T  # (N, block)
        if excluded is not None:
            found[excluded[:, None] == part] = torch.inf
        least, places = found.min(1)
        nearer = least < best
        best, indices = torch.where(nearer, least, best), torch.where(nearer, places + start, indices)
    # Again, because the sum above rounds where both are nearly equal.
    return indices, (vectors - block(indices)).norm(dim=1)
