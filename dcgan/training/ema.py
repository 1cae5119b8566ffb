"""An exponential moving average of a network's weights."""

from __future__ import annotations

from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

_KERNELS: Any = torch
"""torch with its foreach kernels, which its types do not have."""


def ema_decay(batch_images: int, half_life_images: float | Tensor) -> Any:
    """Return the decay of one step, such that a weight's share halves every half_life_images (> 0) real images.

    Counted in images, not steps, so that one number suits every batch size (Karras et al. 2020,
    StyleGAN2-ADA's training loop). The decay is a tensor where the half-life is one.
    """
    return 0.5 ** (batch_images / half_life_images)


@torch.no_grad()
def update_ema(ema: nn.Module, model: nn.Module, decay: float | Tensor) -> None:
    """Move ema, a copy of model, towards it in place: ema = decay * ema + (1 - decay) * model.

    decay is in [0, 1]. A CUDA graph reads a decay that changes from a 0-d tensor on its device.

    Floating-point buffers (batch norm's running mean and variance) are averaged like parameters: the newest
    ones would describe the activations of the newest weights. Integer buffers, such as its count of batches,
    are copied.
    Raises ValueError where the two have different numbers of tensors, or decay is not in [0, 1].
    """
    averages, newest = [], []
    in_ema, in_model = (chain(network.parameters(), network.buffers()) for network in (ema, model))
    for average, value in zip(in_ema, in_model, strict=True):
        if average.is_floating_point():
            averages.append(average)
            newest.append(value)
        else:
            average.copy_(value)
    if isinstance(decay, Tensor):
        distances = _KERNELS._foreach_sub(newest, averages)
        _KERNELS._foreach_mul_(distances, 1 - decay)
        _KERNELS._foreach_add_(averages, distances)
        return
    # PyTorch's own update, one kernel for all tensors; it does not read its third argument, a model count.
    get_ema_multi_avg_fn(decay)(averages, newest, None)
