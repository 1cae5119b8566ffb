"""The sample grids of two runs, and the slider that moves both."""

from __future__ import annotations

import pytest
from recorded import record_run
from studio import captions, choices, open_page, texts

from dcgan.runs.rows import Status

pytestmark = pytest.mark.usefixtures("only_own_runs")


@pytest.mark.slow
def test_two_runs_stand_side_by_side_and_the_slider_moves_both(only_own_runs):
    first, second = record_run(only_own_runs), record_run(only_own_runs)
    app = open_page("compare")
    assert choices(app) == {"left": first.name, "right": second.name, "align": "epoch"}
    assert [caption.split(",")[1] for caption in captions(app)] == [" epoch 2: 16 images seen"] * 2
    app.select_slider(key="at").set_value("0").run()
    assert [caption.split(",")[1] for caption in captions(app)] == [" epoch 0: 0 images seen"] * 2
    assert not app.exception


@pytest.mark.slow
def test_one_seed_is_shown_through_both_trainings(only_own_runs):
    record_run(only_own_runs)
    app = open_page("compare", inspect="true", seed="9")
    assert [caption.split(",")[1] for caption in captions(app)[2:]] == [" seed 9"] * 2
    assert "inspect=True&seed=9" in app.code[0].value


@pytest.mark.slow
def test_play_walks_to_the_end_and_stops(only_own_runs):
    record_run(only_own_runs)
    app = open_page("compare")
    app.button(key="play").click().run()
    seen = [app.select_slider(key="at").value]
    for _ in range(5):
        app.run()
        seen.append(app.select_slider(key="at").value)
    assert not app.exception
    assert seen[-1] == "2"
    assert sorted(seen) == seen
    assert app.button(key="play").label == "Play"


@pytest.mark.slow
def test_a_running_run_shows_its_epoch(only_own_runs):
    run = record_run(only_own_runs)
    run.write_status(Status("running", 4, 8, 4))
    with run.lock():
        app = open_page("compare")
    assert "running at epoch 2.0" in texts(app)


@pytest.mark.slow
def test_a_run_that_grows_offers_its_new_grids(only_own_runs):
    run = record_run(only_own_runs)
    run.write_status(Status("running", 4, 8, 4))
    with run.lock():
        app = open_page("compare")
        assert app.select_slider(key="at").options == ["0", "1", "2"]
        run.write_bytes("samples/0000006.png", run.sample_path(4).read_bytes())
        app.run()
        assert app.select_slider(key="at").options == ["0", "1", "2", "3"]
