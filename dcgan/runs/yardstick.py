"""The published run of the tutorial's DCGAN as a yardstick: since when a training is as good. Imports no torch.

Scores compare only by one classifier and for as many images. Where the published run has no such score, nothing is
said: the scores of 2,000 images during a training do not compare with those of 10,000 images after it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import takewhile
from typing import NamedTuple

from dcgan import files
from dcgan.runs import evaluations
from dcgan.runs.rows import ScoreRow
from dcgan.runs.run import Run, RunError

TUTORIAL_RUN = "dcgan-mnist"
"""The published run of the preset `dcgan`, with the tutorial's recipe."""
_FIRST_SEED = 0
"""The scores during a training are of the images from this seed on."""


class Yardstick(NamedTuple):
    """The quality of the tutorial's DCGAN on one scale."""

    run: str
    """Name of the published run."""
    epochs: int
    cfd: float
    """CFD of its last weights."""


class Milestone(NamedTuple):
    """From when on a training is as good as the yardstick."""

    row: ScoreRow
    """The first of the scores that are all as good."""
    yardstick: Yardstick


def tutorial_yardstick(scale: tuple[str, int]) -> Yardstick | None:
    """Return the yardstick on a scale: the classifier's hash and the number of images; None where there is none.

    The CFD is that of the run's last weights. It is a score during the training, or else a saved evaluation of the
    same images.
    """
    run = Run(files.CHECKPOINTS / TUTORIAL_RUN)
    try:
        status = run.status()
        values = [row.cfd for row in run.scores() if row.step == status.step and row.scale == scale]
        values = values or [
            row.get("cfd")
            for row in evaluations.measured(run)
            if row["step"] == status.step
            and (row["classifier_hash"], row["num_images"]) == scale
            and row["seed"] == _FIRST_SEED
            and row.get("psi", 1) == 1
        ]
    except RunError:
        return None
    numbers = [value for value in values if isinstance(value, int | float) and math.isfinite(value)]
    return Yardstick(run.name, status.epochs, numbers[-1]) if numbers else None


def as_good_since(run: Run, scores: Sequence[ScoreRow]) -> Milestone | None:
    """Return since when the run is as good as the tutorial's DCGAN; None where it is not, or nothing compares.

    It is so since the first of the scores from which on every CFD is at or below the yardstick. A CFD that passes and
    then rises above it again does not count. Scores of another scale than the newest one's are left out. The
    tutorial's own run has no milestone.
    """
    if not scores or run.path.resolve() == (files.CHECKPOINTS / TUTORIAL_RUN).resolve():
        return None
    yardstick = tutorial_yardstick(scores[-1].scale)
    if yardstick is None:
        return None
    comparable = [row for row in scores if row.scale == scores[-1].scale]
    passed = list(takewhile(lambda row: row.cfd is not None and row.cfd <= yardstick.cfd, reversed(comparable)))
    return Milestone(passed[-1], yardstick) if passed else None
