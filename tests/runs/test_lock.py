"""The lock of a run directory, and the state that depends on it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest

from dcgan import files
from dcgan.runs.rows import Status
from dcgan.runs.run import Run, RunError

RUNNING = Status("running", 3, 40, 4)

HOLD = """
import sys, time
from dcgan.runs.run import Run
with Run(sys.argv[1]).lock():
    print("held", flush=True)
    time.sleep(60)
"""


@contextlib.contextmanager
def holder(run: Run) -> Iterator[subprocess.Popen]:
    """Start another process that holds the run's lock."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(run.path)], cwd=files.PROJECT, stdout=subprocess.PIPE, text=True
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
        process.kill()
        process.wait()
        assert not run.is_locked()
        assert run.status().state == "interrupted"


def test_a_child_that_inherits_the_lock_keeps_it(run):
    """The launcher takes the lock and leaves it to the training that it starts."""
    fcntl = pytest.importorskip("fcntl")
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


def test_a_reader_that_checks_the_lock_does_not_stop_a_start(run):
    """is_locked holds the lock for a moment, and a training that starts then waits."""
    fcntl = pytest.importorskip("fcntl")
    descriptor = os.open(run.path, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    reader = subprocess.Popen(["sleep", "0.2"], pass_fds=[descriptor])
    os.close(descriptor)
    try:
        with run.lock(patience_seconds=30):
            assert reader.wait(timeout=30) == 0
    finally:
        reader.kill()


def test_two_readers_do_not_see_each_other_as_a_training(run):
    fcntl = pytest.importorskip("fcntl")
    descriptor = os.open(run.path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        assert not run.is_locked()
    finally:
        os.close(descriptor)


def test_a_training_that_ends_while_its_status_is_read_is_finished(run, monkeypatch):
    run.write_status(RUNNING)

    def ended_now(self: Run) -> bool:
        self.write_status(replace(RUNNING, state="finished", step=40))
        return False

    monkeypatch.setattr(Run, "is_locked", ended_now)
    assert run.status() == replace(RUNNING, state="finished", step=40)
