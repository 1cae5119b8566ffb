"""Test the registry of scores."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from recorded import score_row

from dcgan.runs.scores import NOT_SCORES, SCORES, applying, draws_copies, measured, per_epoch, recorded


def test_labels_are_unique_and_every_text_is_there():
    assert len({score.label for score in SCORES.values()}) == len(SCORES)
    assert len({score.title for score in SCORES.values()}) == len(SCORES)
    for score in SCORES.values():
        assert score.description.endswith(".")
        assert not score.title.endswith(".")
        assert score.source.startswith("this project") or "arXiv" in score.source
        assert "|" not in score.label + score.title + score.description + score.source
        assert float(format(1.0, score.format)) == 1
    assert not NOT_SCORES & set(SCORES)


@pytest.mark.parametrize(("change", "value"), [({"direction": "up"}, "up"), ({"applies": "cats"}, "cats")])
def test_unknown_directions_and_models_are_named(change, value):
    with pytest.raises(ValueError, match=f"'{value}' is not one of"):
        replace(SCORES["cfd"], **change)


def test_head_sentence_and_axis_show_the_direction():
    cfd, ratio = SCORES["cfd"], SCORES["memorization_ratio"]
    assert (cfd.head, cfd.axis) == ("CFD ↓", "CFD (lower is better)")
    assert cfd.sentence == "CFD: classifier Fréchet distance; lower is better"
    assert (ratio.head, ratio.axis) == ("memorization", "memorization")
    assert "better" not in ratio.sentence


@pytest.mark.parametrize("value", [None, math.nan, math.inf, "much", True])
def test_a_value_that_is_not_finite_is_missing(value):
    assert SCORES["cfd"].text(value, missing="n/a") == "n/a"


def test_scores_are_selected_by_evaluation_epoch_and_row():
    assert list(applying("Inception")) == ["fid", "kid"]
    assert list(per_epoch()) == ["cfd", "coverage", "swd", "memorization_ratio", "copy_share", "overfitting"]
    assert list(recorded([score_row(2), score_row(4)])) == ["cfd", "coverage"]
    assert list(recorded([])) == []
    assert list(measured({"kl": 0.5, "cfd": 1.0, "recall": math.nan, "seed": 1})) == ["cfd", "kl"]


def test_copies_are_announced_where_real_pictures_have_far_fewer():
    assert draws_copies(0.9, 0.1)
    assert not draws_copies(0.3, 0.1)
    assert not draws_copies(0.9, 0.8)  # pictures of two kinds each, for instance
