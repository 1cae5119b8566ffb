"""The rows of a table: its columns of images and labels, its chunks, and which rows are held out.

A chunk is what is read in a row: a Parquet row group or a file, or several where there are many. How many rows each
has is counted once, and kept in the cache. So any row is found without those before its chunk.

Shapes: M chunks, N rows.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

import numpy as np

from dcgan.config import DataConfig
from dcgan.data.folder import MIN_IMAGES_TO_HOLD_OUT, Source, first_names, num_held_out
from dcgan.data.folder_walk import class_order
from dcgan.data.glance import evenly_spaced
from dcgan.data.random_streams import random_state
from dcgan.data.table_columns import image_column, label_column, label_of
from dcgan.data.table_files import open_files, readable
from dcgan.data.table_plan import TablePlan, plan_of
from dcgan.locale.language import tr

_MAX_CHUNKS = 4096
_MAX_FILES_TO_SPLIT = 256
"""Parquet files whose row groups become chunks; of more files, each is a chunk."""
_SAMPLED_CHUNKS = 8

Split = Literal["train", "test"]


class Row(NamedTuple):
    """The bytes of an image file and its label; or the reason, half a sentence, why there is no image."""

    content: bytes
    label: int
    """-1 where there is none."""
    reason: str = ""


class Table:
    """An opened table.

    Raises ValueError or FileNotFoundError that names the table and the remedy, here and wherever it is read.
    """

    def __init__(self, data: DataConfig, seed: int = 0, *, source: Source | None = None) -> None:
        """Open the table. The seed draws the rows that are held out.

        source: what a resumed training began with. Its commit on the Hub is read again.
        """
        self.data = data
        self.seed = seed
        self.files = open_files(data, revision=source.revision if source else "")
        self.name = self.files.name
        features = dict(self.files.rows.features or {})
        self.image_column = image_column(self.name, features, data.image_column)
        self.label_column = label_column(self.name, features, data.label_column)
        self._is_image_feature = type(features[self.image_column]).__name__ == "Image"
        self._class_names = getattr(features.get(self.label_column), "names", None)
        rows = self.files.rows
        if self.files.files[0].endswith(".parquet") and len(self.files.files) <= _MAX_FILES_TO_SPLIT:
            rows = readable(self.name, rows.reshard) if hasattr(rows, "reshard") else rows
        self._rows = rows
        self.num_chunks = min(rows.num_shards, _MAX_CHUNKS)

    @functools.cached_property
    def _plan(self) -> TablePlan:
        label = self.label_column if not self._class_names else ""
        return plan_of(
            self.files,
            self.image_column,
            label,
            num_shards=self._rows.num_shards,
            num_chunks=self.num_chunks,
            values=lambda chunk, column: (row[column] for row in self._read(chunk, [column])),
        )

    @functools.cached_property
    def counts(self) -> np.ndarray:
        """The rows of each chunk (M,) int64."""
        return np.array(self._plan.counts, np.int64)

    def __len__(self) -> int:
        return int(self.counts.sum())

    @functools.cached_property
    def classes(self) -> tuple[str, ...]:
        """The names of the labels 0, 1, ...; empty without a label column.

        They are the names of a ClassLabel feature; of integers all up to the largest; of texts the different ones. A
        column of more than 10,000 values has no classes.
        """
        if not self.label_column or self._class_names:
            return tuple(self._class_names or ())
        values = self._plan.labels
        if values and isinstance(values[0], int):
            return tuple(map(str, range(max(map(int, values)) + 1)))
        return class_order(set(map(str, values)))

    def rows(self, chunk: int, *, labeled: bool) -> Iterator[Row]:
        """Yield the rows of a chunk, in order. Without `labeled` no label is read."""
        columns = [self.image_column, *([self.label_column] if labeled else [])]
        labels = {name: label for label, name in enumerate(self.classes)} if labeled else {}
        for row in self._read(chunk, columns):
            label = label_of(row[self.label_column], labels) if labeled else -1
            content, reason = self._content(row[self.image_column])
            if labeled and label < 0:
                reason = reason or "it has no label"
            yield Row(content, label, reason)

    def rows_at(self, chunk: int, places: np.ndarray, *, labeled: bool) -> Iterator[Row]:
        """Yield the rows of a chunk at these places (N,), which ascend."""
        expected = iter(places.tolist())
        place = next(expected, None)
        for i, row in enumerate(self.rows(chunk, labeled=labeled)):
            if place is None:
                return
            if i == place:
                place = next(expected, None)
                yield row
                if place is None:
                    return
        if place is not None:
            raise ValueError(tr("{table} has fewer rows than when it was opened; start again", table=self.name))

    def held_out(self, chunk: int) -> np.ndarray:
        """Return which rows (N,) bool of a chunk are held out: a function of the counts, the seed and the chunk.

        Only this chunk's random numbers are drawn, so a table of any length is split.
        """
        count, before = int(self.counts[chunk]), int(self.counts[:chunk].sum())
        total, quota = len(self), self.num_held_out
        first, last = (quota * rows // total for rows in (before, before + count))
        mask = np.zeros(count, bool)
        mask[random_state([self.seed, chunk, 3]).permutation(count)[: last - first]] = True
        return mask

    @functools.cached_property
    def num_held_out(self) -> int:
        """The number of rows that are held out of the training."""
        count = num_held_out(len(self), self.data.holdout, least=self.data.min_holdout)
        if count >= len(self):
            raise ValueError(
                tr(
                    "data.holdout={holdout} leaves none of the {count} images in {source} to train on; lower it",
                    holdout=self.data.holdout,
                    count=len(self),
                    source=self.name,
                )
            )
        return count

    def num_rows(self, split: Split) -> int:
        """Return the number of rows of a split. Raises ValueError for an empty test split."""
        if split == "train":
            return len(self) - self.num_held_out
        if not self.num_held_out:
            values = {"count": len(self), "table": self.name}
            if self.data.holdout:
                text = tr(
                    "none of the {count} images in {table} are held out for a test; none of fewer than {least} are: "
                    "add images, or set --data.min-holdout 0",
                    least=MIN_IMAGES_TO_HOLD_OUT,
                    **values,
                )
            else:
                text = tr(
                    "none of the {count} images in {table} are held out for a test; set --data.holdout 0.1", **values
                )
            raise ValueError(text)
        return self.num_held_out

    def split_rows(self, chunk: int, split: Split) -> np.ndarray:
        """Return the places of a split's rows in a chunk, ascending, int64."""
        return np.flatnonzero(self.held_out(chunk) == (split == "test"))

    def sampled_rows(self, count: int) -> Iterator[Row]:
        """Yield at most `count` rows from the beginnings of a few evenly spaced chunks, one of each chunk in turn."""
        chunks = [self.rows(chunk, labeled=False) for chunk in evenly_spaced(self.num_chunks, _SAMPLED_CHUNKS)]
        in_turn = itertools.chain.from_iterable(itertools.zip_longest(*chunks))
        return itertools.islice((row for row in in_turn if row is not None), count)

    def sample(self, count: int) -> list[bytes]:
        """Return at most `count` image files from the beginnings of a few evenly spaced chunks."""
        return [row.content for row in self.sampled_rows(count) if not row.reason]

    def source(self, *, conditional: bool, ground: str) -> Source:
        """Return the record of this table for a training's state."""
        classes = self.classes if conditional else ()
        return Source(
            self.num_rows("train"), classes, self.files.fingerprint[:16], ground, revision=self.files.revision
        )

    def notes(self) -> tuple[str, ...]:
        """Return a sentence on the commit of a set on the Hub that its name does not have."""
        if not self.files.revision or "@" in self.name:
            return ()
        name = self.name.replace(self.files.repo, f"{self.files.repo}@{self.files.revision[:12]}", 1)
        return (
            tr("the newest version of {table} was read; {name} names it for a repeat", table=self.name, name=name),
        )

    def class_note(self) -> str:
        """Return a sentence on which label is which class."""
        numbered = [f"{label} {name}" for label, name in enumerate(self.classes)]
        return tr(
            "labels are those of the column {column}: {names}",
            column=self.label_column,
            names=first_names(numbered),
        )

    # Reading

    def _read(self, chunk: int, columns: list[str]) -> Iterator[dict[str, Any]]:
        """Yield the values of these columns, images as their files. Raises ValueError where the files are damaged."""
        from datasets import Image

        rows = self._rows.shard(self.num_chunks, chunk).select_columns(columns)
        if self._is_image_feature and self.image_column in columns:
            rows = rows.cast_column(self.image_column, Image(decode=False))
        iterator = iter(rows)
        while (row := readable(self.name, lambda: next(iterator, None))) is not None:
            yield row

    def _content(self, value: Any) -> tuple[bytes, str]:
        """Return the image file of a value, or why there is none. A path counts only in the set's own repository."""
        path = value.get("path") if isinstance(value, dict) else None
        content = value.get("bytes") if isinstance(value, dict) else value
        if isinstance(content, bytes):
            return content, "" if content else "it is empty"
        own = f"hf://datasets/{self.files.repo}@{self.files.revision}/"
        if self.files.repo and isinstance(path, str) and path.split("::")[-1].startswith(own):
            remedy = tr("check the network, then resume")
            return readable(self.name, lambda: _download(path), remedy=remedy), ""
        return b"", "the table has no bytes of it"


def _download(path: str) -> bytes:
    from datasets.download.download_config import DownloadConfig
    from datasets.utils.file_utils import xopen

    with xopen(path, "rb", download_config=DownloadConfig()) as file:
        return file.read()
