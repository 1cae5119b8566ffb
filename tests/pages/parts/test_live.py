"""A run as it is now: its state, its progress and its diagnosis."""

from __future__ import annotations

from dataclasses import replace

import pytest
from recorded import TINY, progress_row, record_run, score_row
from streamlit.testing.v1 import AppTest
from studio import button, button_keys, captions, checked, choices, figures, open_page, texts

from dcgan.pages.parts import actions, live
from dcgan.runs.diagnosis import diagnose
from dcgan.runs.rows import Status
from dcgan.runs.run import Run
from dcgan.runs.yardstick import TUTORIAL_RUN

pytestmark = pytest.mark.usefixtures("only_own_runs")


def bar(app: AppTest) -> str:
    """Return the text of the progress bar."""
    return app.get("progress")[0].proto.text


def begin(run: Run) -> None:
    """Let the run say that it is at step 2 of 400."""
    run.write_status(Status("running", 2, 400, 2))


@pytest.mark.slow
def test_a_finished_run_has_curves_and_samples_and_cannot_be_stopped(only_own_runs):
    run = record_run(only_own_runs)
    app = open_page("train")
    assert live.STATES["finished"] in texts(app)
    assert bar(app).startswith("epoch 2 of 2 · step 4 of 4")
    assert len(figures(app)) == 3
    (caption,) = captions(app)
    assert caption.startswith("epoch 2:")
    assert not {"stop", "resume"} & button_keys(app)
    assert app.select_slider[0].options == ["0", "2", "4"]
    checked(app.select_slider[0].set_value(0).run())
    assert captions(app)[0].startswith("step 0:")
    assert choices(app)["run"] == run.name


@pytest.mark.slow
def test_a_running_run_shows_its_progress_and_can_be_stopped(only_own_runs):
    record_run(only_own_runs)
    run = record_run(only_own_runs)
    begin(run)
    with run.lock():
        app = open_page("train")
        assert bar(app).startswith("epoch 1 of 2 · step 4 of 400 · 8 images/s · ")
        assert bar(app).endswith("3 min 18 s left")
        assert not {"resume", "replay"} & button_keys(app)
        assert app.toggle(key="follow").value
        checked(button(app, "stop").click().run())
        assert run.stop_requested()
        assert actions.STOPPING in texts(app)
    checked(app.run())
    assert live.STATES["interrupted"] in texts(app)


@pytest.mark.slow
def test_a_run_without_rows_is_starting(only_own_runs):
    run = Run.create(TINY, "tiny")
    run.write_status(Status("running", 0, 0, 2))
    with run.lock():
        app = open_page("train")
    assert live.STARTING in texts(app)
    assert not captions(app)
    assert not figures(app)


def test_a_killed_run_shows_what_it_printed_and_can_be_resumed(only_own_runs):
    run = Run.create(TINY, "tiny")
    run.write_status(Status("running", 0, 0, 2))
    run.process_log_path.write_text("Killed by the kernel\n")
    app = open_page("train")
    assert live.STATES["interrupted"] in texts(app)
    assert "Killed by the kernel" in texts(app)
    assert "resume" in button_keys(app)


@pytest.mark.slow
def test_a_run_killed_after_its_first_rows_shows_what_it_printed(only_own_runs):
    run = record_run(only_own_runs)
    run.write_status(replace(run.status(), state="running"))
    run.process_log_path.write_text("terminate called: bus error\n")
    assert run.progress()[0]
    assert "terminate called: bus error" in texts(open_page("train"))
    run.write_status(replace(run.status(), state="failed", error="its reason"))
    assert "terminate called" not in texts(open_page("train"))


@pytest.mark.slow
def test_a_failed_run_shows_its_error_and_its_diagnosis(only_own_runs):
    run = record_run(only_own_runs)
    error = "g_loss became nan at step 7 (epoch 0.01); the last good weights are kept; try lower learning rates"
    run.write_status(replace(run.status(), state="failed", error=error))
    app = open_page("train")
    assert f"{live.STATES['failed']}: {error}" in texts(app)
    result = diagnose(run.progress()[0], "failed", error, [], logits_are_probabilities=True)
    assert result.kind == "not-finite"
    assert result.remedy in app.error[0].value


@pytest.mark.slow
def test_missing_classes_are_a_warning_and_a_collapse_is_an_error(only_own_runs):
    run = record_run(only_own_runs)
    shares = (0.125, 0.0, 0.125, 0.125, 0.0, 0.125, 0.125, 0.125, 0.125, 0.125)
    for step in range(2, 12, 2):
        run.append_score(score_row(step))
    for step in (12, 14):
        run.append_score(score_row(step, cfd=30.0, class_histogram=shares))
    app = open_page("train")
    assert "1 and 4" in app.warning[0].value
    run.append_score(score_row(16, cfd=70.0, coverage=0.0, class_histogram=(0.0,) * 7 + (1.0, 0.0, 0.0)))
    app = checked(app.run())
    assert "collapsed" in app.error[0].value
    assert not [*app.warning, *app.success]


@pytest.mark.slow
def test_rows_added_since_are_drawn(only_own_runs):
    run = record_run(only_own_runs)
    begin(run)
    with run.lock():
        app = open_page("train")
        run.append_progress(progress_row(50))
        checked(app.run())
    assert "step 50 of 400" in bar(app)


@pytest.mark.slow
def test_a_run_says_since_when_it_is_as_good_as_the_tutorials(only_own_runs):
    published = record_run(only_own_runs.parent / "no-checkpoints")
    published.path.rename(published.path.with_name(TUTORIAL_RUN))
    tutorial = Run(published.path.with_name(TUTORIAL_RUN))
    run = record_run(only_own_runs)
    claim = "as good as the tutorial's DCGAN since second 2 (epoch 2)"
    for step, cfd in ((2, 9.0), (4, 2.125)):
        assert claim not in texts(open_page("train", run=run.name))
        run.append_score(score_row(step, cfd=cfd))
    assert claim not in texts(open_page("train", run=run.name))  # there is nothing to compare with
    tutorial.append_score(score_row(4, cfd=2.375, num_images=500))
    assert claim not in texts(open_page("train", run=run.name))
    tutorial.append_score(score_row(4, cfd=2.375))
    app = open_page("train", run=run.name)
    assert claim in texts(app)
    assert "at or below 2.38" in texts(app)
    run.write_status(Status("running", 4, 400, 200))
    with run.lock():
        assert claim in texts(open_page("train", run=run.name))
    assert "since second" not in texts(open_page("train", run=TUTORIAL_RUN))


def test_more_viewers_draw_less_often():
    seconds = [live.refresh_seconds(viewers) for viewers in (1, 2, 3, 6, 7, 16, 17, 1000)]
    assert seconds == sorted(seconds)
    assert seconds[0] == seconds[1] == live.LIVE_EVERY_SECONDS
    assert 16 / live.refresh_seconds(16) <= 4


def test_viewers_who_left_do_not_count(monkeypatch):
    viewers = {"left": -1000.0, "here": live.time.monotonic()}
    monkeypatch.setattr(live, "_viewers", viewers)
    assert live.count_viewers() == 1
    assert list(viewers) == ["here"]


def test_many_viewers_share_a_reading_until_about_the_next_drawing(monkeypatch):
    ages = []
    for viewers in (1, 2, 3, 16, 1000):
        monkeypatch.setattr(live, "count_viewers", lambda viewers=viewers: viewers)
        ages.append(live.shared_age())
    assert ages[:2] == [0, 0]
    assert ages == sorted(ages)
    assert 0 < ages[-1] < live.refresh_seconds(1000)
    assert live.live_seconds(100) == 100
    assert live.live_seconds() == live.refresh_seconds(1000)


@pytest.mark.parametrize(("viewers", "draws_again"), [(1, True), (3, False), (7, False), (16, False), (17, True)])
def test_a_page_follows_the_number_of_viewers(monkeypatch, viewers, draws_again):
    reruns = []
    monkeypatch.setattr(live.st, "rerun", lambda: reruns.append(viewers))
    monkeypatch.setattr(live, "count_viewers", lambda: viewers)
    live.keep_pace(live.refresh_seconds(16))
    assert bool(reruns) == draws_again
