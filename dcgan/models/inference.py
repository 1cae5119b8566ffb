"""Images from a generator, the same for the same z whatever else is in the batch.

N images, Z latent, C H W image.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from dcgan.models.networks import Generator

CHUNK = 16
"""Images a forward pass. Kernels are chosen by shape and round differently, so the shape is always the same."""


def sample(generator: Generator, z: np.ndarray | Tensor, labels: np.ndarray | Tensor | None = None) -> Tensor:
    """z (N, Z), labels (N,) or None -> float32 (N, C, H, W) in [-1, 1] on the CPU. N may be 0.

    Float labels (N, K) weigh the classes, each row adding up to 1: what lies between two labels.

    Eval mode, in chunks of one fixed size, the last filled up: batch statistics and kernels cannot tell one
    neighbour from another. Raises ValueError for a wrong Z, and for labels missing, unwanted or out of range.
    """
    config = generator.config
    device = next(generator.parameters()).device
    z = torch.as_tensor(z, dtype=torch.float32)
    if z.ndim != 2 or z.shape[1] != config.latent_dim:
        raise ValueError(f"z has shape {tuple(z.shape)}, the model takes (N, {config.latent_dim})")
    labels = _checked_labels(labels, len(z), config.num_classes)
    low, high = config.pixel_range

    @torch.no_grad()  # each thread has its own grad mode
    def draw(start: int) -> Tensor:
        part = z[start : start + CHUNK]
        missing = CHUNK - len(part)
        part = F.pad(part, (0, 0, 0, missing)).to(device)
        part_labels = None
        if labels is not None:
            part_labels = F.pad(labels[start : start + CHUNK], (0, 0) * (labels.ndim - 1) + (0, missing)).to(device)
        images = generator(part, part_labels)[: CHUNK - missing].float().cpu()
        return (images - low) * (2 / (high - low)) - 1

    starts = range(0, len(z), CHUNK)
    was_training = generator.training
    generator.eval()
    try:
        chunks = side_by_side(draw, starts) if device.type == "cpu" else list(map(draw, starts))
    finally:
        generator.train(was_training)
    return torch.cat([torch.empty(0, *config.image_shape), *chunks])


def side_by_side(draw: Callable[[int], Tensor], starts: range) -> list[Tensor]:
    """The chunks, each on one thread of its own.

    PyTorch would split each chunk's layers over its threads, which wait for each other at every layer: on cores that
    are busy with a training that is many times slower. And a layer that is split may round differently.
    """
    threads = torch.get_num_threads()
    return list(map(draw, starts) if threads == 1 else _pool(threads).map(draw, starts))


_pools: dict[int, ThreadPoolExecutor] = {}
_pools_lock = threading.Lock()


def _pool(count: int) -> ThreadPoolExecutor:
    """So many threads, none of which splits a layer; made once and kept, for all callers.

    torch.set_num_threads holds for the thread that calls it and for all that are born later. Set and set back around
    every call, of two at once the second would take the first one's 1 for the usual number, and leave it behind.
    """
    with _pools_lock:
        if count not in _pools:
            pool = ThreadPoolExecutor(count, "draws", _split_nothing)
            # Each waits for all the others, so that none does the work of two and all are born.
            together = threading.Barrier(count + 1, timeout=60)
            for _ in range(count):
                pool.submit(together.wait)
            together.wait()
            torch.set_num_threads(count)  # this thread's own number, again for those born later
            _pools[count] = pool
        return _pools[count]


def _split_nothing() -> None:
    torch.get_num_threads()  # or the thread's first layer would fetch the number for the newly born
    torch.set_num_threads(1)


def _forget_pools() -> None:
    global _pools_lock
    _pools_lock = threading.Lock()
    _pools.clear()


if hasattr(os, "register_at_fork"):  # a forked process has the pools without their threads
    os.register_at_fork(after_in_child=_forget_pools)


def _checked_labels(labels: np.ndarray | Tensor | None, count: int, num_classes: int) -> Tensor | None:
    if not num_classes:
        if labels is not None:
            raise ValueError("the model is not conditional: leave the labels out")
        return None
    if labels is None:
        raise ValueError(f"the model is conditional: pass labels from 0 to {num_classes - 1}")
    labels = torch.as_tensor(labels).cpu()
    if labels.is_floating_point() and labels.ndim == 2:
        return _checked_weights(labels.float(), count, num_classes)
    if labels.is_floating_point():
        raise ValueError(f"labels of type {labels.dtype} are not whole numbers; pass integers")
    labels = labels.to(torch.int64)
    if labels.shape != (count,):
        raise ValueError(f"{count} latents need {count} labels, not shape {tuple(labels.shape)}")
    if count and (labels.min() < 0 or labels.max() >= num_classes):
        raise ValueError(f"labels {labels.tolist()[:8]} are not all in 0..{num_classes - 1}")
    return labels


def _checked_weights(weights: Tensor, count: int, num_classes: int) -> Tensor:
    if weights.shape != (count, num_classes):
        raise ValueError(f"{count} latents need label weights ({count}, {num_classes}), not {tuple(weights.shape)}")
    # So written, NaN fails too.
    if not ((weights >= 0).all() and ((weights.sum(1) - 1).abs() < 1e-3).all()):
        raise ValueError("label weights are not all 0 or more with a sum of 1; divide each row by its sum")
    return weights
