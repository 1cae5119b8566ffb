"""The flags of a config: its list of fields, with the choices that only other modules know."""

from __future__ import annotations

from functools import cache
from typing import Any, Literal

from tyro.constructors import ConstructorRegistry, StructConstructorSpec, StructFieldSpec, StructTypeInfo

from dcgan.config import DataConfig, ModelConfig, TrainConfig
from dcgan.fields import Field, config_fields
from dcgan.training.losses import LOSSES

_PREFIXES = {TrainConfig: "", ModelConfig: "model.", DataConfig: "data."}


def config_registry() -> ConstructorRegistry:
    """Return tyro's rule for the three config classes: flags, types and help as `config_fields` lists them."""
    registry = ConstructorRegistry()
    known = cache(_fields)  # only commands with a config read it

    @registry.struct_rule
    def rule(info: StructTypeInfo) -> StructConstructorSpec | None:
        if info.type not in _PREFIXES:
            return None
        prefix = _PREFIXES[info.type]
        default = info.default if isinstance(info.default, info.type) else info.type()
        specs = []
        for name, value in vars(default).items():
            if type(value) in _PREFIXES:
                specs.append(StructFieldSpec(name, type(value), value))
            else:
                field = known()[prefix + name]
                specs.append(StructFieldSpec(name, _type(field), value, _help(field)))
        return StructConstructorSpec(info.type, tuple(specs))

    return registry


def _fields() -> dict[str, Field]:
    """Return the fields of a config with their choices."""
    from dcgan.data.named_sets import NAMED_SETS  # it imports NumPy, which most commands do without

    return config_fields(choices={"data.name": [*NAMED_SETS], "loss": [*LOSSES]})


def _type(field: Field) -> Any:
    """Return the field's type; a Literal where the choices are all there is. Data may also be a folder."""
    return Literal[field.choices] if field.choices and field.name != "data.name" else field.kind


def _help(field: Field) -> str:
    text = " ".join(field.help.split())
    return f"{text} Data sets are {', '.join(field.choices)}." if field.name == "data.name" else text
