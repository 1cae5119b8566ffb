"""Likely causes of a failed training in its config. The rows show what fails, and the config often says why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from dcgan.config import TrainConfig
from dcgan.locale.language import tr_later, tr_marked
from dcgan.runs.diagnosis import Diagnosis

USUAL_RATE = 2e-4
"""Of Adam in the DCGAN paper."""
HIGH_RATE = 20
"""Multiples of the usual rate from which on a rate is a likely cause."""
FASTER = 5
"""Ratio of the two rates from which on one network is far faster."""
SMALL_BATCH = 2
STRONG_PENALTY = 100.0
"""Weight of R1 from which on it is a likely cause. Usual ones are 0.1 to 10."""


AUGMENTED_OVERFITS = tr_later("Add pictures, or start with the networks of a training on more of them: init.")
"""The remedy for a training that overfits or copies although it augments its images."""


class Cause(NamedTuple):
    """Something in a config that explains a failure. Both texts are in English, with places for its values."""

    holds: Callable[[TrainConfig], bool]
    cause: str
    remedy: str


def explained(finding: Diagnosis, config: TrainConfig) -> Diagnosis:
    """Return the finding with the cause and the remedy that the config suggests; else as it is.

    Sound findings stay as they are, and so do those that name their cause from the rows' own figures.
    """
    if finding.kind in ("overfits", "copies") and config.augmentations:
        return replace(finding, remedy=tr_marked(AUGMENTED_OVERFITS))
    if finding.kind not in KINDS:
        return finding
    for cause in CAUSES:
        if cause.holds(config):
            values = {name: getattr(config, name) for name in ("lr_g", "lr_d", "batch_size", "r1_gamma")}
            values |= {name: getattr(config, name) for name in ("real_target", "fake_target")}
            values |= {"high": max(config.lr_g, config.lr_d) / USUAL_RATE, "usual": USUAL_RATE}
            values |= {"d_faster": config.lr_d / config.lr_g, "g_faster": config.lr_g / config.lr_d}
            return replace(finding, cause=tr_marked(cause.cause, **values), remedy=tr_marked(cause.remedy, **values))
    return finding


KINDS = (
    "discriminator-wins",
    "generator-wins",
    "missing-classes",
    "collapsed",
    "diverging",
    "not-finite",
    "noise",
)


def _smooths_both_sides(config: TrainConfig) -> bool:
    return config.loss == "bce" and config.fake_target > 0 and config.real_target < 1


def _has_small_batches(config: TrainConfig) -> bool:
    return config.batch_size <= SMALL_BATCH and "batch" in (config.model.norm_g, config.model.norm_d)


def _is_deep_without_norm(config: TrainConfig) -> bool:
    model = config.model
    return model.topology != "mlp" and model.norm_g == model.norm_d == "none" and model.init == "normal"


CAUSES = (
    Cause(
        _smooths_both_sides,
        tr_later(
            "Both targets are smoothed: {real_target:g} for real images, and {fake_target:g} for fake ones. A fake "
            "target above 0 teaches D to like what G draws already, so G has less reason to change."
        ),
        tr_later("Set fake_target to 0, and keep real_target at 0.9: one-sided label smoothing."),
    ),
    Cause(
        lambda config: config.r1_gamma >= STRONG_PENALTY,
        tr_later(
            "The weight of R1 is {r1_gamma:g}. D may then hardly change from one image to another, so it cannot tell "
            "real images from fake ones."
        ),
        tr_later("Set r1_gamma to 1."),
    ),
    Cause(
        lambda config: config.lr_d >= FASTER * config.lr_g,
        tr_later(
            "D's learning rate is {d_faster:.0f} times that of G. D is sure of every fake before G has learned to "
            "draw, and then its gradient hardly helps G."
        ),
        tr_later("Give both networks the same learning rate, {usual:g}."),
    ),
    Cause(
        lambda config: config.lr_g >= FASTER * config.lr_d,
        tr_later(
            "G's learning rate is {g_faster:.0f} times that of D. G moves to the images that D accepts now, faster "
            "than D learns to reject them."
        ),
        tr_later("Give both networks the same learning rate, {usual:g}."),
    ),
    Cause(
        lambda config: max(config.lr_g, config.lr_d) >= HIGH_RATE * USUAL_RATE,
        tr_later(
            "The learning rate is {high:.0f} times the usual {usual:g} of Adam. The steps are so long that they "
            "overshoot."
        ),
        tr_later("Set both learning rates to {usual:g}."),
    ),
    Cause(
        _has_small_batches,
        tr_later(
            "A batch has {batch_size} images. Batch norm takes its mean and variance from so few that they are noise."
        ),
        tr_later("Set batch_size to 32 or more, or both norms to none."),
    ),
    Cause(
        _is_deep_without_norm,
        tr_later(
            "No layer is normalized, and the initial weights are N(0, 0.02). So the signal fades from layer to layer."
        ),
        tr_later("Set model.norm_g and model.norm_d to batch."),
    ),
)
"""The first one that holds is named."""
