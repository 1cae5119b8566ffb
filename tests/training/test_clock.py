"""A training's clock under clocks of the system that jump or stand still."""

from __future__ import annotations

import itertools
import math

import pytest
from small_trainings import CPU, small, trained

from dcgan.runs.run import Run
from dcgan.training import clock, recording
from dcgan.training.recording import run_training


def shows(monkeypatch, *readings: float, then: float = 0.0) -> None:
    """Let the system's clock show these seconds, and `then` more at each later look."""
    later = itertools.count(readings[-1] + then, then) if then else itertools.repeat(readings[-1])
    times = itertools.chain(readings, later)
    monkeypatch.setattr(clock.time, "monotonic", lambda: next(times))


def test_a_jump_back_counts_as_no_time(monkeypatch):
    shows(monkeypatch, 100.0, 101.0, 40.0, 42.0, 42.0)
    watch = clock.Clock()
    assert [watch.seconds() for _ in range(4)] == [1.0, 1.0, 3.0, 3.0]


def test_a_clock_that_stands_still_ends_no_training(tmp_path, digits, monkeypatch):
    """Some clocks of Windows show one time for 16 milliseconds, in which small trainings have several rows."""
    shows(monkeypatch, 5.0)
    run = trained(tmp_path, small(digits, epochs=1, log_every=1))
    rows = run.progress()[0]
    assert {row.wall_seconds for row in rows} == {0.0}
    assert all(math.isfinite(row.images_per_second) and row.images_per_second > 0 for row in rows)


@pytest.mark.parametrize("at", [3, 20])
def test_saves_go_on_after_a_jump_back(tmp_path, digits, monkeypatch, at):
    """Without them, a training that is killed hours later would lose these hours."""
    shows(monkeypatch, *map(float, range(1_000_000, 1_000_000 + at)), 0.0, then=1.0)
    monkeypatch.setattr(recording, "SAVE_EVERY_SECONDS", 10.0)
    saves = []
    save = recording.Recorder._save
    monkeypatch.setattr(recording.Recorder, "_save", lambda self: (saves.append(self.state.step), save(self)))
    run = Run.create(small(digits, log_every=1), "test", tmp_path)
    assert run_training(run, CPU).state == "finished"
    assert len(saves) > 4
    seconds = [row.wall_seconds for row in run.progress()[0]]
    assert seconds == sorted(seconds)
    assert seconds[-1] < 1000
