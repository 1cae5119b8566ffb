"""The nearest training image: known answers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from images import save_image
from recorded import TINY, write_idx

from dcgan.config import DataConfig
from dcgan.evaluation import nearest_training
from dcgan.evaluation.nearest_training import held_out_images, nearest_by_features, nearest_by_pixels, training_images
from dcgan.pixels import from_uint8


@pytest.mark.parametrize("block", [1, 3, 1000])
def test_neighbors_are_those_of_all_distances(monkeypatch, block):
    monkeypatch.setattr(nearest_training, "_BLOCK", block)
    draws = torch.Generator().manual_seed(0)
    vectors, train = torch.randn(5, 4, generator=draws), torch.randn(9, 4, generator=draws)
    found = nearest_by_features(vectors, train)
    distances, own = torch.cdist(vectors, train), torch.cdist(train, train) + torch.eye(9) * 1e9
    assert found.indices.tolist() == distances.argmin(1).tolist()
    torch.testing.assert_close(found.distances, distances.min(1).values)
    torch.testing.assert_close(found.spacing, own.min(1).values[found.indices])
    assert found.is_nearer.tolist() == (found.distances < found.spacing).tolist()


def test_a_copy_is_nearer_than_training_images_are_to_each_other():
    train_u8 = torch.from_numpy(np.random.RandomState(0).randint(0, 256, (6, 1, 28, 28)).astype(np.uint8))
    images = from_uint8(train_u8[[4, 1]])
    images[1] = images[1].roll(3, 1).sign()  # black and white, far from all grays
    found = nearest_by_pixels(images, train_u8)
    assert found.indices[0] == 4
    assert found.distances[0] == 0
    assert found.is_nearer.tolist() == [True, False]


def test_equal_training_images_have_no_space_between_them():
    train_u8 = torch.zeros(3, 1, 28, 28, dtype=torch.uint8)
    found = nearest_by_pixels(from_uint8(train_u8[:1]), train_u8)
    assert (found.distances.item(), found.spacing.item(), found.is_nearer.item()) == (0, 0, False)


def test_one_training_image_is_an_error():
    with pytest.raises(ValueError, match="1 training images"):
        nearest_by_pixels(torch.zeros(1, 1, 28, 28), torch.zeros(1, 1, 28, 28, dtype=torch.uint8))


def test_images_of_a_named_set_are_those_of_the_training(tmp_path):
    digits = np.random.RandomState(0).randint(0, 256, (7, 28, 28)).astype(np.uint8)
    write_idx(tmp_path, "train", digits, np.arange(7))
    config = replace(TINY, data=DataConfig(root=str(tmp_path), limit=5))
    assert np.array_equal(training_images(config)[:, 0].numpy(), digits[:5])
    assert len(held_out_images(config, 3)) == 0  # they are missing
    write_idx(tmp_path, "t10k", digits, np.arange(7))
    assert np.array_equal(held_out_images(config, 3)[:, 0].numpy(), digits[[0, 3, 6]])


def test_images_of_a_folder_are_bounded(tmp_path, monkeypatch):
    for number in range(6):
        save_image(tmp_path / f"{number}.png", np.full((28, 28), 40 * number, np.uint8))
    config = replace(TINY, data=DataConfig(name=f"folder:{tmp_path}", min_holdout=0, holdout=0.0))
    assert len(training_images(config)) == 6
    monkeypatch.setattr(nearest_training, "MAX_OWN_PICTURES", 4)
    assert len(training_images(config)) == 4
    monkeypatch.setattr(nearest_training, "MAX_TRAINING_BYTES", 3 * 28 * 28)
    assert len(training_images(config)) == 3


@pytest.mark.parametrize("name", ["folder:/nowhere", "hub:someone/pictures"])
def test_missing_data_is_an_error_of_one_sentence(name):
    with pytest.raises((OSError, ValueError), match=r"\w+ \w+"):
        training_images(replace(TINY, data=DataConfig(name=name)))
