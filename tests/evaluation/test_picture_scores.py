"""Scores of any pictures: planted copies, blank images, and evaluations of models of own pictures."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from discs import config_for, pictures, save
from recorded import record_run

import dcgan
from dcgan.data.loading import make_batches
from dcgan.evaluation import picture_scores as module
from dcgan.evaluation.picture_scores import (
    PictureSource,
    RealPictures,
    chunk_size,
    evaluate_pictures,
    real_pictures,
    scores_of,
    small_pictures,
)
from dcgan.pixels import to_uint8
from dcgan.runs.scores import draws_copies


def real(count: int = 80, *, num_images: int = 512, held_out: torch.Tensor | None = None) -> RealPictures:
    return real_pictures(pictures(count).split(16), count, held_out, num_images=num_images)


# Against real pictures


def test_few_pictures_are_compared_half_with_half():
    statistics = real(81)
    assert statistics.num_images == 40
    assert statistics.name == "patches of 40 training pictures"
    assert statistics.training.shape == (81, 3 * 32 * 32)
    assert len(statistics.levels) == 2
    assert set(statistics.real) == {"swd", "copy_share"}
    assert real(81).hash == statistics.hash != real(82).hash
    assert real(81, num_images=10).num_images == 10


def test_many_held_out_pictures_are_compared_with(monkeypatch):
    monkeypatch.setattr(module, "LEAST_HELD_OUT", 30)
    held_out = to_uint8(pictures(30, seed=1))
    statistics = real(80, held_out=held_out)
    assert (statistics.num_images, statistics.name) == (30, "patches of 30 held-out pictures")
    assert len(statistics.unseen_distances) == 30
    assert real(80, held_out=held_out[:29]).name == "patches of 40 training pictures"


def test_the_first_half_scores_zero_and_the_second_half_is_the_real_score():
    images = pictures(80)
    statistics = real(80)
    assert scores_of(statistics.sample([images[:40]]))["swd"] == 0
    assert scores_of(statistics.sample(images[40:].split(7)))["swd"] == pytest.approx(statistics.real["swd"])


def test_noise_is_farther_than_other_pictures():
    statistics = real(80)
    other = scores_of(statistics.sample([pictures(40, seed=1)]))
    noise = scores_of(statistics.sample([torch.rand(40, 3, 32, 32, generator=torch.Generator().manual_seed(0))]))
    assert 3 * other["swd"] < noise["swd"]


def test_a_copying_generator_is_announced_and_others_are_not():
    statistics, images = real(80), pictures(80)
    draws = torch.Generator().manual_seed(0)
    noisy = (images + 0.05 * torch.randn(images.shape, generator=draws)).clamp(-1, 1)
    announced = {}
    for name, generated in {
        "copies": images,
        "noisy copies": noisy,
        "one copy": images[:1].expand(80, -1, -1, -1),
        "unseen": pictures(80, seed=1),
        "blank": torch.ones(80, 3, 32, 32),
        "gray": torch.zeros(80, 3, 32, 32),
        "means": (images + images.roll(1, 0)) / 2,
    }.items():
        scores = scores_of(statistics.sample([generated]))
        announced[name] = draws_copies(scores["copy_share"], statistics.real["copy_share"])
        if name in ("copies", "noisy copies"):
            assert scores["memorization_ratio"] < 0.5
    assert {name for name, copies in announced.items() if copies} == {"copies", "noisy copies", "one copy"}


def test_equal_training_pictures_count_once():
    twice = torch.cat([pictures(40), pictures(40)])
    statistics = real_pictures([twice], 80, None, num_images=10)
    assert len(statistics.training) == 40
    assert scores_of(statistics.sample([twice[:10]]))["copy_share"] > 0.9


def test_no_more_training_pictures_are_read_than_the_bound(monkeypatch):
    monkeypatch.setattr(module, "MAX_TRAINING_PICTURES", 50)

    def endless():
        for i in range(7):
            assert i < 6, "the stream is read past the bound"
            yield pictures(10, seed=i)

    statistics = real_pictures(endless(), 1_000_000, None, num_images=512)
    assert (statistics.num_images, len(statistics.training)) == (25, 50)


def test_small_pictures_are_means_of_pixels():
    assert small_pictures(torch.ones(2, 3, 64, 64)).tolist() == [[255] * 3 * 32 * 32] * 2
    image = torch.zeros(1, 1, 64, 64)
    image[..., :2, :2] = torch.tensor([[1.0, -1.0], [1.0, 1.0]])
    assert small_pictures(image)[0, 0] == to_uint8(torch.tensor([0.5]))[0]
    assert small_pictures(torch.zeros(1, 1, 8, 8)).shape == (1, 64)
    assert chunk_size((3, 1024, 1024)) < 4 < 1_000 == chunk_size((1, 28, 28))


def test_one_picture_and_pixels_that_are_not_numbers_are_refused():
    with pytest.raises(ValueError, match="1 training picture has no other"):
        real_pictures([pictures(1)], 1, None, num_images=5)
    with pytest.raises(ValueError, match="not numbers"):
        real(8).sample([torch.full((4, 3, 32, 32), torch.nan)])


# Of a training


def test_training_and_held_out_pictures_are_those_of_the_training(tmp_path):
    folder = save(tmp_path / "own", pictures(40, size=16))
    config = config_for(folder, holdout=0.5)
    source = PictureSource.open(config, make_batches(config, torch.device("cpu")))
    assert source.held_out is not None
    held_out = {image.numpy().tobytes() for image in source.held_out.images_u8}
    trained = {image.numpy().tobytes() for image in to_uint8(source.first(20).images)}
    assert len(trained) == len(held_out) == 20
    assert not trained & held_out
    assert source.labels(5) is None
    whole = config_for(folder)
    assert PictureSource.open(whole, make_batches(whole, torch.device("cpu"))).held_out is None


def test_a_model_of_own_pictures_is_evaluated(tmp_path):
    folder = save(tmp_path / "own", pictures(60, size=16))
    run = record_run(tmp_path, config_for(folder, holdout=0.1))
    scores = dcgan.evaluate(run)
    assert set(scores.values) == {"swd", "copy_share", "memorization_ratio"}
    assert set(scores.real) == {"swd", "copy_share"}
    assert scores["swd"] > scores.real["swd"]
    assert scores.memorizes is False
    assert (scores.num_images, scores.classifier) == (27, "patches of 27 training pictures")
    row = json.loads(json.dumps(scores.to_json()))
    assert len(row["swd_levels"]) == len(row["real_swd_levels"]) == 1
    assert row["real_swd"] == pytest.approx(scores.real["swd"], rel=1e-5)
    assert evaluate_pictures(run.path, seed=0).values == scores.values
    assert dcgan.evaluate(run, num_images=20).num_images == 20
    with pytest.raises(ValueError, match="num_images=28 is more than the 27"):
        dcgan.evaluate(run, num_images=28)


def test_a_conditional_model_is_given_the_labels_of_training_pictures(tmp_path):
    images = pictures(40, size=16)
    for name, part in {"a": images[:30], "b": images[30:]}.items():
        save(tmp_path / "own" / name, part)
    config = config_for(tmp_path / "own")
    config = replace(config, model=replace(config.model, num_classes=2))
    source = PictureSource.open(config, make_batches(config, torch.device("cpu")))
    labels = source.labels(40)
    assert labels is not None
    assert labels.bincount().tolist() == [30, 10]
    assert evaluate_pictures(record_run(tmp_path, config).path).num_images == 20
