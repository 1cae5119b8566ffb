"""Two recordings on one scale: which of their sample grids belong side by side. Imports no torch."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dcgan.runs.rows import Status
from dcgan.runs.run import Run, RunError
from dcgan.runs.series import Series

ALIGNMENTS = {"epoch": "epoch", "images": "images seen", "time": "training minutes"}
"""Value in an address -> the quantity that is equal where two grids are side by side."""

COLUMNS = {"epoch": "epoch", "images": "images_seen", "time": "wall_seconds"}


@dataclass(frozen=True)
class Timeline:
    """The positions of a run's sample grids on a scale. `steps` and `positions` are ascending and equally long."""

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
        raise RunError(f"{run.name} has no sample grids yet; wait for its first, or choose another run")
    if align == "epoch":
        return Timeline(tuple(steps), tuple(status.epochs * step / max(1, status.steps) for step in steps))
    if not len(series) and steps[-1]:
        raise RunError(f"{run.name} has no rows with its {ALIGNMENTS[align]}; align by epoch")
    values = series[COLUMNS[align]] / (60 if align == "time" else 1)
    positions = np.interp(steps, [0.0, *series["step"]], [0.0, *values])
    return Timeline(tuple(steps), tuple(positions.tolist()))


def stops(timelines: Sequence[Timeline]) -> dict[str, float]:
    """Return text in an address -> position, ascending, for every position at which one of the runs has a grid."""
    positions = sorted({position for line in timelines for position in line.positions})
    return {_text(position): position for position in positions}


def _text(position: float) -> str:
    return f"{position:.4g}" if position < 10_000 else f"{position:.0f}"


def nearest(options: dict[str, float], text: str) -> str | None:
    """Return the option whose position is nearest to the number in the text; None where the text is not a number."""
    try:
        position = float(text)
    except ValueError:
        return None
    return min(options, key=lambda name: abs(options[name] - position)) if math.isfinite(position) else None
