"""Sample grids of two runs on one scale."""

from __future__ import annotations

import pytest

from dcgan.runs.run import RunError
from dcgan.runs.series import Series
from dcgan.runs.timeline import Timeline, nearest, stops, timeline


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
    ("text", "option"),
    [("3.4", "3"), ("-9", "0"), ("1e9", "10"), ("nan", None), ("inf", None), ("x", None), ("", None)],
)
def test_the_nearest_stop(text, option):
    assert nearest({"0": 0.0, "3": 3.0, "10": 10.0}, text) == option
