"""Count how many of Stacked MNIST's 1,000 modes a generator draws, and how evenly.

Each color of an image is one digit. A classifier of digits reads the three, and the mode is 100 r + 10 g + b. The
count follows PacGAN (Lin et al., arXiv 1712.04086, and its code): a mode is drawn if one of 26,000 images has it. KL
is the divergence of the modes' shares from equal shares, in nats. Real images do not have KL 0, because MNIST's
digits are not equally frequent, and 26,000 images do not spread evenly over 1,000 modes. So real images are scored
too.

N images, C H W image.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import torch
from torch import Tensor

from dcgan.checkpoint import TrainedGenerator, weights_id
from dcgan.data.loading import load_images
from dcgan.evaluation import metrics
from dcgan.evaluation.classifier import NUM_CLASSES, Classifier, load_classifier
from dcgan.evaluation.images import CHUNK, check_finite, draw
from dcgan.evaluation.real_images import cached
from dcgan.evaluation.score_row import Scores
from dcgan.pixels import from_uint8

NAME = "stacked-mnist"
NUM_IMAGES = 26_000
"""As many as VEEGAN and PacGAN count. Scores of another number of images do not compare with theirs."""
NUM_MODES = NUM_CLASSES**3


def evaluate_modes(
    generator: TrainedGenerator, *, classifier: Classifier | None = None, num_images: int = NUM_IMAGES, seed: int = 0
) -> Scores:
    """Draw images from the seeds `seed`, `seed` + 1, ... and count the modes of Stacked MNIST among them.

    A conditional generator draws the modes of as many training images. Raises ValueError for other data, another size
    of image, a count that the training images do not have, and pixels that are not numbers.
    """
    config = generator.train_config
    if config.data.name != NAME or config.model.image_size != 28:
        raise ValueError(
            f"modes are counted for {NAME} at 28x28 only, and this generator draws {config.data.name} at "
            f"{config.model.image_size}x{config.model.image_size}; train with --data.name {NAME} "
            "--model.channels 3 --model.image-size 28"
        )
    classifier = classifier or load_classifier("mnist", generator.device)
    # All training images, even if the training saw only the first ones: the real scores are those of the data.
    real = load_images(dataclasses.replace(config.data, limit=0), config.model)
    if not 1 <= num_images <= len(real.images_u8):
        raise ValueError(f"num_images={num_images} is not in 1..{len(real.images_u8)}, which the data has")
    real_u8 = real.images_u8[:num_images]  # they are in random order already
    assert real.labels is not None, "stacked-mnist has labels"
    labels = real.labels[:num_images] if config.model.num_classes else None
    counts = _count(draw(generator, num_images, seed=seed, labels=labels), classifier)
    real_counts = cached(
        f"modes-{classifier.hash}-{weights_id({'images': real_u8})}",
        lambda: {"counts": _count(map(from_uint8, real_u8.split(CHUNK)), classifier)},
    )["counts"]
    return Scores(
        classifier=f"{classifier.name} classifier",
        classifier_hash=classifier.hash,
        num_images=num_images,
        values=metrics.compute(counts, "Stacked MNIST"),
        real=metrics.compute(real_counts, "Stacked MNIST"),
        weights_id=generator.weights_id,
        step=generator.step,
        seed=seed,
    )


def modes_of(images: Tensor, classifier: Classifier) -> Tensor:
    """Return the mode (N,) in 0..999 of images (N, 3, 28, 28) in [-1, 1], as the classifier of digits reads them.

    Raises ValueError for pixels that are not numbers.
    """
    check_finite(images)
    digits = classifier.logits(classifier.features(images.reshape(-1, 1, 28, 28))).argmax(1)
    red, green, blue = digits.reshape(-1, 3).unbind(1)
    return 100 * red + 10 * green + blue


def _count(chunks: Iterable[Tensor], classifier: Classifier) -> Tensor:
    """Return the number of images of each mode, (1000,)."""
    counts = torch.zeros(NUM_MODES, dtype=torch.int64)
    for images in chunks:
        counts += torch.bincount(modes_of(images, classifier), minlength=NUM_MODES)
    return counts
