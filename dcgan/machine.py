"""What this computer's processors are called, without asking torch."""

from __future__ import annotations

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


def _values(path: Path, key: str) -> list[str]:
    """The values of a key in a file of `key : value` lines."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    pairs = (line.split(":", 1) for line in lines if ":" in line)
    return [value.strip() for name, value in pairs if name.strip() == key]
