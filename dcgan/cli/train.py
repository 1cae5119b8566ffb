"""The commands that train: train, resume and stop.

The module has a few more than 250 lines, because its commands share how a training is recorded and followed.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, redirect_stderr
from functools import partial
from typing import TYPE_CHECKING, Annotated

from tyro.conf import FlagCreatePairsOff, Positional, arg

from dcgan.cli.program import PROG, name_in_shell
from dcgan.cli.train_flags import default_config, full_flags
from dcgan.config import TrainConfig, check_new
from dcgan.presets import PRESETS
from dcgan.runs import launch
from dcgan.runs.listing import find_run, named_config
from dcgan.runs.resume import check_resumable, has_finished, length_refusal, rates_refusal
from dcgan.runs.rows import ProgressRow, Status
from dcgan.runs.run import Run, RunError
from dcgan.training.losses import check_loss
from dcgan.training.run_diagnosis import diagnose_run

if TYPE_CHECKING:
    import torch

    from dcgan.runtime.distributed import Ranks

GRACE_SECONDS = 1.0
"""How long a rank that lost another waits. torchrun ends all ranks when one leaves, and rank 0 prints the reason."""

RunName = Annotated[Positional[str], arg(metavar="RUN")]
Device = Annotated[str, arg(metavar="DEVICE")]


def train(
    preset: Annotated[Positional[str], arg(metavar="PRESET")],
    config: Annotated[TrainConfig, arg(name="")],
    *,
    images: Annotated[int | None, arg(metavar="IMAGES")] = None,
    device: Device = "auto",
    dry_run: FlagCreatePairsOff[bool] = False,
    tensorboard: FlagCreatePairsOff[bool] = False,
) -> int:
    """Train a preset, or the config of a recorded run.

    Several GPUs or cores give the same numbers: torchrun --nproc-per-node 2 -m dcgan train ... (see
    docs/many-devices.md).

    Every field of the config is a flag, and its default is the preset's: `train dcgan --help` shows dcgan's.
    --data NAME is short for --data.name NAME, --no-scores for --score-images 0, and --augment-p auto for
    --augment-target 0.6. Runs are recorded under
    $DCGAN_RUNS, or ./runs.

    Args:
        preset: Name of a preset (see: presets), or a run's path or name. It comes first.
        config: The networks, the data and the recipe.
        images: Length of the training in real images. An epoch is then an interval of about 4,000 images. None: the
            length is that of --epochs.
        device: cuda, cuda:1, mps or cpu; auto: $DCGAN_DEVICE, or the fastest device of this machine.
        dry_run: Print the config as JSON and train nothing.
        tensorboard: Mirror losses and samples for TensorBoard, under RUN/tensorboard.
    """
    from dcgan.data.named_sets import check_data  # it imports NumPy, which most commands do without

    config = config if images is None else config.with_images(images)
    check_new(config)
    check_data(config.data, config.model)
    check_loss(config)
    if preset in PRESETS and PRESETS[preset].notes:
        print(f"{preset}: {PRESETS[preset].notes}", file=sys.stderr)
    if dry_run:
        print(json.dumps(config.to_json(), indent=2))
        return 0
    if config.data.is_folder:
        from dcgan.data.folder import find_images
        from dcgan.data.survey import folder_of, require_pictures

        require_pictures(find_images(folder_of(config.data)))
    with _prepared(device, tensorboard=tensorboard) as (chosen, ranks):
        if ranks.rank:
            return _follow(Run(ranks.broadcast_text("")), chosen, ranks)
        run = Run.create(config, named_config(preset)[1])
        try:
            ranks.broadcast_text(str(run.path))
            return _record(run, chosen, ranks, tensorboard=tensorboard)
        finally:
            # A training that could not begin, because its data are missing for instance, leaves nothing behind.
            if not _has_begun(run):
                run.discard()


def with_preset(arguments: Sequence[str]) -> tuple[Callable[..., int], list[str]]:
    """Return the train command with the defaults of the preset or run named first, and the arguments in full.

    Raises ValueError where no name comes first, or an unknown one.
    """
    name = arguments[0] if arguments else ""
    if name in ("-h", "--help"):
        return train, list(arguments)
    if not name or name.startswith("-"):
        raise ValueError(
            f"name a preset first, as in: {PROG} train dcgan --epochs 5; presets are {', '.join(PRESETS)}"
        )
    full = full_flags(arguments)
    return partial(train, config=default_config(name, full)), full


def resume(
    run: RunName,
    *,
    epochs: Annotated[int | None, arg(metavar="EPOCHS")] = None,
    data: Annotated[str, arg(metavar="folder:PATH")] = "",
    device: Device = "auto",
    tensorboard: FlagCreatePairsOff[bool] = False,
) -> int:
    """Continue a training from its last save; --epochs makes it longer, also after its last epoch.

    A run extended to 40 epochs holds the weights of a run of 40 epochs from the start. Learning rates that decay
    follow the new length, if they have not begun to fall.

    Args:
        run: A run's path or name (see: runs).
        epochs: All epochs of the training, more than it has done. None: those of its config.
        data: Where the images of the run's folder are now, if they were moved. Names and classes must be the same.
        device: cuda, cuda:1, mps or cpu; auto: $DCGAN_DEVICE, or the fastest device of this machine.
        tensorboard: Mirror losses and samples for TensorBoard, under RUN/tensorboard.
    """
    recorded = find_run(run)
    check_resumable(recorded)
    if epochs is None and has_finished(recorded):
        _print_how_to_train_on(recorded)
        return 0
    if epochs is not None and (refusal := length_refusal(recorded, epochs)):
        raise RunError(refusal)
    with _prepared(device, tensorboard=tensorboard) as (chosen, ranks):
        if ranks.rank:
            return _follow(recorded, chosen, ranks, epochs, data)
        return _record(recorded, chosen, ranks, tensorboard=tensorboard, epochs=epochs, data=data)


def _print_how_to_train_on(run: Run) -> None:
    """Print that the run has finished, and the command that trains it longer."""
    epochs, name = run.config().epochs, name_in_shell(run)
    print(f"{run.path} has finished its {epochs} epochs")
    if rates_refusal(run):
        print("its learning rates have fallen, so a longer training starts from the beginning:")
        print(f"  {PROG} train {name} --epochs {2 * epochs}")
    else:
        print(f"train on with: {PROG} resume {name} --epochs {2 * epochs}")


def _has_begun(run: Run) -> bool:
    """Return whether a training has started: the status is written before the first step."""
    return (run.path / "status.json").exists()


@contextmanager
def _prepared(device: str, *, tensorboard: bool) -> Iterator[tuple[torch.device, Ranks]]:
    """Yield the device and the ranks. Raises ValueError, before a run is made, for what this machine lacks."""
    if tensorboard:
        from dcgan.cli.tensorboard import require_tensorboard

        require_tensorboard()
    from dcgan.runtime.distributed import joined

    with joined(device) as (chosen, ranks):
        yield chosen, ranks


def _follow(run: Run, device: torch.device, ranks: Ranks, epochs: int | None = None, data: str = "") -> int:
    """Train as a rank that records nothing. Rank 0 prints for all; this rank prints only its own errors."""
    from dcgan.runtime.distributed import LostRankError
    from dcgan.training.failures import out_of_memory
    from dcgan.training.recording import run_training

    with redirect_stderr(sys.__stderr__):  # `main` has silenced it
        try:
            run_training(run, device, ranks=ranks, epochs=epochs, data=data)
        except LostRankError:
            time.sleep(GRACE_SECONDS)
            return 2
        except (ValueError, OSError, MemoryError, RuntimeError) as error:
            if isinstance(error, RuntimeError) and not out_of_memory(error):
                raise
            print(f"error: rank {ranks.rank}: {' '.join(str(error).split())}", file=sys.stderr, flush=True)
            return 2
    return 0


def _record(
    run: Run, device: torch.device, ranks: Ranks, *, tensorboard: bool, epochs: int | None = None, data: str = ""
) -> int:
    """Train to the end or to a stop, show progress, and print how it ended and what to do next."""
    from dcgan.cli.progress_bar import Progress
    from dcgan.training.losses import logits_are_probabilities
    from dcgan.training.recording import run_training

    where = device if ranks.world_size == 1 else f"{ranks.world_size} ranks, {device.type}"
    stop_file_seen = is_announced = False
    config = run.config()
    with ExitStack() as stack:
        progress = stack.enter_context(closing(Progress(accuracies=logits_are_probabilities(config.loss))))
        mirror = None

        def on_row(row: ProgressRow, status: Status) -> None:
            nonlocal stop_file_seen, is_announced, mirror
            if not is_announced:
                # The first row comes after the first step: the data are read, and the run has begun.
                print(f"recording in {run.path}, on {where}; Ctrl-C stops and saves", flush=True)
                if config.data.is_own:
                    print(f"training on {status.num_images:,} images", flush=True)
                is_announced = True
            stop_file_seen = run.stop_requested()
            progress(row, status)
            if tensorboard and mirror is None:
                # Only now: before its first row another process may turn out to train this run.
                from dcgan.cli.tensorboard import TensorboardMirror

                mirror = stack.enter_context(closing(TensorboardMirror(run)))
            if mirror:
                mirror.update()

        try:
            status = run_training(run, device, on_row, ranks, epochs=epochs, data=data)
        except KeyboardInterrupt:
            if _has_begun(run):
                print(
                    f"\naborted; continue from the last save with: {PROG} resume {name_in_shell(run)}",
                    file=sys.stderr,
                )
            else:
                print("\naborted before the first step; nothing was recorded", file=sys.stderr)
            raise
    return _report(run, status, stop_file_seen=stop_file_seen)


def _report(run: Run, status: Status, *, stop_file_seen: bool) -> int:
    """Print how the training ended and what to do next; return the exit code. Raises RunError where it failed."""
    name = name_in_shell(run)
    if status.state == "failed":
        raise RunError(f"{run.path} failed: {status.error}")
    if status.state == "stopped":
        print(f"stopped after step {status.step} of {status.steps}, saved in {run.path}")
        _print_diagnosis(run, status)
        print(f"continue with: {PROG} resume {name}")
        return 0 if stop_file_seen else 130
    print(f"finished {status.epochs} epochs, saved in {run.path}")
    _print_diagnosis(run, status)
    print(f"next: {PROG} sample {name}\n      {PROG} gif {name}")
    return 0


def _print_diagnosis(run: Run, status: Status) -> None:
    """Print the diagnosis where it is a warning or an error, or where the training was short."""
    result = diagnose_run(run.config(), status, run.progress()[0], run.scores())
    if result.level in ("warning", "error") or result.kind == "short":
        print(f"diagnosis: {result.title} {result.cause} {result.remedy}")


def stop(run: RunName) -> int:
    """Stop a training after its step and save it, so that `resume` continues it.

    Args:
        run: A run's path or name (see: runs).
    """
    recorded = find_run(run)
    launch.stop(recorded)
    name = name_in_shell(recorded)
    print(f"{name} finishes its step and saves; continue with: {PROG} resume {name}")
    return 0


COMMANDS = {"train": train, "resume": resume, "stop": stop}
PREPARE = {"train": with_preset}
HELP_ORDER = 2
