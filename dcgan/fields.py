"""A config as a list of fields, and as the command that trains it. Imports no torch.

A field is named as its flag is, without the dashes in front: `lr_d`, `model.latent_dim`, `data.name`.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import shlex
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import docstring_parser

from dcgan.config import TrainConfig
from dcgan.locale.language import tr
from dcgan.presets import get_preset


@dataclass(frozen=True)
class Field:
    """One field of a config: its type, what its docstring says, and the values to choose from, if it lists some.

    `help` is in English; `tr_marked` translates it.
    """

    name: str
    kind: Any
    help: str
    choices: tuple[str, ...] = ()

    @property
    def item_kind(self) -> type | None:
        """The type of a tuple's items; None for other types."""
        return typing.get_args(self.kind)[0] if typing.get_origin(self.kind) is tuple else None


def config_fields(*, choices: Mapping[str, Sequence[str]] | None = None) -> dict[str, Field]:
    """Return every field of a TrainConfig by name, in order of declaration. Those of `model` and `data` are included.

    choices: by field name, the values of a field whose type does not list them, such as the names of a registry.
    A field with a Literal type has the choices of its type.
    """
    fields = dict(_declared_fields())
    for name, values in (choices or {}).items():
        fields[name] = dataclasses.replace(fields[name], choices=tuple(values))
    return fields


@functools.cache
def _declared_fields() -> dict[str, Field]:
    return {field.name: field for field in _fields_of(TrainConfig, "")}


def _fields_of(cls: type, prefix: str) -> Iterator[Field]:
    documented = docstring_parser.parse_from_object(cls).params
    texts = {attribute.arg_name: attribute.description for attribute in documented}
    for name, kind in typing.get_type_hints(cls).items():
        if dataclasses.is_dataclass(kind):
            yield from _fields_of(typing.cast(type, kind), f"{name}.")
        else:
            choices = typing.get_args(kind) if typing.get_origin(kind) is Literal else ()
            yield Field(prefix + name, kind, inspect.cleandoc(texts.get(name) or ""), choices)


def value_of(config: TrainConfig, name: str) -> Any:
    """Return the value of the field of that name."""
    return functools.reduce(getattr, name.split("."), config)


def changed(config: TrainConfig, values: Mapping[str, Any]) -> TrainConfig:
    """Return the config with these fields replaced. Raises ValueError for an invalid config."""
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
    """Return the fields in which `config` differs from `base`, with the values of `config`."""
    return {
        name: value_of(config, name) for name in config_fields() if value_of(config, name) != value_of(base, name)
    }


def train_command(config: TrainConfig, preset: str) -> str:
    """Return the shell command that trains this config: the preset, and a flag for every other value."""
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
    """Return a value as people write it: 1e-4 instead of 0.0001, and 0.9. It reads back equal."""
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
    """Return the numbers in a text, with commas or spaces between them. Raises ValueError for other text."""
    try:
        return tuple(kind(word) for word in text.replace(",", " ").split())
    except ValueError as error:
        raise ValueError(tr("{text!r} is not a list of numbers; write them like 256, 512", text=text[:40])) from error
