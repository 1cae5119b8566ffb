"""Presets with small networks, whose steps take milliseconds, and batches for them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from dcgan.config import TrainConfig
from dcgan.data.batches import ImageSet, ResidentBatches
from dcgan.presets import PRESETS

CPU = torch.device("cpu")


def small(preset: str, **changes) -> TrainConfig:
    """Return the preset's recipe with small networks; a step takes milliseconds."""
    config = PRESETS[preset].config
    widths = {"hidden_g": (16, 24), "hidden_d": (24, 16), "width_g": 4, "width_d": 4}
    model = replace(config.model, **widths, **changes.pop("model", {}))
    return replace(config, model=model, batch_size=8, **changes)


def random_batches(config: TrainConfig, count: int = 44) -> ResidentBatches:
    """Return random images in batches of 8. Of 44 images, the last batch of a pass has 4."""
    rng = np.random.RandomState(3)
    images = torch.from_numpy(rng.randint(0, 256, (count, *config.model.image_shape), dtype=np.uint8))
    labels = torch.from_numpy(rng.randint(0, max(config.model.num_classes, 1), count))
    return ResidentBatches(ImageSet(images, labels, ()), config, CPU)
