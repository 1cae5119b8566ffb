"""How many of Stacked MNIST's thousand kinds of image a generator draws, and how evenly.

Each colour of an image is one digit. A classifier of digits reads the three, and what it reads, 100 r + 10 g + b, is
the image's mode. Counted as in PacGAN (Lin et al., arXiv 1712.04086, and its code) over 26,000 images: a mode is
found if one image is of it, and the divergence is that of the generated modes from the even distribution, in nats.
Real images are not at 0: MNIST's digits are not quite even, and 26,000 images scatter over 1,000 kinds. They stand
beside.

N images, C H W image.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from dcgan.checkpoint import TrainedGenerator, weights_id
from dcgan.data.loading import load_images
from dcgan.evaluation import metrics
from dcgan.evaluation.cache import kept
from dcgan.evaluation.classifier import NUM_CLASSES, Classifier, load_classifier, to_float
from dcgan.evaluation.scores import rounded
from dcgan.latents import latents_from_seeds

NAME = "stacked-mnist"
NUM_IMAGES = 26_000
"""As many as VEEGAN and PacGAN count: figures of another number of images compare with none of theirs."""
NUM_MODES = NUM_CLASSES**3
_CHUNK = 1_000
"""Images held at a time, as floats: 10 MB."""
_VERSION = 1
"""Raise it when real images get other figures than before."""


@dataclass(frozen=True)
class ModeScores:
    """The modes of one generator's images, and all that they depend on."""

    classifier: str
    classifier_hash: str
    num_images: int
    modes: int
    """Of 1,000."""
    kl: float
    """Divergence of the generated modes from the even distribution, KL(generated || even), in nats; 0 is best."""
    real_modes: int
    """Of as many real training images, under the same classifier."""
    real_kl: float
    weights_id: str = ""
    step: int = 0
    seed: int = 0
    """Of the first image; the others have those that follow."""

    def to_json(self) -> dict[str, Any]:
        """Flat, rounded to six digits: a row of evals.jsonl."""
        return {name: rounded(value) for name, value in dataclasses.asdict(self).items()}


def evaluate_modes(
    generator: TrainedGenerator, classifier: Classifier | None = None, num_images: int = NUM_IMAGES, seed: int = 0
) -> ModeScores:
    """Draw images from the seeds `seed`, `seed` + 1, ... and count the modes of Stacked MNIST among them.

    A conditional generator is asked for the kinds of as many training images. Raises ValueError for other data,
    another size of image, a count that the training images do not have, and pixels that are no numbers.
    """
    config = generator.train_config
    if config.data.name != NAME or config.model.image_size != 28:
        raise ValueError(
            f"modes are counted of {NAME} at 28x28 only, and this generator draws {config.data.name} at "
            f"{config.model.image_size}x{config.model.image_size}; train with --data.name {NAME} "
            "--model.channels 3 --model.image-size 28"
        )
    classifier = classifier or load_classifier("mnist", generator.device)
    # The whole set, even where the training saw its beginning only: the floor is that of the data.
    real = load_images(dataclasses.replace(config.data, limit=0), config.model)
    if not 1 <= num_images <= len(real.images_u8):
        raise ValueError(f"num_images={num_images} is not in 1..{len(real.images_u8)}, which the data has")
    real_u8 = real.images_u8[:num_images]  # they lie in the order in which they were drawn: any are as good as others

    def draw(start: int, stop: int) -> Tensor:
        z = latents_from_seeds(range(seed + start, seed + stop), config.model.latent_dim, config.model.latent)
        return generator(z, real.labels[start:stop] if config.model.num_classes else None)

    found = metrics.modes(_count(draw, num_images, classifier))
    key = f"modes-{classifier.hash}-{weights_id({'images': real_u8})}-v{_VERSION}"
    floor = kept(key, lambda: {"counts": _count(lambda a, b: to_float(real_u8[a:b]), num_images, classifier)})
    return ModeScores(
        f"{classifier.name} classifier",
        classifier.hash,
        num_images,
        *found,
        *metrics.modes(floor["counts"]),
        weights_id=generator.weights_id,
        step=generator.step,
        seed=seed,
    )


def modes_of(images: Tensor, classifier: Classifier) -> Tensor:
    """Images (N, 3, 28, 28) in [-1, 1] -> the mode (N,) of each, from 0 to 999, as the classifier of digits reads it.

    Raises ValueError for pixels that are no numbers.
    """
    if not images.isfinite().all():
        raise ValueError(
            "the images have pixels that are no numbers and cannot be scored; train their generator again"
        )
    digits = classifier.logits(classifier.features(images.reshape(-1, 1, 28, 28))).argmax(1)
    red, green, blue = digits.reshape(-1, 3).unbind(1)
    return 100 * red + 10 * green + blue


def _count(draw: Callable[[int, int], Tensor], num_images: int, classifier: Classifier) -> Tensor:
    """Images of each mode, (1000,)."""
    counts = torch.zeros(NUM_MODES, dtype=torch.int64)
    for start in range(0, num_images, _CHUNK):
        images = draw(start, min(start + _CHUNK, num_images))
        counts += torch.bincount(modes_of(images, classifier), minlength=NUM_MODES)
    return counts
