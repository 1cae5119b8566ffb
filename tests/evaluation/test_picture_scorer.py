"""The scores that a training of own pictures records along the way."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from discs import config_for, pictures, save

from dcgan.checkpoint import load_tensors
from dcgan.config import TrainConfig
from dcgan.data.loading import make_batches
from dcgan.evaluation.picture_scorer import PictureScorer
from dcgan.evaluation.snapshot_scores import score_snapshots
from dcgan.models.gan import build_gan
from dcgan.runs import diagnosis
from dcgan.runs.run import Run
from dcgan.training.recording import is_score_step, run_training
from dcgan.training.state import TrainState

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Return a folder of 60 pictures of 16x16 pixels."""
    return save(tmp_path_factory.mktemp("pictures") / "own", pictures(60, size=16))


def recipe(folder: Path, **changes) -> TrainConfig:
    """Return a training with 54 pictures, 7 steps and 8 pictures a batch, of 3 epochs."""
    config = config_for(folder, holdout=0.1)
    return replace(config, **({"epochs": 3, "log_every": 2, "snapshots": 2} | changes))


def trained(root: Path, config: TrainConfig) -> Run:
    run = Run.create(config, "test", root)
    assert run_training(run, CPU).state == "finished"
    return run


def test_a_folder_is_scored_with_its_patches_its_copies_and_its_held_out_pictures(tmp_path, folder, monkeypatch):
    monkeypatch.setattr(PictureScorer, "every_images", 0)
    run = trained(tmp_path, recipe(folder))
    rows = run.scores()
    assert [row.step for row in rows] == [7, 14, 21]
    assert not run.status().notes
    for row in rows:
        assert row.cfd is row.coverage is None
        assert row.num_images == 27
        assert row.classifier == "patches of 27 training pictures"
        assert row.swd > row.real_swd > 0
        assert row.swd == pytest.approx(sum(row.swd_levels) / len(row.swd_levels), rel=1e-5)
        assert 0 <= row.copy_share <= 1
        assert row.memorization_ratio > 0
        assert row.num_held_out == 6
        assert row.d_train_logit != row.d_held_out_logit != row.d_fake_logit
    assert len({row.swd for row in rows}) == 3
    assert len({row.scale for row in rows}) == 1
    run.scores_path.unlink()
    (last,) = [row for row in score_snapshots(run, CPU) if row.step == 21]
    assert last.swd == pytest.approx(rows[-1].swd, rel=1e-5)
    assert last.num_held_out is None


def test_scoring_changes_no_bit_of_the_training(tmp_path, folder):
    config = recipe(folder, ema_half_life_images=50)
    config = replace(config, model=replace(config.model, dropout=0.3, minibatch_stddev=True))
    scored = trained(tmp_path / "scored", config)
    plain = trained(tmp_path / "plain", replace(config, score_images=0))
    assert scored.scores()
    assert not plain.scores()
    states = [load_tensors(run.state_path)[0] for run in (scored, plain)]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_a_training_that_copies_is_announced_and_its_diagnosis_names_it(tmp_path, folder, monkeypatch):
    config = recipe(folder, epochs=1)
    bank = build_gan(config.model).generator
    images = make_batches(config, CPU).first_images(54)
    monkeypatch.setattr(bank, "forward", lambda z, labels=None: images[(z[:, 0].abs() * 1e4).long() % 54])
    monkeypatch.setattr(TrainState, "best_generator", property(lambda state: bank))
    run = trained(tmp_path / "copies", config)
    result = diagnosis.diagnose(run.progress()[0], "finished", scores=run.scores())
    assert (result.kind, result.level) == ("copies", "warning")
    monkeypatch.undo()
    run = trained(tmp_path / "sound", config)
    assert diagnosis.diagnose(run.progress()[0], "finished", scores=run.scores()).kind == "short"


def test_without_held_out_pictures_there_is_no_gauge(folder):
    config = replace(recipe(folder), data=config_for(folder).data)
    scorer = PictureScorer.open(config, CPU, make_batches(config, CPU))
    assert scorer is not None
    assert scorer.gauge is None
    assert scorer.num_images == 30
    gan = build_gan(config.model)
    scores = scorer.score(gan.generator, gan=gan)
    assert scores is not None
    assert scores.logits is None
    assert "overfitting" not in scores.values
    assert PictureScorer.open(replace(config, score_images=0), CPU, make_batches(config, CPU)) is None


def test_pixels_that_are_nan_have_no_scores(folder):
    config = recipe(folder)
    scorer = PictureScorer.open(config, CPU, make_batches(config, CPU))
    generator = build_gan(config.model).generator
    for value in generator.state_dict().values():
        if value.is_floating_point():
            value.fill_(torch.nan)
    assert scorer is not None
    assert scorer.score(generator) is None


@pytest.mark.parametrize(
    ("stride", "scored"), [(1, [5, 10, 15, 20, 25]), (2, [10, 20, 25]), (3, [15, 25]), (100, [25])]
)
def test_short_epochs_are_not_all_scored_but_the_last_one_is(stride, scored):
    assert [step for step in range(1, 26) if is_score_step(step, 25, 5, stride)] == scored
