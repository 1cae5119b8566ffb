"""The names of a run's classes. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dcgan.config import TrainConfig
from dcgan.files import printable
from dcgan.runs.headers import metadata_of
from dcgan.runs.run import Run, RunError

MAX_NAME = 64
"""Characters of a name; the rest is cut."""


def class_names(run: Run) -> tuple[str, ...]:
    """Return the name of each label of the run's model; nothing where they were not recorded, or without labels.

    Recordings of earlier versions have them in the state of their last save only.
    """
    try:
        config = run.config()
        recorded: Any = run.status().classes if run.status_path.exists() else ()
    except RunError:
        return ()
    if config.model.num_classes and not recorded:
        try:
            source = metadata_of(run.state_path).get("source")
        except (OSError, ValueError):
            source = None
        recorded = source.get("classes") if isinstance(source, dict) else ()
    return fitting_names(config, recorded)


def fitting_names(config: TrainConfig, recorded: Any = ()) -> tuple[str, ...]:
    """Return a name for each class of the model: recorded ones, or those of a named set; () where there are none.

    A model may have labels that its folder has no class for. Their numbers are their names.
    """
    from dcgan.data.named_sets import NAMED_SETS  # it imports NumPy

    count = config.model.num_classes
    if isinstance(recorded, list | tuple) and 0 < len(recorded) <= count:
        if not all(isinstance(name, str) for name in recorded):
            return ()
        return shown_names([*recorded, *map(str, range(len(recorded), count))])
    known = NAMED_SETS.get(config.data.name)
    return known.classes if known and len(known.classes) == count else ()


def shown_names(names: Sequence[str]) -> tuple[str, ...]:
    """Return names that any page, terminal and file can hold: short, printable, and no two alike.

    Bytes that are not UTF-8 and control characters become escapes. A cut name that equals another gets its number.
    """
    shown: dict[str, None] = {}
    for label, name in enumerate(names):
        text = printable(name, MAX_NAME).strip() or str(label)
        shown[text if text not in shown else f"{text[:MAX_NAME]} ({label})"] = None
    return tuple(shown)
