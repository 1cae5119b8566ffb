"""What a resume needs, and how it changes the length of a training. Imports no torch.

A training of another length has the same steps, unless its learning rates decay: these fall at the end of the length.
So a length can change as long as the rates have not begun to fall. Then the run holds the weights of a training that
had the new length from its beginning, bit for bit. Only its snapshots and the rows at them may be at other steps.
"""

from __future__ import annotations

import shlex
from bisect import bisect_left
from dataclasses import replace

from dcgan.config import MAX_EPOCHS, MAX_STEPS_PER_EPOCH, TrainConfig
from dcgan.files import printable
from dcgan.locale.language import tr
from dcgan.runs.headers import metadata_of
from dcgan.runs.rows import MAX_COUNT, Status
from dcgan.runs.run import Run, RunError


def check_resumable(run: Run) -> None:
    """Raise RunError for a run that has steps and no state to continue from, as published runs have."""
    status = run.status() if run.status_path.exists() else None
    if status and status.step and not run.state_path.exists():
        command = f"python -m dcgan train {shlex.quote(run.name)}"
        raise RunError(
            tr(
                "{run} has no {file} and cannot be resumed, like every published run; train its config again: "
                "{command}",
                run=run.path,
                file=run.state_path.name,
                command=command,
            )
        )


def has_finished(run: Run) -> bool:
    """Return whether the run has all epochs of its config.

    A process that was killed while it wrote a longer config may leave the status of the shorter one.
    """
    status = run.status() if run.status_path.exists() else None
    return status is not None and status.state == "finished" and status.epochs >= run.config().epochs


def rates_refusal(run: Run) -> str:
    """Return why the run can have no other length, in one sentence; empty where it can: its rates have not fallen."""
    status, config, done = _begun(run), run.config(), saved_step(run)
    if status is None or done <= (first := _first_decayed(config, status.steps)):
        return ""
    command = f"python -m dcgan train {shlex.quote(run.name)} --epochs N"
    return tr(
        "the learning rates of {run} began to fall at step {first:,} of its {steps:,} (lr_decay={decay:g}), so its "
        "length cannot change at step {done:,}; train its config again: {command}",
        run=run.name,
        first=first,
        steps=status.steps,
        decay=config.lr_decay,
        done=done,
        command=command,
    )


def length_refusal(run: Run, epochs: int) -> str:
    """Return why the training cannot be one of `epochs` epochs, in one sentence; empty where it can.

    It can have any number of epochs that is larger than the number done, if no learning rate has begun to fall.
    """
    status, done = _begun(run), saved_step(run)
    if status is None:
        return ""
    per_epoch = status.steps // status.epochs
    if epochs * per_epoch <= done:
        return tr(
            "{run} has done {done:.4g} epochs, and {epochs} are not more; ask for {least} epochs or more",
            run=run.name,
            done=done / per_epoch,
            epochs=epochs,
            least=done // per_epoch + 1,
        )
    if epochs == status.epochs:
        return ""
    try:
        replace(run.config(), epochs=epochs)
    except ValueError as error:
        return str(error)
    if refusal := rates_refusal(run):
        return refusal
    if done > (first := _first_decayed(run.config(), epochs * per_epoch)):
        return tr(
            "in {epochs} epochs the learning rates of {run} would begin to fall at step {first:,}, and it has done "
            "{done:,}; ask for more epochs",
            epochs=epochs,
            run=run.name,
            first=first,
            done=done,
        )
    return ""


def change_length(run: Run, epochs: int) -> None:
    """Make the run one of `epochs` epochs, in its config and status. The caller holds the run's lock.

    The status is then `running`, or a reader's `interrupted` if the process ends before its first step. A resume
    continues from the last save in both cases. Raises RunError where the run cannot have that length, and ValueError
    for fewer than 1 epoch; nothing is changed then.
    """
    if refusal := length_refusal(run, epochs):
        raise RunError(refusal)
    config, status, done = run.config(), _begun(run), saved_step(run)
    replace(config, epochs=epochs)  # raises ValueError before anything is written
    if epochs != config.epochs:
        run.change_epochs(epochs, done)
    if status:
        steps = status.steps // status.epochs * epochs
        run.write_status(replace(status, state="running", steps=steps, epochs=epochs, error=""))


def saved_step(run: Run) -> int:
    """Return the step of the run's last save, 0 without one. Raises RunError where the state cannot be read."""
    try:
        step = metadata_of(run.state_path)["step"]
    except FileNotFoundError:
        return 0
    except (OSError, ValueError, KeyError) as error:
        raise RunError(
            tr("{path} cannot be read: {reason}", path=run.state_path, reason=printable(str(error)))
        ) from error
    if type(step) is not int or not 0 <= step <= MAX_COUNT:
        raise RunError(
            tr("{path} cannot be read: its step is {step}", path=run.state_path, step=printable(repr(step)))
        )
    return step


def saved_count(run: Run) -> int:
    """Return the number of pictures that a training on a folder began with; 0 where its last save does not say."""
    try:
        source = metadata_of(run.state_path).get("source")
    except (OSError, ValueError):
        return 0
    count = source.get("num_images") if isinstance(source, dict) else 0
    return count if type(count) is int and 0 <= count <= MAX_COUNT else 0


def _begun(run: Run) -> Status | None:
    """Return the status; None for a run whose steps were never counted, because none was made.

    Also None for a damaged status with numbers that no training has. A resume counts the steps again.
    """
    status = run.status() if run.status_path.exists() else None
    if status is None or not 0 < status.epochs <= min(status.steps, MAX_EPOCHS):
        return None
    return status if status.steps // status.epochs <= MAX_STEPS_PER_EPOCH else None


def _first_decayed(config: TrainConfig, steps: int) -> int:
    """Return the first step with lower learning rates, in a training of so many steps; `steps` where none has."""
    return bisect_left(range(steps), True, key=lambda step: config.decay_factor(step, steps) < 1)
