"""The diagnosis of trainings whose state is known: made by hand, and recorded."""

from __future__ import annotations

import re
from dataclasses import replace
from math import ceil
from pathlib import Path

import numpy as np
import published
import pytest
from recorded import progress_row, score_row

from dcgan.files import CHECKPOINTS
from dcgan.runs import diagnosis
from dcgan.runs.diagnosis import (
    COLLAPSE_IMAGES,
    MISSING_SHARE,
    ONE_CLASS,
    STILL_BETTER,
    collapse,
    diagnose,
)
from dcgan.runs.rows import MAX_NUMBER, ProgressRow, ScoreRow
from dcgan.runs.run import Run
from dcgan.training.losses import logits_are_probabilities, pairs_real_with_fake

PUBLISHED = sorted(published.NAMES)
FIRST_EPOCHS = {"pictures-emoji": 3}
"""Trainings with short epochs are young for longer."""
WEAK_D = "dcgan-keras-mnist"
"""Its D is right about little more than half of the images, since dropout hides 40 % of its features."""


def rows(count: int = 60, first: int = 1, **values: float) -> list[ProgressRow]:
    """Return a row every 25 steps of batches of 32, in balance except for `values`."""
    sound = {"d_loss": 0.3, "g_loss": 2.0, "d_real": 0.75, "d_fake": 0.15, "d_grad_norm": 5.0, "g_grad_norm": 20.0}
    return [
        replace(progress_row(25 * n), images_seen=800 * n, **(sound | values)) for n in range(first, first + count)
    ]


def kind(*arguments: object, **more: object) -> str:
    return diagnose(*arguments, **more).kind


def test_a_balance_is_healthy_and_needs_nothing():
    result = diagnose(rows())
    assert (result.kind, result.level, result.remedy) == ("healthy", "success", "")


def test_before_that_it_counts_in_the_training_s_own_steps_and_images():
    result = diagnose(rows(2), steps=5000)
    assert "1,600 images in 50 of 5,000 steps" in result.cause
    assert not result.remedy
    short = diagnose(rows(2), steps=80)
    assert short.kind == "young"
    assert short.remedy


@pytest.mark.parametrize("images_per_row", [50, 351])
def test_a_small_training_that_has_finished_is_short_and_not_too_early_to_tell(images_per_row):
    few = [replace(row, images_seen=images_per_row * n, epoch=float(n)) for n, row in enumerate(rows(20), 1)]
    result = diagnose(few, "finished", steps=500)
    assert (result.kind, result.level) == ("short", "info")
    assert f"{20 * images_per_row:,} images in 500 steps" in result.cause
    assert f"{ceil(80_000 / images_per_row):,} epochs" in result.remedy
    assert kind(few, "stopped", steps=500) == "young"


@pytest.mark.parametrize("count", [0, 1, 2, 12])
def test_before_ten_thousand_images_it_is_too_early(count):
    assert kind(rows(count)) == "young"
    assert kind(rows(count, d_fake=0.0001)) == "young"


def test_many_rows_of_few_steps_are_still_early():
    assert kind([replace(progress_row(n), images_seen=100 * n) for n in range(1, 300)]) == "young"


# Means of the last 20 rows of real trainings: dcgan with lr_g 2e-6 and lr_d 2e-3; with lr_d 1e-7; gan with lr_d 1e-6.
SICK = {
    "discriminator-wins": [{"d_real": 0.9, "d_fake": 5.24e-5, "d_loss": 0.163, "g_loss": 9.22, "g_grad_norm": 40.4}],
    "generator-wins": [
        {"d_real": 0.559, "d_fake": 0.9, "d_loss": 1.46, "g_loss": 0.325, "g_grad_norm": 0.0226},
        {"d_real": 0.506, "d_fake": 0.518, "d_loss": 0.707, "g_loss": 0.666, "g_grad_norm": 0.0105},
    ],
}


@pytest.mark.parametrize(("expected", "values"), [(kind, values) for kind, many in SICK.items() for values in many])
def test_a_dominant_network_is_a_warning_with_cause_and_remedy(expected, values):
    result = diagnose(rows(**values))
    assert (result.kind, result.level) == (expected, "warning")
    assert result.cause.endswith(".")
    assert result.remedy.count("learning rate") == 1


def test_a_short_advantage_is_healthy():
    assert kind([*rows(40), *rows(10, first=41, d_fake=0.001)]) == "healthy"


def test_a_loss_that_recovered_is_healthy():
    assert kind([*rows(40, d_fake=0.0001), *rows(40, first=41)]) == "healthy"


@pytest.mark.parametrize(
    ("name", "value"), [("d_loss", 40.0), ("g_loss", 1e5), ("d_grad_norm", 1e4), ("g_grad_norm", 1e30)]
)
def test_orders_of_magnitude_are_divergence_at_any_age(name, value):
    for age in (10, 60):
        result = diagnose([*rows(age), *rows(5, first=age + 1, **{name: value})], logits_are_probabilities=False)
        assert (result.kind, result.level) == ("diverging", "error")
        assert "Lower both learning rates" in result.remedy


def test_a_loss_that_was_always_large_does_not_diverge():
    assert kind(rows(g_loss=-500.0, d_loss=300.0), logits_are_probabilities=False) == "unjudged"


def test_outputs_that_are_not_probabilities_get_no_verdict():
    assert kind(rows(d_fake=0.0001), logits_are_probabilities=False) == "unjudged"
    assert kind(rows(5), logits_are_probabilities=False) == "young"


@pytest.mark.parametrize(
    ("loss", "expected", "level"),
    [(0.001, "discriminator-wins", "warning"), (0.13, "healthy", "success"), (0.697, "healthy", "success")],
)
def test_a_loss_of_pairs_is_judged_by_its_own_scale(loss, expected, level):
    result = diagnose(rows(d_loss=loss), logits_are_probabilities=False, pairs_real_with_fake=True)
    assert (result.kind, result.level) == (expected, level)
    assert "0.69 is guessing" in result.cause
    assert ("r1_gamma" in result.remedy) == (level == "warning")


def picture_row(step: int, **values: float | None) -> ScoreRow:
    measure = {"num_images": 40, "classifier": "patches of 40 training pictures", "classifier_hash": "0123"}
    place = {"epoch": step / 10, "images_seen": 400 * step, "wall_seconds": 1.0 * step, "scoring_seconds": 1.0}
    scores = {"swd": 30.0, "real_swd": 10.0, "copy_share": 0.05, "real_copy_share": 0.05, "num_held_out": 16}
    return ScoreRow(step=step, **(measure | place | scores | values))


def test_a_discriminator_that_knows_its_pictures_is_a_warning_with_the_best_epoch():
    scores = [
        picture_row(10 * n, overfitting=r_v, swd=swd) for n, r_v, swd in ((1, 0.1, 40), (2, 0.6, 20), (3, 0.7, 30))
    ]
    result = diagnose(rows(), scores=scores)
    assert (result.kind, result.level) == ("overfits", "warning")
    assert result.title == "D tells your training pictures from your other pictures: r_v is 0.60."
    assert "16 held-out pictures 60%" in result.cause
    assert "epoch 2." in result.remedy
    assert kind(rows(5), "finished", scores=scores) == "overfits"


@pytest.mark.parametrize(
    ("values", "first"),
    [
        ([-0.06, -0.17, 0.33, 0.47, 0.57, 0.72, 0.53, 0.65, 0.49, 0.49], 5),
        ([-0.22, 0.33, 0.23, 0.36, 0.26, 0.38, 0.67, 0.48, 0.54, 0.54], 8),
        ([None, None, 0.36, 0.2, 0.33, 0.3, 0.41, 0.5, 0.35, 0.35], None),
    ],
    ids=["316 pictures", "450 pictures", "316 pictures, augmented"],
)
def test_measured_trainings_overfit_from_their_best_epoch_on(values, first):
    """Those of docs/own-images.md. SWD is lowest at epochs 6, 8 and 10."""
    scores = [picture_row(10 * n, overfitting=r_v) for n, r_v in enumerate(values, 1)]
    kinds = [kind(rows(), scores=scores[:n]) for n in range(1, len(scores) + 1)]
    late = [] if first is None else [*range(first, 11)]
    assert [n for n, found in enumerate(kinds, 1) if found == "overfits"] == late


@pytest.mark.parametrize(
    ("values", "first"),
    [
        ([252, 256, 249, 207, 176, 181, 160, 151, 144, 137, 130, 121, 121, 131, 133, 134, 135], 15),
        ([288, 217, 226, 234, 217, 199, 180, 174, 170, 153, 148, 142, 138, 129, 126, 122, 120], None),
        ([261, 209, 204, 184, 163, 160, 149, 150, 143, 138], None),
        ([10.0, 30.0], None),
    ],
    ids=["3,407 pictures", "3,407 pictures, augmented", "316 pictures, augmented", "two rows"],
)
def test_measured_trainings_past_their_best_epoch_are_told_so(values, first):
    """Those of docs/own-images.md."""
    scores = [picture_row(10 * n, overfitting=0.2, swd=swd) for n, swd in enumerate(values, 1)]
    causes = [diagnose(rows(), scores=scores[:n]).cause for n in range(1, len(scores) + 1)]
    late = [] if first is None else [*range(first, len(values) + 1)]
    assert [n for n, cause in enumerate(causes, 1) if "SWD was lowest near" in cause] == late
    if late:
        assert "SWD was lowest near epoch 12: 121. Now it is 134." in causes[-1]


def test_one_row_that_overfits_among_sound_ones_is_chance_and_the_number_is_named():
    scores = [picture_row(10 * n, overfitting=r_v) for n, r_v in enumerate((None, 0.1, 0.9, 0.2), 1)]
    result = diagnose(rows(), scores=scores)
    assert result.kind == "healthy"
    assert "r_v is 0.20" in result.cause
    assert "r_v" not in diagnose(rows(), scores=[picture_row(10)]).cause


def test_copies_are_reported_beside_the_share_of_real_pictures():
    result = diagnose(rows(), scores=[picture_row(10, copy_share=0.8, real_copy_share=0.1)])
    assert (result.kind, result.level) == ("copies", "warning")
    assert "80%" in result.cause
    assert "10%" in result.cause
    assert kind(rows(), scores=[picture_row(10, copy_share=None, real_copy_share=None)]) == "healthy"


def test_a_failure_is_recognized_by_its_message():
    nan = "g_loss became nan at step 7 (epoch 0.01); the last good weights are kept; try lower learning rates"
    assert kind(rows(), "failed", nan) == "not-finite"
    assert kind([], "failed", "progress.jsonl could not be written (No space left on device)") == "failed"
    assert diagnose([], "failed", nan).level == "error"


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in PUBLISHED if name != WEAK_D])
def test_the_published_recordings_are_healthy_from_their_first_epoch_on(name):
    run = Run(CHECKPOINTS / name)
    recorded, loss = run.progress()[0], run.config().loss
    properties = {
        "logits_are_probabilities": logits_are_probabilities(loss),
        "pairs_real_with_fake": pairs_real_with_fake(loss),
    }
    for end in range(len(recorded), 0, -7):
        if recorded[end - 1].epoch >= FIRST_EPOCHS.get(name, 1.5):
            assert kind(recorded[:end], **properties) == "healthy", recorded[end - 1]
    assert kind(recorded[:6], **properties) == "young"


def test_the_published_recording_with_a_weak_discriminator_is_reported_to_its_end():
    recorded = Run(CHECKPOINTS / WEAK_D).progress()[0]
    kinds = {kind(recorded[: end + 1]) for end, row in enumerate(recorded) if row.epoch >= 2.5}
    assert kinds == {"generator-wins"}
    assert 0.5 < np.mean([row.d_real_accuracy for row in recorded[-50:]]) < 0.6


@pytest.mark.parametrize("value", [0.0, MAX_NUMBER, -MAX_NUMBER])
def test_any_finite_row_gets_an_answer(value):
    for count in (1, 7, 60):
        assert diagnose(rows(count, d_loss=value, g_loss=value, d_grad_norm=value, g_grad_norm=value)).title


# Collapse. The numbers are those of 2,000 images of the generators that the published recordings keep along the way,
# at 0.3, 0.6, 1.25, 2.5, 5, 10 and 20 epochs: images seen, CFD, coverage, and the share of each digit.

FLOOR = (0.0865, 0.126, 0.1015, 0.1175, 0.092, 0.092, 0.096, 0.0995, 0.0905, 0.0985)
MEASURED = {
    "gan-mnist": [
        (18752, 111.10, 0.000, (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0)),
        (37504, 82.14, 0.000, (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0)),
        (75008, 72.15, 0.000, (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.252, 0.748)),
        (150016, 43.08, 0.004, (0.004, 0.349, 0.044, 0.089, 0.005, 0.165, 0.007, 0.009, 0.328, 0.0)),
        (300000, 38.03, 0.030, (0.0, 0.62, 0.018, 0.03, 0.087, 0.027, 0.003, 0.021, 0.142, 0.051)),
        (600000, 19.28, 0.106, (0.013, 0.344, 0.034, 0.075, 0.087, 0.034, 0.077, 0.133, 0.102, 0.102)),
        (1200000, 9.16, 0.232, (0.094, 0.264, 0.025, 0.09, 0.059, 0.049, 0.097, 0.136, 0.083, 0.103)),
    ],
    "dcgan-mnist": [
        (18752, 21.84, 0.030, (0.043, 0.046, 0.083, 0.26, 0.108, 0.083, 0.034, 0.089, 0.179, 0.074)),
        (37504, 17.11, 0.046, (0.114, 0.056, 0.079, 0.153, 0.036, 0.117, 0.058, 0.159, 0.112, 0.117)),
        (75008, 10.26, 0.090, (0.121, 0.072, 0.07, 0.104, 0.051, 0.091, 0.087, 0.146, 0.112, 0.144)),
        (150016, 8.04, 0.121, (0.128, 0.082, 0.062, 0.093, 0.061, 0.108, 0.102, 0.134, 0.093, 0.137)),
        (300000, 4.89, 0.172, (0.113, 0.087, 0.075, 0.104, 0.068, 0.087, 0.105, 0.131, 0.092, 0.137)),
        (600000, 3.03, 0.235, (0.101, 0.092, 0.081, 0.096, 0.088, 0.085, 0.11, 0.126, 0.111, 0.112)),
        (1200000, 2.13, 0.301, (0.116, 0.111, 0.079, 0.093, 0.102, 0.084, 0.09, 0.126, 0.099, 0.101)),
    ],
    "cdcgan-mnist": [
        (18816, 60.03, 0.005, (0.0, 0.025, 0.024, 0.0, 0.0, 0.007, 0.0, 0.0, 0.943, 0.002)),
        (37632, 25.07, 0.019, (0.021, 0.123, 0.179, 0.057, 0.079, 0.062, 0.061, 0.209, 0.154, 0.053)),
        (75136, 15.40, 0.056, (0.065, 0.095, 0.07, 0.196, 0.085, 0.145, 0.068, 0.139, 0.069, 0.069)),
        (150144, 9.20, 0.095, (0.082, 0.103, 0.074, 0.155, 0.098, 0.136, 0.074, 0.121, 0.077, 0.08)),
        (300160, 2.46, 0.267, (0.101, 0.101, 0.094, 0.105, 0.096, 0.102, 0.097, 0.111, 0.098, 0.097)),
        (600320, 1.35, 0.377, (0.101, 0.1, 0.099, 0.099, 0.101, 0.101, 0.1, 0.099, 0.098, 0.104)),
        (1200640, 0.57, 0.437, (0.101, 0.102, 0.097, 0.101, 0.099, 0.1, 0.101, 0.1, 0.1, 0.102)),
    ],
}


def measured(name: str) -> list[ScoreRow]:
    return [
        score_row(
            step, images_seen=images, cfd=cfd, coverage=coverage, class_histogram=shares, real_class_histogram=FLOOR
        )
        for step, (images, cfd, coverage, shares) in enumerate(MEASURED[name], 1)
    ]


@pytest.mark.parametrize("name", MEASURED)
def test_the_published_generators_raise_no_alarm_with_their_last_epochs_all_alike(name):
    recorded = measured(name)
    tail = [replace(recorded[-1], step=step, images_seen=100_000 * step) for step in range(12, 40)]
    assert collapse([*recorded, *tail]) is None


LOSES_A_DIGIT = "gan-beginners-mnist"
BEGINS_WITH_ONE = "cgan-mnist"
# Every sound recording that knows its scores: those that recorded them, and those that were measured above.
SCORED = {
    name: scores
    for name in published.DIGIT_NAMES
    if (scores := Run(CHECKPOINTS / name).scores()) and name not in (LOSES_A_DIGIT, BEGINS_WITH_ONE)
}
SCORED |= {name: measured(name) for name in MEASURED}


@pytest.mark.parametrize("name", SCORED)
def test_the_published_recordings_raise_no_alarm_at_any_row_nor_when_they_are_finished(name):
    recorded = SCORED[name]
    for end in range(len(recorded) + 1):
        assert collapse(recorded[:end]) is None, recorded[end - 1]
    assert collapse(recorded, finished=True) is None


def test_the_published_recording_that_loses_a_digit_is_reported():
    rows = Run(CHECKPOINTS / LOSES_A_DIGIT).scores()
    result = collapse(rows, finished=True)
    assert (result.kind, result.level) == ("missing-classes", "warning")
    assert result.title == "The generator no longer draws 2."
    drawn = [row.class_histogram[2] for row in rows]
    assert max(drawn[:30]) > 0.05 > 0.02 > drawn[-1]


def test_the_published_recording_that_begins_with_one_digit_is_reported_until_it_draws_the_others():
    rows = Run(CHECKPOINTS / BEGINS_WITH_ONE).scores()
    reported = {rows[end - 1].epoch: result for end in range(1, len(rows) + 1) if (result := collapse(rows[:end]))}
    assert {result.kind for result in reported.values()} == {"collapsed"}
    assert set(reported) == {2.0}
    assert collapse(rows, finished=True) is None


def ratios(rows: list[ScoreRow]) -> dict[int, float]:
    """Return images seen -> CFD divided by CFD at half as many or fewer images."""
    before = {row.images_seen: [old for old in rows if old.images_seen <= row.images_seen / 2] for row in rows}
    return {row.images_seen: row.cfd / old[-1].cfd for row in rows if (old := before[row.images_seen])}


def stated(pattern: str) -> float:
    """Return the number in the module's own text."""
    text = " ".join(Path(diagnosis.__file__).read_text(encoding="utf-8").split())
    (number,) = re.findall(pattern, text)
    return float(number)


def test_the_stated_figures_are_those_of_the_published_recordings():
    slowest = max(ratio for rows in SCORED.values() for ratio in ratios(rows).values())
    number = stated(r"below this the training still gets better\. The published ones have ([\d.]+) at most")
    assert number == ceil(100 * slowest) / 100 < STILL_BETTER
    assert stated(r"CFD falls by (\d+) % and more") == int(100 * (1 - slowest))
    past = [row for rows in SCORED.values() for row in rows if row.images_seen >= COLLAPSE_IMAGES]
    commonest = max(max(row.class_histogram) for row in past)
    number = stated(r"Past COLLAPSE_IMAGES the published ones have ([\d.]+) at most")
    assert number == pytest.approx(commonest, abs=0.01)
    assert commonest < ONE_CLASS
    rarest = min(share / real for rows in SCORED.values() for _, share, real in diagnosis._shares(rows[-1]))
    number = stated(r"The published models end with ([\d.]+) and more for each digit")
    assert number == pytest.approx(rarest, abs=0.01)
    assert rarest > MISSING_SHARE


def without(*digits: int, share: float = 0.0) -> tuple[float, ...]:
    """Return the shares of a generator that draws only the other digits, and these with `share`."""
    rest = (1 - share * len(digits)) / (10 - len(digits))
    return tuple(share if digit in digits else rest for digit in range(10))


def scored(epochs: int = 8, **last: object) -> list[ScoreRow]:
    """Return healthy epochs, then two with the changed values that are not better than those before."""
    sound = [score_row(2 * n) for n in range(1, epochs + 1)]
    return [*sound, *(score_row(2 * n, **({"cfd": 30.0} | last)) for n in (epochs + 1, epochs + 2))]


@pytest.mark.parametrize(
    ("digits", "title"),
    [
        ((1, 4, 7), "The generator no longer draws 1, 4 and 7."),
        ((0, 9), "The generator no longer draws 0 and 9."),
        ((8,), "The generator no longer draws 8."),
    ],
)
def test_lost_digits_are_named_with_cause_and_remedy(digits, title):
    result = diagnose(rows(), scores=scored(class_histogram=without(*digits, share=0.01)))
    assert (result.kind, result.level, result.title) == ("missing-classes", "warning", title)
    assert result.cause.endswith(".")
    assert "r1_gamma" in result.remedy


def test_digits_that_were_never_drawn_are_not_lost():
    drawn = without(2, 3)
    result = collapse([score_row(2 * n, cfd=20.0, class_histogram=drawn) for n in range(1, 9)])
    assert result.title == "The generator hardly draws 2 and 3."
    noise = score_row(2, cfd=20.0, coverage=0.001)  # taken for all digits, and like none
    result = collapse([noise, *(score_row(2 * n, cfd=20.0, class_histogram=drawn) for n in range(2, 9))])
    assert result.title == "The generator hardly draws 2 and 3."


def falling(*last: dict[str, object], epochs: int = 8) -> list[ScoreRow]:
    """Return rows whose CFD halves with every doubling of the images; `last` are the newest rows."""
    rows = [score_row(2 * n, cfd=40.0 / n) for n in range(1, epochs + len(last) + 1)]
    return [*rows[:epochs], *(replace(row, **changes) for row, changes in zip(rows[epochs:], last, strict=True))]


def test_a_lost_digit_is_reported_while_the_others_improve():
    lost = {"class_histogram": without(5)}
    assert diagnose(rows(), scores=falling(lost, lost)).title == "The generator no longer draws 5."
    assert collapse(falling(lost)) is None  # of one row only
    assert collapse(falling(lost, {})) is None
    one = {"class_histogram": without(*range(9), share=0.005)}
    assert collapse(falling(one)).kind == "collapsed"


def test_only_a_digit_that_was_drawn_well_is_reported_while_the_others_improve():
    def late(share: float) -> list[ScoreRow]:
        scores = [replace(row, class_histogram=without(5, share=share)) for row in falling()]
        return [*scores, *falling({"class_histogram": without(5, 6)}, {"class_histogram": without(5, 6)})[-2:]]

    assert collapse(late(0.06)).title == "The generator no longer draws 5 and 6."
    assert collapse(late(0.04)).title == "The generator no longer draws 6."
    noise = [replace(row, coverage=0.001) for row in falling()]
    assert collapse([*noise, *late(0.06)[-2:]]) is None


def test_classes_that_a_finished_training_does_not_draw_are_reported_even_if_it_improves():
    never = [replace(row, class_histogram=without(5)) for row in falling()]
    assert [kind(rows(), state, scores=never) for state in ("running", "stopped", "finished")] == [
        "healthy",
        "healthy",
        "missing-classes",
    ]
    assert collapse(never, finished=True).title == "The generator hardly draws 5."
    assert collapse(never[-1:], finished=True) is None  # one row may be chance
    one = [replace(row, class_histogram=without(*range(9))) for row in falling()]
    assert [getattr(collapse(one, finished=finished), "kind", "") for finished in (False, True)] == ["", "collapsed"]
    noise = [replace(row, coverage=0.0) for row in one]
    assert collapse(noise, finished=True) is None  # no digit was ever drawn: it is young, and not collapsed


def test_digits_that_come_and_go_are_not_missing():
    shares = [without(2), without(3)]
    first, second = scored()[-2:]
    flickering = [replace(row, class_histogram=share) for row, share in zip((first, second), shares, strict=True)]
    assert collapse([*scored()[:-2], *flickering]) is None


@pytest.mark.parametrize(("share", "missing"), [(0.015, True), (0.025, False)])
def test_a_fifth_of_the_real_share_is_the_limit(share, missing):
    assert bool(collapse(scored(class_histogram=without(6, share=share)))) is missing


def test_nearly_all_of_one_digit_is_an_error_at_once():
    shares = without(*(digit for digit in range(10) if digit != 8), share=0.005)
    sound = scored()[:-2]
    result = diagnose(rows(), scores=[*sound, score_row(18, cfd=60.0, coverage=0.0, class_histogram=shares)])
    assert (result.kind, result.level) == ("collapsed", "error")
    assert result.title == "The generator has collapsed: 96% of its images are of one class, 8."
    assert result.remedy.count("learning rate") == 1


def test_a_dominant_network_is_the_likely_cause_of_a_collapse():
    result = diagnose(rows(d_fake=0.0001), scores=scored(class_histogram=without(5)))
    assert result.title == "The generator no longer draws 5."
    assert "D is sure of every fake" in result.cause
    assert result.remedy == "Lower the discriminator's learning rate to a quarter."


def test_young_and_improving_trainings_have_not_collapsed():
    one = without(*range(9))
    assert collapse([score_row(n, images_seen=500 * n, cfd=50.0, class_histogram=one) for n in range(1, 100)]) is None
    assert collapse([score_row(2, class_histogram=one)]) is None
    assert collapse([score_row(2 * n, class_histogram=one) for n in range(1, 30)]) is None


def test_rows_of_another_classifier_or_count_are_not_compared():
    lost = scored(class_histogram=without(5))
    assert collapse(lost)
    for other in ({"classifier_hash": "another"}, {"num_images": 500}):
        assert collapse([*(replace(row, **other) for row in lost[:-1]), lost[-1]]) is None


def test_a_failure_and_a_divergence_come_first():
    alarm = scored(class_histogram=without(5))
    assert kind(rows(), "failed", "no room", scores=alarm) == "failed"
    assert kind([*rows(), *rows(5, first=61, g_loss=1e5)], scores=alarm) == "diverging"
    assert kind(rows(), scores=alarm[:-2]) == "healthy"
