"""Test what classifiers learn from generators with known faults, and the command `evaluate --labels`."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from recorded import TINY, record_run
from torch import Tensor

from dcgan.checkpoint import load_generator
from dcgan.cli.main import main
from dcgan.config import DataConfig, ModelConfig, TrainConfig
from dcgan.data.loading import ImageSet
from dcgan.data.named_sets import read_named_set
from dcgan.evaluation import label_scores as module
from dcgan.evaluation.label_scores import add_label_scores, learn_from
from dcgan.evaluation.score_row import Scores
from dcgan.latents import latents_from_seeds
from dcgan.pixels import from_uint8
from dcgan.runs.run import Run

COUNT = 1500
CONDITIONAL = ModelConfig(num_classes=10)


@pytest.fixture(scope="module")
def mnist() -> dict[str, ImageSet]:
    """Return 3,000 training images and every 20th test image."""
    parts = {"train": slice(3000), "test": slice(None, None, 20)}
    return {
        split: ImageSet(*(torch.from_numpy(values[part]) for values in read_named_set("mnist", "", split)), ())
        for split, part in parts.items()
    }


@pytest.fixture(autouse=True)
def small(tmp_path_factory, monkeypatch, mnist) -> Path:
    """Use a cache for this module only, and few images with every limit."""
    monkeypatch.setenv("DCGAN_CACHE", str(tmp_path_factory.getbasetemp() / "labels-cache"))

    def load(data, model, seed, split):
        assert data.limit == 0
        return mnist[split]

    monkeypatch.setattr(module, "load_images", load)
    return tmp_path_factory.getbasetemp() / "labels-cache" / "evaluation"


class Copier:
    """A generator that draws the training images of the requested digit, or of the next one."""

    def __init__(self, images: ImageSet, off_by: int = 0, model: ModelConfig = CONDITIONAL) -> None:
        self.train_config = TrainConfig(model=model, data=DataConfig(limit=40))
        self.config, self.device = model, torch.device("cpu")
        self._of = [images.images_u8[images.labels == digit] for digit in range(10)]
        self._off_by, self._drawn = off_by, [0] * 10

    def latents(self, seeds) -> np.ndarray:
        return latents_from_seeds(seeds, 100)

    def __call__(self, z, labels: Tensor) -> Tensor:
        chosen = []
        for digit in ((labels + self._off_by) % 10).tolist():
            chosen.append(self._of[digit][self._drawn[digit] % len(self._of[digit])])
            self._drawn[digit] += 1
        return from_uint8(torch.stack(chosen))


EMPTY = Scores("mnist classifier", "hash", 60, {"cfd": 1.0}, {"cfd": 0.5})
KEYS = ("nearest_neighbor_error", "classification_accuracy")


def label_scores(generator, num_images: int = COUNT, seed: int = 0) -> Scores:
    return add_label_scores(EMPTY, generator, num_images=num_images, seed=seed)


@pytest.mark.slow
def test_a_generator_that_draws_the_requested_digit_scores_like_real_images(mnist):
    scores = label_scores(Copier(mnist["train"]), COUNT)
    assert scores.num_labeled == COUNT
    assert (scores["cfd"], scores.real["cfd"]) == (1.0, 0.5)
    assert scores.real["nearest_neighbor_error"] < 0.15  # .03 of 60,000
    assert scores.real["classification_accuracy"] > 0.8
    assert scores["nearest_neighbor_error"] == pytest.approx(scores.real["nearest_neighbor_error"], abs=0.03)
    assert scores["classification_accuracy"] == pytest.approx(scores.real["classification_accuracy"], abs=0.06)


@pytest.mark.slow
def test_a_generator_that_always_draws_another_digit_has_an_accuracy_of_0(mnist):
    scores = label_scores(Copier(mnist["train"], off_by=1), COUNT)
    assert scores["nearest_neighbor_error"] > 0.9
    assert scores["classification_accuracy"] < 0.1


@pytest.mark.slow
def test_a_generator_that_ignores_its_label_has_the_accuracy_of_chance(mnist):
    """A generator that ignores its label: 9 of 10 are wrong."""
    images_u8 = mnist["train"].images_u8[:COUNT]
    scores = learn_from(images_u8, torch.arange(COUNT) % 10, mnist["test"])
    assert scores["nearest_neighbor_error"] == pytest.approx(0.9, abs=0.05)
    assert scores["classification_accuracy"] == pytest.approx(0.1, abs=0.06)


@pytest.mark.slow
def test_real_images_are_measured_once_and_the_rest_again(mnist, small, monkeypatch):
    first = label_scores(Copier(mnist["train"]), COUNT)
    (path,) = small.glob("labels-*")
    calls = []
    other = dict(zip(KEYS, (0.5, 0.25), strict=True))
    monkeypatch.setattr(module, "learn_from", lambda *arguments: calls.append(arguments) or other)
    again = label_scores(Copier(mnist["train"]), COUNT)
    assert len(calls) == 1
    assert again == replace(first, values=first.values | other)
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))  # a bit is enough
    assert label_scores(Copier(mnist["train"]), COUNT).real["nearest_neighbor_error"] == 0.5
    path.write_bytes(whole)


def test_classifiers_learn_bytes_drawn_from_consecutive_seeds_and_each_label_in_turn(mnist, monkeypatch):
    drawn, learned = [], []

    class Gray(Copier):
        def __call__(self, z, labels):
            drawn.extend(zip(z[:, 0].tolist(), labels.tolist(), strict=True))
            return torch.full((len(z), 1, 28, 28), 0.0)

    monkeypatch.setattr(
        module, "learn_from", lambda *arguments: learned.append(arguments) or dict.fromkeys(KEYS, 0.5)
    )
    label_scores(Gray(mnist["train"]), 1003, 7)
    z = latents_from_seeds(range(7, 1010), 100)
    assert drawn == list(zip(z[:, 0].tolist(), [i % 10 for i in range(1003)], strict=True))
    images_u8, labels, *_ = learned[0]
    assert torch.equal(labels, torch.arange(1003) % 10)
    assert images_u8.unique().tolist() == [128]
    assert images_u8.dtype == torch.uint8


def test_an_unconditional_generator_is_refused(mnist):
    with pytest.raises(ValueError, match=r"not conditional.*leave out --labels.*--model.num-classes 10"):
        label_scores(Copier(mnist["train"], model=ModelConfig()))


@pytest.mark.parametrize("count", [127, 3001])
def test_impossible_counts_are_named(mnist, count):
    with pytest.raises(ValueError, match=rf"num_images={count} is not in 128..3000"):
        label_scores(Copier(mnist["train"]), count)


# Of a run


@pytest.fixture
def run(runs_root, monkeypatch, tmp_path) -> Run:
    """Return a conditional run without scores of its features."""
    monkeypatch.setattr("dcgan.files.CHECKPOINTS", tmp_path / "published")
    monkeypatch.setattr("dcgan.evaluation.scores.evaluate", lambda generator, **_: scored(generator))
    monkeypatch.setattr("dcgan.evaluation.label_scores.add_label_scores", partial(add_label_scores, num_images=COUNT))
    return record_run(runs_root, replace(TINY, model=replace(TINY.model, num_classes=10)))


def scored(generator) -> Scores:
    values = {"cfd": 0.5} | ({"label_accuracy": 0.75} if generator.config.num_classes else {})
    return Scores("mnist classifier", "hash", 60, values, {"cfd": 0.5})


@pytest.mark.slow
def test_the_command_adds_two_columns_and_saves_them(run, runs_root, capsys):
    unconditional = record_run(runs_root)
    assert main(["evaluate", run.name, unconditional.name, "--labels", "--save"]) == 0
    head, first, second, real, *_, last = capsys.readouterr().out.splitlines()
    scores = label_scores(load_generator(run.path), COUNT)
    assert head.endswith("1-NN ERROR     CAS")
    assert first.split()[-2:] == [f"{scores[key]:.4f}" for key in KEYS]
    assert second.split()[-3:] == ["-"] * 3
    assert real.split()[-2:] == [f"{scores.real[key]:.4f}" for key in KEYS]
    assert last == "1-NN ERROR and CAS belong to classifiers that learned from 1,500 images each"
    (row,), (other,) = run.evals(), unconditional.evals()
    assert row["num_labeled"] == COUNT
    assert {key: row[key] for key in KEYS} == {key: pytest.approx(scores[key], abs=1e-5) for key in KEYS}
    assert "num_labeled" not in other


def test_without_the_flag_a_remark_names_it(run, runs_root, capsys):
    assert main(["evaluate", run.name]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == f"--labels adds what classifiers learn from the images of {run.name}, in minutes"
    assert main(["evaluate", record_run(runs_root).name]) == 0
    assert "--labels" not in capsys.readouterr().out
    assert main(["evaluate", run.name, "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert "num_labeled" not in row


def test_unconditional_models_are_refused_before_anything_is_drawn(run, runs_root, capsys):
    other = record_run(runs_root)
    assert main(["evaluate", other.name, "--labels"]) == 2
    assert f"{other.name} is not a conditional model of ten classes" in capsys.readouterr().err
