"""The Train page on every kind of run: which run it shows, and damaged ones."""

from __future__ import annotations

import json
import os
import shutil
import sys
from dataclasses import asdict

import pytest
from PIL import Image
from recorded import record_run
from studio import (
    button,
    button_keys,
    checked,
    choices,
    damage_config,
    damage_status,
    figures,
    make_unreadable,
    open_page,
    remove_status,
    texts,
    warnings,
)

from dcgan.files import CHECKPOINTS
from dcgan.runs import launch

pytestmark = pytest.mark.usefixtures("only_own_runs")


@pytest.mark.slow
def test_without_runs_the_page_has_the_form_and_a_message():
    app = open_page("train")
    assert "run" not in choices(app)
    assert len(app.info) == 1
    assert not button(app, "start").disabled


@pytest.mark.slow
@pytest.mark.parametrize("damage", [damage_config, damage_status, remove_status])
def test_a_damaged_run_is_a_warning_and_can_be_deleted(only_own_runs, damage):
    run = record_run(only_own_runs)
    damage(run)
    app = open_page("train")
    assert app.warning
    checked(button(app, "delete").click().run())
    assert not run.path.exists()
    assert "run" not in choices(app)


@pytest.mark.slow
def test_half_written_rows_and_a_damaged_grid_leave_the_rest(only_own_runs):
    run = record_run(only_own_runs)
    with open(run.progress_path, "ab") as file:
        file.write(b'not a row\n{"step": 5, "ep')
    run.sample_path(4).write_bytes(b"no picture")
    shutil.rmtree(run.path / "snapshots")
    run.generator_path.unlink()
    app = open_page("train")
    assert len(figures(app)) == 3
    assert "0000004.png" in "".join(warnings(app))


@pytest.mark.slow
def test_a_run_that_is_removed_leaves_the_page_at_its_next_drawing(only_own_runs):
    run = record_run(only_own_runs)
    app = open_page("train")
    shutil.rmtree(run.path)
    checked(app.run())
    assert "run" not in choices(app)


@pytest.mark.slow
@pytest.mark.parametrize("query", [{"run": "../../etc"}, {"run": "![](http://192.0.2.1/x)"}, {"preset": "<b>"}])
def test_a_hostile_address_is_a_warning(only_own_runs, query):
    run = record_run(only_own_runs)
    app = open_page("train", **query)
    (key,) = query
    (warning,) = warnings(app)
    assert warning.startswith(f"{key}=")
    assert choices(app)["run"] == run.name
    assert "](http" not in app.warning[0].value


@pytest.mark.slow
@pytest.mark.parametrize("variable", [("SPACE_ID", "someone/space"), ("DCGAN_ALLOW_TRAINING", "0")])
def test_a_public_server_shows_runs_and_trains_none(only_own_runs, monkeypatch, variable):
    monkeypatch.setenv(*variable)
    record_run(only_own_runs)
    app = open_page("train")
    assert launch.forbidden() in texts(app)
    assert button_keys(app) == {"replay"}
    assert len(figures(app)) == 3


@pytest.mark.slow
def test_published_runs_can_be_replayed_only(monkeypatch):
    monkeypatch.setattr("dcgan.files.CHECKPOINTS", CHECKPOINTS)
    app = open_page("train", run="gan-mnist")
    assert button_keys(app) == {"start", "replay"}
    assert len(app.success) == 1
    assert not [*app.warning, *app.error]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["progress.jsonl", "scores.jsonl"])
def test_rows_that_cannot_be_read_are_a_warning(only_own_runs, name):
    run = record_run(only_own_runs)
    make_unreadable(run, name)
    assert name in warnings(open_page("train"))[0]


@pytest.mark.slow
@pytest.mark.parametrize("change", [{"notes": [3]}, {"error": 3}, {"environment": {"device": 3}}], ids=str)
def test_a_status_with_numbers_for_texts_is_a_warning(only_own_runs, change):
    run = record_run(only_own_runs)
    run.write_text("status.json", json.dumps(asdict(run.status()) | change))
    assert "status.json" in warnings(open_page("train"))[0]


@pytest.mark.slow
def test_an_address_keeps_its_run_even_the_newest(only_own_runs):
    runs = [record_run(only_own_runs), record_run(only_own_runs)]
    for run in runs:
        app = open_page("train", run=run.name)
        assert app.query_params["run"] in (run.name, [run.name])
        assert app.selectbox(key="run").value == run.name
    record_run(only_own_runs)  # from now on the newest
    checked(app.run())
    assert app.selectbox(key="run").value == runs[-1].name


@pytest.mark.slow
def test_the_form_stays_as_it_was_when_the_page_was_opened(only_own_runs):
    run = record_run(only_own_runs)
    for query, is_open in (({}, True), ({"run": run.name}, False)):
        app = open_page("train", **query)
        for _ in range(2):
            (form,) = (element for element in app.expander if element.label == "Start a training")
            assert form.proto.expanded == is_open
            checked(app.run())


@pytest.mark.slow
def test_files_of_the_wrong_kind_are_a_sentence(only_own_runs):
    run = record_run(only_own_runs)
    shutil.rmtree(run.path / "samples")
    (run.path / "samples").touch()
    run.process_log_path.mkdir()
    damage_status(run)
    (sound := record_run(only_own_runs)).path.rename(only_own_runs / "a")
    app = open_page("train", run=run.name)
    assert f"{run.process_log_path} cannot be read: Is a directory" in texts(app)
    assert [text for text in warnings(app) if "samples cannot be read: Not a directory" in text]
    assert sound.path.with_name("a").is_dir()
    app = open_page("train", run="a")
    assert choices(app)["run"] == "a"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="names are Unicode on this system")
@pytest.mark.parametrize("page", ["train", "compare", "explore", "step"])
def test_odd_names_of_runs_leave_every_page(only_own_runs, page):
    sound = record_run(only_own_runs)
    record_run(only_own_runs).path.rename(long := only_own_runs / ("a" * 255))
    record_run(only_own_runs).path.rename(os.fsdecode(os.fsencode(only_own_runs) + b"/caf\xe9\n[x](y)"))
    app = open_page(page)
    (offered,) = (box.options for box in app.selectbox if box.key in ("run", "left"))
    assert {*offered} == {sound.name, long.name}
    if page == "train":
        (table,) = (frame.value for frame in app.dataframe if "state" in frame.value)
        assert [*table["state"]] == ["finished", "finished", "damaged"]
        assert table["error"].iloc[-1] == "its folder's name cannot be shown; rename the folder"
    open_page(page, run=long.name)


@pytest.mark.slow
@pytest.mark.parametrize("size", [(1, 1), (4096, 2), (2, 4096)])
def test_a_grid_of_another_size_leaves_the_page(only_own_runs, size):
    run = record_run(only_own_runs)
    Image.new("L", size).save(run.sample_path(4))
    open_page("train", run=run.name)
    open_page("compare", left=run.name, right=run.name, inspect="true", seed="63", size="4")
