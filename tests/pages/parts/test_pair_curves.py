"""Curves and scores of two runs over each other."""

from __future__ import annotations

import base64
from dataclasses import replace

import numpy as np
import pytest
from recorded import TINY, record_run, score_row
from studio import figures, open_page, texts

from dcgan.config import TrainConfig
from dcgan.pages.parts.pair_curves import NOT_PROBABILITIES
from dcgan.runs.rows import UNSCORED, Status

pytestmark = pytest.mark.usefixtures("only_own_runs")


@pytest.mark.slow
def test_the_curves_are_the_recorded_losses(only_own_runs):
    run = record_run(only_own_runs)
    figure = figures(open_page("compare", smoothing="0"))[0]
    drawn = np.frombuffer(base64.b64decode(figure["data"][0]["y"]["bdata"]))
    assert figure["data"][0]["name"].startswith("D, ")
    assert drawn.tolist() == [row.d_loss for row in run.progress()[0]]


@pytest.mark.slow
def test_curves_of_the_left_run_are_solid_and_of_the_right_run_dashed(only_own_runs):
    first, second = record_run(only_own_runs), record_run(only_own_runs)
    figure = figures(open_page("compare", smoothing="0"))[0]
    traces = {trace["name"]: trace["line"]["dash"] for trace in figure["data"]}
    assert traces == {
        f"D, {first.name}": "solid",
        f"G, {first.name}": "solid",
        f"D, {second.name}": "dash",
        f"G, {second.name}": "dash",
    }


@pytest.mark.slow
def test_a_loss_without_probabilities_is_not_drawn_as_one(only_own_runs):
    record_run(only_own_runs)
    exception = NOT_PROBABILITIES.format(loss="hinge")
    assert exception not in texts(open_page("compare"))
    record_run(only_own_runs, replace(TINY, loss="hinge"))
    app = open_page("compare")
    outputs = figures(app)[1]
    assert outputs["layout"]["yaxis"]["title"]["text"] == "sigmoid of D's logits"
    assert exception in texts(app)


@pytest.mark.slow
def test_scores_of_each_epoch_lie_over_each_other_beside_real_images(only_own_runs):
    first, second = record_run(only_own_runs), record_run(only_own_runs)
    assert len(figures(open_page("compare"))) == 2
    for run, cfd in ((first, 9.0), (second, 5.0)):
        run.append_score(score_row(2, cfd=cfd))
    app = open_page("compare", at="1")
    *_, cfd, _ = drawn = figures(app)
    assert len(drawn) == 4
    assert [trace["name"] for trace in cfd["data"]] == [first.name, second.name, "real images"]
    assert [trace["y"] for trace in cfd["data"]] == [[9.0], [5.0], [0.27, 0.27]]
    assert "--score-images" not in texts(app)
    assert not app.warning
    first.append_score(score_row(4, num_images=500, real_cfd=0.8))
    app = open_page("compare")
    assert len(app.warning) == 1
    names = [trace["name"] for trace in figures(app)[2]["data"]]
    assert names[2:] == [f"real images, {first.name}", f"real images, {second.name}"]


@pytest.mark.slow
def test_a_run_without_scores_of_its_epochs_names_the_command(only_own_runs):
    run = record_run(only_own_runs, replace(TINY, score_images=2000))
    unscored, off = record_run(only_own_runs), record_run(only_own_runs)
    run.append_score(score_row(2))
    app = open_page("compare", left=run.name, right=off.name)
    assert len(figures(app)) == 4
    assert f"python -m dcgan train {off.name} --score-images {TrainConfig().score_images}" in texts(app)
    unscored.write_status(replace(unscored.status(), notes=(f"{UNSCORED}no classifier",)))
    app = open_page("compare", left=unscored.name, right=off.name)
    assert len(figures(app)) == 2
    assert f"{unscored.name} was {UNSCORED}no classifier." in texts(app)
    new = record_run(only_own_runs, replace(TINY, score_images=2000))
    new.write_status(Status("running", 4, 8, 4))
    with new.lock():
        assert "The first epoch has not ended yet" in texts(open_page("compare", left=new.name, right=run.name))
