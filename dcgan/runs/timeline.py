"""Two recordings on one scale: which sample grids belong together, what differs, what each has cost. No torch."""

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
"""Word in an address -> what two runs have in common where their grids stand side by side."""

COLUMNS = {"epoch": "epoch", "images": "images_seen", "time": "wall_seconds"}


@dataclass(frozen=True)
class Timeline:
    """Where a run's sample grids lie on a scale: `steps` ascending, and the position of each."""

    steps: tuple[int, ...]
    positions: tuple[float, ...]

    def step_at(self, position: float) -> int:
        """The newest grid that is not later; the first one where all are."""
        return self.steps[max(0, bisect_right(self.positions, position) - 1)]


def timeline(run: Run, status: Status, series: Series, align: str) -> Timeline:
    """The run's grids by epoch, by images seen or by training minutes. Raises RunError where there are no grids, or
    no rows that tell where they lie."""
    steps = run.sample_steps()
    if not steps:
        raise RunError(f"{run.name} has no sample grids yet; wait for its first, or choose another run")
    if align == "epoch":
        return Timeline(tuple(steps), tuple(status.epochs * step / max(1, status.steps) for step in steps))
    if not len(series) and steps[-1]:
        raise RunError(f"{run.name} has no rows that tell its {ALIGNMENTS[align]}; align by epoch")
    values = series[COLUMNS[align]] / (60 if align == "time" else 1)
    positions = np.interp(steps, [0.0, *series["step"]], [0.0, *values])
    return Timeline(tuple(steps), tuple(positions.tolist()))


def stops(timelines: Sequence[Timeline]) -> dict[str, float]:
    """Every position at which one of the runs has a grid, ascending, by the text that names it in an address."""
    positions = sorted({position for each in timelines for position in each.positions})
    return {_text(position): position for position in positions}


def _text(position: float) -> str:
    return f"{position:.4g}" if position < 10_000 else f"{position:.0f}"


def nearest(options: dict[str, float], text: str) -> str | None:
    """The option whose position is nearest to the number in the text; None where it holds none."""
    try:
        wanted = float(text)
    except ValueError:
        return None
    return min(options, key=lambda each: abs(options[each] - wanted)) if math.isfinite(wanted) else None


# Scores
