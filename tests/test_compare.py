"""Two runs on one scale."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from conftest import TINY, record_run

from dcgan.compare import (
    Timeline,
    comparable,
    config_table,
    last_evaluation,
    last_scores,
    measured_by,
    nearest,
    parameters,
    score_table,
    stops,
    timeline,
)
from dcgan.presets import PRESETS
from dcgan.runs import CHECKPOINTS, Run, RunError
from dcgan.series import Series


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


def test_the_last_scores(tmp_path):
    run = record_run(tmp_path)
    assert last_scores(run) == {}
    run.append_eval({"frechet": 2.0})
    run.append_eval({"frechet": 1.0, "extractor": "lenet", "classes": [1, 2]})
    assert last_scores(run) == {"frechet": 1.0, "extractor": "lenet"}


SCALE = {"extractor": "mnist classifier", "extractor_hash": "b6508af4b2ba", "num_images": 500, "seed": 0}


def test_the_last_evaluation_is_the_newest_that_says_by_what_it_was_measured(tmp_path):
    run = record_run(tmp_path)
    assert last_evaluation(run) is None
    run.append_eval({"cfd": 9.0})
    assert last_evaluation(run) is None
    for more in ({"cfd": 3.0}, {"cfd": 2.0}, {"cfd": 1.0, "num_images": "many"}, {"cfd": 1.0, "seed": None}):
        run.append_eval(SCALE | more)
    assert last_evaluation(run)["cfd"] == 2.0


def test_scores_are_worded_with_the_real_images_beside_them():
    left = SCALE | {"cfd": 2.184, "cfd_floor": 0.1221, "coverage": 0.6, "coverage_floor": 0.9, "memorises": False}
    right = SCALE | {"cfd": float("nan"), "cfd_floor": 0.1221, "coverage": "much", "coverage_floor": 0.9}
    rows = score_table({"a": left, "b": right})
    assert [list(row)[1:] for row in rows] == [["a", "b", "real images"]] * 2
    assert [list(row.values())[1:] for row in rows] == [["2.18", "n/a", "0.12"], ["0.60", "n/a", "0.90"]]
    assert all(row["score"].endswith(("lower is better", "higher is better")) for row in rows)
    rows = score_table({"a": left, "b": right | {"cfd_floor": 0.3}})
    assert list(rows[0])[1:] == ["a", "b", "real images of a", "real images of b"]


def test_what_figures_depend_on_is_told():
    assert (
        measured_by(SCALE | {"seed": 1000})
        == "500 images, seeds 1,000 to 1,499, by the mnist classifier b6508af4b2ba"
    )
    assert comparable([])
    assert comparable([("a", 5), ("a", 5)])
    assert not comparable([("a", 5), ("a", 6)])
    assert not comparable([("a", 5), ("b", 5)])
