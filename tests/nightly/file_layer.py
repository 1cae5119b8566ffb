"""A layer between a training and its disk: it sees each change of a file before it happens, and may refuse it.

The layer stands in Python. Files are opened as objects that report their writes, and the calls of `os` that change a
folder are wrapped. test_training_attacks.py shows that nothing passes by: a disk that is built from the record alone
holds the same bytes.
"""

from __future__ import annotations

import builtins
import io
import os
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock


@dataclass(frozen=True)
class Operation:
    """One change of a file or a folder, or the sync of one."""

    kind: str
    """create, write, truncate, fsync, rename, unlink, mkdir, rmdir or chmod."""
    path: str
    """Relative to the watched folder, which is an empty text itself."""
    target: str = ""
    """The new name of a rename."""
    offset: int = 0
    """Where a write begins, or the new size of a truncate."""
    data: bytes = b""

    def __str__(self) -> str:
        path = re.sub(r"\.(\d+)\.tmp$", ".PID.tmp", self.path)
        return f"{self.kind} {path or 'the folder'}"


Hook = Callable[[Operation], "int | None"]
"""Gets each operation before it happens. It may raise OSError, or return how many bytes of a write are written."""


@contextmanager
def watching(folder: Path, hook: Hook) -> Iterator[None]:
    """Within the block, call the hook before each operation in the folder by this process."""
    layer = _Layer(os.path.realpath(folder), hook)
    with ExitStack() as stack:
        for name in ("open", "fsync", "mkdir", "rmdir", "chmod"):
            stack.enter_context(mock.patch.object(os, name, getattr(layer, name)))
        for name in ("rename", "replace"):
            stack.enter_context(mock.patch.object(os, name, layer.renaming(getattr(os, name))))
        for name in ("unlink", "remove"):
            stack.enter_context(mock.patch.object(os, name, layer.unlinking(getattr(os, name))))
        for module in (builtins, io):
            stack.enter_context(mock.patch.object(module, "open", layer.open_file))
        yield


class _Layer:
    def __init__(self, folder: str, hook: Hook) -> None:
        self.folder, self._hook = folder, hook
        self.descriptors: dict[int, str] = {}
        self.real = {name: getattr(os, name) for name in ("open", "fsync", "mkdir", "rmdir", "chmod")}
        self.real_open = builtins.open

    def hook(self, operation: Operation) -> int | None:
        """Call the hook. Its errors name what the system would name: a write and a sync know no path."""
        try:
            return self._hook(operation)
        except OSError as error:
            nameless = operation.kind in ("write", "fsync")
            error.filename = None if nameless else os.path.join(self.folder, operation.path)
            raise

    def relative(self, path: Any, dir_fd: int | None = None) -> str | None:
        """Return the path within the watched folder; None for a path outside of it."""
        if isinstance(path, int):
            return self.descriptors.get(path)
        path = os.fsdecode(path)
        if dir_fd is not None:
            base = self.descriptors.get(dir_fd)
            return None if base is None else os.path.normpath(os.path.join(base, path))
        path = os.path.join(os.path.realpath(os.path.dirname(path) or "."), os.path.basename(path))
        if path == self.folder:
            return ""
        return os.path.relpath(path, self.folder) if path.startswith(self.folder + os.sep) else None

    def opened(self, descriptor: int, path: str | None) -> None:
        if path is None:
            self.descriptors.pop(descriptor, None)
        else:
            self.descriptors[descriptor] = path

    def before_open(self, path: str, *, creates: bool, truncates: bool) -> None:
        full = os.path.join(self.folder, path)
        if not os.path.lexists(full):
            if creates:
                self.hook(Operation("create", path))
        elif truncates:
            self.hook(Operation("truncate", path))

    # What takes the place of the functions of `os`

    def open(self, path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        within = self.relative(path, dir_fd)
        if within is not None:
            self.before_open(within, creates=bool(flags & os.O_CREAT), truncates=bool(flags & os.O_TRUNC))
        descriptor = self.real["open"](path, flags, mode, dir_fd=dir_fd)
        self.opened(descriptor, within)
        return descriptor

    def fsync(self, descriptor: Any) -> None:
        number = descriptor if isinstance(descriptor, int) else descriptor.fileno()
        within = self.descriptors.get(number)
        if within is not None:
            self.hook(Operation("fsync", within))
        self.real["fsync"](number)

    def mkdir(self, path: Any, mode: int = 0o777, *, dir_fd: int | None = None) -> None:
        within = self.relative(path, dir_fd)
        if within is not None and not os.path.lexists(path):
            self.hook(Operation("mkdir", within))
        self.real["mkdir"](path, mode, dir_fd=dir_fd)

    def rmdir(self, path: Any, *, dir_fd: int | None = None) -> None:
        within = self.relative(path, dir_fd)
        if within is not None:
            self.hook(Operation("rmdir", within))
        self.real["rmdir"](path, dir_fd=dir_fd)

    def chmod(self, path: Any, mode: int, *, dir_fd: int | None = None, follow_symlinks: bool = True) -> None:
        within = self.relative(path, dir_fd)
        if within is not None:
            self.hook(Operation("chmod", within))
        self.real["chmod"](path, mode, dir_fd=dir_fd, follow_symlinks=follow_symlinks)

    def renaming(self, real: Callable[..., None]) -> Callable[..., None]:
        def rename(source: Any, target: Any, **options: Any) -> None:
            within, to = self.relative(source), self.relative(target)
            if within is not None:
                self.hook(Operation("rename", within, target=to or ""))
            real(source, target, **options)

        return rename

    def unlinking(self, real: Callable[..., None]) -> Callable[..., None]:
        def unlink(path: Any, *, dir_fd: int | None = None) -> None:
            within = self.relative(path, dir_fd)
            if within is not None and os.path.lexists(os.path.join(self.folder, within)):
                self.hook(Operation("unlink", within))
            real(path, dir_fd=dir_fd)

        return unlink

    def open_file(
        self,
        file: Any,
        mode: str = "r",
        buffering: int = -1,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
        closefd: bool = True,  # noqa: FBT001, FBT002 - open's own signature
        opener: Any = None,
    ) -> Any:
        """Open as `open` does. A file of the folder that may be changed is opened as a _WatchedFile."""
        within = None if isinstance(file, int) else self.relative(file)
        if within is None or not set(mode) & set("wax+"):
            opened = self.real_open(file, mode, buffering, encoding, errors, newline, closefd, opener)
            self.opened(opened.fileno(), within)
            return opened
        self.before_open(within, creates=bool(set(mode) & set("wax")), truncates="w" in mode)
        raw = _WatchedFile(file, mode.replace("b", "").replace("t", ""), self, within)
        if buffering == 0:
            return raw
        buffer = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
        return buffer if "b" in mode else io.TextIOWrapper(buffer, encoding or "utf-8", errors, newline)


class _WatchedFile(io.FileIO):
    """A file that reports each write and each truncation."""

    def __init__(self, file: Any, mode: str, layer: _Layer, path: str) -> None:
        super().__init__(file, mode)
        self._layer, self._path, self._appends = layer, path, "a" in mode
        layer.opened(self.fileno(), path)

    def write(self, data: Any) -> int:
        data = bytes(data)
        offset = os.fstat(self.fileno()).st_size if self._appends else self.tell()
        size = self._layer.hook(Operation("write", self._path, offset=offset, data=data))
        return super().write(data[:size])

    def truncate(self, size: int | None = None) -> int:
        size = self.tell() if size is None else size
        self._layer.hook(Operation("truncate", self._path, offset=size))
        return super().truncate(size)
