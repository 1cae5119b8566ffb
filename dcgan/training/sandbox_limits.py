"""What visitors of one server cannot exceed together: networks in memory, and steps a minute. Imports no torch."""

from __future__ import annotations

import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from typing import Protocol

MAX_OPEN = 32
"""Sandboxes of all sessions."""
MAX_OPEN_PARAMETERS = 64_000_000
"""Parameters of all sandboxes. Each takes 16 bytes: itself, its gradient, and Adam's two numbers."""
VISITOR_STEPS = 600
"""Steps a minute of one visitor of a public server."""
SERVER_STEPS = 2400
"""Steps a minute of all visitors of a public server."""


class Closable(Protocol):
    """What `OpenSandboxes` closes."""

    num_parameters: int

    def close(self) -> None:
        """Free the memory."""


class OpenSandboxes:
    """The sandboxes that sessions use. Those that were not used for the longest time are closed first."""

    def __init__(self, most: int = MAX_OPEN, most_parameters: int = MAX_OPEN_PARAMETERS) -> None:
        """Make an empty list."""
        self._most, self._most_parameters = most, most_parameters
        self._open: list[weakref.ref[Closable]] = []
        """The last one was used last. A session that ends takes its sandbox along."""
        self._lock = threading.Lock()

    def use(self, sandbox: Closable) -> None:
        """Note that this sandbox is used now, and close others while there are too many."""
        with self._lock:
            others = [other for ref in self._open if (other := ref()) is not None and other is not sandbox]
            while others and (
                len(others) >= self._most
                or sum(one.num_parameters for one in (*others, sandbox)) > self._most_parameters
            ):
                others.pop(0).close()
            self._open = [weakref.ref(one) for one in (*others, sandbox)]

    def __len__(self) -> int:
        """Count the open ones."""
        with self._lock:
            return sum(ref() is not None for ref in self._open)


class StepBudget:
    """Steps within the last minute, up to a bound."""

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        """Allow `most` steps a minute."""
        self.most = most
        self._clock = clock
        self._taken: deque[tuple[float, int]] = deque()
        self._lock = threading.Lock()

    def left(self) -> int:
        """Return the steps that may be taken now."""
        with self._lock:
            return self._left()

    def take(self, count: int) -> None:
        """Count steps that were taken."""
        with self._lock:
            self._left()
            self._taken.append((self._clock(), count))

    def _left(self) -> int:
        now = self._clock()
        while self._taken and now - self._taken[0][0] >= 60:
            self._taken.popleft()
        return max(0, self.most - sum(count for _, count in self._taken))
