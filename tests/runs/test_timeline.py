"""Two runs on one scale."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from recorded import TINY

from dcgan.files import CHECKPOINTS
from dcgan.presets import PRESETS
from dcgan.runs.comparison import config_table, parameters
from dcgan.runs.run import Run, RunError
from dcgan.runs.series import Series
from dcgan.runs.timeline import Timeline, nearest, stops, timeline


@pytest.mark.parametrize(
    ("align", "positions"), [("epoch", (0, 1, 2)), ("images", (0, 8, 16)), ("time", (0, 1 / 60, 2 / 60))]
)
def test_grids_lie_where_their_rows_say(tiny_run, align, positions):
    found = timeline(tiny_run, tiny_run.status(), Series(tiny_run).update(), align)
    assert found.steps == (0, 2, 4)
    assert found.positions == pytest.approx(positions)


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


def test_only_what_differs_is_in_the_table():
    rows = config_table(TINY, replace(TINY, lr_d=1e-5, model=replace(TINY.model, norm_g="none")))
    assert [(row["field"], row["left"], row["right"]) for row in rows] == [
        ("model.norm_g", "batch", "none"),
        ("lr_d", "2e-4", "1e-5"),
    ]
    assert all(row["what it is"] for row in rows)
    assert config_table(TINY, TINY) == []


@pytest.mark.parametrize("name", sorted(path.name for path in CHECKPOINTS.iterdir()))
def test_parameters_are_counted_from_the_header(name):
    run = Run(CHECKPOINTS / name)
    assert (parameters(run.generator_path), parameters(run.discriminator_path)) == PRESETS[run.preset].parameters


@pytest.mark.parametrize("data", [b"", b"12345678", b"\xff" * 100, (5).to_bytes(8, "little") + b"[1,2]"])
def test_a_damaged_header_counts_nothing(tmp_path, data):
    (tmp_path / "x").write_bytes(data)
    assert parameters(tmp_path / "x") is None
    assert parameters(tmp_path / "missing") is None


def test_a_header_of_odd_shapes_counts_nothing(tmp_path):
    header = json.dumps({"a": {"shape": "four"}}).encode()
    (tmp_path / "x").write_bytes(len(header).to_bytes(8, "little") + header)
    assert parameters(tmp_path / "x") is None
