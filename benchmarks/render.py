"""Measure the demo's server: a render of 64 frames, and one image at another t. `python benchmarks/render.py`.

The calls run in turn, on the device that DCGAN_DEVICE names, or on the fastest one. Each ends with pixels on the CPU.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch
from timing import alternate, machine_line, print_table, spread

from dcgan import pixels
from dcgan.checkpoint import load_generator
from dcgan.files import CHECKPOINTS
from dcgan.runtime.device import choose_device
from dcgan.sampling.link import ShareLink
from dcgan.sampling.rendering import draw_at, render


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=50, help="measured rounds (default: 50)")
    parser.add_argument("--quick", action="store_true", help="three short rounds, to test that everything runs")
    options = parser.parse_args()
    rounds = options.rounds
    if options.quick:
        rounds = 3
        torch.set_num_threads(1)
    generator = load_generator(CHECKPOINTS / "dcgan-mnist", choose_device())
    link = ShareLink(frames=64, seed_a=62, seed_b=92)
    calls = {
        "64 frames": lambda: render(link, generator),
        "64 frames, and the strip as PNG": lambda: render(link, generator).strip_png,
        "one t": lambda: pixels.enlarge(pixels.grid(draw_at(link, generator, [0.37])[1], 1), 8),
    }
    print(machine_line(generator.device))
    rows = []
    for name, times in alternate(calls, rounds).items():
        milliseconds = sorted(1000 * t for t in times)
        rows.append([name, spread(milliseconds, 1), f"{milliseconds[int(0.9 * rounds)]:.1f}"])
    title = f"dcgan-mnist on {generator.device.type}: {rounds} rounds, in turn"
    print_table(title, ["drawn", "ms", "90 % within, ms"], rows)


if __name__ == "__main__":
    main()
