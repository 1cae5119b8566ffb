"""A run's last save: the tensors of its state, and what a resumed training needs besides them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch

from dcgan.checkpoint import load_tensors
from dcgan.config import TrainConfig
from dcgan.data.folder import Source
from dcgan.data.loading import Batches, make_batches
from dcgan.files import printable
from dcgan.locale.language import tr
from dcgan.runs.rows import MAX_COUNT
from dcgan.runs.run import Run, RunError
from dcgan.runtime.distributed import Ranks
from dcgan.training.initial import begin_with, load_initial
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

    A new state has the networks of the run that config.init names, if it names one.

    Raises RunError where the save does not fit the config, where a folder has too few images left for it, or where
    the networks to begin with are not there or do not fit.
    """
    tensors, saved = _read(run) if run.state_path.exists() else ({}, None)
    batches = make_batches(config, device, ranks, source=saved.source if saved else None)
    state = TrainState.new(config, device, ranks, first_images=batches.first_images)
    if saved:
        _check_steps(run, config, batches, saved)
        try:
            state.load(tensors)
        except (KeyError, ValueError, TypeError, RuntimeError) as error:
            raise _unfitting(run, error) from error
        state.step, state.images_seen = saved.step, saved.images_seen
    elif config.init:
        begin_with(state, load_initial(config.init, config.model))
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
    if not before.names_hash or now is None or before._replace(ground=now.ground) == now:
        return ()
    values = {"data": config.data.name, "before": before.num_images, "now": now.num_images}
    if config.data.holdout:
        note = tr(
            "the files in {data} are not those that the training began with ({before} images then, {now} now): it "
            "goes on with them, and is no repeat of an uninterrupted one; images that were held out may now be "
            "trained on",
            **values,
        )
    else:
        note = tr(
            "the files in {data} are not those that the training began with ({before} images then, {now} now): it "
            "goes on with them, and is no repeat of an uninterrupted one",
            **values,
        )
    return (note,)


def require_same_files(config: TrainConfig, batches: Batches, saved: Saved | None) -> None:
    """Raise RunError where a folder at a new place does not hold the files that the training began with."""
    if changed_files(config, batches, saved):
        before = saved.source.num_images if saved else 0
        raise RunError(
            f"{config.data.name} does not hold the {before} images that the training began with, by their names, "
            f"but {batches.num_images}; name the folder that does, or start a new training"
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
        texts = (source.names_hash, source.ground, source.revision, *source.classes)
        if not all(isinstance(text, str) for text in texts):
            raise ValueError("its classes, its hash, its ground and its revision are not text")
    except (KeyError, TypeError, ValueError) as error:
        raise _unfitting(run, error) from error
    return tensors, saved


def _unfitting(run: Run, error: Exception) -> RunError:
    reason = printable(str(error))
    return RunError(tr("{path} does not fit the run's config: {reason}", path=run.state_path, reason=reason))


def _check_steps(run: Run, config: TrainConfig, batches: Batches, saved: Saved) -> None:
    """Raise RunError where a folder has lost so many images that the training would have ended before its save."""
    steps = config.epochs * batches.steps_per_epoch
    if batches.source and saved.step > steps:
        values = {
            "path": run.path,
            "step": saved.step,
            "steps": steps,
            "data": config.data.name,
            "count": batches.num_images,
        }
        if saved.source.num_images:
            text = tr(
                "{path} is at step {step} and would have ended at step {steps} with the images that are left in "
                "{data}, {count} of {before}; put the others back, or train its config again",
                before=saved.source.num_images,
                **values,
            )
        else:
            text = tr(
                "{path} is at step {step} and would have ended at step {steps} with the images that are left in "
                "{data}, {count}; put the others back, or train its config again",
                **values,
            )
        raise RunError(text)
