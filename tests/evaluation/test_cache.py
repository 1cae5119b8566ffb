"""Which real images a floor is made of."""

from __future__ import annotations

import pytest
import torch

from dcgan.data.loading import ImageSet
from dcgan.evaluation.cache import draw_real

LABELS = torch.arange(60) % 3
TRAIN = ImageSet(torch.zeros(60, 1, 2, 2, dtype=torch.uint8), LABELS, ())


def test_each_image_is_drawn_once_and_always_the_same():
    drawn = draw_real(TRAIN, 40)
    assert len(set(drawn.tolist())) == 40
    assert torch.equal(drawn, draw_real(TRAIN, 40))
    assert torch.equal(drawn[:10], draw_real(TRAIN, 10))
    assert drawn.tolist() != list(range(40))
    assert len(draw_real(TRAIN._replace(labels=None), 40)) == 40  # a folder of images need not have labels


def test_what_a_generator_is_asked_for_is_drawn_and_each_image_once():
    wanted = torch.tensor([2, 0, 0, 1] * 5)
    drawn = draw_real(TRAIN, 20, wanted)
    assert torch.equal(LABELS[drawn], wanted)
    assert len(set(drawn.tolist())) == 20


def test_where_there_are_too_few_of_a_label_all_are_drawn_as_often():
    drawn = draw_real(TRAIN, 40, torch.zeros(40, dtype=torch.int64))
    assert torch.bincount(drawn, minlength=60).tolist() == [2, 0, 0] * 20


def test_a_label_that_none_has_is_named():
    with pytest.raises(ValueError, match="none of the 60 training images has the label 7"):
        draw_real(TRAIN, 10, torch.full((10,), 7))
