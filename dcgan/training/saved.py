"""A run's last save: the tensors of its state, and what a resumed training needs besides them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch

from dcgan.checkpoint import load_tensors
from dcgan.config import TrainConfig
from dcgan.data.folder import Source
from dcgan.data.loading import Batches, make_batches
from dcgan.runs.paths import printable
from dcgan.runs.rows import MAX_COUNT
from dcgan.runs.run import Run, RunError
from dcgan.runtime.distributed import Ranks
from dcgan.training.state import TrainState


class Saved(NamedTuple):
    """The values of a save besides its tensors."""

    step: int
    images_seen: int
    wall_seconds: float
    source: Source
    """The files of a folder that the training began with; Source() for a named set, and in saves of format 1."""


def load_training(
    run: Run, config: TrainConfig, device: torch.device, ranks: Ranks
) -> tuple[Batches, TrainState, Saved | None]:
    """Return the data, and the state of the run's last save or a new state. Rank 0 goes first, to download for all.

    Raises RunError where the save does not fit the config, or a folder has too few images left for it.
    """
    tensors, saved = _read(run) if run.state_path.exists() else ({}, None)
    batches = make_batches(config, device, ranks, source=saved.source if saved else None)
    state = TrainState.new(config, device, ranks, first_images=batches.first_images)
    if saved:
        _check_steps(run, config, batches, saved)
        try:
            state.load(tensors)
        except (KeyError, ValueError, TypeError, RuntimeError) as error:
            raise RunError(f"{run.state_path} does not fit the run's config: {printable(str(error))}") from error
        state.step, state.images_seen = saved.step, saved.images_seen
    if ranks.rank == 0:
        ranks.barrier()
    ranks.broadcast_(state.tensors())
    return batches, state, saved


def state_metadata(
    config: TrainConfig, state: TrainState, wall_seconds: float, source: Source | None
) -> Mapping[str, Any]:
    """Return what a save has besides its tensors, as JSON values."""
    metadata = {
        "kind": "state",
        "config": config.to_json(),
        "step": state.step,
        "images_seen": state.images_seen,
        "wall_seconds": wall_seconds,
    }
    return metadata | ({"source": source._asdict()} if source else {})


def changed_files(config: TrainConfig, batches: Batches, saved: Saved | None) -> tuple[str, ...]:
    """Return a note where a resumed training continues with other files than it began with; else nothing."""
    before, now = saved.source if saved else Source(), batches.source
    if not before.names_hash or now is None or before == now:
        return ()
    held_out = "; images that were held out may now be trained on" if config.data.holdout else ""
    return (
        f"the files in {config.data.name} are not those that the training began with ({before.num_images} images "
        f"then, {now.num_images} now): it goes on with them, and is no repeat of an uninterrupted one{held_out}",
    )


def _read(run: Run) -> tuple[dict[str, torch.Tensor], Saved]:
    """Return the tensors of the run's last save, and the rest. Raises RunError where the file is not a state."""
    try:
        tensors, metadata = load_tensors(run.state_path)
    except ValueError as error:
        raise RunError(str(error)) from error
    try:
        source = Source(**metadata.get("source", {}))
        source = source._replace(classes=tuple(source.classes))  # JSON has lists
        saved = Saved(metadata["step"], metadata["images_seen"], metadata["wall_seconds"], source)
        counts = (saved.step, saved.images_seen, source.num_images)
        if not all(type(count) is int and 0 <= count <= MAX_COUNT for count in counts):
            raise ValueError(f"{counts} are not its counts")
        if type(saved.wall_seconds) not in (int, float) or saved.wall_seconds < 0:
            raise ValueError(f"{saved.wall_seconds!r} is not its time")
        if not all(isinstance(text, str) for text in (source.names_hash, *source.classes)):
            raise ValueError("its classes and its hash are not text")
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(f"{run.state_path} does not fit the run's config: {printable(str(error))}") from error
    return tensors, saved


def _check_steps(run: Run, config: TrainConfig, batches: Batches, saved: Saved) -> None:
    """Raise RunError where a folder has lost so many images that the training would have ended before its save."""
    steps = config.epochs * batches.steps_per_epoch
    if batches.source and saved.step > steps:
        before = f" of {saved.source.num_images}" if saved.source.num_images else ""
        raise RunError(
            f"{run.path} is at step {saved.step} and would have ended at step {steps} with the images that are "
            f"left in {config.data.name}, {batches.num_images}{before}; put the others back, or train its config "
            "again"
        )
