"""An endless, repeatable stream of batches, from images on the device, in files, or decoded in one file.

Which images step s sees is a function of the config and s alone. So a resumed training sees the same batches.

The module has more than 250 lines, so that the three sources of equal batches are read side by side.

Shapes: N images, B batch, C H W image.
"""

from __future__ import annotations

import itertools
import logging
import math
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch

from dcgan.config import TrainConfig
from dcgan.data.decoded_cache import DecodedImages
from dcgan.data.folder import ImageFiles, Source, source_of
from dcgan.data.image_files import UnreadableImageError, read_image
from dcgan.data.order import Order
from dcgan.locale.language import tr
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
    """The files of a folder; None for a named set, which never changes."""

    def from_step(self, step: int) -> Iterator[Batch]:
        """Yield the batches of steps `step`, `step` + 1, ... without end. The training's first step is 0."""
        ...

    def first_images(self, count: int) -> torch.Tensor:
        """Return the first `count` images of the set, or all, in the model's pixel range: the same on each rank."""
        ...


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
        self._labels = labels_of(image_set.labels, config, device)
        self._mirror = config.data.mirror
        self._pixel_range = config.model.pixel_range
        self.num_images = self._order.num_images
        self.steps_per_epoch = config.steps_per_epoch or self._order.steps_per_pass
        self.notes = image_set.notes
        self.source = source

    def from_step(self, step: int) -> Iterator[Batch]:
        """Yield batches, as Batches says."""
        device = self._images_u8.device
        shares = self._order.from_step(step, lambda order: torch.from_numpy(order).to(device))
        for now, indices in enumerate(shares, step):
            images_u8 = self._images_u8.index_select(0, indices)  # (B, C, H, W)
            if self._mirror:
                images_u8 = mirrored_images(images_u8, self._order.mirrored(now))
            labels = None if self._labels is None else self._labels.index_select(0, indices)
            yield Batch(to_range(images_u8, self._pixel_range), labels, self._order.size_of(now))

    def first_images(self, count: int) -> torch.Tensor:
        """Return images, as Batches says."""
        return to_range(self._images_u8[:count], self._pixel_range)


class StreamedBatches:
    """A folder that is too large for the device, decoded by worker processes during the training.

    The batches are those of ResidentBatches, bit for bit. Close the iterator (contextlib.closing) to end its workers
    at once, or they end when it is collected.
    """

    def __init__(self, files: ImageFiles, config: TrainConfig, device: torch.device, ranks: Ranks = ALONE) -> None:
        self._files = files
        self._order = Order.of(config, len(files.paths), ranks)
        self._labels = labels_of(files.labels, config)
        self._model = config.model
        self._workers = config.data.workers
        self._mirror = config.data.mirror
        self._device = device
        self._warned: set[int] = set()
        self.num_images = self._order.num_images
        self.steps_per_epoch = config.steps_per_epoch or self._order.steps_per_pass
        self.notes = files.notes
        self.source: Source | None = source_of(files, conditional=bool(config.model.num_classes))
        _check_shared_memory(self._workers, config.batch_size * math.prod(config.model.image_shape))

    def from_step(self, step: int) -> Iterator[Batch]:
        """Yield batches, as Batches says. The next readable file in path order replaces a broken one, with a warning.

        Raises ValueError where no file can be decoded.
        """
        loader = torch.utils.data.DataLoader(
            _Decoder(self._files, self._model.image_size, self._model.channels),
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
                requested, used, images_u8 = next(decoded)
                self._report(requested, used)
                images_u8 = images_u8.to(self._device, non_blocking=True)  # (B, C, H, W)
                if self._mirror:
                    images_u8 = mirrored_images(images_u8, self._order.mirrored(now))
                labels = None if self._labels is None else self._labels[used].to(self._device)
                yield Batch(to_range(images_u8, self._model.pixel_range), labels, self._order.size_of(now))
        finally:
            del decoded  # ends the workers, and waits for them

    def first_images(self, count: int) -> torch.Tensor:
        """Return images, as Batches says. Raises ValueError where no file can be decoded."""
        decoder = _Decoder(self._files, self._model.image_size, self._model.channels)
        indices = np.arange(min(count, len(self._files.paths)))
        requested, used, images_u8 = _as_tensors(decoder.__getitems__(indices))
        self._report(requested, used)
        return to_range(images_u8, self._model.pixel_range)

    def _report(self, requested: torch.Tensor, used: torch.Tensor) -> None:
        paths = self._files.paths
        for i, j in zip(requested.tolist(), used.tolist(), strict=True):
            if j == _NONE:
                raise ValueError(
                    tr(
                        "none of the {count} image files in {folder} can be decoded any more; put them back and "
                        "resume",
                        count=len(paths),
                        folder=self._files.folder,
                    )
                )
            if i != j and i not in self._warned:
                self._warned.add(i)
                logger.warning("%s could not be decoded; %s takes its place", paths[i], paths[j])


class DecodedBatches:
    """A set that is too large for the device, read from the file that it was decoded into.

    The batches are those of ResidentBatches, bit for bit. Nothing is decoded and no process is started.
    """

    def __init__(
        self,
        decoded: DecodedImages,
        rows: np.ndarray,
        labels: np.ndarray | None,
        config: TrainConfig,
        device: torch.device,
        ranks: Ranks = ALONE,
        *,
        source: Source,
        notes: tuple[str, ...] = (),
    ) -> None:
        """Train on these rows (N,) int64 of the file, with labels (N,) int64 or None."""
        self._decoded = decoded
        self._rows = rows
        self._order = Order.of(config, len(rows), ranks)
        self._labels = labels_of(labels, config)
        self._mirror = config.data.mirror
        self._pixel_range = config.model.pixel_range
        self._device = device
        self.num_images = self._order.num_images
        self.steps_per_epoch = config.steps_per_epoch or self._order.steps_per_pass
        self.notes = notes
        self.source: Source | None = source

    def from_step(self, step: int) -> Iterator[Batch]:
        """Yield batches, as Batches says. Raises ValueError, and deletes the file, if it is damaged."""
        for now, indices in enumerate(self._order.from_step(step), step):
            images_u8 = torch.from_numpy(self._decoded.read(self._rows[indices])).to(self._device)  # (B, C, H, W)
            if self._mirror:
                images_u8 = mirrored_images(images_u8, self._order.mirrored(now))
            labels = None if self._labels is None else self._labels[indices].to(self._device)
            yield Batch(to_range(images_u8, self._pixel_range), labels, self._order.size_of(now))

    def first_images(self, count: int) -> torch.Tensor:
        """Return images, as Batches says. Raises ValueError, and deletes the file, if it is damaged."""
        return to_range(torch.from_numpy(self._decoded.read(self._rows[:count])), self._pixel_range)


_BATCHES_AHEAD = 2
"""Decoded batches that each worker may have waiting. They bound the memory of streaming for a folder of any size."""

SHARED_MEMORY = Path("/dev/shm")
"""Linux's folder of memory that processes share. Other systems have none."""

_NONE = -1
"""Stands for the index of an image where no file can be decoded."""


def _check_shared_memory(workers: int, batch_bytes: int) -> None:
    """Raise ValueError where the workers could not hand over their batches.

    PyTorch passes them in /dev/shm, of which a container has little. Where it is full, workers die or wait forever.
    """
    if not workers or not SHARED_MEMORY.is_dir():
        return
    mebibytes = math.ceil((workers * _BATCHES_AHEAD + 1) * batch_bytes / 2**20)
    free = shutil.disk_usage(SHARED_MEMORY).free // 2**20
    if free < mebibytes:
        raise ValueError(
            tr(
                "{count} decoding processes need {needed} MiB in {folder}, which has {free} MiB; set "
                "--data.workers 0, or give the container more by --shm-size",
                count=workers,
                needed=mebibytes,
                folder=SHARED_MEMORY,
                free=free,
            )
        )


class _Decoder(torch.utils.data.Dataset):
    """Runs in the workers: requested indices -> (these, the indices used instead, images)."""

    def __init__(self, files: ImageFiles, size: int, channels: int) -> None:
        self._paths = files.paths
        self._read = partial(read_image, size=size, channels=channels, fit=files.fit, ground=files.ground)
        self._blank = np.zeros((channels, size, size), np.uint8)

    def __getitems__(self, requested: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        if not len(requested):  # a rank's share may be empty
            return requested, requested, np.empty((0, *self._blank.shape), np.uint8)
        used, images = zip(*map(self._first_readable, requested), strict=True)
        return requested, np.array(used), np.stack(images)

    def _first_readable(self, index: int) -> tuple[int, np.ndarray]:
        for candidate in itertools.chain(range(index, len(self._paths)), range(index)):
            try:
                return candidate, self._read(self._paths[candidate])
            except UnreadableImageError:
                continue
        # No exception: raised again by the loader, it would sit in a cycle that keeps the workers alive.
        return _NONE, self._blank


def labels_of(
    labels: np.ndarray | torch.Tensor | None, config: TrainConfig, device: torch.device | str = "cpu"
) -> torch.Tensor | None:
    """Return the labels (N,) int64 that a conditional model learns; None for an unconditional one."""
    if not config.model.num_classes:
        return None
    assert labels is not None, "loading.py refuses images without labels for a conditional model"
    return torch.as_tensor(labels).to(device)


def _as_tensors(arrays: Any) -> tuple[torch.Tensor, ...]:
    # Of what __getitems__ returns, a tuple of arrays; PyTorch's types know lists only.
    tensors = tuple(map(torch.from_numpy, arrays))
    if torch.utils.data.get_worker_info() is not None:
        # Here a full /dev/shm is an error of the worker, which the training gets. Later, in the thread that sends the
        # batch, PyTorch only prints the error: the batch is lost, and the training waits for it forever.
        for tensor in tensors:
            tensor.share_memory_()
    return tensors


def mirrored_images(images_u8: torch.Tensor, mirrored: np.ndarray) -> torch.Tensor:
    """Return the images (B, C, H, W) with those marked in mirrored (B,) bool mirrored, left for right."""
    mask = torch.from_numpy(mirrored).to(images_u8.device)[:, None, None, None]
    return torch.where(mask, images_u8.flip(3), images_u8)


def to_range(images_u8: torch.Tensor, pixel_range: tuple[float, float]) -> torch.Tensor:
    """Return uint8 as float32, 0 and 255 exactly at the ends of [0, 1] or [-1, 1], the same bits on every device."""
    low, high = pixel_range
    # A divisor on the device divides; for a Python number CUDA multiplies by the rounded reciprocal.
    divisor = torch.full((), 255 / (high - low), dtype=torch.float32, device=images_u8.device)
    images = images_u8.to(torch.float32).div_(divisor)
    return images.add_(low) if low else images
