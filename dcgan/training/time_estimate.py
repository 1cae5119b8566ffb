"""How long a training will take on this machine. A separate process times a few of its steps.

The times are cached beside the runs, in .speed.json. They are valid for one machine and one version of PyTorch. Only
the separate process imports torch.

The module has a few more than 250 lines, because both processes and their bounds are in it.
"""

from __future__ import annotations

import functools
import hashlib
import json
import math
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

from dcgan import bounded_json
from dcgan.config import DataConfig, TrainConfig
from dcgan.data.named_sets import NAMED_SETS
from dcgan.files import PROJECT, replacing, runs_root
from dcgan.runs.run import LOCK_VARIABLE
from dcgan.runtime.host import cpu_name, gpu_names, keep_freed_memory

MEASURE_SECONDS = 2.0
"""How long steps are timed, one step at least. Visitors who only look should not wait for a busy processor."""
WARM_UP_STEPS = 1
"""The first step allocates memory and chooses kernels."""
NICENESS = 10
"""Of the process that times steps: the pages of the studio go first."""
MAX_SECONDS = 120.0
"""After so many seconds without an answer the process is ended. At first it loads PyTorch on a busy machine."""
MAX_BYTES = 2**31
"""Memory of the process on a CPU. A config that needs more has no estimate."""
MAX_WAITING = 32
"""Configs that wait to be timed: all presets, and what a visitor tries out."""


@dataclass(frozen=True)
class Estimate:
    """The seconds of all steps of a training, and how many steps were timed for this estimate."""

    seconds: float
    steps_timed: int
    device: str


def steps_of(config: TrainConfig) -> int | None:
    """Return the steps of the whole training; None for a folder, whose number of images is not known."""
    if config.data.name not in NAMED_SETS:
        return config.epochs * config.steps_per_epoch or None
    num_images = NAMED_SETS[config.data.name].num_train
    num_images = min(num_images, config.data.limit or num_images)
    return config.epochs * (config.steps_per_epoch or math.ceil(num_images / config.batch_size))


def estimate(config: TrainConfig, *, steps: int | None = None) -> Estimate | None:
    """Return the time for this config; None if its steps were not timed here, or cannot be counted.

    `steps` are those of the whole training, which the config of a folder does not say (preview.plan does).
    """
    steps, timed = steps_of(config) if steps is None else steps, _read().get(_key(config))
    if steps is None or timed is None:
        return None
    return Estimate(steps * timed["seconds_per_step"], timed["steps"], timed["device"])


def _key(config: TrainConfig) -> str:
    """Return a key for the machine and the config. Fields that do not change a step's time are left out."""
    settings = os.environ.get("DCGAN_DEVICE"), os.environ.get("OMP_NUM_THREADS")
    return _key_here(config, (cpu_name(), *gpu_names(), _torch_version(), *settings))


@functools.cache
def _torch_version() -> str:
    return version("torch")  # reads a file, and a page needs it dozens of times


@functools.lru_cache(maxsize=1024)
def _key_here(config: TrainConfig, here: tuple[str | None, ...]) -> str:
    same = replace(
        config,
        data=DataConfig(),
        epochs=1,
        steps_per_epoch=0,
        lr_g=1e-4,
        lr_d=1e-4,
        seed=0,
        ema_half_life_images=min(1, config.ema_half_life_images),
        ema_ramp=0.0,
        log_every=1,
        snapshots=0,
        d_snapshot_parameters=0,
        keep_states=1,
        score_images=0,
    )
    return hashlib.sha256(json.dumps([same.to_json(), list(here)]).encode()).hexdigest()[:16]


def _path() -> Path:
    return runs_root() / ".speed.json"


def _read() -> dict[str, dict]:
    """Return what was timed. Nobody may change it: it is read again only when the file has changed."""
    path = _path()
    try:
        state = path.stat()
    except OSError:
        return {}
    return _read_at(path, (state.st_mtime_ns, state.st_size, state.st_ino))


@functools.lru_cache(maxsize=4)
def _read_at(path: Path, state: tuple[int, int, int]) -> dict[str, dict]:
    try:
        values = bounded_json.read_object(path)
        return {
            key: value for key, value in values.items() if {"seconds_per_step", "steps", "device"} <= value.keys()
        }
    except (OSError, ValueError, AttributeError):
        return {}  # this is a cache: a file that cannot be read is measured again


# Measuring

_changing = threading.Lock()
_wanted: dict[str, TrainConfig] = {}
_failed: set[str] = set()
_worker: threading.Thread | None = None


def measure_in_background(configs: Iterable[TrainConfig]) -> None:
    """Start timing the configs that were not timed yet, one at a time, and return at once."""
    global _worker
    known = _read()
    with _changing:
        for config in configs:
            key = _key(config)
            if key not in known and key not in _failed and len(_wanted) < MAX_WAITING:
                _wanted[key] = config
        if _wanted and _worker is None:
            _worker = threading.Thread(target=_work, daemon=True, name="measures speed")
            _worker.start()


def is_measuring(config: TrainConfig) -> bool:
    """Return whether this config is being timed, or waits for it."""
    return _key(config) in _wanted


def _work() -> None:
    global _worker
    while True:
        with _changing:
            batch = dict(_wanted)
            if not batch:
                _worker = None
                return
        left = set(batch)
        try:
            for key, timed in _time_them(batch):
                _keep(key, timed)
                left.discard(key)
                with _changing:
                    del _wanted[key]
        except (OSError, ValueError):
            pass  # no process, no answer, or no place for the file: the configs left count as failed
        with _changing:
            _failed.update(left)
            for key in left:
                del _wanted[key]


def _time_them(batch: dict[str, TrainConfig]) -> Iterable[tuple[str, dict]]:
    """Time the configs in one process. It ends after MAX_SECONDS without an answer, and with this process.

    Its standard input stays open until all are timed. So the system closes it when this process dies in any way, and
    the other process sees that.
    """
    environment = {key: value for key, value in os.environ.items() if key != LOCK_VARIABLE}
    command = [sys.executable, "-m", "dcgan.training.time_estimate"]
    with subprocess.Popen(
        command, cwd=PROJECT, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None, "a pipe"
        assert process.stdout is not None, "a pipe"
        process.stdin.write(json.dumps([config.to_json() for config in batch.values()]) + "\n")
        process.stdin.flush()
        for key in batch:
            timer = threading.Timer(MAX_SECONDS, process.kill)
            timer.start()
            line = process.stdout.readline()
            timer.cancel()
            if not line:
                return
            yield key, json.loads(line)


def _keep(key: str, timed: dict) -> None:
    if "error" in timed:
        _failed.add(key)
        return
    with replacing(_path()) as temporary:
        temporary.write_text(json.dumps(_read() | {key: timed}, indent=1), encoding="utf-8")


def time_steps(config: TrainConfig, device_name: str = "auto") -> dict:
    """Return the seconds a step of this config takes on random images: {"seconds_per_step", "steps", "device"}."""
    import torch

    from dcgan.data.batches import Batch
    from dcgan.runtime.device import choose_device
    from dcgan.training.fast_step import choose_step
    from dcgan.training.state import TrainState

    keep_freed_memory()
    device = choose_device(device_name)
    torch.set_num_threads(config.threads or torch.get_num_threads())
    config = replace(config, patch_whitening=False)  # the initial weights do not change the time
    state = TrainState.new(config, device)
    step = choose_step(state)
    images = torch.rand(config.batch_size, *config.model.image_shape, device=device)
    labels = torch.zeros(config.batch_size, dtype=torch.int64, device=device) if config.model.num_classes else None
    times = [time.perf_counter()]
    while len(times) <= WARM_UP_STEPS + 1 or times[-1] - times[WARM_UP_STEPS] < MEASURE_SECONDS:
        step(state, Batch(images, labels)).d_loss.item()  # .item() waits for the device
        times.append(time.perf_counter())
    steps = len(times) - 1 - WARM_UP_STEPS
    seconds = (times[-1] - times[WARM_UP_STEPS]) / steps
    return {"seconds_per_step": seconds, "steps": steps, "device": device.type}


def _bound_memory() -> None:
    """Let allocations beyond MAX_BYTES fail. CUDA reserves far more addresses than memory, so a GPU has no bound."""
    from dcgan.runtime.device import choose_device

    if choose_device("auto").type == "cpu" and sys.platform == "linux":
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (MAX_BYTES, MAX_BYTES))


def _end_with_parent() -> None:
    """End this process when the other end of its standard input is closed."""
    while os.read(sys.stdin.fileno(), 1):
        pass
    os._exit(1)


def main() -> None:
    """Read a line of configs as JSON. Print a line of JSON for each, in order, as soon as it is timed.

    The process ends at the end of its standard input.
    """
    configs = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if hasattr(os, "nice"):  # not on Windows
        os.nice(NICENESS)
    with suppress(RuntimeError, ValueError):  # no such device: each config has the reason
        _bound_memory()
    for values in configs:
        try:
            timed = time_steps(TrainConfig.from_json(values))
        except (RuntimeError, ValueError, OSError, MemoryError) as error:
            timed = {"error": str(error)}
        print(json.dumps(timed), flush=True)


if __name__ == "__main__":
    main()
