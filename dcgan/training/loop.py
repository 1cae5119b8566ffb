"""The training loop: it yields. What is recorded when is recording.py's."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from typing import NamedTuple, cast

import torch

from dcgan.config import TrainConfig
from dcgan.data.loading import Batch, Batches
from dcgan.training.fast_step import choose_step
from dcgan.training.state import TrainState
from dcgan.training.step import StepStats


class StepResult(NamedTuple):
    """The training after one step: its state, and the statistics of the step.

    `state` is live: the next step changes it. `stats` holds 0-d tensors on the device.
    """

    state: TrainState
    stats: StepStats


def training_steps(
    config: TrainConfig, batches: Batches, device: torch.device, state: TrainState | None = None
) -> Iterator[StepResult]:
    """Train from `state`, or from the beginning, to the config's last step, and yield after every step.

    The loop reads no clock and writes nothing. The caller logs and saves what the state holds, and leaves the loop to
    stop.

    >>> import dataclasses, dcgan, torch
    >>> preset = dcgan.PRESETS["gan"].config
    >>> config = dataclasses.replace(preset, epochs=1, batch_size=16, data=dcgan.DataConfig(limit=64))
    >>> batches = dcgan.make_batches(config, torch.device("cpu"))
    >>> for result in dcgan.training_steps(config, batches, torch.device("cpu")):
    ...     print(result.state.step, bool(result.stats.d_loss > 0))
    1 True
    2 True
    3 True
    4 True
    """
    state = TrainState.new(config, device, first_images=batches.first_images) if state is None else state
    state.steps = steps = config.epochs * batches.steps_per_epoch
    if state.step >= steps:
        return
    # Closed at once, not when collected: a streamed set keeps decoding processes.
    with closing(cast("Generator[Batch, None, None]", batches.from_step(state.step))) as stream:
        step = choose_step(state)
        for batch in stream:
            yield StepResult(state, step(state, batch))
            if state.step >= steps:
                return
