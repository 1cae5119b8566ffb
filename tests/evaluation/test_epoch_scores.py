"""Test the scores of an epoch: their values, the cache of real images, and the rows that a training records."""

from __future__ import annotations

import time
from dataclasses import asdict, replace
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from dcgan.checkpoint import load_generator, load_tensors
from dcgan.config import DataConfig, TrainConfig
from dcgan.data.loading import load_images
from dcgan.data.named_sets import read_named_set
from dcgan.evaluation import epoch_scores as module
from dcgan.evaluation import metrics
from dcgan.evaluation.classifier import load_classifier
from dcgan.evaluation.epoch_scores import EpochScores, Scorer, epoch_scores, epoch_statistics
from dcgan.evaluation.scores import real_statistics
from dcgan.files import cache_folder
from dcgan.models.gan import build_gan
from dcgan.pixels import from_uint8
from dcgan.presets import PRESETS
from dcgan.runs import diagnosis
from dcgan.runs.rows import WITHOUT_CLASSIFIER, ScoreRow
from dcgan.runs.run import Run
from dcgan.runs.scores import per_epoch
from dcgan.training import clock
from dcgan.training.recording import run_training
from dcgan.training.state import TrainState

CPU = torch.device("cpu")
COUNT = 100


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    """Return a cache for this module only."""
    monkeypatch.setenv("DCGAN_CACHE", str(tmp_path_factory.getbasetemp() / "light-cache"))
    return cache_folder() / "evaluation"


def small(data: DataConfig, preset: str = "gan", **changes) -> TrainConfig:
    """Return a config with 6 steps an epoch; the last batch has 16 images."""
    config = PRESETS[preset].config
    model = replace(config.model, hidden_g=(16, 24), hidden_d=(24, 16), width_g=4, width_d=4)
    recipe = {"model": model, "data": data, "batch_size": 64, "epochs": 3, "log_every": 4, "score_images": COUNT}
    return replace(config, **(recipe | changes))


def trained(root, config: TrainConfig) -> Run:
    run = Run.create(config, "test", root)
    assert run_training(run, CPU).state == "finished"
    return run


class Bank(nn.Module):
    """A generator, by its interface, that draws from the images (N, 1, 28, 28) which it is given."""

    def __init__(self, images: torch.Tensor, config) -> None:
        super().__init__()
        self.config = config
        self.images = nn.Parameter(images, requires_grad=False)

    def forward(self, z: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        low, high = self.config.pixel_range
        return (self.images[(z[:, 0].abs() * 1e4).long() % len(self.images)] + 1) / 2 * (high - low) + low


def digits_of(digit: int | None) -> torch.Tensor:
    """Return real test digits in [-1, 1] that `scored_digits` does not have: of one class or of all."""
    images, labels = (torch.from_numpy(values[1::5]) for values in read_named_set("mnist", "", "test"))
    return from_uint8(images if digit is None else images[labels == digit])


# Scores


def test_the_registry_has_the_scores_of_an_epoch():
    assert set(EpochScores._fields) <= {*per_epoch(), "class_histogram"}


def test_the_scores_are_those_of_the_full_evaluation(scored_digits):
    config = small(scored_digits)
    scorer = Scorer.open(config, CPU)
    scores = scorer.score(build_gan(config.model).generator)
    assert sum(scores.class_histogram) == pytest.approx(1)
    real = scorer.statistics.real
    train, test = (load_images(config.data, config.model, 0, part) for part in ("train", "test"))
    full = real_statistics(train, test, scorer.classifier, COUNT)
    assert real.cfd == pytest.approx(full.real["cfd"], rel=1e-9)
    assert real.coverage == full.real["coverage"]
    assert real.class_histogram == full.real_class_histogram


@pytest.mark.slow
def test_unseen_digits_score_like_training_digits_and_one_digit_covers_little(scored_digits):
    config = small(scored_digits, score_images=300)
    scorer = Scorer.open(config, CPU)
    unseen = scorer.score(Bank(digits_of(None), config.model))
    real = scorer.statistics.real
    assert unseen.coverage == pytest.approx(real.coverage, abs=0.08)
    assert unseen.cfd < 2 * real.cfd
    assert max(unseen.class_histogram) < 0.2
    for digit in (1, 8):
        one = scorer.score(Bank(digits_of(digit), config.model))
        assert one.class_histogram[digit] > 0.95
        assert one.coverage < 0.15
        assert one.cfd > 10 * real.cfd


def test_coverage_alone_is_the_coverage_of_neighbors():
    draws = torch.Generator().manual_seed(0)
    real, fake = (torch.randn(count, 8, generator=draws) for count in (300, 40))
    radii = metrics.radii(real)
    expected = metrics.neighbors(real, fake, radii, metrics.radii(fake)).coverage
    assert 0.1 < expected < 0.9
    assert metrics.coverage(real.double(), fake.double(), radii) == expected
    assert metrics.coverage(real, fake, radii) == pytest.approx(expected, abs=0.01)


def test_scoring_draws_no_random_numbers_and_leaves_mode_and_threads(scored_digits):
    config = small(scored_digits, "dcgan")
    scorer, generator = Scorer.open(config, CPU), build_gan(config.model).generator
    generator.train()
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    buffers = {name: value.clone() for name, value in generator.state_dict().items()}
    first = scorer.score(generator)
    assert generator.training
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.get_num_threads() == threads
    assert all(torch.equal(value, buffers[name]) for name, value in generator.state_dict().items())
    assert scorer.score(generator) == first


def test_a_conditional_generator_draws_every_digit(scored_digits):
    scorer = Scorer.open(small(scored_digits, "cdcgan"), CPU)
    assert scorer.labels.bincount().tolist() == [COUNT / 10] * 10


def test_pixels_that_are_nan_have_no_scores(scored_digits):
    config = small(scored_digits)
    assert Scorer.open(config, CPU).score(Bank(torch.full((3, 1, 28, 28), torch.nan), config.model)) is None


# Real images


def test_real_images_are_measured_once_for_all_trainings_on_them(scored_digits, cache, monkeypatch):
    first = Scorer.open(small(scored_digits), CPU).statistics
    before = set(cache.iterdir())
    monkeypatch.setattr(module, "_measure", None)
    again = Scorer.open(small(replace(scored_digits, limit=50), "dcgan", seed=3), CPU).statistics
    assert again.real == first.real
    assert torch.equal(again.features, first.features)
    assert torch.equal(again.radii, first.radii)
    assert set(cache.iterdir()) == before


@pytest.mark.parametrize("damage", [b"{}", b""])
def test_a_damaged_cache_is_measured_again(scored_digits, cache, damage):
    first = Scorer.open(small(scored_digits), CPU).statistics
    for path in cache.iterdir():
        path.write_bytes(damage)
    assert Scorer.open(small(scored_digits), CPU).statistics.real == first.real


def test_a_cache_that_cannot_be_written_is_a_warning(scored_digits, tmp_path, monkeypatch, caplog):
    first = Scorer.open(small(scored_digits), CPU).statistics
    (tmp_path / "file").touch()
    monkeypatch.setenv("DCGAN_CACHE", str(tmp_path / "file"))
    assert Scorer.open(small(scored_digits), CPU).statistics.real == first.real
    assert "measured again next time" in caplog.text


def test_no_more_images_are_drawn_than_there_are_real_ones(scored_digits):
    assert Scorer.open(small(scored_digits, score_images=2000), CPU).num_images == 336
    assert Scorer.open(small(scored_digits, score_images=0), CPU) is None


def test_real_images_beside_a_conditional_training_have_its_labels(scored_digits):
    config = small(scored_digits, score_images=100)
    conditional = Scorer.open(replace(config, model=replace(config.model, num_classes=10)), CPU)
    shares = torch.tensor(conditional.statistics.real.class_histogram)
    assert (shares - 0.1).abs().max() <= 0.021  # ten of each, up to the classifier's errors
    others = torch.tensor(Scorer.open(config, CPU).statistics.real.class_histogram)
    assert (others - 0.1).abs().max() > 0.029


def test_other_images_and_counts_are_measured_again(scored_digits, cache):
    train, test = (load_images(scored_digits, small(scored_digits).model, 0, part) for part in ("train", "test"))
    classifier = load_classifier("mnist")
    touched = train.images_u8.clone()
    touched[5, 0, 3, 3] += 1
    for images, count in ((train, 90), (train, 91), (train._replace(images_u8=touched), 90)):
        before = len(set(cache.iterdir())) if cache.exists() else 0
        statistics = epoch_statistics(images, test, classifier, count)
        assert len(set(cache.iterdir())) == before + 1
        drawn = classifier.features(from_uint8(images.images_u8[:50]))
        assert epoch_scores(drawn, classifier, statistics.features, statistics.radii).cfd > 0


# In a training


def numbers(row: ScoreRow) -> dict:
    """Return all values except times."""
    return {name: value for name, value in asdict(row).items() if "seconds" not in name}


@pytest.mark.slow
def test_every_epoch_ends_with_a_row_that_scores_the_sampled_generator(tmp_path, scored_digits):
    run = trained(tmp_path, small(scored_digits, "dcgan", ema_half_life_images=200))
    rows = run.scores()
    assert [(row.step, row.epoch, row.images_seen) for row in rows] == [(6, 1, 336), (12, 2, 672), (18, 3, 1008)]
    assert {row.num_images for row in rows} == {COUNT}
    assert {(row.classifier, row.classifier_hash) for row in rows} == {
        ("mnist classifier", load_classifier("mnist").hash)
    }
    scorer = Scorer.open(run.config(), CPU)
    scores = scorer.score(load_generator(run.ema_path).network)
    assert rows[-1].cfd == float(f"{scores.cfd:.6g}")
    assert (rows[-1].coverage, rows[-1].class_histogram) == (scores.coverage, scores.class_histogram)
    assert rows[-1].real_coverage == scorer.statistics.real.coverage
    assert len({row.cfd for row in rows}) == 3


@pytest.mark.slow
@pytest.mark.parametrize("preset", ["gan", "cdcgan"])
def test_scoring_changes_no_bit_of_the_training(tmp_path, scored_digits, preset):
    config = small(scored_digits, preset, ema_half_life_images=200)
    config = replace(config, model=replace(config.model, dropout=0.3))
    scored = trained(tmp_path / "scored", config)
    plain = trained(tmp_path / "plain", replace(config, score_images=0))
    assert len(scored.scores()) == 3
    assert not (plain.path / "scores.jsonl").exists()
    states = [load_tensors(run.state_path)[0] for run in (scored, plain)]
    assert states[0].keys() == states[1].keys()
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    rows = [[(row.step, row.d_loss, row.g_grad_norm) for row in run.progress()[0]] for run in (scored, plain)]
    assert rows[0] == rows[1]


@pytest.mark.slow
@pytest.mark.parametrize("cut", [6, 13])
def test_a_resume_records_the_scores_past_its_save_again(tmp_path, scored_digits, cut):
    config = small(scored_digits, "dcgan", log_every=1)
    whole, run = trained(tmp_path / "whole", config), Run.create(config, "test", tmp_path / "cut")

    def stop(row, status) -> None:
        if row.step >= cut - 1:
            run.request_stop()

    assert run_training(run, CPU, stop).step == cut
    assert [row.step for row in run.scores()] == [step for step in (6, 12, 18) if step <= cut]
    # As if it had gone on and been killed before its next save.
    run.append_score(replace(whole.scores()[-1], cfd=1.0))
    assert run_training(run, CPU).state == "finished"
    assert list(map(numbers, run.scores())) == list(map(numbers, whole.scores()))


def test_the_training_s_clock_stands_still_while_its_images_are_scored(tmp_path, scored_digits, monkeypatch):
    late = {"by": 0}
    monkeypatch.setattr(clock, "time", SimpleNamespace(monotonic=lambda: time.monotonic() + late["by"]))
    score = Scorer.score

    def slow(self, generator, **options):
        late["by"] += 1_000_000
        return score(self, generator, **options)

    monkeypatch.setattr(Scorer, "score", slow)
    run = trained(tmp_path, small(scored_digits, log_every=2))
    rows, scores = run.progress()[0], run.scores()
    assert rows[-1].wall_seconds < 500_000
    assert min(row.images_per_second for row in rows) > 64 / 500_000
    assert all(row.scoring_seconds >= 1_000_000 for row in scores)
    assert [row.wall_seconds for row in scores] == sorted(row.wall_seconds for row in scores)
    assert scores[-1].wall_seconds < 500_000


def test_images_that_are_nan_leave_no_row_and_a_line_in_the_log(tmp_path, scored_digits, monkeypatch):
    monkeypatch.setattr(Scorer, "score", lambda self, generator, **_: None)
    run = trained(tmp_path, small(scored_digits))
    assert run.scores() == []
    assert "step 6 is not scored" in run.log_path.read_text()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"score_images": 0}, None),
        ({"model": {"image_size": 32}}, r"cannot be scored: the mnist classifier takes (N, 1, 28, 28)"),
        ({"features": "no-such-set"}, "classifier for mnist"),
        ({"root": "digits"}, "the test images of mnist are missing"),
        (
            {"data": "stacked-mnist", "model": {"channels": 3}},
            "its 1,000 modes are counted among 26,000 images, not among",
        ),
    ],
)
def test_data_without_a_classifier_are_scored_by_patches_with_a_note(
    tmp_path, scored_digits, digits, changes, reason, monkeypatch
):
    config = small(scored_digits, "dcgan", epochs=1, score_images=changes.get("score_images", COUNT))
    config = replace(config, model=replace(config.model, **changes.get("model", {})))
    if "root" in changes:
        config = replace(config, data=digits)
    if "data" in changes:
        config = replace(config, data=replace(config.data, name=changes["data"], root="", limit=64))
    if "features" in changes:
        monkeypatch.setattr("dcgan.evaluation.classifier.FEATURES", tmp_path / "none")
    run = trained(tmp_path, config)
    assert [(row.cfd, row.swd is None) for row in run.scores()] == [(None, False)] * (reason is not None)
    notes = [note for note in run.status().notes if note.startswith(WITHOUT_CLASSIFIER)]
    assert len(notes) == (reason is not None)
    if reason:
        assert reason in notes[0]
        assert notes[0] in run.log_path.read_text()


@pytest.mark.slow
def test_a_generator_of_one_digit_is_diagnosed_as_collapsed(tmp_path, scored_digits, monkeypatch):
    config = small(scored_digits, snapshots=0, score_images=300)
    bank = Bank(digits_of(3), config.model)
    monkeypatch.setattr(TrainState, "best_generator", property(lambda state: bank))
    monkeypatch.setattr(diagnosis, "COLLAPSE_IMAGES", 300)  # what MNIST's epochs have, these have not
    run = trained(tmp_path, config)
    rows = run.scores()
    assert all(row.coverage < 0.15 < 0.5 < row.real_coverage for row in rows)
    found = diagnosis.diagnose(run.progress()[0], scores=rows)
    assert (found.kind, found.level) == ("collapsed", "error")
    assert found.title.endswith("of one class, 3.")
    bank.images.data = digits_of(None)
    assert diagnosis.collapse(trained(tmp_path, config).scores()) is None
