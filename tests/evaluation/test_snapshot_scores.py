"""Scores of a run's snapshots, added to a recording without scores."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from recorded import error_of
from small_trainings import small, trained

from dcgan.cli.main import main
from dcgan.evaluation.snapshot_scores import add_scores, generators_by_step, position, score_snapshots
from dcgan.files import cache_folder
from dcgan.runs.run import Run

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    """Return a cache for this module only."""
    monkeypatch.setenv("DCGAN_CACHE", str(tmp_path_factory.getbasetemp() / "snapshot-cache"))
    return cache_folder() / "evaluation"


@pytest.fixture
def scored(scored_digits, tmp_path) -> Run:
    """Return a run of 3 epochs whose training has scored itself."""
    return trained(tmp_path, small(scored_digits, epochs=3, score_images=60, snapshots=4))


@pytest.fixture
def unscored(scored) -> Run:
    """Return the same run without its scores."""
    scored.scores_path.unlink()
    return scored


def test_the_newest_generator_has_the_scores_of_its_training(scored):
    recorded = scored.scores()[-1]
    scored.scores_path.unlink()
    last = list(score_snapshots(scored, CPU))[-1]
    assert replace(last, scoring_seconds=0) == replace(recorded, scoring_seconds=0, wall_seconds=last.wall_seconds)
    assert last.wall_seconds == scored.last_row().wall_seconds


def test_every_snapshot_is_scored_at_its_place_in_the_training(unscored):
    rows = list(score_snapshots(unscored, CPU))
    assert [row.step for row in rows] == sorted(generators_by_step(unscored))
    assert {0, unscored.status().steps} < {row.step for row in rows}
    assert rows[0].epoch == rows[0].images_seen == rows[0].wall_seconds == 0
    assert len({row.cfd for row in rows}) == len(rows)
    assert {row.num_images for row in rows} == {60}
    assert not unscored.scores_path.exists(), "nothing is written"


def test_added_scores_stand_between_those_of_the_training(scored):
    epochs = scored.scores()
    rows = list(score_snapshots(scored, CPU))
    assert {row.step for row in rows}.isdisjoint(row.step for row in epochs)
    add_scores(scored, rows)
    assert scored.scores() == sorted([*epochs, *rows], key=lambda row: row.step)
    assert list(score_snapshots(scored, CPU)) == []


def test_a_step_between_two_rows_is_interpolated(unscored):
    rows = unscored.progress()[0]
    first, second = rows[0], rows[-1]
    middle = position([first, second], (first.step + second.step) // 2)
    assert first.wall_seconds < middle["wall_seconds"] < second.wall_seconds
    assert first.images_seen < middle["images_seen"] < second.images_seen


def test_a_run_without_generators_is_an_error(unscored):
    for path in unscored.path.rglob("*.safetensors"):
        path.unlink()
    assert "no generators along its training" in error_of(lambda: list(score_snapshots(unscored, CPU)))


def test_the_command_writes_the_scores_once(unscored, capsys):
    assert main(["score-snapshots", str(unscored.path)]) == 0
    written = unscored.scores_path.read_bytes()
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 + len(unscored.scores())
    assert main(["score-snapshots", str(unscored.path)]) == 0
    assert unscored.scores_path.read_bytes() == written


def test_a_published_run_is_written_only_if_asked(unscored, monkeypatch, capsys):
    monkeypatch.setattr("dcgan.files.CHECKPOINTS", unscored.path.parent)
    assert main(["score-snapshots", str(unscored.path)]) == 0
    assert not unscored.scores_path.exists()
    assert main(["score-snapshots", str(unscored.path), "--save"]) == 0
    assert len(unscored.scores()) == len(generators_by_step(unscored))


def test_the_command_needs_a_run(capsys):
    assert main(["score-snapshots"]) == 2
    assert "score-snapshots checkpoints/dcgan-mnist" in capsys.readouterr().err


def test_a_run_that_is_being_trained_is_refused(unscored, capsys):
    with unscored.lock():
        assert main(["score-snapshots", str(unscored.path)]) == 2
    assert "is being trained" in capsys.readouterr().err
