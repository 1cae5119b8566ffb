"""Trainings that go wrong, each beside the same training without the fault. failures/record.py records them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dcgan import files
from dcgan.config import TrainConfig
from dcgan.fields import changed
from dcgan.locale.language import tr_later
from dcgan.presets import PRESETS
from dcgan.runs.run import Run

COMMON: Mapping[str, object] = {
    "epochs": 3,
    "data.limit": 20_000,
    "threads": 1,
    "snapshots": 0,
    "keep_states": 0,
    "score_images": 1000,
}
"""Fields of all recordings: 60,000 images of MNIST, some minutes on one core."""
SOUND = "sound-"
"""What the name of a sound recording begins with; its preset follows."""


@dataclass(frozen=True)
class Failure:
    """A training with one planted fault. Its cured twin is the preset, as short, without the fault.

    Title and text are in English. `tr_marked` translates them where they are shown.
    """

    name: str
    """Of its folder in failures/."""
    title: str
    preset: str
    fault: Mapping[str, object]
    """The fields that make it go wrong."""
    finding: str
    """The kind of its diagnosis."""
    seen: str
    """What one sees in the images and curves."""

    @property
    def config(self) -> TrainConfig:
        """The config with the fault."""
        return changed(PRESETS[self.preset].config, {**COMMON, **self.fault})

    @property
    def run(self) -> Run:
        """Its recording."""
        return Run(files.FAILURES / self.name)

    @property
    def cured_run(self) -> Run:
        """The recording without the fault."""
        return Run(files.FAILURES / f"{SOUND}{self.preset}")


def sound_config(preset: str) -> TrainConfig:
    """Return the config of the recording without a fault."""
    return changed(PRESETS[preset].config, dict(COMMON))


FAILURES: tuple[Failure, ...] = (
    Failure(
        "learning-rate-too-high",
        tr_later("The learning rates are too high"),
        "dcgan",
        {"lr_g": 0.2, "lr_d": 0.2},
        "discriminator-wins",
        tr_later(
            "Adam's steps are a thousand times as long as usual. The weights jump about, and no digit ever forms."
        ),
    ),
    Failure(
        "discriminator-too-fast",
        tr_later("D is far stronger than G"),
        "dcgan",
        {"lr_d": 0.02, "lr_g": 2e-5},
        "discriminator-wins",
        tr_later(
            "D learns a thousand times as fast as G. It knows every fake image from the first steps on, and G stays "
            "near noise."
        ),
    ),
    Failure(
        "mode-collapse",
        tr_later("G is far faster than D: mode collapse"),
        "dcgan",
        {"lr_g": 2e-3, "lr_d": 2e-5},
        "generator-wins",
        tr_later(
            "All 64 seeds give the same image. G has found one that a slow D accepts, and nothing moves it away."
        ),
    ),
    Failure(
        "no-normalization",
        tr_later("No layer is normalized"),
        "dcgan",
        {"model.norm_g": "none", "model.norm_d": "none", "model.init": "normal"},
        "noise",
        tr_later(
            "Without batch norm, and with small initial weights, the signal fades from layer to layer. Blots remain."
        ),
    ),
    Failure(
        "targets-alike",
        tr_later("Label smoothing on both sides, until both targets are alike"),
        "dcgan",
        {"real_target": 0.5, "fake_target": 0.5},
        "generator-wins",
        tr_later("D is right when it answers 0.5 to everything. So its gradient tells G nothing about digits."),
    ),
    Failure(
        "penalty-too-strong",
        tr_later("The gradient penalty is too strong"),
        "dcgan",
        {"model.norm_d": "none", "r1_gamma": 1000.0},
        "generator-wins",
        tr_later(
            "D may hardly change from one image to another, so it cannot tell real from fake. G learns slowly, "
            "from little."
        ),
    ),
)
