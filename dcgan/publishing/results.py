"""Read the scores of runs, recipe by recipe: the numbers of the results page. No torch.

Runs of one recipe differ only in the seed, and in fields that do not decide the outcome. The last evaluation of the
last weights counts, never the best of several. Scores are combined only if they have the same `Conditions`.
"""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from dcgan import fields, files
from dcgan.config import TrainConfig
from dcgan.presets import PRESETS
from dcgan.runs import evaluations
from dcgan.runs.listing import list_runs
from dcgan.runs.rows import row_json
from dcgan.runs.run import Run, RunError

_NO_RECIPE = (
    *("seed", "engine", "threads", "log_every", "snapshots", "d_snapshot_parameters", "score_images"),
    *("data.root", "data.resident_limit_mib", "data.workers", "data.cache"),
)
"""Fields that are not part of a recipe: how, where or from which seed it is trained."""


class Conditions(NamedTuple):
    """What two scores must share to be comparable."""

    data: str
    image_shape: tuple[int, int, int]
    """(C, H, W). Inception scores images of any shape."""
    classifier: str
    classifier_hash: str
    num_images: int


@dataclass(frozen=True)
class Entry:
    """The scores of one finished run under one set of conditions."""

    run: Run
    config: TrainConfig
    label: str
    conditions: Conditions
    row: Mapping[str, Any]
    steps: int
    hardware: str
    seconds: float | None
    """Training time; None if no row of progress has it."""

    @property
    def recipe(self) -> TrainConfig:
        return recipe(self.config)


# Reading


def recipe(config: TrainConfig, like: TrainConfig | None = None) -> TrainConfig:
    """Return the config with the fields that are not part of a recipe taken from `like`.

    Runs of one recipe get equal configs. `like` is the default config unless given.
    """
    like = like or TrainConfig()
    return fields.changed(config, {name: fields.value_of(like, name) for name in _NO_RECIPE})


def default_runs() -> list[Run]:
    """Return the published models, then the records of further seeds."""
    return list_runs(files.CHECKPOINTS, files.RESULTS)


def read(runs: Iterable[Run]) -> tuple[list[Entry], dict[Run, str]]:
    """Return the runs' entries, and the reason for every run that is left out.

    A recipe has one entry for each seed and set of conditions.
    """
    entries: dict[tuple[TrainConfig, Conditions, int], Entry] = {}
    left_out: dict[Run, str] = {}
    for run in runs:
        try:
            run_entries = _entries(run)
        except (OSError, ValueError) as error:
            left_out[run] = " ".join(str(error).replace(f"{files.PROJECT}/", "").split())
            continue
        for entry in run_entries:
            first = entries.setdefault((entry.recipe, entry.conditions, entry.config.seed), entry)
            if first.run != run:
                left_out[run] = f"{name_of(first.run)} is the same recipe with the same seed"
    return list(entries.values()), left_out


def _entries(run: Run) -> list[Entry]:
    """Return the run's entries. Raises RunError that names what is missing."""
    config, status = run.config(), run.status()
    if status.state != "finished" or status.step != status.steps:
        raise RunError(f"{status.state} at step {status.step:,} of {status.steps:,}; a recipe is scored at its end")
    rows = evaluations.measured(run)
    if not rows:
        raise RunError(
            f"not scored; run: python -m dcgan evaluate {shlex.quote(name_of(run))}{' --save' * run.is_published}"
        )
    last = evaluations.by_classifier(row for row in rows if row["step"] == status.step)
    if not last:
        raise RunError(f"scored at step {rows[-1]['step']:,} and trained to {status.step:,}; evaluate it again")
    progress = run.last_row()
    environment = status.environment
    earlier = f"{before}, then " if (before := environment.get("earlier devices")) else ""
    threads = f", threads: {environment['threads']}" if str(environment.get("device", "")).startswith("cpu") else ""
    return [
        Entry(
            run=run,
            config=config,
            label=_label(run, config),
            conditions=Conditions(config.data.name, config.model.image_shape, *scale),
            row=row,
            steps=status.steps,
            hardware=f"{earlier}{environment.get('device', 'unknown')}{threads}",
            seconds=progress.wall_seconds if progress and progress.step == status.step else None,
        )
        for scale, row in last.items()
    ]


def by_recipe(entries: Iterable[Entry]) -> list[tuple[str, list[Entry]]]:
    """Return the label and the entries of each recipe; presets come first, in their order."""
    groups: dict[TrainConfig, list[Entry]] = {}
    for entry in entries:
        groups.setdefault(entry.recipe, []).append(entry)
    return sorted(((group[0].label, group) for group in groups.values()), key=lambda item: place(item[0]))


def place(label: str) -> tuple[int, str]:
    """Return the sort key of a recipe: presets in their order, a preset's variants after it, others last."""
    names = list(PRESETS)
    preset = label.split(" ")[0]
    return (names.index(preset) if preset in PRESETS else len(names), label)


def preset_of(run: Run) -> str:
    """Return the preset that a run was started from; empty if it cannot be read."""
    try:
        return run.preset
    except RunError:
        return ""


def _label(run: Run, config: TrainConfig) -> str:
    """Return the preset with the same recipe; else the run's preset with the flags that differ."""
    for name in sorted(PRESETS, key=lambda name: name != run.preset):  # its own first: two presets may share a recipe
        if recipe(config) == recipe(PRESETS[name].config):
            return name
    if run.preset not in PRESETS:
        return f"{run.preset} ({run.name})"
    plain = recipe(config, like=PRESETS[run.preset].config)
    return fields.train_command(plain, run.preset).removeprefix("python -m dcgan train ")


def name_of(run: Run) -> str:
    """Return the run's path relative to the project; the path as given if it is outside."""
    path = run.path.resolve()
    return path.relative_to(files.PROJECT).as_posix() if path.is_relative_to(files.PROJECT) else str(run.path)


def number(row: Mapping[str, Any], field: str) -> float | None:
    """Return the number in a field; None if it is missing or not finite."""
    value = row.get(field)
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return value if abs(value) <= sys.float_info.max else None


# Records of further seeds


def keep(run: Run, root: Path | None = None) -> Path:
    """Copy a finished and scored run without its weights to results/, and return the new folder.

    The copy has config.json, status.json, evals.jsonl, and the last row of progress.jsonl for the training time.
    Raises RunError for a run that the page would leave out, and for a name that exists already.
    """
    target = (root or files.RESULTS) / run.name
    if (target / "config.json").exists():
        raise RunError(f"{name_of(Run(target))} exists; delete it, or rename the run")
    try:
        _entries(run)
    except ValueError as error:
        raise RunError(f"{name_of(run)} cannot be copied to the results: {error}") from error
    record = Run(target)
    for name in ("status.json", "evals.jsonl"):
        record.write_bytes(name, (run.path / name).read_bytes())
    if (last := run.last_row()) is not None:
        record.write_text("progress.jsonl", json.dumps(row_json(last)) + "\n")
    # Last, because a folder with this file is a run.
    record.write_bytes("config.json", (run.path / "config.json").read_bytes())
    return target
