"""Adversarial losses and gradient penalties: logits in, scalars out.

B batch, F fake images, C H W image. Every discriminator loss is the SUM of a real and a fake term, each a
mean over its own batch; a recipe that wants the mean of the two halves it. B and F may differ, except where
real and fake images are paired ("relativistic").
"""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

LossFn = Callable[[Tensor, Tensor], Tensor]
"""(real_logits (B,), fake_logits (F,)) -> scalar."""


class AdversarialLoss(NamedTuple):
    """The two sides of one game."""

    discriminator: LossFn
    generator: LossFn
    """Never reads its real_logits unless `relative`; None will do."""
    smoothing: bool = False
    """Has targets, which label smoothing may move; build_loss moves them."""
    relative: bool = False
    """The generator's loss compares with real images, so the loop computes their logits for it."""


def build_loss(
    name: str, real_target: float = 1.0, fake_target: float = 0.0, generator_target: float = 1.0
) -> AdversarialLoss:
    """The loss of that name, its targets moved: label smoothing (Salimans et al. 2016, section 3.4).

    "bce" and "least-squares" have all three targets. "minimax" has those of its discriminator; its generator
    maximises the discriminator's loss rather than approaching a target. The others have none.
    Raises ValueError for an unknown name, or a target away from its default that the loss does not have.
    """
    if name not in _BUILDERS:
        raise ValueError(f"loss={name!r} is not one of {', '.join(_BUILDERS)}; choose one of these")
    given = {"real_target": real_target, "fake_target": fake_target, "generator_target": generator_target}
    defaults = {"real_target": 1.0, "fake_target": 0.0, "generator_target": 1.0}
    moved = {target: value for target, value in given.items() if value != defaults[target]}
    for target, value in moved.items():
        # A builder's own parameters say which targets it has: no second table to fall out of step.
        if target not in signature(_BUILDERS[name]).parameters:
            raise ValueError(f"{target}={value} has no effect with loss {name}; set it to {defaults[target]}")
    return _BUILDERS[name](**moved)


# The games. A builder's parameters are the targets that its loss has.


def _bce(
    real_target: float = 1.0,
    fake_target: float = 0.0,
    generator_target: float = 1.0,
) -> AdversarialLoss:
    """Non-saturating GAN (Goodfellow et al. 2014, end of section 3): the generator maximises log D(fake)."""

    def discriminator(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        return _cross_entropy(real_logits, real_target) + _cross_entropy(fake_logits, fake_target)

    def generator(real_logits: Tensor | None, fake_logits: Tensor) -> Tensor:
        return _cross_entropy(fake_logits, generator_target)

    return AdversarialLoss(discriminator, generator, smoothing=True)


def _minimax(real_target: float = 1.0, fake_target: float = 0.0) -> AdversarialLoss:
    """Saturating GAN (Goodfellow et al. 2014, equation 1): the generator minimises log(1 - D(fake))."""

    def generator(real_logits: Tensor | None, fake_logits: Tensor) -> Tensor:
        # log(1 - sigmoid(x)) = log(sigmoid(-x)), and so finite at any logit.
        return F.logsigmoid(-fake_logits).mean()

    return AdversarialLoss(_bce(real_target, fake_target).discriminator, generator, smoothing=True)


def _least_squares(
    real_target: float = 1.0, fake_target: float = 0.0, generator_target: float = 1.0
) -> AdversarialLoss:
    """LSGAN on the logits (Mao et al. 2017, equation 2 with a = 0, b = c = 1, its factors of 1/2 kept)."""

    def discriminator(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        real_error, fake_error = real_logits - real_target, fake_logits - fake_target
        return real_error.square().mean() / 2 + fake_error.square().mean() / 2

    def generator(real_logits: Tensor | None, fake_logits: Tensor) -> Tensor:
        return (fake_logits - generator_target).square().mean() / 2

    return AdversarialLoss(discriminator, generator, smoothing=True)


def _hinge() -> AdversarialLoss:
    """Hinge (Lim and Ye 2017; Miyato et al. 2018, equations 16 and 17)."""

    def discriminator(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        return F.relu(1 - real_logits).mean() + F.relu(1 + fake_logits).mean()

    return AdversarialLoss(discriminator, _minus_mean)


def _wasserstein() -> AdversarialLoss:
    """Wasserstein (Arjovsky et al. 2017, equation 2); the critic needs a penalty to stay Lipschitz."""

    def discriminator(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        return fake_logits.mean() - real_logits.mean()

    return AdversarialLoss(discriminator, _minus_mean)


def _relativistic() -> AdversarialLoss:
    """Relativistic pairing GAN (Jolicoeur-Martineau 2018; Sun et al. 2020; R3GAN, arXiv 2501.05441).

    Real and fake logits are paired in the order they come in, so B = F.
    """

    def discriminator(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        # Unequal batches would broadcast into a plausible number.
        assert real_logits.shape == fake_logits.shape, f"{real_logits.shape} unlike {fake_logits.shape}"
        return F.softplus(fake_logits - real_logits).mean()

    def generator(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        return discriminator(fake_logits, real_logits)

    return AdversarialLoss(discriminator, generator, relative=True)


def _cross_entropy(logits: Tensor, target: float) -> Tensor:
    """BCE(sigmoid(logits), target), from the logits: finite where the sigmoid has rounded to 0 or 1."""
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, target))


def _minus_mean(real_logits: Tensor | None, fake_logits: Tensor) -> Tensor:
    return -fake_logits.mean()


_BUILDERS: dict[str, Callable[..., AdversarialLoss]] = {
    "bce": _bce,
    "minimax": _minimax,
    "least-squares": _least_squares,
    "hinge": _hinge,
    "wasserstein": _wasserstein,
    "relativistic": _relativistic,
}

LOSSES: dict[str, AdversarialLoss] = {name: build() for name, build in _BUILDERS.items()}
"""Every loss by name, its targets at their defaults."""


# Penalties on the discriminator's gradient with respect to its images


def gradient_penalty(
    discriminate: Callable[[Tensor], Tensor],
    real: Tensor,
    fake: Tensor,
    epsilon: Tensor,
) -> Tensor:
    """WGAN-GP: mean (|grad D(x)|_2 - 1)^2 at x = epsilon real + (1 - epsilon) fake. Scalar, unweighted.

    discriminate: images (B, C, H, W) -> logits (B,). real, fake: (B, C, H, W). epsilon: (B, 1, 1, 1),
    in [0, 1], drawn by the caller. Gulrajani et al. 2017, equation 3; their section 4 rules out batch norm in
    D, which would make the penalty of one image depend on the others.
    """
    assert real.shape == fake.shape, f"real {tuple(real.shape)} unlike fake {tuple(fake.shape)}"
    per_image = (len(real), *[1] * (real.ndim - 1))
    assert epsilon.shape == per_image, f"epsilon {tuple(epsilon.shape)} is not one an image, {per_image}"
    between = (epsilon * real + (1 - epsilon) * fake).detach().requires_grad_()
    (gradient,) = torch.autograd.grad(discriminate(between).sum(), between, create_graph=True)
    norm = torch.linalg.vector_norm(gradient.flatten(1), dim=1)  # (B,); its own gradient at 0 is 0, not NaN
    return (norm - 1).square().mean()


def zero_centered_penalty(logits: Tensor, images: Tensor) -> Tensor:
    """1/2 mean |grad D(x)|_2^2 at the images: R1 if they are real, R2 if fake. Scalar, unweighted.

    logits: (B,), computed from images (B, C, H, W), which require grad. Mescheder et al. 2018, equation 9;
    the caller multiplies by their gamma.
    """
    assert images.requires_grad, "images need requires_grad_() before the discriminator sees them"
    # The sum is what makes one backward pass give every image the gradient of its own logit.
    (gradient,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
    return gradient.square().sum() / (2 * len(images))
