"""Results that visitors share: made once, also for calls at the same time, and bounded in memory."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Any, Generic, TypeVar

from dcgan.locale.language import language

Result = TypeVar("Result")


def _one(result: Any) -> int:
    return 1


class _Making(Future[Result]):
    """A result that a thread makes, and the language of its errors."""

    def __init__(self) -> None:
        super().__init__()
        self.language = language()


class SharedResults(Generic[Result]):
    """Results by key. Those that were not used for the longest time are dropped beyond `limit`.

    `size` returns what a result counts: by default 1, so that `limit` is a number of results. The newest result
    stays, whatever its size.
    """

    def __init__(self, limit: int, size: Callable[[Result], int] = _one) -> None:
        self._limit = limit
        self._size = size
        self._lock = threading.Lock()
        self._results: OrderedDict[Hashable, _Making[Result]] = OrderedDict()
        self._sizes: dict[Hashable, int] = {}
        if hasattr(os, "register_at_fork"):  # a Space with a shared GPU draws in forked processes
            os.register_at_fork(after_in_child=self._forget_unfinished)

    def __len__(self) -> int:
        return len(self._results)

    def get(self, key: Hashable, make: Callable[[], Result]) -> Result:
        """Return the result for the key, made by `make` unless it is there.

        A call for a key that another thread is making waits for that thread, and gets its result or its exception. An
        exception is not kept, so that the next call tries again, and so does one that waits in another language.
        """
        with self._lock:
            future = self._results.get(key)
            is_mine = future is None
            if future is None:
                future = self._results[key] = _Making()
            self._results.move_to_end(key)
        if not is_mine:
            # The sentence of an error is in the language of the thread that made it.
            if future.exception() is not None and future.language != language():
                return self.get(key, make)
            return future.result()
        try:
            result = make()
        except BaseException as error:
            with self._lock:
                del self._results[key]
            future.set_exception(error)
            raise
        with self._lock:
            self._sizes[key] = self._size(result)
            future.set_result(result)
            self._drop_oldest()
        return result

    def _drop_oldest(self) -> None:
        finished = [key for key in self._results if key in self._sizes]
        for key in finished[:-1]:
            if sum(self._sizes.values()) <= self._limit:
                return
            del self._results[key], self._sizes[key]

    def _forget_unfinished(self) -> None:
        """Drop what another thread was making: in a forked process that thread does not exist."""
        self._lock = threading.Lock()
        self._results = OrderedDict((key, self._results[key]) for key in self._results if key in self._sizes)
