"""Since when a training is as good as the published run of the tutorial's DCGAN."""

from __future__ import annotations

from pathlib import Path

import pytest
from recorded import record_run, score_row

from dcgan.runs.run import Run
from dcgan.runs.yardstick import TUTORIAL_RUN, Yardstick, as_good_since, tutorial_yardstick

SCALE = ("b6508af4b2ba", 2000)
EVALUATION = {
    "classifier": "mnist classifier",
    "classifier_hash": SCALE[0],
    "num_images": 10_000,
    "seed": 0,
    "step": 4,
}


@pytest.fixture
def tutorial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A published run of the tutorial's DCGAN, of 4 steps and 2 epochs, without scores."""
    monkeypatch.setattr("dcgan.files.CHECKPOINTS", tmp_path)
    run = record_run(tmp_path)
    run.path.rename(tmp_path / TUTORIAL_RUN)
    return Run(tmp_path / TUTORIAL_RUN)


def cfds(*values: float, **changes) -> list:
    return [score_row(2 * (index + 1), cfd=value, **changes) for index, value in enumerate(values)]


def test_the_yardstick_is_the_score_of_the_last_weights(tutorial):
    assert tutorial_yardstick(SCALE) is None
    tutorial.append_score(score_row(2, cfd=1.0))
    assert tutorial_yardstick(SCALE) is None  # not the last weights
    tutorial.append_score(score_row(4, cfd=2.33))
    assert tutorial_yardstick(SCALE) == Yardstick(TUTORIAL_RUN, 2, 2.33)
    assert tutorial_yardstick(("another", 2000)) is None
    assert tutorial_yardstick((SCALE[0], 10_000)) is None


def test_an_evaluation_of_the_same_images_is_a_yardstick_too(tutorial):
    others = ({"seed": 7}, {"step": 2}, {"psi": 0.7}, {"classifier_hash": "another"}, {"cfd": None}, {"cfd": "2"})
    for other in others:
        tutorial.append_eval(EVALUATION | {"cfd": 9.0} | other)
    assert tutorial_yardstick((SCALE[0], 10_000)) is None
    tutorial.append_eval(EVALUATION | {"cfd": 2.18398})
    assert tutorial_yardstick((SCALE[0], 10_000)) == Yardstick(TUTORIAL_RUN, 2, 2.18398)
    assert tutorial_yardstick(SCALE) is None
    tutorial.append_score(score_row(4, cfd=2.25, num_images=10_000))
    assert tutorial_yardstick((SCALE[0], 10_000)).cfd == 2.25


def test_without_a_published_run_there_is_no_yardstick(tutorial):
    tutorial.append_score(score_row(4, cfd=2.33))
    tutorial.status_path.write_text("{")
    assert tutorial_yardstick(SCALE) is None


@pytest.mark.parametrize(
    ("values", "step"),
    [
        ((9.0, 3.0), None),
        ((9.0, 2.33), 4),
        ((2.0, 1.0, 1.0), 2),
        ((2.0, 3.0, 1.0, 0.5), 6),
        ((2.0, 1.0, 2.34), None),
        ((), None),
    ],
)
def test_a_run_is_as_good_since_the_first_score_that_is_never_lost_again(tutorial, tmp_path, values, step):
    tutorial.append_score(score_row(4, cfd=2.33))
    milestone = as_good_since(Run(tmp_path / "mine"), cfds(*values))
    assert (milestone.row.step if milestone else None) == step
    assert as_good_since(tutorial, cfds(*values)) is None


def test_scores_of_another_scale_do_not_count(tutorial, tmp_path):
    tutorial.append_score(score_row(4, cfd=2.33))
    mine = Run(tmp_path / "mine")
    earlier = cfds(9.0, num_images=500)
    assert as_good_since(mine, earlier) is None
    assert as_good_since(mine, cfds(1.0, classifier_hash="another")) is None
    assert as_good_since(mine, [*earlier, *cfds(1.0, 1.0)]).row.step == 2
