"""Functions that the benchmarks share: calls in turn, medians with their spread, tables, memory and the machine.

The module runs on Linux and macOS.
"""

from __future__ import annotations

import datetime
import functools
import itertools
import math
import multiprocessing
import os
import platform
import re
import resource
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TypeVar

import torch

from dcgan.runtime.host import cpu_name

Result = TypeVar("Result")


def in_turn(calls: Mapping[str, Callable[[], Result]], rounds: int) -> dict[str, list[Result]]:
    """Call all in turn, A B C A B C ..., and return a list of `rounds` results for each name.

    So other work of the machine affects all of them alike, and the n-th results can be compared.
    """
    results: dict[str, list[Result]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            results[name].append(call())
    return results


def alternate(
    calls: Mapping[str, Callable[[], object]], rounds: int, clock: Callable[[], float] = time.perf_counter
) -> dict[str, list[float]]:
    """Return the seconds of each call, timed in turn. Before that each is called once without being timed.

    On a busy machine, pass time.process_time: it counts the seconds of this process only. With one thread and without
    a GPU, these are the seconds that an idle machine would need.
    """

    def seconds(call: Callable[[], object]) -> float:
        started = clock()
        call()
        return clock() - started

    for call in calls.values():
        call()
    return in_turn({name: functools.partial(seconds, call) for name, call in calls.items()}, rounds)


def spread(values: Iterable[float], digits: int = 0) -> str:
    """Return the median, and the smallest and the largest value: "12.1 (11.8..13.0)"."""
    values = list(values)
    low, middle, high = (f"{v:,.{digits}f}" for v in (min(values), statistics.median(values), max(values)))
    return f"{middle} ({low}..{high})"


def ratios(mine: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Return how many times faster `mine` was in each round. Both are seconds for the same work."""
    return [b / a for a, b in zip(mine, theirs, strict=True)]


def print_table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print the table as Markdown, for the documentation."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]

    def line(cells: Sequence[str]) -> str:
        padded = [cells[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(cells[1:], widths[1:], strict=True))]
        return f"| {' | '.join(padded)} |"

    print(f"\n{title}\n")
    print(line(header))
    print(f"|{'-' * (widths[0] + 2)}|{'|'.join('-' * (w + 1) + ':' for w in widths[1:])}|")
    for row in rows:
        print(line(row), flush=True)


def machine_line(device: torch.device | None = None) -> str:
    """Return a line about the machine and the versions. The load is that of the last minute."""
    accelerator = f"{torch.cuda.get_device_name(device)}, " if device is not None and device.type == "cuda" else ""
    return (
        f"{accelerator}{cpu_name()}, {os.cpu_count()} processors at load {os.getloadavg()[0]:.1f}, "
        f"{torch.get_num_threads()} threads, PyTorch {torch.__version__}, Python {platform.python_version()}, "
        f"{datetime.date.today()}"
    )


class Worker:
    """A separate process for one training, with its own memory and its own malloc.

    The process calls `start`, which must be picklable, and iterates over the result on demand. The process is
    spawned, not forked, because MKL's threads do not survive a fork.
    """

    def __init__(self, start: Callable[[], Iterator[object]], threads: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_work, args=(start, threads, theirs), daemon=True)
        self._process.start()
        theirs.close()  # so that the pipe ends when the process ends

    def run(self, count: int) -> tuple[float, float, float]:
        """Iterate `count` times. Return seconds, seconds of processor time, and the peak memory so far (MiB)."""
        self._pipe.send(count)
        try:
            return self._pipe.recv()
        except EOFError:
            raise RuntimeError(f"a training ended with exit code {self._process.exitcode}; see above") from None


def _work(start: Callable[[], Iterator[object]], threads: int, pipe: Connection) -> None:
    torch.set_num_threads(threads)
    steps = start()
    while True:
        try:
            count = pipe.recv()
        except EOFError:
            return
        started, processor_started = time.perf_counter(), time.process_time()
        done = sum(1 for _ in itertools.islice(steps, count))
        assert done == count, f"the training ended {count - done} steps early; ask for fewer --rounds or --steps"
        pipe.send((time.perf_counter() - started, time.process_time() - processor_started, _peak_mib()))


def peak_mib(call: Callable[[], object]) -> float:
    """Return the peak resident memory (MiB) of a process that makes only this call; NaN if no process can be forked.

    The number includes all modules imported so far. Call this function before the first computation: a process that
    has started threads cannot be forked safely.
    """
    if "fork" not in multiprocessing.get_all_start_methods():
        return math.nan
    global _call
    _call = call  # the child inherits it, because a closure cannot be pickled
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("fork")) as process:
        return process.submit(_peak_of_call).result()


def _peak_of_call() -> float:
    _call()
    return _peak_mib()


def _peak_mib() -> float:
    try:
        # VmHWM counts this program only. getrusage also counts what the process ran before exec.
        status = Path("/proc/self/status").read_text(encoding="ascii")
        peak = re.search(r"VmHWM:\s*(\d+) kB", status)
        assert peak is not None, "Linux has the peak of every process"
        return int(peak[1]) / 2**10
    except FileNotFoundError:  # not on Linux
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # bytes, on macOS


def wait_for(device: torch.device) -> None:
    """Wait until the device has finished its work. Calls to a GPU return earlier."""
    if device.type != "cpu":
        torch.accelerator.synchronize(device)
