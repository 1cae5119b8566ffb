"""Whether a conditional generator draws what it is told, asked of classifiers that learn from its images alone.

Two learn from 50,000 generated images and the labels they were asked by, and are tested on the real test images: a
1-nearest-neighbour classifier in pixel space, which is the DCGAN paper's own test (Radford et al., arXiv 1511.06434,
table 3), and a small network, whose accuracy is the classification accuracy score (Ravuri and Vinyals, arXiv
1905.10887). An image of the wrong digit costs both; so does what is never drawn, since nothing of it is learnt. Their
floors are those of as many real training images.

N images, C H W image.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import torch
from torch import Tensor

from dcgan.checkpoint import TrainedGenerator, weights_id
from dcgan.data.loading import ImageSet, load_images
from dcgan.evaluation import metrics
from dcgan.evaluation.cache import kept
from dcgan.evaluation.classifier import BATCH, NUM_CLASSES, Classifier, to_float, train_classifier
from dcgan.latents import latents_from_seeds
from dcgan.pixels import to_uint8

NUM_IMAGES = 50_000
"""As many as the DCGAN paper's."""
EPOCHS = 3
"""Of the network that learns, and of its floor; the judge of the other scores takes 10, three times as long."""
_CHUNK = 1_000
"""Images drawn at a time: 3 MB as floats, a quarter of that as the bytes that are kept."""
_VERSION = 1
"""Raise it when real images get other figures than before."""


@dataclass(frozen=True)
class LabelScores:
    """What classifiers learn from a generator's images, beside what they learn from as many real ones."""

    num_labelled: int
    nearest_neighbor_error: float
    """Of the 1-nearest-neighbour classifier: the share of test images that it gets wrong."""
    real_nearest_neighbor_error: float
    classification_accuracy: float
    """The classification accuracy score: the share of test images that a network trained on these gets right."""
    real_classification_accuracy: float


def label_scores(generator: TrainedGenerator, num_images: int = NUM_IMAGES, seed: int = 0) -> LabelScores:
    """Draw images from the seeds `seed`, `seed` + 1, ..., each digit in turn, and let classifiers learn from them.

    The same call gives the same numbers, on the same machine with as many threads. Raises ValueError for a generator
    that is not conditional, a count that the training images do not have, and pixels that are no numbers.
    """
    config = generator.train_config
    if not config.model.num_classes:
        raise ValueError(
            "the model is not conditional, so its images have no labels to learn from; leave out --labels, or train "
            f"with --model.num-classes {NUM_CLASSES}"
        )
    # The whole set, even where the training saw its beginning only: as many real images as generated ones are needed.
    data = dataclasses.replace(config.data, limit=0)
    real, test = (load_images(data, config.model, config.seed, split) for split in ("train", "test"))
    if not BATCH <= num_images <= len(real.images_u8):
        raise ValueError(f"num_images={num_images} is not in {BATCH}..{len(real.images_u8)}, which the data has")
    drawn = torch.randperm(len(real.images_u8), generator=torch.Generator().manual_seed(0))[:num_images]
    real = ImageSet(real.images_u8[drawn], real.labels[drawn], ())

    def measure(images_u8: Tensor, labels: Tensor) -> dict[str, Tensor]:
        found = learnt_from(images_u8, labels, test, generator.device)
        return dict(
            zip(("nearest_neighbor_error", "accuracy"), torch.tensor(found, dtype=torch.float64), strict=True)
        )

    found = measure(*_draw(generator, num_images, seed))
    content = {"images": real.images_u8, "labels": real.labels, "test": test.images_u8, "test_labels": test.labels}
    floor = kept(f"labels-{weights_id(content)}-{EPOCHS}-v{_VERSION}", lambda: measure(real.images_u8, real.labels))
    return LabelScores(
        num_images,
        found["nearest_neighbor_error"].item(),
        floor["nearest_neighbor_error"].item(),
        found["accuracy"].item(),
        floor["accuracy"].item(),
    )


def learnt_from(
    images_u8: Tensor, labels: Tensor, test: ImageSet, device: str | torch.device = "cpu"
) -> tuple[float, float]:
    """The 1-nearest-neighbour error and the classification accuracy, on `test`, of what learns from these images
    (N, 1, 28, 28) uint8 and labels (N,)."""
    images_u8, labels, test_u8, wanted = (
        each.to(device) for each in (images_u8, labels, test.images_u8, test.labels)
    )
    error = metrics.nearest_neighbour_error(
        to_float(images_u8).flatten(1), labels, to_float(test_u8).flatten(1), wanted
    )
    *_, network = train_classifier(images_u8, labels, seed=0, epochs=EPOCHS)
    return error, Classifier("drawn", network, device).accuracy(to_float(test.images_u8), test.labels)


def _draw(generator: TrainedGenerator, num_images: int, seed: int) -> tuple[Tensor, Tensor]:
    """Images (N, C, H, W) uint8, as a file would hold them, and the labels (N,) they were asked by."""
    config = generator.config
    labels = torch.arange(num_images) % NUM_CLASSES
    images_u8 = torch.empty(num_images, *config.image_shape, dtype=torch.uint8)
    for start in range(0, num_images, _CHUNK):
        stop = min(start + _CHUNK, num_images)
        z = latents_from_seeds(range(seed + start, seed + stop), config.latent_dim, config.latent)
        images_u8[start:stop] = torch.from_numpy(to_uint8(generator(z, labels[start:stop]).numpy()))
    return images_u8, labels
