"""Common failures of a training, recognized from its rows and scores. Standard library only.

The thresholds were set on recordings. Sound ones, the published models at every point of their training, never cross
them. One published model is not sound: the beginners' GAN loses the digit 2, which is reported from epoch 86 on. The
figures below are those of the others. Trainings with a learning rate a thousand times too small or a hundred times
too large cross them within an epoch. The thresholds of the balance are in the discriminator's terms: the mean sigmoid
of its logits.

Collapse is recognized from the scores. A classifier assigns a young generator's noise to one class, and the published
plain GAN learns some digits only after ten epochs. So classes that were never drawn mean nothing while a training
improves. In the published ones, CFD falls by 7 % and more with every doubling of the images seen, from 19,000 images
to their end. A class that was drawn before and is missing now is lost, even if all other classes improve.

The module has more than 250 lines because every threshold has its reason, and every finding its text, beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Literal

from dcgan.runs.rows import ProgressRow, ScoreRow

Level = Literal["success", "info", "warning", "error"]

USUAL_ROWS = 2000
"""The newest rows, whose medians are the usual values."""
WINDOW_ROWS = 20
WINDOW_STEPS = 400
"""A state must last for so many rows and steps, because single batches vary much."""
YOUNG_IMAGES = 10_000
"""Before so many real images every GAN looks the same, so neither network is called ahead."""
D_FAKE_LOST = 0.01
"""The published plain GAN recovers from 0.03 in its second epoch; no training has recovered from less than 0.01."""
GAP_FOOLED = 0.02
"""Mean D(x) minus mean D(G(z)). Sound trainings keep 0.08 even where both networks are nearly even."""
LOSS_EXPLODED = 20.0
"""With binary cross-entropy, a logit of -20: a probability of one in a billion."""
LOSS_GROWTH = 10.0
GRADIENT_GROWTH = 100.0
"""Factors over the median so far. The published DCGAN's gradient norm grows fourfold in 20 epochs."""
RECENT_ROWS = 5
COLLAPSE_IMAGES = 60_000
"""Before so many real images no collapse is reported. The published plain GAN's CFD rises until about 20,000 images,
and its images are noise until about 40,000."""
STILL_BETTER = 0.95
"""CFD divided by CFD at half as many images: below this the training still gets better. The published ones have 0.93
at most."""
MISSING_SHARE = 0.2
"""A class's share divided by its share among real images. The published models end with 0.25 and more for each
digit."""
ONE_CLASS = 0.9
"""The share of one class that counts as nearly all. Past COLLAPSE_IMAGES the published ones have 0.75 at most."""
DRAWN_COVERAGE = 0.01
"""From this coverage on images show something. The coverage of noise is 0, whatever its classes are."""
DRAWN_SHARE = 0.5
"""A class's share divided by its share among real images, from which on the class is drawn well."""


@dataclass(frozen=True)
class Diagnosis:
    """A finding, with its likely cause and one change to try. Both are empty where nothing needs to change."""

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
    "young",
    "info",
    "Too early to tell.",
    "The networks have seen few images. First strokes appear after about 60,000 images.",
)

HEALTHY = Diagnosis(
    "healthy",
    "success",
    "Healthy.",
    "D tells real from fake more often than not, and G still gets a signal to learn from. Look at the samples to "
    "judge the quality.",
)

UNJUDGED = Diagnosis(
    "unjudged",
    "success",
    "Nothing is wrong with losses and gradients.",
    "With this loss, D's outputs are not probabilities, so they do not show which network is ahead. Look at the "
    "samples to judge the quality.",
)

DISCRIMINATOR_WINS = Diagnosis(
    "discriminator-wins",
    "warning",
    "The discriminator wins.",
    "D(G(z)) has been near 0 for a long time. D is sure of every fake, so its gradient hardly helps G.",
    "Lower the discriminator's learning rate to a quarter.",
)

GENERATOR_WINS = Diagnosis(
    "generator-wins",
    "warning",
    "The discriminator is fooled.",
    "D has not separated fakes from real images for long. Unless the samples are perfect, D learns too slowly.",
    "Raise the discriminator's learning rate by a factor of four.",
)

MISSING_CLASSES = Diagnosis(
    "missing-classes",
    "warning",
    "The generator does not draw all classes.",
    "This is mode collapse: G draws only what D accepts. Losses may not show it, but the histogram of classes does.",
    "Start again with a gradient penalty, r1_gamma at 1. It keeps D's gradients small, so that G can spread out.",
)

COLLAPSED = Diagnosis(
    "collapsed",
    "error",
    "The generator has collapsed.",
    "This is mode collapse: G has moved to the one class that D accepted, before D could learn to reject it.",
    "Start again with the generator's learning rate at a quarter.",
)

DIVERGING = Diagnosis(
    "diverging",
    "error",
    "The training diverges.",
    "Losses or gradients have grown by orders of magnitude. The steps are so long that they overshoot.",
    "Lower both learning rates to a quarter; 2e-4 is usual for Adam.",
)


def diagnose(
    rows: Sequence[ProgressRow],
    state: str = "running",
    error: str = "",
    scores: Sequence[ScoreRow] = (),
    *,
    logits_are_probabilities: bool = True,
) -> Diagnosis:
    """Return the finding for these rows, oldest first. The newest rows are compared with up to USUAL_ROWS.

    `state` and `error` are the run's status, and `scores` all of its rows of scores, oldest first.
    `logits_are_probabilities` is a property of the run's loss. Without it, mean D(x) and D(G(z)) show an order only.
    A collapse is reported before the balance of the networks. Where one network is far ahead, that is its likely
    cause.
    """
    if state == "failed":
        return _failure(error)
    if diverges(rows):
        return DIVERGING
    balance = _balance(rows, logits_are_probabilities=logits_are_probabilities)
    collapsed = collapse(scores, finished=state == "finished")
    if collapsed and balance.level == "warning":
        return replace(collapsed, cause=balance.cause, remedy=balance.remedy)
    return collapsed or balance


def _balance(rows: Sequence[ProgressRow], *, logits_are_probabilities: bool) -> Diagnosis:
    """Return which network is ahead."""
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
    """Return whether the newest rows are orders of magnitude above the usual ones."""
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


def collapse(scores: Sequence[ScoreRow], *, finished: bool = False) -> Diagnosis | None:
    """Return the finding about classes that are not drawn; None where all are drawn, or the scores are too early.

    Images of nearly one class only are reported at once. A single class must be missing in two rows, because classes
    come and go. A class that was never drawn well is not reported while the training improves and is not `finished`.
    """
    scores = [row for row in scores if row.scale == scores[-1].scale]
    if not scores or scores[-1].images_seen < COLLAPSE_IMAGES:
        return None
    newest, drawn = scores[-1], [row for row in scores if row.coverage >= DRAWN_COVERAGE]
    # A training that ended with noise ended too early to tell a collapse from a beginning.
    patient = _gets_better(scores) and not (finished and drawn)
    share, digit = max((share, digit) for digit, share in enumerate(newest.class_histogram))
    lost = _missing(newest) & _drawn_well(scores[:-1])
    if share >= ONE_CLASS and (lost or not patient):
        return replace(
            COLLAPSED, title=f"The generator has collapsed: {share:.0%} of its images are of one class, {digit}."
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
    """Return whether CFD still falls as in sound trainings; also True where no row is old enough to compare with."""
    newest = scores[-1]
    halfway = [row for row in scores if row.images_seen <= newest.images_seen / 2]
    return not halfway or newest.cfd < STILL_BETTER * halfway[-1].cfd


def _missing(row: ScoreRow) -> set[int]:
    """Return the classes of which there are hardly any images."""
    return {digit for digit, share, real in _shares(row) if share < MISSING_SHARE * real}


def _drawn_well(rows: Iterable[ScoreRow]) -> set[int]:
    """Return the classes of which one of the rows has enough images. Rows of noise do not count."""
    drawn = (row for row in rows if row.coverage >= DRAWN_COVERAGE)
    return {digit for row in drawn for digit, share, real in _shares(row) if share >= DRAWN_SHARE * real}


def _shares(row: ScoreRow) -> Iterator[tuple[int, float, float]]:
    """Yield every class, its share of the images, and its share of as many real ones."""
    pairs = zip(row.class_histogram, row.real_class_histogram, strict=True)
    return ((digit, share, real) for digit, (share, real) in enumerate(pairs))


def _window(rows: Sequence[ProgressRow]) -> Sequence[ProgressRow]:
    """Return the newest rows that last WINDOW_ROWS and WINDOW_STEPS; none where there are too few."""
    for start in range(len(rows) - WINDOW_ROWS, -1, -1):
        if rows[-1].step - rows[start].step >= WINDOW_STEPS:
            return rows[start:]
    return ()


def _mean(values: Iterable[float]) -> float:
    """Return the mean. Values are divided before they are added: diverging ones may be near a float's limit."""
    numbers = list(values)
    return sum(number / len(numbers) for number in numbers)


def _failure(error: str) -> Diagnosis:
    if " became " in error:
        return Diagnosis(
            "not-finite",
            "error",
            "A value became infinite or NaN, and the training stopped itself.",
            "The last good weights are saved. The steps were too long, or the logits grew without bound.",
            "Start again with both learning rates at a quarter.",
        )
    return Diagnosis(
        "failed", "error", "The training failed.", remedy="Fix what the message names, then resume the training."
    )
