"""Train every preset in two checkouts and compare the weights: `python benchmarks/compare_checkouts.py OLD NEW`.

Both trainings take the same steps on the same random images, on the CPU. Equal weights have equal ids. The exit code
is 1 where an id differs. A checkout is the folder that contains the package `dcgan`, of this version or of an earlier
one.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import itertools
import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

MODULES = {
    "batches": ("dcgan.data.batches", "dcgan.batches"),
    "loop": ("dcgan.training.loop", "dcgan.trainer"),
    "presets": ("dcgan.presets",),
}
"""Each module under its names, the current one first."""
RENAMED_TENSORS = {"discriminator.crowding": "discriminator.balance_bias"}
"""The names that earlier versions gave to tensors of a training's state, and the current ones."""
SMALL_WIDTHS = {"hidden_g": (16, 24), "hidden_d": (24, 16), "width_g": 4, "width_d": 4}
NUM_IMAGES = 1000


def main() -> int:
    """Print a table with a row a preset; return 1 where the weights differ."""
    options = parse()
    if options.worker:
        print(json.dumps(weights_ids(options)))
        return 0
    old, new = (trained_in(checkout, options) for checkout in (options.old, options.new))
    print(f"{options.steps} steps, {options.threads} threads, PyTorch {torch.__version__}\n")
    print("| preset | weights id, old | weights id, new | same |\n| --- | --- | --- | --- |")
    presets = [*old, *(preset for preset in new if preset not in old)]
    for preset in presets:
        same = "yes" if old.get(preset) == new.get(preset) else "no"
        print(f"| {preset} | {old.get(preset, '-')} | {new.get(preset, '-')} | {same} |")
    return int(old != new)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("old", type=Path, help="the folder of one checkout")
    parser.add_argument("new", type=Path, help="the folder of the other checkout")
    parser.add_argument("--steps", type=int, default=50, help="steps of each training (default: 50)")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads (default: 1)")
    parser.add_argument("--presets", nargs="+", default=[], help="the presets to train (default: all)")
    parser.add_argument("--engine", choices=["fast", "plain"], help="the engine (default: the preset's)")
    parser.add_argument("--small", action="store_true", help="narrow networks and batches of 8 images")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def trained_in(checkout: Path, options: argparse.Namespace) -> dict[str, str]:
    """Return the weights ids of a checkout by preset, from a process that imports that checkout's package."""
    if not (checkout / "dcgan").is_dir():
        sys.exit(f"{checkout} contains no package dcgan; name the folder of a checkout")
    same = ["--worker", "--steps", str(options.steps), "--threads", str(options.threads)]
    if options.presets:
        same += ["--presets", *options.presets]
    if options.engine:
        same += ["--engine", options.engine]
    if options.small:
        same.append("--small")
    command = [sys.executable, str(Path(__file__).resolve()), str(checkout), str(checkout), *same]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)


def weights_ids(options: argparse.Namespace) -> dict[str, str]:
    """Return the weights id of every requested preset, trained by the package in `options.new`."""
    sys.path.insert(0, str(options.new.resolve()))
    torch.set_num_threads(options.threads)
    all_presets = module("presets", options.new).PRESETS
    presets = [name for name in all_presets if not options.presets or name in options.presets]
    return {preset: weights_id(trained(all_presets[preset].config, options)) for preset in presets}


def module(name: str, checkout: Path) -> ModuleType:
    """Import a module of the checkout, under the first of its names that the checkout has.

    Files decide, not imports: an installed copy of the package may answer for a name that the checkout lacks.
    """
    for path in MODULES[name]:
        if (checkout / f"{path.replace('.', '/')}.py").is_file():
            return importlib.import_module(path)
    raise ModuleNotFoundError(f"{checkout} has none of {', '.join(MODULES[name])}; name a checkout of DCGAN Studio")


def trained(config: Any, options: argparse.Namespace) -> Mapping[str, torch.Tensor]:
    """Return the tensors of a training's state after `options.steps` steps."""
    if options.engine:
        config = replace(config, engine=options.engine)
    if options.small:
        config = replace(config, model=replace(config.model, **SMALL_WIDTHS), batch_size=8)
    batches, loop, device = module("batches", options.new), module("loop", options.new), torch.device("cpu")
    generator = torch.Generator().manual_seed(0)
    shape = (NUM_IMAGES, *config.model.image_shape)
    images_u8 = torch.randint(256, shape, dtype=torch.uint8, generator=generator)
    labels = torch.randint(max(1, config.model.num_classes), (NUM_IMAGES,), generator=generator)
    image_set = batches.ImageSet(images_u8, labels, ())
    training_steps = getattr(loop, "training_steps", None) or loop.train  # its name in earlier versions
    steps = training_steps(config, batches.ResidentBatches(image_set, config, device), device)
    state = None
    for result in itertools.islice(steps, options.steps):
        state = result.state
    assert state is not None, "--steps needs at least 1"
    return state.tensors()


def weights_id(tensors: Mapping[str, torch.Tensor]) -> str:
    """Return the first 12 hex digits of the SHA-256 of all tensors: names, types, shapes and bytes, by name."""
    digest = hashlib.sha256()
    current = {RENAMED_TENSORS.get(name, name): value for name, value in tensors.items()}
    for name in sorted(current):
        value = current[name].detach().cpu().contiguous()
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:12]


if __name__ == "__main__":
    sys.exit(main())
