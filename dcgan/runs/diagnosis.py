"""Common failures of a training, recognized from its rows and scores. Standard library only.

The thresholds were set on recordings. Sound ones, the published models at every point of their training, never cross
them. Three published models are exceptions. The beginners' GAN loses the digit 2, which is reported from epoch 86 on.
The conditional GAN begins with one digit. That is reported at its second epoch, and it then learns the others. In the
Keras tutorial, dropout makes D weak: from the third epoch on it is reported as fooled, and the samples get better
slowly. The figures below are those of all others. Trainings with a learning rate a thousand times too small or a
hundred times too large cross them within an epoch. The thresholds of the balance are in the discriminator's terms:
the mean sigmoid of its logits.

Collapse is recognized from the scores. A classifier assigns a young generator's noise to one class, and the published
plain GAN learns some digits only after ten epochs. So classes that were never drawn mean nothing while a training
improves. In the published ones, CFD falls by 7 % and more with every doubling of the images seen, from 19,000 images
to their end. A class that was drawn before and is missing now is lost, even if all other classes improve.

Copies and overfitting are recognized from the scores of pictures: see copy_share and overfitting in ScoreRow.

The module has more than 250 lines because every threshold has its reason, and every finding its text, beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import ceil
from statistics import median
from typing import Any, Literal, NamedTuple

from dcgan.locale.language import tr, tr_later, tr_marked
from dcgan.runs.rows import ProgressRow, ScoreRow
from dcgan.runs.scores import draws_copies

Level = Literal["success", "info", "warning", "error"]

USUAL_ROWS = 2000
"""The newest rows, whose medians are the usual values."""
WINDOW_ROWS = 20
WINDOW_STEPS = 400
"""A state must last for so many rows and steps, because single batches vary much."""
YOUNG_IMAGES = 10_000
"""Before so many real images every GAN looks the same, so neither network is called ahead."""
USUAL_IMAGES = 80_000
"""The length of the preset for own pictures, which is suggested to a training that was shorter than YOUNG_IMAGES."""
PAIRS_SEPARATED = 0.02
"""D's loss where it compares pairs. Guesses have log 2 = 0.69. Sound trainings keep 0.13 in their first thousand
images, and later 0.2."""
OVERFITS = 0.45
"""r_v. Trainings on 316 and 450 emoji without augmentation reach it near SWD's lowest value, after 20,000 and 32,000
images. Later r_v may fall again, while SWD rises. On the 316 with augmentation SWD falls to the end, and the median
r_v is 0.41 at most."""
PAST_ITS_BEST = 1.08
"""The median SWD of the newest rows, divided by the lowest median. Above it the finding gets a sentence more.
A training on 3,407 emoji without augmentation reaches it two epochs after its best and stays there, while r_v is 0.2.
One on 50,000 clothes reaches it for a while and gets better again."""
OVERFITTING_ROWS = 3
"""The newest rows whose median r_v counts."""
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
        "noise",
        "diverging",
        "not-finite",
        "failed",
        "unjudged",
        "short",
        "copies",
        "overfits",
    ]
    level: Level
    title: str
    cause: str = ""
    remedy: str = ""

    def filled(self, **values: Any) -> Diagnosis:
        """Return the finding with its texts in the visitor's language, and with the values in their places."""
        title, cause, remedy = (tr_marked(text, **values) for text in (self.title, self.cause, self.remedy))
        return replace(self, title=title, cause=cause, remedy=remedy)


_TRAIN_LONGER = tr_later("Train to {epochs:,} epochs, which are about {usual_images:,} images.")

YOUNG = Diagnosis("young", "info", tr_later("Too early to tell."))

YOUNG_COUNTED = replace(
    YOUNG,
    cause=tr_later(
        "The networks have seen {images:,} images in {step:,} steps. Networks are judged from {needed_images:,} "
        "images and {needed_steps} steps on."
    ),
)

YOUNG_OF_STEPS = replace(
    YOUNG,
    cause=tr_later(
        "The networks have seen {images:,} images in {step:,} of {steps:,} steps. Networks are judged from "
        "{needed_images:,} images and {needed_steps} steps on."
    ),
)

YOUNG_TO_THE_END = replace(
    YOUNG,
    cause=tr_later(
        "The networks have seen {images:,} images in {step:,} of {steps:,} steps. Networks are judged from "
        "{needed_images:,} images and {needed_steps} steps on. This training ends before."
    ),
    remedy=_TRAIN_LONGER,
)

SHORT = Diagnosis(
    "short",
    "info",
    tr_later("The training was short."),
    tr_later(
        "It had {images:,} images in {step:,} steps. Networks are judged from {needed_images:,} images and "
        "{needed_steps} steps on."
    ),
    _TRAIN_LONGER,
)

HEALTHY = Diagnosis(
    "healthy",
    "success",
    tr_later("Healthy."),
    tr_later(
        "D tells real from fake more often than not, and G still gets a signal to learn from. Look at the samples to "
        "judge the quality."
    ),
)

UNJUDGED = Diagnosis(
    "unjudged",
    "success",
    tr_later("Nothing is wrong with losses and gradients."),
    tr_later(
        "With this loss, D's outputs are not probabilities, so they do not show which network is ahead. Look at the "
        "samples to judge the quality."
    ),
)

DISCRIMINATOR_WINS = Diagnosis(
    "discriminator-wins",
    "warning",
    tr_later("The discriminator wins."),
    tr_later("D(G(z)) has been near 0 for a long time. D is sure of every fake, so its gradient hardly helps G."),
    tr_later("Lower the discriminator's learning rate to a quarter."),
)

PAIRS_HEALTHY = replace(
    HEALTHY,
    cause=tr_later(
        "The loss compares each real image with a generated one. D's loss is {loss:.2f}: 0.69 is guessing, 0 is "
        "certainty. Look at the samples to judge the quality."
    ),
)

PAIRS_WON = replace(
    DISCRIMINATOR_WINS,
    cause=tr_later(
        "The loss compares each real image with a generated one. D's loss is {loss:.3f}: 0.69 is guessing, 0 is "
        "certainty. So D's gradient hardly helps G."
    ),
    remedy=tr_later("Raise the penalties r1_gamma and r2_gamma by a factor of four."),
)

GENERATOR_WINS = Diagnosis(
    "generator-wins",
    "warning",
    tr_later("The discriminator is fooled."),
    tr_later(
        "D has not separated fakes from real images for long. Unless the samples are perfect, D learns too slowly."
    ),
    tr_later("Raise the discriminator's learning rate by a factor of four."),
)

MISSING_CLASSES = Diagnosis(
    "missing-classes",
    "warning",
    tr_later("The generator does not draw all classes."),
    tr_later(
        "This is mode collapse: G draws only what D accepts. Losses may not show it, but the histogram of classes "
        "does."
    ),
    tr_later(
        "Start again with a gradient penalty, r1_gamma at 1. It keeps D's gradients small, so that G can spread out."
    ),
)

MISSING_TITLES = {
    (False, False): tr_later("The generator hardly draws {last}."),
    (False, True): tr_later("The generator hardly draws {others} and {last}."),
    (True, False): tr_later("The generator no longer draws {last}."),
    (True, True): tr_later("The generator no longer draws {others} and {last}."),
}
"""Whether the classes were drawn before, and whether they are several -> the title."""

COLLAPSED = Diagnosis(
    "collapsed",
    "error",
    tr_later("The generator has collapsed."),
    tr_later(
        "This is mode collapse: G has moved to the one class that D accepted, before D could learn to reject it."
    ),
    tr_later("Start again with the generator's learning rate at a quarter."),
)

NOISE = Diagnosis(
    "noise",
    "warning",
    tr_later("The images show nothing yet."),
    tr_later(
        "After {images:,} images nearly no real image has a generated one near it: coverage is {coverage:.3f}, and "
        "{real:.2f} for real images."
    ),
    tr_later("Resume the training with more epochs if CFD still falls. Else start again with another recipe."),
)

DIVERGING = Diagnosis(
    "diverging",
    "error",
    tr_later("The training diverges."),
    tr_later("Losses or gradients have grown by orders of magnitude. The steps are so long that they overshoot."),
    tr_later("Lower both learning rates to a quarter; 2e-4 is usual for Adam."),
)


COPIES = Diagnosis(
    "copies",
    "warning",
    tr_later("The generator copies training pictures."),
    tr_later("{share:.0%} of its images are near to one training picture only. Of real pictures, {real:.0%} are."),
    tr_later("Add pictures, or start again with augment at translate. Earlier weights may copy less."),
)

OVERFITTING = Diagnosis(
    "overfits",
    "warning",
    tr_later("D tells your training pictures from your other pictures: r_v is {r_v:.2f}."),
    tr_later(
        "D places {count} held-out pictures {r_v:.0%} of the way from training pictures to generated ones. It knows "
        "the training pictures by heart, and leads G to them."
    ),
    tr_later("Add pictures, or start again with augment at translate. SWD was lowest at epoch {epoch:.3g}."),
)

NOT_FINITE = Diagnosis(
    "not-finite",
    "error",
    tr_later("A value became infinite or NaN, and the training stopped itself."),
    tr_later("The last good weights are saved. The steps were too long, or the logits grew without bound."),
    tr_later("Start again with both learning rates at a quarter."),
)

FAILED = Diagnosis(
    "failed",
    "error",
    tr_later("The training failed."),
    remedy=tr_later("Fix what the message names, then resume the training."),
)


def diagnose(
    rows: Sequence[ProgressRow],
    state: str = "running",
    error: str = "",
    scores: Sequence[ScoreRow] = (),
    *,
    steps: int = 0,
    logits_are_probabilities: bool = True,
    pairs_real_with_fake: bool = False,
) -> Diagnosis:
    """Return the finding for these rows, oldest first. The newest rows are compared with up to USUAL_ROWS.

    `state`, `error` and `steps` are the run's status, and `scores` all of its rows of scores, oldest first.
    `logits_are_probabilities` and `pairs_real_with_fake` are properties of the run's loss. Without the first, mean
    D(x) and D(G(z)) show an order only. A collapse is reported before the balance of the networks. Where one network
    is far ahead, that is its likely cause. The texts are in the visitor's language.
    """
    if state == "failed":
        return _failure(error)
    if diverges(rows):
        return DIVERGING.filled()
    if not _is_long(rows):
        balance = _early(rows, state, steps)
    elif pairs_real_with_fake:
        balance = _balance_of_pairs(rows)
    else:
        balance = _balance(rows, logits_are_probabilities=logits_are_probabilities)
    collapsed = collapse(scores, finished=state == "finished")
    if collapsed and balance.level == "warning":
        return replace(collapsed, cause=balance.cause, remedy=balance.remedy)
    if collapsed or balance.level == "warning":
        return collapsed or balance
    if state == "finished" and (noise := still_noise(scores)):
        return noise
    return copies(scores) or overfitting(scores) or _with_pictures(balance, scores)


def _is_long(rows: Sequence[ProgressRow]) -> bool:
    """Return whether the newest rows are enough to judge the networks by."""
    return len(_window(rows)) >= WINDOW_ROWS and rows[-1].images_seen >= YOUNG_IMAGES


def _early(rows: Sequence[ProgressRow], state: str, steps: int) -> Diagnosis:
    """Return what can be said before the networks can be judged, counted in this training's own steps and images."""
    if not rows:
        return YOUNG.filled()
    images, step = rows[-1].images_seen, rows[-1].step
    if state == "finished":
        result = SHORT
    elif 0 < steps < WINDOW_STEPS or 0 < steps * images < YOUNG_IMAGES * step:
        result = YOUNG_TO_THE_END
    else:
        result = YOUNG_OF_STEPS if steps else YOUNG_COUNTED
    return result.filled(
        images=images,
        step=step,
        steps=steps,
        needed_images=YOUNG_IMAGES,
        needed_steps=WINDOW_STEPS,
        epochs=ceil(USUAL_IMAGES * rows[-1].epoch / images) if images else 0,
        usual_images=USUAL_IMAGES,
    )


def _balance_of_pairs(rows: Sequence[ProgressRow]) -> Diagnosis:
    """Return which network is ahead where D's loss compares real with generated images."""
    loss = _mean(row.d_loss for row in _window(rows))
    result = PAIRS_WON if loss < PAIRS_SEPARATED else PAIRS_HEALTHY
    return result.filled(loss=loss)


def _balance(rows: Sequence[ProgressRow], *, logits_are_probabilities: bool) -> Diagnosis:
    """Return which network is ahead."""
    if not logits_are_probabilities:
        return UNJUDGED.filled()
    window = _window(rows)
    d_real, d_fake = _mean(row.d_real for row in window), _mean(row.d_fake for row in window)
    if d_real - d_fake < GAP_FOOLED:
        return GENERATOR_WINS.filled()
    if d_fake < D_FAKE_LOST:
        return DISCRIMINATOR_WINS.filled()
    return HEALTHY.filled()


def copies(scores: Sequence[ScoreRow]) -> Diagnosis | None:
    """Return the finding about copies of training pictures; None where there are few, or nothing was measured."""
    if not scores or (share := scores[-1].copy_share) is None or (real := scores[-1].real_copy_share) is None:
        return None
    return COPIES.filled(share=share, real=real) if draws_copies(share, real) else None


def overfitting(scores: Sequence[ScoreRow]) -> Diagnosis | None:
    """Return the finding about a discriminator that knows its training pictures by heart; None for a sound one."""
    r_v = newest_r_v(scores)
    if r_v is None or r_v < OVERFITS:
        return None
    measured = [row for row in scores if row.swd is not None and row.scale == scores[-1].scale]
    best = min(measured, key=lambda row: row.swd or 0.0, default=scores[-1])
    return OVERFITTING.filled(r_v=r_v, count=scores[-1].num_held_out, epoch=best.epoch)


def newest_r_v(scores: Sequence[ScoreRow]) -> float | None:
    """Return the median r_v of the newest rows that have one; None where no row has."""
    values = [row.overfitting for row in scores if row.overfitting is not None]
    return median(values[-OVERFITTING_ROWS:]) if values else None


def _with_pictures(balance: Diagnosis, scores: Sequence[ScoreRow]) -> Diagnosis:
    """Return the finding with sentences about the scores of pictures, if there are any."""
    sentences = [balance.cause]
    if (r_v := newest_r_v(scores)) is not None:
        sentences.append(
            tr("D hardly tells your training pictures from your other pictures: r_v is {r_v:.2f}.", r_v=r_v)
        )
    if (best := best_before(scores)) is not None:
        sentences.append(
            tr("SWD was lowest near epoch {epoch:.3g}: {best:.0f}. Now it is {swd:.0f}.", **best._asdict())
        )
    return replace(balance, cause=" ".join(sentences).strip())


class Best(NamedTuple):
    """The lowest SWD of a training that is past it, and the present one. Both are medians of some rows."""

    epoch: float
    best: float
    swd: float


def best_before(scores: Sequence[ScoreRow]) -> Best | None:
    """Return the lowest SWD of a training whose newest rows are clearly above it; None for all others."""
    rows = [(row.epoch, row.swd) for row in scores if row.swd is not None and row.scale == scores[-1].scale]
    medians = [
        (rows[i + OVERFITTING_ROWS // 2][0], median(swd for _, swd in rows[i : i + OVERFITTING_ROWS]))
        for i in range(len(rows) - OVERFITTING_ROWS + 1)
    ]
    if not medians:
        return None
    epoch, best = min(medians, key=lambda item: item[1])
    return Best(epoch, best, medians[-1][1]) if medians[-1][1] > PAST_ITS_BEST * best else None


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
    scores = [row for row in scores if row.class_histogram and row.scale == scores[-1].scale]
    if not scores or scores[-1].images_seen < COLLAPSE_IMAGES:
        return None
    newest, drawn = scores[-1], [row for row in scores if _shows_something(row)]
    # A training that ended with noise ended too early to tell a collapse from a beginning.
    patient = _gets_better(scores) and not (finished and drawn)
    share, digit = max((share, digit) for digit, share in enumerate(newest.class_histogram))
    lost = _missing(newest) & _drawn_well(scores[:-1])
    if share >= ONE_CLASS and (lost or not patient):
        title = tr_later("The generator has collapsed: {share:.0%} of its images are of one class, {digit}.")
        return replace(COLLAPSED, title=title).filled(share=share, digit=digit)
    missing = set.intersection(*(_missing(row) for row in scores[-2:])) if len(scores) > 1 else set()
    lost = missing & _drawn_well(scores[:-2])
    missing = lost if patient else missing
    if not missing:
        return None
    *others, last = (str(digit) for digit in sorted(missing))
    title = MISSING_TITLES[missing == lost, bool(others)]
    return replace(MISSING_CLASSES, title=title).filled(others=", ".join(others), last=last)


def still_noise(scores: Sequence[ScoreRow]) -> Diagnosis | None:
    """Return the finding about a finished training whose images show nothing; None for others and short ones."""
    if not scores or (newest := scores[-1]).images_seen < COLLAPSE_IMAGES or newest.coverage is None:
        return None
    if _shows_something(newest):
        return None
    return NOISE.filled(images=newest.images_seen, coverage=newest.coverage, real=newest.real_coverage or 0.0)


def _gets_better(scores: Sequence[ScoreRow]) -> bool:
    """Return whether CFD still falls as in sound trainings; also True where no row is old enough to compare with."""
    newest = scores[-1]
    halfway = [row for row in scores if row.images_seen <= newest.images_seen / 2]
    return not halfway or (newest.cfd or 0.0) < STILL_BETTER * (halfway[-1].cfd or 0.0)


def _shows_something(row: ScoreRow) -> bool:
    return row.coverage is not None and row.coverage >= DRAWN_COVERAGE


def _missing(row: ScoreRow) -> set[int]:
    """Return the classes of which there are hardly any images."""
    return {digit for digit, share, real in _shares(row) if share < MISSING_SHARE * real}


def _drawn_well(rows: Iterable[ScoreRow]) -> set[int]:
    """Return the classes of which one of the rows has enough images. Rows of noise do not count."""
    drawn = filter(_shows_something, rows)
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
    return NOT_FINITE.filled() if " became " in error else FAILED.filled()
