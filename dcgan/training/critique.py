"""What the discriminator tells the generator: its answer to each image, and how each pixel should change.

B images, C H W image.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from dcgan.config import TrainConfig
from dcgan.locale.language import tr
from dcgan.models.networks import Discriminator
from dcgan.training.losses import TARGET_DEFAULTS, build_loss


@dataclass(frozen=True)
class Critique:
    """The discriminator's answers to images, and its advice."""

    logits: Tensor
    """(B,)"""
    real_logits: Tensor | None
    """(B,) for the real images that a loss pairs with these; None for other losses."""
    advice: Tensor
    """(B, C, H, W): minus the gradient of the generator's loss. Brighter where it is above 0."""


def as_in_training(discriminator: Discriminator) -> Discriminator:
    """Return the discriminator as the generator meets it: batch norm by the statistics of the images at hand.

    A batch of real and a batch of fake images have statistics of their own in a training. The running averages mix
    both, and by them a discriminator may take every image for real. The result is in eval mode and a copy, except
    where the discriminator has no batch norm: then it is the discriminator itself.
    """
    if not any(isinstance(module, _BatchNorm) for module in discriminator.modules()):
        return discriminator.eval()
    trained = copy.deepcopy(discriminator).eval()
    for module in trained.modules():
        if isinstance(module, _BatchNorm):
            # Without running averages, batch norm uses the batch in eval mode too.
            module.running_mean = module.running_var = module.num_batches_tracked = None
    return trained


def criticize(
    discriminator: Discriminator,
    config: TrainConfig,
    images: Tensor,
    labels: Tensor | None = None,
    real: Tensor | None = None,
    real_labels: Tensor | None = None,
    *,
    real_logits: Tensor | None = None,
) -> Critique:
    """Return the discriminator's answers to images (B, C, H, W) in its pixel range, and its advice.

    The loss is that of the config. One that pairs real with fake images needs as many real images, in the same range.
    The discriminator computes in eval mode, so that an image's answer does not depend on the others. Only the
    minibatch standard deviation is of all of them, and so is batch norm `as_in_training`. Each image's loss counts
    by itself, not as a mean. The networks stay as they are. `real_logits` (B,) are the answers to the real images,
    where the caller has them.

    Raises ValueError where a loss that pairs has not as many real images.
    """
    loss = build_loss(config.loss, **{target: getattr(config, target) for target in TARGET_DEFAULTS})
    count = next((len(given) for given in (real_logits, real) if given is not None), 0)
    if loss.pairs_real_with_fake and count != len(images):
        raise ValueError(
            tr(
                "loss {loss} pairs {images} images with as many real ones, and got {count}",
                loss=config.loss,
                images=len(images),
                count=count,
            )
        )
    was_training = discriminator.training
    discriminator.eval()
    try:
        seen = images.detach().requires_grad_()
        logits = discriminator(seen, labels)
        if real_logits is None and loss.pairs_real_with_fake:
            with torch.no_grad():
                real_logits = discriminator(real, real_labels)
        # The loss is a mean over the images, and each image's own loss is wanted.
        total = len(images) * loss.generator(real_logits, logits)
        (gradient,) = torch.autograd.grad(total, seen)
    finally:
        discriminator.train(was_training)
    return Critique(logits.detach(), real_logits if loss.pairs_real_with_fake else None, -gradient)


def largest_advice(critique: Critique) -> Tensor:
    """Return the largest advice of each image, (B, 1, 1, 1), above 0."""
    return critique.advice.abs().amax((1, 2, 3), keepdim=True).clamp_min(1e-12)


def follow_advice(
    discriminator: Discriminator,
    config: TrainConfig,
    images: Tensor,
    steps: int,
    size: float,
    labels: Tensor | None = None,
    real: Tensor | None = None,
    real_labels: Tensor | None = None,
    *,
    largest: Tensor | None = None,
) -> tuple[Tensor, Critique]:
    """Return the images after some steps along the advice, and the critique of the result.

    The first step changes an image's brightest advice by `size` of its pixel range, and all pixels in proportion.
    Later steps are smaller where the advice has become weaker: else they would go past the images that D likes best.
    Pixels stay in the range. `largest` (B, 1, 1, 1) is the advice that makes a whole step, where these steps go on
    from earlier ones (see `largest_advice`).
    """
    low, high = config.model.pixel_range
    critique = criticize(discriminator, config, images, labels, real, real_labels)
    largest = largest_advice(critique) if largest is None else largest
    for _ in range(steps):
        scale = torch.maximum(largest, largest_advice(critique))
        images = (images + size * (high - low) * critique.advice / scale).clamp(low, high)
        # The real images stay, and so do the answers to them.
        critique = criticize(discriminator, config, images, labels, real_logits=critique.real_logits)
    return images, critique
