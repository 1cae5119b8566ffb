"""What surrounds a training's arithmetic: the machine, the number of threads, the precision and the log."""

from __future__ import annotations

import logging
import platform
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import numpy as np
import torch

from dcgan.config import TrainConfig
from dcgan.locale.language import tr
from dcgan.runs.run import Run
from dcgan.runtime.device import matmul_precision
from dcgan.runtime.distributed import Ranks
from dcgan.runtime.host import cpu_name


def environment(device: torch.device, ranks: Ranks) -> dict[str, str]:
    """Return what decides a training's numbers and speed besides its config: name -> value."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else cpu_name()
    return {
        "device": f"{device.type} ({name})",
        "ranks": str(ranks.world_size),
        "threads": str(torch.get_num_threads()),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
    }


def earlier_devices(run: Run, step: int, device: str) -> dict[str, str]:
    """Return the devices that a resumed training used until this step, if they differ from `device`; else empty."""
    before = run.status().environment if run.status_path.exists() else {}
    earlier = before.get("earlier devices", "")
    if before.get("device", device) != device:
        used = tr("{device} to step {step:,}", device=before["device"], step=step)
        earlier = ", ".join(filter(None, (earlier, used)))
    return {"earlier devices": earlier} if earlier else {}


@contextmanager
def arithmetic(config: TrainConfig) -> Iterator[None]:
    """Within the block, use the config's number of threads and its precision."""
    before = torch.get_num_threads()
    torch.set_num_threads(config.threads or before)
    try:
        with matmul_precision(config.precision):
            yield
    finally:
        torch.set_num_threads(before)


class _QuietFileHandler(logging.FileHandler):
    """A log that cannot be written, on a full disk for instance, must not hide the reason behind tracebacks."""

    def emit(self, record: logging.LogRecord) -> None:
        with suppress(OSError):  # of opening the file
            super().emit(record)

    def close(self) -> None:
        with suppress(OSError):  # it writes what a full disk has refused before
            super().close()

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        pass


@contextmanager
def logging_to(run: Run) -> Iterator[None]:
    """Within the block, write the package's log into the run's log.txt too."""
    # UTF-8 on every system, and paths that are no text are escaped.
    handler = _QuietFileHandler(run.log_path, delay=True, encoding="utf-8", errors="backslashreplace")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    package = logging.getLogger("dcgan")
    level = package.level
    package.addHandler(handler)
    package.setLevel(min(level or logging.INFO, logging.INFO))
    try:
        yield
    finally:
        package.setLevel(level)
        package.removeHandler(handler)
        handler.close()
