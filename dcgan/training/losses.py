"""The adversarial losses: logits to scalars. A new loss is an entry of LOSSES, and everything else reads that.

B real images, F fake images. A discriminator loss is the sum of a real and a fake term. Each term is a mean over its
own batch. B and F may differ, except where a loss pairs real with fake images.

This module imports torch inside its functions only: pages and the command line read LOSSES without torch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from dcgan.locale.language import tr, tr_plural

if TYPE_CHECKING:
    from torch import Tensor

    from dcgan.config import TrainConfig

TARGET_DEFAULTS = {"real_target": 1.0, "fake_target": 0.0, "generator_target": 1.0}
"""The targets that label smoothing moves (Salimans et al. 2016, section 3.4), and their values without smoothing."""


@dataclass(frozen=True)
class AdversarialLoss:
    """The two losses of a game, and the properties that other modules read."""

    discriminator: Callable[..., Tensor]
    """(real_logits (B,), fake_logits (F,)) -> scalar. Keywords: real_target and fake_target, if the loss has them."""
    generator: Callable[..., Tensor]
    """(real_logits (B,) or None, fake_logits (F,)) -> scalar. Keyword: generator_target, if the loss has it.

    It reads real_logits only where `pairs_real_with_fake`.
    """
    targets: tuple[str, ...] = ()
    """The keys of TARGET_DEFAULTS that the loss has."""
    logits_are_probabilities: bool = False
    """Whether the sigmoid of a logit estimates the probability that the image is real."""
    pairs_real_with_fake: bool = False
    """Whether each real logit is compared with one fake logit. Then B = F, and the generator needs real logits."""


def get_loss(name: str) -> AdversarialLoss:
    """Return the loss with this name. Raises ValueError that lists the names."""
    if name not in LOSSES:
        raise ValueError(
            tr("loss={name!r} is not one of {names}; choose one of these", name=name, names=", ".join(LOSSES))
        )
    return LOSSES[name]


def build_loss(name: str, **targets: float) -> AdversarialLoss:
    """Return the loss with this name, with targets (keys of TARGET_DEFAULTS) in place.

    Raises ValueError for an unknown name, and for a target that the loss lacks and that is not at its default.
    """
    loss = get_loss(name)
    idle = {k: v for k, v in targets.items() if k not in loss.targets and v != TARGET_DEFAULTS[k]}
    if idle:
        raise ValueError(
            tr_plural(
                "{targets} has no effect with loss {loss}; set it to {defaults}",
                "{targets} have no effect with loss {loss}; set them to {defaults}",
                len(idle),
                targets=", ".join(f"{target}={value}" for target, value in idle.items()),
                loss=name,
                defaults=", ".join(str(TARGET_DEFAULTS[target]) for target in idle),
            )
        )
    given = {target: value for target, value in targets.items() if target in loss.targets}
    of_generator = {target: value for target, value in given.items() if target == "generator_target"}
    of_discriminator = {target: value for target, value in given.items() if target != "generator_target"}
    return replace(
        loss,
        discriminator=partial(loss.discriminator, **of_discriminator),
        generator=partial(loss.generator, **of_generator),
    )


def check_loss(config: TrainConfig) -> None:
    """Raise ValueError where the config's loss is unknown, or does not fit its other fields."""
    loss = get_loss(config.loss)
    build_loss(config.loss, **{target: getattr(config, target) for target in TARGET_DEFAULTS})
    if loss.pairs_real_with_fake and config.generator_batch_factor != 1:
        raise ValueError(
            tr(
                "generator_batch_factor={factor} cannot pair real and fake images; loss {loss} needs 1",
                factor=config.generator_batch_factor,
                loss=config.loss,
            )
        )


def logits_are_probabilities(name: str) -> bool:
    """Return whether the loss reads logits as probabilities; False for a loss that this version does not know."""
    return name in LOSSES and LOSSES[name].logits_are_probabilities


def pairs_real_with_fake(name: str) -> bool:
    """Return whether the loss compares each real logit with a fake one; False for a loss that is not known."""
    return name in LOSSES and LOSSES[name].pairs_real_with_fake


# The losses. A function's keywords are the targets that it has.


def _bce_discriminator(
    real_logits: Tensor, fake_logits: Tensor, *, real_target: float = 1.0, fake_target: float = 0.0
) -> Tensor:
    """Cross-entropy of the sigmoids (Goodfellow et al. 2014, equation 1)."""
    return _cross_entropy(real_logits, real_target) + _cross_entropy(fake_logits, fake_target)


def _non_saturating_generator(
    real_logits: Tensor | None, fake_logits: Tensor, *, generator_target: float = 1.0
) -> Tensor:
    """Maximize log D(fake) (Goodfellow et al. 2014, end of section 3)."""
    return _cross_entropy(fake_logits, generator_target)


def _minimax_generator(real_logits: Tensor | None, fake_logits: Tensor) -> Tensor:
    """Minimize log(1 - D(fake)) (Goodfellow et al. 2014, equation 1). It saturates where D is sure."""
    from torch.nn import functional as F

    # log(1 - sigmoid(x)) = log(sigmoid(-x)), which is finite for every logit.
    return F.logsigmoid(-fake_logits).mean()


def _least_squares_discriminator(
    real_logits: Tensor, fake_logits: Tensor, *, real_target: float = 1.0, fake_target: float = 0.0
) -> Tensor:
    """LSGAN on the logits (Mao et al. 2017, equation 2 with a = 0 and b = 1, with its factors of 1/2)."""
    real_error, fake_error = real_logits - real_target, fake_logits - fake_target
    return real_error.square().mean() / 2 + fake_error.square().mean() / 2


def _least_squares_generator(
    real_logits: Tensor | None, fake_logits: Tensor, *, generator_target: float = 1.0
) -> Tensor:
    """LSGAN's other side (Mao et al. 2017, equation 2 with c = 1)."""
    return (fake_logits - generator_target).square().mean() / 2


def _hinge_discriminator(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Hinge loss (Lim and Ye 2017; Miyato et al. 2018, equation 16)."""
    return (1 - real_logits).relu().mean() + (1 + fake_logits).relu().mean()


def _wasserstein_discriminator(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Wasserstein distance (Arjovsky et al. 2017, equation 2). The critic needs a penalty to stay Lipschitz."""
    return fake_logits.mean() - real_logits.mean()


def _negative_mean_generator(real_logits: Tensor | None, fake_logits: Tensor) -> Tensor:
    """Raise the fake logits: the generator's side of hinge (equation 17) and Wasserstein."""
    return -fake_logits.mean()


def _relativistic_discriminator(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Relativistic pairing GAN (Jolicoeur-Martineau 2018; Sun et al. 2020; R3GAN, arXiv 2501.05441).

    It pairs real and fake logits by position, so B = F.
    """
    from torch.nn import functional as F

    # Unequal batches would broadcast into a plausible number.
    assert real_logits.shape == fake_logits.shape, f"{real_logits.shape} unlike {fake_logits.shape}"
    return F.softplus(fake_logits - real_logits).mean()


def _relativistic_generator(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Exchange the roles of real and fake images."""
    return _relativistic_discriminator(fake_logits, real_logits)


def _cross_entropy(logits: Tensor, target: float) -> Tensor:
    """Return BCE(sigmoid(logits), target) from the logits: finite also where the sigmoid rounds to 0 or 1."""
    import torch
    from torch.nn import functional as F

    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, target))


LOSSES: dict[str, AdversarialLoss] = {
    "bce": AdversarialLoss(
        _bce_discriminator,
        _non_saturating_generator,
        targets=("real_target", "fake_target", "generator_target"),
        logits_are_probabilities=True,
    ),
    "minimax": AdversarialLoss(
        _bce_discriminator,
        _minimax_generator,
        targets=("real_target", "fake_target"),
        logits_are_probabilities=True,
    ),
    "least-squares": AdversarialLoss(
        _least_squares_discriminator,
        _least_squares_generator,
        targets=("real_target", "fake_target", "generator_target"),
    ),
    "hinge": AdversarialLoss(_hinge_discriminator, _negative_mean_generator),
    "wasserstein": AdversarialLoss(_wasserstein_discriminator, _negative_mean_generator),
    "relativistic": AdversarialLoss(_relativistic_discriminator, _relativistic_generator, pairs_real_with_fake=True),
}
"""Every loss by name, its targets at their defaults."""
