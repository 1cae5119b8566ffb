"""How two runs differ: in their configs, and in their numbers of parameters."""

from __future__ import annotations

import math
from pathlib import Path

from dcgan.config import RENAMED, TrainConfig
from dcgan.fields import as_text, config_fields, differences, value_of
from dcgan.locale.language import tr_marked
from dcgan.runs.headers import tensor_entries

_BUFFERS = ("running_mean", "running_var", "num_batches_tracked", "balance_bias")
"""Tensors that are stored beside the weights and that no gradient changes."""


def config_table(left: TrainConfig, right: TrainConfig) -> list[dict[str, str]]:
    """Return a row for every field in which the two differ: its name, both values as text, and its help in the
    visitor's language."""
    fields = config_fields()
    return [
        {
            "field": name,
            "left": as_text(value_of(left, name)),
            "right": as_text(value),
            "what it is": tr_marked(fields[name].help),
        }
        for name, value in differences(right, left).items()
    ]


def stored_parameters(weights: Path) -> int | None:
    """Count the trainable parameters in a safetensors file by its header; None where it is missing or damaged."""
    try:
        tensors = tensor_entries(weights)
        shapes = [entry.shape for name, entry in tensors.items() if not _is_buffer(name)]
        return sum(map(math.prod, shapes)) or None
    except (OSError, ValueError):
        return None


def _is_buffer(name: str) -> bool:
    last = name.rpartition(".")[2]
    return RENAMED.get(last, last) in _BUFFERS
