"""Test the modes of Stacked MNIST: closed forms, generators with known modes, and the command `evaluate`."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from recorded import TINY, record_run
from torch import Tensor

from dcgan.checkpoint import load_generator
from dcgan.cli.main import main
from dcgan.config import DataConfig, ModelConfig, TrainConfig
from dcgan.data.loading import ImageSet, load_images
from dcgan.evaluation import modes as stacked
from dcgan.evaluation.classifier import Classifier, load_classifier
from dcgan.evaluation.metrics import modes
from dcgan.evaluation.modes import evaluate_modes, modes_of
from dcgan.evaluation.score_row import Scores
from dcgan.latents import latents_from_seeds
from dcgan.pixels import from_uint8
from dcgan.runs.run import Run

STACKED = DataConfig(name="stacked-mnist")
RGB = ModelConfig(channels=3)


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return load_classifier("mnist")


@pytest.fixture(scope="module")
def stacks() -> dict[str, ImageSet]:
    """Return both parts in full, read once for all tests."""
    return {split: load_images(STACKED, RGB, split=split) for split in ("train", "test")}


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch, stacks) -> Path:
    """Return a cache for this module only; compose the images once."""
    monkeypatch.setenv("DCGAN_CACHE", str(tmp_path_factory.getbasetemp() / "stacked-cache"))
    monkeypatch.setattr(stacked, "load_images", lambda data, model: stacks["train"])
    return tmp_path_factory.getbasetemp() / "stacked-cache" / "evaluation"


class Fixed:
    """A generator that draws these images repeatedly."""

    def __init__(self, images_u8: Tensor, **config) -> None:
        self.train_config = TrainConfig(model=RGB, data=STACKED)
        self.weights_id, self.step, self.device = "fixed", 7, torch.device("cpu")
        self.images_u8, self.drawn, self.labels = images_u8, 0, []

    def latents(self, seeds) -> np.ndarray:
        return latents_from_seeds(seeds, 100)

    def __call__(self, z, labels=None) -> Tensor:
        self.labels.append(labels)
        places = torch.arange(self.drawn, self.drawn + len(z)) % len(self.images_u8)
        self.drawn += len(z)
        return from_uint8(self.images_u8[places])


@pytest.mark.parametrize("count", [1, 10, 1000])
def test_equal_shares_have_kl_0(count):
    assert modes(torch.full((count,), 26)) == (count, pytest.approx(0, abs=1e-12))


@pytest.mark.parametrize("mode", [0, 999])
def test_one_mode_of_a_thousand_has_kl_log_1000(mode):
    counts = torch.zeros(1000, dtype=torch.int64)
    counts[mode] = 26_000
    assert modes(counts) == (1, pytest.approx(math.log(1000)))


def test_half_of_the_modes_have_kl_log_2():
    assert modes(torch.tensor([3, 0, 3, 0, 0, 3, 3, 0])) == (4, pytest.approx(math.log(2)))


def test_the_direction_of_kl_is_from_the_images_to_equal_shares():
    """The other direction would be infinite if a mode is missing."""
    result = modes(torch.tensor([3, 1]))
    assert result.kl == pytest.approx(0.75 * math.log(0.75 / 0.5) + 0.25 * math.log(0.25 / 0.5))


def test_26000_draws_from_equal_shares_have_the_documented_bias():
    draws = torch.randint(1000, (26_000,), generator=torch.Generator().manual_seed(0))
    assert modes(torch.bincount(draws, minlength=1000)).kl == pytest.approx(999 / 52_000, rel=0.1)


def test_perfect_samples_have_the_published_kl(stacks):
    """.0237 +- .0014 for 26,000 draws of the data, by their true labels: MNIST's digits are not quite even."""
    result = modes(torch.bincount(stacks["train"].labels[:26_000], minlength=1000))
    assert result.drawn == 1000
    assert result.kl == pytest.approx(0.0237, abs=0.0015)


@pytest.mark.slow
def test_a_mode_is_read_from_the_three_colors(stacks, classifier):
    images_u8, labels, _ = stacks["test"]
    read = modes_of(from_uint8(images_u8[:300]), classifier)
    assert (read == labels[:300]).double().mean() > 0.96  # .9958 cubed is .987
    swapped = modes_of(from_uint8(images_u8[:300].flip(1)), classifier)
    assert torch.equal(swapped, read % 10 * 100 + read // 10 % 10 * 10 + read // 100)


def test_pixels_that_are_nan_are_refused(classifier):
    with pytest.raises(ValueError, match="not numbers"):
        modes_of(torch.full((2, 3, 28, 28), torch.nan), classifier)


@pytest.mark.slow
def test_a_generator_of_one_image_has_one_mode(stacks, classifier):
    scores = evaluate_modes(Fixed(stacks["test"].images_u8[:1]), classifier=classifier, num_images=1200, seed=5)
    assert (scores["modes"], scores["kl"]) == (1, pytest.approx(math.log(1000)))
    assert (scores.num_images, scores.seed, scores.step, scores.weights_id) == (1200, 5, 7, "fixed")
    assert (scores.classifier, scores.classifier_hash) == ("mnist classifier", classifier.hash)


@pytest.mark.slow
def test_a_generator_of_every_mode_equally_often_has_kl_0(stacks, classifier):
    digits_u8, digits, _ = load_images(DataConfig(), ModelConfig())
    read = classifier.logits(classifier.features(from_uint8(digits_u8[:100]))).argmax(1)
    first = [int(torch.nonzero((digits[:100] == digit) & (read == digit))[0]) for digit in range(10)]
    combinations = torch.cartesian_prod(*[torch.tensor(first)] * 3)
    scores = evaluate_modes(Fixed(digits_u8[combinations, 0]), classifier=classifier, num_images=2000)
    assert (scores["modes"], scores["kl"]) == (1000, pytest.approx(0, abs=1e-12))
    assert scores.real["kl"] > 0.1  # 2,000 real images scatter


@pytest.mark.slow
def test_a_generator_of_real_images_scores_like_real_images_measured_once(stacks, classifier, cache, monkeypatch):
    generator = Fixed(stacks["train"].images_u8)
    scores = evaluate_modes(generator, classifier=classifier, num_images=1100)
    assert (scores["modes"], scores["kl"]) == (scores.real["modes"], pytest.approx(scores.real["kl"]))
    assert list(cache.glob(f"modes-{classifier.hash}-*"))
    assert generator.labels == [None, None]  # two chunks, and no labels

    def count(chunks, classifier, whole=stacked._count):
        assert not calls, "the real images were measured again"
        calls.append(1)
        return whole(chunks, classifier)

    calls: list[int] = []
    monkeypatch.setattr(stacked, "_count", count)
    assert evaluate_modes(Fixed(stacks["train"].images_u8), classifier=classifier, num_images=1100) == scores


def test_a_conditional_generator_draws_the_modes_of_the_data(stacks, classifier):
    generator = Fixed(stacks["train"].images_u8)
    generator.train_config = TrainConfig(model=replace(RGB, num_classes=1000), data=STACKED)
    evaluate_modes(generator, classifier=classifier, num_images=50)
    assert torch.equal(torch.cat(generator.labels), stacks["train"].labels[:50])


@pytest.mark.parametrize("count", [0, 128_001])
def test_impossible_counts_are_named(stacks, classifier, count):
    with pytest.raises(ValueError, match=rf"num_images={count} is not in 1..128000"):
        evaluate_modes(Fixed(stacks["test"].images_u8), classifier=classifier, num_images=count)


@pytest.mark.parametrize(
    "config",
    [TrainConfig(), TrainConfig(model=replace(RGB, image_size=32), data=STACKED)],
    ids=["other data", "other size"],
)
def test_other_data_and_sizes_have_no_modes_to_count(config):
    with pytest.raises(ValueError, match=r"modes are counted for stacked-mnist at 28x28 only.*--model.image-size 28"):
        evaluate_modes(SimpleNamespace(train_config=config))


# Of a run


@pytest.fixture
def run(runs_root, monkeypatch, tmp_path) -> Run:
    monkeypatch.setattr("dcgan.files.CHECKPOINTS", tmp_path / "published")
    return record_run(runs_root, replace(TINY, data=STACKED, model=replace(TINY.model, channels=3)))


def test_the_command_has_a_table_of_modes_and_saves_them(run, classifier, capsys):
    assert main(["evaluate", run.name, "--num-images", "60", "--seed", "3", "--save"]) == 0
    lines = capsys.readouterr().out.splitlines()
    scores = evaluate_modes(load_generator(run.path), classifier=classifier, num_images=60, seed=3)
    assert lines[0].split() == ["NAME", "MODES", "KL"]
    assert lines[1].split() == [run.name, str(scores["modes"]), f"{scores['kl']:.4f}"]
    assert lines[2].split() == ["real", "images", str(scores.real["modes"]), f"{scores.real['kl']:.4f}"]
    assert "seeds 3 to 62" in lines[-1]
    assert lines[-1].endswith(classifier.hash)
    assert run.evals() == [scores.to_json()]
    assert json.loads(json.dumps(scores.to_json(), allow_nan=False)) == scores.to_json()


def test_without_a_count_it_draws_as_many_as_the_literature(run, capsys, monkeypatch):
    counts = []

    def count_modes(generator, num_images=stacked.NUM_IMAGES, seed=0):
        counts.append(num_images)
        real = {"modes": 1000, "kl": 0.0237}
        return Scores("mnist classifier", "hash", num_images, {"modes": 99, "kl": 3.4}, real)

    monkeypatch.setattr(stacked, "evaluate_modes", count_modes)
    assert main(["evaluate", run.name, "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert counts == [row["num_images"]] == [26_000]
    assert (row["modes"], row["kl"], row["real_modes"], row["real_kl"]) == (99, 3.4, 1000, 0.0237)


def test_runs_scored_by_features_and_by_modes_have_a_table_each(run, runs_root, capsys, monkeypatch):
    digits = record_run(runs_root)
    scored = {"name": digits.name, "classifier": "a", "classifier_hash": "b", "num_images": 60, "seed": 0}
    scored |= {"cfd": 1.5, "real_cfd": 0.5, "memorizes": False}
    monkeypatch.setattr("dcgan.evaluation.scores.evaluate", lambda *_, **__: SimpleNamespace(to_json=lambda: scored))
    assert main(["evaluate", digits.name, run.name, "--num-images", "60"]) == 0
    features, mode_table = capsys.readouterr().out.split("\n\nNAME")
    assert features.split()[:2] == ["NAME", "CFD"]
    assert "MODES" not in features
    assert mode_table.split()[:3] == ["MODES", "KL", run.name]
