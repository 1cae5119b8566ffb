"""The doctor on trainings whose state is known: made by hand, and recorded."""

from __future__ import annotations

from dataclasses import replace

import pytest
from conftest import progress_row

from dcgan.doctor import diagnose
from dcgan.runs import CHECKPOINTS, ProgressRow, Run

PUBLISHED = sorted(path.name for path in CHECKPOINTS.iterdir())


def rows(count: int = 60, first: int = 1, **values: float) -> list[ProgressRow]:
    """A row every 25 steps of batches of 32, in balance but for `values`."""
    sound = {"d_loss": 0.3, "g_loss": 2.0, "d_real": 0.75, "d_fake": 0.15, "d_grad_norm": 5.0, "g_grad_norm": 20.0}
    return [
        replace(progress_row(25 * n), images_seen=800 * n, **(sound | values)) for n in range(first, first + count)
    ]


def kind(*arguments: object, **more: object) -> str:
    return diagnose(*arguments, **more).kind


def test_a_balance_is_healthy_and_needs_nothing():
    found = diagnose(rows())
    assert (found.kind, found.level, found.remedy) == ("healthy", "success", "")


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


@pytest.mark.parametrize(("expected", "values"), [(kind, each) for kind, many in SICK.items() for each in many])
def test_a_winner_is_named_with_the_cause_and_one_change(expected, values):
    found = diagnose(rows(**values))
    assert (found.kind, found.level) == (expected, "warning")
    assert found.cause.endswith(".")
    assert found.remedy.count("learning rate") == 1


def test_a_winner_of_a_moment_is_none():
    assert kind([*rows(40), *rows(10, first=41, d_fake=0.001)]) == "healthy"


def test_a_loss_that_recovered_is_forgiven():
    assert kind([*rows(40, d_fake=0.0001), *rows(40, first=41)]) == "healthy"


@pytest.mark.parametrize(
    ("name", "value"), [("d_loss", 40.0), ("g_loss", 1e5), ("d_grad_norm", 1e4), ("g_grad_norm", 1e30)]
)
def test_orders_of_magnitude_are_divergence_at_any_age(name, value):
    for age in (10, 60):
        found = diagnose([*rows(age), *rows(5, first=age + 1, **{name: value})], loss="wasserstein")
        assert (found.kind, found.level) == ("diverging", "error")
        assert "Lower both learning rates" in found.remedy


def test_a_loss_that_was_always_large_does_not_diverge():
    assert kind(rows(g_loss=-500.0, d_loss=300.0), loss="wasserstein") == "unjudged"


@pytest.mark.parametrize("loss", ["hinge", "wasserstein", "least-squares", "relativistic"])
def test_scores_that_are_no_probabilities_are_not_judged(loss):
    assert kind(rows(d_fake=0.0001), loss=loss) == "unjudged"
    assert kind(rows(5), loss=loss) == "young"


def test_a_failure_is_told_by_its_message():
    nan = "g_loss became nan at step 7 (epoch 0.01); the last good weights are kept; try lower learning rates"
    assert kind(rows(), "failed", nan) == "not-finite"
    assert kind([], "failed", "progress.jsonl could not be written (No space left on device)") == "failed"
    assert diagnose([], "failed", nan).level == "error"


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_published_recordings_are_healthy_from_their_first_epoch_on(name):
    recorded = Run(CHECKPOINTS / name).progress()[0]
    for end in range(len(recorded), 0, -7):
        if recorded[end - 1].epoch >= 1.5:
            assert kind(recorded[:end]) == "healthy", recorded[end - 1]
    assert kind(recorded[:6]) == "young"


@pytest.mark.parametrize("value", [0.0, 1e308, -1e308])
def test_any_finite_row_gets_an_answer(value):
    for count in (1, 7, 60):
        assert diagnose(rows(count, d_loss=value, g_loss=value, d_grad_norm=value, g_grad_norm=value)).title
