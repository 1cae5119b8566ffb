"""Pictures of discs: a small set of own pictures, in memory and as a folder."""

from __future__ import annotations

from pathlib import Path

import torch
from PIL import Image

from dcgan.config import DataConfig, ModelConfig, TrainConfig
from dcgan.pixels import to_uint8


def pictures(count: int, *, seed: int = 0, size: int = 32) -> torch.Tensor:
    """Return discs of random place, size and color on white (N, 3, H, H) in [-1, 1]."""
    draws = torch.Generator().manual_seed(seed)
    places, colors = torch.rand(count, 3, generator=draws), torch.rand(count, 3, generator=draws) * 2 - 1
    grid = torch.arange(size) / size
    x, y = grid[None, None, :] - places[:, 0, None, None], grid[None, :, None] - places[:, 1, None, None]
    inside = (x**2 + y**2 < (0.1 + 0.2 * places[:, 2, None, None]) ** 2)[:, None]
    return torch.where(inside, colors[:, :, None, None], torch.ones(()))


def save(folder: Path, images: torch.Tensor) -> Path:
    folder.mkdir(parents=True)
    for i, image_u8 in enumerate(to_uint8(images)):
        Image.fromarray(image_u8.permute(1, 2, 0).numpy()).save(folder / f"{i:03}.png")
    return folder


def config_for(folder: Path, **data: float) -> TrainConfig:
    model = ModelConfig(image_size=16, channels=3, latent_dim=6, width_g=2, width_d=2)
    return TrainConfig(model=model, data=DataConfig(name=f"folder:{folder}", **data), epochs=2, batch_size=8)
