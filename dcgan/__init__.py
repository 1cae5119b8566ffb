"""GAN and DCGAN on MNIST: every tutorial's networks and recipes, trained, recorded and compared.

Public names are imported from their modules at first use, so that `import dcgan` costs nothing and pages that only
read runs never import torch.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_HOME = {
    "DataConfig": "config",
    "ModelConfig": "config",
    "TrainConfig": "config",
    "PRESETS": "presets",
    "Preset": "presets",
    "Run": "runs.run",
    "list_runs": "runs.run",
    "find_run": "runs.run",
    "latents_from_seeds": "latents",
    "interpolate": "latents",
    "Gan": "models.gan",
    "build_gan": "models.gan",
    "LOSSES": "training.losses",
    "AdversarialLoss": "training.losses",
    "TrainState": "training.step",
    "train": "training.loop",
    "train_step": "training.step",
    "run_training": "training.recording",
    "make_batches": "data.loading",
    "load_images": "data.loading",
    "TrainedGenerator": "checkpoint",
    "load_generator": "checkpoint",
    "load_discriminator": "checkpoint",
    "save_generator": "checkpoint",
}

__all__ = ["__version__", *_HOME]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'dcgan' has no attribute {name!r}")
    return getattr(importlib.import_module(f"dcgan.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
