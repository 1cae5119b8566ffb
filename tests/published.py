"""The published recordings, by what they were trained on."""

from __future__ import annotations

from dcgan.files import CHECKPOINTS
from dcgan.runs.listing import list_runs

RUNS = list_runs(CHECKPOINTS)
DIGITS = [run for run in RUNS if run.config().data.name == "mnist"]
"""The others are of pictures that are not in this repository."""
NAMES = [run.name for run in RUNS]
DIGIT_NAMES = [run.name for run in DIGITS]
