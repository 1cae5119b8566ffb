"""The commands that train: train and resume."""

from __future__ import annotations

import json
import shlex
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, redirect_stderr
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tyro.conf import FlagCreatePairsOff, Positional, arg

from dcgan.config import TrainConfig, check_new
from dcgan.data.named_sets import check_data
from dcgan.presets import PRESETS
from dcgan.runs import diagnosis
from dcgan.runs.listing import find_run, named_config
from dcgan.runs.rows import ProgressRow, Status
from dcgan.runs.run import Run, RunError

if TYPE_CHECKING:
    import torch

    from dcgan.runtime.distributed import Ranks

PROG = "dcgan" if Path(sys.argv[0]).name == "dcgan" else "python -m dcgan"
"""How the user called us: what messages tell to type next begins with it."""

GRACE_SECONDS = 1.0
"""How long a rank that lost another stays: torchrun kills all when one leaves, and rank 0 still has to say why."""

RunName = Annotated[Positional[str], arg(metavar="RUN")]
Device = Annotated[str, arg(metavar="DEVICE")]


def train(
    preset: Annotated[Positional[str], arg(metavar="PRESET")],
    config: Annotated[TrainConfig, arg(name="")],
    *,
    device: Device = "auto",
    dry_run: FlagCreatePairsOff[bool] = False,
    tensorboard: FlagCreatePairsOff[bool] = False,
) -> int:
    """Train a preset, or the config of a recorded run again.

    On several GPUs or cores: torchrun --nproc-per-node 2 -m dcgan train ..., with the same numbers, see
    docs/many-devices.md.

    Every field of the config is a flag whose default is the preset's: `train dcgan --help` shows dcgan's.
    --data NAME is short for --data.name NAME, --no-scores for --score-images 0. Runs are recorded under $DCGAN_RUNS,
    or ./runs.

    Args:
        preset: Name of a preset (see: presets), or a run's path or name. It comes first.
        config: The networks, the data and the recipe.
        device: cuda, cuda:1, mps or cpu; auto: $DCGAN_DEVICE, or the first of these that is there.
        dry_run: Print the config that would be trained, as JSON, and stop.
        tensorboard: Mirror losses and samples for TensorBoard, under RUN/tensorboard.
    """
    check_new(config)
    check_data(config.data, config.model)
    if preset in PRESETS and PRESETS[preset].notes:
        print(f"{preset}: {PRESETS[preset].notes}", file=sys.stderr)
    if dry_run:
        print(json.dumps(config.to_json(), indent=2))
        return 0
    with _prepared(device, tensorboard) as (chosen, ranks):
        if ranks.rank:
            return _follow(Run(ranks.broadcast_text("")), chosen, ranks)
        run = Run.create(config, named_config(preset)[1])
        try:
            ranks.broadcast_text(str(run.path))
            return _record(run, chosen, tensorboard, ranks)
        finally:
            # A training that could not begin, for want of its data for instance, leaves nothing behind.
            if not _begun(run):
                run.delete()


def with_preset(arguments: Sequence[str]) -> tuple[Callable[..., int], list[str]]:
    """The train command with the defaults of the preset or run named first, and its arguments in full.

    Raises ValueError where none is named, or an unknown one.
    """
    name = arguments[0] if arguments else ""
    if name in ("-h", "--help"):
        return train, list(arguments)
    if not name or name.startswith("-"):
        raise ValueError(f"name a preset first, as in: {PROG} train dcgan --epochs 5; there are {', '.join(PRESETS)}")
    full = []
    for argument in arguments:
        if argument == "--no-scores":
            full.append("--score-images=0")
            continue
        short = argument == "--data" or argument.startswith("--data=")
        full.append(argument.replace("--data", "--data.name", 1) if short else argument)
    return partial(train, config=named_config(name)[0]), full


def resume(run: RunName, *, device: Device = "auto", tensorboard: FlagCreatePairsOff[bool] = False) -> int:
    """Go on with a training that was stopped, interrupted or failed, from its last save.

    Args:
        run: A run's path or name (see: runs).
        device: cuda, cuda:1, mps or cpu; auto: $DCGAN_DEVICE, or the first of these that is there.
        tensorboard: Mirror losses and samples for TensorBoard, under RUN/tensorboard.
    """
    found = find_run(run)
    status = found.status() if _begun(found) else None
    if status and status.step and not found.state_path.exists():
        raise RunError(
            f"{found.path} cannot be resumed: it has no {found.state_path.name}, as published runs have none; "
            f"train its config again: {PROG} train {word_for(found)}"
        )
    if status and status.state == "finished":
        print(f"{found.path} has finished its {status.epochs} epochs; a longer training starts from the beginning:")
        print(f"  {PROG} train {word_for(found)} --epochs {2 * status.epochs}")
        return 0
    with _prepared(device, tensorboard) as (chosen, ranks):
        return _follow(found, chosen, ranks) if ranks.rank else _record(found, chosen, tensorboard, ranks)


def _begun(run: Run) -> bool:
    return (run.path / "status.json").exists()


@contextmanager
def _prepared(device: str, tensorboard: bool) -> Iterator[tuple[torch.device, Ranks]]:
    """The device and the ranks. What this machine may lack is said before a run is made."""
    if tensorboard:
        from dcgan.cli.tensorboard import require_tensorboard

        require_tensorboard()
    from dcgan.runtime.distributed import joined

    with joined(device) as (chosen, ranks):
        yield chosen, ranks


def _follow(run: Run, device: torch.device, ranks: Ranks) -> int:
    """Train as a rank that records nothing. Rank 0 speaks for all; this one of nothing but what befalls it alone."""
    from dcgan.runtime.distributed import LostRankError
    from dcgan.training.recording import out_of_memory, run_training

    with redirect_stderr(sys.__stderr__):  # which cli has silenced so far
        try:
            run_training(run, device, ranks=ranks)
        except LostRankError:
            time.sleep(GRACE_SECONDS)
            return 2
        except (ValueError, OSError, MemoryError, RuntimeError) as error:
            if isinstance(error, RuntimeError) and not out_of_memory(error):
                raise
            print(f"error: rank {ranks.rank}: {' '.join(str(error).split())}", file=sys.stderr, flush=True)
            return 2
    return 0


def _record(run: Run, device: torch.device, tensorboard: bool, ranks: Ranks) -> int:
    """Train to the end or to a stop, showing progress; say how it ended and what to do next."""
    from dcgan.cli.progress_bar import Progress
    from dcgan.training.recording import run_training

    where = device if ranks.world_size == 1 else f"{ranks.world_size} ranks, {device.type}"
    print(f"recording in {run.path}, on {where}; Ctrl-C stops and saves", flush=True)
    stop_file_seen = False
    with ExitStack() as stack:
        progress = stack.enter_context(closing(Progress()))
        mirror = None

        def on_row(row: ProgressRow, status: Status) -> None:
            nonlocal stop_file_seen, mirror
            stop_file_seen = run.stop_requested()
            progress(row, status)
            if tensorboard and mirror is None:
                # Only now: before its first row a run may still turn out to be another process's.
                from dcgan.cli.tensorboard import TensorboardMirror

                mirror = stack.enter_context(closing(TensorboardMirror(run)))
            if mirror:
                mirror.update()

        try:
            status = run_training(run, device, on_row, ranks)
        except KeyboardInterrupt:
            if _begun(run):
                print(f"\naborted; go on from the last save with: {PROG} resume {word_for(run)}", file=sys.stderr)
            else:
                print("\naborted before the first step; nothing was kept", file=sys.stderr)
            raise
    return _report(run, status, stop_file_seen)


def _report(run: Run, status: Status, stop_file_seen: bool) -> int:
    word = word_for(run)
    if status.state == "failed":
        raise RunError(f"{run.path} failed: {status.error}")
    if status.state == "stopped":
        print(f"stopped after step {status.step} of {status.steps}, saved in {run.path}")
        _consult(run, status)
        print(f"go on with: {PROG} resume {word}")
        return 0 if stop_file_seen else 130
    print(f"finished {status.epochs} epochs, saved in {run.path}")
    _consult(run, status)
    print(f"next: {PROG} sample {word}\n      {PROG} gif {word}")
    return 0


def _consult(run: Run, status: Status) -> None:
    """What the doctor says, where something ails the training."""
    rows = run.progress()[0][-diagnosis.USUAL_ROWS :]
    found = diagnosis.diagnose(rows, status.state, status.error, run.config().loss, run.scores())
    if found.level in ("warning", "error"):
        print(f"doctor: {found.title} {found.cause} {found.remedy}")


def word_for(run: Run) -> str:
    """The shortest word that finds the run from here, quoted for a shell."""
    try:
        by_name = find_run(run.name).path.samefile(run.path)
    except RunError:
        by_name = False
    return shlex.quote(run.name if by_name else str(run.path))
