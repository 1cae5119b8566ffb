"""How near a generator comes to test images: known answers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from recorded import TINY, record_run, write_idx

from dcgan.checkpoint import load_generator
from dcgan.cli.score_report import report
from dcgan.config import DataConfig
from dcgan.evaluation.projection_scores import add_projection_scores, training_errors
from dcgan.evaluation.score_row import Scores

SCORES = Scores("mnist classifier", "0123456789ab", 10, {"cfd": 1.0}, {"cfd": 0.5}, weights_id="0", step=4)


@pytest.fixture
def data(tmp_path) -> DataConfig:
    """Return three black, gray and white training images, and eleven test images from black to white."""
    write_idx(
        tmp_path, "train", np.full((3, 28, 28), 1, np.uint8) * np.array([0, 102, 255])[:, None, None], np.arange(3)
    )
    levels = np.arange(11, dtype=np.uint8) * 25
    write_idx(tmp_path, "t10k", np.ones((11, 28, 28), np.uint8) * levels[:, None, None], np.arange(11) % 10)
    return DataConfig(root=str(tmp_path))


def test_the_error_is_that_of_the_nearest_training_image():
    train = torch.tensor([-1.0, 0.0]).reshape(2, 1, 1, 1).expand(2, 1, 4, 4)
    images = torch.tensor([-0.5, 1.0, -1.0]).reshape(3, 1, 1, 1).expand(3, 1, 4, 4)
    assert training_errors(images, train).tolist() == pytest.approx([0.25**2, 0.5**2, 0], abs=1e-6)


def test_the_mean_error_stands_beside_that_of_training_images(data, runs_root):
    generator = load_generator(record_run(runs_root, replace(TINY, data=data)).path)
    levels, progress = [], []

    def search(of, image) -> float:
        assert of is generator
        levels.append(round(float((image.mean() + 1) * 127.5)))
        return len(levels) / 100

    scores = add_projection_scores(
        SCORES, generator, search, num_images=3, on_image=lambda done, total: progress.append((done, total))
    )
    assert levels == [0, 125, 250]
    assert progress == [(1, 3), (2, 3), (3, 3)]
    assert scores["projection_error"] == pytest.approx(0.02)
    assert scores.real["projection_error"] == pytest.approx(((23 / 255) ** 2 + (5 / 255) ** 2) / 3, rel=1e-4)
    row = scores.to_json()
    assert (row["num_projected"], row["cfd"], row["real_cfd"]) == (3, 1.0, 0.5)
    assert "PROJECTION ERROR is the mean over 3 test images" in report([{"name": "x"} | row])


@pytest.mark.parametrize("count", [0, 12])
def test_more_images_than_there_are_is_an_error_that_names_their_number(data, runs_root, count):
    generator = load_generator(record_run(runs_root, replace(TINY, data=data)).path)
    with pytest.raises(ValueError, match=r"is not in 1\.\.11"):
        add_projection_scores(SCORES, generator, lambda *_: 0.0, num_images=count)
