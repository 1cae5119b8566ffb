"""Measure whether a discriminator knows its training pictures by heart: the overfitting gauge r_v.

Held-out pictures are never trained on. A sound discriminator takes them for training pictures. One that overfits
takes them for generated ones, and then its gradient leads the generator to the training pictures only. Source: Karras
et al. 2020, arXiv 2006.06676, section 3.1 and equation 1.

G pictures of each kind, C H W image.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from dcgan.latents import latents_from_seeds
from dcgan.models.gan import Gan
from dcgan.models.inference import sample

FIRST_SEED = 0
MAX_PICTURES = 256
"""Pictures of each kind. Their mean needs no more of them."""
_MAX_BYTES = 2**26
"""Of the pictures of one kind."""
_CLEAR = 2
"""Standard errors from which on D(train) - D(fake) is not chance."""


class Logits(NamedTuple):
    """A discriminator's mean logits in evaluation mode, and r_v."""

    train: float
    held_out: float
    fake: float
    overfitting: float | None
    """r_v; None where D does not clearly tell training pictures from generated ones."""


def num_pictures(num_held_out: int, shape: tuple[int, int, int]) -> int:
    """Return how many pictures of this shape (C, H, W) of each kind D is shown."""
    return min(num_held_out, MAX_PICTURES, max(1, _MAX_BYTES // (4 * math.prod(shape))))


@dataclass(frozen=True)
class OverfittingGauge:
    """Shows a discriminator as many training, held-out and generated pictures. It draws no global random number."""

    train: Tensor
    """(G, C, H, W) in the model's pixel range."""
    held_out: Tensor
    train_labels: Tensor | None
    """(G,) of a conditional model. The generated pictures have the same labels."""
    held_out_labels: Tensor | None
    batch_size: int
    """Pictures that D sees at a time, as minibatch standard deviation depends on it: that of the training, or G."""

    def measure(self, gan: Gan) -> Logits:
        """Return the logits of these networks. Both keep their modes."""
        count = len(self.train)
        model = gan.generator.config
        z = latents_from_seeds(range(FIRST_SEED, FIRST_SEED + count), model.latent_dim, model.latent)
        low, high = model.pixel_range
        fake = (sample(gan.generator, z, self.train_labels) + 1) * ((high - low) / 2) + low
        with evaluating(gan.discriminator):
            train = self._logits(gan.discriminator, self.train, self.train_labels)
            held_out = self._logits(gan.discriminator, self.held_out, self.held_out_labels)
            fakes = self._logits(gan.discriminator, fake, self.train_labels)
        return Logits(train.mean().item(), held_out.mean().item(), fakes.mean().item(), r_v(train, held_out, fakes))

    @torch.no_grad()
    def _logits(self, discriminator: nn.Module, images: Tensor, labels: Tensor | None) -> Tensor:
        """Return the logits (G,) float64 on the CPU."""
        device = next(discriminator.parameters()).device
        logits = []
        for start in range(0, len(images), self.batch_size):
            part = slice(start, start + self.batch_size)
            part_labels = None if labels is None else labels[part].to(device)
            logits.append(discriminator(images[part].to(device), part_labels).float().cpu().double())
        return torch.cat(logits)


def r_v(train: Tensor, held_out: Tensor, fake: Tensor) -> float | None:
    """Return (mean train - mean held out) / (mean train - mean fake) of logits (G,).

    It is None where the denominator is not above two standard errors, as at the beginning of a training.
    """
    distance = (train.mean() - fake.mean()).item()
    error = math.sqrt(sum(logits.var(correction=0).item() / len(logits) for logits in (train, fake)))
    if not math.isfinite(distance) or distance <= _CLEAR * error:
        return None
    return (train.mean() - held_out.mean()).item() / distance


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Within the block, the network is in evaluation mode."""
    modes = {module: module.training for module in network.modules()}
    network.eval()
    try:
        yield
    finally:
        for module, training in modes.items():
            module.training = training
