"""The devices of this machine, and the precision of their matrix products."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from dcgan.locale.language import tr


def available_devices() -> list[str]:
    """Return every device of this machine, the fastest kind first: cuda:0, cuda:1, mps, cpu."""
    devices = [f"cuda:{index}" for index in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    devices += ["mps"] if torch.backends.mps.is_available() else []
    return [*devices, "cpu"]


def choose_device(name: str = "auto") -> torch.device:
    """Return the device of that name. "cuda" is the first CUDA device.

    "auto" is the device that $DCGAN_DEVICE names. Without this variable it is the first that exists of cuda, mps and
    cpu. Raises ValueError for a device that this machine lacks. The message lists the devices that it has.
    """
    origin = "--device"
    if name == "auto":
        name, origin = os.environ.get("DCGAN_DEVICE") or "auto", "DCGAN_DEVICE"
    devices = available_devices()
    if name == "auto":
        return torch.device(devices[0])
    found = "cuda:0" if name == "cuda" else name
    if found not in devices:
        raise ValueError(
            tr(
                "{origin} {name!r} is not on this machine; choose one of {devices}, or auto",
                origin=origin,
                name=name,
                devices=", ".join(devices),
            )
        )
    return torch.device(found)


@contextmanager
def matmul_precision(name: str) -> Iterator[None]:
    """Within the block, let NVIDIA GPUs multiply and convolve float32 as TF32 if `name` is "tf32".

    With any other name they use all digits of float32. PyTorch's default is TF32 for convolutions only.
    """
    cudnn: Any = torch.backends.cudnn  # its type stub lacks `conv`
    places = (torch.backends.cuda.matmul, cudnn.conv)
    before = [place.fp32_precision for place in places]
    for place in places:
        place.fp32_precision = "tf32" if name == "tf32" else "ieee"
    try:
        yield
    finally:
        for place, value in zip(places, before, strict=True):
            place.fp32_precision = value


@contextmanager
def one_thread() -> Iterator[None]:
    """Use one thread, because the matrices are small.

    On busy cores, several threads wait for each other and take seconds where one takes milliseconds.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
