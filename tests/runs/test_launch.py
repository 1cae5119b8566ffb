"""Trainings as processes: they outlive who started them, and no two more than allowed run at once."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from recorded import TINY, record_run

from dcgan.checkpoint import save_tensors
from dcgan.config import DataConfig
from dcgan.files import CHECKPOINTS
from dcgan.runs import launch
from dcgan.runs.run import Run, RunError

SHORT = replace(TINY, data=DataConfig(limit=16), epochs=1, batch_size=8)
LONG = replace(TINY, data=DataConfig(limit=4000), epochs=500)
PATIENCE_SECONDS = 120


@pytest.fixture(autouse=True)
def quiet_machine(runs_root, monkeypatch):
    """No Space, no limit from outside, the CPU; and no training is left running behind a failed test."""
    for name in ("SPACE_ID", "DCGAN_ALLOW_TRAINING", "DCGAN_MAX_RUNNING"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DCGAN_DEVICE", "cpu")
    yield
    for run in launch.running():
        run.request_stop()
        wait_until(lambda run=run: not run.is_locked())


def wait_until(condition) -> None:
    give_up = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < give_up, "waited in vain"
        time.sleep(0.05)


def ended(run: Run) -> str:
    wait_until(lambda: not run.is_locked())
    status = run.status()
    assert status.state != "interrupted", launch.last_words(run)
    return status.state


def rows_of(run: Run) -> int:
    return len(run.progress()[0])


@pytest.mark.slow
def test_a_training_starts_runs_stops_and_resumes_to_its_end(runs_root):
    run = launch.start(replace(LONG, epochs=2, data=DataConfig(limit=2000)), "tiny")
    assert run.status().state == "running"  # before its process has imported anything
    assert launch.running() == [run]
    with pytest.raises(RunError, match="is being trained"):
        run.delete()
    wait_until(lambda: rows_of(run) > 2)
    launch.stop(run)
    assert ended(run) == "stopped"
    stopped = run.status()
    assert 0 < stopped.step < stopped.steps
    run.write_status(replace(stopped, environment=stopped.environment | {"device": "cuda (H200)"}))
    launch.resume(run)
    assert run.is_locked()
    assert ended(run) == "finished"
    assert run.status().environment["earlier devices"] == f"cuda (H200) to step {stopped.step:,}"
    assert run.status().step == run.status().steps == 1000
    assert [row.step for row in run.progress()[0]] == sorted({row.step for row in run.progress()[0]})


@pytest.mark.slow
def test_a_finished_training_is_extended(runs_root):
    run = launch.start(SHORT, "tiny")
    assert ended(run) == "finished"
    launch.resume(run, epochs=500)
    status = run.status()
    assert (status.state, status.steps, status.epochs) == ("running", 1000, 500)
    assert run.config().epochs == 500
    launch.stop(run)
    assert ended(run) == "stopped"
    launch.resume(run, epochs=math.ceil(run.status().epoch) + 1)
    assert ended(run) == "finished"
    assert run.status().step == 2 * run.config().epochs


@pytest.mark.slow
def test_a_killed_training_is_seen_at_once_and_resumes(runs_root):
    run = launch.start(LONG, "tiny")
    wait_until(lambda: rows_of(run) > 2)
    os.kill(process_of(run), signal.SIGKILL)
    wait_until(lambda: not run.is_locked())
    assert run.status().state == "interrupted"
    launch.resume(run)
    launch.stop(run)  # while its process still starts: it is heard, after a step
    assert ended(run) == "stopped"


@pytest.mark.slow
def test_an_old_stop_file_does_not_end_a_resumed_training(runs_root):
    run = launch.start(SHORT, "tiny")
    launch.stop(run)
    assert ended(run) == "stopped"
    run.request_stop()
    launch.resume(run)
    assert ended(run) == "finished"


def process_of(run: Run) -> int:
    """The process whose command line names the run: for a moment after its birth it names nothing yet."""
    pids: list[int] = []

    def named() -> bool:
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    command = (entry / "cmdline").read_bytes().split(b"\0")
                except OSError:
                    continue
                if str(run.path.resolve()).encode() in command:
                    pids.append(int(entry.name))
        return bool(pids)

    wait_until(named)
    return pids[0]


@pytest.mark.slow
def test_it_outlives_the_process_that_started_it(runs_root):
    code = "from dcgan.runs import launch; from test_launch import LONG; print(launch.start(LONG, 'tiny').path)"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
    parent = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, start_new_session=True
    )
    assert parent.returncode == 0, parent.stderr
    run = Run(parent.stdout.strip())
    assert run.is_locked()
    wait_until(lambda: rows_of(run) > 2)
    launch.stop(run)
    assert ended(run) == "stopped"


@pytest.mark.slow
def test_a_training_that_cannot_begin_is_failed_with_its_reason(runs_root, tmp_path):
    run = launch.start(replace(SHORT, data=DataConfig(name=f"folder:{tmp_path / 'nothing'}")), "tiny")
    assert ended(run) == "failed"
    assert "nothing" in run.status().error
    assert "error:" in launch.last_words(run)
    (tmp_path / "nothing").mkdir()
    launch.resume(run)
    assert ended(run) == "failed"


@pytest.mark.slow
def test_a_child_is_waited_for(runs_root):
    run = launch.start(SHORT, "tiny")
    number = process_of(run)
    assert ended(run) == "finished"
    wait_until(lambda: not Path(f"/proc/{number}").exists())


# Who may not


def locked_run(root: Path):
    run = record_run(root)
    return run, run.lock()


@pytest.mark.slow
def test_beyond_the_maximum_a_start_is_refused_with_the_remedy(runs_root, monkeypatch):
    run, lock = locked_run(runs_root)
    with lock:
        with pytest.raises(launch.LaunchError, match=rf"1 of at most 1 .*{run.name}.*DCGAN_MAX_RUNNING=2"):
            launch.start(SHORT)
        assert len(list(runs_root.glob("*/config.json"))) == 1
        monkeypatch.setenv("DCGAN_MAX_RUNNING", "2")
        assert ended(launch.start(SHORT)) == "finished"


@pytest.mark.slow
def test_two_starts_at_once_do_not_both_get_the_last_place(runs_root):
    outcomes = []

    def click() -> None:
        try:
            outcomes.append(launch.start(LONG))
        except launch.LaunchError as error:
            outcomes.append(error)

    threads = [threading.Thread(target=click) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["LaunchError"] * 3 + ["Run"]


@pytest.mark.parametrize("text", ["many", "-1", "1.5", "9" * 50])
def test_a_maximum_that_is_not_a_number_is_an_error(monkeypatch, text):
    monkeypatch.setenv("DCGAN_MAX_RUNNING", text)
    with pytest.raises(launch.LaunchError, match="set it to 1"):
        launch.start(SHORT)


@pytest.mark.parametrize(
    ("space", "allowed", "is_off"),
    [
        ("someone/space", "", True),
        ("someone/space", "0", True),
        ("someone/space", "1", False),
        ("", "", False),
        ("", "1", False),
        ("", "0", True),
        ("", "no", True),
    ],
)
def test_a_public_server_replays_unless_its_owner_allows_training(runs_root, monkeypatch, space, allowed, is_off):
    monkeypatch.setenv("SPACE_ID", space)
    monkeypatch.setenv("DCGAN_ALLOW_TRAINING", allowed)
    assert bool(launch.forbidden()) == is_off
    if is_off:
        assert "DCGAN_ALLOW_TRAINING=1" in launch.forbidden()
        with pytest.raises(launch.LaunchError, match="Training is off on this server"):
            launch.start(SHORT)
        assert not runs_root.exists()


def test_only_an_unfinished_run_with_a_saved_state_is_resumed(runs_root):
    finished = record_run(runs_root)
    save_tensors(finished.state_path, {}, {"step": 4})
    with pytest.raises(RunError, match="has finished its 2 epochs"):
        launch.resume(finished)
    with pytest.raises(RunError, match="has done 2 epochs, and 2 are not more"):
        launch.resume(finished, epochs=2)
    with pytest.raises(RunError, match="published"):
        launch.resume(Run(CHECKPOINTS / "dcgan-mnist"))
    lost = record_run(runs_root)
    lost.write_status(replace(lost.status(), state="stopped", step=2))
    with pytest.raises(RunError, match=r"has no state\.safetensors"):
        launch.resume(lost)
    with pytest.raises(RunError, match="nothing to stop"):
        launch.stop(lost)
    run, lock = locked_run(runs_root)
    run.write_status(replace(run.status(), state="running", step=0))
    with lock:
        for epochs in (None, 9):
            with pytest.raises(RunError, match="being trained already"):
                launch.resume(run, epochs=epochs)
    assert run.config() == TINY


def test_a_run_that_was_never_launched_has_no_last_words(tiny_run):
    assert launch.last_words(tiny_run) == ""


def test_the_last_words_of_a_strangers_run_show_no_other_file(tiny_run, tmp_path):
    (tmp_path / "secret.txt").write_text("secret")
    tiny_run.process_log_path.symlink_to(tmp_path / "secret.txt")
    words = launch.last_words(tiny_run)
    assert "secret" not in words
    assert str(tiny_run.process_log_path) in words


@pytest.mark.slow
def test_without_inheritable_locks_the_child_takes_the_lock_itself(runs_root, monkeypatch):
    """As on Windows: the run is in training as soon as the start returns, and no second start gets its place."""
    monkeypatch.setattr("dcgan.files.INHERITABLE_LOCKS", False)
    run = launch.start(LONG, "tiny")
    assert run.is_locked()
    assert run.status().state == "running"
    with pytest.raises(RunError, match="1 of at most 1 trainings are running"):
        launch.start(SHORT, "tiny")
    launch.stop(run)
    assert ended(run) == "stopped"
    launch.resume(run)
    assert run.is_locked()
    launch.stop(run)
    assert ended(run) == "stopped"


def test_a_child_that_ends_before_it_takes_the_lock_is_not_waited_for(runs_root, monkeypatch):
    monkeypatch.setattr("dcgan.files.INHERITABLE_LOCKS", False)
    monkeypatch.setattr(sys, "executable", "/bin/false")
    before = time.monotonic()
    run = launch.start(SHORT, "tiny")
    assert time.monotonic() - before < launch.CHILD_PATIENCE_SECONDS / 2
    assert run.status().state == "interrupted"
