"""Make what a training would record, without a training: rows, runs and small files of digits."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from dcgan.config import ModelConfig, TrainConfig
from dcgan.runs.rows import ProgressRow, ScoreRow, Status
from dcgan.runs.run import Run, RunError

TINY = TrainConfig(
    model=ModelConfig(topology="conv", latent_dim=6, width_g=2, width_d=2),
    epochs=2,
    batch_size=4,
    log_every=1,
    score_images=0,
)
"""A DCGAN of a few hundred weights, whose images are not worth a score."""
CONDITIONAL = replace(TINY, model=replace(TINY.model, num_classes=3))
MIXED = replace(TINY, model=replace(TINY.model, latent="mixture", latent_dim=24))
"""The latents of MIXED have mixture components."""


def write_idx(root: Path, prefix: str, images_u8, labels) -> None:
    """Write images (N, H, W) and labels (N,) as files of MNIST, whose names begin with `prefix`."""
    for name, values in {"images-idx3-ubyte": images_u8, "labels-idx1-ubyte": labels}.items():
        header = struct.pack(f">HBB{values.ndim}I", 0, 8, values.ndim, *values.shape)
        (root / f"{prefix}-{name}").write_bytes(header + values.astype("uint8").tobytes())


def progress_row(step: int) -> ProgressRow:
    """Return a row whose values differ from each other and from step to step."""
    return ProgressRow(
        step=step,
        epoch=step / 2,
        images_seen=4 * step,
        wall_seconds=0.5 * step,
        images_per_second=8.0,
        d_loss=1 / (1 + step),
        g_loss=0.7 + step / 10,
        d_real=0.6,
        d_fake=0.4,
        d_grad_norm=2.0 + step,
        g_grad_norm=3.0 + step,
        d_real_accuracy=0.75 + 1 / (8 + step),
        d_fake_accuracy=0.5 + 1 / (8 + step),
    )


def earlier_row(step: int) -> ProgressRow:
    """Return a row of an earlier version, which has no accuracies."""
    return replace(progress_row(step), d_real_accuracy=None, d_fake_accuracy=None)


def score_row(step: int, **values) -> ScoreRow:
    """Return a row of scores of a healthy training. An epoch has two steps and 60,000 images, and CFD falls."""
    real = (0.0953, 0.1169, 0.1017, 0.1066, 0.0967, 0.0921, 0.0921, 0.1044, 0.093, 0.1012)
    sound = {
        "epoch": step / 2,
        "images_seen": 30_000 * step,
        "wall_seconds": 0.5 * step,
        "num_images": 2000,
        "cfd": 40 / step,
        "real_cfd": 0.27,
        "coverage": 0.5 * step / (step + 4),
        "real_coverage": 0.56,
        "class_histogram": (0.11, 0.09) + (0.1,) * 8,
        "real_class_histogram": real,
        "classifier": "mnist classifier",
        "classifier_hash": "b6508af4b2ba",
        "scoring_seconds": 1.5,
    }
    return ScoreRow(step=step, **(sound | values))


def picture_row(step: int, **values) -> ScoreRow:
    """Return a row of scores of own pictures, of which 16 are held out. An epoch has two steps, and SWD falls."""
    sound = {
        "epoch": step / 2,
        "images_seen": 4000 * step,
        "wall_seconds": 0.5 * step,
        "num_images": 40,
        "classifier": "patches of 40 training pictures",
        "classifier_hash": "c4bd8d8d0963",
        "scoring_seconds": 1.5,
        "swd": 200 / step,
        "real_swd": 15.0,
        "swd_levels": (300 / step, 100 / step),
        "real_swd_levels": (10.0, 20.0),
        "memorization_ratio": 1.1,
        "copy_share": 0.05,
        "real_copy_share": 0.05,
        "num_held_out": 16,
        "d_train_logit": 4.0,
        "d_held_out_logit": 3.0,
        "d_fake_logit": -1.0,
        "overfitting": 0.2,
    }
    return ScoreRow(step=step, **(sound | values))


def record_run(root: Path, config: TrainConfig = TINY, preset: str = "tiny", *, ema: bool = False) -> Run:
    """Record what a training of 4 steps would record, with networks that were never trained."""
    import numpy as np
    import torch

    from dcgan import pixels
    from dcgan.checkpoint import save_discriminator, save_generator
    from dcgan.latents import latents_from_seeds
    from dcgan.models.gan import build_gan
    from dcgan.models.inference import sample

    run = Run.create(config, preset, root)
    model = config.model
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        gan, average = build_gan(model), build_gan(model).generator
    z = latents_from_seeds(range(64), model.latent_dim, model.latent)
    labels = np.arange(64) % model.num_classes if model.num_classes else None
    grid = pixels.png_bytes(pixels.grid(pixels.to_uint8(sample(gan.generator, z, labels).numpy()), 8))
    for step in (0, 2, 4):
        save_generator(run.snapshot_path(step), gan.generator, config, step, half=True)
        save_discriminator(run.d_snapshot_path(step), gan.discriminator, config, step, half=True)
        run.write_bytes(f"samples/{step:07d}.png", grid)
    for step in (1, 2, 3, 4):
        run.append_progress(progress_row(step))
    save_generator(run.generator_path, gan.generator, config, 4)
    if ema:
        config = replace(config, ema_half_life_images=config.ema_half_life_images or 8)
        save_generator(run.ema_path, average, config, 4)
    save_discriminator(run.discriminator_path, gan.discriminator, config, 4)
    run.write_status(Status("finished", 4, 4, config.epochs))
    run.log_path.write_text("4 steps\n", encoding="utf-8")
    return run


def error_of(call: Callable[[], object]) -> str:
    """Return the text of the RunError that the call raises."""
    with pytest.raises(RunError, match=r"\w+ \w+") as caught:
        call()
    return str(caught.value)
