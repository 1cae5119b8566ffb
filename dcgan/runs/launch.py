"""Trainings as processes of their own: whoever starts one may leave, and it goes on. Imports no torch.

The parent takes the run's lock and the child inherits it, so a run is locked from before its process exists until
after it is gone: at no moment does a living training look dead, or a dead one alive.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from dcgan.config import TrainConfig
from dcgan.files import INHERITABLE_LOCKS, PROJECT, runs_root, take_lock
from dcgan.runs.listing import list_runs
from dcgan.runs.rows import Status
from dcgan.runs.run import LOCK_VARIABLE, Run, RunError

ALLOW_VARIABLE = "DCGAN_ALLOW_TRAINING"
MAX_RUNNING_VARIABLE = "DCGAN_MAX_RUNNING"
_LAST_WORDS_BYTES = 2000
START_PATIENCE_SECONDS = 10.0
"""How long one start waits for another that is under way."""


class LaunchError(RunError):
    """A training that may not be started or resumed here and now; the message says why and what to do."""


def forbidden() -> str:
    """Why trainings cannot be started, nor runs be changed here, in a sentence; empty where they can.

    $DCGAN_ALLOW_TRAINING is 1 where they can and anything else where they cannot. Unset or empty, a Space forbids it.
    """
    allowed = os.environ.get(ALLOW_VARIABLE)
    if allowed == "1" or not (allowed or os.environ.get("SPACE_ID")):
        return ""
    return (
        "Training is off on this server, whose visitors would share one machine; replay the recordings, or start a "
        f"server of your own (of a Space, a duplicate) with {ALLOW_VARIABLE}=1."
    )


def max_running() -> int:
    """How many trainings may run at once: $DCGAN_MAX_RUNNING, else 1. Raises LaunchError for what is no number."""
    text = os.environ.get(MAX_RUNNING_VARIABLE) or "1"
    if not text.isdecimal() or len(text) > 6:
        raise LaunchError(f"{MAX_RUNNING_VARIABLE}={text[:40]!r} is not a number of trainings; set it to 1")
    return int(text)


def running(root: Path | None = None) -> list[Run]:
    """The runs under `root` that a process is training, however it was started."""
    return [run for run in list_runs(runs_root() if root is None else root) if run.is_locked()]


def start(config: TrainConfig, preset: str = "custom", root: Path | None = None) -> Run:
    """A new run, trained by a process that outlives this one. Raises LaunchError, or OSError for a full disk."""
    root = runs_root() if root is None else root
    with _place_for_one_more(root):
        run = Run.create(config, preset, root)
        try:
            run.write_status(Status("running", 0, 0, config.epochs))
            _spawn(run)
        except BaseException:
            run.delete()
            raise
    return run


def resume(run: Run) -> None:
    """Go on with a run from its last save, in a process that outlives this one. Raises RunError where it cannot."""
    status = run.status()
    if run.is_published:
        raise LaunchError(f"{run.name} is a published model and is not resumed; start a training with its preset")
    if status.state == "finished":
        raise LaunchError(f"{run.name} has finished its {status.epochs} epochs; start a longer training instead")
    if status.step and not run.state_path.exists():
        raise LaunchError(f"{run.name} has no {run.state_path.name} to go on from; start its training again")
    with _place_for_one_more(run.path.parent, resumed=run):
        run.write_status(Status("running", status.step, status.steps, status.epochs, environment=status.environment))
        _spawn(run)


def stop(run: Run) -> None:
    """Ask the training to finish its step, save and leave. Raises LaunchError where none is under way."""
    if not run.is_locked():
        raise LaunchError(f"{run.name} is not being trained, so there is nothing to stop")
    run.request_stop()


def last_words(run: Run) -> str:
    """The end of what the training's process printed: the reason, where it died without leaving one in its status."""
    try:
        with open(run.process_log_path, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _LAST_WORDS_BYTES))
            return file.read().decode(errors="replace").strip()
    except FileNotFoundError:
        return ""


@contextlib.contextmanager
def _place_for_one_more(root: Path, resumed: Run | None = None) -> Iterator[None]:
    """One start at a time, so that two clicks at once do not both find the last free place."""
    if reason := forbidden():
        raise LaunchError(reason)
    root.mkdir(parents=True, exist_ok=True)
    starting = take_lock(root, patience_seconds=START_PATIENCE_SECONDS)
    if starting is None:
        raise LaunchError(f"another training is being started in {root}; try again")
    try:
        busy, most = running(root), max_running()
        if resumed is not None and resumed.is_locked():
            raise LaunchError(f"{resumed.name} is being trained already")
        if len(busy) >= most:
            names = ", ".join(run.name for run in busy) or "none"
            raise LaunchError(
                f"{len(busy)} of at most {most} trainings are running ({names}); stop one first, or set "
                f"{MAX_RUNNING_VARIABLE}={len(busy) + 1} where this page is started"
            )
        yield
    finally:
        os.close(starting)


def _spawn(run: Run) -> None:
    """The process that trains the run, born with its lock."""
    lock = take_lock(run.path, patience_seconds=2.0)
    if lock is None:
        raise LaunchError(f"{run.name} is being trained already")
    try:
        run.clear_stop()
        if not INHERITABLE_LOCKS:  # Windows: the child takes the lock itself, some seconds later
            os.close(lock)
        with open(run.process_log_path, "ab") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "dcgan", "resume", str(run.path.resolve())],
                cwd=PROJECT,
                env=os.environ | ({LOCK_VARIABLE: str(lock)} if INHERITABLE_LOCKS else {}),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                # A session of its own: what ends the server, Ctrl-C in its terminal for one, does not reach it.
                start_new_session=True,
                pass_fds=(lock,) if INHERITABLE_LOCKS else (),
            )
    finally:
        if INHERITABLE_LOCKS:
            os.close(lock)
    # Somebody must wait for a child, or it stays as a zombie for as long as the server runs.
    threading.Thread(target=process.wait, daemon=True, name=f"waits for {run.name}").start()
