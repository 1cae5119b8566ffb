"""The rows of a run as columns that grow while it trains: what plots are made of.

A long recording stays quick: rows that were read are not read again, and a curve gets about as many points as a
screen has pixels, its extremes among them.
"""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterable
from itertools import accumulate, pairwise

import numpy as np
from numpy.typing import NDArray

from dcgan.runs.rows import ProgressRow
from dcgan.runs.run import Run, unreadable

Column = NDArray[np.float64]
COLUMNS = tuple(field.name for field in dataclasses.fields(ProgressRow))
_TAIL_BYTES = 200
"""Less than a row: it holds the row's time, and no two recordings of one row have the same."""


class Series:
    """The rows of one run as they were when it was made, by column: `series["d_loss"]` is (rows,) float64.

    It never changes, so all columns have one length however long one looks; `update` gives the series of now.
    """

    def __init__(self, run: Run) -> None:
        """Without rows yet; reads nothing."""
        self._run = run
        self._offset = 0
        self._tail = b""
        self._table = np.empty((len(COLUMNS), 0))

    def __len__(self) -> int:
        return self._table.shape[1]

    def __getitem__(self, column: str) -> Column:
        return self._table[COLUMNS.index(column)]

    def update(self) -> Series:
        """With the rows that were added since; all of them read anew where a resume took some back.

        Raises RunError where the rows cannot be read.
        """
        known = self if self._tail == self._bytes_before(self._offset) else Series(self._run)
        rows, offset = self._run.progress(known._offset)
        if offset < known._offset:
            known = Series(self._run)
        later = Series(self._run)
        later._table = known._table
        if rows:
            new = np.array([list(row.__dict__.values()) for row in rows]).T
            later._table = np.concatenate([known._table, new], axis=1)
        later._offset, later._tail = offset, self._bytes_before(offset)
        return later

    def _bytes_before(self, offset: int) -> bytes:
        """The last bytes read; without them a file rewound and grown past the offset would pass for the old one."""
        try:
            with open(self._run.progress_path, "rb") as file:
                file.seek(max(0, offset - _TAIL_BYTES))
                return file.read(min(offset, _TAIL_BYTES))
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise unreadable(self._run.progress_path, error) from error

    def last_rows(self, count: int) -> list[ProgressRow]:
        """The newest rows, at most `count`, oldest first."""
        table = self._table[:, max(0, len(self) - count) :]
        return [_row(map(float, values)) for values in table.T]


class Newest:
    """The newest series of a run, for several threads: a row that one has read, no other reads again."""

    def __init__(self, run: Run) -> None:
        self._lock = threading.Lock()
        self._series = Series(run)

    def update(self) -> Series:
        """The series of now, which stays as it is whoever asks next. Raises RunError as Series.update does."""
        with self._lock:
            self._series = self._series.update()
            return self._series


def _row(values: Iterable[float]) -> ProgressRow:
    """Counts as whole numbers again: a column's float64 holds them exactly up to 2**53."""
    row = dict(zip(COLUMNS, values, strict=True))
    return ProgressRow(**row | {name: int(row[name]) for name in ("step", "images_seen")})


def thin(y: Column, points: int = 1000) -> NDArray[np.intp]:
    """Indices, ascending, of about `points` values to draw in place of all of y (N,): every stretch's lowest and
    highest, the first and the last. All of them where there are no more than that. Raises ValueError for points < 4.
    """
    if points < 4:
        raise ValueError(f"points={points} is below 4; try 1000")
    if len(y) <= points:
        return np.arange(len(y))
    edges = np.linspace(0, len(y), points // 2).astype(int)
    kept = {0, len(y) - 1}
    for start, end in pairwise(edges):
        kept |= {start + int(y[start:end].argmin()), start + int(y[start:end].argmax())}
    return np.array(sorted(kept))


def smooth(y: Column, weight: float) -> Column:
    """Exponential moving average of y (N,), each value weighing `weight` times the next; 0 gives y itself.

    Divided by the weights' sum, as Adam's moments are, so that the beginning is not drawn to zero. Raises ValueError
    for a weight outside [0, 1).
    """
    if not 0 <= weight < 1:
        raise ValueError(f"weight={weight} is not in [0, 1); try 0.9")
    if weight == 0 or len(y) == 0:
        return y
    sums = np.fromiter(accumulate(y.tolist(), lambda total, value: weight * total + value), np.float64, len(y))
    return sums * (1 - weight) / (1 - weight ** np.arange(1, len(y) + 1))
