"""Test the scores of generators with known faults, and of real images; and the command `evaluate`."""

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
from dcgan.config import DataConfig
from dcgan.data.loading import ImageSet
from dcgan.data.named_sets import read_named_set
from dcgan.evaluation import scores as module
from dcgan.evaluation.classifier import Classifier, load_classifier
from dcgan.evaluation.score_row import Scores
from dcgan.evaluation.scores import evaluate, real_statistics, score
from dcgan.files import cache_folder
from dcgan.pixels import from_uint8
from dcgan.runs.run import Run
from dcgan.runs.scores import SCORES

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
    """Return a cache for this module only."""
    monkeypatch.setenv("DCGAN_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
    return cache_folder() / "evaluation"


@pytest.fixture
def statistics(mnist, classifier, cache) -> module.RealStatistics:
    return real_statistics(mnist["train"], mnist["test"], classifier, COUNT)


# Planted faults


@pytest.mark.slow
def test_unseen_real_images_score_like_training_images(mnist, statistics, classifier):
    unseen = mnist["unseen"]
    scores = score(from_uint8(unseen.images_u8[:COUNT]), unseen.labels[:COUNT], statistics, classifier)
    assert scores["cfd"] < 2 * scores.real["cfd"] + 0.1
    assert abs(scores["kernel_distance"]) < 0.01
    assert scores["inception_score"] > 9
    for key in ("precision", "recall", "coverage"):
        assert scores[key] == pytest.approx(scores.real[key], abs=0.05)
        assert scores[key] > 0.8
    assert scores["density"] == pytest.approx(1, abs=0.15)
    assert scores["class_distance"] < 0.08
    assert scores["label_accuracy"] > 0.98
    assert scores["memorization_ratio"] == pytest.approx(1, abs=0.1)
    assert not scores.memorizes


@pytest.mark.parametrize("digit", [1, 8])
def test_a_generator_of_one_digit_has_low_coverage_and_does_not_memorize(mnist, statistics, classifier, digit):
    unseen = mnist["unseen"]
    ones = from_uint8(unseen.images_u8[unseen.labels == digit])
    scores = score(ones, None, statistics, classifier)
    assert scores["coverage"] < 0.15
    assert scores["recall"] < 0.3
    assert scores["precision"] > 0.8  # what it draws is real
    assert scores["class_distance"] == pytest.approx(0.9, abs=0.03)
    assert scores.class_histogram[digit] > 0.95
    assert scores["inception_score"] < 1.3
    assert scores["cfd"] > 20 * scores.real["cfd"]
    assert not scores.memorizes
    assert "label_accuracy" not in scores.values


@pytest.mark.slow
def test_a_generator_of_one_image_covers_nothing(mnist, statistics, classifier):
    scores = score(from_uint8(mnist["unseen"].images_u8[:1]).expand(COUNT, -1, -1, -1), None, statistics, classifier)
    assert scores["coverage"] < 0.02
    assert scores["recall"] == 0
    assert scores["inception_score"] == pytest.approx(1)


@pytest.mark.slow
@pytest.mark.parametrize("noise", [0, 0.02])
def test_a_generator_that_copies_is_detected_although_its_scores_are_best(mnist, statistics, classifier, noise):
    copies = from_uint8(mnist["train"].images_u8[:COUNT])
    copies = copies + noise * torch.randn(copies.shape, generator=torch.Generator().manual_seed(0))
    scores = score(copies, None, statistics, classifier)
    assert scores["coverage"] > 0.8
    assert scores.memorizes
    assert scores["memorization_ratio"] < 0.2


@pytest.mark.slow
def test_a_generator_that_ignores_its_label_has_the_label_accuracy_of_chance(mnist, statistics, classifier):
    images = from_uint8(mnist["unseen"].images_u8[:COUNT])
    scores = score(images, torch.arange(COUNT) % 10, statistics, classifier)
    assert scores["label_accuracy"] == pytest.approx(0.1, abs=0.04)


@pytest.mark.slow
def test_noise_has_low_precision_and_coverage(statistics, classifier):
    noise = torch.rand(COUNT, 1, 28, 28, generator=torch.Generator().manual_seed(0)) * 2 - 1
    scores = score(noise, None, statistics, classifier)
    assert scores["precision"] < 0.05
    assert scores["coverage"] < 0.02
    assert scores["cfd"] > 50 * scores.real["cfd"]


def test_pixels_that_are_nan_are_refused(statistics, classifier):
    with pytest.raises(ValueError, match="pixels that are not numbers"):
        score(torch.full((10, 1, 28, 28), torch.nan), None, statistics, classifier)


# The cache of real images


def test_real_images_are_measured_once(mnist, classifier, cache, statistics, monkeypatch):
    before = set(cache.iterdir())
    assert before
    monkeypatch.setattr(module, "_measure", None)
    again = real_statistics(mnist["train"], mnist["test"], classifier, COUNT)
    assert again.real == statistics.real
    assert torch.equal(again.features, statistics.features)
    assert torch.equal(again.radii, statistics.radii)
    assert set(cache.iterdir()) == before


def test_other_images_labels_counts_or_scores_are_measured_again(mnist, classifier, monkeypatch):
    train, test = mnist["train"], mnist["test"]
    touched = train.images_u8.clone()
    touched[5, 0, 3, 3] += 1
    names = {
        module._cache_name(train, test, classifier, COUNT),
        module._cache_name(train, test, classifier, COUNT - 1),
        module._cache_name(train._replace(images_u8=touched), test, classifier, COUNT),
        module._cache_name(train._replace(labels=train.labels.flip(0)), test, classifier, COUNT),
        module._cache_name(test, train, classifier, COUNT),
    }
    monkeypatch.setitem(SCORES, "toy", replace(SCORES["cfd"], label="toy"))
    names.add(module._cache_name(train, test, classifier, COUNT))
    assert len(names) == 6


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["cut short", "a bit", "of another kind"])
def test_a_damaged_cache_is_measured_again(mnist, classifier, cache, statistics, damage):
    path = cache / f"{module._cache_name(mnist['train'], mnist['test'], classifier, COUNT)}-v1.safetensors"
    whole = path.read_bytes()
    if damage == "a bit":
        path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    else:
        path.write_bytes(whole[:1000] if damage == "cut short" else b"{}")
    assert real_statistics(mnist["train"], mnist["test"], classifier, COUNT).real == statistics.real
    assert path.read_bytes() == whole


@pytest.mark.slow
def test_a_cache_that_cannot_be_written_is_a_warning(mnist, classifier, statistics, tmp_path, monkeypatch, caplog):
    (tmp_path / "file").touch()
    monkeypatch.setenv("DCGAN_CACHE", str(tmp_path / "file"))
    assert real_statistics(mnist["train"], mnist["test"], classifier, COUNT).real == statistics.real
    assert "measured again next time" in caplog.text


@pytest.mark.parametrize("count", [0, 5, 3001])
def test_impossible_counts_are_named(mnist, classifier, count):
    with pytest.raises(ValueError, match=rf"num_images={count} is not in 6..3000"):
        real_statistics(mnist["train"], mnist["test"], classifier, count)


# Of a run


@pytest.fixture(scope="module")
def small(mnist, tmp_path_factory) -> DataConfig:
    """Write both parts of a small MNIST to a folder."""
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
    assert "label_accuracy" not in scores.values


def test_a_conditional_run_draws_every_digit(small, runs_root):
    generator = load_generator(tiny(small, runs_root, num_classes=10).path)
    scores = evaluate(generator, num_images=50)
    assert 0 <= scores["label_accuracy"] < 0.4  # it was never trained
    # Beside it are five real images of each digit, up to the classifier's errors; beside others are any fifty.
    shares = torch.tensor(scores.real_class_histogram)
    assert (shares - 0.1).abs().max() <= 0.021
    others = torch.tensor(evaluate(load_generator(tiny(small, runs_root).path), num_images=50).real_class_histogram)
    assert (others - 0.1).abs().max() > 0.039


def test_a_limited_training_is_compared_with_the_images_that_it_saw(small, runs_root, monkeypatch):
    seen = []
    monkeypatch.setattr(module, "real_statistics", lambda train, *rest: seen.append(len(train.images_u8)) or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        evaluate(load_generator(tiny(replace(small, limit=60), runs_root).path))
    assert seen == [60]


def test_clothes_are_scored_by_their_own_classifier(small, runs_root):
    """The files have MNIST's names, so a small MNIST is read instead."""
    scores = evaluate(load_generator(tiny(replace(small, name="fashion-mnist"), runs_root).path), num_images=50)
    assert scores.classifier == "fashion-mnist classifier"
    assert scores.classifier_hash == load_classifier("fashion-mnist").hash


def test_a_row_is_flat_and_rounded_and_leaves_out_what_was_not_measured(mnist, statistics, classifier):
    scores = score(from_uint8(mnist["unseen"].images_u8[:60]), None, statistics, classifier)
    assert isinstance(scores, Scores)
    row = scores.to_json()
    assert json.loads(json.dumps(row, allow_nan=False)) == row
    assert "label_accuracy" not in row
    assert row["cfd"] == float(f"{scores['cfd']:.6g}")
    assert row["real_cfd"] == float(f"{scores.real['cfd']:.6g}")
    assert len(row["class_histogram"]) == 10
    assert (row["classifier"], row["classifier_hash"]) == ("mnist classifier", classifier.hash)


@pytest.fixture
def run(small, runs_root, monkeypatch, tmp_path) -> Run:
    monkeypatch.setattr("dcgan.files.CHECKPOINTS", tmp_path / "published")
    return tiny(small, runs_root)


def test_the_command_prints_a_row_for_each_checkpoint_and_one_of_real_images(run, classifier, capsys):
    assert main(["evaluate", run.name, str(run.generator_path), "--num-images", "60"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:3] == ["NAME", "CFD", "KERNEL"]
    first, second, real = (line.split() for line in lines[1:4])
    assert (first[0], second[0]) == (run.name, str(run.generator_path))
    assert first[1:] == second[1:]  # the same weights
    assert (real[0], real[1]) == ("real", "images")
    assert float(real[2]) < float(first[1])
    assert lines[-1] == f"60 images each, seeds 0 to 59, by the mnist classifier {classifier.hash}"


@pytest.mark.slow
def test_runs_of_different_data_have_a_row_of_real_images_each(run, small, runs_root, capsys):
    other = tiny(replace(small, limit=300), runs_root)
    assert main(["evaluate", run.name, other.name, run.name, "--num-images", "60"]) == 0
    names = [line.split("  ")[0] for line in capsys.readouterr().out.splitlines()[1:-2]]
    expected = [run.name, other.name, run.name, f"real images of {run.name}", f"real images of {other.name}"]
    assert names == expected[:2] + expected[3:]  # a checkpoint named twice is scored once


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


@pytest.mark.slow
def test_with_a_psi_below_1_other_images_are_scored_and_nothing_is_appended(run, classifier, capsys):
    assert main(["evaluate", run.name, "--num-images", "60", "--psi", "0.25"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert "seeds 0 to 59 at psi 0.25" in printed[-1]
    assert printed[-1].endswith(classifier.hash)
    assert main(["evaluate", run.name, "--num-images", "60", "--psi", "0.25", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    generator = load_generator(run.path)
    at_psi = evaluate(generator.truncated(0.25), num_images=60).to_json()
    assert row == {"name": run.name, "psi": 0.25} | at_psi
    assert at_psi["cfd"] != evaluate(generator, num_images=60).to_json()["cfd"]
    assert run.evals() == []
    assert main(["evaluate", run.name, "--psi", "1.5"]) == 2
    assert "psi=1.5" in capsys.readouterr().err


def test_a_run_that_cannot_be_written_has_its_scores_printed(run, capsys, monkeypatch):
    (run.path / "evals.jsonl").mkdir()
    assert main(["evaluate", run.name, "--num-images", "60"]) == 2
    printed = capsys.readouterr()
    assert printed.out.splitlines()[1].startswith(run.name)
    assert "evals.jsonl: Is a directory; " in printed.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "name at least one checkpoint"),
        (["nobody"], "'nobody'"),
        (["nobody", "--save", "--no-save"], "--save and --no-save contradict each other"),
        (["nobody", "--save", "--psi", "0.5"], "--save keeps the scores of psi 1, and psi=0.5 has other scores"),
        (["a.safetensors", "--save"], "a.safetensors is not a run, so its scores cannot be saved"),
        (["a.safetensors"], "a.safetensors does not exist"),
    ],
)
def test_the_command_names_wrong_options(arguments, message, run, capsys):
    assert main(["evaluate", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_images_of_a_shape_without_a_classifier_are_scored_by_their_patches(digits, runs_root, capsys):
    config = replace(TINY, data=digits, model=replace(TINY.model, image_size=32))
    run = record_run(runs_root, config)
    assert main(["evaluate", str(run.path)]) == 0
    assert "SWD" in capsys.readouterr().out
    (row,) = run.evals()
    assert row["swd"] > row["real_swd"] > 0
    assert row["num_images"] == 168
    assert "cfd" not in row
    assert main(["results", str(run.path)]) == 0
    assert "patches of 168 training pictures" in capsys.readouterr().out


def test_a_folder_that_is_gone_is_named(runs_root, capsys):
    run = record_run(runs_root, replace(TINY, data=DataConfig(name="folder:photos")))
    assert main(["evaluate", str(run.path)]) == 2
    assert "folder photos does not exist" in capsys.readouterr().err
