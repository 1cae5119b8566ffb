"""Compare one and two processes on this machine, in images a second. `python benchmarks/scaling.py`.

The script times training steps of `gan` and `dcgan` on random images, with 128 and 512 images in a batch. It compares
one process with one thread, one process with two threads, and two ranks with one thread each (gloo). They run in
turn, so that other work of the machine affects all of them. The table has medians over the rounds.

A busy machine slows processes that wait for each other more than a single one. So the last column has the ratio of
processor times. It is the highest possible gain of two ranks: with two free cores and without waiting.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch

from dcgan.data.batches import ImageSet, ResidentBatches
from dcgan.presets import PRESETS
from dcgan.runtime.distributed import joined
from dcgan.runtime.host import cpu_name
from dcgan.training.loop import StepResult, training_steps
from dcgan.training.state import TrainState

SETUPS = {"1 process, 1 thread": (1, 1), "1 process, 2 threads": (1, 2), "2 ranks, 1 thread each": (2, 1)}
CASES = [("gan", 128), ("gan", 512), ("dcgan", 128), ("dcgan", 512)]


class Turn(NamedTuple):
    images_per_second: float
    cpu_seconds_per_image: float
    """The processor time of the slowest rank, divided by the images of the whole batch."""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="one short round of the smaller batches")
    quick = parser.parse_args().quick
    cases, rounds, seconds = ([c for c in CASES if c[1] == 128], 1, 0.5) if quick else (CASES, 7, 2.0)
    print(f"{cpu_name()}, {os.cpu_count()} cores, PyTorch {torch.__version__}, {rounds} rounds of {seconds} s")
    print(f"load before: {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "")
    columns = ["preset", "batch", *SETUPS, "2 ranks / 1 process", "2 ranks / 2 threads", "highest possible"]
    print(f"| {' | '.join(columns)} |\n{'|---' * len(columns)}|")
    teams = [Team(*setup) for setup in SETUPS.values()]
    for preset, batch_size in cases:
        timed = [[team.time(preset, batch_size, seconds) for team in teams] for _ in range(rounds)]
        speeds = [statistics.median(turns[i].images_per_second for turns in timed) for i in range(len(teams))]
        # Ratios are taken within a round: other work of the machine affects both alike.
        ratios = [
            statistics.median(ranks.images_per_second / one.images_per_second for one, _, ranks in timed),
            statistics.median(ranks.images_per_second / threads.images_per_second for _, threads, ranks in timed),
            statistics.median(one.cpu_seconds_per_image / ranks.cpu_seconds_per_image for one, _, ranks in timed),
        ]
        values = [f"{speed:.0f} images/s" for speed in speeds] + [f"{ratio:.2f}" for ratio in ratios]
        print(f"| `{preset}` | {batch_size} | {' | '.join(values)} |", flush=True)
    for team in teams:
        team.close()


class Team:
    """Processes that wait for a case, and time it together."""

    def __init__(self, ranks: int, threads: int) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        place = {"WORLD_SIZE": str(ranks), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
        self.processes = [
            subprocess.Popen(
                [sys.executable, __file__, "--rank", str(threads)],
                env=os.environ | place | {"RANK": str(rank), "OMP_NUM_THREADS": str(threads)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for rank in range(ranks)
        ]

    def time(self, *case: object) -> Turn:
        for process in self.processes:
            assert process.stdin is not None, "a pipe"
            process.stdin.write(json.dumps(case) + "\n")
            process.stdin.flush()
        outputs = [process.stdout for process in self.processes if process.stdout is not None]
        speeds, cpu_seconds = zip(*(json.loads(output.readline()) for output in outputs), strict=True)
        return Turn(min(speeds), max(cpu_seconds))

    def close(self) -> None:
        for process in self.processes:
            process.communicate()


def run_rank(threads: int) -> None:
    """Read a case from each line of the input, time it, and print the result as a line of JSON."""
    torch.set_num_threads(threads)
    trainings: dict[tuple[str, int], Iterator[StepResult]] = {}
    with joined("cpu") as (device, ranks):
        for line in sys.stdin:
            preset, batch_size, seconds = json.loads(line)
            if (preset, batch_size) not in trainings:
                config = replace(PRESETS[preset].config, batch_size=batch_size, epochs=10**6)
                images = torch.randint(256, (4096, *config.model.image_shape), dtype=torch.uint8)
                batches = ResidentBatches(ImageSet(images, None, ()), config, device, ranks)
                trainings[preset, batch_size] = training_steps(
                    config, batches, device, TrainState.new(config, device, ranks)
                )
            training = trainings[preset, batch_size]
            before = next(training).state.images_seen  # warms up, and the ranks wait for each other
            started, cpu_started = time.perf_counter(), time.process_time()
            # The ranks agree at every step, as in a recorded training.
            while not ranks.any(flag=time.perf_counter() - started > seconds):
                state = next(training).state
            images, cpu_seconds = state.images_seen - before, time.process_time() - cpu_started
            print(json.dumps([images / (time.perf_counter() - started), cpu_seconds / images]), flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--rank"]:
        run_rank(int(sys.argv[2]))
    else:
        main()
