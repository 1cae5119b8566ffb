"""Score a generator: everyone gets the same numbers from the same seeds, count, classifier and real images.

Generated images are compared with the whole test part of the data, which no generator has seen. Beside each score
stands the score of as many real training images. A perfect generator would not reach it exactly: the classifier was
trained on these images and is surer of them.

N generated, M real test, T training images, F features, C H W image.
"""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass, field

import torch
from torch import Tensor

from dcgan.checkpoint import TrainedGenerator, load_generator, weights_id
from dcgan.data.loading import ImageSet, load_images
from dcgan.evaluation import metrics
from dcgan.evaluation.classifier import NUM_CLASSES, Classifier, has_classifier, load_classifier
from dcgan.evaluation.images import check_finite, draw
from dcgan.evaluation.picture_scores import evaluate_pictures
from dcgan.evaluation.real_images import cached, draw_real, scores_as_tensors, scores_from_tensors, scores_id
from dcgan.evaluation.score_row import Scores
from dcgan.pixels import from_uint8
from dcgan.runs.scores import Applies

NUM_IMAGES = 10_000
_APPLIES: tuple[Applies, ...] = ("every model", "conditional models")
_COMPARED = 2_500
"""Generated and test images whose nearest training image is searched. Their median needs no more of them, and each
takes 60,000 distances."""


@dataclass(frozen=True, kw_only=True)
class RealStatistics:
    """The real images that generated ones are compared with, and the scores of as many training images."""

    features: Tensor
    """(M, F), of the test images."""
    radii: Tensor
    """(M,), see metrics.radii."""
    unseen_classes: Tensor
    """Classes of some test images, spread over all of them, as the classifier sees them."""
    unseen_distances: Tensor
    """Their distances from the nearest training image, in pixels."""
    train_u8: Tensor
    """(T, C, H, W)."""
    training_histogram: Tensor
    """The share (K,) of each label in the training images."""
    real: dict[str, float] = field(default_factory=dict)
    real_class_histogram: tuple[float, ...] = ()

    def sample(self, features: Tensor, classifier: Classifier, **known: Tensor | None) -> metrics.ClassifiedSample:
        """Return what the scores of images with these features (N, F) are computed from."""
        return metrics.ClassifiedSample(
            features=features,
            real=self.features,
            logits=classifier.logits(features),
            real_radii=self.radii,
            training_histogram=self.training_histogram,
            unseen_distances=self.unseen_distances,
            unseen_classes=self.unseen_classes,
            **known,
        )


def evaluate(
    generator: TrainedGenerator | str | os.PathLike[str],
    *,
    classifier: Classifier | None = None,
    num_images: int | None = None,
    seed: int = 0,
) -> Scores:
    """Draw images from the seeds `seed`, `seed` + 1, ... and score them against the generator's own data.

    A conditional generator draws every digit in turn, and is compared with as many real images of each. Data without
    a classifier get the scores of `evaluate_pictures`. The same call gives the same numbers on the same machine with
    as many threads.

    Args:
        generator: A generator, or a run or path that `load_generator` loads.
        classifier: The network whose features are compared. Default: the published one of the generator's data.
        num_images: How many images are drawn. Scores of different counts do not compare. Default: 10,000, or what
            `evaluate_pictures` draws.
        seed: The first seed.

    Raises:
        ValueError: The data have fewer than `num_images` images, or the classifier takes images of another shape.
        FileNotFoundError: The generator or the data are not there.

    Example:
        >>> import dcgan
        >>> scores = dcgan.evaluate("checkpoints/dcgan-mnist", num_images=100)
        >>> scores.num_images, scores.classifier
        (100, 'mnist classifier')
        >>> scores["cfd"] > scores.real["cfd"]  # farther from the test images than real training images are
        True
    """
    if not isinstance(generator, TrainedGenerator):
        generator = load_generator(generator)
    config = generator.train_config
    if classifier is None and not has_classifier(config):
        return evaluate_pictures(generator, num_images=num_images, seed=seed)
    num_images = NUM_IMAGES if num_images is None else num_images
    classifier = classifier or load_classifier(config.data.name, generator.device)
    classifier.features(torch.empty(0, *config.model.image_shape))  # refuses a wrong shape before anything is drawn
    train, test = (load_images(config.data, config.model, config.seed, split) for split in ("train", "test"))
    labels = torch.arange(num_images) % NUM_CLASSES if config.model.num_classes else None
    statistics = real_statistics(train, test, classifier, num_images, labels)
    images = torch.cat([*draw(generator, num_images, seed=seed, labels=labels)])
    scores = score(images, labels, statistics, classifier)
    return dataclasses.replace(scores, weights_id=generator.weights_id, step=generator.step, seed=seed)


def score(images: Tensor, labels: Tensor | None, statistics: RealStatistics, classifier: Classifier) -> Scores:
    """Score images (N, 1, 28, 28) in [-1, 1] of any origin.

    `labels` (N,) are those that the images were drawn for, if any. Raises ValueError for pixels that are not numbers.
    """
    check_finite(images)
    distances = metrics.nearest(images[:_COMPARED].flatten(1), from_uint8(statistics.train_u8).flatten(1))
    sample = statistics.sample(classifier.features(images), classifier, labels=labels, distances=distances)
    return Scores(
        classifier=f"{classifier.name} classifier",
        classifier_hash=classifier.hash,
        num_images=len(images),
        values=metrics.compute(sample, *_APPLIES),
        real=statistics.real,
        class_histogram=tuple(sample.histogram.tolist()),
        real_class_histogram=statistics.real_class_histogram,
    )


# Real images


def real_statistics(
    train: ImageSet, test: ImageSet, classifier: Classifier, num_images: int, labels: Tensor | None = None
) -> RealStatistics:
    """Return what a generator is compared with, from the cache if the same images were measured before.

    `num_images` training images are scored like generated ones. `labels` (num_images,) are those that a conditional
    generator is given. Raises ValueError for a count or a label that the training images do not have.
    """
    least = metrics.K + 1
    if not least <= num_images <= len(train.images_u8):
        raise ValueError(f"num_images={num_images} is not in {least}..{len(train.images_u8)}, which the data has")
    assert train.labels is not None, "data with a classifier have labels"
    histogram = metrics.class_histogram(train.labels, NUM_CLASSES)

    def measure() -> dict[str, Tensor]:
        return _measure(train, test, classifier, draw_real(train, num_images, labels), histogram)

    tensors = cached(_cache_name(train, test, classifier, num_images, labels), measure)
    return RealStatistics(
        features=tensors["features"],
        radii=tensors["radii"],
        unseen_classes=tensors["unseen_classes"],
        unseen_distances=tensors["unseen_distances"],
        train_u8=train.images_u8,
        training_histogram=histogram,
        real=scores_from_tensors(tensors),
        real_class_histogram=tuple(tensors["class_histogram"].tolist()),
    )


def _measure(
    train: ImageSet, test: ImageSet, classifier: Classifier, drawn: Tensor, histogram: Tensor
) -> dict[str, Tensor]:
    """Return what `cached` stores: statistics of the test images, and scores of the `drawn` training images."""
    features = classifier.features(from_uint8(test.images_u8))
    spread = slice(None, None, max(1, len(test.images_u8) // _COMPARED))  # MNIST's halves have different writers
    unseen, train_pixels = (from_uint8(images).flatten(1) for images in (test.images_u8[spread], train.images_u8))
    statistics = RealStatistics(
        features=features,
        radii=metrics.radii(features),
        unseen_classes=classifier.logits(features[spread]).argmax(1),
        unseen_distances=metrics.nearest(unseen, train_pixels),
        train_u8=train.images_u8,
        training_histogram=histogram,
    )
    sample = statistics.sample(classifier.features(from_uint8(train.images_u8[drawn])), classifier)
    return {
        "features": statistics.features,
        "radii": statistics.radii,
        "unseen_classes": statistics.unseen_classes,
        "unseen_distances": statistics.unseen_distances,
        "class_histogram": sample.histogram,
        **scores_as_tensors(metrics.compute(sample, *_APPLIES)),
    }


def _cache_name(
    train: ImageSet, test: ImageSet, classifier: Classifier, num_images: int, labels: Tensor | None = None
) -> str:
    """Return a name that changes with everything that decides the statistics."""
    images = {"train": train.images_u8, "train_labels": train.labels, "test": test.images_u8}
    if labels is not None:
        images["labels"] = labels
    return f"scores-{classifier.hash}-{weights_id(images)}-{num_images}-{scores_id(*_APPLIES)}"
