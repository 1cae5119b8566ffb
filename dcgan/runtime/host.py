"""Names of this computer's processors, and a setting of its memory. No torch."""

from __future__ import annotations

import ctypes
import functools
import platform
from pathlib import Path


@functools.cache
def cpu_name() -> str:
    """Return the processor's name, for example "AMD EPYC"."""
    names = _values(Path("/proc/cpuinfo"), "model name")
    return names[0] if names else platform.processor() or platform.machine()


def gpu_names() -> list[str]:
    """Return the names of NVIDIA's GPUs, as its driver for Linux lists them. The list is empty on other systems."""
    folder = Path("/proc/driver/nvidia/gpus")
    return [name for file in sorted(folder.glob("*/information")) for name in _values(file, "Model")]


def keep_freed_memory() -> None:
    """Let glibc keep the memory of freed tensors for later ones, until this process ends.

    By default glibc returns the memory to the system, and requests it again in every training step. This took 5 to
    15 % of a step's time, measured. With another C library this function does nothing.
    """
    if platform.libc_ver()[0] != "glibc":
        return
    trim_threshold, mmap_threshold = -1, -3  # M_TRIM_THRESHOLD and M_MMAP_THRESHOLD in malloc.h
    libc = ctypes.CDLL(None)
    libc.mallopt(trim_threshold, 2**31 - 1)
    libc.mallopt(mmap_threshold, 32 * 2**20)  # the largest value that glibc accepts


def _values(path: Path, key: str) -> list[str]:
    """Return the values of a key in a file with `key : value` lines."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    pairs = (line.split(":", 1) for line in lines if ":" in line)
    return [value.strip() for name, value in pairs if name.strip() == key]
