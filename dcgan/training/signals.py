"""The signals that stop a training."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from dcgan.runtime.distributed import Ranks


@contextmanager
def stop_signals(ranks: Ranks) -> Iterator[list[int]]:
    """Collect the first Ctrl-C, SIGTERM or hang-up within the block; a second one acts as usual.

    Several ranks collect all of them, because a terminal's Ctrl-C reaches them twice: from the terminal and from
    torchrun. Outside the main thread nothing is collected.
    """
    received: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield received
        return
    names = ("SIGINT", "SIGTERM", "SIGHUP")  # Windows has no hang-up
    before = {number: signal.getsignal(number) for number in (getattr(signal, n, None) for n in names) if number}
    # nohup ignores the hang-up for its process, and that stays so.
    before = {number: handler for number, handler in before.items() if handler is not signal.SIG_IGN}

    def collect(number: int, frame: object) -> None:
        received.append(number)
        if ranks.world_size == 1:
            signal.signal(number, before[number])

    for number in before:
        signal.signal(number, collect)
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def worker_deaths_ignored() -> Iterator[None]:
    """Within the block, let no process that decodes images raise an error by its death.

    PyTorch's handler of SIGCHLD raises a RuntimeError wherever this process is at that moment, even while it records
    an earlier error.
    """
    number = getattr(signal, "SIGCHLD", None)  # Windows has none
    if number is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(number)
    with suppress(RuntimeError):  # a signal that came before this line is handled now
        signal.signal(number, _ignore)
    signal.signal(number, _ignore)
    try:
        yield
    finally:
        signal.signal(number, before)


def _ignore(number: int, frame: object) -> None:
    """Do nothing. SIG_IGN would also take away the exit codes of the processes."""
