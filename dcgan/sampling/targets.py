"""A drawing or a photo, made what a generator could draw: its size, its ground, and MNIST's place for digits.

C H W image; S the side of a square picture.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from dcgan import pixels
from dcgan.checkpoint import TrainedGenerator
from dcgan.data.image_files import fit_array
from dcgan.locale.language import tr
from dcgan.pixels import Bytes

CENTERED_SETS = ("mnist",)
"""Data sets whose images are centered as MNIST's are."""
DIGIT_BOX = 20 / 28
"""Longer side of a digit, as a share of the image's side. Source: LeCun's page of MNIST."""
CENTER = 14.5 / 28
"""Where a digit's center of mass is: in the middle of the 15th of 28 pixels, as in MNIST's files."""
_GROUND_SEEDS = range(64)
_MIN_INK = 32
"""Levels of 255 from which on a pixel belongs to the drawing."""


def target_of(picture_u8: Bytes, generator: TrainedGenerator) -> tuple[Bytes, list[str]]:
    """Return a square picture (C, S, S) uint8 as an image that the generator could draw, (C, H, W) uint8.

    Also returns a sentence for each change that its author would not expect. Light and dark are exchanged where the
    picture is dark on light and the generator draws light on dark, or the other way. Digits of an MNIST model are
    scaled and centered as MNIST's are.
    """
    config, notes = generator.config, []
    picture_u8 = fit_array(picture_u8, picture_u8.shape[-1], config.channels)
    ground = _ground(picture_u8[None])
    drawn_ground = _ground(pixels.to_uint8(generator(generator.latents(_GROUND_SEEDS), _labels(generator)).numpy()))
    # Only where both are plain: a photo has no ground, and neither has the image of a model of photos.
    if min(abs(ground - 127.5), abs(drawn_ground - 127.5)) > 64 and (ground > 127.5) != (drawn_ground > 127.5):
        picture_u8 = 255 - picture_u8
        if ground > 127.5:
            notes.append(tr("The picture is dark on light, and this model draws light on dark: it was inverted."))
        else:
            notes.append(tr("The picture is light on dark, and this model draws dark on light: it was inverted."))
    if generator.train_config.data.name in CENTERED_SETS and config.channels == 1:
        picture_u8 = centered(picture_u8)
    return fit_array(picture_u8, config.image_size, config.channels), notes


def centered(picture_u8: Bytes) -> Bytes:
    """Return a white drawing on black (1, S, S) with MNIST's size and place. An empty picture stays as it is."""
    gray = picture_u8[0]
    side = gray.shape[0]
    rows, columns = np.nonzero(gray >= _MIN_INK)
    if not len(rows):
        return picture_u8
    box = gray[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    scale = DIGIT_BOX * side / max(box.shape)
    size = (max(1, round(box.shape[1] * scale)), max(1, round(box.shape[0] * scale)))
    drawing = np.asarray(Image.fromarray(box).resize(size, Image.Resampling.BICUBIC))
    mass = drawing.astype(np.float64)
    center_y = (mass.sum(1) @ np.arange(len(mass))) / mass.sum()
    center_x = (mass.sum(0) @ np.arange(mass.shape[1])) / mass.sum()
    placed = Image.new("L", (side, side))
    middle = CENTER * side - 0.5
    placed.paste(Image.fromarray(drawing), (round(middle - center_x), round(middle - center_y)))
    return np.asarray(placed)[None]


def _ground(images_u8: Bytes) -> float:
    """Return the median level of the borders of images (N, C, H, W)."""
    edges = [images_u8[:, :, 0], images_u8[:, :, -1], images_u8[:, :, :, 0], images_u8[:, :, :, -1]]
    return float(np.median(np.concatenate(edges, axis=-1)))


def _labels(generator: TrainedGenerator) -> np.ndarray | None:
    count = generator.config.num_classes
    return np.arange(len(_GROUND_SEEDS)) % count if count else None
