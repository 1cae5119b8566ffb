"""A table's rows to images of the model's shape, one by one or once into a file.

Shapes: N rows, C H W image.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Iterator
from functools import partial

import numpy as np
import PIL

from dcgan.config import ModelConfig, ShownGround
from dcgan.data.decoded_cache import DECODER, DecodedImages
from dcgan.data.image_files import UnreadableImageError, read_all, read_image
from dcgan.data.tables import Row, Split, Table
from dcgan.files import cache_folder
from dcgan.locale.language import tr_later

ROWS_PER_ROUND = 256
"""Rows whose files are in memory at once."""


def decode_row(row: Row, model: ModelConfig, table: Table, ground: ShownGround) -> np.ndarray:
    """Return a row's image as (C, H, W) uint8. Raises UnreadableImageError where it has none."""
    if row.reason:
        raise UnreadableImageError(row.content, ValueError(row.reason))
    return read_image(row.content, model.image_size, model.channels, fit=table.data.fit, ground=ground)


class DecodedTable(DecodedImages):
    """Every image of a table, decoded to one size, with its label, on disk. It has all rows, for any holdout."""

    _damaged = tr_later("{path} was damaged and is deleted; start again to decode the table again")
    _has_labels = True

    def __init__(self, table: Table, model: ModelConfig, ground: ShownGround) -> None:
        """Open the file, or decode the table into it. Raises ValueError where it cannot be written."""
        self._table, self._model = table, model
        self._ground: ShownGround = ground
        self.source = table.name
        options = (model.image_shape, table.data.fit, ground, table.image_column, table.label_column)
        key = hashlib.sha256(f"{DECODER} {PIL.__version__} {table.files.key} {options}".encode())
        name = re.sub(r"[^A-Za-z0-9._-]", "_", table.name)[-40:]
        place = cache_folder() / "tables" / f"{name}-{hashlib.sha256(table.name.encode()).hexdigest()[:12]}"
        path = place / f"{model.image_size}-{model.channels}-{key.hexdigest()[:12]}.npy"
        self._load(path, (len(table), *model.image_shape), key.digest())

    def rows(self, split: Split) -> np.ndarray:
        """Return the rows (N,) int64 of a split, in order."""
        table, first = self._table, np.cumsum(self._table.counts) - self._table.counts
        return np.concatenate([first[m] + table.split_rows(m, split) for m in range(table.num_chunks)])

    def labels(self, rows: np.ndarray) -> np.ndarray:
        """Return the labels (N,) int64 of these rows; -1 where there is none."""
        return self._all_labels[rows].astype(np.int64)

    def _images(self) -> Iterator[tuple[np.ndarray | UnreadableImageError, int]]:
        table, model = self._table, self._model
        labeled = bool(table.label_column)
        rows = itertools.chain.from_iterable(table.rows(m, labeled=labeled) for m in range(table.num_chunks))
        # A row without a label may still be learned without labels.
        unlabeled = (row._replace(reason="") if row.content else row for row in rows)
        for row, image_u8 in decoded_rows(unlabeled, table, model, self._ground):
            yield image_u8, row.label


def decoded_rows(
    rows: Iterator[Row], table: Table, model: ModelConfig, ground: ShownGround
) -> Iterator[tuple[Row, np.ndarray | UnreadableImageError]]:
    """Yield every row with its image (C, H, W) uint8, or why it has none."""
    read = partial(decode_row, model=model, table=table, ground=ground)
    while some := list(itertools.islice(rows, ROWS_PER_ROUND)):
        yield from zip(some, read_all(some, read, table.data.workers), strict=True)
