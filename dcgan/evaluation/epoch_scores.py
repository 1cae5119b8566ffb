"""A light evaluation while a training goes on: a few figures of a few images, at the end of each epoch.

Two of the figures in scores.py, the classifier Fréchet distance and the coverage, and the histogram of the classes,
by the same classifier against the same test images. They are of fewer images, so they compare with each other and
with their own floor, and not with a full evaluation.

N generated, M real test images, F features.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from dcgan.checkpoint import load_tensors, save_tensors, weights_id
from dcgan.config import TrainConfig
from dcgan.data.loading import ImageSet, load_images
from dcgan.evaluation import metrics
from dcgan.evaluation.cache import draw_real
from dcgan.evaluation.classifier import NUM_CLASSES, Classifier, load_classifier, to_float
from dcgan.files import cache_folder
from dcgan.latents import latents_from_seeds
from dcgan.models.inference import sample
from dcgan.models.networks import Generator
from dcgan.runtime.device import matmul_precision

FIRST_SEED = 0
"""The images' seeds are this one and those that follow: the same at every epoch of every training."""
_VERSION = 1
"""Raise it when real images get other figures than before: what was kept by the old code is then made anew."""

logger = logging.getLogger(__name__)


class EpochFigures(NamedTuple):
    """See dcgan.evaluation.metrics for each."""

    cfd: float
    coverage: float
    class_histogram: tuple[float, ...]


@dataclass(frozen=True)
class EpochStatistics:
    """The real test images, and what as many real training images get against them as will be drawn."""

    features: Tensor
    """(M, F) float32."""
    radii: Tensor
    """Of their balls, (M,) float64."""
    floor: EpochFigures


class Scorer:
    """Scores one training's generator, as often as asked. It draws no random numbers but those of its own seeds."""

    def __init__(
        self, classifier: Classifier, reference: EpochStatistics, z: np.ndarray, labels: Tensor | None
    ) -> None:
        """z (N, Z), labels (N,) or None: what the images are drawn from, each time."""
        self.classifier = classifier
        self.reference = reference
        self.z = z
        self.labels = labels

    @classmethod
    def open(cls, config: TrainConfig, device: torch.device) -> Scorer | None:
        """The scorer of such a training; None where the config wants none.

        `config.score_images` are drawn, or as many as there are real training images, of which the floor is made.
        These are the whole training part, whatever `data.limit` is, so that all trainings on a set have one floor.
        Raises ValueError or FileNotFoundError where there is no classifier for the data, or no test images.
        """
        if not config.score_images:
            return None
        model = config.model
        if config.data.name == "stacked-mnist":
            raise ValueError(
                "its 1,000 kinds are counted in 26,000 images, not in a few; after the training do so with: "
                "python -m dcgan evaluate RUN"
            )
        classifier = load_classifier(config.data.name, device)
        classifier.features(torch.empty(0, *model.image_shape))  # says at once if it cannot take the shape
        try:
            test = load_images(config.data, model, config.seed, "test")
        except FileNotFoundError as error:
            raise FileNotFoundError(f"the test images of {config.data.name} are missing: {error}") from error
        train = load_images(replace(config.data, limit=0), model, config.seed, "train")
        num_images = min(config.score_images, len(train.images_u8))
        labels = torch.arange(num_images) % min(NUM_CLASSES, model.num_classes) if model.num_classes else None
        with _exactly():
            reference = epoch_statistics(train, test, classifier, num_images, labels)
        z = latents_from_seeds(range(FIRST_SEED, FIRST_SEED + num_images), model.latent_dim, model.latent)
        return cls(classifier, reference, z, labels)

    @property
    def num_images(self) -> int:
        return len(self.z)

    def score(self, generator: Generator) -> EpochFigures | None:
        """The generator's figures, from images drawn in eval mode; it is left in the mode it came in. None where
        pixels are no numbers: there is nothing to measure, and the training's own losses will say so."""
        with _exactly():
            images = sample(generator, self.z, self.labels)
            if not images.isfinite().all():
                return None
            return epoch_figures(self.classifier.features(images), self.classifier, self.reference)


def epoch_figures(features: Tensor, classifier: Classifier, reference: EpochStatistics) -> EpochFigures:
    """Of images by their features (N, F), two or more."""
    seen = classifier.logits(features).argmax(1)
    with _one_thread():
        return EpochFigures(
            metrics.frechet_distance(reference.features, features),
            # In float32, for half the time: no coverage that was tried differs from float64's in four digits.
            metrics.coverage(reference.features, features, reference.radii),
            tuple(metrics.class_histogram(seen, NUM_CLASSES).tolist()),
        )


def epoch_statistics(
    train: ImageSet, test: ImageSet, classifier: Classifier, num_images: int, wanted: Tensor | None = None
) -> EpochStatistics:
    """What a training is scored against, from the user's cache where these very images were measured before.

    `wanted` (num_images,) are the labels that a conditional generator is asked for. Unlike that of scores.py it knows
    no distances between pixels, which take most of that one's time.
    """
    images = {"train": train.images_u8, "test": test.images_u8}
    if wanted is not None:
        images |= {"labels": train.labels, "wanted": wanted}
    name = f"light-{classifier.hash}-{weights_id(images)}-{num_images}-v{_VERSION}.safetensors"
    path = cache_folder() / "evaluation" / name
    try:
        tensors, metadata = load_tensors(path)
        if weights_id(tensors) != metadata["content"]:
            raise ValueError(f"{path} is damaged")
        cfd, coverage, histogram = metadata["floor"]
        return EpochStatistics(**tensors, floor=EpochFigures(cfd, coverage, tuple(histogram)))
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        reference = _measure(train, test, classifier, draw_real(train, num_images, wanted))
    tensors = {"features": reference.features, "radii": reference.radii}
    try:
        save_tensors(path, tensors, {"content": weights_id(tensors), "floor": list(reference.floor)})
    except OSError as error:
        logger.warning("%s cannot be kept (%s), so the real images are measured again next time", path, error)
    return reference


def _measure(train: ImageSet, test: ImageSet, classifier: Classifier, drawn: Tensor) -> EpochStatistics:
    logger.info("measuring the real images that the training is scored against, once")
    started = time.monotonic()
    features = classifier.features(to_float(test.images_u8))
    with _one_thread():
        radii = metrics.radii(features)
    found = EpochStatistics(features, radii, EpochFigures(0.0, 0.0, ()))
    floor = epoch_figures(classifier.features(to_float(train.images_u8[drawn])), classifier, found)
    logger.info("measured in %.1f s", time.monotonic() - started)
    return replace(found, floor=floor)


@contextmanager
def _exactly() -> Iterator[None]:
    """With all digits, whatever precision the training has: figures of trainings compare."""
    with matmul_precision("fp32"):
        yield


@contextmanager
def _one_thread() -> Iterator[None]:
    """The decompositions are of small matrices: threads that wait for each other, on cores that are busy with
    something else, take seconds where one takes milliseconds."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
