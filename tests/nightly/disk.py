"""A disk that forgets what was not synced, built from the record of a training's operations.

The model is that of ALICE (Pillai et al., "All File Systems Are Not Created Equal", OSDI 2014), with POSIX's promises
only:

- The bytes of a file are on the disk after `fsync` of the file. Of later writes, nothing, all, or the first bytes may
  be there. The file may also have its new size, with zeros or the earlier bytes in some blocks.
- The names in a folder are on the disk after `fsync` of the folder. A sync of a file promises nothing about its name.
- A rename happens as a whole or not at all.
- Of later changes of names, an ordered disk keeps the first ones, over all folders, as file systems with a journal
  do. An unordered disk keeps any of them, in their order.

Modes and times of files are not modeled, and neither are folders that are renamed.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from random import Random

from nightly.file_layer import Operation

BLOCK_BYTES = 512
FOLDER = 0
"""Stands for a folder among the numbers of files."""


@dataclass
class _File:
    synced: bytes = b""
    pending: list[Operation] = field(default_factory=list)

    def content(self, operations: Iterable[Operation] | None = None) -> bytes:
        """Return the bytes after these operations; by default after all."""
        content = bytearray(self.synced)
        for operation in self.pending if operations is None else operations:
            if operation.kind == "truncate":
                del content[operation.offset :]
                content.extend(bytes(operation.offset - len(content)))
            else:
                content.extend(bytes(max(0, operation.offset - len(content))))
                content[operation.offset : operation.offset + len(operation.data)] = operation.data
        return bytes(content)

    def after_cut(self, random: Random) -> bytes:
        """Return bytes that the disk may show after a power cut."""
        kind = random.choice(("nothing", "all", "first bytes", "blocks"))
        if kind == "nothing" or not self.pending:
            return self.synced
        if kind == "all":
            return self.content()
        if kind == "first bytes":
            count = random.randrange(len(self.pending))
            last = self.pending[count]
            torn = Operation(last.kind, last.path, offset=last.offset, data=last.data)
            if last.data:
                torn = Operation(
                    last.kind, last.path, offset=last.offset, data=last.data[: random.randrange(len(last.data) + 1)]
                )
            return self.content([*self.pending[:count], torn])
        content = bytearray(self.content())
        for start in range(0, len(content), BLOCK_BYTES):
            if random.random() < 0.5:
                end = min(start + BLOCK_BYTES, len(content))
                content[start:end] = self.synced[start:end].ljust(end - start, b"\0")
        return bytes(content)


@dataclass(frozen=True)
class _Change:
    """A change of a folder's names that was not synced: `name` is removed where `number` is None."""

    order: int
    names: tuple[tuple[str, int | None], ...]


@dataclass
class _Names:
    synced: dict[str, int] = field(default_factory=dict)
    pending: list[_Change] = field(default_factory=list)

    def after(self, changes: Iterable[_Change]) -> dict[str, int]:
        names = dict(self.synced)
        for change in changes:
            for name, number in change.names:
                if number is None:
                    names.pop(name, None)
                else:
                    names[name] = number
        return names


class Disk:
    """What is on the disk, and what only a process saw."""

    def __init__(self) -> None:
        self.folders: dict[str, _Names] = {"": _Names()}
        self.files: dict[int, _File] = {}
        self.order = 0

    @classmethod
    def of(cls, folder: Path) -> Disk:
        """Return a disk that holds the folder as it is, with all of it synced."""
        disk = cls()
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder).as_posix()
            disk.apply(Operation("mkdir" if path.is_dir() else "create", name))
            if path.is_file():
                disk.apply(Operation("write", name, data=path.read_bytes()))
                disk.apply(Operation("fsync", name))
        for name in list(disk.folders):
            disk.apply(Operation("fsync", name))
        return disk

    def apply(self, operation: Operation) -> None:
        """Let a process do the operation. Raises KeyError for an operation on what does not exist."""
        kind, path = operation.kind, operation.path
        if kind == "create":
            number = len(self.files) + 1
            self.files[number] = _File()
            self._change(path, number)
        elif kind == "mkdir":
            self.folders[path] = _Names()
            self._change(path, FOLDER)
        elif kind in ("write", "truncate"):
            self._file(path).pending.append(operation)
        elif kind == "fsync" and path in self.folders:
            names = self.folders[path]
            names.synced, names.pending = names.after(names.pending), []
        elif kind == "fsync":
            file = self._file(path)
            file.synced, file.pending = file.content(), []
        elif kind == "rename":
            self._rename(path, operation.target)
        elif kind == "unlink":
            self._file(path)
            self._change(path, None)
        elif kind != "chmod":
            raise ValueError(f"{operation} is not modeled")

    def _rename(self, path: str, target: str) -> None:
        (folder, name), (other, new_name) = _split(path), _split(target)
        if folder != other:
            raise ValueError(f"{path} to {target}: a rename to another folder is not modeled")
        number = self._names_seen(folder)[name]
        self._add(folder, (name, None), (new_name, number))

    def _change(self, path: str, number: int | None) -> None:
        folder, name = _split(path)
        self._add(folder, (name, number))

    def _add(self, folder: str, *names: tuple[str, int | None]) -> None:
        self.order += 1
        self.folders[folder].pending.append(_Change(self.order, names))

    def _names_seen(self, folder: str) -> dict[str, int]:
        return self.folders[folder].after(self.folders[folder].pending)

    def _file(self, path: str) -> _File:
        folder, name = _split(path)
        return self.files[self._names_seen(folder)[name]]

    # What is read afterwards

    def seen(self) -> dict[str, bytes]:
        """Return what processes see: path -> bytes of each file."""
        return self._tree({folder: names.pending for folder, names in self.folders.items()}, _File.content)

    def after_cut(self, random: Random, *, ordered: bool) -> dict[str, bytes]:
        """Return what the disk may show after a power cut: path -> bytes of each file."""
        changes = sorted((change.order, folder) for folder, names in self.folders.items() for change in names.pending)
        if ordered:
            kept = set(changes[: random.randrange(len(changes) + 1)])
        else:
            share = random.choice((0.0, 0.5, 1.0))
            kept = {change for change in changes if random.random() < share}
        pending = {
            folder: [change for change in names.pending if (change.order, folder) in kept]
            for folder, names in self.folders.items()
        }
        return self._tree(pending, lambda file: file.after_cut(random))

    def _tree(self, changes, content) -> dict[str, bytes]:
        tree: dict[str, bytes] = {}
        open_folders = [""]
        while open_folders:
            folder = open_folders.pop()
            for name, number in sorted(self.folders[folder].after(changes[folder]).items()):
                path = f"{folder}/{name}" if folder else name
                if number == FOLDER:
                    open_folders.append(path)
                else:
                    tree[path] = content(self.files[number])
        return tree


def _split(path: str) -> tuple[str, str]:
    parent, name = str(PurePosixPath(path).parent), PurePosixPath(path).name
    return ("" if parent == "." else parent), name


def write_tree(tree: dict[str, bytes], folder: Path) -> None:
    """Write the files into a new folder."""
    folder.mkdir()
    for name, content in tree.items():
        path = folder / name
        os.makedirs(path.parent, exist_ok=True)
        path.write_bytes(content)
