"""One training by several processes: their ranks, their shares of a batch, and sums over all ranks.

`torchrun` starts the processes, which are called ranks. Environment variables give each process its rank. Every rank
computes its share of each batch, and weights its means with that share. The sums over the ranks then equal the values
of one process with the whole batch, except for rounding.

Gradients are summed explicitly, without DistributedDataParallel, for two reasons. A step calls the discriminator up
to three times before one backward pass, and differentiates through its gradients. Batch norm needs a sum within the
pass.

B batch, C channels, R ranks.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, distributed, nn
from torch.nn import functional as F

from dcgan.locale.language import tr
from dcgan.runtime.device import choose_device


class LostRankError(ValueError):
    """Another rank has ended, so sums over the ranks are no longer possible."""


@dataclass(frozen=True)
class Ranks:
    """The number of processes of a training, and the rank of this one. With one process, methods change nothing."""

    rank: int = 0
    world_size: int = 1

    def shard(self, total: int) -> slice:
        """Return this rank's part of `total` items in a row. Parts differ by one item at most, and may be empty."""
        return slice(total * self.rank // self.world_size, total * (self.rank + 1) // self.world_size)

    def sum_gradients(self, network: nn.Module, part: float, *means: Tensor) -> tuple[Tensor, ...]:
        """Sum the network's gradients over the ranks, in place. Return the means over the whole batch.

        `means` are the means over this rank's images. `part` is this rank's share of the batch; the loss is already
        weighted with it. One call sums everything: for networks of a few MB a call costs more than the bytes.
        """
        if self.world_size == 1:
            return means
        with_gradient = [parameter for parameter in network.parameters() if parameter.grad is not None]
        # The mean of no images is NaN. It must have no weight.
        weighted = torch.stack(means) * part if part else with_gradient[0].new_zeros(len(means))
        gradients = [parameter.grad.flatten() for parameter in with_gradient if parameter.grad is not None]
        flat = torch.cat([*gradients, weighted])
        _sum(flat)
        *gradients, sums = flat.split([*(parameter.numel() for parameter in with_gradient), len(means)])
        for parameter, gradient in zip(with_gradient, gradients, strict=True):
            parameter.grad = gradient.view_as(parameter)
        return sums.unbind()

    def any(self, *, flag: bool) -> bool:
        """Return whether the flag is set on any rank. Wait for all ranks, on the CPU, but not for their devices."""
        if self.world_size == 1:
            return flag
        flags = torch.tensor([flag], dtype=torch.int32)
        _sum(flags)
        return bool(flags)

    def barrier(self) -> None:
        """Wait until every rank is here."""
        self.any(flag=False)

    def broadcast_(self, tensors: dict[str, Tensor]) -> None:
        """Overwrite the tensors with rank 0's. So the ranks begin equal, even if their machines round differently."""
        if self.world_size > 1:
            with _or_lost():
                for tensor in tensors.values():
                    distributed.broadcast(tensor, src=0)

    def broadcast_text(self, text: str) -> str:
        """Return rank 0's text."""
        if self.world_size == 1:
            return text
        box = [text]
        with _or_lost():
            distributed.broadcast_object_list(box, src=0, device=torch.device("cpu"))
        return box[0]


ALONE = Ranks()


@contextmanager
def joined(device: str = "auto") -> Iterator[tuple[torch.device, Ranks]]:
    """Yield the device of this process and its Ranks. Without torchrun these are ALONE.

    A rank gets the GPU of its local number (NCCL), or the CPU (gloo). Raises ValueError if there are too few GPUs.
    """
    ranks = Ranks(int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1)))
    if ranks.world_size == 1:
        yield choose_device(device), ALONE
        return
    chosen = _device_of_rank(device)
    if chosen.type == "cuda":
        torch.cuda.set_device(chosen)
    with _or_lost():
        distributed.init_process_group("cpu:gloo,cuda:nccl" if chosen.type == "cuda" else "gloo")
    try:
        yield chosen, ranks
    finally:
        # Ranks that still wait for this one get an error.
        distributed.destroy_process_group()


def _device_of_rank(name: str) -> torch.device:
    here, local = int(os.environ.get("LOCAL_WORLD_SIZE", 1)), int(os.environ.get("LOCAL_RANK", 0))
    device = choose_device(name)
    if device.type != "cuda":
        return torch.device("cpu")  # gloo does not support mps
    if ":" in name:
        raise ValueError(f"--device {name} is one device for {here} ranks; leave it out, and each rank takes its own")
    if here > torch.cuda.device_count():
        raise ValueError(
            f"{here} ranks need {here} GPUs, and this machine has {torch.cuda.device_count()}; "
            f"use --nproc-per-node {torch.cuda.device_count()}, or --device cpu"
        )
    return torch.device("cuda", local)


@contextmanager
def _or_lost() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        reason = str(error).partition("\n")[0]
        message = tr(
            "another rank ended, or cannot be reached ({reason}); fix what that rank reports, then resume the run",
            reason=reason,
        )
        raise LostRankError(message) from error


def _sum(tensor: Tensor) -> None:
    """Sum the tensor over all ranks, in place. Every rank gets the same bits."""
    with _or_lost():
        distributed.all_reduce(tensor)


# Batch norm


def synchronize_batch_norm(network: nn.Module, ranks: Ranks) -> None:
    """Let every batch norm of the network use the whole batch in training. With one process nothing changes."""
    if ranks.world_size == 1:
        return
    for module in list(network.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.BatchNorm1d | nn.BatchNorm2d):
                setattr(module, name, SynchronizedBatchNorm(child, ranks))


class SynchronizedBatchNorm(nn.Module):
    """A batch norm with the mean and variance of all ranks' images. Its tensors keep their names in a state.

    torch.nn.SyncBatchNorm runs on GPUs only. This class uses plain autograd on any device. So gradient penalties can
    differentiate it twice.
    """

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(self, norm: nn.BatchNorm1d | nn.BatchNorm2d, ranks: Ranks) -> None:
        super().__init__()
        assert norm.momentum is not None, "a moving average with a fixed momentum"
        self.eps, self.momentum, self.ranks = norm.eps, float(norm.momentum), ranks
        self.weight, self.bias = norm.weight, norm.bias
        for name, buffer in norm.named_buffers():
            self.register_buffer(name, buffer)

    def forward(self, x: Tensor) -> Tensor:
        """Return x, (B, C) or (B, C, H, W), normalized."""
        if not self.training:
            return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)
        mean, variance, values = self._statistics(x)
        with torch.no_grad():
            self.num_batches_tracked += 1
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * values / (values - 1), self.momentum)
        scale = self.weight * torch.rsqrt(variance + self.eps)
        # x scale + shift in one of PyTorch's kernels: batch norm with a mean of 0 and a variance of 1.
        shift, zeros, ones = self.bias - mean * scale, torch.zeros_like(mean), torch.ones_like(mean)
        return F.batch_norm(x, zeros, ones, scale, shift, eps=0.0)

    def _statistics(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the mean (C,) and the biased variance (C,) of all ranks' values, and the number in a channel."""
        dims = [dim for dim in range(x.ndim) if dim != 1]
        if len(x):
            variance, mean = torch.var_mean(x, dims, correction=0)
        else:
            variance = mean = x.sum(dims)  # zeros that depend on x: every rank must take part in the backward pass
        own = torch.cat([mean, variance, mean.new_full((1,), x.numel() / x.shape[1])])
        # The rows of all ranks (R, 2C + 1), as a sum. Means and variances lose no digits; sums of squares would.
        before, after = self.ranks.rank, self.ranks.world_size - self.ranks.rank - 1
        rows = _SumOverRanks.apply(F.pad(own[None], (0, 0, before, after)))
        means, variances, counts = rows.split([len(mean), len(mean), 1], dim=1)
        weights = counts / counts.sum()
        mean = (weights * means).sum(0)
        variance = (weights * (variances + (means - mean).square())).sum(0)
        return mean, variance, counts.sum().detach()


class _SumOverRanks(torch.autograd.Function):
    """A sum over the ranks that can be differentiated twice. Every rank's loss depends on every rank's x."""

    @staticmethod
    def forward(ctx: object, x: Tensor) -> Tensor:
        total = x.clone()
        _sum(total)
        return total

    @staticmethod
    def backward(ctx: object, gradient: Tensor) -> Tensor:
        return _SumOverRanks.apply(gradient.contiguous())
