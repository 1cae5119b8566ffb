"""Files with one JSON object a line, which one process appends to while others read.

A damaged line hides no other line. An unfinished last line is not read until it is finished. A line that could not be
written in full is taken back. What a killed process or a power cut left of a line is ended before the next one.
"""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from dcgan.bounded_json import parse_object
from dcgan.files import open_regular
from dcgan.locale.language import tr
from dcgan.runs.errors import unreadable

MAX_BYTES = 2**28
"""Bytes of one file: 800,000 rows, which are 20 million steps."""
_TAIL_BYTES = 4096


def read_objects(path: Path, offset: int = 0) -> tuple[list[dict[str, Any]], int]:
    """Return the objects from byte `offset` on, and the offset of the next line. A missing file is an empty one.

    Where the file has become shorter than `offset`, reading starts again from its beginning, and the returned offset
    is smaller than the given one. Raises RunError for a file that cannot be read.
    """
    try:
        with open_regular(path) as file:
            if offset > _size(file):
                offset = 0
            file.seek(offset)
            content = file.read()
    except FileNotFoundError:
        return [], 0
    except OSError as error:
        raise unreadable(path, error) from error
    end = content.rfind(b"\n") + 1
    return list(_objects(content[:end].splitlines())), offset + end


def read_backwards(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the objects, the newest first, so that a reader of the newest reads little of a long file.

    A missing file is an empty one. Raises RunError for a file that cannot be read.
    """
    try:
        with open_regular(path) as file:
            end = _size(file)
            start = max(0, end - _TAIL_BYTES)
            file.seek(start)
            whole = file.read().split(b"\n")[:-1]
            if start:
                whole = whole[1:]  # the first line of a tail may be the end of a line
            yield from _objects(whole[::-1])
            if start:
                file.seek(0)
                lines = file.read(end).split(b"\n")[:-1]
                yield from _objects(lines[: len(lines) - len(whole)][::-1])
    except FileNotFoundError:
        return
    except OSError as error:
        raise unreadable(path, error) from error


def append_object(path: Path, values: dict[str, Any]) -> None:
    """Append a line, which readers see whole or not yet. Raises ValueError for NaN, and OSError that names the file.

    After an OSError the file is as it was before, as far as the disk allows.
    """
    line = json.dumps(values, allow_nan=False).encode() + b"\n"
    try:
        with open_to_append(path) as file:
            end = file.seek(0, os.SEEK_END)
            if end and _last_byte(file, end) != b"\n":
                line = b"\n" + line
            written = 0
            try:
                while written < len(line):  # a disk that gets full takes a part, and refuses the rest
                    written += file.write(line[written:]) or 0
            except OSError:
                if _size(file) == end + written:  # no other process has appended meanwhile
                    with contextlib.suppress(OSError):
                        file.truncate(end)
                raise
    except OSError as error:
        error.filename = error.filename or str(path)
        raise


def open_to_append(path: Path) -> io.FileIO:
    """Open a file to append to it, and to look at its end. What is written is not buffered."""
    return open(path, "a+b", buffering=0)


def _last_byte(file: IO[bytes], end: int) -> bytes:
    file.seek(end - 1)
    return file.read(1)


def _size(file: IO[bytes]) -> int:
    """Return the bytes of the file. Raises OSError for more than MAX_BYTES."""
    size = os.fstat(file.fileno()).st_size
    if size > MAX_BYTES:
        raise OSError(errno.EFBIG, tr("it has {size:,} bytes, more than {most:,}", size=size, most=MAX_BYTES))
    return size


def _objects(lines: list[bytes]) -> Iterator[dict[str, Any]]:
    for line in lines:
        # A line that is not an object is disk damage, which is no reason to hide the other lines.
        with contextlib.suppress(ValueError):
            yield parse_object(line)
