"""Sample grids of two runs on one scale."""

from __future__ import annotations

from dataclasses import replace

import pytest
from recorded import progress_row

from dcgan.runs.run import Run, RunError
from dcgan.runs.series import Series
from dcgan.runs.timeline import (
    HOURS,
    MINUTES,
    SECONDS,
    Timeline,
    nearest,
    parse_position,
    stops,
    time_unit,
    timeline,
)


@pytest.mark.parametrize(
    ("align", "positions"), [("epoch", (0, 1, 2)), ("images", (0, 8, 16)), ("time", (0, 1 / 60, 2 / 60))]
)
def test_grids_lie_where_their_rows_say(tiny_run, align, positions):
    line = timeline(tiny_run, tiny_run.status(), Series(tiny_run).update(), align)
    assert line.steps == (0, 2, 4)
    assert line.positions == pytest.approx(positions)


def test_without_rows_there_are_epochs_alone(tiny_run):
    tiny_run.progress_path.unlink()
    series = Series(tiny_run).update()
    assert timeline(tiny_run, tiny_run.status(), series, "epoch").positions == (0, 1, 2)
    with pytest.raises(RunError, match="align by epoch"):
        timeline(tiny_run, tiny_run.status(), series, "time")


def test_the_grid_at_a_position_is_the_newest_not_later():
    line = Timeline((0, 10, 20), (0.0, 1.0, 2.0))
    assert [line.step_at(position) for position in (-1, 0, 0.99, 1, 5)] == [0, 0, 0, 10, 20]


def test_stops_are_the_union_in_order():
    left, right = Timeline((0, 1), (0.0, 20_000.4)), Timeline((0, 1, 2), (0.0, 0.00053333, 3.0))
    assert list(stops([left, right])) == ["0", "0.0005333", "3", "20000"]
    assert stops([left, right])["20000"] == 20_000.4


@pytest.mark.parametrize(
    ("unit", "texts"),
    [(SECONDS, ["0 s", "30 s", "90 s"]), (MINUTES, ["0", "0.5", "1.5"]), (HOURS, ["0 h", "0.008333 h", "0.025 h"])],
)
def test_stops_of_times_are_minutes_under_texts_in_the_unit(unit, texts):
    options = stops([Timeline((0, 1, 2), (0.0, 0.5, 1.5))], unit)
    assert (list(options), list(options.values())) == (texts, [0.0, 0.5, 1.5])
    for text, minutes in options.items():
        assert parse_position(text, "time") == pytest.approx(minutes, rel=1e-3)


@pytest.mark.parametrize(
    ("text", "align", "position"),
    [
        ("3.4", "epoch", 3.4),
        ("3.4", "time", 3.4),
        ("90 s", "time", 1.5),
        ("2 h", "time", 120),
        ("90 s", "epoch", None),
        ("-9", "images", -9),
        ("1e999", "epoch", None),
        *((text, "time", None) for text in ("nan", "inf", "x", "", " s", "x h")),
    ],
)
def test_a_text_in_an_address_is_a_position(text, align, position):
    assert parse_position(text, align) == position


@pytest.mark.parametrize(("position", "option"), [(3.4, "3"), (-9, "0"), (1e9, "10")])
def test_the_nearest_stop(position, option):
    assert nearest({"0": 0.0, "3": 3.0, "10": 10.0}, position) == option


def test_the_longest_run_decides_the_unit_of_times(tmp_path):
    def series(seconds: float) -> Series:
        run = Run(tmp_path / str(seconds))
        run.path.mkdir()
        run.append_progress(replace(progress_row(1), wall_seconds=seconds))
        return Series(run).update()

    empty = Series(Run(tmp_path / "empty")).update()
    assert time_unit(series(179.9), empty) == SECONDS
    assert time_unit(series(20.0), series(180.0)) == MINUTES
    assert time_unit(series(10_799.0)) == MINUTES
    assert time_unit(series(10_800.0), series(1.0)) == HOURS
    assert time_unit(empty) == SECONDS
