"""Faults of the program that tests plant, to see that the attacks report them. A child enters each as a context."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

from dcgan import checkpoint, files
from dcgan.runs import run as run_module
from dcgan.runs.run import Run
from dcgan.training import failures
from dcgan.training.clock import Clock


@contextmanager
def no_sync_of_rows() -> Iterator[None]:
    """Save the state without a sync of the rows before it."""
    with mock.patch.object(Run, "sync_rows"):
        yield


@contextmanager
def no_sync_of_folders() -> Iterator[None]:
    """Sync files and never the names of files."""
    real = files.sync
    with mock.patch.object(files, "sync", lambda path: None if path.is_dir() else real(path)):
        yield


@contextmanager
def writes_in_place() -> Iterator[None]:
    """Write files under their own names, so that a killed process leaves half of one."""

    @contextmanager
    def replacing(path: Path, **options: object) -> Iterator[Path]:
        path.parent.mkdir(exist_ok=True)
        yield path

    with (
        mock.patch.object(run_module, "replacing", replacing),
        mock.patch.object(checkpoint, "replacing", replacing),
    ):
        yield


@contextmanager
def rows_stay() -> Iterator[None]:
    """Resume without taking back the rows after the last save."""
    with mock.patch.object(Run, "rewind"):
        yield


@contextmanager
def no_remedy() -> Iterator[None]:
    """End with a sentence that does not say what to do."""
    with mock.patch.object(failures, "remedy_of", return_value="mend that"):
        yield


@contextmanager
def traceback() -> Iterator[None]:
    """Fail while the sentence for a failure is made."""
    with mock.patch.object(failures, "remedy_of", side_effect=KeyError("no remedy")):
        yield


@contextmanager
def no_patience() -> Iterator[None]:
    """Try each rename once."""
    with mock.patch.object(files, "patiently", lambda change, **options: change()):
        yield


@contextmanager
def clock_of_the_system() -> Iterator[None]:
    """Take the time of rows from a clock that may go back."""

    def seconds(self: Clock) -> float:
        return time.monotonic() - 1000.0

    with mock.patch.object(Clock, "seconds", seconds):
        yield


@contextmanager
def no_lock() -> Iterator[None]:
    """Train without locking the run."""
    with mock.patch.object(run_module, "take_lock", lambda path, **options: os.open(path, os.O_RDONLY)):
        yield
