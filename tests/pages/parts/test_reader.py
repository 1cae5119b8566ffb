"""One reader of each run for all sessions."""

from __future__ import annotations

from dataclasses import replace

import pytest
from recorded import progress_row, record_run, score_row

from dcgan.locale.language import speaking
from dcgan.pages.parts.reader import Reader
from dcgan.runs.rows import Status
from dcgan.runs.run import Run, RunError
from dcgan.runs.yardstick import TUTORIAL_RUN

pytestmark = pytest.mark.usefixtures("only_own_runs")


@pytest.fixture
def run(only_own_runs) -> Run:
    return record_run(only_own_runs)


def test_what_has_not_changed_is_not_read_again(run, monkeypatch):
    read = []
    status = Run.status
    monkeypatch.setattr(Run, "status", lambda self: read.append(self) or status(self))
    reader = Reader(run)
    first = reader.read()
    assert first.recent == run.progress()[0]
    assert reader.read() is first
    assert read == [run]
    run.append_progress(progress_row(5))
    second = reader.read()
    assert len(second.series) == len(first.series) + 1
    assert second.series.version != first.series.version
    assert second.scores_version == first.scores_version
    assert len(read) == 2


@pytest.mark.parametrize("name", ["config.json", "status.json", "progress.jsonl", "scores.jsonl", "evals.jsonl"])
def test_every_file_counts(run, name):
    reader = Reader(run)
    first = reader.read()
    (run.path / name).touch()
    content = (run.path / name).read_bytes()
    (run.path / name).unlink()
    (run.path / name).write_bytes(content + b"\n")
    assert reader.read() is not first


def test_viewers_of_a_training_share_a_reading_of_some_age(run):
    run.write_status(Status("running", 2, 400, 2))
    reader = Reader(run)
    with run.lock():
        first = reader.read(max_age=1000)
        run.append_progress(progress_row(50))
        run.append_score(score_row(50))
        assert reader.read(max_age=1000) is first
        newest = reader.read()
        assert newest.recent[-1].step == newest.scores[-1].step == 50
        assert newest.scores_version != first.scores_version
        run.append_progress(progress_row(60))
    ended = reader.read(max_age=1000)  # an ended training is not shown as it was before
    assert (ended.status.state, ended.recent[-1].step) == ("interrupted", 60)


def test_a_damaged_run_is_an_error_until_it_is_repaired(run):
    reader, text = Reader(run), run.status_path.read_text()
    reader.read()
    run.status_path.write_text("{")
    for _ in range(2):
        with pytest.raises(RunError, match=r"status\.json"):
            reader.read(max_age=1000)
    run.status_path.write_text(text)
    assert reader.read(max_age=1000).status.state == "finished"


def test_the_yardstick_may_change(run, only_own_runs):
    published = record_run(only_own_runs.parent / "no-checkpoints")
    published.path.rename(published.path.with_name(TUTORIAL_RUN))
    run.append_score(score_row(4, cfd=2.125))
    reader = Reader(run)
    assert reader.read().milestone is None
    Run(published.path.with_name(TUTORIAL_RUN)).append_score(score_row(4, cfd=2.375))
    milestone = reader.read().milestone
    assert milestone is not None
    assert milestone.row == replace(score_row(4), cfd=2.125)


def test_diagnosis_is_in_the_language_of_each_visitor(run, brackets):
    snapshot = Reader(run).read()
    with speaking(brackets):
        assert snapshot.diagnosis.cause.startswith("⟦")
    assert "⟦" not in snapshot.diagnosis.cause
