"""An endless, repeatable stream of batches, from images on the device, in files, or decoded in one file.

What step s sees is a function of the config and s alone, so a resumed training meets the batches it would
have met.

Shapes: N images, B batch, C H W image.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
import torch

from dcgan.config import TrainConfig
from dcgan.data.decoded_cache import DecodedFolder
from dcgan.data.folder import ImageFiles, Source, UnreadableImageError, read_image, source_of
from dcgan.runtime.distributed import ALONE, Ranks

logger = logging.getLogger(__name__)


class ImageSet(NamedTuple):
    """Images (N, C, H, W) uint8 and labels (N,) int64, in memory; notes are plain sentences for the user."""

    images_u8: torch.Tensor
    labels: torch.Tensor | None
    notes: tuple[str, ...]


class Batch(NamedTuple):
    """Images (B, C, H, W) float32 in the model's pixel range; labels (B,) int64 if it is conditional."""

    images: torch.Tensor
    labels: torch.Tensor | None
    whole: int = 0
    """Images of the whole batch, where these are one rank's share of it; 0: these are all."""

    @property
    def size(self) -> int:
        """Images of the whole batch, on all ranks."""
        return self.whole or len(self.images)


class Batches(Protocol):
    """A source of real batches on one device, or of a rank's shares of them."""

    num_images: int
    steps_per_epoch: int
    notes: tuple[str, ...]
    source: Source | None
    """The files of a folder; None of a named set, which never changes."""

    def from_step(self, step: int) -> Iterator[Batch]:
        """The batches of steps `step`, `step` + 1, ... without end; the training's first step is 0."""
        ...


@dataclass(frozen=True)
class Order:
    """Which images each step sees. A pass is one permutation of all, or as many draws with replacement."""

    num_images: int
    batch_size: int
    sampling: Literal["shuffle", "replacement"]
    seed: int
    ranks: Ranks = ALONE

    @classmethod
    def of(cls, config: TrainConfig, num_images: int, ranks: Ranks = ALONE) -> Order:
        """The order of a training. Raises ValueError for fewer than two images, or fewer in a batch than ranks."""
        if num_images < 2:
            raise ValueError(
                f"{config.data.name} gives {num_images} image to train on and a training needs 2 or more; "
                "raise --data.limit, lower --data.holdout, or add images"
            )
        batch_size = min(config.batch_size, num_images)
        if batch_size < ranks.world_size:
            raise ValueError(
                f"batches of {batch_size} images are too few for {ranks.world_size} ranks; "
                f"use --nproc-per-node {batch_size}, or --batch-size {ranks.world_size}"
            )
        return cls(num_images, batch_size, config.sampling, config.seed, ranks)

    @property
    def steps_per_pass(self) -> int:
        """The last, shorter batch of a pass counts, unless it is one image, which has no batch statistics."""
        whole, rest = divmod(self.num_images, self.batch_size)
        return whole + (rest > 1)

    def of_pass(self, number: int) -> np.ndarray:
        """The indices of one pass, int64, each pass from a stream of its own."""
        if self.sampling == "shuffle":
            return _random([self.seed, number]).permutation(self.num_images).astype(np.int64)
        draws = self.steps_per_pass * self.batch_size
        return _random([self.seed, number, 1]).randint(0, self.num_images, draws, dtype=np.int64)

    def size_of(self, step: int) -> int:
        """Images of the step's whole batch."""
        if self.sampling == "replacement":
            return self.batch_size
        return min(self.batch_size, self.num_images - step % self.steps_per_pass * self.batch_size)

    def from_step(self, step: int, place: Callable[[np.ndarray], Any] = np.asarray) -> Iterator[Any]:
        """The indices (B,) of each step from `step` on, or the rank's share of them, which is empty where a pass ends
        with fewer images than there are ranks: slices of place(of_pass(...)), placed once a pass."""
        assert step >= 0, step
        current = None
        for now in itertools.count(step):
            number, k = divmod(now, self.steps_per_pass)
            if number != current:
                current, indices = number, place(self.of_pass(number))
            whole = indices[k * self.batch_size : (k + 1) * self.batch_size]
            yield whole[self.ranks.shard(len(whole))]


class ResidentBatches:
    """The set lives on the device as uint8; a batch is gathered and made float there.

    The host waits for the device once a pass, to send its order, and never within one.
    """

    def __init__(
        self,
        image_set: ImageSet,
        config: TrainConfig,
        device: torch.device,
        ranks: Ranks = ALONE,
        source: Source | None = None,
    ) -> None:
        self._order = Order.of(config, len(image_set.images_u8), ranks)
        self._images_u8 = image_set.images_u8.to(device)
        self._labels = image_set.labels.to(device) if config.model.num_classes else None
        self._pixel_range = config.model.pixel_range
        self.num_images = self._order.num_images
        self.steps_per_epoch = config.steps_per_epoch or self._order.steps_per_pass
        self.notes = image_set.notes
        self.source = source

    def from_step(self, step: int) -> Iterator[Batch]:
        """See Batches."""
        device = self._images_u8.device
        shares = self._order.from_step(step, lambda order: torch.from_numpy(order).to(device))
        for now, indices in enumerate(shares, step):
            images_u8 = self._images_u8.index_select(0, indices)  # (B, C, H, W)
            labels = None if self._labels is None else self._labels.index_select(0, indices)
            yield Batch(_to_range(images_u8, self._pixel_range), labels, self._order.size_of(now))


class StreamedBatches:
    """A folder too large to hold, decoded by worker processes as the steps come: the batches it would have
    if it were resident.

    Close the iterator (contextlib.closing) to end its workers at once, or they end when it is collected.
    """

    def __init__(self, files: ImageFiles, config: TrainConfig, device: torch.device, ranks: Ranks = ALONE) -> None:
        self._files = files
        self._order = Order.of(config, len(files.paths), ranks)
        self._labels = torch.from_numpy(files.labels) if config.model.num_classes else None
        self._model = config.model
        self._workers = config.data.workers
        self._device = device
        self._warned: set[int] = set()
        self.num_images = self._order.num_images
        self.steps_per_epoch = config.steps_per_epoch or self._order.steps_per_pass
        self.notes = files.notes
        self.source = source_of(files, bool(config.model.num_classes))

    def from_step(self, step: int) -> Iterator[Batch]:
        """See Batches. The next readable file in path order replaces one that breaks now, with a warning."""
        loader = torch.utils.data.DataLoader(
            _Decoder(self._files.paths, self._model.image_size, self._model.channels),
            batch_sampler=self._order.from_step(step),
            collate_fn=_as_tensors,
            num_workers=self._workers,
            prefetch_factor=_BATCHES_AHEAD if self._workers else None,
            pin_memory=self._device.type == "cuda",
            generator=torch.Generator(),  # else it would draw its workers' seed from the global stream
        )
        decoded = iter(loader)
        try:
            for now in itertools.count(step):
                wanted, used, images_u8 = next(decoded)
                self._report(wanted, used)
                images_u8 = images_u8.to(self._device, non_blocking=True)  # (B, C, H, W)
                labels = None if self._labels is None else self._labels[used].to(self._device)
                yield Batch(_to_range(images_u8, self._model.pixel_range), labels, self._order.size_of(now))
        finally:
            del decoded  # ends the workers, and waits for them

    def _report(self, wanted: torch.Tensor, used: torch.Tensor) -> None:
        paths = self._files.paths
        for i, j in zip(wanted.tolist(), used.tolist(), strict=True):
            if j == _NONE:
                raise ValueError(
                    f"none of the {len(paths)} image files in {self._files.folder} can be decoded any more; "
                    "put them back and resume"
                )
            if i != j and i not in self._warned:
                self._warned.add(i)
                logger.warning("%s could not be decoded; %s takes its place", paths[i], paths[j])


class DecodedBatches:
    """A folder too large to hold, read from the file that it was decoded into: no decoding, no processes, and the
    batches it would have if it were resident.
    """

    def __init__(
        self,
        decoded: DecodedFolder,
        files: ImageFiles,
        config: TrainConfig,
        device: torch.device,
        ranks: Ranks = ALONE,
    ) -> None:
        self._decoded = decoded
        self._rows = decoded.rows(files)
        self._order = Order.of(config, len(files.paths), ranks)
        self._labels = torch.from_numpy(files.labels) if config.model.num_classes else None
        self._pixel_range = config.model.pixel_range
        self._device = device
        self.num_images = self._order.num_images
        self.steps_per_epoch = config.steps_per_epoch or self._order.steps_per_pass
        self.notes = files.notes
        self.source = source_of(files, bool(config.model.num_classes))

    def from_step(self, step: int) -> Iterator[Batch]:
        """See Batches."""
        for now, indices in enumerate(self._order.from_step(step), step):
            images_u8 = torch.from_numpy(self._decoded.read(self._rows[indices])).to(self._device)  # (B, C, H, W)
            labels = None if self._labels is None else self._labels[indices].to(self._device)
            yield Batch(_to_range(images_u8, self._pixel_range), labels, self._order.size_of(now))


_BATCHES_AHEAD = 2
"""Decoded batches that each worker may have waiting: the memory of streaming, whatever the folder's size."""

_NONE = -1
"""Stands for the index of an image where no file can be decoded."""


class _Decoder(torch.utils.data.Dataset):
    """Runs in the workers: indices -> (wanted indices, the indices used in their place, images)."""

    def __init__(self, paths: Sequence[Path], size: int, channels: int) -> None:
        self._paths = paths
        self._read = partial(read_image, size=size, channels=channels)
        self._blank = np.zeros((channels, size, size), np.uint8)

    def __getitems__(self, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        if not len(wanted):  # a rank's share may be empty
            return wanted, wanted, np.empty((0, *self._blank.shape), np.uint8)
        used, images = zip(*map(self._first_readable, wanted), strict=True)
        return wanted, np.array(used), np.stack(images)

    def _first_readable(self, index: int) -> tuple[int, np.ndarray]:
        for candidate in itertools.chain(range(index, len(self._paths)), range(index)):
            try:
                return candidate, self._read(self._paths[candidate])
            except UnreadableImageError:
                continue
        # No exception: raised again by the loader, it would sit in a cycle that keeps the workers alive.
        return _NONE, self._blank


def _as_tensors(arrays: tuple[np.ndarray, ...]) -> tuple[torch.Tensor, ...]:
    return tuple(map(torch.from_numpy, arrays))


def _random(entropy: list[int]) -> np.random.RandomState:
    """RandomState's streams are frozen by NumPy's policy (NEP 19); a test guards the seeds."""
    return np.random.RandomState(np.random.SeedSequence(entropy).generate_state(1)[0])


def _to_range(images_u8: torch.Tensor, pixel_range: tuple[float, float]) -> torch.Tensor:
    """uint8 -> float32, 0 and 255 exactly at the ends of [0, 1] or [-1, 1], the same bits on every device."""
    low, high = pixel_range
    # A divisor on the device divides; for a Python number CUDA multiplies by the rounded reciprocal.
    divisor = torch.full((), 255 / (high - low), dtype=torch.float32, device=images_u8.device)
    images = images_u8.to(torch.float32).div_(divisor)
    return images.add_(low) if low else images
