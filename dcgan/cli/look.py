"""The command that shows what a training would make of own pictures: look."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tyro.conf import arg

from dcgan.cli.draw import Output
from dcgan.cli.program import PROG
from dcgan.cli.train_flags import default_config, full_flags
from dcgan.config import OWN_PREFIXES, TrainConfig, check_new
from dcgan.files import replacing

if TYPE_CHECKING:
    from dcgan.training.preview import Plan

DEFAULT_PRESET = "pictures"
MAX_SECONDS = 20.0
"""How long pictures are looked at. Of a larger folder, a sample is."""
_MAX_LINES = 10
"""Files with their reason that are listed; the others are counted."""


def look(
    config: Annotated[TrainConfig, arg(name="")],
    *,
    images: Annotated[int | None, arg(metavar="IMAGES")] = None,
    output: Output = "",
    device: Annotated[str, arg(metavar="DEVICE")] = "auto",
) -> int:
    """Show what a training would make of your pictures: look folder:photos.

    It counts pictures, sizes, colors, transparent ones and labels, and says what is left out and why. It measures how
    long the training takes here. --preset NAME names a preset other than pictures, and every flag of train is one of
    look. A table is shown as well: look table:photos.parquet, look hub:USER/DATASET. Nothing is trained.

    Args:
        config: The networks, the data and the recipe.
        images: Length of the training in real images, as for train.
        output: A .png file for 64 pictures as the networks will see them.
        device: cuda, cuda:1, mps or cpu; auto: $DCGAN_DEVICE, or the fastest device of this machine.
    """
    from dcgan.data.image_formats import SOFTWARE
    from dcgan.data.picture_notes import notes_on
    from dcgan.data.survey import survey_data
    from dcgan.pixels import png_bytes
    from dcgan.training import preview

    if output and Path(output).suffix.lower() != ".png":
        raise ValueError(f"output {output!r} is not a .png file; write {output}.png")
    config = config if images is None else config.with_images(images)
    check_new(config)
    reasons: list[tuple[str, str]] = []

    def report(name: str, reason: str) -> None:
        if len(reasons) < _MAX_LINES:
            reasons.append((name, reason))

    found = survey_data(config.data, max_seconds=MAX_SECONDS, report=report)
    for line in preview.facts(found):
        print(line)
    for name, reason in [*reasons, *found.unreadable][:_MAX_LINES]:
        print(f"left out: {name} ({reason})")
    for note in (*found.notes, *notes_on(found, config.data, config.model)):
        print(f"note: {note}")
    print(_length(preview.plan(found, config), config, device))
    for sentence in preview.advice(found, config):
        print(f"advice: {sentence}")
    if output:
        with replacing(Path(output)) as temporary:
            temporary.write_bytes(png_bytes(preview.sheet(found, config), {"Software": SOFTWARE}))
        print(f"{output}: 64 pictures as the networks will see them")
    return 0


def with_folder(arguments: Sequence[str]) -> tuple[Callable[..., int], list[str]]:
    """Return the look command with the defaults of its preset for the folder or table named first, and all arguments.

    Raises ValueError where no folder comes first.
    """
    first = arguments[0] if arguments else ""
    if first in ("-h", "--help"):
        return partial(look, config=TrainConfig()), ["--help"]
    if not first or first.startswith("-"):
        raise ValueError(f"name a folder first, as in: {PROG} look folder:photos")
    name = first if first.startswith(OWN_PREFIXES) or not os.path.exists(first) else _named(first)
    if not name.startswith(OWN_PREFIXES):
        raise ValueError(f"{first!r} is not a folder or table of pictures; write folder:PATH, or table:PATH")
    preset, rest = _without_preset(arguments[1:])
    full = full_flags(["--data", name, *rest])
    return partial(look, config=default_config(preset, full)), full


def _named(path: str) -> str:
    return f"folder:{path}" if os.path.isdir(path) else f"table:{path}"


def _without_preset(arguments: Sequence[str]) -> tuple[str, list[str]]:
    """Return the value of --preset and the other arguments."""
    preset, rest = DEFAULT_PRESET, list(arguments)
    for i, argument in enumerate(arguments):
        flag, equals, value = argument.partition("=")
        if flag == "--preset":
            preset = value if equals else "".join(arguments[i + 1 : i + 2])
            rest = [*arguments[:i], *arguments[i + (1 if equals else 2) :]]
    return preset, rest


def _length(length: Plan, config: TrainConfig, device: str) -> str:
    """Return a sentence on the steps and the time on this machine, whose steps are timed for a few seconds."""
    from dcgan.runs.tables import duration
    from dcgan.training.time_estimate import time_steps

    colors = {1: "gray", 3: "RGB"}[config.model.channels]
    size = config.model.image_size
    held_out = f", {length.held_out:,} held out" if length.held_out else ""
    steps = (
        f"training: {length.training_images:,} pictures{held_out}, {size}x{size} {colors}; {length.steps:,} steps, "
        f"{length.images_shown:,} images"
    )
    try:
        timed = time_steps(config, device)
    except (RuntimeError, MemoryError) as error:
        return f"{steps}; the time is not known ({' '.join(str(error).split())[:100]})"
    return f"{steps}, about {duration(length.steps * timed['seconds_per_step'])} on this machine's {timed['device']}"


COMMANDS = {"look": look}
PREPARE = {"look": with_folder}
HELP_ORDER = 1.5
