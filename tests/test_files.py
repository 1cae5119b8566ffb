"""Files that are replaced as a whole, and locks, also where the system is not Linux."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from dcgan.files import PROJECT, is_locked, take_lock

WINDOWS = """
import asyncio, fcntl, os, subprocess, sys, types  # the standard library asks for msvcrt to know its system

def locking(descriptor, mode, count):
    assert count == 1 and not os.path.isdir(f"/proc/self/fd/{descriptor}"), "Windows locks bytes of files"
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise PermissionError(13, "Permission denied") from error

sys.modules["msvcrt"] = types.SimpleNamespace(locking=locking, LK_NBLCK=2)
sys.modules["fcntl"] = None
"""
"""A process without `fcntl`, and with the call of `msvcrt` that takes its place."""


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


def test_windows_names_the_folder_that_is_missing(tmp_path):
    code = "from dcgan.cli.main import main; sys.exit(main(sys.argv[1:]))"
    arguments = ["train", "dcgan64", "--device", "cpu", "--data", "folder:/nope"]
    done = on_windows(code, *arguments, DCGAN_RUNS=str(tmp_path))
    assert done.returncode != 0
    assert "/nope does not exist" in done.stderr
    assert "being trained" not in done.stderr
