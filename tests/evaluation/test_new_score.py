"""Test that a new score needs its function and one row of the registry: every table then has it."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from dcgan.cli.score_report import report
from dcgan.evaluation import metrics
from dcgan.evaluation.metrics import METRICS, ClassifiedSample
from dcgan.evaluation.score_row import Scores
from dcgan.publishing import results_page
from dcgan.publishing.model_card import model_card
from dcgan.runs.evaluations import evaluations, score_table
from dcgan.runs.run import Run
from dcgan.runs.scores import SCORES, Score

TOY = Score(
    label="toy",
    title="mean of the features",
    direction="higher",
    format=".3f",
    description="The toy score is the mean of the features.",
    source="this project",
)


@pytest.fixture
def toy(monkeypatch) -> Score:
    """Add a score as a contributor adds it."""
    monkeypatch.setitem(METRICS, "toy", lambda sample: sample.features.mean().item())
    monkeypatch.setitem(SCORES, "toy", TOY)
    return TOY


def scores_of(features: torch.Tensor) -> Scores:
    draws = torch.Generator().manual_seed(0)
    real = torch.rand(20, 4, generator=draws)
    samples = [
        ClassifiedSample(
            features=values,
            real=real,
            logits=torch.rand(len(values), 10, generator=draws),
            real_radii=metrics.radii(real),
            training_histogram=torch.full((10,), 0.1),
        )
        for values in (features, real)
    ]
    values, real_values = (metrics.compute(sample, "every model") for sample in samples)
    return Scores("mnist classifier", "hash", len(features), values, real_values, weights_id="0", step=4)


def test_every_score_has_a_function():
    deviations = {score.deviation for score in SCORES.values() if score.deviation}
    assert set(METRICS) == set(SCORES) | deviations


def test_a_new_score_is_in_every_table(toy, tiny_run: Run):
    scores = scores_of(torch.full((20, 4), 0.25))
    row = scores.to_json()
    assert row["toy"] == 0.25
    tiny_run.append_eval(row)
    real = f"{scores.real['toy']:.3f}"

    head, first, second, *_ = report([{"name": "tiny", **row}]).splitlines()
    assert head.split()[-1] == "TOY"
    assert (first.split()[-1], second.split()[-1]) == ("0.250", real)

    (compared,) = [
        cells for cells in score_table({"tiny": evaluations(tiny_run, 4)}) if toy.sentence in cells.values()
    ]
    assert list(compared.values()) == [toy.sentence, "0.250", real]

    card = model_card(tiny_run)
    assert f"| {toy.sentence} | 0.250 | {real} |" in card.text
    assert ("toy", 0.25) in [(result.metric_type, result.metric_value) for result in card.data.eval_results]

    page = results_page.page([tiny_run])
    table = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| recipe | seeds")]
    assert table[0][-1] == toy.head
    assert f"| {toy.head} | {toy.description} | every model | this project |" in page


def test_a_score_of_other_models_is_not_measured(toy, monkeypatch):
    monkeypatch.setitem(SCORES, "toy", replace(toy, applies="Inception"))
    assert "toy" not in scores_of(torch.full((20, 4), 0.25)).values
