"""Curves and scores of one run."""

from __future__ import annotations

from dataclasses import replace

import pytest
from recorded import TINY, picture_row, progress_row, record_run, score_row
from studio import figures, open_page, texts

from dcgan.figures import plots
from dcgan.pages.parts import curves, reader
from dcgan.runs.rows import UNSCORED, Status

pytestmark = pytest.mark.usefixtures("only_own_runs")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("loss", "axis", "reading"),
    [
        ("bce", "probability of being real", "probabilities"),
        ("relativistic", "sigmoid of D's logits", "logits"),
    ],
)
def test_outputs_of_d_are_called_probabilities_only_where_the_loss_makes_them_so(only_own_runs, loss, axis, reading):
    record_run(only_own_runs, replace(TINY, loss=loss))
    app = open_page("train")
    assert figures(app)[1]["layout"]["yaxis"]["title"]["text"] == axis
    assert curves.READING[reading].format(loss=loss) in texts(app)


@pytest.mark.slow
def test_scores_are_drawn_beside_those_of_real_images(only_own_runs):
    run = record_run(only_own_runs)
    assert "scores" not in [element.anchor for element in open_page("train").subheader]
    rows = [score_row(2), score_row(4)]
    for row in rows:
        run.append_score(row)
    app = open_page("train")
    assert "scores" in [element.anchor for element in app.subheader]
    cfd, coverage, classes = (figure["data"] for figure in figures(app)[3:])
    assert [cfd[0]["x"], cfd[0]["y"], cfd[1]["y"]] == [[1.0, 2.0], [row.cfd for row in rows], [0.27, 0.27]]
    assert [coverage[0]["y"], coverage[1]["y"]] == [[row.coverage for row in rows], [0.56, 0.56]]
    assert classes[0]["y"] == list(rows[-1].class_histogram)
    assert f"{rows[-1].classifier} {rows[-1].classifier_hash}" in texts(app)
    assert f"{rows[-1].num_images:,} images" in texts(app)
    assert not app.warning


@pytest.mark.slow
def test_scores_of_pictures_are_drawn_with_d_s_logits_and_without_classes(only_own_runs):
    run = record_run(only_own_runs)
    rows = [picture_row(2), picture_row(4)]
    for row in rows:
        run.append_score(row)
    app = open_page("train")
    swd, ratio, copies, r_v, logits = (figure["data"] for figure in figures(app)[3:])
    assert [swd[0]["y"], swd[1]["y"]] == [[100.0, 50.0], [15.0, 15.0]]
    assert [len(data) for data in (ratio, copies, r_v)] == [1, 2, 1]
    assert r_v[0]["y"] == [0.2, 0.2]
    assert [line["y"] for line in logits] == [[4.0, 4.0], [3.0, 3.0], [-1.0, -1.0]]
    assert "patches of 40 training pictures c4bd8d8d0963" in texts(app)
    assert not app.exception


@pytest.mark.slow
def test_over_time_all_figures_have_one_unit(only_own_runs):
    run = record_run(only_own_runs)
    run.append_score(score_row(4))
    app = open_page("train")
    app.selectbox(key="x").select("wall_seconds").run()
    titles = [figure["layout"]["xaxis"]["title"]["text"] for figure in figures(app)]
    assert titles[:5] == ["training time (seconds)"] * 5
    assert figures(app)[3]["data"][0]["x"] == [2.0]


@pytest.mark.slow
def test_first_scores_are_announced_only_where_they_will_come(only_own_runs):
    for config, notes, is_announced in (
        (replace(TINY, score_images=2000), (), True),
        (replace(TINY, score_images=2000), (f"{UNSCORED}there is no classifier",), False),
        (TINY, (), False),
    ):
        run = record_run(only_own_runs, config)
        run.write_status(Status("running", 2, 400, 2, notes=notes))
        with run.lock():
            assert (curves.FIRST_SCORES in texts(open_page("train", run=run.name))) is is_announced
        run.delete()


@pytest.mark.slow
def test_curves_agree_while_another_session_reads_new_rows(only_own_runs, monkeypatch):
    run = record_run(only_own_runs)
    across, added = plots.across, iter(range(5, 1000))

    def slowly(series, x):
        xs = across(series, x)
        run.append_progress(progress_row(next(added)))
        reader.read(run)  # the other session reads the same series
        return xs

    monkeypatch.setattr(plots, "across", slowly)
    app = open_page("train")
    losses, _, _ = figures(app)
    assert len({str(trace["x"]) for trace in losses["data"]}) == 1


@pytest.mark.slow
def test_sessions_share_the_figures_until_there_are_new_rows(only_own_runs, monkeypatch):
    run = record_run(only_own_runs)
    run.append_score(score_row(4))
    made = []

    def counting(name, draw):
        return lambda *arguments, **options: made.append(name) or draw(*arguments, **options)

    for name, draw in [*curves.CURVES.items()]:
        monkeypatch.setitem(curves.CURVES, name, counting(name, draw))
    first = open_page("train")
    assert sorted(made) == sorted(curves.CURVES)
    second = open_page("train")
    assert figures(second) == figures(first)
    assert sorted(made) == sorted(curves.CURVES)
    run.append_progress(progress_row(50))
    second.run()
    assert sorted(made) == sorted([*curves.CURVES, *curves.CURVES])
    assert figures(second)[0] != figures(first)[0]


@pytest.mark.slow
def test_a_line_marks_the_epoch_of_the_session_that_chose_it_alone(only_own_runs):
    record_run(only_own_runs)
    first, second = open_page("train"), open_page("train")
    first.select_slider[0].set_value(2).run()
    assert ["shapes" in figures(app)[0]["layout"] for app in (first, second.run())] == [True, True]
    lines = [figures(app)[0]["layout"]["shapes"][0]["x0"] for app in (first, second)]
    assert lines == [1.0, 2.0]
