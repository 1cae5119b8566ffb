"""Score a generator at the end of each epoch of a training: a few scores of a few images.

CFD, coverage and the class histogram are those of scores.py, with the same classifier and the same test images. They
are of fewer images, so they compare with each other and with their real images, and not with a full evaluation.

N generated, M real test images, F features.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from dcgan.checkpoint import weights_id
from dcgan.config import TrainConfig
from dcgan.data.loading import ImageSet, load_images
from dcgan.evaluation import metrics
from dcgan.evaluation.classifier import NUM_CLASSES, Classifier, load_classifier
from dcgan.evaluation.images import NetworkSampler, draw
from dcgan.evaluation.real_images import cached, draw_real, scores_as_tensors, scores_from_tensors
from dcgan.locale.language import tr
from dcgan.models.gan import Gan
from dcgan.models.networks import Generator
from dcgan.pixels import from_uint8
from dcgan.runs.rows import ScoreRow
from dcgan.runtime.device import matmul_precision, one_thread

FIRST_SEED = 0
"""The seed of the first image. The others have the seeds after it, the same at every epoch of every training."""

logger = logging.getLogger(__name__)


class EpochScores(NamedTuple):
    """The scores of one epoch. See dcgan.runs.scores for each."""

    cfd: float
    coverage: float
    class_histogram: tuple[float, ...]


@dataclass(frozen=True)
class EpochStatistics:
    """The real test images, and the scores of as many real training images as will be drawn."""

    features: Tensor
    """(M, F) float32, of the test images."""
    radii: Tensor
    """(M,) float64, see metrics.radii."""
    real: EpochScores


class EpochScorer(Protocol):
    """What scores the generator along a training: a Scorer, or a PictureScorer of picture_scorer.py."""

    every_images: int

    def score(self, generator: Generator, *, gan: Gan | None = None) -> Any: ...

    def row(
        self, scores: Any, *, step: int, epoch: float, images_seen: int, wall_seconds: float, seconds: float
    ) -> ScoreRow: ...


class Scorer:
    """Scores the generator of one training at every epoch. It draws random numbers only from its own seeds."""

    every_images = 0
    """Real images between two scorings, at least."""

    def __init__(
        self, classifier: Classifier, statistics: EpochStatistics, num_images: int, labels: Tensor | None
    ) -> None:
        """`labels` (num_images,) or None: what a conditional generator is given."""
        self.classifier = classifier
        self.statistics = statistics
        self.num_images = num_images
        self.labels = labels

    @classmethod
    def open(cls, config: TrainConfig, device: torch.device) -> Scorer | None:
        """Return the scorer of a training with this config; None if it has score_images=0.

        It draws `config.score_images` images, or as many as there are real training images. Real images are all
        training images whatever `data.limit` is, so that all trainings on a set compare with the same ones. Raises
        ValueError or FileNotFoundError if the data have no classifier or no test images.
        """
        if not config.score_images:
            return None
        model = config.model
        if config.data.name == "stacked-mnist":
            raise ValueError(
                tr(
                    "its 1,000 modes are counted among 26,000 images, not among a few; after the training, count "
                    "them with: python -m dcgan evaluate RUN"
                )
            )
        classifier = load_classifier(config.data.name, device)
        classifier.features(torch.empty(0, *model.image_shape))  # refuses a wrong shape before the training
        try:
            test = load_images(config.data, model, config.seed, "test")
        except FileNotFoundError as error:
            raise FileNotFoundError(
                tr("the test images of {data} are missing: {reason}", data=config.data.name, reason=error)
            ) from error
        train = load_images(replace(config.data, limit=0), model, config.seed, "train")
        num_images = min(config.score_images, len(train.images_u8))
        labels = torch.arange(num_images) % min(NUM_CLASSES, model.num_classes) if model.num_classes else None
        with matmul_precision("fp32"):
            statistics = epoch_statistics(train, test, classifier, num_images, labels)
        return cls(classifier, statistics, num_images, labels)

    def score(self, generator: Generator, *, gan: Gan | None = None) -> EpochScores | None:
        """Return the scores of images drawn in eval mode; None if pixels are not numbers. `gan` is not used.

        The generator keeps its mode. Scores have full precision in a training of any precision, so that they compare.
        """
        with matmul_precision("fp32"):
            chunks = draw(NetworkSampler(generator), self.num_images, seed=FIRST_SEED, labels=self.labels)
            images = torch.cat([*chunks])
            if not images.isfinite().all():
                return None
            features = self.classifier.features(images)
            return epoch_scores(features, self.classifier, self.statistics.features, self.statistics.radii)

    def row(
        self, scores: EpochScores, *, step: int, epoch: float, images_seen: int, wall_seconds: float, seconds: float
    ) -> ScoreRow:
        """Return the scores as a row of scores.jsonl. `seconds`: how long the scoring took."""
        real = self.statistics.real
        return ScoreRow(
            step=step,
            epoch=epoch,
            images_seen=images_seen,
            wall_seconds=wall_seconds,
            num_images=self.num_images,
            cfd=float(f"{scores.cfd:.6g}"),
            real_cfd=float(f"{real.cfd:.6g}"),
            coverage=scores.coverage,
            real_coverage=real.coverage,
            class_histogram=scores.class_histogram,
            real_class_histogram=real.class_histogram,
            classifier=f"{self.classifier.name} classifier",
            classifier_hash=self.classifier.hash,
            scoring_seconds=round(seconds, 3),
        )


def epoch_scores(features: Tensor, classifier: Classifier, real: Tensor, radii: Tensor) -> EpochScores:
    """Return the scores of two or more images with features (N, F), beside real features (M, F) with `radii` (M,)."""
    classes = classifier.logits(features).argmax(1)
    with one_thread():
        return EpochScores(
            metrics.frechet_distance(real, features),
            # float32 takes half the time. In all tests, coverage was the same as with float64 to four digits.
            metrics.coverage(real, features, radii),
            tuple(metrics.class_histogram(classes, NUM_CLASSES).tolist()),
        )


def epoch_statistics(
    train: ImageSet, test: ImageSet, classifier: Classifier, num_images: int, labels: Tensor | None = None
) -> EpochStatistics:
    """Return what a training is compared with, from the cache if the same images were measured before.

    `labels` (num_images,) are those that a conditional generator is given. Distances between pixels, which take most
    of the time in scores.py, are not measured.
    """
    images = {"train": train.images_u8, "test": test.images_u8}
    if labels is not None:
        assert train.labels is not None, "data of a conditional generator have labels"
        images |= {"train_labels": train.labels, "labels": labels}
    name = f"epoch-{classifier.hash}-{weights_id(images)}-{num_images}"
    tensors = cached(name, lambda: _measure(train, test, classifier, draw_real(train, num_images, labels)))
    real = scores_from_tensors(tensors)
    histogram = tuple(tensors["class_histogram"].tolist())
    return EpochStatistics(
        tensors["features"], tensors["radii"], EpochScores(real["cfd"], real["coverage"], histogram)
    )


def _measure(train: ImageSet, test: ImageSet, classifier: Classifier, drawn: Tensor) -> dict[str, Tensor]:
    """Return what `cached` stores: statistics of the test images, and scores of the `drawn` training images."""
    started = time.monotonic()
    features = classifier.features(from_uint8(test.images_u8))
    with one_thread():
        radii = metrics.radii(features)
    real = epoch_scores(classifier.features(from_uint8(train.images_u8[drawn])), classifier, features, radii)
    logger.info("measured in %.1f s", time.monotonic() - started)
    return {
        "features": features,
        "radii": radii,
        "class_histogram": torch.tensor(real.class_histogram, dtype=torch.float64),
        **scores_as_tensors({"cfd": real.cfd, "coverage": real.coverage}),
    }
