"""The training loop: it yields. What is recorded when is recording.py's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import NamedTuple

import torch

from dcgan.config import TrainConfig
from dcgan.data.loading import Batches
from dcgan.training.fast_step import choose_step
from dcgan.training.step import StepStats, TrainState


class StepResult(NamedTuple):
    """The training after a step. `state` is live: the next step changes it."""

    state: TrainState
    stats: StepStats


def train(
    config: TrainConfig, batches: Batches, device: torch.device, state: TrainState | None = None
) -> Iterator[StepResult]:
    """Train from `state`, or from the beginning, to the config's last step; yields after every step, reads no clock
    and writes nothing. Stopping, logging and saving are the caller's: leave the loop, look at the state."""
    state = TrainState.new(config, device) if state is None else state
    state.steps = steps = config.epochs * batches.steps_per_epoch
    if state.step >= steps:
        return
    # Closed at once, not when collected: a streamed set keeps decoding processes.
    with closing(batches.from_step(state.step)) as stream:
        step = choose_step(state)
        for batch in stream:
            yield StepResult(state, step(state, batch))
            if state.step >= steps:
                return
