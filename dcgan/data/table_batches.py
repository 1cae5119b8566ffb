"""Batches of a table that is read in shards during the training, so that it may be larger than the disk.

A pass reads the table's chunks in an order that the seed draws. The rows are decoded into a buffer, which is shuffled
and used up batch by batch while the next one is filled. Which images a step sees is a function of the config, the
table and the step. So a resume opens the chunk of its step, and reads no chunk before it.

Each rank reads its own part of a pass, and fills a buffer of its own. So another number of ranks sees other batches.

Shapes: B batch, W rows of a buffer, C H W image.
"""

from __future__ import annotations

import itertools
import logging
import threading
import warnings
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image

from dcgan.config import ModelConfig, ShownGround, TrainConfig
from dcgan.data.batches import Batch, mirrored_images, to_range
from dcgan.data.folder import Source
from dcgan.data.image_files import UnreadableImageError
from dcgan.data.order import Order
from dcgan.data.random_streams import random_state
from dcgan.data.table_decoding import ROWS_PER_ROUND, decode_row
from dcgan.data.tables import Row, Table
from dcgan.locale.language import tr
from dcgan.runtime.distributed import ALONE, Ranks

logger = logging.getLogger(__name__)


class _Window(NamedTuple):
    """A shuffled buffer: images (W, C, H, W) uint8, and labels (W,) int64."""

    images_u8: np.ndarray
    labels: np.ndarray


class StreamedTable:
    """Batches of a table whose images are decoded by threads during the training."""

    def __init__(
        self,
        table: Table,
        config: TrainConfig,
        device: torch.device,
        ranks: Ranks = ALONE,
        *,
        ground: ShownGround,
        source: Source,
        notes: tuple[str, ...] = (),
    ) -> None:
        """Train on the rows that are not held out. Raises ValueError for sampling with replacement."""
        if config.sampling == "replacement":
            raise ValueError(
                tr(
                    "sampling=replacement draws any image at any step, and {table} is read in its own order; set "
                    "--sampling shuffle, or decode the set once by --data.cache",
                    table=table.name,
                )
            )
        self._table, self._config, self._device = table, config, device
        self._ground: ShownGround = ground
        self.num_images = min(table.num_rows("train"), config.data.limit or table.num_rows("train"))
        order = Order.of(config, self.num_images, ranks)
        # A pass has whole batches only. It leaves out other images each time.
        self._order = replace(order, num_images=self.num_images // order.batch_size * order.batch_size)
        share = ranks.shard(order.batch_size)
        self._share = share.stop - share.start
        self._start = share.start * self._order.steps_per_pass
        self._per_window = max(1, config.data.shuffle_buffer // self._share) * self._share
        self.steps_per_epoch = config.steps_per_epoch or self._order.steps_per_pass
        self.source: Source | None = source
        self.notes = (*notes, self._note())
        self._counts = self._train_counts()
        self._num_replaced = 0
        # These warnings are not caught where images are decoded: threads share the filters.
        warnings.filterwarnings("ignore", module=r"PIL\.")
        warnings.filterwarnings("error", category=Image.DecompressionBombWarning)

    def from_step(self, step: int) -> Iterator[Batch]:
        """Yield batches, as Batches says. A thread fills the next buffer meanwhile. It ends with the iterator.

        Raises ValueError or FileNotFoundError where the table can no longer be read.
        """
        stopping = threading.Event()
        windows = self._windows(step, stopping)
        reader = ThreadPoolExecutor(1, thread_name_prefix="table")
        try:
            future = reader.submit(next, windows)
            skipped = self._local(step)[1] % self._per_window // self._share
            now = step
            while True:
                window = future.result()
                future = reader.submit(next, windows)
                for first in range(skipped * self._share, len(window.labels), self._share):
                    yield self._batch(window, first, now)
                    now += 1
                skipped = 0
        finally:
            stopping.set()
            reader.shutdown(cancel_futures=True)
            windows.close()

    def first_images(self, count: int) -> torch.Tensor:
        """Return images, as Batches says: the first rows that can be read."""
        images: list[np.ndarray] = []
        for row in self._rows(range(len(self._counts)), 0):
            try:
                images.append(decode_row(row, self._config.model, self._table, self._ground))
            except UnreadableImageError:
                continue
            if len(images) == min(count, self.num_images):
                break
        if not images:
            raise ValueError(
                tr(
                    "none of the {count} images in {table} could be read; name another",
                    count=self.num_images,
                    table=self._table.name,
                )
            )
        return to_range(torch.from_numpy(np.stack(images)), self._config.model.pixel_range)

    def _batch(self, window: _Window, first: int, step: int) -> Batch:
        """Return the batch of a step, whose images begin at `first` in the buffer."""
        images_u8 = torch.from_numpy(window.images_u8[first : first + self._share]).to(self._device)  # (B, C, H, W)
        if self._config.data.mirror:
            images_u8 = mirrored_images(images_u8, self._order.mirrored(step))
        labels = None
        if self._config.model.num_classes:
            labels = torch.from_numpy(window.labels[first : first + self._share]).to(self._device)
        return Batch(to_range(images_u8, self._config.model.pixel_range), labels, self._order.batch_size)

    def _local(self, step: int) -> tuple[int, int]:
        """Return the pass of a step, and how many images this rank uses before it in that pass."""
        number, k = divmod(step, self._order.steps_per_pass)
        return number, k * self._share

    def _note(self) -> str:
        buffer = min(self._per_window, self._share * self._order.steps_per_pass)
        return tr(
            "{table} is read in shards during the training, and its images are shuffled by a buffer of {size:,}",
            table=self._table.name,
            size=buffer,
        )

    # Reading

    def _train_counts(self) -> np.ndarray:
        """Return the rows (M,) to train on in each chunk: the first data.limit of all, without those held out."""
        held_out = [int(self._table.held_out(chunk).sum()) for chunk in range(self._table.num_chunks)]
        ends = np.minimum(np.cumsum(self._table.counts - held_out), self.num_images)
        return np.diff(ends, prepend=0)

    def _windows(self, step: int, stopping: threading.Event) -> Generator[_Window, None, None]:
        """Yield the buffers from that of the step on, without end; each pass from streams of its own."""
        number, place = self._local(step)
        place -= place % self._per_window
        length = self._share * self._order.steps_per_pass
        with ThreadPoolExecutor(max(1, self._config.data.workers)) as pool:
            for current in itertools.count(number):
                chunks = random_state([self._config.seed, current, 4]).permutation(len(self._counts))
                rows = self._rows(chunks, self._start + place)
                for first in range(place, length, self._per_window):
                    window = self._decoded(rows, min(self._per_window, length - first), pool, stopping)
                    entropy = [self._config.seed, current, 5, self._start + first]
                    shuffled = random_state(entropy).permutation(len(window.labels))
                    yield _Window(window.images_u8[shuffled], window.labels[shuffled])
                place = 0
                if self._num_replaced:
                    logger.warning(
                        "%d of %d images of %s could not be read, and others took their places",
                        self._num_replaced,
                        length,
                        self._table.name,
                    )
                    self._num_replaced = 0

    def _rows(self, chunks: np.ndarray | range, start: int) -> Iterator[Row]:
        """Yield the rows to train on of these chunks, in order, from the one at `start` on."""
        labeled = bool(self._config.model.num_classes)
        ends = np.cumsum(self._counts[np.asarray(chunks)])
        for k in range(int(np.searchsorted(ends, start, side="right")), len(ends)):
            chunk = int(chunks[k])
            count = int(self._counts[chunk])
            skipped = max(0, start - int(ends[k]) + count)
            places = self._table.split_rows(chunk, "train")[skipped:count]
            yield from self._table.rows_at(chunk, places, labeled=labeled)

    def _decoded(
        self, rows: Iterator[Row], count: int, pool: ThreadPoolExecutor, stopping: threading.Event
    ) -> _Window:
        """Return the next `count` rows. The next readable one of the buffer takes the place of one that is not."""
        model = self._config.model
        images_u8 = np.empty((count, *model.image_shape), np.uint8)
        labels = np.empty(count, np.int64)
        unreadable: list[int] = []
        decode = partial(_attempt, model=model, table=self._table, ground=self._ground)
        filled = 0
        while filled < count and not stopping.is_set():
            some = list(itertools.islice(rows, min(ROWS_PER_ROUND, count - filled)))
            for row, result in zip(some, pool.map(decode, some), strict=True):
                if isinstance(result, str):
                    unreadable.append(filled)
                    logger.info("left out: an image of %s (%s)", self._table.name, result)
                else:
                    images_u8[filled], labels[filled] = result, row.label
                filled += 1
            assert some, "the rows were counted"
        if len(unreadable) == count:
            raise ValueError(
                tr(
                    "none of {count} images in a row could be read in {table}; name another one",
                    count=count,
                    table=self._table.name,
                )
            )
        readable = np.setdiff1d(np.arange(filled), unreadable)
        for i in unreadable:
            j = readable[np.searchsorted(readable, i) % len(readable)]
            images_u8[i], labels[i] = images_u8[j], labels[j]
        self._num_replaced += len(unreadable)
        return _Window(images_u8, labels)


def _attempt(row: Row, model: ModelConfig, table: Table, ground: ShownGround) -> np.ndarray | str:
    try:
        return decode_row(row, model, table, ground)
    except UnreadableImageError as error:
        return error.reason
