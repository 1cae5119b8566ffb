"""The form that starts a training."""

from __future__ import annotations

import pytest
from recorded import record_run
from studio import button, checked, choices, open_page, texts, unescaped, warnings

from dcgan.fields import train_command
from dcgan.pages.parts import start
from dcgan.presets import PRESETS
from dcgan.runs import launch
from dcgan.runs.rows import Status
from dcgan.training import time_estimate

pytestmark = pytest.mark.usefixtures("only_own_runs")


@pytest.mark.slow
def test_the_form_starts_the_training_that_its_command_names(only_own_runs, monkeypatch):
    spawned = []
    monkeypatch.setattr(launch, "_spawn", spawned.append)
    app = open_page("train", preset="dcgan")
    checked(app.number_input(key="dcgan:epochs").set_value(3).run())
    checked(app.number_input(key="dcgan:lr_g").set_value(1e-3).run())
    checked(app.selectbox(key="dcgan:loss").select("hinge").run())
    assert button(app, "start").disabled  # hinge has no targets to smooth
    assert "real_target=0.9" in unescaped(app.error[0].value)
    checked(app.number_input(key="dcgan:real_target").set_value(1.0).run())
    checked(app.number_input(key="dcgan:generator_target").set_value(1.0).run())
    (command,) = app.code
    checked(button(app, "start").click().run())
    (run,) = spawned
    assert run.preset == "dcgan"
    assert (run.config().epochs, run.config().lr_g, run.config().loss) == (3, 1e-3, "hinge")
    assert command.value == train_command(run.config(), "dcgan")
    assert choices(app)["run"] == run.name


def test_the_quick_preset_comes_first():
    app = open_page("train")
    assert app.selectbox(key="preset").value == "dcgan-quick"
    assert set(app.selectbox(key="preset").options) == set(PRESETS)


@pytest.mark.slow
@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_opens_as_it_is(preset):
    app = open_page("train", preset=preset)
    g, d = PRESETS[preset].parameters
    assert f"{g:,} parameters" in texts(app)
    assert f"{d:,} in D" in texts(app)
    if PRESETS[preset].for_pictures:  # which need a folder
        assert any("folder" in warning for warning in warnings(app))
        assert button(app, "start").disabled
    else:
        assert app.code[0].value == f"python -m dcgan train {preset}"
        assert not button(app, "start").disabled


@pytest.mark.slow
def test_an_invalid_config_is_an_error_and_cannot_be_started():
    app = open_page("train", preset="dcgan")
    checked(app.number_input(key="dcgan:model.image_size").set_value(30).run())
    assert "image_size=30" in unescaped(app.error[0].value)
    assert button(app, "start").disabled
    checked(app.text_input(key="dcgan:betas").input("0.5, many").run())
    assert "'0.5, many'" in unescaped(app.error[0].value)
    assert button(app, "start").disabled


@pytest.mark.slow
def test_a_start_beside_a_running_training_is_refused(only_own_runs):
    run = record_run(only_own_runs)
    run.write_status(Status("running", 2, 400, 2))
    with run.lock():
        app = open_page("train", preset="dcgan")
        checked(button(app, "start").click().run())
    assert "DCGAN_MAX_RUNNING=2" in unescaped(app.error[0].value)
    assert len(list(only_own_runs.glob("*/config.json"))) == 1


@pytest.mark.slow
def test_a_click_reads_the_times_of_all_presets_once(only_own_runs, monkeypatch):
    app = open_page("train", preset="dcgan")
    only_own_runs.mkdir(exist_ok=True)
    (only_own_runs / ".speed.json").write_text("{}")
    time_estimate._torch_version.cache_clear()
    time_estimate._key_here.cache_clear()
    calls = []
    version, read_object = time_estimate.version, time_estimate.bounded_json.read_object
    monkeypatch.setattr(time_estimate, "version", lambda name: calls.append(name) or version(name))
    monkeypatch.setattr(
        time_estimate.bounded_json, "read_object", lambda path: calls.append(path.name) or read_object(path)
    )
    checked(app.number_input(key="dcgan:epochs").set_value(3).run())
    assert (calls.count("torch"), calls.count(".speed.json")) == (1, 1)


def test_refreshes_end_when_the_steps_are_timed(monkeypatch):
    reruns, measuring = [], {PRESETS["gan"].config}
    monkeypatch.setattr(start.st, "rerun", lambda: reruns.append(True))
    monkeypatch.setattr(time_estimate, "is_measuring", lambda config: config in measuring)
    start.estimate_line(PRESETS["gan"].config, waits=True)
    start.table_of_presets(waits=True)
    assert not reruns
    measuring.clear()
    start.estimate_line(PRESETS["gan"].config, waits=True)
    start.table_of_presets(waits=True)
    assert len(reruns) == 2
    start.estimate_line(PRESETS["gan"].config, waits=False)
    start.table_of_presets(waits=False)
    assert len(reruns) == 2


@pytest.mark.slow
@pytest.mark.parametrize("name", ["hub:owner/set", "table:pictures.parquet"])
def test_a_table_that_cannot_be_opened_is_named_before_the_start(name):
    pytest.importorskip("datasets")
    app = open_page("train", preset="gan")
    checked(app.selectbox(key="gan:data.name").select(start.OWN_IMAGES).run())
    checked(app.text_input(key="gan:folder").set_value(name).run())
    assert name in unescaped(app.error[0].value)
    assert button(app, "start").disabled
