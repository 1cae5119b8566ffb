"""What classifiers learn from a generator whose faults are known, and the command that asks for it."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from recorded import TINY, record_run
from torch import Tensor

from dcgan.checkpoint import load_generator
from dcgan.cli.main import main
from dcgan.config import DataConfig, ModelConfig, TrainConfig
from dcgan.data.loading import ImageSet
from dcgan.data.named_sets import read_named_set
from dcgan.evaluation import label_scores as room
from dcgan.evaluation.classifier import to_float
from dcgan.evaluation.label_scores import LabelScores, label_scores, learnt_from
from dcgan.runs.run import Run

COUNT = 1500
TOLD = ModelConfig(num_classes=10)


@pytest.fixture(scope="module")
def mnist() -> dict[str, ImageSet]:
    """3,000 training images, and 500 test images from all over the test part."""
    parts = {"train": slice(3000), "test": slice(None, None, 20)}
    return {
        split: ImageSet(*(torch.from_numpy(values[part]) for values in read_named_set("mnist", "", split)), ())
        for split, part in parts.items()
    }


@pytest.fixture(autouse=True)
def small(tmp_path_factory, monkeypatch, mnist) -> Path:
    """A cache for the whole file that is not the user's, and few images, whatever the config's limit."""
    monkeypatch.setenv("DCGAN_CACHE", str(tmp_path_factory.getbasetemp() / "labels-cache"))

    def load(data, model, seed, split):
        assert data.limit == 0
        return mnist[split]

    monkeypatch.setattr(room, "load_images", load)
    return tmp_path_factory.getbasetemp() / "labels-cache" / "evaluation"


class Copier:
    """In a generator's place: it draws the training images of the digit it is told, or of the next one."""

    def __init__(self, images: ImageSet, off_by: int = 0, model: ModelConfig = TOLD) -> None:
        self.train_config = TrainConfig(model=model, data=DataConfig(limit=40))
        self.config, self.device = model, torch.device("cpu")
        self._of = [images.images_u8[images.labels == digit] for digit in range(10)]
        self._off_by, self._drawn = off_by, [0] * 10

    def __call__(self, z, labels: Tensor) -> Tensor:
        chosen = []
        for digit in ((labels + self._off_by) % 10).tolist():
            chosen.append(self._of[digit][self._drawn[digit] % len(self._of[digit])])
            self._drawn[digit] += 1
        return to_float(torch.stack(chosen))


def test_a_generator_that_draws_what_it_is_told_is_as_good_as_real_images(mnist):
    scores = label_scores(Copier(mnist["train"]), COUNT)
    assert scores.num_labelled == COUNT
    assert scores.real_nearest_neighbor_error < 0.15  # .03 of 60,000
    assert scores.real_classification_accuracy > 0.8
    assert scores.nearest_neighbor_error == pytest.approx(scores.real_nearest_neighbor_error, abs=0.03)
    assert scores.classification_accuracy == pytest.approx(scores.real_classification_accuracy, abs=0.06)


def test_a_generator_that_always_draws_another_digit_teaches_what_is_wrong(mnist):
    scores = label_scores(Copier(mnist["train"], off_by=1), COUNT)
    assert scores.nearest_neighbor_error > 0.9
    assert scores.classification_accuracy < 0.1


def test_labels_that_mean_nothing_teach_nothing(mnist):
    """A generator that ignores its label: 9 of 10 are wrong."""
    images_u8 = mnist["train"].images_u8[:COUNT]
    error, accuracy = learnt_from(images_u8, torch.arange(COUNT) % 10, mnist["test"])
    assert error == pytest.approx(0.9, abs=0.05)
    assert accuracy == pytest.approx(0.1, abs=0.06)


def test_real_images_are_measured_once_and_the_rest_again(mnist, small, monkeypatch):
    first = label_scores(Copier(mnist["train"]), COUNT)
    (path,) = small.glob("labels-*")
    learnt = []
    monkeypatch.setattr(room, "learnt_from", lambda *what: learnt.append(what) or (0.5, 0.25))
    again = label_scores(Copier(mnist["train"]), COUNT)
    assert len(learnt) == 1
    assert again == replace(first, nearest_neighbor_error=0.5, classification_accuracy=0.25)
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))  # a bit is enough
    assert label_scores(Copier(mnist["train"]), COUNT).real_nearest_neighbor_error == 0.5
    path.write_bytes(whole)


def test_seeds_labels_and_bytes_are_those_that_are_promised():
    asked = []

    class Bright(Copier):
        def __call__(self, z, labels):
            asked.extend(zip(z[:, 0].tolist(), labels.tolist(), strict=True))
            return torch.full((len(z), 1, 28, 28), 0.0)

    images_u8, labels = room._draw(Bright(ImageSet(torch.zeros(10, 1, 28, 28), torch.arange(10), ())), 1003, 7)
    from dcgan.latents import latents_from_seeds

    z = latents_from_seeds(range(7, 1010), 100)
    assert asked == list(zip(z[:, 0].tolist(), [i % 10 for i in range(1003)], strict=True))
    assert torch.equal(labels, torch.arange(1003) % 10)
    assert images_u8.unique().tolist() == [128]
    assert images_u8.dtype == torch.uint8


def test_a_generator_that_is_told_nothing_is_refused(mnist):
    with pytest.raises(ValueError, match=r"not conditional.*leave out --labels.*--model.num-classes 10"):
        label_scores(Copier(mnist["train"], model=ModelConfig()))


@pytest.mark.parametrize("count", [127, 3001])
def test_counts_that_cannot_be_are_named(mnist, count):
    with pytest.raises(ValueError, match=rf"num_images={count} is not in 128..3000"):
        label_scores(Copier(mnist["train"]), count)


# Of a run


@pytest.fixture
def run(runs_root, monkeypatch, tmp_path) -> Run:
    """Told its digit; scored by its features elsewhere."""
    monkeypatch.setattr("dcgan.files.CHECKPOINTS", tmp_path / "published")
    monkeypatch.setattr("dcgan.evaluation.scores.evaluate", lambda generator, **_: scored(generator))
    monkeypatch.setattr("dcgan.evaluation.label_scores.label_scores", partial(label_scores, num_images=COUNT))
    return record_run(runs_root, replace(TINY, model=replace(TINY.model, num_classes=10)))


def scored(generator):
    from dcgan.evaluation.scores import Figures, Scores

    figures = Figures(*[0.5] * 9, (0.1,) * 10)
    accuracy = 0.75 if generator.config.num_classes else None
    return Scores("mnist classifier", "hash", 60, figures, figures, 1.0, False, accuracy)


def test_the_command_adds_two_columns_and_saves_them(run, runs_root, capsys):
    untold = record_run(runs_root)
    assert main(["evaluate", run.name, untold.name, "--labels", "--save"]) == 0
    head, first, second, floor, *_, last = capsys.readouterr().out.splitlines()
    found = label_scores(load_generator(run.path), COUNT)
    assert isinstance(found, LabelScores)
    assert head.endswith("1-NN ERROR     CAS")
    assert first.split()[-2:] == [f"{found.nearest_neighbor_error:.4f}", f"{found.classification_accuracy:.4f}"]
    assert second.split()[-3:] == ["-"] * 3
    assert floor.split()[-2:] == [
        f"{found.real_nearest_neighbor_error:.4f}",
        f"{found.real_classification_accuracy:.4f}",
    ]
    assert last == "1-NN ERROR and CAS: of classifiers that learned from 1,500 images each only"
    (row,), (other,) = run.evals(), untold.evals()
    assert row["num_labelled"] == COUNT
    assert row["nearest_neighbor_error"] == pytest.approx(found.nearest_neighbor_error, abs=1e-5)
    assert row["classification_accuracy"] == pytest.approx(found.classification_accuracy, abs=1e-5)
    assert "num_labelled" not in other


def test_without_the_flag_the_table_says_how_to_get_them(run, runs_root, capsys):
    assert main(["evaluate", run.name]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == f"--labels adds what classifiers learn from the images of {run.name}, in minutes"
    assert main(["evaluate", record_run(runs_root).name]) == 0
    assert "--labels" not in capsys.readouterr().out
    assert main(["evaluate", run.name, "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert "num_labelled" not in row


def test_models_that_are_told_nothing_are_refused_before_anything_is_drawn(run, runs_root, capsys):
    untold = record_run(runs_root)
    assert main(["evaluate", untold.name, "--labels"]) == 2
    assert f"{untold.name} is told no digit to draw, so --labels has nothing to test" in capsys.readouterr().err
