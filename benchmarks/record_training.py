"""The trainings that `record.py` times: what happens before the clock starts, the clock, and the options of a GPU.

A training is an iterator. Its first item comes when everything is ready: the data are loaded, and the untimed
warm-up is over. Every further item comes after one step. An item is the generator to score.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from timing import wait_for
from torch import nn
from training import tutorial

from dcgan.config import TrainConfig
from dcgan.data.loading import make_batches
from dcgan.runtime.host import keep_freed_memory
from dcgan.training.cuda_graph import WARM_UP_STEPS, CapturedStep
from dcgan.training.environment import arithmetic
from dcgan.training.fast_step import SerialExecutor, Step, choose_step, discriminates_once, update_in_one_pass
from dcgan.training.state import TrainState
from dcgan.training.step import penalty_weights

Steps = Iterator[nn.Module]


@dataclass(frozen=True)
class GpuOptions:
    """What a record on a GPU may add to the package's captured step. A CPU has none of it."""

    channels_last: bool = False
    """Weights of convolutions lie with channels last."""
    two_streams: bool = False
    """The discriminator's real half runs on a second stream."""
    compiled: bool = False
    """torch.compile makes the bodies of both networks. Steps with gradient penalties keep the plain discriminator."""

    @property
    def any(self) -> bool:
        return any(dataclasses.astuple(self))


class Timed(NamedTuple):
    """One timed training."""

    seconds: float
    """From before the first batch to the last weights."""
    num_steps: int
    weights: dict[str, np.ndarray]
    """The state of the last generator: of its moving average, where the config has one."""


# The clock


def timed(
    steps: Steps, count: int | None, device: torch.device, clock: Callable[[], float] = time.perf_counter
) -> Timed:
    """Take `count` steps of a training, or all that it has, and return the seconds and the last weights.

    The clock starts when the training is ready, before its first batch. It stops when the device has computed the
    last weights. Copying them out is not timed, and nothing is scored here.
    """
    with closing(cast("Generator[nn.Module, None, None]", steps)):
        next(steps)
        wait_for(device)
        started = clock()
        last = deque(enumerate(itertools.islice(steps, count), 1), maxlen=1)
        wait_for(device)
        seconds = clock() - started
        num_steps, generator = last.pop() if last else (0, None)
        if generator is None or (count is not None and num_steps < count):
            raise ValueError(f"the training ended after {num_steps} of {count} steps; ask for fewer --steps")
        return Timed(seconds, num_steps, weights_of(generator))


def weights_of(network: nn.Module) -> dict[str, np.ndarray]:
    """Return a copy of a network's parameters and buffers, which another process can be sent."""
    return {name: value.detach().cpu().numpy().copy() for name, value in network.state_dict().items()}


# The trainings


def tutorial_steps(config: TrainConfig, device: torch.device, root: Path) -> Steps:
    """Train as the tutorial's article does, without end. The warm-up step is the first one of the training."""
    yield from tutorial(config, device, root, workers=0)


def record_steps(config: TrainConfig, device: torch.device, options: GpuOptions | None = None) -> Steps:
    """Train a record's config with the step that `python -m dcgan train` takes, without the recording.

    The warm-up changes nothing: all tensors return to their initial values. So the weights are those of
    `dcgan.training_steps`, bit for bit.
    """
    keep_freed_memory()
    with arithmetic(config):
        batches = make_batches(config, device)
        state = TrainState.new(config, device, first_images=batches.first_images)
        state.steps = config.epochs * batches.steps_per_epoch
        step = choose_step(state)
        if options is not None and options.any:
            step = with_gpu_options(state, step, options)
        warm_up(state, step, itertools.islice(batches.from_step(0), warm_up_steps(config, device)))
        yield state.best_generator
        for batch in itertools.islice(batches.from_step(0), state.steps):
            step(state, batch)
            yield state.best_generator


def warm_up_steps(config: TrainConfig, device: torch.device) -> int:
    """Return the number of untimed steps: one, and on a CUDA device as many as its graphs need to be captured."""
    cycle = math.lcm(config.d_reg_interval, config.auxiliary_affine_interval)
    return 1 + ((WARM_UP_STEPS + 1) * cycle if device.type == "cuda" else 0)


def warm_up(state: TrainState, step: Step, batches: Iterator[Any]) -> None:
    """Take a step for each batch, and then return every tensor to its initial value, in place.

    In place, because a captured graph reads and writes this memory. Adam's state begins with zeros.
    """
    before = {name: value.clone() for name, value in state.tensors().items()}
    for batch in batches:
        step(state, batch)
    with torch.no_grad():
        for name, value in state.tensors().items():
            if name in before:
                value.copy_(before[name])
            else:
                value.zero_()
    state.step = state.images_seen = 0


# The options of a GPU. docs/records.md says what was measured with them.


def with_gpu_options(state: TrainState, step: Step, options: GpuOptions) -> Step:
    """Return the captured step with these options, and change the networks of the state for them.

    Raises ValueError for a device without CUDA, and for a config whose step has no second half to run beside.
    """
    if state.device.type != "cuda":
        raise ValueError(f"the record's options need an NVIDIA GPU, and this is {state.device}; use --track gpu")
    if options.channels_last:
        set_channels_last(state)
    if options.compiled:
        compile_networks(state)
    if not options.two_streams:
        return step
    if not discriminates_once(state):
        raise ValueError(
            "two_streams=True needs one pass of the discriminator for both updates, and this config has several; "
            "set order=generator-first and reuse_fakes=True, or leave the option out"
        )
    return CapturedStep(partial(update_in_one_pass, executor=StreamExecutor(state.device)))


def set_channels_last(state: TrainState) -> None:
    """Lay the weights of the convolutions out with channels last; gradients and Adam's state follow them."""
    for network in (state.gan.generator, state.gan.discriminator, state.ema):
        if network is not None:
            # Parameters are changed in place, so accelerated networks and optimizers keep them.
            cast("Any", network).to(memory_format=torch.channels_last)


def compile_networks(state: TrainState, backend: str = "inductor") -> None:
    """Compile the generator's forward pass, and the discriminator's for steps without gradient penalties.

    torch.compile has no second derivative, and R1, R2 and WGAN-GP's penalty need one.
    """
    import torch._functorch.config as functorch_config

    # Both updates go back through the same pass, so its buffers must outlive the first of them.
    functorch_config.donated_buffer = False
    generator, discriminator = state.accelerated
    generator.compile(backend=backend)
    if state.config.gradient_penalty:
        return
    plain = discriminator.discriminate
    compiled = torch.compile(plain, backend=backend)

    def discriminate(*arguments: Any) -> Any:
        return (plain if any(penalty_weights(state)) else compiled)(*arguments)

    setattr(discriminator, "discriminate", discriminate)  # noqa: B010, a method for this one network


REAL_HALF = ("discriminate", "learn_real")
"""The names of the calls that `update_in_one_pass` makes for the real images."""


class StreamExecutor(SerialExecutor):
    """Runs the real half of the discriminator on a second CUDA stream, and all other calls on the current one.

    The second stream begins after what was started before the call. The current stream waits for it where a result
    is read, and before a call of the other half: both halves add to the same gradients.
    """

    def __init__(self, device: torch.device) -> None:
        self._side = torch.cuda.Stream(device)

    def __call__(self, function: Callable[..., Any], *arguments: Any) -> Future:
        current = torch.cuda.current_stream()
        if function.__name__ not in REAL_HALF:
            current.wait_stream(self._side)
            return super().__call__(function, *arguments)
        self._side.wait_stream(current)
        with torch.cuda.stream(self._side):
            value = function(*arguments)
            done = self._side.record_event()
        return _StreamFuture(value, done, arguments)


class _StreamFuture(Future):
    """A value that another stream computes.

    It keeps the arguments. Their memory must not be used again before the other stream has read it.
    """

    def __init__(self, value: Any, done: Any, arguments: tuple[Any, ...]) -> None:
        super().__init__()
        self._done, self._arguments = done, arguments
        self.set_result(value)

    def result(self, timeout: float | None = None) -> Any:
        """Return the value, after the current stream was made to wait for it."""
        torch.cuda.current_stream().wait_event(self._done)
        return super().result(timeout)
