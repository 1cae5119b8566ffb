"""The run directory: its names, its config and status, and damaged files."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from recorded import TINY, error_of, progress_row, score_row

from dcgan import files
from dcgan.config import DataConfig
from dcgan.presets import PRESETS
from dcgan.runs.listing import find_run
from dcgan.runs.rows import Status
from dcgan.runs.run import Run

RUNNING = Status("running", 3, 40, 4)


def test_a_run_is_named_after_time_preset_and_seed(tmp_path):
    before = datetime.now().replace(microsecond=0)
    run = Run.create(replace(TINY, seed=7), "dcgan", tmp_path / "not" / "there" / "yet")
    after = datetime.now()
    match = re.fullmatch(r"(\d{8}-\d{6})-dcgan-s7", run.name)
    assert match
    assert before <= datetime.strptime(match[1], "%Y%m%d-%H%M%S") <= after
    assert run.path.parent == tmp_path / "not" / "there" / "yet"


@pytest.mark.parametrize("name", PRESETS)
def test_create_writes_the_config(name, tmp_path):
    config = PRESETS[name].config
    run = Run.create(config, name, tmp_path)
    assert run.config() == config
    assert run.preset == name
    values = json.loads((run.path / "config.json").read_text())
    assert set(values) == {"preset", "created", "config"}
    assert datetime.fromisoformat(values["created"]).utcoffset() is not None, "a time without a zone says nothing"


def test_runs_of_the_same_second_get_names_of_their_own(tmp_path, monkeypatch):
    class OneSecond(datetime):
        @classmethod
        def now(cls, tz=None):
            return cls(2026, 11, 24, 10, 15, 2, tzinfo=tz)

    monkeypatch.setattr("dcgan.runs.run.datetime", OneSecond)
    made = [Run.create(replace(TINY, epochs=epochs), "dcgan", tmp_path) for epochs in (1, 2, 3)]
    assert [run.name for run in made] == [
        "20261124-101502-dcgan-s0",
        "20261124-101502-dcgan-s0-2",
        "20261124-101502-dcgan-s0-3",
    ]
    assert [run.config().epochs for run in made] == [1, 2, 3]


def test_runs_live_where_the_environment_says(runs_root, monkeypatch):
    assert files.runs_root() == runs_root
    assert Run.create(TINY).path.parent == runs_root
    monkeypatch.setenv("DCGAN_RUNS", "")
    assert files.runs_root() == Path("runs")
    monkeypatch.delenv("DCGAN_RUNS")
    assert files.runs_root() == Path("runs")


def test_a_run_is_its_path(tmp_path, monkeypatch):
    assert Run(tmp_path) == Run(str(tmp_path))
    assert len({Run(tmp_path), Run(tmp_path), Run(tmp_path / "other")}) == 2
    assert Run(tmp_path) != tmp_path
    monkeypatch.chdir(tmp_path)
    assert Run(".").name == tmp_path.name
    Run(tmp_path / "none")
    assert list(tmp_path.iterdir()) == [], "naming a run makes nothing"


def test_rewind_takes_back_what_came_after(tiny_run):
    before = (tiny_run.path / "progress.jsonl").read_bytes().splitlines(keepends=True)
    assert tiny_run.sample_steps() == tiny_run.snapshot_steps() == [0, 2, 4]
    tiny_run.rewind(2)
    assert (tiny_run.path / "progress.jsonl").read_bytes() == b"".join(before[:2]), "what stays, stays bit for bit"
    assert tiny_run.sample_steps() == tiny_run.snapshot_steps() == tiny_run.d_snapshot_steps() == [0, 2]
    assert tiny_run.generator_path.exists()
    tiny_run.rewind(0)
    assert tiny_run.progress()[0] == []
    assert tiny_run.sample_steps() == [0]


def test_rewind_removes_an_unfinished_line(run):
    """Otherwise the next row would follow on the same line, and both would be lost."""
    run.append_progress(progress_row(1))
    with open(run.path / "progress.jsonl", "ab") as stream:
        stream.write(b'{"step": 2')
    run.rewind(5)
    run.append_progress(progress_row(2))
    assert run.progress()[0] == [progress_row(1), progress_row(2)]


def test_files_are_readable_by_all_whatever_the_umask(tmp_path):
    before = os.umask(0o077)
    try:
        run = Run.create(TINY, "demo", tmp_path)
        run.write_status(RUNNING)
        run.write_bytes("samples/0000000.png", b"")
    finally:
        os.umask(before)
    for name in ("config.json", "status.json", "samples/0000000.png"):
        assert (run.path / name).stat().st_mode & 0o777 == 0o644


def test_a_folder_without_a_config_is_not_a_run(tmp_path):
    for read in (Run(tmp_path).config, Run(tmp_path).status, Run(tmp_path / "gone").config):
        assert "is not a run: it has no " in error_of(read)
    assert f"{tmp_path} is not a run: it has no config.json" in error_of(Run(tmp_path).config)
    assert error_of(lambda: Run(tmp_path).preset) == f"{tmp_path} is not a run: it has no config.json"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe\x00",
        b"{}",
        b'{"config": 5}',
        b'{"config": null}',
        b'{"config": []}',
        b'{"config": {"epochs": 0}}',
        b'{"config": {"format": 4}}',
        b'{"config": {"turbo": 1}}',
    ],
)
def test_a_damaged_config_is_named(run, content):
    (run.path / "config.json").write_bytes(content)
    assert f"{run.path / 'config.json'} cannot be read: " in error_of(run.config)


def test_a_newer_config_is_an_error_with_a_remedy(run):
    values = json.loads((run.path / "config.json").read_text())
    values["config"]["format"] = 4
    run.write_text("config.json", json.dumps(values))
    assert "config format 4" in error_of(run.config)
    values["config"] |= {"format": 1, "turbo": True}
    run.write_text("config.json", json.dumps(values))
    assert "config field turbo" in error_of(run.config)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        b"{}",
        b'{"state": "running"}',
        b'{"state": "running", "step": 1, "steps": 2, "epochs": 1, "notes": 5}',
    ],
)
def test_a_damaged_status_is_named(run, content):
    (run.path / "status.json").write_bytes(content)
    assert f"{run.path / 'status.json'} cannot be read: " in error_of(run.status)


@pytest.mark.parametrize(
    "change",
    [
        {"state": "dancing"},
        {"step": "3"},
        {"steps": None},
        {"epochs": "many"},
        {"notes": "abc"},
        {"notes": ["abc", 3]},
        {"error": 3},
        {"error": None},
        {"environment": {"device": 3}},
    ],
)
def test_a_status_of_wrong_values_is_named(run, change):
    """Pages compute with these values: an error in `status.epoch` would be far from its cause."""
    run.write_text("status.json", json.dumps(dataclasses.asdict(RUNNING) | change))
    assert f"{run.path / 'status.json'} cannot be read: " in error_of(run.status)


def test_known_fields_of_a_newer_status_are_read(run):
    values = dataclasses.asdict(replace(RUNNING, state="finished")) | {"mood": "good"}
    run.write_text("status.json", json.dumps(values))
    assert run.status() == replace(RUNNING, state="finished")


def test_a_status_without_notes_is_read(run):
    run.write_text("status.json", json.dumps({"state": "finished", "step": 2, "steps": 2, "epochs": 1}))
    assert run.status() == Status("finished", 2, 2, 1)


def test_a_stop_can_be_requested_and_withdrawn(run):
    assert not run.stop_requested()
    run.clear_stop()
    run.request_stop()
    run.request_stop()
    assert run.stop_requested()
    assert (run.path / "stop").exists(), "the documented name, for a user who makes it by hand"
    run.clear_stop()
    assert not run.stop_requested()


def test_a_run_in_training_is_not_deleted(tiny_run):
    with tiny_run.lock():
        assert error_of(tiny_run.delete) == f"{tiny_run.path} is being trained; stop it first"
        assert tiny_run.config() == TINY
    tiny_run.delete()
    assert not tiny_run.path.exists()
    assert tiny_run.path.parent.exists()


def test_a_run_does_not_take_a_presets_name(runs_root):
    Run(runs_root / "mine").write_config(TINY, "demo")
    message = error_of(lambda: find_run("mine").rename("dcgan"))
    assert message == "'dcgan' is a preset, and a command would not know which is meant; try my-dcgan"
    assert find_run("mine").rename("my-dcgan") == Run(runs_root / "my-dcgan")


def test_options_of_recorded_runs_are_refused_in_new_ones(runs_root):
    config = replace(TINY, gradient_penalty=10.0)
    with pytest.raises(ValueError, match=r"gradient_penalty=10.*model\.norm_d"):
        Run.create(config)
    assert not runs_root.exists()
    Run(runs_root / "old").write_config(config, "demo")
    assert find_run("old").config() == config


def test_reading_runs_imports_no_torch_and_no_numpy():
    """Pages that only read runs open in a second."""
    code = "import sys, dcgan.runs.run; print([name for name in ('torch', 'numpy', 'PIL') if name in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], cwd=files.PROJECT, capture_output=True, text=True, check=True)
    assert out.stdout == "[]\n"


def test_relative_paths_are_recorded_so_that_any_directory_resumes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for data, recorded in (
        (DataConfig(name="folder:photos/mine"), DataConfig(name=f"folder:{tmp_path}/photos/mine")),
        (DataConfig(name="kmnist", root="sets"), DataConfig(name="kmnist", root=f"{tmp_path}/sets")),
    ):
        assert Run.create(replace(TINY, data=data), "demo", tmp_path / "runs").config().data == recorded
    assert DataConfig(name="mnist").with_absolute_paths() == DataConfig(name="mnist")


def test_a_rewind_takes_scores_back_and_makes_none(run):
    run.rewind(3)
    assert not (run.path / "scores.jsonl").exists()
    for step in (2, 4, 6):
        run.append_score(score_row(step))
    run.rewind(4)
    assert [row.step for row in run.scores()] == [2, 4]
