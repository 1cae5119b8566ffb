"""A config as its fields, one by one, and as the command line that trains it. Standard library only.

A field is named as its flag is, without the dashes in front: `lr_d`, `model.latent_dim`, `data.name`.
"""

from __future__ import annotations

import ast
import dataclasses
import functools
import inspect
import shlex
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from dcgan.config import TrainConfig
from dcgan.presets import get_preset


@dataclass(frozen=True)
class Field:
    """One field of a config: its type and what its docstring says."""

    name: str
    kind: Any
    help: str

    @property
    def choices(self) -> tuple[str, ...]:
        """The values of a Literal; none for other types."""
        return typing.get_args(self.kind) if typing.get_origin(self.kind) is Literal else ()

    @property
    def item_kind(self) -> type | None:
        """The type of a tuple's items; None for other types."""
        return typing.get_args(self.kind)[0] if typing.get_origin(self.kind) is tuple else None


@functools.cache
def config_fields() -> dict[str, Field]:
    """Every field of a TrainConfig by name, the model's and the data's among them, in order of declaration."""
    return {field.name: field for field in _fields(TrainConfig, "")}


def _fields(cls: type, prefix: str) -> list[Field]:
    texts = _docstrings(cls)
    found = []
    for name, kind in typing.get_type_hints(cls).items():
        inner = dataclasses.is_dataclass(kind)
        found += _fields(kind, f"{name}.") if inner else [Field(prefix + name, kind, texts.get(name, ""))]
    return found


def _docstrings(cls: type) -> dict[str, str]:
    """The string below each field, which Python itself forgets."""
    (body,) = ast.parse(inspect.getsource(cls)).body
    texts = {}
    for field, below in zip(body.body, body.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
            texts[field.target.id] = inspect.cleandoc(below.value.value)
    return texts


def value_of(config: TrainConfig, name: str) -> Any:
    """The value of the field of that name."""
    return functools.reduce(getattr, name.split("."), config)


def changed(config: TrainConfig, values: Mapping[str, Any]) -> TrainConfig:
    """The config with these fields replaced. Raises ValueError, the config's own, for what does not go together."""
    own: dict[str, Any] = {}
    inner: dict[str, dict[str, Any]] = {}
    for name, value in values.items():
        group, _, field = name.rpartition(".")
        if group:
            inner.setdefault(group, {})[field] = value
        else:
            own[field] = value
    own |= {group: dataclasses.replace(getattr(config, group), **changes) for group, changes in inner.items()}
    return dataclasses.replace(config, **own)


def differences(config: TrainConfig, base: TrainConfig) -> dict[str, Any]:
    """The fields in which `config` is not `base`, with the values of `config`."""
    return {
        name: value_of(config, name) for name in config_fields() if value_of(config, name) != value_of(base, name)
    }


def train_command(config: TrainConfig, preset: str) -> str:
    """The shell command that trains this config: the preset, and a flag for each field that departs from it."""
    words = ["python", "-m", "dcgan", "train", preset]
    for name, value in differences(config, get_preset(preset).config).items():
        words += _flag(name, value)
    return shlex.join(words)


def _flag(name: str, value: Any) -> list[str]:
    flag = "--data" if name == "data.name" else f"--{name.replace('_', '-')}"
    if isinstance(value, bool):
        group, _, field = flag.removeprefix("--").rpartition(".")
        return [flag] if value else [f"--{group}{'.' if group else ''}no-{field}"]
    if isinstance(value, tuple):
        return [flag, *map(as_text, value)]
    # A word that begins with a dash would be read as another flag.
    return [f"{flag}={value}"] if str(value).startswith("-") else [flag, as_text(value)]


def as_text(value: Any) -> str:
    """A value as a person writes it: 1e-4 rather than 0.0001, and 0.9; it reads back equal."""
    if isinstance(value, tuple):
        return ", ".join(map(as_text, value))
    if not isinstance(value, float):
        return str(value)
    short = f"{value:g}" if float(f"{value:g}") == value else repr(value)
    if 0 < value < 0.001 or "e" in short:
        mantissa, _, exponent = f"{value:e}".partition("e")
        scientific = f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"
        return scientific if float(scientific) == value else repr(value)
    return short


def from_text(text: str, kind: type) -> tuple[Any, ...]:
    """Numbers with commas or spaces between them. Raises ValueError for other text."""
    try:
        return tuple(kind(word) for word in text.replace(",", " ").split())
    except ValueError as error:
        raise ValueError(f"{text[:40]!r} is not a list of numbers; write them like 256, 512") from error
