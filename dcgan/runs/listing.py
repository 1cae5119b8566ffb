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
    """Return a run by its path, or by its name under runs/ or checkpoints/.

    Raises RunError that suggests the nearest name, or lists the newest ones. It also says where the published models
    are if they are missing.
    """
    for path in (Path(name), runs_root() / name, files.CHECKPOINTS / name):
        # os.path accepts any text; Path raises for a name that is too long or has a NUL.
        if os.path.isfile(path / "config.json"):
            return Run(path)
    names = [run.name for run in list_runs()]
    there = _suggestion(name, names) or (f"there are {', '.join(names[-8:])}" if names else "there is none yet")
    missing = files.missing_from_wheel(files.CHECKPOINTS)
    raise RunError(f"{name!r} is not a run directory; {there}" + (f"; {missing}" if missing else ""))


def _suggestion(name: str, names: Iterable[str]) -> str:
    """Return "did you mean NAME?" with the nearest of the names; empty if none is near."""
    near = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {near[0]}?" if near else ""


def named_config(name: str) -> tuple[TrainConfig, str]:
    """Return the config of the preset or the run of that name, and the name of the preset.

    Raises ValueError that suggests the nearest preset or run, or lists all presets.
    """
    if name in PRESETS:
        return PRESETS[name].config, name
    try:
        run = find_run(name)
    except RunError as error:
        suggestion = _suggestion(name, [*PRESETS, *(run.name for run in list_runs())])
        advice = suggestion or f"presets are {', '.join(PRESETS)}"
        raise ValueError(f"{name!r} is neither a preset nor a run; {advice}") from error
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
