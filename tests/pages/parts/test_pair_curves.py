"""Curves and scores of two runs over each other."""

from __future__ import annotations

import base64
from dataclasses import replace

import numpy as np
import pytest
from recorded import TINY, picture_row, progress_row, record_run, score_row
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
@pytest.mark.parametrize(("pace", "unit", "scale"), [(1, "seconds", 1), (500, "minutes", 60), (9000, "hours", 3600)])
def test_by_time_all_figures_have_the_unit_of_the_longer_run(only_own_runs, pace, unit, scale):
    slow, fast = record_run(only_own_runs), record_run(only_own_runs)
    slow.progress_path.unlink()
    for step in (1, 2, 3, 4):
        slow.append_progress(replace(progress_row(step), wall_seconds=float(pace * step)))
    slow.append_score(score_row(4, wall_seconds=4.0 * pace))
    fast.append_score(score_row(2, wall_seconds=1.0))
    app = open_page("compare", left=slow.name, right=fast.name, align="time")
    drawn = figures(app)
    assert {figure["layout"]["xaxis"]["title"]["text"] for figure in drawn} == {f"training time ({unit})"}
    cfd = {trace["name"]: trace["x"] for trace in drawn[2]["data"]}
    assert cfd[slow.name] == pytest.approx([4 * pace / scale])
    assert cfd[fast.name] == pytest.approx([1 / scale])
    assert cfd["real images"] == pytest.approx([0, 4 * pace / scale])
    slider = app.select_slider(key="at")
    assert unit in slider.label
    assert slider.options[-1] == {1: "4 s", 500: "33.33", 9000: "10 h"}[pace]
    assert [figure["layout"]["shapes"][-1]["x0"] for figure in drawn] == pytest.approx([4 * pace / scale] * 4)
    middle = {1: "2 s", 500: "16.67", 9000: "5 h"}[pace]
    for address in (middle, f"{2 * pace / 60:.4g}"):  # a number without a unit is minutes
        app = open_page("compare", left=slow.name, right=fast.name, align="time", at=address)
        assert app.select_slider(key="at").value == middle
        assert figures(app)[2]["layout"]["shapes"][-1]["x0"] == pytest.approx(2 * pace / scale)
        assert "at=" + middle.replace(" ", "+") in app.code[0].value
        assert not app.warning


@pytest.mark.slow
def test_a_run_without_scores_of_its_epochs_names_the_command(only_own_runs):
    run = record_run(only_own_runs, replace(TINY, score_images=2000))
    unscored, off = record_run(only_own_runs), record_run(only_own_runs)
    run.append_score(score_row(2))
    app = open_page("compare", left=run.name, right=off.name)
    assert len(figures(app)) == 4
    assert f"python -m dcgan score-snapshots {off.name}" in texts(app)
    for step in off.snapshot_steps():
        off.snapshot_path(step).unlink()
    app = open_page("compare", left=run.name, right=off.name)
    assert f"python -m dcgan train {off.name} --score-images {TrainConfig().score_images}" in texts(app)
    unscored.write_status(replace(unscored.status(), notes=(f"{UNSCORED}no classifier",)))
    app = open_page("compare", left=unscored.name, right=off.name)
    assert len(figures(app)) == 2
    assert f"{unscored.name} was {UNSCORED}no classifier." in texts(app)
    new = record_run(only_own_runs, replace(TINY, score_images=2000))
    new.write_status(Status("running", 4, 8, 4))
    with new.lock():
        assert "The first epoch has not ended yet" in texts(open_page("compare", left=new.name, right=run.name))


@pytest.mark.slow
def test_scores_of_pictures_of_two_runs_are_drawn_over_each_other(only_own_runs):
    first, second = record_run(only_own_runs), record_run(only_own_runs)
    for run, swd in ((first, 80.0), (second, 40.0)):
        run.append_score(picture_row(2, swd=swd))
    app = open_page("compare", left=first.name, right=second.name)
    swd, _, _, r_v = (figure["data"] for figure in figures(app)[2:])
    assert [line["y"] for line in swd] == [[80.0], [40.0], [15.0, 15.0]]
    assert [line["y"] for line in r_v] == [[0.2], [0.2]]
    assert not app.exception
