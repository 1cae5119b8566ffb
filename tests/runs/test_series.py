"""Columns of a growing recording: no row read twice or lost, no extreme hidden."""

from __future__ import annotations

import json
import threading
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from recorded import earlier_row, progress_row

from dcgan.runs.run import Run, RunError
from dcgan.runs.series import COLUMNS, Newest, Series, epoch_means, smooth, thin


def recording(path: Path, steps: range) -> Run:
    path.mkdir(exist_ok=True)
    run = Run(path)
    for step in steps:
        run.append_progress(progress_row(step))
    return run


def steps_of(series: Series) -> list[int]:
    return series["step"].astype(int).tolist()


def test_the_columns_are_the_rows(tmp_path):
    run = recording(tmp_path, range(1, 5))
    series = Series(run).update()
    assert len(series) == 4
    for column in COLUMNS:
        assert series[column].tolist() == [getattr(row, column) for row in run.progress()[0]]


def test_rows_without_accuracies_are_rows_with_missing_values(tmp_path):
    run = Run(tmp_path)
    for row in (earlier_row(1), earlier_row(2), progress_row(3)):
        run.append_progress(row)
    assert "d_real_accuracy" not in run.progress_path.read_text().splitlines()[1]
    series = Series(run).update()
    assert np.isnan(series["d_real_accuracy"]).tolist() == [True, True, False]
    assert series.last_rows(3) == run.progress()[0] == [earlier_row(1), earlier_row(2), progress_row(3)]
    run.rewind(2)
    assert run.progress()[0] == [earlier_row(1), earlier_row(2)]


def test_the_means_of_an_epoch_weigh_each_row_by_its_steps(tmp_path):
    run = Run(tmp_path)
    for row, accuracy in (
        (replace(progress_row(1), epoch=0.25), 0.5),
        (replace(progress_row(4), epoch=1.0), 0.9),
        (replace(progress_row(6), epoch=1.5), None),
    ):
        run.append_progress(replace(row, d_real_accuracy=accuracy))
    series = Series(run).update()
    assert epoch_means(series, "d_real_accuracy") == {1: pytest.approx(0.25 * 0.5 + 0.75 * 0.9)}
    assert epoch_means(series, "step") == {1: pytest.approx(0.25 * 1 + 0.75 * 4), 2: 6}


def test_a_run_without_rows_has_empty_columns(tmp_path):
    series = Series(Run(tmp_path / "gone")).update()
    assert len(series) == 0
    assert series["d_loss"].shape == (0,)
    assert series.last_rows(3) == []


def test_a_series_stays_as_it_is_while_another_session_reads_on(tmp_path):
    run = recording(tmp_path, range(1, 5))
    newest = Newest(run)
    mine = newest.update()
    losses = mine["d_loss"]
    recording(tmp_path, range(5, 8))
    other = threading.Thread(target=newest.update)
    other.start()
    other.join()
    assert (len(mine), len(mine["epoch"]), len(losses)) == (4, 4, 4)
    assert [row.step for row in mine.last_rows(2)] == [3, 4]
    assert steps_of(newest.update()) == list(range(1, 8))


def test_many_readers_of_a_growing_recording_get_whole_tables(tmp_path):
    run = recording(tmp_path, range(1, 3))
    newest, done, torn = Newest(run), threading.Event(), []

    def look() -> None:
        while not done.is_set():
            series = newest.update()
            sizes = {len(series), *(len(series[column]) for column in COLUMNS)}
            if len(sizes) > 1 or steps_of(series) != list(range(1, len(series) + 1)):
                torn.append(sizes)

    readers = [threading.Thread(target=look) for _ in range(3)]
    for reader in readers:
        reader.start()
    recording(tmp_path, range(3, 200))
    done.set()
    for reader in readers:
        reader.join()
    assert torn == []
    assert steps_of(newest.update()) == list(range(1, 200))


def test_rows_that_cannot_be_read_are_an_error(tmp_path):
    series = Series(recording(tmp_path, range(1, 3))).update()
    (tmp_path / "progress.jsonl").unlink()
    (tmp_path / "progress.jsonl").mkdir()
    for other in (series, Series(Run(tmp_path))):
        with pytest.raises(RunError, match=r"progress\.jsonl"):
            other.update()


def test_only_what_is_new_is_read(tmp_path, monkeypatch):
    run = recording(tmp_path, range(1, 5))
    series = Series(run).update()
    offsets = []
    progress = Run.progress
    monkeypatch.setattr(Run, "progress", lambda self, offset=0: offsets.append(offset) or progress(self, offset))
    size = run.progress_path.stat().st_size
    recording(tmp_path, range(5, 7))
    assert steps_of(series.update()) == [1, 2, 3, 4, 5, 6]
    assert offsets == [size]


def test_half_a_row_waits_for_its_end(tmp_path):
    run = recording(tmp_path, range(1, 3))
    series = Series(run).update()
    line = json.dumps(asdict(progress_row(3))) + "\n"
    with open(run.progress_path, "a") as file:
        file.write(line[:50])
    series = series.update()
    assert steps_of(series) == [1, 2]
    with open(run.progress_path, "a") as file:
        file.write(line[50:])
    assert steps_of(series.update()) == [1, 2, 3]


@pytest.mark.parametrize("until", [3, 4, 9])
def test_after_a_resume_all_rows_are_read_again(tmp_path, until):
    """The file may be longer than before the resume, so its bytes are compared."""
    run = recording(tmp_path, range(1, 5))
    series = Series(run).update()
    run.rewind(2)
    for step in range(3, until + 1):
        run.append_progress(replace(progress_row(step), wall_seconds=1000.125 + step))
    series = series.update()
    assert steps_of(series) == list(range(1, until + 1))
    assert series["wall_seconds"].tolist() == [row.wall_seconds for row in run.progress()[0]]


def test_a_run_that_takes_a_deleted_ones_name_is_read_again(tmp_path):
    run = recording(tmp_path, range(1, 5))
    series = Series(run).update()
    run.progress_path.unlink()
    series = series.update()
    assert len(series) == 0
    recording(tmp_path, range(7, 9))
    assert steps_of(series.update()) == [7, 8]


@pytest.mark.parametrize("line", ["{", "[1]", '{"step": 1}', "null"])
def test_a_damaged_row_hides_no_other(tmp_path, line):
    run = recording(tmp_path, range(1, 3))
    with open(run.progress_path, "a") as file:
        file.write(line + "\n")
    recording(tmp_path, range(3, 4))
    assert steps_of(Series(run).update()) == [1, 2, 3]


@pytest.mark.parametrize("value", ["NaN", "Infinity", "1" + "0" * 400, '"1"', "true"])
def test_a_value_that_is_no_finite_number_is_no_row(tmp_path, value):
    run = recording(tmp_path, range(1, 2))
    line = json.dumps(asdict(progress_row(2))).replace('"d_real": 0.6', f'"d_real": {value}')
    assert value in line
    with open(run.progress_path, "a") as file:
        file.write(line + "\n")
    assert steps_of(Series(run).update()) == [1]


def test_the_last_rows_are_rows_again(tmp_path):
    series = Series(recording(tmp_path, range(1, 6))).update()
    assert series.last_rows(2) == [progress_row(4), progress_row(5)]
    assert [row.step for row in series.last_rows(99)] == [1, 2, 3, 4, 5]


# Thinning


@given(st.lists(st.floats(-1e6, 1e6), max_size=300), st.integers(4, 60))
def test_thinning_keeps_the_ends_and_the_extremes(values, points):
    y = np.array(values, float)
    kept = thin(y, points)
    assert (np.diff(kept) > 0).all()
    assert len(kept) <= max(points, 4)
    if len(y):
        assert (kept[0], kept[-1]) == (0, len(y) - 1)
        assert (y[kept].min(), y[kept].max()) == (y.min(), y.max())


def test_a_lone_spike_in_a_hundred_thousand_rows_is_drawn():
    y = np.zeros(100_000)
    y[[12_345, 77_777]] = 9, -9
    kept = thin(y)
    assert len(kept) <= 1000
    assert {12_345, 77_777} <= set(kept.tolist())


def test_few_values_are_all_drawn():
    assert thin(np.arange(1000.0)).tolist() == list(range(1000))


def test_too_few_points_are_refused():
    with pytest.raises(ValueError, match="points=3 is below 4; try 1000"):
        thin(np.zeros(9), 3)


# Smoothing


def test_smoothing_is_the_debiased_moving_average():
    # By hand, weight 1/2: 2; (2/2 + 4) / (1/2 + 1); (2/4 + 4/2 + 8) / (1/4 + 1/2 + 1).
    assert smooth(np.array([2.0, 4.0, 8.0]), 0.5).tolist() == pytest.approx([2, 10 / 3, 6])


@given(st.lists(st.floats(-1e6, 1e6), max_size=50), st.floats(0, 0.999))
def test_smoothing_stays_within_the_values(values, weight):
    y = np.array(values, float)
    smoothed = smooth(y, weight)
    assert smoothed.shape == y.shape
    if len(y):
        slack = 1e-6 * (1 + np.abs(y).max())
        assert smoothed.min() >= y.min() - slack
        assert smoothed.max() <= y.max() + slack


def test_a_constant_stays_itself():
    assert smooth(np.full(500, 0.7), 0.99) == pytest.approx(np.full(500, 0.7))


@pytest.mark.parametrize("weight", [-0.1, 1.0, float("nan")])
def test_a_weight_beyond_its_range_is_refused(weight):
    with pytest.raises(ValueError, match="is not in"):
        smooth(np.zeros(3), weight)


def test_smoothing_passes_over_missing_values():
    nan = float("nan")
    smoothed = smooth(np.array([nan, 1.0, nan, 3.0]), 0.5)
    assert np.isnan(smoothed).tolist() == [True, False, True, False]
    assert smoothed[[1, 3]].tolist() == smooth(np.array([1.0, 3.0]), 0.5).tolist()
