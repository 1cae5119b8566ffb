"""How good a generator is, in numbers that somebody else gets too: the same seeds, count, classifier and real images.

Everything is measured against the whole test part of the data, which no generator has seen. Beside each figure
stands its floor: what as many real training images get in place of the generated ones, under the same code. It is not
quite what a perfect generator would get: the classifier was trained on these very images, and is surer of them.

N generated, M real test images, F features, C H W image.
"""

from __future__ import annotations

import dataclasses
import logging
import os
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from dcgan.checkpoint import TrainedGenerator, load_generator, load_tensors, save_tensors, weights_id
from dcgan.data.loading import ImageSet, load_images
from dcgan.evaluation import metrics
from dcgan.evaluation.cache import draw_real
from dcgan.evaluation.classifier import NUM_CLASSES, Classifier, load_classifier, to_float
from dcgan.evaluation.label_scores import LabelScores
from dcgan.files import cache_folder
from dcgan.latents import latents_from_seeds

NUM_IMAGES = 10_000
_COMPARED = 2_500
"""Images, real and generated, whose nearest training image is sought: their median needs no more of them, and each
takes 60,000 distances between images."""
_VERSION = 1
"""Raise it when real images get other figures than before: what was kept by the old code is then made anew."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Figures:
    """What a set of images gets. See dcgan.evaluation.metrics for each."""

    cfd: float
    """Classifier Fréchet distance; 0 is best."""
    kernel_distance: float
    kernel_deviation: float
    inception_score: float
    """By the classifier: 10 is best, for ten classes."""
    precision: float
    recall: float
    density: float
    coverage: float
    class_distance: float
    """Total variation distance of the classes, as the classifier sees them, from the training labels'."""
    class_histogram: tuple[float, ...]


@dataclass(frozen=True)
class Scores:
    """The figures of one generator's images, and all that they depend on."""

    classifier: str
    classifier_hash: str
    num_images: int
    figures: Figures
    floor: Figures
    memorization_ratio: float
    """See metrics.memorization_ratio; of distances between pixels in [-1, 1]."""
    memorizes: bool
    label_accuracy: float | None
    """Of a conditional generator: the share of images that are taken for the digit they were to be."""
    weights_id: str = ""
    step: int = 0
    seed: int = 0
    """Of the first image; the others have those that follow."""
    labels: LabelScores | None = None
    """Of a conditional generator, where they were asked for: they take minutes. See dcgan.evaluation.label_scores."""

    def to_json(self) -> dict[str, Any]:
        """Flat, rounded to six digits, those of real images as real_NAME: a row of evals.jsonl."""
        values: dict[str, Any] = {
            "weights_id": self.weights_id,
            "step": self.step,
            "seed": self.seed,
            "num_images": self.num_images,
            "classifier": self.classifier,
            "classifier_hash": self.classifier_hash,
        }
        floor = dataclasses.asdict(self.floor)
        for name, value in dataclasses.asdict(self.figures).items():
            values |= {name: value, f"real_{name}": floor[name]}
        values |= {"memorization_ratio": self.memorization_ratio, "memorizes": self.memorizes}
        if self.label_accuracy is not None:
            values["label_accuracy"] = self.label_accuracy
        if self.labels is not None:
            values |= dataclasses.asdict(self.labels)
        return {name: rounded(value) for name, value in values.items()}


def rounded(value: Any) -> Any:
    """To six digits, as rows of evals.jsonl have them; what is no float stays as it is."""
    if isinstance(value, tuple):
        return [rounded(each) for each in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value


@dataclass(frozen=True)
class RealStatistics:
    """The real images that a generator is measured against, and what they get themselves."""

    features: Tensor
    """Of the test images, (M, F)."""
    radii: Tensor
    """Of their balls, (M,)."""
    classes: Tensor
    """Of some of them, from all over the test part, as the classifier sees them."""
    nearest: Tensor
    """How far each of these is from the nearest training image, in pixels' values."""
    train_u8: Tensor
    """(T, C, H, W)."""
    histogram: Tensor
    """The share of each label in the training part, (10,)."""
    floor: Figures


def evaluate(
    generator: TrainedGenerator | str | os.PathLike[str],
    *,
    classifier: Classifier | None = None,
    num_images: int = NUM_IMAGES,
    seed: int = 0,
) -> Scores:
    """Draw images from the seeds `seed`, `seed` + 1, ... and score them against the generator's own data.

    A conditional generator draws every digit in turn, and is compared with as many real images of each. The same call
    gives the same numbers on the same machine with as many threads.

    Args:
        generator: A generator, or a run or path that `load_generator` loads.
        classifier: The network whose features are compared. Default: the published one of the generator's data.
        num_images: How many images are drawn. Scores of different counts do not compare.
        seed: The first seed.

    Raises:
        ValueError: There is no classifier for the data, or the data have fewer than `num_images` images.
        FileNotFoundError: The generator or the data are not there.

    Example:
        >>> import dcgan
        >>> scores = dcgan.evaluate("checkpoints/dcgan-mnist", num_images=100)
        >>> scores.num_images, scores.classifier
        (100, 'mnist classifier')
        >>> scores.figures.cfd > scores.floor.cfd  # farther from the test images than real training images are
        True
    """
    if not isinstance(generator, TrainedGenerator):
        generator = load_generator(generator)
    config = generator.train_config
    classifier = classifier or load_classifier(config.data.name, generator.device)
    classifier.features(torch.empty(0, *config.model.image_shape))  # says at once if it cannot take the shape
    train, test = (load_images(config.data, config.model, config.seed, split) for split in ("train", "test"))
    labels = torch.arange(num_images) % NUM_CLASSES if config.model.num_classes else None
    reference = real_statistics(train, test, classifier, num_images, labels)
    z = latents_from_seeds(range(seed, seed + num_images), config.model.latent_dim, config.model.latent)
    scores = score(generator(z, labels), labels, reference, classifier)
    return dataclasses.replace(scores, weights_id=generator.weights_id, step=generator.step, seed=seed)


def score(images: Tensor, labels: Tensor | None, reference: RealStatistics, classifier: Classifier) -> Scores:
    """Score images (N, 1, 28, 28) in [-1, 1], whoever drew them; `labels` (N,): what they were to be, if anything.

    Raises ValueError for pixels that are no numbers.
    """
    if not images.isfinite().all():
        raise ValueError(
            "the images have pixels that are no numbers and cannot be scored; train their generator again"
        )
    features = classifier.features(images)
    figures = _figures(features, classifier, reference.features, reference.radii, reference.histogram)
    classes = classifier.logits(features).argmax(1)
    compared = images[:_COMPARED].flatten(1)
    distances = metrics.nearest(compared, to_float(reference.train_u8).flatten(1))
    ratio = metrics.memorization_ratio(distances, classes[:_COMPARED], reference.nearest, reference.classes)
    return Scores(
        classifier=f"{classifier.name} classifier",
        classifier_hash=classifier.hash,
        num_images=len(images),
        figures=figures,
        floor=reference.floor,
        memorization_ratio=ratio,
        memorizes=ratio < metrics.MEMORIZES_BELOW,
        label_accuracy=None if labels is None else (classes == labels).double().mean().item(),
    )


def _figures(
    features: Tensor, classifier: Classifier, real: Tensor, real_radii: Tensor, histogram: Tensor
) -> Figures:
    logits = classifier.logits(features)
    seen = metrics.class_histogram(logits.argmax(1), NUM_CLASSES)
    return Figures(
        metrics.frechet_distance(real, features),
        *metrics.kernel_distance(real, features),
        metrics.inception_score(logits),
        *metrics.neighbors(real, features, real_radii, metrics.radii(features)),
        metrics.class_distance(seen, histogram),
        tuple(seen.tolist()),
    )


# Real images


def real_statistics(
    train: ImageSet, test: ImageSet, classifier: Classifier, num_images: int, wanted: Tensor | None = None
) -> RealStatistics:
    """What a generator is measured against, from the user's cache where these very images were measured before.

    The floor is that of `num_images` training images, drawn by a fixed seed, and of the labels `wanted` (num_images,)
    where a conditional generator is asked for these. Raises ValueError for a count or a label that the training
    images do not have.
    """
    least = metrics.K + 1
    if not least <= num_images <= len(train.images_u8):
        raise ValueError(f"num_images={num_images} is not in {least}..{len(train.images_u8)}, which the data has")
    histogram = metrics.class_histogram(train.labels, NUM_CLASSES)
    path = cache_folder() / "evaluation" / f"{_key(train, test, classifier, num_images, wanted)}.safetensors"
    try:
        tensors, metadata = load_tensors(path)
        if weights_id(tensors) != metadata["content"]:
            raise ValueError(f"{path} is damaged")
        floor = Figures(**metadata["floor"] | {"class_histogram": tuple(metadata["floor"]["class_histogram"])})
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        tensors, floor = _measure(train, test, classifier, draw_real(train, num_images, wanted), histogram)
        try:
            save_tensors(path, tensors, {"content": weights_id(tensors), "floor": dataclasses.asdict(floor)})
        except OSError as error:
            logger.warning("%s cannot be kept (%s), so the real images are measured again next time", path, error)
    return RealStatistics(**tensors, train_u8=train.images_u8, histogram=histogram, floor=floor)


def _measure(
    train: ImageSet, test: ImageSet, classifier: Classifier, drawn: Tensor, histogram: Tensor
) -> tuple[dict[str, Tensor], Figures]:
    logger.info("measuring the real images, once")
    features = classifier.features(to_float(test.images_u8))
    radii = metrics.radii(features)
    floor = _figures(classifier.features(to_float(train.images_u8[drawn])), classifier, features, radii, histogram)
    spread = slice(None, None, max(1, len(test.images_u8) // _COMPARED))  # MNIST's halves are of different writers
    compared, train_pixels = (to_float(images).flatten(1) for images in (test.images_u8[spread], train.images_u8))
    tensors = {
        "features": features,
        "radii": radii,
        "classes": classifier.logits(features[spread]).argmax(1),
        "nearest": metrics.nearest(compared, train_pixels),
    }
    return tensors, floor


def _key(
    train: ImageSet, test: ImageSet, classifier: Classifier, num_images: int, wanted: Tensor | None = None
) -> str:
    """Changes with whatever decides the figures: the classifier, the images, their labels, the count or what labels
    are asked for, the code."""
    images = {"train": train.images_u8, "labels": train.labels, "test": test.images_u8}
    if wanted is not None:
        images["wanted"] = wanted
    return f"{classifier.hash}-{weights_id(images)}-{num_images}-v{_VERSION}"
