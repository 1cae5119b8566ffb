"""The header of a safetensors file: names, shapes and metadata of its tensors. Reads no weights; imports no torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

METADATA_KEY = "dcgan"
"""The key of the one JSON string that holds all metadata."""
_OWN_KEY = "__metadata__"
"""safetensors' key of the metadata, beside the names of the tensors."""
_LARGEST_HEADER = 100_000_000
"""Bytes; safetensors' own limit."""


def tensor_entries(path: Path) -> dict[str, Any]:
    """Return name -> entry of each tensor. Raises OSError or ValueError where the file is missing or damaged."""
    return {name: entry for name, entry in _header(path).items() if name != _OWN_KEY}


def metadata_of(path: Path) -> dict[str, Any]:
    """Return the metadata. Raises OSError or ValueError where the file is missing, damaged or not this project's."""
    try:
        metadata = json.loads(_header(path)[_OWN_KEY][METADATA_KEY])
    except (KeyError, TypeError) as error:
        raise ValueError(f"{path} was not written by DCGAN Studio; it has no metadata {METADATA_KEY!r}") from error
    if not isinstance(metadata, dict):
        raise ValueError(f"{path} is damaged: its metadata is not an object")
    return metadata


def _header(path: Path) -> dict[str, Any]:
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length)) if length <= _LARGEST_HEADER else None
    if not isinstance(header, dict):
        raise ValueError(f"{path} is damaged: it has no header of safetensors")
    return header
