"""Runs by folder and by name, and the order in which users choose from them."""

from __future__ import annotations

import contextlib
import difflib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from dcgan import files
from dcgan.config import TrainConfig
from dcgan.files import runs_root
from dcgan.locale.language import tr
from dcgan.presets import PRESETS
from dcgan.runs.run import Run, RunError


def list_runs(*roots: Path) -> list[Run]:
    """Return every run directly under the roots, by name; by default the published ones, then the user's own.

    What may not be read is left out: lost+found, another user's run, or a whole root.
    """
    folders = []
    for root in roots or (files.CHECKPOINTS, runs_root()):
        # Not Path: os.path answers False for a folder that may not be read, and Path raises.
        with contextlib.suppress(OSError):
            folders += sorted(path for path in root.iterdir() if os.path.isfile(path / "config.json"))
    return [Run(path) for path in folders]


def find_run(name: str) -> Run:
    """Return a run by its path, or by its name under runs/, checkpoints/ or failures/.

    Raises RunError that suggests the nearest name, or lists the newest ones. It also says where the published models
    are if they are missing.
    """
    for path in (Path(name), runs_root() / name, files.CHECKPOINTS / name, files.FAILURES / name):
        # os.path accepts any text; Path raises for a name that is too long or has a NUL.
        if os.path.isfile(path / "config.json"):
            return Run(path)
    problem = _no_such_run(name, [run.name for run in list_runs()])
    missing = files.missing_from_wheel(files.CHECKPOINTS)
    raise RunError(tr("{problem}; {missing}", problem=problem, missing=missing) if missing else problem)


def _no_such_run(name: str, names: Sequence[str]) -> str:
    if near := _nearest(name, names):
        return tr("{name!r} is not a run directory; did you mean {near}?", name=name, near=near)
    if names:
        newest = ", ".join(names[-8:])
        return tr("{name!r} is not a run directory; there are {names}", name=name, names=newest)
    return tr("{name!r} is not a run directory; there is none yet", name=name)


def _nearest(name: str, names: Iterable[str]) -> str:
    """Return the nearest of the names; empty if none is near."""
    return next(iter(difflib.get_close_matches(name, names, n=1)), "")


def named_config(name: str) -> tuple[TrainConfig, str]:
    """Return the config of the preset or the run of that name, and the name of the preset.

    Raises ValueError that suggests the nearest preset or run, or lists all presets.
    """
    if name in PRESETS:
        return PRESETS[name].config, name
    try:
        run = find_run(name)
    except RunError as error:
        if near := _nearest(name, [*PRESETS, *(run.name for run in list_runs())]):
            text = tr("{name!r} is neither a preset nor a run; did you mean {near}?", name=name, near=near)
        else:
            names = ", ".join(PRESETS)
            text = tr("{name!r} is neither a preset nor a run; presets are {names}", name=name, names=names)
        raise ValueError(text) from error
    return run.config(), run.preset


BEST = ("dcgan-best-mnist", "cdcgan-best-mnist", "dcgan-xl-mnist")
"""The published models that pages show first."""


def by_label(runs: Sequence[Run]) -> dict[str, Run]:
    """Return runs by the label of a choice: the user's own, newest first, then the published ones, best first.

    A published model is marked if one of the user's runs has the same name. A run whose folder's name cannot be shown
    is left out, since a label could not name it; `tables.run_summary` has the reason.
    """
    runs = [run for run in runs if run.has_plain_name]
    own = sorted((run for run in runs if not run.is_published), key=lambda run: run.name, reverse=True)
    labels = {run.name: run for run in own}
    for run in best_first(runs):
        if run.is_published:
            labels[f"{run.name} (published)" if run.name in labels else run.name] = run
    return labels


def best_first(runs: Sequence[Run]) -> list[Run]:
    """Return the runs in their order, with the best published models first."""
    return sorted(runs, key=lambda run: not (run.is_published and run.name in BEST))
