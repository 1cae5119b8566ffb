"""What ails a training, told from its rows and scores, as somebody would who has seen many. Standard library only.

The thresholds are in D's own terms, the mean sigmoid of its logits, and were set on recordings: sound ones, the
published models at every point of their training, stay clear of them; trainings made sick on purpose, a network's
learning rate a thousand times too small or a hundred times too large, cross them within an epoch.

Collapse is told from the scores. A classifier sees all of a young generator's noise as one class, and the published
plain GAN learns some digits after ten epochs only, so classes that were never drawn mean nothing as long as a
training goes on and gets better: in the published ones, CFD falls by 7 % and more with every doubling of the images
seen, from 19,000 images to their end. A class that was drawn and no longer is got lost, however much the others gain.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Literal

from dcgan.runs.rows import ProgressRow, ScoreRow

Level = Literal["success", "info", "warning", "error"]

USUAL_ROWS = 2000
"""Rows that give the measure of what is usual."""
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
COLLAPSE_IMAGES = 60_000
"""Before so many real images nothing has collapsed: the published plain GAN's CFD rises until about 20,000, and for
as long again it is all noise."""
STILL_BETTER = 0.95
"""CFD over that at half as many images: below this the training still gets better. The published ones have 0.93 at
most."""
MISSING_SHARE = 0.2
"""A class's share over the real images' share of it. The published models end with 0.25 and more for each digit."""
ONE_CLASS = 0.9
"""The share of one class that is nearly all. Past COLLAPSE_IMAGES the published ones have 0.75 at most."""
DRAWN_COVERAGE = 0.01
"""From here on images are of something. Noise, whatever class it is taken for, covers nothing."""
DRAWN_SHARE = 0.5
"""A class's share over the real images' share of it, from which on it is drawn well."""


@dataclass(frozen=True)
class Diagnosis:
    """A finding with its likely cause and the one change to try; both empty where nothing is to be done."""

    kind: Literal[
        "young",
        "healthy",
        "discriminator-wins",
        "generator-wins",
        "missing-classes",
        "collapsed",
        "diverging",
        "not-finite",
        "failed",
        "unjudged",
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

MISSING_CLASSES = Diagnosis(
    "missing-classes",
    "warning",
    "The generator does not draw all kinds.",
    "Mode collapse: G keeps to what D lets pass, and losses need not show it. The histogram of classes does.",
    "Start again with a gradient penalty, r1_gamma at 1, which keeps D from driving G into a corner.",
)

COLLAPSED = Diagnosis(
    "collapsed",
    "error",
    "The generator has collapsed.",
    "Mode collapse: G has moved to the one kind that D let pass, faster than D could learn to tell it.",
    "Start again with the generator's learning rate at a quarter.",
)

DIVERGING = Diagnosis(
    "diverging",
    "error",
    "The training diverges.",
    "Losses or gradients have grown by orders of magnitude: steps are so long that they overshoot.",
    "Lower both learning rates to a quarter; 2e-4 is the usual one for Adam.",
)


def diagnose(
    rows: Sequence[ProgressRow],
    state: str = "running",
    error: str = "",
    scores: Sequence[ScoreRow] = (),
    *,
    logits_are_probabilities: bool = True,
) -> Diagnosis:
    """The finding for these rows, oldest first: the newest decide, up to USUAL_ROWS give the measure.

    `state` and `error` are the run's status, and `scores` all of its rows of scores, oldest first.
    `logits_are_probabilities` is a property of the run's loss. Without it, mean D(x) and D(G(z)) show an order only.
    A collapse comes before who is ahead; where one is, that is its likely cause.
    """
    if state == "failed":
        return _failure(error)
    if diverges(rows):
        return DIVERGING
    balance, found = (
        _balance(rows, logits_are_probabilities=logits_are_probabilities),
        collapse(scores, state == "finished"),
    )
    if found and balance.level == "warning":
        return replace(found, cause=balance.cause, remedy=balance.remedy)
    return found or balance


def _balance(rows: Sequence[ProgressRow], *, logits_are_probabilities: bool) -> Diagnosis:
    """Who is ahead."""
    window = _window(rows)
    if len(window) < WINDOW_ROWS or rows[-1].images_seen < YOUNG_IMAGES:
        return YOUNG
    if not logits_are_probabilities:
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


def collapse(scores: Sequence[ScoreRow], finished: bool = False) -> Diagnosis | None:
    """What the newest scores say of classes that are not drawn; None where nothing is amiss, or nothing can be told.

    Nearly all images of one class are told at once. Single classes must be missing in two rows: they come and go.
    Classes that were never drawn well are given time for as long as the training gets better and is not `finished`.
    """
    scores = [row for row in scores if row.scale == scores[-1].scale]
    if not scores or scores[-1].images_seen < COLLAPSE_IMAGES:
        return None
    newest, something = scores[-1], [row for row in scores if row.coverage >= DRAWN_COVERAGE]
    # Where all is noise, the end of a training came too early to tell a collapse from a beginning.
    patient = _gets_better(scores) and not (finished and something)
    share, digit = max((share, digit) for digit, share in enumerate(newest.class_histogram))
    lost = _missing(newest) & _drawn_well(scores[:-1])
    if share >= ONE_CLASS and (lost or not patient):
        return replace(
            COLLAPSED, title=f"The generator has collapsed: {share:.0%} of its images are of one kind, {digit}."
        )
    missing = set.intersection(*(_missing(row) for row in scores[-2:])) if len(scores) > 1 else set()
    lost = missing & _drawn_well(scores[:-2])
    missing = lost if patient else missing
    if not missing:
        return None
    names = [str(digit) for digit in sorted(missing)]
    listed = ", ".join(names[:-1]) + " and " * (len(names) > 1) + names[-1]
    return replace(
        MISSING_CLASSES, title=f"The generator {'no longer' if missing == lost else 'hardly'} draws {listed}."
    )


def _gets_better(scores: Sequence[ScoreRow]) -> bool:
    """Whether CFD still falls as it does in sound trainings; True too where no row is old enough to tell."""
    newest = scores[-1]
    halfway = [row for row in scores if row.images_seen <= newest.images_seen / 2]
    return not halfway or newest.cfd < STILL_BETTER * halfway[-1].cfd


def _missing(row: ScoreRow) -> set[int]:
    """The classes that the images hardly have."""
    return {digit for digit, share, real in _shares(row) if share < MISSING_SHARE * real}


def _drawn_well(rows: Iterable[ScoreRow]) -> set[int]:
    """The classes that one of the rows has enough images of; rows of noise, whatever it is taken for, say nothing."""
    drawn = (row for row in rows if row.coverage >= DRAWN_COVERAGE)
    return {digit for row in drawn for digit, share, real in _shares(row) if share >= DRAWN_SHARE * real}


def _shares(row: ScoreRow) -> Iterator[tuple[int, float, float]]:
    """Each class, its share of the images, and its share of as many real ones."""
    pairs = zip(row.class_histogram, row.real_class_histogram, strict=True)
    return ((digit, share, real) for digit, (share, real) in enumerate(pairs))


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
