"""The rows of a run as columns that grow while it trains, for plots.

Long recordings stay quick: no row is read twice, and a curve gets about as many points as a screen has pixels.
"""

from __future__ import annotations

import dataclasses
import math
import threading
from collections.abc import Iterable
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dcgan.files import open_regular
from dcgan.runs.errors import unreadable
from dcgan.runs.rows import ProgressRow
from dcgan.runs.run import Run

Column = NDArray[np.float64]
COLUMNS = tuple(field.name for field in dataclasses.fields(ProgressRow))
_TAIL_BYTES = 200
"""Less than a row. It includes the row's time, which differs between two recordings of one row."""


class Series:
    """The rows of one run, by column: `series["d_loss"]` is (rows,) float64, NaN where a row has no value.

    A series never changes, so all columns have one length. `update` returns a newer series.
    """

    def __init__(self, run: Run) -> None:
        """Make a series without rows; nothing is read."""
        self._run = run
        self._offset = 0
        self._tail = b""
        self._table = np.empty((len(COLUMNS), 0))

    def __len__(self) -> int:
        return self._table.shape[1]

    def __getitem__(self, column: str) -> Column:
        return self._table[COLUMNS.index(column)]

    def update(self) -> Series:
        """Return the series with the rows added since. Where a resume took rows back, all are read again.

        Raises RunError where the rows cannot be read.
        """
        known = self if self._tail == self._bytes_before(self._offset) else Series(self._run)
        rows, offset = self._run.progress(known._offset)
        if offset < known._offset:
            known = Series(self._run)
        later = Series(self._run)
        later._table = known._table
        if rows:
            new = np.array([list(row.__dict__.values()) for row in rows], dtype=np.float64).T
            later._table = np.concatenate([known._table, new], axis=1)
        later._offset, later._tail = offset, self._bytes_before(offset)
        return later

    def _bytes_before(self, offset: int) -> bytes:
        """Return the last bytes read. They reveal a file that was rewound and has grown past the offset."""
        try:
            with open_regular(self._run.progress_path) as file:
                file.seek(max(0, offset - _TAIL_BYTES))
                return file.read(min(offset, _TAIL_BYTES))
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise unreadable(self._run.progress_path, error) from error

    @property
    def version(self) -> tuple[str, int, bytes]:
        """Return what identifies the rows: equal versions have equal rows."""
        return str(self._run.path), self._offset, self._tail

    def last_rows(self, count: int) -> list[ProgressRow]:
        """Return the newest rows, at most `count`, oldest first."""
        table = self._table[:, max(0, len(self) - count) :]
        return [_row(map(float, values)) for values in table.T]


class Newest:
    """The newest series of a run, for several threads: no two threads read the same row."""

    def __init__(self, run: Run) -> None:
        self._lock = threading.Lock()
        self._series = Series(run)

    def update(self) -> Series:
        """Return the newest series, which never changes. Raises RunError as Series.update does."""
        with self._lock:
            self._series = self._series.update()
            return self._series


def _row(values: Iterable[float]) -> ProgressRow:
    """Return a row, its counts as whole numbers: a column's float64 holds them exactly up to 2**53."""
    row: dict[str, Any] = {
        name: None if math.isnan(value) else value for name, value in zip(COLUMNS, values, strict=True)
    }
    return ProgressRow(**row | {name: int(row[name]) for name in ("step", "images_seen")})


def epoch_means(series: Series, column: str) -> dict[int, float]:
    """Return the mean of a column over the steps of each epoch: number of the epoch, from 1 -> mean.

    The last epoch may be incomplete. Rows without a value count for nothing. So does a row whose step is not above
    that of the row before, as only a damaged file has.
    """
    steps = np.diff(series["step"], prepend=0).clip(min=0)
    epochs, values = np.ceil(series["epoch"]).astype(int), series[column]
    weights = np.where(np.isnan(values), 0, steps)
    names, places = np.unique(epochs, return_inverse=True)
    sums = np.bincount(places, weights * np.nan_to_num(values), len(names))
    totals = np.bincount(places, weights, len(names))
    return {int(names[i]): float(sums[i] / totals[i]) for i in np.flatnonzero(totals)}


def thin(y: Column, points: int = 1000) -> NDArray[np.intp]:
    """Return ascending indices of about `points` values that draw the curve y (N,).

    They are the lowest and highest value of every stretch, and the first and the last value. A shorter y keeps all.
    Raises ValueError for points < 4.
    """
    if points < 4:
        raise ValueError(f"points={points} is below 4; try 1000")
    if len(y) <= points:
        return np.arange(len(y))
    edges = np.linspace(0, len(y), points // 2).astype(int)
    indices = {0, len(y) - 1}
    for start, end in pairwise(edges):
        indices |= {start + int(y[start:end].argmin()), start + int(y[start:end].argmax())}
    return np.array(sorted(indices))


def smooth(y: Column, weight: float) -> Column:
    """Return the exponential moving average of y (N,). A value weighs `weight` times the next one; 0 returns y.

    The sum is divided by the weights' sum, as Adam's moments are, so that the beginning is not drawn to zero. NaN
    marks a missing value: it stays and counts for nothing. Raises ValueError for a weight outside [0, 1).
    """
    if not 0 <= weight < 1:
        raise ValueError(f"weight={weight} is not in [0, 1); try 0.9")
    if weight == 0 or len(y) == 0:
        return y
    smoothed, has_value = y.copy(), ~np.isnan(y)
    values = y[has_value]
    sums = np.fromiter(accumulate(values.tolist(), lambda total, value: weight * total + value), float, len(values))
    smoothed[has_value] = sums * (1 - weight) / (1 - weight ** np.arange(1, len(values) + 1))
    return smoothed
