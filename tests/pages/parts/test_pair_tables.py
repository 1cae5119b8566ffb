"""The tables of two runs: their saved scores."""

from __future__ import annotations

import pytest
from recorded import CONDITIONAL, record_run
from studio import open_page, table, texts

from dcgan.pages.parts.pair_tables import real_images_text
from dcgan.runs.evaluations import evaluations, measured_by
from dcgan.runs.scores import SCORES

pytestmark = pytest.mark.usefixtures("only_own_runs")


EVALUATION = {
    "classifier": "mnist classifier",
    "classifier_hash": "b6508af4b2ba",
    "num_images": 500,
    "seed": 7,
    "step": 4,
}


@pytest.mark.slow
def test_real_images_beside_a_conditional_model_are_explained(only_own_runs):
    record_run(only_own_runs).append_eval(EVALUATION | {"cfd": 2.0, "real_cfd": 0.5})
    assert real_images_text(is_conditional=False) in texts(open_page("compare"))
    record_run(only_own_runs, CONDITIONAL).append_eval(EVALUATION | {"cfd": 2.0, "real_cfd": 0.5})
    assert real_images_text(is_conditional=True) in texts(open_page("compare"))


@pytest.mark.slow
def test_scores_are_shown_once_they_exist(only_own_runs):
    run = record_run(only_own_runs)
    assert f"python -m dcgan evaluate {run.name}\n" in texts(open_page("compare")) + "\n"
    run.append_eval(EVALUATION | {"cfd": 12.34567, "real_cfd": 0.5, "unheard_of": 1.0})
    app = open_page("compare", left=run.name, right=run.name)
    cells = table(app, "score")
    assert cells.columns.tolist() == [f"{run.name} (left)", f"{run.name} (right)", "real images"]
    assert cells.index.tolist() == [SCORES["cfd"].sentence]
    assert cells.values.tolist() == [["12.35", "12.35", "0.50"]]
    assert measured_by(evaluations(run, 4), 4) in texts(app)
    assert "seeds 7 to 506" in texts(app)
    assert "evaluate" not in texts(app)


@pytest.mark.slow
def test_evaluations_of_every_kind_are_in_one_table(only_own_runs):
    run, other = record_run(only_own_runs), record_run(only_own_runs)
    run.append_eval(EVALUATION | {"cfd": 12.0, "nearest_neighbor_error": 0.05})
    run.append_eval(EVALUATION | {"classifier": "Inception (FID)", "classifier_hash": "f" * 12, "fid": 30.0})
    run.append_eval(EVALUATION | {"num_images": 100, "cfd": 40.0})
    other.append_eval(EVALUATION | {"step": 2, "cfd": 14.0})
    app = open_page("compare", left=run.name, right=other.name)
    cells = table(app, "score")
    assert cells.index.tolist() == [SCORES[key].sentence for key in ("cfd", "nearest_neighbor_error", "fid")]
    assert cells.to_numpy()[:, :2].tolist() == [["12.00", "14.00"], ["0.0500", "n/a"], ["30.00", "n/a"]]
    for side in (run, other):
        assert f"{side.name}: {measured_by(evaluations(side, 4), 4)}." in texts(app)
    assert "step 2 of 4" in texts(app)
    assert not app.warning


@pytest.mark.slow
def test_an_evaluation_without_a_known_score_makes_no_table(only_own_runs):
    run = record_run(only_own_runs)
    run.append_eval(EVALUATION | {"unheard_of": 1.0})
    app = open_page("compare", left=run.name, right=run.name)
    assert len(app.table) == 1  # the details
    assert f"python -m dcgan evaluate {run.name}" in texts(app)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "warned"), [({}, 0), ({"num_images": 400}, 1), ({"classifier_hash": "0" * 12}, 1)]
)
def test_scores_of_another_classifier_or_count_get_a_warning(only_own_runs, change, warned):
    for more in ({}, change):
        record_run(only_own_runs).append_eval(EVALUATION | {"cfd": 2.0, "real_cfd": 0.5} | more)
    app = open_page("compare")
    assert len(app.warning) == warned
