"""What is to be known of this computer, and asked of it, without torch."""

from __future__ import annotations

import ctypes
import platform
from pathlib import Path


def cpu_name() -> str:
    """The processor's name, "AMD EPYC" for instance."""
    names = _values(Path("/proc/cpuinfo"), "model name")
    return names[0] if names else platform.processor() or platform.machine()


def gpu_names() -> list[str]:
    """The names of NVIDIA's GPUs, as its driver for Linux tells them; empty elsewhere."""
    folder = Path("/proc/driver/nvidia/gpus")
    return [name for file in sorted(folder.glob("*/information")) for name in _values(file, "Model")]


def keep_freed_memory() -> None:
    """Have glibc keep the memory of freed tensors for the next ones, for as long as this process lives.

    Otherwise it gives megabytes back to the system and asks for them again some thousand pages a training step: 5 to
    15 % of the time, measured. Does nothing where the C library is another.
    """
    if platform.libc_ver()[0] != "glibc":
        return
    trim_threshold, mmap_threshold = -1, -3  # of malloc.h
    libc = ctypes.CDLL(None)
    libc.mallopt(trim_threshold, 2**31 - 1)
    libc.mallopt(mmap_threshold, 32 * 2**20)  # its largest


def _values(path: Path, key: str) -> list[str]:
    """The values of a key in a file of `key : value` lines."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    pairs = (line.split(":", 1) for line in lines if ":" in line)
    return [value.strip() for name, value in pairs if name.strip() == key]
