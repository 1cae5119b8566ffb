"""Record the failure gallery: `python failures/record.py [NAME...]`, by default what is missing.

Each is trained on the CPU with one thread, and loses its weights then. A recording is
config, status, rows and grids, in failures/NAME. The list is in dcgan/runs/failure_gallery.py.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch

from dcgan import files
from dcgan.config import TrainConfig
from dcgan.runs.failure_gallery import FAILURES, SOUND, sound_config
from dcgan.runs.run import Run
from dcgan.training.recording import run_training

MAX_GRIDS = 16
MAX_BYTES = 300_000


def main(names: list[str]) -> int:
    presets = {failure.name: failure.preset for failure in FAILURES}
    configs = {failure.name: failure.config for failure in FAILURES}
    for preset in sorted({*presets.values()}):
        presets[f"{SOUND}{preset}"] = preset
        configs[f"{SOUND}{preset}"] = sound_config(preset)
    unknown = [name for name in names if name not in configs]
    if unknown:
        print(f"error: {unknown[0]} is no recording of the gallery; they are {', '.join(configs)}", file=sys.stderr)
        return 2
    for name in names or [name for name in configs if not (files.FAILURES / name).exists()]:
        size = record(name, configs[name], presets[name])
        print(f"{name}: {size / 1000:.0f} kB", flush=True)
        if size > MAX_BYTES:
            print(f"error: {name} has more than {MAX_BYTES / 1000:.0f} kB", file=sys.stderr)
            return 1
    return 0


def record(name: str, config: TrainConfig, preset: str) -> int:
    """Train the config, keep what pages show in failures/NAME, and return the size in bytes."""
    with tempfile.TemporaryDirectory() as folder:
        run = Run.create(config, preset, Path(folder))
        run_training(run, torch.device("cpu"))
        return keep(run, name)


def keep(run: Run, name: str) -> int:
    """Copy what pages show of a run to failures/NAME, and return the size in bytes."""
    target = files.FAILURES / name
    shutil.rmtree(target, ignore_errors=True)
    (target / "samples").mkdir(parents=True)
    for path in (run.config_path, run.status_path, run.progress_path, run.scores_path):
        if path.exists():
            shutil.copyfile(path, target / path.name)
    room = MAX_BYTES - sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
    for path in fitting_grids(run, room):
        shutil.copyfile(path, target / "samples" / path.name)
    return sum(path.stat().st_size for path in target.rglob("*") if path.is_file())


def fitting_grids(run: Run, room: int) -> list[Path]:
    """Return evenly spaced grids, first and last included, as many as `room` bytes hold. Grids of noise are large."""
    steps = run.sample_steps()
    for count in range(MAX_GRIDS, 1, -1):
        kept = sorted({steps[i * (len(steps) - 1) // (count - 1)] for i in range(count)})
        paths = [run.sample_path(step) for step in kept]
        if sum(path.stat().st_size for path in paths) <= room:
            break
    return paths


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
