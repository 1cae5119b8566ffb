"""Test which real images are scored beside generated ones, and the cache."""

from __future__ import annotations

import pytest
import torch

from dcgan.data.loading import ImageSet
from dcgan.evaluation.real_images import cached, draw_real, scores_as_tensors, scores_from_tensors

LABELS = torch.arange(60) % 3
TRAIN = ImageSet(torch.zeros(60, 1, 2, 2, dtype=torch.uint8), LABELS, ())


def test_each_image_is_drawn_once_and_always_the_same():
    drawn = draw_real(TRAIN, 40)
    assert len(set(drawn.tolist())) == 40
    assert torch.equal(drawn, draw_real(TRAIN, 40))
    assert torch.equal(drawn[:10], draw_real(TRAIN, 10))
    assert drawn.tolist() != list(range(40))
    assert len(draw_real(TRAIN._replace(labels=None), 40)) == 40  # a folder of images need not have labels


def test_the_generators_labels_are_drawn_and_each_image_once():
    labels = torch.tensor([2, 0, 0, 1] * 5)
    drawn = draw_real(TRAIN, 20, labels)
    assert torch.equal(LABELS[drawn], labels)
    assert len(set(drawn.tolist())) == 20


def test_images_of_a_rare_label_are_drawn_equally_often():
    drawn = draw_real(TRAIN, 40, torch.zeros(40, dtype=torch.int64))
    assert torch.bincount(drawn, minlength=60).tolist() == [2, 0, 0] * 20


def test_a_label_without_images_is_named():
    with pytest.raises(ValueError, match="none of the 60 training images has the label 7"):
        draw_real(TRAIN, 10, torch.full((10,), 7))


def test_scores_pass_through_the_cache_exactly(tmp_path, monkeypatch):
    monkeypatch.setenv("DCGAN_CACHE", str(tmp_path))
    scores = {"cfd": 0.1 + 0.2, "kl": 1e-300}
    first = cached("a", lambda: scores_as_tensors(scores) | {"features": torch.ones(2)})
    again = cached("a", lambda: pytest.fail("it was measured again"))
    assert scores_from_tensors(first) == scores_from_tensors(again) == scores
