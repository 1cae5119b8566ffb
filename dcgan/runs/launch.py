"""Trainings as processes of their own, which go on after the process that started them has ended. Imports no torch.

The parent takes the run's lock and the child inherits it. So a run is locked from before its process exists until the
process has ended. Windows has no such locks: there the child takes the lock itself, and the start waits for it.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from dcgan import files
from dcgan.config import TrainConfig
from dcgan.files import PROJECT, open_regular, runs_root, take_lock
from dcgan.locale.language import tr
from dcgan.runs.errors import unreadable
from dcgan.runs.listing import list_runs
from dcgan.runs.resume import change_length, check_resumable, has_finished, length_refusal
from dcgan.runs.rows import Status
from dcgan.runs.run import LOCK_VARIABLE, OWN_LOCK, Run, RunError

ALLOW_VARIABLE = "DCGAN_ALLOW_TRAINING"
MAX_RUNNING_VARIABLE = "DCGAN_MAX_RUNNING"
_LAST_WORDS_BYTES = 2000
START_PATIENCE_SECONDS = 10.0
"""How long a start waits for another one, which takes its lock within that time."""
CHILD_PATIENCE_SECONDS = 60.0
"""How long a start waits for a child that takes the run's lock itself."""


class LaunchError(RunError):
    """A training cannot be started or resumed; the message names the reason and the remedy."""


def forbidden() -> str:
    """Return a sentence that says why no training can be started and no run be changed; empty where both can be.

    $DCGAN_ALLOW_TRAINING=1 allows both, and any other value forbids them. Without a value, only a Space forbids them.
    """
    allowed = os.environ.get(ALLOW_VARIABLE)
    if allowed == "1" or not (allowed or os.environ.get("SPACE_ID")):
        return ""
    return tr(
        "Training is off on this server, whose visitors would share one machine; replay the recordings, or start a "
        "server of your own (of a Space, a duplicate) with {variable}=1.",
        variable=ALLOW_VARIABLE,
    )


def max_running() -> int:
    """Return how many trainings may run at once: $DCGAN_MAX_RUNNING, else 1. Raises LaunchError for other text."""
    text = os.environ.get(MAX_RUNNING_VARIABLE) or "1"
    if not text.isdecimal() or len(text) > 6:
        raise LaunchError(
            tr(
                "{variable}={value!r} is not a number of trainings; set it to 1",
                variable=MAX_RUNNING_VARIABLE,
                value=text[:40],
            )
        )
    return int(text)


def running(root: Path | None = None) -> list[Run]:
    """Return the runs under `root` that a process is training, started here or by a command."""
    return [run for run in list_runs(runs_root() if root is None else root) if run.is_locked()]


def start(config: TrainConfig, preset: str = "custom", root: Path | None = None) -> Run:
    """Make a run and train it in a process that outlives this one.

    Raises LaunchError where no training can be started, ValueError for an invalid config and OSError for a full disk.
    """
    root = runs_root() if root is None else root
    with _place_for_one_more(root):
        run = Run.create(config, preset, root)
        try:
            run.write_status(Status("running", 0, 0, config.epochs))
            _spawn(run)
        except BaseException:
            run.discard()
            raise
    return run


def resume(run: Run, *, epochs: int | None = None) -> None:
    """Continue a run from its last save, in a process that outlives this one; `epochs` changes its length.

    Raises RunError where the run cannot be continued, or not to that length (see dcgan.runs.resume).
    """
    status = run.status()
    if run.is_published:
        raise LaunchError(
            tr("{run} is a published model and is not resumed; start a training with its preset", run=run.name)
        )
    check_resumable(run)
    if epochs is None and has_finished(run):
        raise LaunchError(
            tr(
                "{run} has finished its {epochs} epochs; ask for more epochs",
                run=run.name,
                epochs=run.config().epochs,
            )
        )
    if epochs is not None and (refusal := length_refusal(run, epochs)):
        raise LaunchError(refusal)
    with _place_for_one_more(run.path.parent, resumed=run):
        _spawn(run, resumed_status=status, epochs=epochs)


def stop(run: Run) -> None:
    """Ask the training to finish its step, save and end. Raises LaunchError where the run is not being trained."""
    if not run.is_locked():
        raise LaunchError(tr("{run} is not being trained, so there is nothing to stop", run=run.name))
    run.request_stop()


def last_words(run: Run) -> str:
    """Return the end of what the training's process printed: the reason for an end that its status does not name.

    A file that cannot be read gives a sentence that says so. So does a link, by which a stranger's run could show any
    file of this machine.
    """
    try:
        with open_regular(run.process_log_path, follow_links=False) as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _LAST_WORDS_BYTES))
            return file.read().decode(errors="replace").strip()
    except FileNotFoundError:
        return ""
    except OSError as error:
        return tr("{error}.", error=unreadable(run.process_log_path, error))


@contextlib.contextmanager
def _place_for_one_more(root: Path, resumed: Run | None = None) -> Iterator[None]:
    """Allow one start at a time, so that two clicks at once do not both take the last free place."""
    if reason := forbidden():
        raise LaunchError(reason)
    files.make_folder(root)
    starting = take_lock(root, patience_seconds=START_PATIENCE_SECONDS)
    if starting is None:
        raise LaunchError(tr("another training is being started in {folder}; try again", folder=root))
    try:
        busy, most = running(root), max_running()
        if resumed is not None and resumed.is_locked():
            raise _trained_already(resumed)
        if len(busy) >= most:
            raise LaunchError(_too_many_refusal(busy, most))
        yield
    finally:
        os.close(starting)


def _too_many_refusal(busy: list[Run], most: int) -> str:
    """Return why no further training starts; `most` may be 0."""
    numbers = {"most": most, "variable": MAX_RUNNING_VARIABLE, "next": len(busy) + 1}
    if not busy:
        return tr(
            "0 of at most {most} trainings are running (none); stop one first, or set {variable}={next} where this "
            "page is started",
            **numbers,
        )
    return tr(
        "{count} of at most {most} trainings are running ({names}); stop one first, or set {variable}={next} where "
        "this page is started",
        count=len(busy),
        names=", ".join(run.name for run in busy),
        **numbers,
    )


def _trained_already(run: Run) -> LaunchError:
    return LaunchError(tr("{run} is being trained already", run=run.name))


def _spawn(run: Run, *, resumed_status: Status | None = None, epochs: int | None = None) -> None:
    """Start the process that trains the run. On return the process holds the run's lock, or has ended.

    A status to resume from is written as `running`, or with `epochs` the run's new length is. Both happen under the
    lock, so that no other training reads them half changed.
    """
    lock = take_lock(run.path, patience_seconds=2.0)
    if lock is None:
        raise _trained_already(run)
    try:
        run.clear_stop()
        if epochs is not None:
            change_length(run, epochs)
        elif resumed_status:
            run.write_status(replace(resumed_status, state="running", error="", notes=()))
        if files.INHERITABLE_LOCKS:
            process = _popen(run, lock)
    finally:
        os.close(lock)
    if not files.INHERITABLE_LOCKS:
        process = _popen(run)
        _wait_for_lock(run, process)
    # A child that no thread waits for stays as a zombie for as long as the server runs.
    threading.Thread(target=process.wait, daemon=True, name=f"waits for {run.name}").start()


def _popen(run: Run, inherited_lock: int | None = None) -> subprocess.Popen[bytes]:
    lock = OWN_LOCK if inherited_lock is None else str(inherited_lock)
    with open(run.process_log_path, "ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "dcgan", "resume", str(run.path.resolve())],
            cwd=PROJECT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            # A session (on Windows, a group) of its own: Ctrl-C in the server's terminal does not reach it.
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
            env=os.environ | {LOCK_VARIABLE: lock},
            pass_fds=() if inherited_lock is None else (inherited_lock,),
        )


def _wait_for_lock(run: Run, process: subprocess.Popen[bytes]) -> None:
    """Wait until the child holds the run's lock or has ended. The next start then finds the run in training."""
    give_up = time.monotonic() + CHILD_PATIENCE_SECONDS
    while not run.is_locked() and process.poll() is None and time.monotonic() < give_up:
        time.sleep(0.05)
