"""Scores along a training that was recorded without them, from the generators that the run keeps."""

from __future__ import annotations

import contextlib
import json
import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dcgan.checkpoint import load_generator
from dcgan.data.loading import make_batches
from dcgan.evaluation.classifier import has_classifier
from dcgan.evaluation.epoch_scores import EpochScorer, Scorer
from dcgan.evaluation.picture_scorer import PictureScorer
from dcgan.runs.rows import ProgressRow, ScoreRow, row_json
from dcgan.runs.run import Run, RunError

NUM_IMAGES = 2000
"""Images of each generator, where the run's config has score_images=0."""

logger = logging.getLogger(__name__)


def score_snapshots(run: Run, device: torch.device) -> Iterator[ScoreRow]:
    """Yield the scores of the run's snapshots and of its newest generator, oldest first. Nothing is written.

    Each row is that of `Recorder` at this step, with the training time that the run recorded. Snapshots have half
    precision. Steps that scores.jsonl has already are left out.

    Data without a classifier get the scores of pictures, without the gauge of overfitting, because a run keeps no
    discriminators along its training. Raises RunError for a run without progress or generators, and ValueError or
    FileNotFoundError where the data cannot be read.
    """
    config, (progress, _) = run.config(), run.progress()
    generators = generators_by_step(run)
    if not progress or not generators:
        raise RunError(f"{run.path} has no generators along its training; train it again, which scores every epoch")
    config = replace(config, score_images=config.score_images or NUM_IMAGES)
    scorer: EpochScorer | None
    if has_classifier(config):
        scorer = Scorer.open(config, device)
    else:
        scorer = PictureScorer.open(config, device, make_batches(config, device))
    assert scorer is not None, "score_images is not 0"
    scored = {row.step for row in run.scores()}
    for step, path in sorted(generators.items()):
        if step in scored:
            continue
        began = time.monotonic()
        scores: Any = scorer.score(load_generator(path, device).network)
        if scores is None:
            logger.warning("step %d is not scored: its images have pixels that are no numbers", step)
            continue
        yield scorer.row(scores, **position(progress, step), step=step, seconds=time.monotonic() - began)


def generators_by_step(run: Run) -> dict[int, Path]:
    """Return what load_generator takes, by step: the run's snapshots, and the run itself for its newest generator."""
    paths = {step: run.snapshot_path(step) for step in run.snapshot_steps()}
    with contextlib.suppress(FileNotFoundError):  # a run without weights
        paths[load_generator(run.path).step] = run.path
    return paths


def position(progress: Sequence[ProgressRow], step: int) -> dict[str, Any]:
    """Return where the training was at a step. Values between two rows of its progress are interpolated."""
    steps = [0, *(row.step for row in progress)]

    def at_step(name: str) -> float:
        return float(np.interp(step, steps, [0, *(getattr(row, name) for row in progress)]))

    return {
        "epoch": round(at_step("epoch"), 6),
        "images_seen": round(at_step("images_seen")),
        "wall_seconds": round(at_step("wall_seconds"), 3),
    }


def add_scores(run: Run, rows: Sequence[ScoreRow]) -> None:
    """Write scores.jsonl with these rows besides its own, in the order of steps."""
    merged = sorted([*run.scores(), *rows], key=lambda row: row.step)
    run.write_text(run.scores_path.name, "".join(json.dumps(row_json(row)) + "\n" for row in merged))
