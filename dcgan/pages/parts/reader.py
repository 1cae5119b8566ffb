"""One reader of each run for all sessions of a server: no session reads what another one has just read.

A snapshot is what a run's files said at one moment. Sessions share it, and what is computed from it. A file is read
again only if its stamp has changed.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import streamlit as st

from dcgan import files
from dcgan.config import TrainConfig
from dcgan.locale.language import language, tr_later
from dcgan.pages.parts.visitor_language import Spinner
from dcgan.runs import diagnosis, evaluations
from dcgan.runs.diagnosis import Diagnosis
from dcgan.runs.rows import ProgressRow, ScoreRow, Status
from dcgan.runs.run import Length, Run
from dcgan.runs.series import Newest, Series
from dcgan.runs.yardstick import TUTORIAL_RUN, Milestone, as_good_since
from dcgan.training.run_diagnosis import diagnose_run

Stamp = tuple[int, int, int]
"""Time of the last change (ns), bytes and inode of a file."""


@dataclass(frozen=True)
class Snapshot:
    """What the files of a run said at one moment. Nobody may change its lists."""

    run: Run
    is_alive: bool
    """Whether a process trained the run at that moment."""
    status: Status
    config: TrainConfig
    preset: str
    earlier_lengths: Sequence[Length]
    """Each length that the training had before a resume changed it."""
    series: Series
    scores: Sequence[ScoreRow]
    scores_version: Hashable
    """Equal versions have equal scores."""

    @cached_property
    def recent(self) -> Sequence[ProgressRow]:
        """The newest rows, from which the diagnosis is made."""
        return self.series.last_rows(diagnosis.USUAL_ROWS)

    @property
    def diagnosis(self) -> Diagnosis:
        """The diagnosis of the rows and the scores, in the visitor's language."""
        code = language()
        if code not in self._diagnoses:
            self._diagnoses[code] = diagnose_run(self.config, self.status, self.recent, self.scores)
        return self._diagnoses[code]

    @cached_property
    def _diagnoses(self) -> dict[str, Diagnosis]:
        return {}

    @cached_property
    def milestone(self) -> Milestone | None:
        """Since when the run is as good as the tutorial's DCGAN."""
        return as_good_since(self.run, self.scores)

    @cached_property
    def evaluated(self) -> Sequence[evaluations.Row]:
        """The saved evaluations of the last weights. Raises RunError where they cannot be read."""
        return evaluations.evaluations(self.run, self.status.step)


class Reader:
    """Reads one run for several threads."""

    def __init__(self, run: Run) -> None:
        """Make a reader that has read nothing yet."""
        self._run = run
        self._lock = threading.Lock()
        self._newest = Newest(run)
        self._snapshot: Snapshot | None = None
        self._stamps: Hashable = None
        self._read_at = 0.0

    def read(self, max_age: float = 0.0) -> Snapshot:
        """Return the run as it is now; a run that trains, as it was at most `max_age` seconds ago.

        Raises RunError where a file is missing or damaged.
        """
        with self._lock:
            now, is_alive, snapshot = time.monotonic(), self._run.is_locked(), self._snapshot
            known = snapshot is not None and snapshot.is_alive == is_alive
            if snapshot is not None and known and is_alive and now - self._read_at < max_age:
                return snapshot
            stamps = self._stamps_of_files()
            if snapshot is None or not known or stamps != self._stamps:
                self._snapshot = None  # an error leaves nothing that is older
                snapshot = self._read(is_alive=is_alive)
            self._snapshot, self._stamps, self._read_at = snapshot, stamps, now
            return snapshot

    def _stamps_of_files(self) -> Hashable:
        run, tutorial = self._run, Run(files.CHECKPOINTS / TUTORIAL_RUN)
        own = run.config_path, run.status_path, run.progress_path, run.scores_path, run.evals_path
        yardstick = tutorial.status_path, tutorial.scores_path, tutorial.evals_path
        return tutorial.path, *map(stamp, own + yardstick)

    def _read(self, *, is_alive: bool) -> Snapshot:
        run = self._run
        scores_version = str(run.path), stamp(run.scores_path)  # before the scores: newer ones get another version
        return Snapshot(
            run,
            is_alive,
            run.status(),
            run.config(),
            run.preset,
            run.earlier_lengths,
            self._newest.update(),
            run.scores(),
            scores_version,
        )


@st.cache_resource(max_entries=64, show_spinner=Spinner(tr_later("Reading the rows ...")))
def _reader_at(path: str) -> Reader:
    return Reader(Run(path))


def read(run: Run, max_age: float = 0.0) -> Snapshot:
    """Return the run as Reader.read does; all sessions share its reader.

    Raises RunError where a file is missing or damaged.
    """
    return _reader_at(str(run.path)).read(max_age)


def stamp(path: Path) -> Stamp | None:
    """Return what changes with a file; None where it cannot be read."""
    try:
        state = path.stat()
    except OSError:
        return None
    return state.st_mtime_ns, state.st_size, state.st_ino
