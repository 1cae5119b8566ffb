"""Images from a generator. The same z gives the same image in any batch.

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

from dcgan.locale.language import tr
from dcgan.models.networks import Generator, labels_missing

CHUNK = 16
"""Images in one forward pass. The size is fixed, because kernels are chosen by shape and round differently."""


def sample(generator: Generator, z: np.ndarray | Tensor, labels: np.ndarray | Tensor | None = None) -> Tensor:
    """Draw images: z (N, Z), labels (N,) or None -> float32 (N, C, H, W) in [-1, 1], on the CPU. N may be 0.

    Float labels (N, K) are weights of the classes, for points between two labels. Each row has the sum 1.

    The network runs in eval mode, in chunks of one fixed size; the last chunk is padded. So an image does not depend
    on its neighbors. Raises ValueError for a wrong Z, for labels out of range, for labels of a model that is not
    conditional, and for missing labels of one that is.
    """
    config = generator.config
    device = next(generator.parameters()).device
    z = torch.as_tensor(z, dtype=torch.float32)
    if z.ndim != 2 or z.shape[1] != config.latent_dim:
        raise ValueError(
            tr("z has shape {shape}, the model takes (N, {size})", shape=tuple(z.shape), size=config.latent_dim)
        )
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
    if was_training:  # otherwise threads that share a generator would all write the mode of each layer
        generator.eval()
    try:
        chunks = side_by_side(draw, starts) if device.type == "cpu" else list(map(draw, starts))
    finally:
        if was_training:
            generator.train()
    return torch.cat([torch.empty(0, *config.image_shape), *chunks])


def side_by_side(draw: Callable[[int], Tensor], starts: range) -> list[Tensor]:
    """Draw the chunks at the same time, each with one thread.

    PyTorch by default splits every layer over its threads, which then wait for each other. Beside a training on the
    same cores, this is many times slower. A layer that is split may also round differently.
    """
    threads = torch.get_num_threads()
    return list(map(draw, starts) if threads == 1 else _pool(threads).map(draw, starts))


_pools: dict[int, ThreadPoolExecutor] = {}
_pools_lock = threading.Lock()


def _pool(count: int) -> ThreadPoolExecutor:
    """Return a pool of `count` threads that do not split layers. All callers share one pool for each count.

    torch.set_num_threads applies to its calling thread and to all later threads. So it must not be set and reset
    around each call: of two calls at once, the second would read the 1 of the first, and restore that 1 at its end.
    """
    with _pools_lock:
        if count not in _pools:
            pool = ThreadPoolExecutor(count, "draws", _split_nothing)
            # Each thread waits for all others. So no thread runs two tasks, and all are created.
            together = threading.Barrier(count + 1, timeout=60)
            for _ in range(count):
                pool.submit(together.wait)
            together.wait()
            torch.set_num_threads(count)  # this thread's own number, also for threads created later
            _pools[count] = pool
        return _pools[count]


def _split_nothing() -> None:
    torch.get_num_threads()  # otherwise the thread's first layer would read the default number
    torch.set_num_threads(1)


def _forget_pools() -> None:
    global _pools_lock
    _pools_lock = threading.Lock()
    _pools.clear()


if hasattr(os, "register_at_fork"):  # a forked process has the pools, but not their threads
    os.register_at_fork(after_in_child=_forget_pools)


def _checked_labels(labels: np.ndarray | Tensor | None, count: int, num_classes: int) -> Tensor | None:
    if not num_classes:
        if labels is not None:
            raise ValueError(tr("the model is not conditional: leave the labels out"))
        return None
    if labels is None:
        raise labels_missing(num_classes)
    labels = torch.as_tensor(labels).cpu()
    if labels.is_floating_point() and labels.ndim == 2:
        return _checked_weights(labels.float(), count, num_classes)
    if labels.is_floating_point():
        raise ValueError(tr("labels of type {type} are not whole numbers; pass integers", type=labels.dtype))
    labels = labels.to(torch.int64)
    if labels.shape != (count,):
        raise ValueError(
            tr("{count} latents need {count} labels, not shape {shape}", count=count, shape=tuple(labels.shape))
        )
    wrong = labels[(labels < 0) | (labels >= num_classes)].unique().tolist()
    if wrong:
        listed = ", ".join(map(str, wrong[:8])) + (", ..." if len(wrong) > 8 else "")
        raise ValueError(
            tr(
                "labels have the wrong values {values}; pass labels from 0 to {last}",
                values=listed,
                last=num_classes - 1,
            )
        )
    return labels


def _checked_weights(weights: Tensor, count: int, num_classes: int) -> Tensor:
    if weights.shape != (count, num_classes):
        raise ValueError(
            tr(
                "{count} latents need label weights ({count}, {classes}), not {shape}",
                count=count,
                classes=num_classes,
                shape=tuple(weights.shape),
            )
        )
    # NaN must fail too, so the conditions are negated as a whole.
    if not ((weights >= 0).all() and ((weights.sum(1) - 1).abs() < 1e-3).all()):
        raise ValueError(tr("label weights are not all 0 or more with a sum of 1; divide each row by its sum"))
    return weights
