"""Pictures of a training step: numbers as colors, and HTML that holds any text."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
from PIL import Image

from dcgan.figures.overlays import BRIGHTER, DARKER, rgb
from dcgan.figures.step_pictures import (
    MAX_LATENT_NUMBERS,
    Cell,
    arrow_pictures,
    image_cells,
    latent_pictures,
    pictures,
    way,
)

BLUE, VERMILION = list(rgb(BRIGHTER)), list(rgb(DARKER))


def test_an_arrow_points_against_the_gradient_and_adds_colors():
    images = np.zeros((2, 3, 4, 4), np.uint8)
    gradient = np.zeros((2, 3, 4, 4), np.float32)
    gradient[0, :, 1, 2] = (-1, -1, -1)
    gradient[1, :, 0, 0] = (5, 0, 0)
    gradient[1, :, 3, 3] = np.nan
    first, second = arrow_pictures(images, gradient)
    assert first[1, 2].tolist() == BLUE
    assert second[0, 0].tolist() == VERMILION
    assert np.count_nonzero(first.any(2)) == np.count_nonzero(second.any(2)) == 1


def test_a_latent_is_a_square():
    drawn = latent_pictures(np.array([[3.0, -3.0, 0.0, 3.0, -3.0]]))
    (picture,) = drawn
    assert picture.shape == (54, 54, 3)
    assert picture[0, 0].tolist() == picture[18, 0].tolist() == BLUE
    assert picture[0, 18].tolist() == picture[18, 18].tolist() == VERMILION
    assert not picture[36:].any()
    (many,) = latent_pictures(np.ones((1, 10 * MAX_LATENT_NUMBERS), np.float32))
    assert many.shape[0] <= 64


def test_gray_and_rgb_images_become_pictures():
    gray, color = np.zeros((2, 1, 4, 4), np.uint8), np.zeros((2, 3, 4, 4), np.uint8)
    assert [picture.shape for picture in pictures(gray)] == [(4, 4)] * 2
    assert [picture.shape for picture in pictures(color)] == [(4, 4, 3)] * 2


def test_cells_hold_their_pictures_and_escape_their_texts():
    picture = np.arange(16, dtype=np.uint8).reshape(4, 4)
    text = image_cells([Cell(picture, ("<script>", "", "a & b"), 'an "image"')])
    (data,) = re.findall(r"base64,([^\"]+)\"", text)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(base64.b64decode(data)))), picture)
    assert "<script>" not in text
    assert "<b>&lt;script&gt;</b><br>a &amp; b<" in text
    assert 'alt="an &quot;image&quot;"' in text
    assert 'width="56"' in text


def test_the_way_marks_what_changes():
    forward = way(("loss",), ("logits",), backward=False, alt="The loss")
    backward = way(("D",), (), backward=True, alt="D learns")
    assert forward.count("background") == backward.count("background") == 1
    assert "\u2192" in forward
    assert "\u2190" not in forward
    assert "\u2190" in backward
    assert 'aria-label="D learns"' in backward
