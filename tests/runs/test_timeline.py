"""Two runs on one scale."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from recorded import TINY, record_run

from dcgan.files import CHECKPOINTS
from dcgan.presets import PRESETS
from dcgan.publishing.results_page import SCORES as PAGE_SCORES
from dcgan.runs.comparison import config_table, parameters
from dcgan.runs.evaluations import (
    SCORES,
    comparable,
    evaluations,
    is_known,
    last_scores,
    measured_by,
    same_measure,
    score_table,
)
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


SCALE = {
    "classifier": "mnist classifier",
    "classifier_hash": "b6508af4b2ba",
    "num_images": 500,
    "seed": 0,
    "step": 4,
    "weights_id": "0123456789ab",
}
FID = SCALE | {"classifier": "Inception (FID)", "classifier_hash": "ffff", "fid": 30.0, "real_fid": 2.5}


def evaluated(tmp_path, *rows: dict) -> list[dict]:
    """The chosen ones of a finished run of 4 steps."""
    run = record_run(tmp_path)
    for row in rows:
        run.append_eval(row)
    return evaluations(run, run.status().step)


def test_a_row_that_does_not_say_what_it_depends_on_counts_for_nothing(tmp_path):
    assert evaluated(tmp_path) == []
    assert evaluated(tmp_path, {"cfd": 9.0}) == []
    damaged = [{"num_images": "many"}, {"seed": None}, {"step": 4.0}]
    rows = evaluated(tmp_path, SCALE | {"cfd": 2.0}, *(SCALE | {"cfd": 1.0} | each for each in damaged))
    assert [row["cfd"] for row in rows] == [2.0]


@pytest.mark.parametrize(
    ("later", "cfds"),
    [
        ({"cfd": 3.0}, [3.0]),  # the newest, and not the best
        ({"cfd": 1.0, "num_images": 100}, [2.0]),  # the most images
        ({"cfd": 1.0, "num_images": 1000}, [1.0]),
        ({"cfd": 1.0, "classifier_hash": "another"}, [1.0]),
        ({"cfd": 1.0, "step": 2}, [2.0]),  # the last weights
        ({"cfd": 1.0, "step": 2, "num_images": 1000}, [2.0]),
    ],
)
def test_the_classifiers_row_is_of_the_last_weights_the_most_images_and_the_newest(tmp_path, later, cfds):
    assert [row["cfd"] for row in evaluated(tmp_path, SCALE | {"cfd": 2.0}, SCALE | later)] == cfds


def test_a_classifier_that_is_asked_again_is_the_newest(tmp_path):
    first, other = SCALE | {"cfd": 2.0}, SCALE | {"cfd": 1.0, "classifier_hash": "another"}
    assert [row["cfd"] for row in evaluated(tmp_path, first, other, first | {"cfd": 3.0})] == [3.0]


def test_fid_and_the_classifiers_scores_stand_beside_each_other_whatever_came_last(tmp_path):
    few = FID | {"fid": 90.0, "num_images": 100}
    for rows in ((SCALE | {"cfd": 2.0}, FID, few), (few, FID, SCALE | {"cfd": 2.0})):
        chosen = evaluated(tmp_path, *rows)
        assert [row.get("cfd") for row in chosen] == [2.0, None]
        assert [row.get("fid") for row in chosen] == [None, 30.0]
    assert [row["fid"] for row in evaluated(tmp_path, FID)] == [30.0]


def test_a_score_on_request_stays_while_the_same_images_are_asked_again(tmp_path):
    asked = SCALE | {"cfd": 2.0, "nearest_neighbor_error": 0.05}
    for change, kept in (({}, 0.05), ({"weights_id": "b"}, None), ({"seed": 7}, None), ({"psi": 0.7}, None)):
        (row,) = evaluated(tmp_path, asked, SCALE | {"cfd": 3.0} | change)
        assert (row["cfd"], row.get("nearest_neighbor_error")) == (3.0, kept)


def test_without_scores_of_the_last_weights_there_are_earlier_ones_and_their_step_is_told(tmp_path):
    rows = evaluated(tmp_path, SCALE | {"cfd": 9.0, "step": 1}, SCALE | {"cfd": 5.0, "step": 2})
    assert [row["cfd"] for row in rows] == [5.0]
    assert measured_by(rows, 4).endswith("by the mnist classifier b6508af4b2ba; scored at step 2 of 4")


def test_the_last_scores(tmp_path):
    run = record_run(tmp_path)
    assert last_scores(run) == {}
    run.append_eval(SCALE | {"cfd": 1.0, "classes": [1, 2]})
    run.append_eval(FID)
    assert last_scores(run) == SCALE | {"cfd": 1.0}


def test_scores_are_worded_with_the_real_images_beside_them():
    left = SCALE | {"cfd": 2.184, "real_cfd": 0.1221, "coverage": 0.6, "real_coverage": 0.9, "memorizes": False}
    right = SCALE | {"cfd": float("nan"), "real_cfd": 0.1221, "coverage": "much", "real_coverage": 0.9}
    rows = score_table({"a": [left], "b": [right]})
    assert [list(row)[1:] for row in rows] == [["a", "b", "real images"]] * 2
    assert [list(row.values())[1:] for row in rows] == [["2.18", "n/a", "0.12"], ["0.60", "n/a", "0.90"]]
    assert all(row["score"].endswith(("lower is better", "higher is better")) for row in rows)
    assert (is_known([left]), is_known([right])) == (True, False)
    rows = score_table({"a": [left], "b": [right | {"real_cfd": 0.3}]})
    assert list(rows[0])[1:] == ["a", "b", "real images of a", "real images of b"]


def test_every_score_that_an_evaluation_gives_is_in_the_table():
    assert set(PAGE_SCORES) | {"fid", "kid"} == set(SCORES)
    stacked = SCALE | {"modes": 1000, "real_modes": 1000, "kl": 0.0374, "real_kl": 0.0228}
    told = SCALE | {"nearest_neighbor_error": 0.0382, "classification_accuracy": 0.9899}
    (modes, kl) = score_table({"a": [stacked]})
    assert ([*modes.values()][1:], [*kl.values()][1:]) == (["1,000", "1,000"], ["0.0374", "0.0228"])
    assert [row["a"] for row in score_table({"a": [told, FID | {"kid": 0.01234}]})] == [
        "0.0382",
        "0.9899",
        "30.00",
        "0.01234",
    ]


def test_what_figures_depend_on_is_told():
    told = "500 images, seeds 1,000 to 1,499, by the mnist classifier b6508af4b2ba"
    assert measured_by([SCALE | {"seed": 1000}], 4) == told
    inception = "500 images, seeds 0 to 499, by the Inception (FID) ffff"
    assert measured_by([SCALE | {"seed": 1000}, FID], 4) == f"{told}; {inception}"


def test_scores_compare_where_all_they_depend_on_is_the_same():
    assert comparable([])
    assert comparable([("a", 5), ("a", 5)])
    assert not comparable([("a", 5), ("a", 6)])
    assert not comparable([("a", 5), ("b", 5)])
    assert same_measure([])
    assert same_measure([(TINY, [SCALE, FID]), (TINY, [SCALE]), (TINY, [FID])])
    assert not same_measure([(TINY, [SCALE, FID]), (TINY, [SCALE, FID | {"num_images": 400}])])
    assert not same_measure([(TINY, [SCALE]), (TINY, [SCALE | {"classifier_hash": "another"}])])
    for other in (
        replace(TINY, model=replace(TINY.model, topology="conv", image_size=64)),
        replace(TINY, data=replace(TINY.data, name="kmnist")),
    ):
        assert not same_measure([(TINY, [FID]), (other, [FID])])
