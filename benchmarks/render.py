"""How long the demo's server takes: a 64-frame render, and an answer to a move of t. `python benchmarks/render.py`.

Prints the median and the spread of many calls in milliseconds, on the device that DCGAN_DEVICE names, or the best.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch

from dcgan import pixels
from dcgan.checkpoint import load_generator
from dcgan.device import choose_device
from dcgan.machine import cpu_name
from dcgan.render import draw_at, render
from dcgan.runs import CHECKPOINTS
from dcgan.share import ShareLink

CALLS = 50


def main() -> None:
    generator = load_generator(CHECKPOINTS / "dcgan-mnist", choose_device())
    link = ShareLink(frames=64, seed_a=62, seed_b=92)
    threads = torch.get_num_threads()
    print(f"dcgan-mnist on {generator.device} ({cpu_name()}, {threads} threads), {CALLS} calls each")
    report("64 frames", lambda: render(link, generator))
    report("64 frames, strip as PNG", lambda: render(link, generator).strip_png)
    report("one t", lambda: pixels.enlarge(pixels.grid(draw_at(link, generator, [0.37])[1], 1), 8))


def report(name: str, call: Callable[[], object]) -> None:
    call()
    times = []
    for _ in range(CALLS):
        started = time.perf_counter()
        call()
        times.append(1000 * (time.perf_counter() - started))
    times.sort()
    print(f"{name:24} median {statistics.median(times):6.1f} ms, 90 % within {times[int(0.9 * CALLS)]:6.1f} ms")


if __name__ == "__main__":
    main()
