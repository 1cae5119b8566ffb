"""What a generator cannot draw: how near its nearest image is to each of many test images.

A generator that draws everything comes near to every test image. Beside its mean error stands that of the nearest
training image, which is not searched but looked up. Sources: Lipton and Tripathi 2017 (arXiv 1702.04782), and
Creswell and Bharath 2018 (arXiv 1802.05701).

M test, T training images, C H W image.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import torch
from torch import Tensor

from dcgan.checkpoint import TrainedGenerator
from dcgan.data.loading import load_images
from dcgan.evaluation import metrics
from dcgan.evaluation.score_row import Scores
from dcgan.pixels import from_uint8

NUM_IMAGES = 1000

Search = Callable[[TrainedGenerator, Tensor], float]
"""A generator and an image (C, H, W) in [-1, 1] -> the mean squared error of the nearest image, pixels in [0, 1]."""


def add_projection_scores(
    scores: Scores,
    generator: TrainedGenerator,
    search: Search,
    *,
    num_images: int = NUM_IMAGES,
    on_image: Callable[[int, int], None] | None = None,
) -> Scores:
    """Return the scores of this generator, with the mean error of its nearest images to test images added.

    The test images are spread evenly over all of them. on_image: is called with the images done and their number.
    Raises ValueError for a count that the test images do not have.
    """
    config = generator.train_config
    train, test = (load_images(config.data, config.model, config.seed, split) for split in ("train", "test"))
    count = len(test.images_u8)
    if not 1 <= num_images <= count:
        raise ValueError(f"projection_images={num_images} is not in 1..{count:,}, the test images of the data")
    images = from_uint8(test.images_u8[torch.linspace(0, count - 1, num_images).round().long()])  # (M, C, H, W)
    errors = torch.empty(num_images)
    for index, image in enumerate(images):
        errors[index] = search(generator, image)
        if on_image:
            on_image(index + 1, num_images)
    return dataclasses.replace(
        scores,
        values=scores.values | metrics.compute(errors, "--projection"),
        real=scores.real | metrics.compute(training_errors(images, from_uint8(train.images_u8)), "--projection"),
        num_projected=num_images,
    )


def training_errors(images: Tensor, train: Tensor) -> Tensor:
    """Return each image's mean squared error (M,) to its nearest training image, of pixels in [0, 1].

    Both are images in [-1, 1]: (M, C, H, W) and (T, C, H, W).
    """
    return metrics.nearest(images.flatten(1), train.flatten(1)).square() / (4 * images[0].numel())
