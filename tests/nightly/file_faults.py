"""What a disk can do to the operations of a program: see them, refuse them, or be the last thing that it does.

Each class is a hook of file_layer.py.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable

from nightly.file_layer import Operation

GROWING = ("create", "mkdir", "write")
"""The kinds of operations that need room on the disk."""


class Recording:
    """Keep every operation."""

    def __init__(self) -> None:
        self.operations: list[Operation] = []

    def __call__(self, operation: Operation) -> None:
        self.operations.append(operation)


class AtOperation:
    """Call `act` before the n-th operation, counted from 0. Of a write, half of the bytes come first."""

    def __init__(self, number: int, act: Callable[[], object]) -> None:
        self.left, self.act = number, act

    def __call__(self, operation: Operation) -> int | None:
        self.left -= 1
        if self.left < -1 or (self.left == -1 and (operation.kind != "write" or len(operation.data) < 2)):
            self.act()
        return len(operation.data) // 2 if self.left == -1 and operation.kind == "write" else None


class FullDisk:
    """Refuse what needs room after `room` bytes were written. A name takes a byte, and nothing gives room back."""

    def __init__(self, room: int) -> None:
        self.room = room

    def __call__(self, operation: Operation) -> int | None:
        if operation.kind not in GROWING:
            return None
        if self.room <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        size = min(self.room, len(operation.data) or 1)
        self.room -= size
        return size if operation.kind == "write" else None


class Refusal:
    """Refuse operations of one kind on paths that end with `suffix`, so many times.

    The path is the target of a rename, and for a temporary file the path that the file will get.
    """

    def __init__(self, kind: str, suffix: str, times: float, *, number: int = errno.EACCES) -> None:
        self.kind, self.suffix, self.left, self.number = kind, suffix, times, number

    def __call__(self, operation: Operation) -> None:
        if self.left > 0 and self.applies_to(operation):
            self.left -= 1
            raise OSError(self.number, os.strerror(self.number))

    def applies_to(self, operation: Operation) -> bool:
        """Return whether the operation is one of those that are refused."""
        name = re.sub(r"\.([^/]+)\.\d+\.tmp$", r"\1", operation.target or operation.path)
        return operation.kind == self.kind and name.endswith(self.suffix)
