"""Presets with small networks and the plain step, and batches for them."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from dcgan.config import TrainConfig
from dcgan.data.batches import Batch, ImageSet, ResidentBatches
from dcgan.presets import PRESETS

CPU = torch.device("cpu")


def small(preset: str, **changes) -> TrainConfig:
    """Return the preset's recipe with small networks and the plain step; a step takes milliseconds."""
    config = PRESETS[preset].config
    widths = {"hidden_g": (16, 24), "hidden_d": (24, 16), "width_g": 4, "width_d": 4}
    return replace(config, model=replace(config.model, **widths), batch_size=8, **({"engine": "plain"} | changes))


def batches_for(config: TrainConfig, count: int = 40) -> ResidentBatches:
    """Return random images in batches of 8."""
    rng = np.random.RandomState(3)
    images = torch.from_numpy(rng.randint(0, 256, (count, *config.model.image_shape), dtype=np.uint8))
    labels = torch.from_numpy(rng.randint(0, max(config.model.num_classes, 1), count))
    return ResidentBatches(ImageSet(images, labels, ()), config, CPU)


def first_batches(config: TrainConfig, count: int) -> list[Batch]:
    """Return the first batches of `batches_for`."""
    return list(itertools.islice(batches_for(config).from_step(0), count))


def weights(*networks: nn.Module) -> dict[str, Tensor]:
    return {f"{i}.{k}": v.clone() for i, network in enumerate(networks) for k, v in network.state_dict().items()}
