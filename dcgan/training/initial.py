"""Trainings that begin with the weights of another run: which weights those are, and whether they fit.

A recorded config names them as NAME@G,D: the run's name, and the weights ids of its generator and its discriminator.
So the same config never begins with other weights, and no config that is published names a path.
"""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from dcgan.checkpoint import load_tensors, weights_id
from dcgan.config import ModelConfig
from dcgan.locale.language import tr
from dcgan.runs.listing import find_run
from dcgan.runs.run import Run, RunError
from dcgan.training.state import TrainState

_MAY_DIFFER = ("init", "dropout")
"""Fields of a model that change no tensor, and no meaning of one."""


class Initial(NamedTuple):
    """The networks that a training begins with."""

    text: str
    """NAME@G,D, as a recorded config has it."""
    generator: dict[str, Tensor]
    """The moving average, where the run keeps one."""
    discriminator: dict[str, Tensor]


def load_initial(text: str, model: ModelConfig) -> Initial:
    """Return the networks of a run. text: its name or path, or NAME@G,D with the weights ids that it must have.

    Raises RunError where there is no such run, where it lacks one of the networks, where they are not those of
    `model`, and where the ids are others.
    """
    run, ids = _named(text)
    _check_fit(run, model)
    generator, discriminator = _tensors(run, run.weights_path), _tensors(run, run.discriminator_path)
    found = f"{weights_id(generator)},{weights_id(discriminator)}"
    if ids and ids != found:
        raise RunError(
            tr(
                "the weights of {path} are {found}, and this config begins with {ids}; put those back, or name the "
                "run alone: --init {run}",
                path=run.path,
                found=found,
                ids=ids,
                run=run.name,
            )
        )
    return Initial(f"{run.name}@{found}", generator, discriminator)


def begin_with(state: TrainState, initial: Initial) -> None:
    """Copy the weights into both networks, and into the moving average where there is one."""
    state.gan.generator.load_state_dict(initial.generator)
    state.gan.discriminator.load_state_dict(initial.discriminator)
    if state.ema is not None:
        state.ema.load_state_dict(initial.generator)


def _named(text: str) -> tuple[Run, str]:
    """Return the run and the ids in a text; no ids where it is a run's name or path alone."""
    try:
        return find_run(text), ""
    except RunError:
        name, at, ids = text.rpartition("@")
        if not at:
            raise
    return find_run(name), ids


def _tensors(run: Run, path: Path) -> dict[str, Tensor]:
    try:
        return load_tensors(path)[0]
    except FileNotFoundError as error:
        raise RunError(
            tr(
                "{path} has no {file}, and a training begins with both networks; name another run: --init RUN",
                path=run.path,
                file=path.name,
            )
        ) from error
    except ValueError as error:
        raise RunError(str(error)) from error


def _check_fit(run: Run, model: ModelConfig) -> None:
    """Raise RunError that lists the flags by which the config gets the networks of the run."""
    theirs = run.config().model
    different = [
        field.name
        for field in fields(ModelConfig)
        if field.name not in _MAY_DIFFER and getattr(theirs, field.name) != getattr(model, field.name)
    ]
    if different:
        flags = " ".join(_flag(name, getattr(theirs, name)) for name in different)
        raise RunError(
            tr(
                "the networks of {run} are not those of this training; add {flags}, or name another run",
                run=run.name,
                flags=flags,
            )
        )


def _flag(name: str, value: object) -> str:
    words = name.replace("_", "-")
    if isinstance(value, bool):
        return f"--model.{'' if value else 'no-'}{words}"
    text = " ".join(map(str, value)) if isinstance(value, tuple) else str(value)
    return f"--model.{words} {text}"
