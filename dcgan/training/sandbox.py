"""Networks that a reader trains by hand, step by step: those of a run, or fresh ones. They are copies in memory.

No file of the run is written. The step is that of `slow_motion`, on 8 images.

The module has more than 250 lines, because the networks and the lock that guards them stand together.

B real images, F fake images, Z latent, C H W image.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from dcgan import pixels
from dcgan.checkpoint import load_discriminator, load_generator
from dcgan.config import NUM_COMPONENTS, TrainConfig
from dcgan.data.loading import Batch, ImageSet, ResidentBatches
from dcgan.latents import latents_from_seeds
from dcgan.locale.language import tr
from dcgan.models.gan import Gan, discriminator_tensors, generator_tensors
from dcgan.models.networks import Generator
from dcgan.pixels import Bytes
from dcgan.runs.run import Run
from dcgan.runtime.device import one_thread
from dcgan.training import step
from dcgan.training.slow_motion import Part, Players, part_names, slow_step
from dcgan.training.state import TrainState

NUM_IMAGES = 8
"""Real images and fake images of a step."""
NUM_REAL = 256
"""Real images that the steps draw from."""
MAX_PARAMETERS = 16_000_000
"""Of both networks together: with Adam's numbers these are 256 MB."""
MAX_IMAGE_SIZE = 128
"""Pixels. A part of a step on larger images takes more than a second."""
HISTORY = 400
"""Steps of which the answers are remembered."""

_DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)
_CPU = torch.device("cpu")
_one_at_a_time = threading.Lock()
"""A step draws from torch's global stream of random numbers, which all threads share."""


class Start(NamedTuple):
    """The networks that a sandbox begins with."""

    config: TrainConfig
    """That of their training."""
    step: int
    """The step of their training; 0 for fresh networks."""
    gan: Gan | None
    """Copies that no one changes; None for fresh networks."""
    ema: Generator | None = None
    discriminator_step: int = 0
    """Another one than `step` where only the last discriminator was kept."""

    @property
    def has_later_discriminator(self) -> bool:
        """Whether the discriminator is from another step than the generator."""
        return self.discriminator_step != self.step

    @property
    def is_average(self) -> bool:
        """Whether the generator is a moving average: a snapshot of a training that keeps one has no other weights."""
        return self.gan is not None and bool(self.config.ema_half_life_images) and self.ema is None


def load_start(run: Run, step: int | None = None) -> Start:
    """Return the networks of a run at a snapshot's step; its newest ones without a step.

    Raises FileNotFoundError or ValueError that names the file where one of the networks is missing or damaged.
    """
    if step is None:
        generator = load_generator(run.generator_path)
        ema = load_generator(run.ema_path).network if run.ema_path.exists() else None
        discriminator_path = run.discriminator_path
    else:
        generator, ema = load_generator(run.snapshot_path(step)), None
        kept = run.d_snapshot_path(step)
        discriminator_path = kept if kept.exists() else run.discriminator_path
    discriminator, config, discriminator_step = load_discriminator(discriminator_path)
    if config.model != generator.config:
        raise ValueError(
            tr(
                "{path} is not the discriminator of {run}'s generator; train it again",
                path=discriminator_path,
                run=run.name,
            )
        )
    gan = Gan(generator.network, discriminator)
    return Start(generator.train_config, generator.step, gan, ema, discriminator_step)


def fresh_start(config: TrainConfig) -> Start:
    """Return the start of a training with this config."""
    return Start(config, 0, None)


def check_size(start: Start) -> None:
    """Raise ValueError where the networks are too large to be trained by hand."""
    size = start.config.model.image_size
    if size > MAX_IMAGE_SIZE:
        raise ValueError(
            tr(
                "images of {size}x{size} take too long here; choose a run of at most {most} pixels",
                size=size,
                most=MAX_IMAGE_SIZE,
            )
        )
    tensors = (*generator_tensors(start.config.model).values(), *discriminator_tensors(start.config.model).values())
    if (count := sum(tensor.numel() for tensor in tensors)) > MAX_PARAMETERS:
        raise ValueError(
            tr(
                "{count:,} weights are too many here; choose a run with at most {most:,}",
                count=count,
                most=MAX_PARAMETERS,
            )
        )


def by_hand(config: TrainConfig) -> TrainConfig:
    """Return the config of a step by hand: the same step on 8 real and 8 fake images, on a CPU."""
    return replace(
        config,
        init="",
        batch_size=NUM_IMAGES,
        generator_batch_factor=1,
        engine="plain",
        precision="fp32",
        lr_decay=0.0,
    )


class Answers(NamedTuple):
    """What the networks make of 8 seeds and 8 real images, always the same ones, without dropout.

    Batch norm uses the mean and the variance of these images, as in training. Its running statistics are from larger
    batches, or from none yet.
    """

    images_u8: Bytes
    """(N, C, H, W): what G draws from the seeds."""
    real_logits: tuple[float, ...]
    fake_logits: tuple[float, ...]
    d_loss: float
    """The losses of these logits, without penalties."""
    g_loss: float

    @property
    def are_finite(self) -> bool:
        """Whether all numbers are finite. Too large a learning rate makes them infinite."""
        return all(map(math.isfinite, (*self.real_logits, *self.fake_logits, self.d_loss, self.g_loss)))


@dataclass(frozen=True)
class Point:
    """The mean answers after a step."""

    step: int
    """Steps by hand, from 0."""
    real_logit: float
    fake_logit: float
    d_real: float
    """Mean sigmoid of the logits of real images."""
    d_fake: float


class Sandbox:
    """Networks that are trained by hand. One thread at a time may use it."""

    def __init__(self, start: Start, images: ImageSet) -> None:
        """Copy the networks. Raises ValueError for too large networks, and for fewer than 2 images."""
        check_size(start)
        if len(images.images_u8) < 2:
            raise ValueError(
                tr(
                    "{data} has {count} images here; a step needs 2",
                    data=start.config.data.name,
                    count=len(images.images_u8),
                )
            )
        config = by_hand(start.config)
        if start.gan:
            config = replace(config, patch_whitening=False)  # its kernels are in the weights
        self.start = start
        self.config = config
        self._batches = ResidentBatches(images, config, _CPU)
        with _alone():
            self.state = TrainState.new(config, _CPU, first_images=self._batches.first_images)
        networks = zip(("G", "D"), self.state.gan, strict=True)
        self.num_weights = {name: sum(p.numel() for p in network.parameters()) for name, network in networks}
        """The parameters of G and of D."""
        self.num_parameters = sum(self.num_weights.values())
        self.learning_rates = {"G": config.lr_g, "D": config.lr_d}
        _begin(self.state, start)
        self._stream = self._batches.from_step(start.step)
        self._real = self._batches.first_images(NUM_IMAGES)
        z = latents_from_seeds(range(len(self._real)), config.model.latent_dim, config.model.latent)
        self._z = torch.from_numpy(z)
        self._real_labels, self._labels = _labels(images, config)
        self.real_u8 = images.images_u8[:NUM_IMAGES].numpy()
        """(N, C, H, W): the real images of `Answers`."""
        self._noise: Tensor | None = None
        self._parts: Iterator[Part] | None = None
        self._players: Players = "both"
        self.seen: list[Part] = []
        """The parts of the last step that were taken, in their order."""
        self.steps_done = 0
        self.is_closed = False
        self._in_use = threading.Lock()
        self.before = self.now = self._answers()
        self.history = deque([self._point()], HISTORY)

    def close(self) -> None:
        """Free the networks, as soon as no thread computes with them. The sandbox then computes nothing any more.

        What was computed stays, for a page that is being drawn.
        """
        with self._in_use:
            self.is_closed, self._parts = True, None
            del self.state

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all parts of the last step."""
        return part_names(self.config, self._players)

    @property
    def in_step(self) -> bool:
        """Whether a step was begun, and has parts left."""
        return self._parts is not None

    @property
    def labels(self) -> tuple[Tensor | None, Tensor | None]:
        """The labels of the real images and of the seeds of `Answers`; None without labels."""
        return self._real_labels, self._labels

    def set_learning_rates(self, lr_g: float, lr_d: float) -> None:
        """Set Adam's learning rates, from the next update on. Raises ValueError for a closed sandbox."""
        with self._open():
            self.learning_rates = {"G": lr_g, "D": lr_d}
            for optimizer, rate in ((self.state.optimizer_g, lr_g), (self.state.optimizer_d, lr_d)):
                for group in optimizer.param_groups:
                    group["lr"] = rate

    def next_part(self, players: Players = "both") -> Part:
        """Compute the next part, and return it. `players` counts where the part begins a step.

        `before` is then before this step, and `now` follows each update. Raises ValueError for a closed sandbox.
        """
        with self._open():
            if self._parts is None:
                self._begin_step(players)
                self.compare_from_here()
            part = self._take()
            if part.name in ("update of D", "update of G"):
                self.now = self._answers()
            self._end_step()
            return part

    def take_steps(self, players: Players, count: int, *, seconds: float = math.inf) -> int:
        """Finish the step that was begun, take `count` steps or as many as `seconds` allow, and return their number.

        `before` stays. The steps end where a number is not finite. Raises ValueError for a closed sandbox.
        """
        end = time.monotonic() + seconds
        with self._open():
            self._finish_step()
            for done in range(count):
                if (done and time.monotonic() > end) or not self.now.are_finite:
                    return done
                self._begin_step(players)
                self._finish_step()
            return count

    @contextmanager
    def _open(self) -> Iterator[None]:
        """Keep the sandbox open. Raises ValueError where it is closed already."""
        with self._in_use:
            if self.is_closed:
                raise ValueError(
                    tr("these networks were closed, since other visitors needed the memory; begin again")
                )
            yield

    def compare_from_here(self) -> None:
        """Let `before` be the present answers."""
        self.before = self.now

    def _begin_step(self, players: Players) -> None:
        self._players, self.seen = players, []
        self._parts = slow_step(self.state, next(self._stream), players)

    def _finish_step(self) -> None:
        if self._parts is not None:
            while len(self.seen) < len(self.names):
                self._take()
            self.now = self._answers()
            self._end_step()

    def _end_step(self) -> None:
        """Count the step if all its parts were taken."""
        if len(self.seen) == len(self.names):
            self._parts, self.steps_done = None, self.steps_done + 1
            self.history.append(self._point())

    def _take(self) -> Part:
        assert self._parts is not None, "a step was begun"
        with _alone():
            if self._noise is not None:
                torch.set_rng_state(self._noise)
            part = next(self._parts)
            self.seen.append(part)
            if len(self.seen) == len(self.names):
                assert next(self._parts, None) is None, "a step has the parts of `names`"  # it counts itself now
            self._noise = torch.get_rng_state()
        return part

    def _answers(self) -> Answers:
        """Return what the networks now make of the 8 seeds and the 8 real images. They stay as they are."""
        state, model = self.state, self.config.model
        low, high = model.pixel_range
        batch = Batch(self._real, self._real_labels)
        with _alone(), torch.no_grad(), _unchanged(state.gan):
            images = state.gan.generator(self._z, self._labels)
            labels = self._z[:, :NUM_COMPONENTS].argmax(1) if model.auxiliary_head else self._labels
            real, fake = step.discriminate(state, batch, self._real, images, labels)[2:4]
            d_loss, g_loss = step.discriminator_loss(state, real, fake), state.loss.generator(real, fake)
        images = (images - low) * (2 / (high - low)) - 1
        images_u8 = pixels.to_uint8(np.nan_to_num(images.numpy()))
        return Answers(images_u8, tuple(real.tolist()), tuple(fake.tolist()), float(d_loss), float(g_loss))

    def _point(self) -> Point:
        real, fake = (torch.tensor(logits) for logits in (self.now.real_logits, self.now.fake_logits))
        means = (real.mean(), fake.mean(), real.sigmoid().mean(), fake.sigmoid().mean())
        return Point(self.steps_done, *map(float, means))


def _begin(state: TrainState, start: Start) -> None:
    """Copy the networks, and set the step, so that noise and penalties are those of that step."""
    state.step = start.step
    state.images_seen = start.step * start.config.batch_size
    if start.gan is None:
        return
    state.gan.generator.load_state_dict(start.gan.generator.state_dict())
    state.gan.discriminator.load_state_dict(start.gan.discriminator.state_dict())
    if state.ema is not None:
        state.ema.load_state_dict((start.ema or start.gan.generator).state_dict())


def _labels(images: ImageSet, config: TrainConfig) -> tuple[Tensor | None, Tensor | None]:
    """Return the labels of the first real images and of the seeds; None for a model without labels."""
    count = config.model.num_classes
    if not count:
        return None, None
    assert images.labels is not None, "load_images checked the labels"
    real = images.labels[:NUM_IMAGES]
    return real, torch.arange(len(real)) % count


@contextmanager
def _unchanged(gan: Gan) -> Iterator[None]:
    """Turn dropout off, and let the networks have copies of their buffers: batch norm's running statistics.

    The buffers themselves must not be written. A step that has begun may still need them for its gradients.
    """
    modules = [module for network in gan for module in network.modules()]
    buffers = [(one, name, value) for one in modules for name, value in one.named_buffers(recurse=False)]
    dropouts = [module for module in modules if isinstance(module, _DROPOUTS)]
    for module, name, value in buffers:
        setattr(module, name, value.clone())
    for module in dropouts:
        module.eval()
    try:
        yield
    finally:
        for module, name, value in buffers:
            setattr(module, name, value)
        for module in dropouts:
            module.train()


@contextmanager
def _alone() -> Iterator[None]:
    """Let no other sandbox compute, use one thread, and leave torch's global stream as it was."""
    with _one_at_a_time, torch.random.fork_rng(devices=[]), one_thread():
        yield
