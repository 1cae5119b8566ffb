"""Colors over images and around them."""

from __future__ import annotations

import numpy as np

from dcgan.figures import overlays
from dcgan.figures.plots import DISCRIMINATOR, GENERATOR, GRAY, REAL


def test_the_frame_goes_from_the_generators_blue_over_gray_to_the_green_of_real_images():
    colors = [overlays.realness_color(realness).upper() for realness in (-1.0, 0.0, 0.5, 1.0, 7.0)]
    assert colors == [GENERATOR, GENERATOR, GRAY, REAL, REAL]
    quarter = overlays.rgb(overlays.realness_color(0.25))
    assert quarter == tuple(np.rint(np.add(overlays.rgb(GENERATOR), overlays.rgb(GRAY)) / 2).astype(int))


def test_the_largest_advice_covers_the_pixel_and_none_leaves_it():
    images_u8 = np.full((2, 1, 1, 3), 200, np.uint8)
    advice = np.array([[[[4.0, -4.0, 0.0]]], [[[0.001, 0.0, -0.0005]]]])
    drawn = overlays.advice_overlay(images_u8, advice)
    assert drawn.shape == (2, 3, 1, 3)
    assert [tuple(pixel) for pixel in drawn[0, :, 0].T] == [
        overlays.rgb(GENERATOR),
        overlays.rgb(DISCRIMINATOR),
        (200, 200, 200),
    ]
    assert tuple(drawn[1, :, 0, 0]) == overlays.rgb(GENERATOR)  # each image has a scale of its own


def test_no_advice_at_all_leaves_the_image():
    images_u8 = np.arange(12, dtype=np.uint8).reshape(1, 3, 2, 2)
    drawn = overlays.advice_overlay(images_u8, np.zeros((1, 3, 2, 2)))
    np.testing.assert_array_equal(drawn[0, 0], np.rint(images_u8[0].mean(0)))


def test_a_difference_is_blue_where_the_image_was_brighter():
    images_u8, without_u8 = np.array([[[[255, 0, 90]]]], np.uint8), np.array([[[[0, 255, 90]]]], np.uint8)
    drawn = overlays.difference_overlay(images_u8, without_u8)
    assert [tuple(pixel) for pixel in drawn[0, :, 0].T] == [
        overlays.rgb(GENERATOR),
        overlays.rgb(DISCRIMINATOR),
        (30, 30, 30),
    ]


def test_a_difference_of_one_level_is_not_stretched():
    images_u8 = np.array([[[[1, 0]]]], np.uint8)
    faint = overlays.difference_overlay(images_u8, np.zeros_like(images_u8))[0, :, 0, 0]
    assert (faint < np.array(overlays.rgb(GENERATOR)) / 2 + 1).all()


def test_images_on_white_become_pale():
    images_u8 = np.array([[[[255, 0, 90]]]], np.uint8)
    drawn = overlays.difference_overlay(images_u8, images_u8, light=True)
    assert drawn[0, 0, 0].tolist() == [255, 170, 200]
