"""Files that are replaced as a whole, and locks, also where the system is not Linux."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dcgan.files import PROJECT, is_locked, replacing, take_lock

WINDOWS = (
    "import os, sys"
    if os.name == "nt"
    else """
import asyncio, fcntl, os, subprocess, sys, types  # the standard library asks for msvcrt to know its system

def locking(descriptor, mode, count):
    assert count == 1 and not os.path.isdir(f"/proc/self/fd/{descriptor}"), "Windows locks bytes of files"
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise PermissionError(13, "Permission denied") from error

def mandatory(call):
    def refused(descriptor, *arguments):
        if os.readlink(f"/proc/self/fd/{descriptor}").endswith(".lock"):
            other = os.open(f"/proc/self/fd/{descriptor}", os.O_RDWR)
            try:
                fcntl.flock(other, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise PermissionError(13, "Permission denied") from error
            finally:
                os.close(other)
        return call(descriptor, *arguments)
    return refused

os.read, os.write = mandatory(os.read), mandatory(os.write)
sys.modules["msvcrt"] = types.SimpleNamespace(locking=locking, LK_NBLCK=2)
sys.modules["fcntl"] = None
"""
)
"""A process without `fcntl`, and with the call of `msvcrt` that takes its place. What is locked is not read."""


def on_windows(code: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", WINDOWS + code, *arguments],
        cwd=PROJECT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
    )


def test_a_lock_is_seen_and_ends_with_its_descriptor(tmp_path):
    assert not is_locked(tmp_path)
    descriptor = take_lock(tmp_path, patience_seconds=0)
    assert descriptor is not None
    assert is_locked(tmp_path)
    assert take_lock(tmp_path, patience_seconds=0.1) is None
    os.close(descriptor)
    assert not is_locked(tmp_path)


@pytest.mark.parametrize("ending", ["os.close(lock)", "os._exit(0)"])
def test_windows_locks_a_file_beside_the_directory(tmp_path, ending):
    code = f"""
import json
from pathlib import Path
from dcgan import files
run = Path(sys.argv[1])
before = files.is_locked(run)
lock = files.take_lock(run, patience_seconds=0)
second = files.take_lock(run, patience_seconds=0.1)
print(json.dumps([before, files.is_locked(run), second, files.is_locked(run / "gone")]), flush=True)
{ending}
"""
    (tmp_path / "run").mkdir()
    for _ in range(2):  # what the first process left does not stop the second
        done = on_windows(code, str(tmp_path / "run"))
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout) == [False, True, None, False]
    assert list((tmp_path / "run").iterdir()) == []


def test_readers_on_windows_do_not_take_each_other_for_a_training(tmp_path):
    """Windows has no shared locks, and what a reader held for a moment would be seen by the next one."""
    code = """
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from dcgan import files
run = Path(sys.argv[1])
os.close(files.take_lock(run, patience_seconds=0))
with ThreadPoolExecutor(8) as pool:
    before = set(pool.map(files.is_locked, [run] * 1000))
    starts = [files.take_lock(run, patience_seconds=0) is not None]
    after = set(pool.map(files.is_locked, [run] * 1000))
print(before, starts, after)
"""
    (tmp_path / "run").mkdir()
    done = on_windows(code, str(tmp_path / "run"))
    assert done.stdout.strip() == "{False} [True] {True}", done.stderr


def test_windows_keeps_no_lock_file_of_a_run_that_has_gone(tmp_path):
    code = """
from pathlib import Path
from dcgan.config import TrainConfig
from dcgan.runs.run import Run
run = Run.create(TrainConfig(), "test", Path(sys.argv[1]))
with run.lock():
    assert run.is_locked()
run.rename("mine").delete()
"""
    done = on_windows(code, str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert names_in(tmp_path) == []


@pytest.mark.slow
def test_windows_trains_renames_and_deletes(tmp_path, digits):
    code = """
import json
from dcgan.cli.main import main
from dcgan.runs.listing import list_runs
flags = "--epochs 1 --data.limit 64 --model.width-g 2 --model.width-d 2 --device cpu --no-scores --seed"
for seed in ("1", "2"):
    assert main(["train", "dcgan", "--data.root", sys.argv[1], *flags.split(), seed]) == 0
first, second = list_runs(__import__("pathlib").Path(sys.argv[2]))
states = [first.status().state, second.status().state]
first.rename("mine").delete()
print(json.dumps([*states, [run.name == second.name for run in list_runs(second.path.parent)]]))
"""
    done = on_windows(code, digits.root, str(tmp_path), DCGAN_RUNS=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == ["finished", "finished", [True]]


@pytest.mark.slow
def test_windows_names_the_folder_that_is_missing(tmp_path):
    code = "from dcgan.cli.main import main; sys.exit(main(sys.argv[1:]))"
    arguments = ["train", "dcgan64", "--device", "cpu", "--data", "folder:/nope"]
    done = on_windows(code, *arguments, DCGAN_RUNS=str(tmp_path))
    assert done.returncode != 0
    assert "/nope does not exist" in done.stderr
    assert "being trained" not in done.stderr


# Whole or not at all


def names_in(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_an_error_while_writing_leaves_only_the_old_file(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with contextlib.suppress(ZeroDivisionError), replacing(path) as temporary:
        temporary.write_text("half of the ne")
        _ = 1 / 0
    assert path.read_text() == "old"
    assert names_in(tmp_path) == ["file"]


def test_the_old_file_stays_until_the_new_one_is_complete(tmp_path):
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
    assert events == ["sync", "rename", "sync"], "the last one is of the folder"


def test_a_file_system_without_modes_is_written_to(tmp_path, monkeypatch):
    def refuse(*arguments, **options):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "chmod", refuse)
    monkeypatch.setattr(Path, "chmod", refuse)
    with replacing(tmp_path / "file") as temporary:
        temporary.write_text("whole")
    assert (tmp_path / "file").read_text() == "whole"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


# Windows refuses to rename and to remove what another program has open


def refusing(monkeypatch, call: str, *, times: float, name: str = "") -> list[str]:
    """Let a function of `os` refuse its first calls for files of this name, and return the list of refused files."""
    refused: list[str] = []
    real = getattr(os, call)

    def refuse(path, *arguments, **options):
        target = str(arguments[0] if call == "replace" else path)
        if target.endswith(name) and len(refused) < times:
            refused.append(target)
            raise PermissionError(13, "Access is denied", str(path))
        return real(path, *arguments, **options)

    monkeypatch.setattr(os, call, refuse)
    return refused


def test_a_rename_that_is_refused_once_is_tried_again(tmp_path, monkeypatch):
    refused = refusing(monkeypatch, "replace", times=1)
    with replacing(tmp_path / "file") as temporary:
        temporary.write_text("new")
    assert refused == [str(tmp_path / "file")]
    assert (tmp_path / "file").read_text() == "new"
    assert names_in(tmp_path) == ["file"]


def test_a_rename_that_is_always_refused_is_an_error_that_names_the_file(tmp_path, monkeypatch):
    refused = refusing(monkeypatch, "replace", times=float("inf"))
    with (
        pytest.raises(PermissionError) as caught,
        replacing(tmp_path / "file", patience_seconds=0.1) as temporary,
    ):
        temporary.write_text("new")
    assert len(refused) > 1
    assert caught.value.filename == str(tmp_path / "file")
    assert names_in(tmp_path) == []


def test_a_run_with_an_open_file_is_deleted_and_renamed_a_little_later(tiny_run, monkeypatch):
    refused = refusing(monkeypatch, "rename", times=1)
    renamed = tiny_run.rename("mine")
    assert len(refused) == 1
    refused = refusing(monkeypatch, "rmdir", times=1)
    renamed.delete()
    assert len(refused) == 1
    assert not renamed.path.exists()
