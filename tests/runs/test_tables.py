"""Runs as tables: the last row runs from the end, CSV that reads back, times in words."""

from __future__ import annotations

import csv
import io

import pytest
from recorded import progress_row, record_run

from dcgan.runs import listing, tables
from dcgan.runs.rows import Status
from dcgan.runs.run import Run


def test_the_last_row_is_found_without_reading_the_rest(tmp_path):
    run = Run(tmp_path)
    assert run.last_row() is None
    for step in range(1, 200):
        run.append_progress(progress_row(step))
    assert run.progress_path.stat().st_size > 4096
    assert run.last_row() == progress_row(199)


@pytest.mark.parametrize("tail", ['{"step": 3', "{}\n", "x" * 9000 + "\n", '[]\n{"step": 1}\n'])
def test_a_damaged_end_shows_the_row_before_it(tmp_path, tail):
    run = Run(tmp_path)
    run.append_progress(progress_row(1))
    run.append_progress(progress_row(2))
    with open(run.progress_path, "a") as file:
        file.write(tail)
    assert run.last_row() == progress_row(2)


def test_a_file_without_a_whole_row_has_none(tmp_path):
    (tmp_path / "progress.jsonl").write_text('{"step": 1')
    assert Run(tmp_path).last_row() is None


def test_the_csv_reads_back(tiny_run):
    rows = list(csv.DictReader(io.StringIO(tables.rows_csv(tiny_run))))
    assert [int(row["step"]) for row in rows] == [1, 2, 3, 4]
    assert [float(row["d_loss"]) for row in rows] == [row.d_loss for row in tiny_run.progress()[0]]


def test_the_time_left_is_the_pace_of_the_rows():
    status = Status("running", 4, 20, 10)
    rows = [progress_row(2), progress_row(4)]  # half a second a step
    assert tables.seconds_left(status, rows) == 8.0
    assert tables.seconds_left(status, rows[:1]) is None
    assert tables.seconds_left(status, [rows[1], rows[1]]) is None
    assert tables.seconds_left(Status("finished", 4, 4, 2), rows) == 0.0


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "0 s"), (59.4, "59 s"), (59.6, "1 min"), (200, "3 min 20 s"), (3599.7, "1 h"), (7500, "2 h 5 min")],
)
def test_durations_are_written_in_words(seconds, text):
    assert tables.duration(seconds) == text


def test_runs_are_listed_by_label_the_own_newest_first(runs_root, monkeypatch):
    published = runs_root.parent / "checkpoints"
    monkeypatch.setattr("dcgan.files.CHECKPOINTS", published)
    old, new, model = record_run(runs_root), record_run(runs_root), record_run(published)
    twin = Run(published / old.name)
    if twin != model:
        model.path.rename(twin.path)
    labels = listing.by_label([twin, old, new])
    assert list(labels) == [new.name, old.name, f"{old.name} (published)"]
    assert labels[f"{old.name} (published)"] == twin


def test_the_best_published_models_come_first_and_otherwise_the_users_own(tmp_path, monkeypatch):
    published, own = tmp_path / "checkpoints", tmp_path / "runs"
    monkeypatch.setattr("dcgan.files.CHECKPOINTS", published)
    names = ["aaa", *listing.BEST, "zzz"]
    runs = [Run(published / name) for name in names] + [Run(own / "20260101-dcgan-s0"), Run(own / listing.BEST[0])]
    assert [run.path.name for run in listing.best_first(runs)][:4] == [*listing.BEST, "aaa"]
    assert list(listing.by_label(runs)) == [
        "dcgan-best-mnist",
        "20260101-dcgan-s0",
        "dcgan-best-mnist (published)",
        "cdcgan-best-mnist",
        "dcgan-xl-mnist",
        "aaa",
        "zzz",
    ]
