"""GAN and DCGAN on MNIST: every tutorial's networks and recipes, trained, recorded and compared.

`train` trains and records a run, `Run` reads it, `load_generator` draws from it, and `evaluate` scores it:

>>> import dcgan
>>> generator = dcgan.load_generator("checkpoints/dcgan-mnist")
>>> generator(generator.latents(range(8))).shape
torch.Size([8, 1, 28, 28])

Public names are imported from their modules at first use, so that `import dcgan` costs nothing and pages that only
read runs never import torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # for editors and type checkers; at run time _HOME says the same
    from dcgan.checkpoint import TrainedGenerator, load_discriminator, load_generator, save_generator
    from dcgan.config import DataConfig, ModelConfig, TrainConfig
    from dcgan.data.loading import load_images, make_batches
    from dcgan.evaluation.score_row import Scores
    from dcgan.evaluation.scores import evaluate
    from dcgan.latents import interpolate, latents_from_seeds
    from dcgan.models.gan import Gan, build_gan
    from dcgan.presets import PRESETS, Preset
    from dcgan.runs.listing import find_run, list_runs
    from dcgan.runs.rows import ProgressRow, ScoreRow, Status
    from dcgan.runs.run import Run, RunError
    from dcgan.training.failures import TrainingError
    from dcgan.training.loop import StepResult, training_steps
    from dcgan.training.losses import LOSSES, AdversarialLoss
    from dcgan.training.recording import run_training
    from dcgan.training.state import TrainState
    from dcgan.training.step import StepStats, train_step
    from dcgan.training.train import resume, train

__version__ = "0.2.0"

__all__ = [
    "LOSSES",
    "PRESETS",
    "AdversarialLoss",
    "DataConfig",
    "Gan",
    "ModelConfig",
    "Preset",
    "ProgressRow",
    "Run",
    "RunError",
    "ScoreRow",
    "Scores",
    "Status",
    "StepResult",
    "StepStats",
    "TrainConfig",
    "TrainState",
    "TrainedGenerator",
    "TrainingError",
    "__version__",
    "build_gan",
    "evaluate",
    "find_run",
    "interpolate",
    "latents_from_seeds",
    "list_runs",
    "load_discriminator",
    "load_generator",
    "load_images",
    "make_batches",
    "resume",
    "run_training",
    "save_generator",
    "train",
    "train_step",
    "training_steps",
]

_HOME = {
    "TrainedGenerator": "checkpoint",
    "load_discriminator": "checkpoint",
    "load_generator": "checkpoint",
    "save_generator": "checkpoint",
    "DataConfig": "config",
    "ModelConfig": "config",
    "TrainConfig": "config",
    "load_images": "data.loading",
    "make_batches": "data.loading",
    "Scores": "evaluation.score_row",
    "evaluate": "evaluation.scores",
    "interpolate": "latents",
    "latents_from_seeds": "latents",
    "Gan": "models.gan",
    "build_gan": "models.gan",
    "PRESETS": "presets",
    "Preset": "presets",
    "find_run": "runs.listing",
    "list_runs": "runs.listing",
    "ProgressRow": "runs.rows",
    "ScoreRow": "runs.rows",
    "Status": "runs.rows",
    "Run": "runs.run",
    "RunError": "runs.run",
    "TrainingError": "training.failures",
    "StepResult": "training.loop",
    "training_steps": "training.loop",
    "LOSSES": "training.losses",
    "AdversarialLoss": "training.losses",
    "run_training": "training.recording",
    "TrainState": "training.state",
    "StepStats": "training.step",
    "train_step": "training.step",
    "resume": "training.train",
    "train": "training.train",
}
"""Public name -> its module."""


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'dcgan' has no attribute {name!r}")
    return getattr(importlib.import_module(f"dcgan.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
