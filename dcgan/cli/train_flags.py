"""What `train` makes of its arguments before they are parsed: short flags, and the defaults of the named preset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from dcgan.cli.program import PROG
from dcgan.config import TrainConfig
from dcgan.presets import PRESETS
from dcgan.runs.listing import named_config
from dcgan.training.losses import LOSSES, get_loss

STEERED_TARGET = 0.6
"""Target of --augment-p auto: that of StyleGAN2-ADA."""
_LENGTHS = ("--epochs", "--steps-per-epoch")


def full_flags(arguments: Sequence[str]) -> list[str]:
    """Return the arguments with short flags in full: --data, --no-scores and --augment-p auto.

    Raises ValueError where both --images and a length in epochs are given.
    """
    names = [argument.partition("=")[0] for argument in arguments]
    if "--images" in names and (other := next((name for name in _LENGTHS if name in names), "")):
        raise ValueError(f"--images and {other} both set the length of the training; give one of them")
    full: list[str] = []
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if argument == "--no-scores":
            full.append("--score-images=0")
        elif name == "--data":
            full.append(f"--data.name{equals}{value}")
        elif argument == "--augment-p=auto":
            full.append(f"--augment-target={STEERED_TARGET}")
        elif argument == "auto" and full[-1:] == ["--augment-p"]:
            full[-1] = f"--augment-target={STEERED_TARGET}"
        else:
            full.append(argument)
    return full


def default_config(name: str, arguments: Sequence[str]) -> TrainConfig:
    """Return the config of a preset or run, with which the arguments, in full, are then parsed.

    A preset for own pictures is adapted to the pictures that the arguments name. Raises ValueError or
    FileNotFoundError for an unknown name or loss, or where such a preset has no pictures.
    """
    config = named_config(name)[0]
    if name in PRESETS and PRESETS[name].for_pictures and not {"-h", "--help"} & set(arguments):
        config = _adapted_to_pictures(config, arguments)
    if config.loss not in LOSSES:
        if _value(arguments, "--loss") is None:
            get_loss(config.loss)  # raises an error that lists the losses
        config = replace(config, loss="bce")  # only until --loss replaces it
    return config


def _adapted_to_pictures(config: TrainConfig, arguments: Sequence[str]) -> TrainConfig:
    from dcgan.data.pictures import adapted_to  # it imports NumPy
    from dcgan.runtime.device import choose_device  # it imports torch

    source = _value(arguments, "--data.name")
    if source is None:
        raise ValueError(f"name the folder of your pictures, as in: {PROG} train pictures --data folder:photos")
    limit = _number(arguments, "--data.limit") or 0
    on_gpu = choose_device(_value(arguments, "--device") or "auto").type != "cpu"
    size = _number(arguments, "--model.image-size")
    return adapted_to(config, replace(config.data, name=source, limit=limit), image_size=size, on_gpu=on_gpu)


def _value(arguments: Sequence[str], flag: str) -> str | None:
    """Return the last value of a flag, given as --flag VALUE or --flag=VALUE; None where it is not given."""
    value = None
    for argument, following in zip(arguments, [*arguments[1:], ""], strict=True):
        name, equals, text = argument.partition("=")
        if name == flag:
            value = text if equals else following
    return value


def _number(arguments: Sequence[str], flag: str) -> int | None:
    """Return the value of a flag as a number; None for other text, which the parser refuses later."""
    value = _value(arguments, flag)
    return int(value) if value and value.isdecimal() else None
