"""Two recordings on one scale: which of their sample grids belong side by side. Imports no torch."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from dcgan.locale.language import tr, tr_later
from dcgan.runs.rows import Status
from dcgan.runs.run import Run, RunError
from dcgan.runs.series import Series

ALIGNMENTS = {"epoch": tr_later("epoch"), "images": tr_later("images seen"), "time": tr_later("training time")}
"""Value in an address -> the quantity that is equal where two grids are side by side; `tr_marked` translates it."""

COLUMNS = {"epoch": "epoch", "images": "images_seen", "time": "wall_seconds"}


class TimeUnit(NamedTuple):
    """The unit in which a time is shown."""

    name: str
    seconds: int
    suffix: str
    """Follows a number in an address. A number without one is minutes, as in addresses of version 0.1.0."""


SECONDS, MINUTES, HOURS = TimeUnit("seconds", 1, " s"), TimeUnit("minutes", 60, ""), TimeUnit("hours", 3600, " h")


def time_unit(*runs: Series) -> TimeUnit:
    """Return the unit for all charts of these runs: seconds for less than 3 minutes, minutes for less than 3 hours.

    The longest run decides.
    """
    longest = max((series["wall_seconds"][-1] for series in runs if len(series)), default=0.0)
    return SECONDS if longest < 180 else MINUTES if longest < 10_800 else HOURS


@dataclass(frozen=True)
class Timeline:
    """The positions of a run's sample grids on a scale; times are in minutes.

    `steps` and `positions` are ascending and equally long.
    """

    steps: tuple[int, ...]
    positions: tuple[float, ...]

    def step_at(self, position: float) -> int:
        """Return the step of the newest grid that is not later; of the first grid where all are later."""
        return self.steps[max(0, bisect_right(self.positions, position) - 1)]


def timeline(run: Run, status: Status, series: Series, align: str) -> Timeline:
    """Return the run's grids by epoch, by images seen or by training minutes.

    Raises RunError for a run without grids, or without the rows that hold their positions.
    """
    steps = run.sample_steps()
    if not steps:
        raise RunError(tr("{run} has no sample grids yet; wait for its first, or choose another run", run=run.name))
    if align == "epoch":
        return Timeline(tuple(steps), tuple(status.epochs * step / max(1, status.steps) for step in steps))
    if not len(series) and steps[-1]:
        raise RunError(_without_positions(run, align))
    values = series[COLUMNS[align]] / (60 if align == "time" else 1)
    positions = np.interp(steps, [0.0, *series["step"]], [0.0, *values])
    return Timeline(tuple(steps), tuple(positions.tolist()))


def _without_positions(run: Run, align: str) -> str:
    if align == "images":
        return tr("{run} has no rows with its images seen; align by epoch", run=run.name)
    return tr("{run} has no rows with its training time; align by epoch", run=run.name)


def stops(timelines: Sequence[Timeline], unit: TimeUnit | None = None) -> dict[str, float]:
    """Return text in an address -> position, ascending, for every position at which one of the runs has a grid.

    With a unit the positions are minutes, and the texts are in that unit.
    """
    positions = sorted({position for line in timelines for position in line.positions})
    return {_text(position, unit): position for position in positions}


def _text(position: float, unit: TimeUnit | None) -> str:
    if unit:
        return _text(position * 60 / unit.seconds, None) + unit.suffix
    return f"{position:.4g}" if position < 10_000 else f"{position:.0f}"


def parse_position(text: str, align: str) -> float | None:
    """Return the position that a text in an address names, minutes for times; None where the text is not a number."""
    scale = 1.0
    for unit in (SECONDS, HOURS) if align == "time" else ():
        if text.endswith(unit.suffix):
            text, scale = text.removesuffix(unit.suffix), unit.seconds / 60
    try:
        position = float(text) * scale
    except ValueError:
        return None
    return position if math.isfinite(position) else None


def nearest(options: dict[str, float], position: float) -> str:
    """Return the option whose position is nearest."""
    return min(options, key=lambda name: abs(options[name] - position))
