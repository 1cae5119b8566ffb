"""Trainings, scores and estimates on a device without float64, as Apple's GPUs are."""

from __future__ import annotations

import pytest
import torch
from metal import Metal
from small_trainings import CPU, small, trained

import dcgan
from dcgan.data.loading import load_images
from dcgan.evaluation.label_scores import learn_from
from dcgan.training import time_estimate


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("DCGAN_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize(
    "convert",
    [
        lambda tensor: tensor.double(),
        lambda tensor: tensor.to(torch.float64),
        lambda tensor: tensor.sum(dtype=torch.float64),
        lambda tensor: tensor.numpy(),
    ],
    ids=["double", "to", "sum", "numpy"],
)
def test_the_stand_in_refuses_what_metal_refuses(convert):
    with Metal():
        on_device = (torch.ones(2).to(CPU) + 1)[:1]
        with pytest.raises(TypeError, match=r"float64|numpy"):
            convert(on_device)
        convert(on_device.cpu())
        convert(torch.ones(2))


def test_the_stand_in_refuses_float64_of_the_host_and_of_weights():
    with Metal():
        with pytest.raises(TypeError, match="float64"):
            torch.ones(2, dtype=torch.float64).to(CPU)
        with pytest.raises(TypeError, match="float64"):
            torch.nn.Linear(1, 1)(torch.ones(1)).double()


@pytest.mark.parametrize(
    ("preset", "changes"),
    [
        ("gan", {}),
        ("dcgan", {"ema_half_life_images": 64, "patch_whitening": True}),
        ("cdcgan-best", {}),
        ("dcgan-step", {}),
    ],
)
def test_a_training_is_recorded_and_scored(tmp_path, scored_digits, preset, changes):
    with Metal():
        run = trained(tmp_path, small(scored_digits, preset, epochs=1, score_images=64, **changes))
    assert len(run.progress()[0]) > 1
    assert [row.step for row in run.scores()] == [6]


def test_pictures_without_a_classifier_are_scored(tmp_path, digits):
    with Metal():
        run = trained(tmp_path, small(digits, epochs=1, score_images=64))
    (row,) = run.scores()
    assert row.step == 6
    assert row.swd is not None


def test_a_recorded_generator_is_evaluated_alike(tmp_path, scored_digits):
    run = trained(tmp_path, small(scored_digits, epochs=1, score_images=0))
    expected = dcgan.evaluate(run, num_images=64)
    with Metal():
        assert dcgan.evaluate(run, num_images=64) == expected


def test_classifiers_learn_from_generated_images(tmp_path, scored_digits):
    config = small(scored_digits)
    train, test = (load_images(scored_digits, config.model, 0, split) for split in ("train", "test"))
    with Metal():
        values = learn_from(train.images_u8, train.labels, test, CPU)
    assert set(values) == {"nearest_neighbor_error", "classification_accuracy"}


def test_the_time_of_a_training_is_estimated(monkeypatch, digits):
    monkeypatch.setattr(time_estimate, "MEASURE_SECONDS", 0)
    with Metal():
        assert time_estimate.time_steps(small(digits, "dcgan"), "cpu")["steps"] == 1
