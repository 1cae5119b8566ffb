"""Child processes that share one import of torch, write to a file instead of a terminal, and always end."""

from __future__ import annotations

import functools
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import NamedTuple

LIMIT_SECONDS = 600
"""A child that lasts longer is ended by an alarm, and counts as a hang."""
PRELOADED = ("__main__", "nightly.preloaded")
"""Modules that children share. The first optimizer imports torch._dynamo, which takes most of a short training."""
MISSING = "" if "forkserver" in multiprocessing.get_all_start_methods() else "this system has no fork"
"""Why there can be no such children; empty where there can be."""

Fault = Callable[[], AbstractContextManager[object]]
"""What is different in a child. It is pickled, so it is an object or a function of a module."""


class Outcome(NamedTuple):
    """How a child ended."""

    code: int
    """Its exit code, or a signal's number below 0."""
    output: str
    """What it printed."""

    def fault(self) -> str:
        """Return what no ending may have, as a sentence: a traceback, or a hang. Empty where there is neither."""
        if self.code == -signal.SIGALRM:
            return f"hung for {LIMIT_SECONDS} s"
        if "Traceback" in self.output or self.code not in (0, 2, -signal.SIGKILL):
            return f"ended with code {self.code} and printed {self.output[-400:]!r}"
        return ""


class Child:
    """A running child. Use it in a `with` block, which ends it."""

    def __init__(self, process: BaseProcess, output: Path) -> None:
        self.process, self.output_path = process, output

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *exception: object) -> None:
        self.kill()

    def kill(self) -> None:
        """Send SIGKILL, and wait until the child has ended."""
        self.process.kill()
        self.process.join()

    def wait(self) -> Outcome:
        """Wait until the child ends, and return how."""
        self.process.join()
        return self.outcome()

    def outcome(self) -> Outcome:
        """Return how a child that has ended did so."""
        assert self.process.exitcode is not None
        return Outcome(self.process.exitcode, self.output_path.read_text(errors="replace"))


def start(output: Path, function: Callable[..., int], *arguments: object, faults: Sequence[Fault] = ()) -> Child:
    """Start a child that calls the function under the faults. Its exit code is what the function returns."""
    output.touch()  # a child that is killed at once has not opened it
    process = _context().Process(target=_main, args=(output, function, arguments, tuple(faults)))
    process.start()
    return Child(process, output)


def call(output: Path, function: Callable[..., int], *arguments: object, faults: Sequence[Fault] = ()) -> Outcome:
    """Start a child, wait for it, and return how it ended."""
    with start(output, function, *arguments, faults=faults) as child:
        return child.wait()


@functools.cache
def _context() -> ForkServerContext:
    """Start the process that imports torch once, and that all children are forked from."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([*PRELOADED])
    with _environment(PYTHONPATH=os.pathsep.join(filter(None, sys.path)), OMP_NUM_THREADS="1"):
        forkserver.ensure_running()
    return context


@contextmanager
def _environment(**values: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _main(output: Path, function: Callable[..., int], arguments: Iterable[object], faults: Sequence[Fault]) -> None:
    signal.alarm(LIMIT_SECONDS)
    descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    for number in (1, 2):
        os.dup2(descriptor, number)
    with ExitStack() as stack:
        for fault in faults:
            stack.enter_context(fault())
        code = function(*arguments)
    sys.exit(code)
