"""Score the generator of a training along the way where there is no classifier of its data: any pictures.

The scores are those of picture_scores.py, of fewer images. Where pictures are held out, overfitting.py adds its
gauge.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from dcgan.config import TrainConfig
from dcgan.data.loading import Batches
from dcgan.evaluation.images import NetworkSampler, draw
from dcgan.evaluation.overfitting import Logits, OverfittingGauge, num_pictures
from dcgan.evaluation.picture_scores import PictureSource, RealPictures, chunk_size, scores_of
from dcgan.models.gan import Gan
from dcgan.models.networks import Generator
from dcgan.pixels import from_uint8
from dcgan.runs.rows import ScoreRow
from dcgan.runtime.device import matmul_precision

FIRST_SEED = 0
"""The seed of the first image. The others have the seeds after it, at every epoch of every training."""
NUM_IMAGES = 512
"""The most images that are drawn, 32 patches of each a level: 1.2 s of one core at 64 pixels, and as much to compare
them."""


@dataclass(frozen=True)
class PictureScores:
    """The scores of one epoch."""

    values: dict[str, float]
    """By key of dcgan.runs.scores.SCORES."""
    levels: tuple[float, ...]
    logits: Logits | None
    """None without held-out pictures, or where only a generator is scored."""


class PictureScorer:
    """Scores the generator of one training. It draws random numbers only from its own seeds."""

    every_images = 4_000
    """Real images between two scorings, at least: small sets have short epochs, and a score costs as much as ever."""

    def __init__(self, real: RealPictures, labels: Tensor | None, gauge: OverfittingGauge | None) -> None:
        """`labels` (real.num_images,) or None: what a conditional generator is given."""
        self.real = real
        self.num_images = real.num_images
        self.labels = labels
        self.gauge = gauge

    @classmethod
    def open(cls, config: TrainConfig, device: torch.device, batches: Batches) -> PictureScorer | None:
        """Return the scorer of a training with this config and these batches; None if it has score_images=0.

        It draws `config.score_images` images, at most 512, and no more than there are real pictures to compare with.
        Raises ValueError for fewer than two training pictures, and OSError or ValueError where they cannot be read.
        """
        if not config.score_images:
            return None
        source = PictureSource.open(config, batches)
        compares_on = device if device.type == "cuda" else torch.device("cpu")
        with matmul_precision("fp32"):
            real = source.real_pictures(min(config.score_images, NUM_IMAGES), compares_on)
        return cls(real, source.labels(real.num_images), _gauge(source))

    def score(self, generator: Generator, *, gan: Gan | None = None) -> PictureScores | None:
        """Return the scores of images drawn in eval mode; None if pixels are not numbers.

        The gauge is measured on the networks of `gan`, because D learned from its generator, not from an average.
        Networks keep their modes. Scores have full precision in a training of any precision.
        """
        shape = generator.config.image_shape
        with matmul_precision("fp32"):
            logits = self.gauge.measure(gan) if self.gauge is not None and gan is not None else None
            chunks = draw(
                NetworkSampler(generator),
                self.num_images,
                seed=FIRST_SEED,
                labels=self.labels,
                chunk=chunk_size(shape),
            )
            try:
                sample = self.real.sample(chunks, logits.overfitting if logits else None)
            except ValueError:  # pixels that are not numbers
                return None
        return PictureScores(scores_of(sample), sample.levels, logits)

    def row(
        self, scores: PictureScores, *, step: int, epoch: float, images_seen: int, wall_seconds: float, seconds: float
    ) -> ScoreRow:
        """Return the scores as a row of scores.jsonl. `seconds`: how long the scoring took."""
        values: dict[str, Any] = {key: _rounded(value) for key, value in scores.values.items()}
        values |= {f"real_{key}": _rounded(value) for key, value in self.real.real.items()}
        if scores.logits is not None and self.gauge is not None:
            names = ("d_train_logit", "d_held_out_logit", "d_fake_logit")
            values |= dict(zip(names, map(_rounded, scores.logits[:3]), strict=True))
        return ScoreRow(
            step=step,
            epoch=epoch,
            images_seen=images_seen,
            wall_seconds=wall_seconds,
            num_images=self.num_images,
            classifier=self.real.name,
            classifier_hash=self.real.hash,
            scoring_seconds=round(seconds, 3),
            swd_levels=tuple(map(_rounded, scores.levels)),
            real_swd_levels=tuple(map(_rounded, self.real.levels)),
            num_held_out=len(self.gauge.held_out) if scores.logits and self.gauge else None,
            **values,
        )


def _gauge(source: PictureSource) -> OverfittingGauge | None:
    """Return the gauge of a training with held-out pictures; None without them."""
    model, held_out = source.config.model, source.held_out
    if held_out is None:
        return None
    count = num_pictures(min(len(held_out.images_u8), source.batches.num_images), model.image_shape)
    batch_size = min(source.config.batch_size, count)
    count -= count % batch_size  # a smaller batch has another deviation over its images
    train = source.first(count)
    low, high = model.pixel_range
    return OverfittingGauge(
        train=train.images,
        held_out=(from_uint8(held_out.images_u8[:count]) + 1) * ((high - low) / 2) + low,
        train_labels=train.labels,
        held_out_labels=held_out.labels[:count] if held_out.labels is not None and model.num_classes else None,
        batch_size=batch_size,
    )


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")
