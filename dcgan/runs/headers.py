"""The header of a safetensors file: names, shapes and metadata of its tensors. Reads no weights; imports no torch.

Errors are the reason alone; the caller names the file.
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any, NamedTuple

from dcgan import bounded_json
from dcgan.files import open_regular
from dcgan.locale.language import tr

METADATA_KEY = "dcgan"
"""The key of the one JSON string that holds all metadata."""
_OWN_KEY = "__metadata__"
"""safetensors' key of the metadata, beside the names of the tensors."""
_MAX_DIMENSIONS = 8
_TYPES = re.compile("BOOL|[UI](8|16|32|64)|B?F16|F(32|64)|F8_E5M2|F8_E4M3")


class TensorEntry(NamedTuple):
    """What the header says about one tensor."""

    dtype: str
    """In safetensors' words: F32, F16, I64."""
    shape: tuple[int, ...]


def tensor_entries(path: Path) -> dict[str, TensorEntry]:
    """Return name -> entry of each tensor. Raises OSError or ValueError where the file is missing or damaged."""
    return {name: _entry(name, value) for name, value in _header(path).items() if name != _OWN_KEY}


def metadata_of(path: Path) -> dict[str, Any]:
    """Return the metadata. Raises OSError or ValueError where the file is missing, damaged or not this project's."""
    metadata = _header(path).get(_OWN_KEY)
    text = metadata.get(METADATA_KEY) if isinstance(metadata, dict) else None
    if not isinstance(text, str):
        raise ValueError(tr("it has no metadata {key!r}", key=METADATA_KEY))
    return bounded_json.parse_object(text)


def _entry(name: str, value: Any) -> TensorEntry:
    entry = value if isinstance(value, dict) else {}
    dtype, shape = entry.get("dtype"), entry.get("shape")
    if not isinstance(dtype, str) or not _TYPES.fullmatch(dtype):
        raise ValueError(tr("its tensor {name!r} has an unknown type", name=name[:80]))
    if not isinstance(shape, list) or len(shape) > _MAX_DIMENSIONS:
        raise ValueError(tr("its tensor {name!r} has no shape", name=name[:80]))
    if not all(type(size) is int and size >= 0 for size in shape) or math.prod(shape) >= 2**63:
        raise ValueError(tr("its tensor {name!r} has an impossible shape", name=name[:80]))
    return TensorEntry(dtype, tuple(shape))


def _header(path: Path) -> dict[str, Any]:
    with open_regular(path) as file:
        length = int.from_bytes(file.read(8), "little")
        if length > bounded_json.MAX_BYTES:
            raise ValueError(tr("it has no header of safetensors"))
        return bounded_json.parse_object(file.read(length))
