"""Files with one JSON object a line, which one process appends to while others read.

A damaged line hides no other line. An unfinished last line is not read until it is finished.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dcgan.runs.errors import unreadable

_TAIL_BYTES = 4096


def read_objects(path: Path, offset: int = 0) -> tuple[list[dict[str, Any]], int]:
    """Return the objects from byte `offset` on, and the offset of the next line. A missing file is an empty one.

    Where the file has become shorter than `offset`, reading starts again from its beginning, and the returned offset
    is smaller than the given one. Raises RunError for a file that cannot be read.
    """
    try:
        with open(path, "rb") as file:
            if offset > os.fstat(file.fileno()).st_size:
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
        with open(path, "rb") as file:
            end = file.seek(0, os.SEEK_END)
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
    """Append a line in one write call, so that readers see it whole or not yet. Raises ValueError for NaN."""
    with open(path, "ab", buffering=0) as file:
        file.write(json.dumps(values, allow_nan=False).encode() + b"\n")


def _objects(lines: list[bytes]) -> Iterator[dict[str, Any]]:
    for line in lines:
        # A line that is not an object is disk damage, which is no reason to hide the other lines.
        with contextlib.suppress(ValueError):
            values = json.loads(line)
            if isinstance(values, dict):
                yield values
