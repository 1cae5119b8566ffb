"""Test whether a conditional generator draws the requested classes, with classifiers that learn from its images only.

Two classifiers learn from 50,000 generated images and their labels. Both are tested on the real test images.

- A 1-nearest-neighbor classifier in pixel space: the DCGAN paper's test (Radford et al., arXiv 1511.06434, Table 3).
- A small network, for the classification accuracy score (Ravuri and Vinyals, arXiv 1905.10887).

Images of a wrong class lower both scores. So do kinds of images that are never drawn, because nothing is learned from
them. As many real training images are scored too.

N images, C H W image.
"""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor

from dcgan.checkpoint import TrainedGenerator, weights_id
from dcgan.data.loading import ImageSet, load_images
from dcgan.evaluation import metrics
from dcgan.evaluation.classifier import BATCH, NUM_CLASSES, Classifier, train_classifier
from dcgan.evaluation.images import draw
from dcgan.evaluation.real_images import cached, scores_as_tensors, scores_from_tensors, scores_id
from dcgan.evaluation.score_row import Scores
from dcgan.pixels import from_uint8, to_uint8

NUM_IMAGES = 50_000
"""As many as in the DCGAN paper."""
EPOCHS = 3
"""Training epochs of the small network. The classifier of the other scores has 10, which take three times as long."""


def add_label_scores(
    scores: Scores, generator: TrainedGenerator, *, num_images: int = NUM_IMAGES, seed: int = 0
) -> Scores:
    """Return the scores of this generator, with what classifiers learn from its images added.

    Draws images from the seeds `seed`, `seed` + 1, ..., each digit in turn. The same call gives the same numbers on
    the same machine with as many threads. Raises ValueError for a generator that is not conditional, a count that the
    training images do not have, and pixels that are not numbers.
    """
    config = generator.train_config
    if not config.model.num_classes:
        raise ValueError(
            "the model is not conditional, so its images have no labels to learn from; leave out --labels, or train "
            f"with --model.num-classes {NUM_CLASSES}"
        )
    # All training images, even if the training saw only the first ones: as many real as generated ones are needed.
    data = dataclasses.replace(config.data, limit=0)
    train, test = (load_images(data, config.model, config.seed, split) for split in ("train", "test"))
    if not BATCH <= num_images <= len(train.images_u8):
        raise ValueError(f"num_images={num_images} is not in {BATCH}..{len(train.images_u8)}, which the data has")
    assert train.labels is not None and test.labels is not None, "data of a conditional generator have labels"  # noqa: PT018
    drawn = torch.randperm(len(train.images_u8), generator=torch.Generator().manual_seed(0))[:num_images]
    real_u8, real_labels = train.images_u8[drawn], train.labels[drawn]
    labels = torch.arange(num_images) % NUM_CLASSES
    images_u8 = torch.cat([to_uint8(images) for images in draw(generator, num_images, seed=seed, labels=labels)])
    values = learn_from(images_u8, labels, test, generator.device)
    content = {"images": real_u8, "labels": real_labels, "test": test.images_u8, "test_labels": test.labels}
    real = cached(
        f"labels-{weights_id(content)}-{EPOCHS}-{scores_id('--labels')}",
        lambda: scores_as_tensors(learn_from(real_u8, real_labels, test, generator.device)),
    )
    return dataclasses.replace(
        scores,
        values=scores.values | values,
        real=scores.real | scores_from_tensors(real),
        num_labeled=num_images,
    )


def learn_from(
    images_u8: Tensor, labels: Tensor, test: ImageSet, device: str | torch.device = "cpu"
) -> dict[str, float]:
    """Return the scores on `test` of classifiers that learn from images (N, 1, 28, 28) uint8 with labels (N,)."""
    assert test.labels is not None, "test images have labels"
    images_u8, labels, test_u8, test_labels = (
        tensor.to(device) for tensor in (images_u8, labels, test.images_u8, test.labels)
    )
    *_, network = train_classifier(images_u8, labels, seed=0, epochs=EPOCHS)
    learned = Classifier("generated images", network, device)
    sample = metrics.LabeledSample(
        images=from_uint8(images_u8).flatten(1),
        labels=labels,
        test_images=from_uint8(test_u8).flatten(1),
        test_labels=test_labels,
        accuracy=learned.accuracy(from_uint8(test.images_u8), test.labels),
    )
    return metrics.compute(sample, "--labels")
