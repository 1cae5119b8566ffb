"""What ails a training, told from its rows alone, as somebody would who has seen many. Standard library only.

The thresholds are in D's own terms, the mean sigmoid of its logits, and were set on recordings: sound ones, the
published models at every point of their training, stay clear of them; trainings made sick on purpose, a network's
learning rate a thousand times too small or a hundred times too large, cross them within an epoch.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from dcgan.runs import ProgressRow

Level = Literal["success", "info", "warning", "error"]

WINDOW_ROWS = 20
WINDOW_STEPS = 400
"""A state must last for so many rows and steps to be one: single batches swing far."""
YOUNG_IMAGES = 10_000
"""Before so many real images every GAN looks the same; the published ones show first strokes at about that time."""
D_FAKE_LOST = 0.01
"""The published plain GAN lives through 0.03 in its second epoch; below 0.01 none has come back."""
GAP_FOOLED = 0.02
"""Mean D(x) less mean D(G(z)). Sound trainings keep 0.08 even where both networks are nearly even."""
LOSS_EXPLODED = 20.0
"""With the sigmoid's loss: a logit of -20, a probability of one in a billion."""
LOSS_GROWTH = 10.0
GRADIENT_GROWTH = 100.0
"""Over the median so far. The published DCGAN's grows fourfold in 20 epochs."""
RECENT_ROWS = 5

PROBABILISTIC = ("bce", "minimax")
"""Losses that read D's logits as probabilities; of others, mean D(x) and D(G(z)) tell an order, not a state."""


@dataclass(frozen=True)
class Diagnosis:
    """A finding with its likely cause and the one change to try; both empty where nothing is to be done."""

    kind: Literal[
        "young", "healthy", "discriminator-wins", "generator-wins", "diverging", "not-finite", "failed", "unjudged"
    ]
    level: Level
    title: str
    cause: str = ""
    remedy: str = ""


YOUNG = Diagnosis(
    "young", "info", "Too early to tell.", "Nothing is learnt yet; the first strokes need an epoch or so."
)

HEALTHY = Diagnosis(
    "healthy",
    "success",
    "Healthy.",
    "D tells real from fake more often than not, and G still gets a signal to learn from. The samples have the last "
    "word.",
)

UNJUDGED = Diagnosis(
    "unjudged",
    "success",
    "Nothing is wrong with losses and gradients.",
    "This loss does not make D's outputs probabilities, so they do not tell who is ahead: judge by the samples.",
)

DISCRIMINATOR_WINS = Diagnosis(
    "discriminator-wins",
    "warning",
    "The discriminator wins.",
    "D(G(z)) has been near 0 for long: D is sure of every fake, so its answers hardly tell G what to change.",
    "Lower the discriminator's learning rate to a quarter.",
)

GENERATOR_WINS = Diagnosis(
    "generator-wins",
    "warning",
    "The discriminator is fooled.",
    "For long, D has held fakes as real as real images. Unless samples are perfect, it learns too slowly to teach.",
    "Raise the discriminator's learning rate to four times what it is.",
)

DIVERGING = Diagnosis(
    "diverging",
    "error",
    "The training diverges.",
    "Losses or gradients have grown by orders of magnitude: steps are so long that they overshoot.",
    "Lower both learning rates to a quarter; 2e-4 is the usual one for Adam.",
)


def diagnose(rows: Sequence[ProgressRow], state: str = "running", error: str = "", loss: str = "bce") -> Diagnosis:
    """The finding for these rows, oldest first: the newest decide, up to 2,000 give the measure of what is usual.

    `state` and `error` are the run's status, `loss` its config's.
    """
    if state == "failed":
        return _failure(error)
    window = _window(rows)
    if diverges(rows):
        return DIVERGING
    if len(window) < WINDOW_ROWS or rows[-1].images_seen < YOUNG_IMAGES:
        return YOUNG
    if loss not in PROBABILISTIC:
        return UNJUDGED
    d_real, d_fake = _mean(row.d_real for row in window), _mean(row.d_fake for row in window)
    if d_real - d_fake < GAP_FOOLED:
        return GENERATOR_WINS
    if d_fake < D_FAKE_LOST:
        return DISCRIMINATOR_WINS
    return HEALTHY


def diverges(rows: Sequence[ProgressRow]) -> bool:
    """Whether the newest rows are orders of magnitude beyond the usual ones."""
    before, recent = rows[:-RECENT_ROWS], rows[-RECENT_ROWS:]
    if len(before) < RECENT_ROWS:
        return False
    for name, growth, floor in (
        ("d_loss", LOSS_GROWTH, LOSS_EXPLODED),
        ("g_loss", LOSS_GROWTH, LOSS_EXPLODED),
        ("d_grad_norm", GRADIENT_GROWTH, LOSS_EXPLODED),
        ("g_grad_norm", GRADIENT_GROWTH, LOSS_EXPLODED),
    ):
        usual = median(abs(getattr(row, name)) for row in before)
        now = _mean(abs(getattr(row, name)) for row in recent)
        if now > floor and now > growth * usual:
            return True
    return False


def _window(rows: Sequence[ProgressRow]) -> Sequence[ProgressRow]:
    """The newest rows that are enough and go back far enough; all of them where there are fewer."""
    for start in range(len(rows) - WINDOW_ROWS, -1, -1):
        if rows[-1].step - rows[start].step >= WINDOW_STEPS:
            return rows[start:]
    return ()


def _mean(values: Iterable[float]) -> float:
    """Divided before they are added: a diverging training's rows may come near to what a float holds."""
    numbers = list(values)
    return sum(number / len(numbers) for number in numbers)


def _failure(error: str) -> Diagnosis:
    if " became " in error:
        return Diagnosis(
            "not-finite",
            "error",
            "A value became infinite or NaN, and the training stopped itself.",
            "The last good weights are kept. The steps were too long, or logits grew without bound.",
            "Start again with both learning rates at a quarter.",
        )
    return Diagnosis("failed", "error", "The training failed.", remedy="Mend what the message names, then resume it.")
