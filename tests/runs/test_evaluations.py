"""Test which evaluations of a run count, and the table of scores that pages and cards show."""

from __future__ import annotations

from dataclasses import replace

import pytest
from recorded import TINY, record_run

from dcgan.runs.evaluations import comparable, evaluations, is_known, measured_by, same_measure, score_table
from dcgan.runs.scores import SCORES

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
    """Return the evaluations that count of a finished run of 4 steps."""
    run = record_run(tmp_path)
    for row in rows:
        run.append_eval(row)
    return evaluations(run, run.status().step)


def test_a_row_without_its_conditions_is_ignored(tmp_path):
    assert evaluated(tmp_path) == []
    assert evaluated(tmp_path, {"cfd": 9.0}) == []
    damaged = [{"num_images": "many"}, {"seed": None}, {"step": 4.0}]
    rows = evaluated(tmp_path, SCALE | {"cfd": 2.0}, *(SCALE | {"cfd": 1.0} | damage for damage in damaged))
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


def test_a_classifier_that_measures_again_is_the_newest(tmp_path):
    first, other = SCALE | {"cfd": 2.0}, SCALE | {"cfd": 1.0, "classifier_hash": "another"}
    assert [row["cfd"] for row in evaluated(tmp_path, first, other, first | {"cfd": 3.0})] == [3.0]


def test_fid_and_the_classifiers_scores_stand_beside_each_other_whatever_came_last(tmp_path):
    few = FID | {"fid": 90.0, "num_images": 100}
    for rows in ((SCALE | {"cfd": 2.0}, FID, few), (few, FID, SCALE | {"cfd": 2.0})):
        chosen = evaluated(tmp_path, *rows)
        assert [row.get("cfd") for row in chosen] == [2.0, None]
        assert [row.get("fid") for row in chosen] == [None, 30.0]
    assert [row["fid"] for row in evaluated(tmp_path, FID)] == [30.0]


def test_a_score_on_request_stays_while_the_same_images_are_measured_again(tmp_path):
    requested = SCALE | {"cfd": 2.0, "nearest_neighbor_error": 0.05}
    for change, kept in (({}, 0.05), ({"weights_id": "b"}, None), ({"seed": 7}, None), ({"psi": 0.7}, None)):
        (row,) = evaluated(tmp_path, requested, SCALE | {"cfd": 3.0} | change)
        assert (row["cfd"], row.get("nearest_neighbor_error")) == (3.0, kept)


def test_without_scores_of_the_last_weights_earlier_ones_count_and_their_step_is_named(tmp_path):
    rows = evaluated(tmp_path, SCALE | {"cfd": 9.0, "step": 1}, SCALE | {"cfd": 5.0, "step": 2})
    assert [row["cfd"] for row in rows] == [5.0]
    assert measured_by(rows, 4).endswith("by the mnist classifier b6508af4b2ba; scored at step 2 of 4")


def test_scores_have_a_sentence_and_the_real_images_beside_them():
    left = SCALE | {"cfd": 2.184, "real_cfd": 0.1221, "coverage": 0.6, "real_coverage": 0.9, "memorizes": False}
    right = SCALE | {"cfd": float("nan"), "real_cfd": 0.1221, "coverage": "much", "real_coverage": 0.9}
    rows = score_table({"a": [left], "b": [right]})
    assert [list(row)[1:] for row in rows] == [["a", "b", "real images"]] * 2
    assert [list(row.values())[1:] for row in rows] == [["2.18", "n/a", "0.12"], ["0.600", "n/a", "0.900"]]
    assert [row["score"] for row in rows] == [SCORES["cfd"].sentence, SCORES["coverage"].sentence]
    assert (is_known([left]), is_known([right])) == (True, False)
    rows = score_table({"a": [left], "b": [right | {"real_cfd": 0.3}]})
    assert list(rows[0])[1:] == ["a", "b", "real images of a", "real images of b"]


def test_scores_of_all_kinds_of_evaluations_are_in_the_table():
    stacked = SCALE | {"modes": 1000, "real_modes": 1000, "kl": 0.0374, "real_kl": 0.0228}
    labels = SCALE | {"nearest_neighbor_error": 0.0382, "classification_accuracy": 0.9899}
    (modes, kl) = score_table({"a": [stacked]})
    assert ([*modes.values()][1:], [*kl.values()][1:]) == (["1000", "1000"], ["0.0374", "0.0228"])
    assert [row["a"] for row in score_table({"a": [labels, FID | {"kid": 0.01234}]})] == [
        "0.0382",
        "0.9899",
        "30.00",
        "0.01234",
    ]


def test_the_conditions_of_scores_are_named():
    text = "500 images, seeds 1,000 to 1,499, by the mnist classifier b6508af4b2ba"
    assert measured_by([SCALE | {"seed": 1000}], 4) == text
    inception = "500 images, seeds 0 to 499, by the Inception (FID) ffff"
    assert measured_by([SCALE | {"seed": 1000}, FID], 4) == f"{text}; {inception}"


def test_scores_compare_only_under_the_same_conditions():
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
