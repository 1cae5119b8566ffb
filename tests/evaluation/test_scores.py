"""Scores of generators whose faults are known, among them real images in a generator's place; and the command."""

from __future__ import annotations

import json
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from recorded import TINY, record_run

from dcgan.checkpoint import load_generator
from dcgan.cli.main import main
from dcgan.config import DataConfig, ModelConfig
from dcgan.data.loading import ImageSet
from dcgan.data.named_sets import read_named_set
from dcgan.evaluation import scores as room
from dcgan.evaluation.classifier import Classifier, load_classifier, to_float
from dcgan.evaluation.scores import Scores, evaluate, real_statistics, score
from dcgan.files import cache_folder
from dcgan.runs.run import Run

COUNT = 1000


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return load_classifier("mnist")


@pytest.fixture(scope="module")
def mnist() -> dict[str, ImageSet]:
    """3,000 training images, 1,000 test images, and 2,000 other test images.

    From all over the test part: its two halves are of different writers.
    """
    train, test = read_named_set("mnist", "", "train"), read_named_set("mnist", "", "test")
    parts = {
        "train": [values[:3000] for values in train],
        "unseen": [values[1::5] for values in test],
        "test": [values[::10] for values in test],
    }
    return {name: ImageSet(*map(torch.from_numpy, values), ()) for name, values in parts.items()}


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch) -> Path:
    """One for the whole file, that is not the user's."""
    monkeypatch.setenv("DCGAN_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
    return cache_folder() / "evaluation"


@pytest.fixture
def reference(mnist, classifier, cache) -> room.RealStatistics:
    return real_statistics(mnist["train"], mnist["test"], classifier, COUNT)


# Planted faults


def test_unseen_real_images_are_as_good_as_the_floor(mnist, reference, classifier):
    unseen = mnist["unseen"]
    scores = score(to_float(unseen.images_u8[:COUNT]), unseen.labels[:COUNT], reference, classifier)
    found, floor = scores.figures, scores.floor
    assert found.cfd < 2 * floor.cfd + 0.1
    assert abs(found.kernel_distance) < 0.01
    assert found.inception_score > 9
    for name in ("precision", "recall", "coverage"):
        assert getattr(found, name) == pytest.approx(getattr(floor, name), abs=0.05)
        assert getattr(found, name) > 0.8
    assert found.density == pytest.approx(1, abs=0.15)
    assert found.class_distance < 0.08
    assert scores.label_accuracy > 0.98
    assert scores.memorization_ratio == pytest.approx(1, abs=0.1)
    assert not scores.memorizes


@pytest.mark.parametrize("digit", [1, 8])
def test_a_generator_of_one_digit_covers_little_and_is_no_copier(mnist, reference, classifier, digit):
    unseen = mnist["unseen"]
    ones = to_float(unseen.images_u8[unseen.labels == digit])
    scores = score(ones, None, reference, classifier)
    assert scores.figures.coverage < 0.15
    assert scores.figures.recall < 0.3
    assert scores.figures.precision > 0.8  # what it draws is real
    assert scores.figures.class_distance == pytest.approx(0.9, abs=0.03)
    assert scores.figures.class_histogram[digit] > 0.95
    assert scores.figures.inception_score < 1.3
    assert scores.figures.cfd > 20 * scores.floor.cfd
    assert not scores.memorizes
    assert scores.label_accuracy is None


def test_a_generator_of_one_image_covers_nothing(mnist, reference, classifier):
    scores = score(to_float(mnist["unseen"].images_u8[:1]).expand(COUNT, -1, -1, -1), None, reference, classifier)
    assert scores.figures.coverage < 0.02
    assert scores.figures.recall == 0
    assert scores.figures.inception_score == pytest.approx(1)


@pytest.mark.parametrize("noise", [0, 0.02])
def test_a_generator_that_copies_is_told_though_its_figures_are_the_best(mnist, reference, classifier, noise):
    copies = to_float(mnist["train"].images_u8[:COUNT])
    copies = copies + noise * torch.randn(copies.shape, generator=torch.Generator().manual_seed(0))
    scores = score(copies, None, reference, classifier)
    assert scores.figures.coverage > 0.8
    assert scores.memorizes
    assert scores.memorization_ratio < 0.2


def test_a_generator_that_ignores_its_label_is_right_by_chance(mnist, reference, classifier):
    images = to_float(mnist["unseen"].images_u8[:COUNT])
    scores = score(images, torch.arange(COUNT) % 10, reference, classifier)
    assert scores.label_accuracy == pytest.approx(0.1, abs=0.04)


def test_noise_is_nothing_like_digits(reference, classifier):
    noise = torch.rand(COUNT, 1, 28, 28, generator=torch.Generator().manual_seed(0)) * 2 - 1
    scores = score(noise, None, reference, classifier)
    assert scores.figures.precision < 0.05
    assert scores.figures.coverage < 0.02
    assert scores.figures.cfd > 50 * scores.floor.cfd


def test_pixels_that_are_no_numbers_are_not_scored(reference, classifier):
    with pytest.raises(ValueError, match="pixels that are no numbers"):
        score(torch.full((10, 1, 28, 28), torch.nan), None, reference, classifier)


# What is kept of the real images


def test_real_images_are_measured_once(mnist, classifier, cache, reference, monkeypatch):
    before = set(cache.iterdir())
    assert before
    monkeypatch.setattr(room, "_measure", None)
    again = real_statistics(mnist["train"], mnist["test"], classifier, COUNT)
    assert again.floor == reference.floor
    assert torch.equal(again.features, reference.features)
    assert torch.equal(again.radii, reference.radii)
    assert set(cache.iterdir()) == before


def test_other_images_labels_or_counts_are_measured_anew(mnist, classifier):
    train, test = mnist["train"], mnist["test"]
    touched = train.images_u8.clone()
    touched[5, 0, 3, 3] += 1
    keys = {
        room._key(train, test, classifier, COUNT),
        room._key(train, test, classifier, COUNT - 1),
        room._key(train._replace(images_u8=touched), test, classifier, COUNT),
        room._key(train._replace(labels=train.labels.flip(0)), test, classifier, COUNT),
        room._key(test, train, classifier, COUNT),
    }
    assert len(keys) == 5


@pytest.mark.parametrize("damage", ["cut short", "a bit", "of another kind"])
def test_what_is_damaged_is_measured_anew(mnist, classifier, cache, reference, damage):
    path = cache / f"{room._key(mnist['train'], mnist['test'], classifier, COUNT)}.safetensors"
    whole = path.read_bytes()
    if damage == "a bit":
        path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    else:
        path.write_bytes(whole[:1000] if damage == "cut short" else b"{}")
    assert real_statistics(mnist["train"], mnist["test"], classifier, COUNT).floor == reference.floor
    assert path.read_bytes() == whole


def test_a_cache_that_cannot_be_written_costs_time_only(mnist, classifier, reference, tmp_path, monkeypatch, caplog):
    (tmp_path / "file").touch()
    monkeypatch.setenv("DCGAN_CACHE", str(tmp_path / "file"))
    assert real_statistics(mnist["train"], mnist["test"], classifier, COUNT).floor == reference.floor
    assert "measured again next time" in caplog.text


@pytest.mark.parametrize("count", [0, 5, 3001])
def test_counts_that_cannot_be_are_named(mnist, classifier, count):
    with pytest.raises(ValueError, match=rf"num_images={count} is not in 6..3000"):
        real_statistics(mnist["train"], mnist["test"], classifier, count)


# Of a run


@pytest.fixture(scope="module")
def small(mnist, tmp_path_factory) -> DataConfig:
    """Both parts of a small MNIST in a folder."""
    root = tmp_path_factory.mktemp("small")
    for prefix, part, count in (("train", mnist["train"], 400), ("t10k", mnist["test"], 200)):
        for kind, values in (("images-idx3-ubyte", part.images_u8[:, 0]), ("labels-idx1-ubyte", part.labels)):
            values = values[:count].numpy().astype(np.uint8)
            header = struct.pack(f">HBB{values.ndim}I", 0, 8, values.ndim, *values.shape)
            (root / f"{prefix}-{kind}").write_bytes(header + values.tobytes())
    return DataConfig(root=str(root))


def tiny(data: DataConfig, root: Path, **model) -> Run:
    return record_run(root, replace(TINY, data=data, model=replace(TINY.model, **model)))


def test_a_run_gets_the_same_scores_twice(small, runs_root):
    generator = load_generator(tiny(small, runs_root).path)
    scores = evaluate(generator, num_images=50, seed=7)
    assert evaluate(generator, num_images=50, seed=7) == scores
    assert evaluate(generator, num_images=50, seed=8) != scores
    assert (scores.weights_id, scores.step, scores.seed, scores.num_images) == (generator.weights_id, 4, 7, 50)
    assert scores.label_accuracy is None


def test_a_conditional_run_is_asked_for_every_digit(small, runs_root):
    generator = load_generator(tiny(small, runs_root, num_classes=10).path)
    scores = evaluate(generator, num_images=50)
    assert 0 <= scores.label_accuracy < 0.4  # it was never trained
    # Its floor is of five of each digit, but for what the classifier reads otherwise; others' is of any fifty.
    shares = torch.tensor(scores.floor.class_histogram)
    assert (shares - 0.1).abs().max() <= 0.021
    others = torch.tensor(evaluate(load_generator(tiny(small, runs_root).path), num_images=50).floor.class_histogram)
    assert (others - 0.1).abs().max() > 0.039


def test_the_limit_of_a_training_limits_what_it_may_have_memorised(small, runs_root, monkeypatch):
    seen = []
    monkeypatch.setattr(room, "real_statistics", lambda train, *rest: seen.append(len(train.images_u8)) or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        evaluate(load_generator(tiny(replace(small, limit=60), runs_root).path))
    assert seen == [60]


def test_clothes_are_judged_by_their_own_classifier(small, runs_root):
    """The archives' names are MNIST's, so a small MNIST does in their place."""
    scores = evaluate(load_generator(tiny(replace(small, name="fashion-mnist"), runs_root).path), num_images=50)
    assert scores.classifier == "fashion-mnist classifier"
    assert scores.classifier_hash == load_classifier("fashion-mnist").hash


def test_a_row_is_flat_rounded_and_without_what_is_not_known(mnist, reference, classifier):
    scores = score(to_float(mnist["unseen"].images_u8[:60]), None, reference, classifier)
    assert isinstance(scores, Scores)
    row = scores.to_json()
    assert json.loads(json.dumps(row, allow_nan=False)) == row
    assert "label_accuracy" not in row
    assert row["cfd"] == float(f"{scores.figures.cfd:.6g}")
    assert row["real_cfd"] == float(f"{scores.floor.cfd:.6g}")
    assert len(row["class_histogram"]) == 10
    assert (row["classifier"], row["classifier_hash"]) == ("mnist classifier", classifier.hash)


@pytest.fixture
def run(small, runs_root, monkeypatch, tmp_path) -> Run:
    monkeypatch.setattr("dcgan.files.CHECKPOINTS", tmp_path / "published")
    return tiny(small, runs_root)


def test_the_command_prints_a_row_each_and_one_of_real_images(run, classifier, capsys):
    assert main(["evaluate", run.name, str(run.generator_path), "--num-images", "60"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:3] == ["NAME", "CFD", "KERNEL"]
    first, second, floor = (line.split() for line in lines[1:4])
    assert (first[0], second[0]) == (run.name, str(run.generator_path))
    assert first[1:] == second[1:]  # the same weights
    assert (floor[0], floor[1]) == ("real", "images")
    assert float(floor[2]) < float(first[1])
    assert lines[-1] == f"60 images each, seeds 0 to 59, by the mnist classifier {classifier.hash}"


def test_runs_of_different_data_have_a_row_of_real_images_each(run, small, runs_root, capsys):
    other = tiny(replace(small, limit=300), runs_root)
    assert main(["evaluate", run.name, other.name, run.name, "--num-images", "60"]) == 0
    names = [line.split("  ")[0] for line in capsys.readouterr().out.splitlines()[1:-2]]
    wanted = [run.name, other.name, run.name, f"real images of {run.name}", f"real images of {other.name}"]
    assert names == wanted[:2] + wanted[3:]  # a checkpoint named twice is scored once


def test_scores_are_appended_to_the_run(run, capsys):
    arguments = ["evaluate", str(run.path), "--num-images", "60", "--seed", "3", "--json"]
    assert main([*arguments, "--no-save"]) == 0
    assert run.evals() == []
    capsys.readouterr()
    assert main(arguments) == 0
    (printed,) = json.loads(capsys.readouterr().out)
    assert printed == {"name": run.name} | run.evals()[0]
    assert (printed["seed"], printed["step"]) == (3, 4)
    assert main(arguments) == 0
    assert len(run.evals()) == 2


def test_published_scores_change_on_request_only(run, monkeypatch):
    monkeypatch.setattr("dcgan.files.CHECKPOINTS", run.path.parent)
    assert main(["evaluate", run.name, "--num-images", "60"]) == 0
    assert run.evals() == []
    assert main(["evaluate", run.name, "--num-images", "60", "--save"]) == 0
    assert len(run.evals()) == 1


def test_at_a_psi_other_images_are_scored_and_nothing_is_appended(run, classifier, capsys):
    assert main(["evaluate", run.name, "--num-images", "60", "--psi", "0.25"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[-1] == f"60 images each, seeds 0 to 59 at psi 0.25, by the mnist classifier {classifier.hash}"
    assert main(["evaluate", run.name, "--num-images", "60", "--psi", "0.25", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    generator = load_generator(run.path)
    at_psi = evaluate(generator.truncated(0.25), num_images=60).to_json()
    assert row == {"name": run.name, "psi": 0.25} | at_psi
    assert at_psi["cfd"] != evaluate(generator, num_images=60).to_json()["cfd"]
    assert run.evals() == []
    assert main(["evaluate", run.name, "--psi", "1.5"]) == 2
    assert "psi=1.5 is not in [0, 1]; try 0.7" in capsys.readouterr().err


def test_a_run_that_cannot_be_written_has_its_scores_printed(run, capsys, monkeypatch):
    (run.path / "evals.jsonl").mkdir()
    assert main(["evaluate", run.name, "--num-images", "60"]) == 2
    printed = capsys.readouterr()
    assert printed.out.splitlines()[1].startswith(run.name)
    assert "evals.jsonl: Is a directory; make the run writable, or pass --no-save" in printed.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "name at least one checkpoint"),
        (["nobody"], "'nobody' is no run"),
        (["nobody", "--save", "--no-save"], "--save and --no-save contradict each other"),
        (["nobody", "--save", "--psi", "0.5"], "--save keeps the scores of psi 1, and psi=0.5 gets others"),
        (["a.safetensors", "--save"], "a.safetensors is no run whose scores could be saved"),
        (["a.safetensors"], "a.safetensors does not exist"),
    ],
)
def test_what_the_command_cannot_do_it_says(arguments, message, run, capsys):
    assert main(["evaluate", *arguments]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("data", "model", "message"),
    [
        (DataConfig(name="cifar10"), {}, "there is no classifier to judge cifar10 by"),
        (DataConfig(name="folder:photos"), {}, "there is no classifier to judge folder:photos by"),
        (DataConfig(), {"image_size": 32}, "(0, 1, 32, 32) cannot be judged"),
    ],
)
def test_data_and_shapes_that_cannot_be_judged_are_named(data, model, message, runs_root, capsys):
    tiny_model = ModelConfig(**{**vars(TINY.model), **model})
    run = record_run(runs_root, replace(TINY, data=data, model=tiny_model))
    assert main(["evaluate", str(run.path)]) == 2
    assert message in capsys.readouterr().err
