"""What runs have scored, recipe by recipe: the results page's numbers. Reads runs only; no torch.

Runs of one recipe differ in the seed and in nothing else that decides the outcome. The last evaluation of the last
weights counts, never the best of several. Scores by another classifier, of another count or size of images or of
other data are never put together.
"""

from __future__ import annotations

import dataclasses
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
from dcgan.runs.run import Run, RunError

_NO_RECIPE = (
    *("seed", "engine", "threads", "log_every", "snapshots", "score_images"),
    *("data.root", "data.resident_limit_mib", "data.workers", "data.cache"),
)
"""Fields that change how, where or from which seed a recipe is trained, and not the recipe."""


class Judge(NamedTuple):
    """All that has to be equal for two scores to compare."""

    data: str
    image_shape: tuple[int, int, int]
    """(C, H, W): Inception scores any."""
    classifier: str
    classifier_hash: str
    num_images: int


@dataclass(frozen=True)
class Entry:
    """One finished run's scores by one judge."""

    run: Run
    config: TrainConfig
    label: str
    judge: Judge
    row: Mapping[str, Any]
    steps: int
    hardware: str
    seconds: float | None
    """Of training; None where no row of progress tells it."""

    @property
    def recipe(self) -> TrainConfig:
        return recipe(self.config)


# Reading


def recipe(config: TrainConfig, like: TrainConfig | None = None) -> TrainConfig:
    """The config without what is not the recipe's: equal for runs of one recipe. Those fields are `like`'s."""
    like = like or TrainConfig()
    return fields.changed(config, {name: fields.value_of(like, name) for name in _NO_RECIPE})


def default_runs() -> list[Run]:
    """The published models, then the records of further seeds."""
    return list_runs(files.CHECKPOINTS, files.RESULTS)


def read(chosen: Iterable[Run]) -> tuple[list[Entry], dict[Run, str]]:
    """The runs' scores, and why those that have none to show are left out. One run a seed, recipe and judge."""
    entries: dict[tuple[TrainConfig, Judge, int], Entry] = {}
    left_out: dict[Run, str] = {}
    for run in chosen:
        try:
            found = _entries(run)
        except (OSError, ValueError) as error:
            left_out[run] = " ".join(str(error).replace(f"{files.PROJECT}/", "").split())
            continue
        for entry in found:
            first = entries.setdefault((entry.recipe, entry.judge, entry.config.seed), entry)
            if first.run != run:
                left_out[run] = f"{name_of(first.run)} is the same recipe with the same seed"
    return list(entries.values()), left_out


def _entries(run: Run) -> list[Entry]:
    """Raises RunError that says what is missing."""
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
            judge=Judge(config.data.name, config.model.image_shape, *judge),
            row=row,
            steps=status.steps,
            hardware=f"{earlier}{environment.get('device', 'unknown')}{threads}",
            seconds=progress.wall_seconds if progress and progress.step == status.step else None,
        )
        for judge, row in last.items()
    ]


def by_recipe(entries: Iterable[Entry]) -> list[tuple[str, list[Entry]]]:
    """The label and the entries of each recipe, the presets' first and in their order."""
    groups: dict[TrainConfig, list[Entry]] = {}
    for entry in entries:
        groups.setdefault(entry.recipe, []).append(entry)
    return sorted(((group[0].label, group) for group in groups.values()), key=lambda item: place(item[0]))


def place(label: str) -> tuple[int, str]:
    """Where a recipe stands in a table: presets in their order, a preset's variants after it, others last."""
    names = list(PRESETS)
    preset = label.split(" ")[0]
    return (names.index(preset) if preset in PRESETS else len(names), label)


def preset_of(run: Run) -> str:
    """The preset that a run was started from; empty where it cannot be read."""
    try:
        return run.preset
    except RunError:
        return ""


def _label(run: Run, config: TrainConfig) -> str:
    """The preset whose recipe it is; else the flags by which it departs from the one that it was started from."""
    for name in sorted(PRESETS, key=lambda name: name != run.preset):  # its own first: two presets may share a recipe
        if recipe(config) == recipe(PRESETS[name].config):
            return name
    if run.preset not in PRESETS:
        return f"{run.preset} ({run.name})"
    plain = recipe(config, like=PRESETS[run.preset].config)
    return fields.train_command(plain, run.preset).removeprefix("python -m dcgan train ")


def name_of(run: Run) -> str:
    """Where a run is, as one types it in the project; the path as given where it is elsewhere."""
    path = run.path.resolve()
    return path.relative_to(files.PROJECT).as_posix() if path.is_relative_to(files.PROJECT) else str(run.path)


def number(row: Mapping[str, Any], field: str) -> float | None:
    """The number in a field; None where there is none, or one that is not finite."""
    value = row.get(field)
    return value if type(value) in (int, float) and abs(value) <= sys.float_info.max else None


# Records of further seeds


def keep(run: Run, root: Path | None = None) -> Path:
    """Copy what the page needs of a finished and scored run, without its weights, to results/ under its name.

    That is config.json, status.json, evals.jsonl and the last row of progress.jsonl, which has the training time.
    Raises RunError for a run that the page would leave out, and for a name that is taken.
    """
    target = (root or files.RESULTS) / run.name
    if (target / "config.json").exists():
        raise RunError(f"{name_of(Run(target))} exists; delete it, or rename the run")
    try:
        _entries(run)
    except ValueError as error:
        raise RunError(f"{name_of(run)} cannot be kept: {error}") from error
    kept = Run(target)
    for name in ("status.json", "evals.jsonl"):
        kept.write_bytes(name, (run.path / name).read_bytes())
    if (last := run.last_row()) is not None:
        kept.write_text("progress.jsonl", json.dumps(dataclasses.asdict(last)) + "\n")
    # Last: a folder is a run once it has this.
    kept.write_bytes("config.json", (run.path / "config.json").read_bytes())
    return target
