"""Score generators of any pictures, without a classifier: patches, copies, and the overfitting of the discriminator.

`sliced_wasserstein.py` compares patches. No distance of two sets punishes copies, so the distance of each image from
its nearest training picture stands beside it. These distances are of pixels, at most 32 on a side.

Generated images are compared with as many real pictures. As many other real pictures are compared with the same ones
and stand beside the score. Held-out pictures are compared with where there are 256 of them. With fewer, the two sets
are the halves of the training pictures, of each at most as many as generated images.

N generated, M unseen, T training pictures, D numbers of a small picture, C H W image.

The module has more than 250 lines, because every comparison of pictures has its reason beside it.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor
from torch.nn import functional as F

from dcgan.checkpoint import TrainedGenerator, load_generator
from dcgan.config import TrainConfig
from dcgan.data.loading import Batch, Batches, ImageSet, load_images, make_batches
from dcgan.evaluation import metrics
from dcgan.evaluation.images import check_finite, draw
from dcgan.evaluation.score_row import Scores
from dcgan.evaluation.sliced_wasserstein import Patches, patches_of, sliced_wasserstein
from dcgan.locale.language import tr
from dcgan.pixels import from_uint8, to_uint8
from dcgan.runtime.device import matmul_precision, one_thread

NUM_IMAGES = 2_048
"""Images of an evaluation, 8 patches of each a level; fewer where there are too few real pictures."""
LEAST_HELD_OUT = 256
"""From so many held-out pictures on, generated images are compared with them."""
LEAST_UNSEEN = 16
"""From so many held-out pictures on, they are the unseen ones. With fewer, each training picture is unseen by the
others."""
MAX_TRAINING_PICTURES = 10_000
"""Training pictures among which the nearest is searched, drawn by the order of the training: 31 MB, for RGB."""
MAX_UNSEEN = 512
SMALL_SIZE = 32
"""The largest side of a picture whose pixels are compared."""

_VERSION = 1
"""Raise it when the code gives the same pictures other values. Then earlier scores do not compare with new ones."""
_CHUNK_BYTES = 2**25
"""Of images in memory at a time, as floats."""
_HELD_OUT_BYTES = 2**28
"""Of held-out pictures, as bytes."""
_BLOCK = 2_000
"""Training pictures whose distances are computed at a time: 25 MB, for RGB."""


@dataclass(frozen=True)
class RealPictures:
    """The real pictures that generated images are compared with, and what as many other real ones score."""

    patches: Patches
    name: str
    """What was compared with, as in "patches of 175 training pictures"."""
    hash: str
    """The first hex digits of the SHA-256 of the pictures that are compared with."""
    training: Tensor
    """(T, D) uint8: different small training pictures."""
    unseen_distances: Tensor
    """(M, 2), as metrics.PictureSample has them."""
    levels: tuple[float, ...]
    """The sliced Wasserstein distance of as many other real pictures, for each level."""

    @property
    def num_images(self) -> int:
        """The number of generated images that compare."""
        return self.patches.num_images

    @property
    def real(self) -> dict[str, float]:
        """The scores of real pictures, by key."""
        sample = metrics.PictureSample(levels=self.levels, distances=self.unseen_distances)
        return metrics.compute(sample, "any pictures")

    def sample(self, chunks: Iterable[Tensor], overfitting: float | None = None) -> metrics.PictureSample:
        """Return what the scores of the first `num_images` images of these chunks are computed from.

        Chunks (B, C, H, W) are in [-1, 1]. Raises ValueError for pixels that are not numbers.
        """
        small: list[Tensor] = []
        device = self.patches.levels[0].device

        def checked() -> Iterator[Tensor]:
            for chunk in chunks:
                check_finite(chunk)
                small.append(small_pictures(chunk))
                yield chunk.to(device)

        patches = patches_of(checked(), self.num_images)
        with one_thread():
            return metrics.PictureSample(
                levels=sliced_wasserstein(self.patches, patches),
                distances=_from_training(torch.cat(small)[: self.num_images], self.training, 2),
                unseen_distances=self.unseen_distances,
                overfitting=overfitting,
            )


def scores_of(sample: metrics.PictureSample) -> dict[str, float]:
    """Return all scores of a sample of generated images, by key."""
    ratio = sample.memorization_ratio
    scores = metrics.compute(sample, "any pictures")
    return scores if ratio is None else scores | {"memorization_ratio": ratio}


def chunk_size(image_shape: tuple[int, int, int]) -> int:
    """Return how many images of this shape (C, H, W) are drawn at a time."""
    return max(1, min(1_000, _CHUNK_BYTES // (4 * math.prod(image_shape))))


def small_pictures(images: Tensor) -> Tensor:
    """Return images (N, C, H, W) in [-1, 1] as flat pictures (N, D) uint8 of at most 32 pixels on a side."""
    size = min(SMALL_SIZE, images.shape[-1])
    return to_uint8(F.adaptive_avg_pool2d(images, size).cpu()).flatten(1)


def _from_training(small: Tensor, training: Tensor, count: int) -> Tensor:
    """Return the distances (N, count) of small pictures (N, D) uint8 from their nearest training pictures (T, D)."""
    pictures = from_uint8(small)
    best = torch.full((len(small), count), math.inf)
    for block in training.split(_BLOCK):
        best = torch.cat([best, metrics.nearest_ones(pictures, from_uint8(block), count)], dim=1)
        best = best.topk(count, largest=False).values
    return best


# Real pictures


def real_pictures(
    training: Iterable[Tensor],
    num_training: int,
    held_out: Tensor | None,
    *,
    num_images: int,
    device: torch.device | str = "cpu",
) -> RealPictures:
    """Return the real pictures to compare with, and measure as many others.

    Args:
        training: The training pictures in random order, in chunks (B, C, H, W) in [-1, 1].
        num_training: How many these are, 2 or more. No more than MAX_TRAINING_PICTURES are read.
        held_out: The held-out pictures (M, C, H, W) uint8, in any order, or None.
        num_images: The most images to compare. There are fewer where the pictures are too few.
        device: Where patches are compared.

    Raises ValueError for fewer than two training pictures.
    """
    stream = _Stream(training, device)
    total = min(num_training, MAX_TRAINING_PICTURES)
    if total < 2:
        raise ValueError(
            tr("{count} training picture has no other to be compared with; add pictures", count=num_training)
        )
    compares_held_out = held_out is not None and len(held_out) >= LEAST_HELD_OUT
    digest = hashlib.sha256(f"patches {_VERSION}".encode())

    def hashed(chunks: Iterable[Tensor]) -> Iterator[Tensor]:
        for chunk in chunks:
            digest.update(to_uint8(chunk.cpu()).numpy().tobytes())
            yield chunk

    if held_out is not None and compares_held_out:
        count = min(num_images, len(held_out), total)
        order = torch.randperm(len(held_out), generator=torch.Generator().manual_seed(0))[:count]
        parts = order.split(chunk_size((held_out.shape[1], held_out.shape[2], held_out.shape[3])))
        patches = patches_of(hashed(from_uint8(held_out[part]).to(device) for part in parts), count)
    else:
        count = min(num_images, total // 2)
        patches = patches_of(hashed(stream.take(count)), count)
    others = patches_of(stream.take(count), count)
    for _ in stream.take(total - stream.count):
        pass  # only their small pictures are kept
    small = _different(torch.cat(stream.small))
    with one_thread():
        return RealPictures(
            patches=patches,
            name=f"patches of {count:,} {'held-out' if compares_held_out else 'training'} pictures",
            hash=digest.hexdigest()[:12],
            training=small,
            unseen_distances=_unseen_distances(small, held_out),
            levels=sliced_wasserstein(patches, others),
        )


def _different(small: Tensor) -> Tensor:
    """Return the first of each set of equal rows (T, D)."""
    first: dict[bytes, int] = {}
    for i, row in enumerate(small.numpy()):
        first.setdefault(row.tobytes(), i)
    return small[list(first.values())]


def _unseen_distances(training: Tensor, held_out: Tensor | None) -> Tensor:
    """Return the distances (M, 2) of unseen pictures from training pictures (T, D)."""
    if held_out is not None and len(held_out) >= LEAST_UNSEEN:
        order = torch.randperm(len(held_out), generator=torch.Generator().manual_seed(0))[:MAX_UNSEEN]
        return _from_training(small_pictures(from_uint8(held_out[order])), training, 2)
    order = torch.randperm(len(training), generator=torch.Generator().manual_seed(0))[:MAX_UNSEEN]
    return _from_training(training[order], training, 3)[:, 1:]  # the nearest of all is the picture itself


class _Stream:
    """Pictures that are read once, so many at a time. Their small pictures are kept."""

    def __init__(self, chunks: Iterable[Tensor], device: torch.device | str) -> None:
        self._chunks = iter(chunks)
        self._rest: Tensor | None = None
        self._device = device
        self.count = 0
        self.small: list[Tensor] = []

    def take(self, count: int) -> Iterator[Tensor]:
        """Yield the next `count` pictures in chunks; fewer at the end."""
        while count > 0:
            chunk = next(self._chunks, None) if self._rest is None else self._rest
            if chunk is None:
                return
            part, rest = chunk[:count], chunk[count:]
            self._rest = rest if len(rest) else None
            count -= len(part)
            self.count += len(part)
            self.small.append(small_pictures(part))
            yield part.to(self._device)


# An evaluation


def evaluate_pictures(
    generator: TrainedGenerator | str | os.PathLike[str], *, num_images: int | None = None, seed: int = 0
) -> Scores:
    """Draw images from the seeds `seed`, `seed` + 1, ... and compare them with real pictures of the generator's data.

    A conditional generator gets the labels of as many training pictures. The default number of images is 2,048, or as
    many as there are real pictures to compare with. Raises ValueError where `num_images` are more than these.
    """
    if not isinstance(generator, TrainedGenerator):
        generator = load_generator(generator)
    config = generator.train_config
    source = PictureSource.open(config, make_batches(config, torch.device("cpu")))
    with matmul_precision("fp32"):
        real = source.real_pictures(NUM_IMAGES if num_images is None else num_images)
        if num_images is not None and num_images != real.num_images:
            raise ValueError(
                f"num_images={num_images} is more than the {real.num_images} real pictures to compare with; "
                "set --num-images 0 to compare with all of them"
            )
        chunks = draw(
            generator,
            real.num_images,
            seed=seed,
            labels=source.labels(real.num_images),
            chunk=chunk_size(config.model.image_shape),
        )
        sample = real.sample(chunks)
    return Scores(
        classifier=real.name,
        classifier_hash=real.hash,
        num_images=real.num_images,
        values=scores_of(sample),
        real=real.real,
        levels=sample.levels,
        real_levels=real.levels,
        weights_id=generator.weights_id,
        step=generator.step,
        seed=seed,
    )


@dataclass
class PictureSource:
    """The pictures of a training: those that it learns from, in its own order, and those that it holds out."""

    config: TrainConfig
    batches: Batches
    held_out: ImageSet | None
    """In random order; None where there are none."""

    @classmethod
    def open(cls, config: TrainConfig, batches: Batches) -> PictureSource:
        """Read the held-out pictures: the test images of a named set, or what a folder holds out; at most 2,048."""
        at_most = max(1, min(NUM_IMAGES, _HELD_OUT_BYTES // math.prod(config.model.image_shape)))
        try:
            held_out = load_images(config.data, config.model, config.seed, "test", at_most=at_most)
        except (OSError, ValueError):  # nothing is held out, or no file of it can be read
            return cls(config, batches, None)
        order = torch.randperm(len(held_out.images_u8), generator=torch.Generator().manual_seed(0))
        labels = None if held_out.labels is None else held_out.labels[order]
        return cls(config, batches, ImageSet(held_out.images_u8[order], labels, ()))

    def training(self) -> Iterator[Batch]:
        """Yield the training's batches from its first on: all pictures in random order, then all again.

        Of several ranks, this one's shares.
        """
        return self.batches.from_step(0)

    def real_pictures(self, num_images: int, device: torch.device | str = "cpu") -> RealPictures:
        """Return the real pictures to compare at most `num_images` images with, see `real_pictures`."""
        low, high = self.config.model.pixel_range
        with closing(cast("Generator[Batch, None, None]", self.training())) as stream:
            return real_pictures(
                ((batch.images - low) * (2 / (high - low)) - 1 for batch in stream),
                self.batches.num_images,
                None if self.held_out is None else self.held_out.images_u8,
                num_images=num_images,
                device=device,
            )

    def labels(self, count: int) -> Tensor | None:
        """Return the labels (count,) of the first training pictures; None for an unconditional model."""
        return self.first(count).labels if self.config.model.num_classes else None

    def first(self, count: int) -> Batch:
        """Return the first `count` training pictures in the model's pixel range, and their labels, on the CPU."""
        images, labels, missing = [], [], count
        with closing(cast("Generator[Batch, None, None]", self.training())) as stream:
            for batch in stream:
                images.append(batch.images[:missing].cpu())
                labels += [] if batch.labels is None else [batch.labels[:missing].cpu()]
                missing -= len(images[-1])
                if not missing:
                    break
        return Batch(torch.cat(images), torch.cat(labels) if labels else None)
