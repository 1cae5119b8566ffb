"""Rows of a run: read as they were appended, at any moment, and whole in spite of damaged lines."""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recorded import TINY, error_of, progress_row, score_row

from dcgan.runs.rows import ScoreRow, row_json, rows_of
from dcgan.runs.run import Run


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run.create(TINY, "demo", tmp_path)


def test_rows_come_back_as_appended_and_the_offset_goes_on(run):
    assert run.progress() == ([], 0)
    run.append_progress(progress_row(1))
    run.append_progress(progress_row(2))
    rows, offset = run.progress()
    assert rows == [progress_row(1), progress_row(2)]
    assert run.progress(offset) == ([], offset)
    run.append_progress(progress_row(3))
    rows, offset = run.progress(offset)
    assert rows == [progress_row(3)]
    assert offset == (run.path / "progress.jsonl").stat().st_size


def test_an_unfinished_last_line_waits_for_its_end(run):
    run.append_progress(progress_row(1))
    file = run.path / "progress.jsonl"
    line = json.dumps(dataclasses.asdict(progress_row(2))) + "\n"
    with open(file, "a") as stream:
        stream.write(line[:-1])  # without its end: a number could still go on
    rows, offset = run.progress()
    assert rows == [progress_row(1)]
    assert run.progress(offset) == ([], offset)
    with open(file, "a") as stream:
        stream.write("\n")
    assert run.progress(offset) == ([progress_row(2)], file.stat().st_size)


@pytest.mark.parametrize(
    "damage", [b"\0\0\0\0", b"{}", b"[]", b"7", b"null", b'{"step": 2', b"\xff\xfe", b"", b'{"step": 2}', b'"row"']
)
def test_a_damaged_line_is_passed_over(run, damage):
    run.append_progress(progress_row(1))
    with open(run.path / "progress.jsonl", "ab") as stream:
        stream.write(damage + b"\n")
    run.append_progress(progress_row(3))
    assert run.progress()[0] == [progress_row(1), progress_row(3)]


def test_a_file_that_shrank_is_read_from_its_beginning(run):
    for step in (1, 2, 3):
        run.append_progress(progress_row(step))
    offset = run.progress()[1]
    run.rewind(1)
    rows, new_offset = run.progress(offset)
    assert rows == [progress_row(1)]
    assert new_offset < offset, "so a reader knows that its rows are void"
    run.append_progress(progress_row(2))
    assert run.progress(new_offset)[0] == [progress_row(2)]


def test_a_row_that_is_not_finite_is_never_written(run):
    with pytest.raises(TypeError, match="nan"):
        run.append_progress(replace(progress_row(1), d_loss=float("nan")))
    with pytest.raises(ValueError, match="JSON"):
        run.append_eval({"frechet": float("inf")})
    assert run.progress()[0] == []


LINES = [json.dumps(dataclasses.asdict(progress_row(step))).encode() + b"\n" for step in range(1, 7)]


@given(pieces=st.lists(st.tuples(st.integers(0, 700), st.booleans()), max_size=25))
@settings(max_examples=80, deadline=None)
def test_a_reader_that_keeps_its_offset_meets_every_row_once(tmp_path_factory, pieces):
    """The writer's bytes may arrive in any pieces, and the reader may read at any time."""
    run = Run(tmp_path_factory.mktemp("rows", numbered=True))
    left = b"".join(LINES)
    read, offset = [], 0
    with open(run.path / "progress.jsonl", "ab", buffering=0) as stream:
        for size, look in [*pieces, (len(left), True)]:
            stream.write(left[:size])
            left = left[size:]
            if look:
                rows, offset = run.progress(offset)
                read += [row.step for row in rows]
                arrived = sum(map(len, LINES)) - len(left)
                assert read == list(range(1, 1 + _whole_lines(arrived)))
    assert read == [1, 2, 3, 4, 5, 6]


def _whole_lines(num_bytes: int) -> int:
    return b"".join(LINES)[:num_bytes].count(b"\n")


def test_evals_come_back_as_appended(run):
    assert run.evals() == []
    run.append_eval({"frechet": 4.5, "classifier": "lenet"})
    with open(run.path / "evals.jsonl", "ab") as stream:
        stream.write(b"\0\0\n")
    run.append_eval({"frechet": 3.5})
    with open(run.path / "evals.jsonl", "ab") as stream:
        stream.write(b'{"frechet": 2')
    assert run.evals() == [{"frechet": 4.5, "classifier": "lenet"}, {"frechet": 3.5}]


@pytest.mark.parametrize("damage", [b"7", b"null"])
def test_an_eval_that_is_no_object_is_passed_over(run, damage):
    with open(run.path / "evals.jsonl", "ab") as stream:
        stream.write(damage + b"\n")
    run.append_eval({"frechet": 3.5})
    assert run.evals() == [{"frechet": 3.5}]


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("progress.jsonl", Run.progress),
        ("progress.jsonl", Run.last_row),
        ("scores.jsonl", Run.scores),
        ("evals.jsonl", Run.evals),
    ],
)
def test_rows_that_cannot_be_read_are_named(run, name, read):
    (run.path / name).unlink(missing_ok=True)
    (run.path / name).mkdir()
    assert error_of(lambda: read(run)) == (
        f"{run.path / name} cannot be read: Is a directory; make it a file that you may read, or move it away"
    )


def test_scores_come_back_as_they_were_written(run):
    assert run.scores() == []
    rows = [score_row(2), score_row(4)]
    for row in rows:
        run.append_score(row)
    assert run.scores() == rows


def test_a_damaged_or_unfinished_score_hides_no_other(run):
    run.append_score(score_row(2))
    whole = dataclasses.asdict(score_row(4))
    damaged = [b"[1]", b"7", b"no row", json.dumps(whole | {"cfd": None}).encode()]
    damaged += [json.dumps(whole | change).encode() for change in ({"class_histogram": [1, 0]}, {"classifier": 3})]
    with open(run.path / "scores.jsonl", "ab") as file:
        file.write(b"\n".join(damaged) + b"\n")
    run.append_score(score_row(6))
    with open(run.path / "scores.jsonl", "ab") as file:
        file.write(json.dumps(whole).encode())
    assert [row.step for row in run.scores()] == [2, 6]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 10**400, "1", None, True])
def test_scores_must_be_numbers(value):
    with pytest.raises(TypeError, match="is not a row of numbers"):
        score_row(2, cfd=value)
    with pytest.raises(TypeError, match="is not a row of numbers"):
        score_row(2, class_histogram=(0.1,) * 9 + (value,))


# Scores of pictures


def picture_row(**values) -> ScoreRow:
    place = {"step": 5, "epoch": 1.0, "images_seen": 80, "wall_seconds": 2.0, "num_images": 40}
    measure = {"classifier": "patches of 40 training pictures", "classifier_hash": "0123", "scoring_seconds": 1.0}
    return ScoreRow(**(place | measure | {"swd": 30.0, "real_swd": 10.0} | values))


def test_a_row_of_pictures_has_no_scores_by_a_classifier_and_is_read_again():
    row = picture_row(swd_levels=(40.0, 20.0), real_swd_levels=(12.0, 8.0), overfitting=-0.25, num_held_out=16)
    stored = row_json(row)
    assert not {"cfd", "class_histogram", "d_train_logit"} & set(stored)
    assert rows_of(ScoreRow, [json.loads(json.dumps(stored))]) == [row]


@pytest.mark.parametrize(
    "values",
    [
        {"swd": None},
        {"swd": "30"},
        {"cfd": 1.0},
        {"class_histogram": (1.0,)},
        {"swd_levels": (1.0,)},
        {"swd_levels": (1.0,), "real_swd_levels": ("1",)},
        {"overfitting": math.nan},
        {"classifier": 3},
    ],
)
def test_a_damaged_row_of_pictures_is_left_out(values):
    stored = {**row_json(picture_row()), **values}
    assert rows_of(ScoreRow, [stored]) == []
