"""A sheet of seeds as the discriminator sees them: its answers, its advice, and where the advice leads.

N images, C H W image.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dcgan import pixels
from dcgan.checkpoint import TrainedGenerator
from dcgan.config import NUM_COMPONENTS, ModelConfig, TrainConfig
from dcgan.data.loading import ImageSet, load_images
from dcgan.data.named_sets import PROJECT_DATA
from dcgan.figures.architecture import describe_architecture, multiplications
from dcgan.files import cache_folder
from dcgan.locale.language import tr
from dcgan.models.networks import Discriminator
from dcgan.pixels import Bytes
from dcgan.sampling.sheets import labels_along
from dcgan.training.critique import criticize, follow_advice, largest_advice
from dcgan.training.losses import get_loss

NUM_SEEDS = 16
FEWEST_SEEDS = 4
STEPS = (1, 5, 20)
"""How far the advice is followed."""
STEP_SIZE = 0.05
"""The largest change of a pixel in one step, in shares of the pixel range."""
MAX_MULTIPLICATIONS = 40_000_000_000
"""For one answer to a visitor: two seconds on two cores. Larger networks get fewer seeds."""
_POOL = 512
"""Real images from which those with the right labels are chosen."""
_POOL_OF_FOLDER = 64
_PASSES = 3 * (STEPS[-1] - STEPS[-2] + 1)
"""Through the network for an image, from one number of steps to the next. A gradient takes three of an answer."""

Scale = Literal["probability", "pair", "target", "logit"]


@dataclass(frozen=True)
class Answers:
    """The discriminator's answers to images."""

    logits: NDArray[np.float32]
    """(N,)"""
    realness: NDArray[np.float32]
    """(N,) in [0, 1]: 1 where the discriminator takes the image for real. See CritiqueSheet.scale."""


@dataclass(frozen=True)
class RealImages:
    """Real images beside the seeds, or the reason why there are none."""

    images_u8: Bytes | None
    """(N, C, H, W)"""
    labels: NDArray[np.int64] | None
    reason: str = ""


@dataclass(frozen=True)
class Scene:
    """Images and what a critique of them needs, in the pixel range of the networks."""

    config: TrainConfig
    """Its loss is that of the critique."""
    images: Tensor
    labels: Tensor | None
    real: Tensor | None
    real_labels: Tensor | None
    real_logits: NDArray[np.float32] | None
    largest: Tensor | None = None
    """(N, 1, 1, 1): the advice that makes a whole step."""


@dataclass(frozen=True)
class CritiqueSheet:
    """What the discriminator tells about a sheet of seeds."""

    scale: Scale
    """What realness is. probability: the sigmoid of the logit. pair: the probability that the image is the real one
    of its pair, the sigmoid of the difference of both logits. target: where the logit is between the targets of fake
    and real. logit: its sigmoid, which is only a color."""
    images_u8: Bytes
    """(N, C, H, W)"""
    fake: Answers
    advice: NDArray[np.float32]
    """(N, C, H, W): minus the gradient of each image's own loss. Brighter where it is above 0."""
    real: Answers | None
    replaced_loss: bool
    """Whether the loss needs real images that are not there, and a loss that raises the logits replaces it."""
    scene: Scene


@dataclass(frozen=True)
class Followed:
    """The images of a sheet after some steps along the advice."""

    images_u8: Bytes
    """(N, C, H, W)"""
    answers: Answers
    scene: Scene
    """The same with the changed images, from which more steps lead on."""


def seeds_within_bounds(model: ModelConfig) -> int:
    """Return for how many seeds a sheet is computed: NUM_SEEDS, or fewer where the discriminator is large.

    It is 0 where even the fewest seeds would take four times as long as they should.
    """
    cost = _PASSES * sum(multiplications(describe_architecture(model).discriminator))
    if FEWEST_SEEDS * cost > 4 * MAX_MULTIPLICATIONS:
        return 0
    return max(FEWEST_SEEDS, min(NUM_SEEDS, MAX_MULTIPLICATIONS // max(1, cost)))


def real_images(config: TrainConfig, count: int, *, read_own: bool) -> RealImages:
    """Return real training images, as many and with such labels as the seeds of a sheet have.

    They are always the same ones. Nothing is downloaded. A folder of own images is read where `read_own`, and a table
    is not.
    """
    data, model = config.data, config.model
    if data.is_table:
        return RealImages(None, None, tr("{data} is a table, and no images are read from it here", data=data.name))
    if data.is_folder and not read_own:
        return RealImages(None, None, tr("this server does not show the pictures of a folder"))
    places = [data] if data.is_folder or data.root else []
    # A root that is named is only read.
    places = places or [replace(data, root=str(root)) for root in (PROJECT_DATA, cache_folder())]
    reason = ""
    for place in places:
        try:
            most = _POOL_OF_FOLDER if data.is_folder else _POOL
            pool = load_images(place, model, config.seed, at_most=most)
            return _chosen(pool, labels_along(count, model.num_classes), count)
        except (OSError, ValueError) as error:
            reason = str(error)
    if not (data.is_folder or data.root):
        reason = tr("{data} is not on this machine", data=data.name)
    return RealImages(None, None, reason)


def _chosen(pool: ImageSet, labels: NDArray[np.int64] | None, count: int) -> RealImages:
    """Return images of the pool in its order; with labels, for each the next image of that label, if there is one."""
    if labels is None or pool.labels is None:
        rows = np.resize(np.arange(len(pool.images_u8)), count)
        return RealImages(pool.images_u8[rows].numpy(), None)
    of_pool, rows, seen = pool.labels.numpy(), [], dict[int, int]()
    for label in labels.tolist():
        same = np.flatnonzero(of_pool == label)
        same = same if len(same) else np.arange(len(of_pool))
        rows.append(same[seen.get(label, 0) % len(same)])
        seen[label] = seen.get(label, 0) + 1
    return RealImages(pool.images_u8[rows].numpy(), of_pool[rows])


def critique_sheet(
    generator: TrainedGenerator, discriminator: Discriminator, seeds: Sequence[int], real: RealImages
) -> CritiqueSheet:
    """Return the sheet of these seeds; a conditional generator draws all its labels in turn.

    The loss is that of the generator's training. Raises ValueError where the discriminator is of another model, and
    for images or answers that are not finite.
    """
    config = generator.train_config
    model = config.model
    seen = discriminator.config
    if (seen.image_shape, seen.num_classes, seen.output) != (model.image_shape, model.num_classes, model.output):
        raise ValueError(tr("its discriminator sees other images or labels than its generator draws; train it again"))
    z, labels = generator.latents(seeds), labels_along(len(seeds), model.num_classes)
    fakes = generator(z, labels)
    images_u8 = pixels.to_uint8(fakes.numpy())  # refuses what is not finite
    fake_labels = z[:, :NUM_COMPONENTS].argmax(1) if model.auxiliary_head else labels
    replaced = get_loss(config.loss).pairs_real_with_fake and real.images_u8 is None
    beside = None if real.images_u8 is None else _in_range(torch.from_numpy(pixels.from_uint8(real.images_u8)), model)
    real_labels, real_logits = _tensor(real.labels), None
    if beside is not None:
        with torch.no_grad():
            real_logits = discriminator(beside, real_labels).numpy()
    judged = replace(config, loss="wasserstein") if replaced else config
    scene = Scene(judged, _in_range(fakes, model), _tensor(fake_labels), beside, real_labels, real_logits)
    critique = criticize(discriminator, judged, scene.images, scene.labels, beside, real_labels)
    logits, advice = critique.logits.numpy(), critique.advice.numpy()
    if not (np.isfinite(logits).all() and np.isfinite(advice).all()):
        raise ValueError(tr("its discriminator answers with numbers that are not finite; its training has diverged"))
    of_real = None if real_logits is None else _answers(real_logits, logits, judged)
    scene = replace(scene, largest=largest_advice(critique))
    return CritiqueSheet(
        _scale(judged), images_u8, _answers(logits, real_logits, judged), advice, of_real, replaced, scene
    )


def follow(discriminator: Discriminator, scene: Scene, steps: int) -> Followed:
    """Return the images of the scene after so many steps along the advice, and D's answers to them."""
    config = scene.config
    images, critique = follow_advice(
        discriminator,
        config,
        scene.images,
        steps,
        STEP_SIZE,
        scene.labels,
        scene.real,
        scene.real_labels,
        largest=scene.largest,
    )
    low, high = config.model.pixel_range
    images_u8 = pixels.to_uint8(((images - low) * (2 / (high - low)) - 1).numpy())
    answers = _answers(critique.logits.numpy(), scene.real_logits, config)
    return Followed(images_u8, answers, replace(scene, images=images))


def _scale(config: TrainConfig) -> Scale:
    loss = get_loss(config.loss)
    if loss.pairs_real_with_fake:
        return "pair"
    if loss.logits_are_probabilities:
        return "probability"
    return "target" if loss.targets else "logit"


def _answers(logits: NDArray[np.float32], others: NDArray[np.float32] | None, config: TrainConfig) -> Answers:
    """Return answers to images. `others` are the logits of the images with which a loss pairs these."""
    scale = _scale(config)
    if scale == "target":
        width = config.real_target - config.fake_target or 1.0
        return Answers(logits, ((logits - config.fake_target) / width).clip(0, 1).astype(np.float32))
    margin = logits - others if scale == "pair" and others is not None else logits
    return Answers(logits, torch.from_numpy(np.asarray(margin)).sigmoid().numpy())


def _tensor(labels: NDArray[np.integer] | None) -> Tensor | None:
    return None if labels is None else torch.from_numpy(np.asarray(labels, np.int64))


def _in_range(images: Tensor, model: ModelConfig) -> Tensor:
    """Return images in [-1, 1] in the range of the networks."""
    low, high = model.pixel_range
    return (images + 1) * ((high - low) / 2) + low
