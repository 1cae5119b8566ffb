"""Which runs there are: listed by folder, found by name, in the order in which to choose from them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from dcgan import files
from dcgan.files import runs_root
from dcgan.runs.run import Run, RunError


def list_runs(*roots: Path) -> list[Run]:
    """Every run directly under the roots, in order of name; the user's own and the published ones by default."""
    folders = []
    for root in roots or (files.CHECKPOINTS, runs_root()):
        if root.is_dir():
            # os.path answers False for a folder that may not be read (lost+found, another user's run); Path raises.
            folders += sorted(path for path in root.iterdir() if os.path.isfile(path / "config.json"))
    return [Run(path) for path in folders]


def find_run(name: str) -> Run:
    """A run by its path, or by its name under runs/ or checkpoints/. Raises RunError that lists what there is."""
    for path in (Path(name), runs_root() / name, files.CHECKPOINTS / name):
        # os.path answers for any text; Path raises where a name is too long or holds a NUL.
        if os.path.isfile(path / "config.json"):
            return Run(path)
    names = ", ".join(run.name for run in list_runs()[-8:])
    raise RunError(f"{name!r} is no run directory; " + (f"there are {names}" if names else "there is none yet"))


BEST = ("dcgan-best-mnist", "cdcgan-best-mnist", "dcgan-xl-mnist")
"""The published models that one looks around in first."""


def by_label(runs: Sequence[Run]) -> dict[str, Run]:
    """Runs by the words to choose them with: the user's own, the newest on top; then the published, the best on top.

    A published model whose name one of the user's runs has too is marked.
    """
    own = sorted((run for run in runs if not run.is_published), key=lambda run: run.name, reverse=True)
    labels = {run.name: run for run in own}
    for run in best_first(runs):
        if run.is_published:
            labels[f"{run.name} (published)" if run.name in labels else run.name] = run
    return labels


def best_first(runs: Sequence[Run]) -> list[Run]:
    """The runs in their order, but for the best published models, which come first."""
    return sorted(runs, key=lambda run: not (run.is_published and run.name in BEST))
