"""Trainings of real digits that take less than a second, and of pictures in a folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from PIL import Image

from dcgan.config import DataConfig, TrainConfig
from dcgan.presets import PRESETS
from dcgan.runs.run import Run
from dcgan.training.recording import run_training

CPU = torch.device("cpu")


def small(digits: DataConfig, preset: str = "gan", **changes) -> TrainConfig:
    """Return a config with 6 steps an epoch; the last batch has 16 images."""
    config = PRESETS[preset].config
    model = replace(config.model, hidden_g=(16, 24), hidden_d=(24, 16), width_g=4, width_d=4)
    recipe = {"model": model, "data": digits, "batch_size": 64, "epochs": 3, "log_every": 4}
    return replace(config, **(recipe | changes))


def trained(tmp_path: Path, config: TrainConfig) -> Run:
    """Train the config to its end, and return the run."""
    run = Run.create(config, "test", tmp_path)
    assert run_training(run, CPU).state == "finished"
    return run


def files(run: Run) -> dict[str, bytes]:
    """Return what two equal trainings have in common: all values except times."""
    names = [p for p in run.path.rglob("*") if p.suffix in (".png", ".safetensors") and p != run.state_path]
    return {str(p.relative_to(run.path)): p.read_bytes() for p in names}


def stop_at(run: Run, step: int):
    """Return an on_row that requests a stop during `step`, which the training then finishes."""

    def on_row(row, status):
        if row.step >= step - 1:
            run.request_stop()

    return on_row


def pictures(folder: Path, preset: str = "gan", **data) -> TrainConfig:
    """Write 24 images in each of two classes, if they are missing: 3 steps an epoch."""
    for i in range(48):
        path = folder / ("ants", "bees")[i % 2] / f"{i:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (28, 28), 5 * i).save(path)
    classes = {"num_classes": 2} if preset == "cgan" else {}
    config = small(DataConfig(name=f"folder:{folder}", **data), preset, batch_size=16, log_every=1, score_images=0)
    return replace(config, model=replace(config.model, **classes))
