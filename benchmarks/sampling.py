"""Time the drawing of images one at a time, in chunks, and in one batch. `python benchmarks/sampling.py`.

`dcgan.models.inference` draws in chunks of one size, so that an image does not depend on its neighbors. This script
compares it with one big batch and with a loop over single images. All return images in [-1, 1] on the CPU.
"""

from __future__ import annotations

import argparse
import functools
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch
from timing import alternate, machine_line, peak_mib, print_table, ratios, spread
from torch import Tensor

from dcgan.checkpoint import TrainedGenerator, load_generator
from dcgan.files import CHECKPOINTS
from dcgan.models.inference import CHUNK, sample
from dcgan.runtime.device import choose_device

MODELS = ("dcgan-mnist", "gan-mnist")
COUNTS = (64, 1024, 10_000)


def one_by_one(generator: TrainedGenerator, z: Tensor) -> Tensor:
    return torch.cat([in_one_batch(generator, row) for row in z.split(1)])


@torch.no_grad()
def in_one_batch(generator: TrainedGenerator, z: Tensor) -> Tensor:
    low, high = generator.config.pixel_range
    images = generator.network(z.to(generator.device)).cpu()
    return (images - low) * (2 / (high - low)) - 1


def in_chunks(generator: TrainedGenerator, z: Tensor) -> Tensor:
    return sample(generator.network, z)


METHODS: dict[str, Callable[[TrainedGenerator, Tensor], Tensor]] = {
    "one image at a time": one_by_one,
    f"chunks of {CHUNK}": in_chunks,
    "one big batch": in_one_batch,
}
"""The others are compared with the first."""


def load(model: str, count: int, device: torch.device) -> tuple[TrainedGenerator, Tensor]:
    generator = load_generator(CHECKPOINTS / model, device)
    return generator, torch.from_numpy(generator.latents(range(count)))


def load_and_draw(
    draw: Callable[[TrainedGenerator, Tensor], Tensor], model: str, count: int, device: torch.device
) -> None:
    draw(*load(model, count, device))


def main() -> None:
    options = parse()
    device = choose_device(options.device)
    torch.set_num_threads(options.threads or torch.get_num_threads())
    tables = [(model, count) for model in MODELS for count in options.counts]
    memory: dict[tuple[str, int, str], float] = {}
    if device.type == "cpu":  # before any computation, while this process may be forked
        print(f"The memory includes {peak_mib(lambda: None):,.0f} MiB for Python and PyTorch.", flush=True)
        for model, count in tables:
            for name, draw in METHODS.items():
                memory[model, count, name] = peak_mib(functools.partial(load_and_draw, draw, model, count, device))
    print(machine_line(device))
    for model, count in tables:
        generator, z = load(model, count, device)
        calls = {}
        for name, draw in METHODS.items():
            calls[name] = functools.partial(draw, generator, z)
            if device.type == "cuda":
                torch.cuda.reset_peak_memory_stats(device)
                calls[name]()
                memory[model, count, name] = torch.cuda.max_memory_allocated(device) / 2**20
        seconds = alternate(calls, options.rounds, time.process_time if options.cpu_time else time.perf_counter)
        first = next(iter(seconds))
        rows = []
        for name, times in seconds.items():
            used = f"{memory[model, count, name]:,.0f}" if memory else "-"
            rows.append([name, spread(count / t for t in times), spread(ratios(times, seconds[first]), 2), used])
        clock = ", processor time" if options.cpu_time else ""
        title = f"{model}, {count:,} images on {device.type}: {options.rounds} rounds, in turn{clock}"
        print_table(title, ["drawn", "images/s", "ratio", "memory, MiB"], rows)
    print(
        "\nRatio: how many times faster than the first row, as the median (lowest..highest) of the rounds.\n"
        "Memory: the peak resident memory of a separate process with its imports, or of the GPU's allocations."
    )


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--device", default="cpu", help="cpu, cuda, mps, or auto (default: cpu)")
    parser.add_argument("--counts", nargs="+", type=int, default=list(COUNTS), help="images (default: 64 1024 10000)")
    parser.add_argument("--rounds", type=int, default=5, help="measured rounds (default: 5)")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads; 0: PyTorch's choice")
    parser.add_argument(
        "--cpu-time",
        action="store_true",
        help="for a busy machine: use one thread, and count its processor time",
    )
    parser.add_argument("--quick", action="store_true", help="two short rounds, to test that everything runs")
    options = parser.parse_args()
    if options.cpu_time:
        options.threads = 1
        if options.device != "cpu":
            parser.error("--cpu-time counts this process only; leave --device out")
    if options.quick:
        options.counts, options.rounds = [2, 64], 2
        options.threads = 1  # on busy cores, several threads wait for each other
    return options


if __name__ == "__main__":
    main()
