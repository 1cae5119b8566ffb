"""What the benchmarks share: contestants in turn, medians with their spread, tables, memory, and what machine it was.

Runs on Linux and macOS; memory is read where the system tells it.
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
    """The results of each, a list of `rounds` for each name: A B C A B C ...

    So whatever else the machine does meets all of them, and the n-th results make a pair.
    """
    results: dict[str, list[Result]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            results[name].append(call())
    return results


def alternate(
    contestants: Mapping[str, Callable[[], object]], rounds: int, clock: Callable[[], float] = time.perf_counter
) -> dict[str, list[float]]:
    """Seconds of each call, in turn, after an unmeasured call of each.

    Where other programs take turns with this one, time.process_time counts its own seconds only: with one thread and
    no GPU they are what an idle machine's clock would show.
    """

    def seconds(call: Callable[[], object]) -> float:
        started = clock()
        call()
        return clock() - started

    for call in contestants.values():
        call()
    return in_turn({name: functools.partial(seconds, call) for name, call in contestants.items()}, rounds)


def spread(values: Iterable[float], digits: int = 0) -> str:
    """The median, and from the smallest to the largest: "12.1 (11.8..13.0)"."""
    values = list(values)
    low, middle, high = (f"{v:,.{digits}f}" for v in (min(values), statistics.median(values), max(values)))
    return f"{middle} ({low}..{high})"


def ratios(mine: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """How many times faster mine was, round by round: both are seconds for the same work."""
    return [b / a for a, b in zip(mine, theirs, strict=True)]


def print_table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """As Markdown, so that it can be pasted into the documentation as it is."""
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
    """What the numbers depend on. The load is that of the last minute, this program's start included."""
    accelerator = f"{torch.cuda.get_device_name(device)}, " if device is not None and device.type == "cuda" else ""
    return (
        f"{accelerator}{cpu_name()}, {os.cpu_count()} processors at load {os.getloadavg()[0]:.1f}, "
        f"{torch.get_num_threads()} threads, PyTorch {torch.__version__}, Python {platform.python_version()}, "
        f"{datetime.date.today()}"
    )


class Worker:
    """A process of its own for one contestant, with its own memory and its own malloc, as its users have it.

    `start`, which can be pickled, is called there, and what it returns is iterated on demand. A new process and no
    fork: MKL's threads do not survive one.
    """

    def __init__(self, start: Callable[[], Iterator[object]], threads: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_work, args=(start, threads, theirs), daemon=True)
        self._process.start()
        theirs.close()  # so that the end of the process is the end of the pipe

    def run(self, count: int) -> tuple[float, float, float]:
        """Iterate so many times: seconds by the clock, seconds of processor time, the peak of memory so far (MiB)."""
        self._pipe.send(count)
        try:
            return self._pipe.recv()
        except EOFError:
            raise RuntimeError(f"a contestant ended, exit code {self._process.exitcode}; see above") from None


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
    """The most memory (MiB, resident) that a process has which makes this call and nothing else; the imports that are
    done by now are in it. NaN where a process cannot be forked.

    To be asked before the first computation of this process: one that has started its threads cannot be forked.
    """
    if "fork" not in multiprocessing.get_all_start_methods():
        return math.nan
    global _call
    _call = call  # inherited, not sent: a closure cannot be pickled
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("fork")) as process:
        return process.submit(_peak_of_call).result()


def _peak_of_call() -> float:
    _call()
    return _peak_mib()


def _peak_mib() -> float:
    try:
        # Of this program alone; getrusage counts what the process was before it became this program, too.
        status = Path("/proc/self/status").read_text(encoding="ascii")
        peak = re.search(r"VmHWM:\s*(\d+) kB", status)
        assert peak is not None, "Linux tells the peak of every process"
        return int(peak[1]) / 2**10
    except FileNotFoundError:  # no Linux
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # bytes, on macOS


def wait_for(device: torch.device) -> None:
    """Until the device has done what it was given: a GPU answers before it has worked."""
    if device.type != "cpu":
        torch.accelerator.synchronize(device)
