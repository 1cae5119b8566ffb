"""The Train page on every kind of run, without a browser: its content, and its buttons."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from recorded import TINY, progress_row, record_run, score_row
from streamlit.testing.v1 import AppTest

from dcgan.fields import train_command
from dcgan.figures import plots
from dcgan.files import CHECKPOINTS
from dcgan.pages.parts import curves, live
from dcgan.presets import PRESETS
from dcgan.runs import launch
from dcgan.runs.rows import Status
from dcgan.runs.run import Run
from dcgan.training import time_estimate

APP = str(Path(__file__).resolve().parents[2] / "streamlit_app.py")


@pytest.fixture(autouse=True)
def own_machine(runs_root, monkeypatch):
    """No published model, no Space, and no processor time for estimates."""
    monkeypatch.setattr("dcgan.files.CHECKPOINTS", runs_root.parent / "no-checkpoints")
    monkeypatch.setattr(time_estimate, "measure_in_background", lambda configs: None)
    for name in ("SPACE_ID", "DCGAN_ALLOW_TRAINING", "DCGAN_MAX_RUNNING"):
        monkeypatch.delenv(name, raising=False)


def open_train(**query: str) -> AppTest:
    app = AppTest.from_file(APP, default_timeout=30)
    for key, value in query.items():
        app.query_params[key] = value
    app.switch_page("dcgan/pages/train.py")
    return checked(app.run())


def checked(app: AppTest) -> AppTest:
    assert not app.exception, app.exception[0].stack_trace
    return app


def texts(app: AppTest) -> str:
    kinds = (app.markdown, app.caption, app.info, app.warning, app.error, app.success, app.code)
    return "\n".join(element.value for kind in kinds for element in kind)


def button(app: AppTest, label: str):
    (match,) = [element for element in app.button if element.label == label]
    return match


def labels(app: AppTest) -> list[str]:
    return [element.label for element in app.button]


def bar(app: AppTest) -> str:
    return app.get("progress")[0].proto.text


def figures(app: AppTest) -> int:
    return len(app.get("plotly_chart"))


# Kinds of runs


@pytest.mark.slow
def test_without_runs_there_are_the_form_and_a_message():
    app = open_train()
    assert "There is no recording yet" in texts(app)
    assert button(app, "Start training")


@pytest.mark.slow
def test_a_finished_run_shows_its_curves_its_samples_and_no_stop(runs_root):
    run = record_run(runs_root)
    app = open_train()
    assert live.STATES["finished"] in [element.value for element in app.markdown]
    assert bar(app).startswith("epoch 2 of 2 · step 4 of 4")
    assert figures(app) == 3
    (picture,) = [image.proto.imgs[0] for image in app.get("image")]
    assert picture.url.endswith(".png")
    assert picture.caption.startswith("epoch 2:")
    assert not {"Stop", "Resume"} & set(labels(app))
    assert app.select_slider[0].options == ["0", "2", "4"]
    checked(app.select_slider[0].set_value(0).run())
    assert app.get("image")[0].proto.imgs[0].caption.startswith("step 0:")
    assert run.name in [box.value for box in app.selectbox if box.label == "Run"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("loss", "axis", "reading"),
    [
        ("bce", "probability of being real", "probabilities"),
        ("relativistic", "sigmoid of D's logits", "logits"),
    ],
)
def test_outputs_of_the_discriminator_are_called_probabilities_only_where_they_are(runs_root, loss, axis, reading):
    record_run(runs_root, replace(TINY, loss=loss))
    app = open_train()
    outputs = json.loads(app.get("plotly_chart")[1].proto.spec)
    assert outputs["layout"]["yaxis"]["title"]["text"] == axis
    assert curves.READING[reading].format(loss=loss) in [element.value for element in app.caption]


@pytest.mark.slow
def test_scores_are_drawn_beside_those_of_real_images(runs_root):
    run = record_run(runs_root)
    assert "scores" not in [element.anchor for element in open_train().subheader]
    rows = [score_row(2), score_row(4)]
    for row in rows:
        run.append_score(row)
    app = open_train()
    assert "scores" in [element.anchor for element in app.subheader]
    cfd, coverage, classes = (json.loads(chart.proto.spec)["data"] for chart in app.get("plotly_chart")[3:])
    assert [cfd[0]["x"], cfd[0]["y"], cfd[1]["y"]] == [[1.0, 2.0], [row.cfd for row in rows], [0.27, 0.27]]
    assert [coverage[0]["y"], coverage[1]["y"]] == [[row.coverage for row in rows], [0.56, 0.56]]
    assert classes[0]["y"] == list(rows[-1].class_histogram)
    assert "2,000 images are scored" in texts(app).replace("\\", "")
    assert not app.warning


@pytest.mark.slow
def test_a_collapse_is_an_alarm_that_names_what_is_missing(runs_root):
    run = record_run(runs_root)
    shares = (0.125, 0.0, 0.125, 0.125, 0.0, 0.125, 0.125, 0.125, 0.125, 0.125)
    for step in range(2, 12, 2):
        run.append_score(score_row(step))
    for step in (12, 14):
        run.append_score(score_row(step, cfd=30.0, class_histogram=shares))
    app = open_train()
    assert "The generator no longer draws 1 and 4." in app.warning[0].value
    run.append_score(score_row(16, cfd=70.0, coverage=0.0, class_histogram=(0.0,) * 7 + (1.0, 0.0, 0.0)))
    app = checked(app.run())
    assert "The generator has collapsed" in app.error[0].value
    assert not app.success


@pytest.mark.slow
def test_a_running_run_says_when_its_first_scores_come(runs_root):
    for config, notes, is_announced in (
        (replace(TINY, score_images=2000), (), True),
        (replace(TINY, score_images=2000), ("not scored along the way: there is no classifier",), False),
        (TINY, (), False),
    ):
        run = record_run(runs_root, config)
        run.write_status(Status("running", 2, 400, 2, notes=notes))
        with run.lock():
            assert (curves.FIRST_SCORES in texts(open_train(run=run.name))) is is_announced
        run.delete()


def begin(run: Run, step: int = 2) -> None:
    run.write_status(Status("running", step, 400, 2))


@pytest.mark.slow
def test_a_running_run_tells_how_far_and_can_be_stopped(runs_root):
    record_run(runs_root)
    run = record_run(runs_root)
    begin(run)
    with run.lock():
        app = open_train()
        assert bar(app).startswith("epoch 1 of 2 · step 4 of 400 · 8 images/s · ")
        assert bar(app).endswith("3 min 18 s left")
        assert {"Stop"} <= set(labels(app))
        assert not {"Resume", "Replay"} & set(labels(app))
        assert app.toggle(key="follow").value
        checked(button(app, "Stop").click().run())
        assert run.stop_requested()
        assert "Stopping" in texts(app)
    checked(app.run())
    assert "interrupted" in texts(app)


@pytest.mark.slow
def test_a_run_that_has_just_been_started_says_so(runs_root):
    run = Run.create(TINY, "tiny")
    run.write_status(Status("running", 0, 0, 2))
    with run.lock():
        app = open_train()
    assert live.STARTING in texts(app)
    assert "no samples yet" in texts(app)
    assert figures(app) == 0


def test_a_killed_run_says_what_it_printed_and_can_be_resumed(runs_root):
    run = Run.create(TINY, "tiny")
    run.write_status(Status("running", 0, 0, 2))
    run.process_log_path.write_text("Killed by the kernel\n")
    app = open_train()
    assert "interrupted" in texts(app)
    assert "Killed by the kernel" in texts(app)
    assert button(app, "Resume")


@pytest.mark.slow
def test_a_run_that_was_killed_on_its_way_says_what_it_printed_too(runs_root):
    run = record_run(runs_root)
    run.write_status(replace(run.status(), state="running"))
    run.process_log_path.write_text("terminate called: bus error\n")
    assert run.progress()[0]
    assert "terminate called: bus error" in texts(open_train())
    run.write_status(replace(run.status(), state="failed", error="its reason"))
    assert "terminate called" not in texts(open_train())


@pytest.mark.slow
def test_a_failed_run_shows_its_reason_and_its_diagnosis(runs_root):
    run = record_run(runs_root)
    error = "g_loss became nan at step 7 (epoch 0.01); the last good weights are kept; try lower learning rates"
    run.write_status(replace(run.status(), state="failed", error=error))
    app = open_train()
    assert "became nan at step 7" in texts(app)
    assert "Start again with both learning rates at a quarter" in app.error[0].value


def damage_config(run: Run) -> None:
    (run.path / "config.json").write_text(json.dumps({"preset": "dcgan", "config": {"format": 99}}))


def damage_status(run: Run) -> None:
    (run.path / "status.json").write_text("{")


def forget_status(run: Run) -> None:
    (run.path / "status.json").unlink()


@pytest.mark.slow
@pytest.mark.parametrize("damage", [damage_config, damage_status, forget_status])
def test_a_damaged_run_is_a_sentence_and_can_be_deleted(runs_root, damage):
    run = record_run(runs_root)
    damage(run)
    app = open_train()
    assert app.warning
    checked(button(app, "Delete for good").click().run())
    assert not run.path.exists()
    assert "There is no recording yet" in texts(app)


@pytest.mark.slow
def test_half_written_rows_and_a_damaged_grid_leave_the_rest(runs_root):
    run = record_run(runs_root)
    with open(run.progress_path, "ab") as file:
        file.write(b'not a row\n{"step": 5, "ep')
    run.sample_path(4).write_bytes(b"no picture")
    shutil.rmtree(run.path / "snapshots")
    run.generator_path.unlink()
    app = open_train()
    assert figures(app) == 3
    assert "0000004.png" in "".join(warning.value for warning in app.warning).replace("\\", "")


@pytest.mark.slow
def test_a_run_that_vanishes_while_it_is_looked_at_is_gone_at_the_next_look(runs_root):
    run = record_run(runs_root)
    app = open_train()
    shutil.rmtree(run.path)
    checked(app.run())
    assert "There is no recording yet" in texts(app)


@pytest.mark.slow
@pytest.mark.parametrize("query", [{"run": "../../etc"}, {"run": "![](http://192.0.2.1/x)"}, {"preset": "<b>"}])
def test_a_hostile_address_is_a_sentence(runs_root, query):
    record_run(runs_root)
    app = open_train(**query)
    assert "in the address cannot be shown" in app.warning[0].value.replace("\\", "")
    assert "](http" not in texts(app)


# Buttons


@pytest.mark.slow
def test_rename_and_delete(runs_root):
    run, other = record_run(runs_root), record_run(runs_root)
    app = open_train(run=run.name)
    name = next(element for element in app.text_input if element.label == "New name")
    checked(name.input("mine").run())
    checked(button(app, "Rename").click().run())
    assert (runs_root / "mine" / "config.json").exists()
    assert [box.value for box in app.selectbox if box.label == "Run"] == ["mine"]
    name = next(element for element in app.text_input if element.label == "New name")
    checked(name.input("../up").run())
    checked(button(app, "Rename").click().run())
    assert "is not a name for a run" in app.error[0].value.replace("\\", "")
    checked(button(app, "Delete for good").click().run())
    assert not (runs_root / "mine").exists()
    assert other.path.exists()


@pytest.mark.slow
def test_the_form_starts_what_its_command_line_says(runs_root, monkeypatch):
    spawned = []
    monkeypatch.setattr(launch, "_spawn", spawned.append)
    app = open_train(preset="dcgan")
    checked(app.number_input(key="dcgan:epochs").set_value(3).run())
    checked(app.number_input(key="dcgan:lr_g").set_value(1e-3).run())
    checked(app.selectbox(key="dcgan:loss").select("hinge").run())
    assert button(app, "Start training").disabled  # hinge has no targets to smooth
    assert "real_target=0.9" in app.error[0].value.replace("\\", "")
    checked(app.number_input(key="dcgan:real_target").set_value(1.0).run())
    checked(app.number_input(key="dcgan:generator_target").set_value(1.0).run())
    (command,) = app.code
    checked(button(app, "Start training").click().run())
    (run,) = spawned
    assert run.preset == "dcgan"
    assert (run.config().epochs, run.config().lr_g, run.config().loss) == (3, 1e-3, "hinge")
    assert command.value == train_command(run.config(), "dcgan")
    assert [box.value for box in app.selectbox if box.label == "Run"] == [run.name]


@pytest.mark.slow
@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_opens_as_it_is(preset):
    app = open_train(preset=preset)
    assert app.code[0].value == f"python -m dcgan train {preset}"
    g, d = PRESETS[preset].parameters
    assert f"{g:,} parameters in G, {d:,} in D" in texts(app)
    assert not button(app, "Start training").disabled


@pytest.mark.slow
def test_what_does_not_go_together_is_said_and_cannot_be_started():
    app = open_train(preset="dcgan")
    checked(app.number_input(key="dcgan:model.image_size").set_value(30).run())
    assert "image_size=30" in app.error[0].value.replace("\\", "")
    assert button(app, "Start training").disabled
    checked(app.text_input(key="dcgan:betas").input("0.5, many").run())
    assert "not a list of numbers" in app.error[0].value.replace("\\", "")


@pytest.mark.slow
def test_a_second_start_is_refused_with_the_remedy(runs_root):
    run = record_run(runs_root)
    begin(run)
    with run.lock():
        app = open_train(preset="dcgan")
        checked(button(app, "Start training").click().run())
    assert "DCGAN_MAX_RUNNING=2" in app.error[0].value.replace("\\", "")
    assert len(list(runs_root.glob("*/config.json"))) == 1


@pytest.mark.slow
@pytest.mark.parametrize("variable", [("SPACE_ID", "someone/space"), ("DCGAN_ALLOW_TRAINING", "0")])
def test_a_public_server_replays(runs_root, monkeypatch, variable):
    monkeypatch.setenv(*variable)
    record_run(runs_root)
    app = open_train()
    assert "Training is off on this server" in texts(app)
    assert not {"Start training", "Stop", "Resume", "Rename", "Delete for good"} & set(labels(app))
    assert figures(app) == 3
    assert {"Replay"} <= set(labels(app))


@pytest.mark.slow
def test_published_runs_are_not_the_visitors(monkeypatch):
    monkeypatch.setattr("dcgan.files.CHECKPOINTS", CHECKPOINTS)
    app = open_train(run="gan-mnist")
    assert not {"Resume", "Rename", "Delete for good"} & set(labels(app))
    assert "Healthy." in app.success[0].value


@pytest.mark.slow
def test_a_replay_walks_from_the_first_grid_to_the_last_and_ends(runs_root):
    record_run(runs_root)
    app = open_train()
    checked(button(app, "Replay").click().run())
    seen = [app.select_slider[0].value]
    for _ in range(5):
        checked(app.run())
        seen.append(app.select_slider[0].value)
    assert seen[-1] == 4
    assert sorted(set(seen)) == seen[: len(set(seen))]
    assert "Replay" in labels(app)


@pytest.mark.slow
def test_a_second_viewer_who_reads_new_rows_amid_a_look_does_no_harm(runs_root, monkeypatch):
    run = record_run(runs_root)
    across, added = plots.across, iter(range(5, 1000))

    def slowly(series, x):
        xs = across(series, x)
        run.append_progress(progress_row(next(added)))
        curves.newest_series(run)  # the other viewer reads the same series
        return xs

    monkeypatch.setattr(plots, "across", slowly)
    app = open_train()
    spec = json.loads(app.get("plotly_chart")[0].proto.spec)
    assert figures(app) == 3
    assert len({str(trace["x"]) for trace in spec["data"]}) == 1


@pytest.mark.slow
@pytest.mark.parametrize("name", ["progress.jsonl", "scores.jsonl"])
def test_rows_that_cannot_be_read_are_a_sentence(runs_root, name):
    run = record_run(runs_root)
    (run.path / name).unlink(missing_ok=True)
    (run.path / name).mkdir()
    app = open_train()
    assert f"{name} cannot be read: Is a directory; " in app.warning[0].value.replace("\\", "")


@pytest.mark.slow
@pytest.mark.parametrize("change", [{"notes": [3]}, {"error": 3}, {"environment": {"device": 3}}], ids=str)
def test_a_status_that_holds_no_words_is_a_sentence(runs_root, change):
    run = record_run(runs_root)
    run.write_text("status.json", json.dumps(asdict(run.status()) | change))
    assert "3 is not text" in open_train().warning[0].value.replace("\\", "")


@pytest.mark.slow
def test_an_address_keeps_the_run_it_names_even_the_newest(runs_root):
    runs = [record_run(runs_root), record_run(runs_root)]
    for run in runs:
        app = open_train(run=run.name)
        assert app.query_params["run"] in (run.name, [run.name])
        assert app.selectbox(key="run").value == run.name
    record_run(runs_root)  # from now on the newest
    checked(app.run())
    assert app.selectbox(key="run").value == runs[-1].name


@pytest.mark.slow
def test_rows_added_since_are_drawn(runs_root):
    run = record_run(runs_root)
    begin(run)
    with run.lock():
        app = open_train()
        run.append_progress(progress_row(50))
        checked(app.run())
    assert "step 50 of 400" in bar(app)
