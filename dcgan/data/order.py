"""Which images every step sees: a function of the config and the step alone.

Shapes: B batch.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from dcgan.config import TrainConfig
from dcgan.data.random_streams import random_state
from dcgan.locale.language import tr
from dcgan.runtime.distributed import ALONE, Ranks


@dataclass(frozen=True)
class Order:
    """Which images each step sees. A pass is one permutation of all, or as many draws with replacement."""

    num_images: int
    batch_size: int
    sampling: Literal["shuffle", "replacement"]
    seed: int
    ranks: Ranks = ALONE

    @classmethod
    def of(cls, config: TrainConfig, num_images: int, ranks: Ranks = ALONE) -> Order:
        """Return the order of a training.

        Raises ValueError for fewer than two images, or fewer in a batch than ranks.
        """
        if num_images < 2:
            raise ValueError(
                tr(
                    "{data} gives {count} image to train on and a training needs 2 or more; raise --data.limit, "
                    "lower --data.holdout, or add images",
                    data=config.data.name,
                    count=num_images,
                )
            )
        batch_size = min(config.batch_size, num_images)
        if batch_size < ranks.world_size:
            raise ValueError(
                tr(
                    "batches of {batch_size} images are too few for {ranks} ranks; use --nproc-per-node "
                    "{batch_size}, or --batch-size {ranks}",
                    batch_size=batch_size,
                    ranks=ranks.world_size,
                )
            )
        return cls(num_images, batch_size, config.sampling, config.seed, ranks)

    @property
    def steps_per_pass(self) -> int:
        """The last, shorter batch of a pass counts, except a single image, which has no batch statistics."""
        whole, rest = divmod(self.num_images, self.batch_size)
        return whole + (rest > 1)

    def of_pass(self, number: int) -> np.ndarray:
        """Return the indices of one pass, int64, each pass from a stream of its own."""
        if self.sampling == "shuffle":
            return random_state([self.seed, number]).permutation(self.num_images).astype(np.int64)
        draws = self.steps_per_pass * self.batch_size
        return random_state([self.seed, number, 1]).randint(0, self.num_images, draws, dtype=np.int64)

    def size_of(self, step: int) -> int:
        """Return the number of images in the step's whole batch, on all ranks."""
        if self.sampling == "replacement":
            return self.batch_size
        return min(self.batch_size, self.num_images - step % self.steps_per_pass * self.batch_size)

    def mirrored(self, step: int) -> np.ndarray:
        """Return which images (B,) bool of the step's batch are mirrored, or of this rank's share of it."""
        mirrored = random_state([self.seed, step, 2]).randint(0, 2, self.size_of(step)).astype(bool)
        return mirrored[self.ranks.shard(len(mirrored))]

    def from_step(self, step: int, place: Callable[[np.ndarray], Any] = np.asarray) -> Iterator[Any]:
        """Yield the indices (B,) of every step from `step` on, or this rank's share of them.

        They are slices of place(of_pass(...)), and `place` is called once a pass. A share is empty where a pass ends
        with fewer images than there are ranks.
        """
        assert step >= 0, step
        current, indices = None, np.empty(0, np.int64)
        for now in itertools.count(step):
            number, k = divmod(now, self.steps_per_pass)
            if number != current:
                current, indices = number, place(self.of_pass(number))
            whole = indices[k * self.batch_size : (k + 1) * self.batch_size]
            yield whole[self.ranks.shard(len(whole))]
