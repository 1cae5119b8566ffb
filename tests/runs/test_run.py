"""The run directory: names, states, rows, and files that are whole or not there."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recorded import TINY, progress_row, score_row

from dcgan import files
from dcgan.config import DataConfig
from dcgan.files import replacing
from dcgan.presets import PRESETS
from dcgan.runs.listing import find_run, list_runs
from dcgan.runs.rows import Status
from dcgan.runs.run import Run, RunError

PROJECT = Path(__file__).resolve().parents[2]
RUNNING = Status("running", 3, 40, 4)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run.create(TINY, "demo", tmp_path)


# Making


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


def test_file_names_are_the_designs(tmp_path):
    run = Run(tmp_path)
    assert run.sample_path(469) == tmp_path / "samples" / "0000469.png"
    assert run.snapshot_path(12_345_678) == tmp_path / "snapshots" / "12345678.safetensors"
    named = [run.generator_path, run.discriminator_path, run.state_path, run.log_path]
    assert [path.name for path in named] == [
        "generator.safetensors",
        "discriminator.safetensors",
        "state.safetensors",
        "log.txt",
    ]


def test_the_moving_average_is_preferred_where_there_is_one(run):
    assert run.weights_path == run.generator_path
    run.ema_path.touch()
    assert run.weights_path == run.ema_path


# Status and the lock

HOLD = """
import sys, time
from dcgan.runs.run import Run
with Run(sys.argv[1]).lock():
    print("held", flush=True)
    time.sleep(60)
"""


@contextlib.contextmanager
def holder(run: Run) -> Iterator[subprocess.Popen]:
    """Another process that holds the run's lock."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(run.path)], cwd=PROJECT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout.readline() == "held\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def test_status_comes_back_as_written(run):
    written = Status("failed", 3, 40, 4, error="the disk is full", notes=("a", "b"), environment={"device": "cpu"})
    run.write_status(written)
    assert run.status() == written
    assert written.epoch == pytest.approx(0.3)
    assert Status("running", 0, 0, 4).epoch == 0


def test_running_without_a_process_is_interrupted(run):
    run.write_status(RUNNING)
    assert run.status() == replace(RUNNING, state="interrupted")
    assert json.loads((run.path / "status.json").read_text())["state"] == "running", "reading writes nothing"


@pytest.mark.parametrize("state", ["finished", "stopped", "failed"])
def test_an_ended_run_keeps_its_state_without_a_process(run, state):
    run.write_status(replace(RUNNING, state=state))
    assert run.status().state == state


def test_running_in_this_process_is_running(run):
    run.write_status(RUNNING)
    with run.lock():
        assert run.is_locked()
        assert run.status() == RUNNING
        assert run.status() == RUNNING, "asking does not take the lock away"
    assert not run.is_locked()
    assert run.status().state == "interrupted"


def test_a_killed_process_is_noticed(run):
    run.write_status(RUNNING)
    with holder(run) as process:
        assert run.is_locked()
        assert run.status() == RUNNING
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert not run.is_locked()
        assert run.status().state == "interrupted"


def test_a_child_that_inherits_the_lock_keeps_it(run):
    """The launcher takes the lock and leaves it to the training that it starts."""
    run.write_status(RUNNING)
    descriptor = os.open(run.path, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    child = subprocess.Popen(["sleep", "60"], pass_fds=[descriptor])
    try:
        os.close(descriptor)
        assert run.status() == RUNNING
    finally:
        child.kill()
        child.wait()
    assert run.status().state == "interrupted"


def test_only_one_process_trains_a_run(run):
    sentence = "is being trained by another process; stop that one first"
    with holder(run), pytest.raises(RunError, match=re.escape(f"{run.path} {sentence}")), run.lock(0.05):
        pass
    with run.lock(), pytest.raises(RunError, match=sentence), run.lock(0.05):
        pass
    with run.lock(0):
        pass


def test_the_lock_is_let_go_after_an_error(run):
    with pytest.raises(ZeroDivisionError), run.lock():
        _ = 1 / 0
    assert not run.is_locked()


def test_a_readers_glance_does_not_keep_a_training_from_starting(run):
    """is_locked holds the lock for an instant; a training that starts in it waits a little."""
    descriptor = os.open(run.path, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    reader = subprocess.Popen(["sleep", "0.2"], pass_fds=[descriptor])
    os.close(descriptor)
    try:
        with run.lock(patience_seconds=30):
            assert reader.wait(timeout=30) == 0
    finally:
        reader.kill()


def test_two_readers_do_not_take_each_other_for_a_training(run):
    descriptor = os.open(run.path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        assert not run.is_locked()
    finally:
        os.close(descriptor)


def test_a_training_that_ends_between_two_looks_has_the_last_word(run, monkeypatch):
    run.write_status(RUNNING)

    def ended_now(self: Run) -> bool:
        self.write_status(replace(RUNNING, state="finished", step=40))
        return False

    monkeypatch.setattr(Run, "is_locked", ended_now)
    assert run.status() == replace(RUNNING, state="finished", step=40)


# Rows


def test_rows_come_back_as_appended_and_the_offset_goes_on(run):
    assert run.progress() == ([], 0)
    run.append_progress(progress_row(1))
    run.append_progress(progress_row(2))
    rows, offset = run.progress()
    assert rows == [progress_row(1), progress_row(2)]
    assert run.progress(offset) == ([], offset)
    run.append_progress(progress_row(3))
    rows, offset = run.progress(offset)
    assert rows == [progress_row(3)]
    assert offset == (run.path / "progress.jsonl").stat().st_size


def test_an_unfinished_last_line_waits_for_its_end(run):
    run.append_progress(progress_row(1))
    file = run.path / "progress.jsonl"
    line = json.dumps(dataclasses.asdict(progress_row(2))) + "\n"
    with open(file, "a") as stream:
        stream.write(line[:-1])  # whole but for its end: a number could still go on
    rows, offset = run.progress()
    assert rows == [progress_row(1)]
    assert run.progress(offset) == ([], offset)
    with open(file, "a") as stream:
        stream.write("\n")
    assert run.progress(offset) == ([progress_row(2)], file.stat().st_size)


@pytest.mark.parametrize(
    "damage", [b"\0\0\0\0", b"{}", b"[]", b"7", b"null", b'{"step": 2', b"\xff\xfe", b"", b'{"step": 2}', b'"row"']
)
def test_a_damaged_line_is_passed_over(run, damage):
    run.append_progress(progress_row(1))
    with open(run.path / "progress.jsonl", "ab") as stream:
        stream.write(damage + b"\n")
    run.append_progress(progress_row(3))
    assert run.progress()[0] == [progress_row(1), progress_row(3)]


def test_a_file_that_shrank_is_read_from_its_beginning(run):
    for step in (1, 2, 3):
        run.append_progress(progress_row(step))
    offset = run.progress()[1]
    run.rewind(1)
    rows, new_offset = run.progress(offset)
    assert rows == [progress_row(1)]
    assert new_offset < offset, "so a reader knows that its rows are void"
    run.append_progress(progress_row(2))
    assert run.progress(new_offset)[0] == [progress_row(2)]


def test_a_row_that_is_not_finite_is_never_written(run):
    with pytest.raises(TypeError, match="nan"):
        run.append_progress(replace(progress_row(1), d_loss=float("nan")))
    with pytest.raises(ValueError, match="JSON"):
        run.append_eval({"frechet": float("inf")})
    assert run.progress()[0] == []


LINES = [json.dumps(dataclasses.asdict(progress_row(step))).encode() + b"\n" for step in range(1, 7)]


@given(pieces=st.lists(st.tuples(st.integers(0, 700), st.booleans()), max_size=25))
@settings(max_examples=80, deadline=None)
def test_a_reader_that_keeps_its_offset_meets_every_row_once(tmp_path_factory, pieces):
    """However the writer's bytes arrive, and whenever the reader looks."""
    run = Run(tmp_path_factory.mktemp("rows", numbered=True))
    left = b"".join(LINES)
    read, offset = [], 0
    with open(run.path / "progress.jsonl", "ab", buffering=0) as stream:
        for size, look in [*pieces, (len(left), True)]:
            stream.write(left[:size])
            left = left[size:]
            if look:
                rows, offset = run.progress(offset)
                read += [row.step for row in rows]
                arrived = sum(map(len, LINES)) - len(left)
                assert read == list(range(1, 1 + _whole_lines(arrived)))
    assert read == [1, 2, 3, 4, 5, 6]


def _whole_lines(num_bytes: int) -> int:
    return b"".join(LINES)[:num_bytes].count(b"\n")


def test_evals_come_back_as_appended(run):
    assert run.evals() == []
    run.append_eval({"frechet": 4.5, "classifier": "lenet"})
    with open(run.path / "evals.jsonl", "ab") as stream:
        stream.write(b"\0\0\n")
    run.append_eval({"frechet": 3.5})
    with open(run.path / "evals.jsonl", "ab") as stream:
        stream.write(b'{"frechet": 2')
    assert run.evals() == [{"frechet": 4.5, "classifier": "lenet"}, {"frechet": 3.5}]


@pytest.mark.parametrize("damage", [b"7", b"null"])
def test_an_eval_that_is_no_object_is_passed_over(run, damage):
    with open(run.path / "evals.jsonl", "ab") as stream:
        stream.write(damage + b"\n")
    run.append_eval({"frechet": 3.5})
    assert run.evals() == [{"frechet": 3.5}]


def test_rewind_takes_back_what_came_after(tiny_run):
    before = (tiny_run.path / "progress.jsonl").read_bytes().splitlines(keepends=True)
    assert tiny_run.sample_steps() == tiny_run.snapshot_steps() == [0, 2, 4]
    tiny_run.rewind(2)
    assert (tiny_run.path / "progress.jsonl").read_bytes() == b"".join(before[:2]), "what stays, stays bit for bit"
    assert tiny_run.sample_steps() == tiny_run.snapshot_steps() == [0, 2]
    assert tiny_run.generator_path.exists()
    tiny_run.rewind(0)
    assert tiny_run.progress()[0] == []
    assert tiny_run.sample_steps() == [0]


def test_rewind_removes_an_unfinished_line(run):
    """Else the next row would be written behind it, and both be lost."""
    run.append_progress(progress_row(1))
    with open(run.path / "progress.jsonl", "ab") as stream:
        stream.write(b'{"step": 2')
    run.rewind(5)
    run.append_progress(progress_row(2))
    assert run.progress()[0] == [progress_row(1), progress_row(2)]


def test_steps_are_sorted_by_number_and_strangers_are_left_out(run):
    assert run.sample_steps() == []
    for name in ("12345678.png", "0000009.png", "0000010.png", ".0000011.png.5.tmp", "notes.png", "0000012.gif"):
        run.write_bytes(f"samples/{name}", b"")
    assert run.sample_steps() == [9, 10, 12_345_678]


# Whole or not at all


def names_in(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_an_error_while_writing_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with contextlib.suppress(ZeroDivisionError), replacing(path) as temporary:
        temporary.write_text("half of the ne")
        _ = 1 / 0
    assert path.read_text() == "old"
    assert names_in(tmp_path) == ["file"]


def test_the_old_file_stands_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "deeper" / "file"
    with replacing(path) as temporary:
        assert temporary.parent == path.parent, "a rename is atomic within one folder only"
        temporary.write_text("first")
        assert not path.exists()
    with replacing(path) as temporary:
        temporary.write_text("second")
        assert path.read_text() == "first"
    assert path.read_text() == "second"
    assert names_in(path.parent) == ["file"]


def test_the_bytes_are_on_the_disk_before_the_name_is(tmp_path, monkeypatch):
    events = []
    sync, rename = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda descriptor: (events.append("sync"), sync(descriptor)))
    monkeypatch.setattr(Path, "replace", lambda self, target: (events.append("rename"), rename(self, target)))
    with replacing(tmp_path / "file") as temporary:
        temporary.write_text("new")
    assert events == ["sync", "rename"]


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


# Damage


def sentence(call) -> str:
    with pytest.raises(RunError, match=r"\w+ \w+") as caught:
        call()
    return str(caught.value)


def test_a_missing_file_says_that_this_is_no_run(tmp_path):
    for read in (Run(tmp_path).config, Run(tmp_path).status, Run(tmp_path / "gone").config):
        assert "is not a run: it has no " in sentence(read)
    assert f"{tmp_path} is not a run: it has no config.json" in sentence(Run(tmp_path).config)
    assert sentence(lambda: Run(tmp_path).preset) == f"{tmp_path} is not a run: it has no config.json"


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
        b'{"config": {"format": 3}}',
        b'{"config": {"turbo": 1}}',
    ],
)
def test_a_damaged_config_is_named(run, content):
    (run.path / "config.json").write_bytes(content)
    assert f"{run.path / 'config.json'} cannot be read: " in sentence(run.config)


def test_a_newer_config_says_what_to_do(run):
    values = json.loads((run.path / "config.json").read_text())
    values["config"]["format"] = 3
    run.write_text("config.json", json.dumps(values))
    assert "config format 3 is not 1 to 2; update DCGAN Studio to read it" in sentence(run.config)
    values["config"] |= {"format": 1, "turbo": True}
    run.write_text("config.json", json.dumps(values))
    assert "config field turbo is unknown to this version; update DCGAN Studio" in sentence(run.config)


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
    assert f"{run.path / 'status.json'} cannot be read: " in sentence(run.status)


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
    """A page computes with these: `status.epoch` of a step that is text would be an error far from its cause."""
    run.write_text("status.json", json.dumps(dataclasses.asdict(RUNNING) | change))
    assert f"{run.path / 'status.json'} cannot be read: " in sentence(run.status)


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("progress.jsonl", Run.progress),
        ("progress.jsonl", Run.last_row),
        ("scores.jsonl", Run.scores),
        ("evals.jsonl", Run.evals),
    ],
)
def test_rows_that_cannot_be_read_are_named(run, name, read):
    (run.path / name).unlink(missing_ok=True)
    (run.path / name).mkdir()
    assert sentence(lambda: read(run)) == (
        f"{run.path / name} cannot be read: Is a directory; make it a file that you may read, or move it away"
    )


def test_a_newer_status_is_read_for_what_is_known(run):
    values = dataclasses.asdict(replace(RUNNING, state="finished")) | {"mood": "good"}
    run.write_text("status.json", json.dumps(values))
    assert run.status() == replace(RUNNING, state="finished")


def test_a_status_without_notes_is_read(run):
    run.write_text("status.json", json.dumps({"state": "finished", "step": 2, "steps": 2, "epochs": 1}))
    assert run.status() == Status("finished", 2, 2, 1)


# Stopping and deleting


def test_the_stop_file_asks_and_is_taken_back(run):
    assert not run.stop_requested()
    run.clear_stop()
    run.request_stop()
    run.request_stop()
    assert run.stop_requested()
    assert (run.path / "stop").exists(), "the design's name, for whoever touches it by hand"
    run.clear_stop()
    assert not run.stop_requested()


def test_a_run_in_training_is_not_deleted(tiny_run):
    with tiny_run.lock():
        assert sentence(tiny_run.delete) == f"{tiny_run.path} is being trained; stop it first"
        assert tiny_run.config() == TINY
    tiny_run.delete()
    assert not tiny_run.path.exists()
    assert tiny_run.path.parent.exists()


# Finding


def test_a_folder_that_may_not_be_read_hides_no_other_run(tiny_run, runs_root, monkeypatch):
    locked, stat = runs_root / "lost+found", os.stat
    locked.mkdir()

    def refuse(path, *arguments, **options):
        if str(path).startswith(f"{locked}{os.sep}"):
            raise PermissionError(13, "Permission denied", str(path))
        return stat(path, *arguments, **options)

    monkeypatch.setattr(os, "stat", refuse)
    assert list_runs(runs_root) == [tiny_run]
    assert tiny_run in list_runs()


def test_a_file_system_without_modes_is_written_to(tmp_path, monkeypatch):
    def refuse(*arguments, **options):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "chmod", refuse)
    monkeypatch.setattr(Path, "chmod", refuse)
    with replacing(tmp_path / "file") as temporary:
        temporary.write_text("whole")
    assert (tmp_path / "file").read_text() == "whole"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_list_runs_is_sorted_and_leaves_out_what_is_no_run(runs_root, tmp_path, monkeypatch):
    monkeypatch.setattr("dcgan.files.CHECKPOINTS", tmp_path / "published")
    assert list_runs() == []
    for name in ("b", "a"):
        Run(runs_root / name).write_config(TINY, "demo")
    Run(tmp_path / "published" / "z").write_config(TINY, "demo")
    (runs_root / "empty").mkdir()
    (runs_root / "file").touch()
    assert [run.name for run in list_runs()] == ["z", "a", "b"], "the published ones, then the user's own"
    assert [run.name for run in list_runs(runs_root)] == ["a", "b"]
    assert list_runs(tmp_path / "nowhere") == []


def test_a_run_does_not_take_a_presets_name(runs_root):
    Run(runs_root / "mine").write_config(TINY, "demo")
    message = sentence(lambda: find_run("mine").rename("dcgan"))
    assert message == "'dcgan' is a preset, and a command would not know which is meant; try my-dcgan"
    assert find_run("mine").rename("my-dcgan") == Run(runs_root / "my-dcgan")


def test_a_new_run_is_refused_what_a_recorded_one_may_have(runs_root):
    config = replace(TINY, gradient_penalty=10.0)
    with pytest.raises(ValueError, match=r"set model\.norm_d to none"):
        Run.create(config)
    assert not runs_root.exists()
    Run(runs_root / "old").write_config(config, "demo")
    assert find_run("old").config() == config


def test_find_run_takes_a_path_or_a_name(runs_root, tmp_path, monkeypatch):
    monkeypatch.setattr("dcgan.files.CHECKPOINTS", tmp_path / "published")
    Run(runs_root / "mine").write_config(TINY, "demo")
    Run(tmp_path / "published" / "theirs").write_config(TINY, "demo")
    assert find_run("mine") == find_run(str(runs_root / "mine")) == Run(runs_root / "mine")
    assert find_run("theirs") == Run(tmp_path / "published" / "theirs")


def test_find_run_lists_what_there_is(runs_root, tmp_path, monkeypatch):
    monkeypatch.setattr("dcgan.files.CHECKPOINTS", tmp_path / "published")
    monkeypatch.chdir(tmp_path)
    assert "; there is none yet; " in sentence(lambda: find_run("mine"))
    assert "pip install -e ." in sentence(lambda: find_run("mine")), "as from a wheel, without the published models"
    (tmp_path / "published").mkdir()
    assert sentence(lambda: find_run("mine")) == "'mine' is not a run directory; there is none yet"
    for number in range(9):
        Run(runs_root / f"run{number}").write_config(TINY, "demo")
    message = sentence(lambda: find_run("mine"))
    assert message == "'mine' is not a run directory; there are run1, run2, run3, run4, run5, run6, run7, run8"


@pytest.mark.parametrize("name", ["", "a/b/c", "..", "\0", "a" * 300, "~", "config.json"])
def test_hostile_names_find_nothing(runs_root, tmp_path, monkeypatch, name):
    """A name may come from a link: any text is either a run or one clear error."""
    monkeypatch.chdir(tmp_path)
    assert "is not a run directory" in sentence(lambda: find_run(name))


# Lightness


def test_reading_runs_imports_no_torch_and_no_numpy():
    """Pages that only read runs open in a second."""
    code = "import sys, dcgan.runs.run; print([name for name in ('torch', 'numpy', 'PIL') if name in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert out.stdout == "[]\n"


def test_relative_paths_are_recorded_so_that_any_directory_resumes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for asked, recorded in (
        (DataConfig(name="folder:photos/mine"), DataConfig(name=f"folder:{tmp_path}/photos/mine")),
        (DataConfig(name="kmnist", root="sets"), DataConfig(name="kmnist", root=f"{tmp_path}/sets")),
    ):
        assert Run.create(replace(TINY, data=asked), "demo", tmp_path / "runs").config().data == recorded
    assert DataConfig(name="mnist").with_absolute_paths() == DataConfig(name="mnist")


# Scores


def test_scores_come_back_as_they_were_written(run):
    assert run.scores() == []
    rows = [score_row(2), score_row(4)]
    for row in rows:
        run.append_score(row)
    assert run.scores() == rows


def test_a_damaged_or_unfinished_score_hides_no_other(run):
    run.append_score(score_row(2))
    whole = dataclasses.asdict(score_row(4))
    damaged = [b"[1]", b"7", b"no row", json.dumps(whole | {"cfd": None}).encode()]
    damaged += [json.dumps(whole | each).encode() for each in ({"class_histogram": [1, 0]}, {"classifier": 3})]
    with open(run.path / "scores.jsonl", "ab") as file:
        file.write(b"\n".join(damaged) + b"\n")
    run.append_score(score_row(6))
    with open(run.path / "scores.jsonl", "ab") as file:
        file.write(json.dumps(whole).encode())
    assert [row.step for row in run.scores()] == [2, 6]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 10**400, "1", None, True])
def test_a_score_is_of_numbers(value):
    with pytest.raises(TypeError, match="no row of numbers"):
        score_row(2, cfd=value)
    with pytest.raises(TypeError, match="no row of numbers"):
        score_row(2, class_histogram=(0.1,) * 9 + (value,))


def test_a_rewind_takes_scores_back_and_makes_none(run):
    run.rewind(3)
    assert not (run.path / "scores.jsonl").exists()
    for step in (2, 4, 6):
        run.append_score(score_row(step))
    run.rewind(4)
    assert [row.step for row in run.scores()] == [2, 4]
