"""The modes of Stacked MNIST: closed forms, generators whose modes are known, and the command."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from recorded import TINY, record_run
from torch import Tensor

from dcgan.checkpoint import load_generator
from dcgan.cli.main import main
from dcgan.config import DataConfig, ModelConfig, TrainConfig
from dcgan.data.loading import ImageSet, load_images
from dcgan.evaluation import modes as stacked
from dcgan.evaluation.classifier import Classifier, load_classifier, to_float
from dcgan.evaluation.metrics import modes
from dcgan.evaluation.modes import ModeScores, evaluate_modes, modes_of
from dcgan.runs.run import Run

STACKED = DataConfig(name="stacked-mnist")
RGB = ModelConfig(channels=3)


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return load_classifier("mnist")


@pytest.fixture(scope="module")
def stacks() -> dict[str, ImageSet]:
    """Both parts whole, read once for all tests."""
    return {split: load_images(STACKED, RGB, split=split) for split in ("train", "test")}


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch, stacks) -> Path:
    """A cache for the whole file that is not the user's, and images that are not composed for each test anew."""
    monkeypatch.setenv("DCGAN_CACHE", str(tmp_path_factory.getbasetemp() / "stacked-cache"))
    monkeypatch.setattr(stacked, "load_images", lambda data, model: stacks["train"])
    return tmp_path_factory.getbasetemp() / "stacked-cache" / "evaluation"


class Fixed:
    """In a generator's place: it draws these images, over and over."""

    def __init__(self, images_u8: Tensor, **config) -> None:
        self.train_config = TrainConfig(model=RGB, data=STACKED)
        self.weights_id, self.step, self.device = "fixed", 7, torch.device("cpu")
        self.images_u8, self.drawn, self.asked = images_u8, 0, []

    def __call__(self, z, labels=None) -> Tensor:
        self.asked.append(labels)
        places = torch.arange(self.drawn, self.drawn + len(z)) % len(self.images_u8)
        self.drawn += len(z)
        return to_float(self.images_u8[places])


@pytest.mark.parametrize("kinds", [1, 10, 1000])
def test_even_kinds_are_at_no_distance(kinds):
    assert modes(torch.full((kinds,), 26)) == (kinds, pytest.approx(0, abs=1e-12))


@pytest.mark.parametrize("kind", [0, 999])
def test_one_kind_of_a_thousand_is_at_the_logarithm_of_a_thousand(kind):
    counts = torch.zeros(1000, dtype=torch.int64)
    counts[kind] = 26_000
    assert modes(counts) == (1, pytest.approx(math.log(1000)))


def test_half_the_kinds_are_at_the_logarithm_of_two():
    assert modes(torch.tensor([3, 0, 3, 0, 0, 3, 3, 0])) == (4, pytest.approx(math.log(2)))


def test_the_divergence_is_of_the_images_from_the_even_and_not_back():
    """The other direction would be infinite where a kind is missing."""
    found = modes(torch.tensor([3, 1]))
    assert found.kl == pytest.approx(0.75 * math.log(0.75 / 0.5) + 0.25 * math.log(0.25 / 0.5))


def test_even_draws_of_26000_have_the_bias_that_is_said():
    draws = torch.randint(1000, (26_000,), generator=torch.Generator().manual_seed(0))
    assert modes(torch.bincount(draws, minlength=1000)).kl == pytest.approx(999 / 52_000, rel=0.1)


def test_perfect_samples_get_what_the_literature_says(stacks):
    """.0237 +- .0014 for 26,000 draws of the data, by their true labels: MNIST's digits are not quite even."""
    found = modes(torch.bincount(stacks["train"].labels[:26_000], minlength=1000))
    assert found.found == 1000
    assert found.kl == pytest.approx(0.0237, abs=0.0015)


def test_a_mode_is_what_the_three_colours_read(stacks, classifier):
    images_u8, labels, _ = stacks["test"]
    read = modes_of(to_float(images_u8[:300]), classifier)
    assert (read == labels[:300]).double().mean() > 0.96  # .9958 cubed is .987
    swapped = modes_of(to_float(images_u8[:300].flip(1)), classifier)
    assert torch.equal(swapped, read % 10 * 100 + read // 10 % 10 * 10 + read // 100)


def test_pixels_that_are_no_numbers_are_not_scored(classifier):
    with pytest.raises(ValueError, match="pixels that are no numbers"):
        modes_of(torch.full((2, 3, 28, 28), torch.nan), classifier)


def test_a_generator_of_one_image_has_one_mode(stacks, classifier):
    scores = evaluate_modes(Fixed(stacks["test"].images_u8[:1]), classifier, 1200, seed=5)
    assert (scores.modes, scores.kl) == (1, pytest.approx(math.log(1000)))
    assert (scores.num_images, scores.seed, scores.step, scores.weights_id) == (1200, 5, 7, "fixed")
    assert (scores.classifier, scores.classifier_hash) == ("mnist classifier", classifier.hash)


def test_a_generator_of_every_kind_equally_often_is_at_no_distance(stacks, classifier):
    digits_u8, digits, _ = load_images(DataConfig(), ModelConfig())
    read = classifier.logits(classifier.features(to_float(digits_u8[:100]))).argmax(1)
    first = [int(torch.nonzero((digits[:100] == digit) & (read == digit))[0]) for digit in range(10)]
    kinds = torch.cartesian_prod(*[torch.tensor(first)] * 3)
    scores = evaluate_modes(Fixed(digits_u8[kinds, 0]), classifier, 2000)
    assert (scores.modes, scores.kl) == (1000, pytest.approx(0, abs=1e-12))
    assert scores.real_kl > 0.1  # 2,000 real images scatter


def test_a_generator_of_real_images_gets_the_floor_and_it_is_measured_once(stacks, classifier, cache, monkeypatch):
    generator = Fixed(stacks["train"].images_u8)
    scores = evaluate_modes(generator, classifier, 1100)
    assert (scores.modes, scores.kl) == (scores.real_modes, pytest.approx(scores.real_kl))
    assert list(cache.glob(f"modes-{classifier.hash}-*"))
    assert generator.asked == [None, None]  # two chunks, and no labels

    def count(draw, num_images, classifier, whole=stacked._count):
        assert not kept, "the real images were measured again"
        kept.append(1)
        return whole(draw, num_images, classifier)

    kept: list[int] = []
    monkeypatch.setattr(stacked, "_count", count)
    assert evaluate_modes(Fixed(stacks["train"].images_u8), classifier, 1100) == scores


def test_a_conditional_generator_is_asked_for_the_kinds_of_the_data(stacks, classifier):
    generator = Fixed(stacks["train"].images_u8)
    generator.train_config = TrainConfig(model=replace(RGB, num_classes=1000), data=STACKED)
    evaluate_modes(generator, classifier, 50)
    assert torch.equal(torch.cat(generator.asked), stacks["train"].labels[:50])


@pytest.mark.parametrize("count", [0, 128_001])
def test_counts_that_cannot_be_are_named(stacks, classifier, count):
    with pytest.raises(ValueError, match=rf"num_images={count} is not in 1..128000"):
        evaluate_modes(Fixed(stacks["test"].images_u8), classifier, count)


@pytest.mark.parametrize(
    "config",
    [TrainConfig(), TrainConfig(model=replace(RGB, image_size=32), data=STACKED)],
    ids=["other data", "other size"],
)
def test_other_data_and_sizes_have_no_modes_to_count(config):
    with pytest.raises(ValueError, match=r"modes are counted of stacked-mnist at 28x28 only.*--model.image-size 28"):
        evaluate_modes(SimpleNamespace(train_config=config))


# Of a run


@pytest.fixture
def run(runs_root, monkeypatch, tmp_path) -> Run:
    monkeypatch.setattr("dcgan.files.CHECKPOINTS", tmp_path / "published")
    return record_run(runs_root, replace(TINY, data=STACKED, model=replace(TINY.model, channels=3)))


def test_the_command_has_a_table_of_modes_and_saves_them(run, classifier, capsys):
    assert main(["evaluate", run.name, "--num-images", "60", "--seed", "3", "--save"]) == 0
    lines = capsys.readouterr().out.splitlines()
    scores = evaluate_modes(load_generator(run.path), classifier, 60, seed=3)
    assert lines[0].split() == ["NAME", "MODES", "KL"]
    assert lines[1].split() == [run.name, str(scores.modes), f"{scores.kl:.4f}"]
    assert lines[2].split() == ["real", "images", str(scores.real_modes), f"{scores.real_kl:.4f}"]
    assert lines[-1] == f"60 images each, seeds 3 to 62, by the mnist classifier {classifier.hash}"
    assert run.evals() == [scores.to_json()]
    assert json.loads(json.dumps(scores.to_json(), allow_nan=False)) == scores.to_json()
    assert isinstance(scores, ModeScores)


def test_without_a_count_it_draws_as_many_as_the_literature(run, capsys, monkeypatch):
    asked = []

    def count_modes(generator, num_images, seed):
        asked.append(num_images)
        return ModeScores("mnist classifier", "hash", num_images, 99, 3.4, 1000, 0.0237)

    monkeypatch.setattr(stacked, "evaluate_modes", count_modes)
    assert main(["evaluate", run.name, "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert asked == [row["num_images"]] == [26_000]
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
