"""The files of a run directory by name. Nothing here reads or writes, except to list which files exist."""

from __future__ import annotations

import os
import re
from pathlib import Path

from dcgan import files
from dcgan.runs.errors import RunError, unreadable_folder


class RunPaths:
    """A run directory by its path. Making one does no I/O."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.path)!r})"

    def __fspath__(self) -> str:
        """Return the path, so that a run can be given where a path is expected."""
        return os.fspath(self.path)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, type(self)) and self.path == other.path

    def __hash__(self) -> int:
        return hash(self.path)

    @property
    def name(self) -> str:
        """The folder's name, printable; see `has_plain_name`."""
        return files.printable(self.path.resolve().name)

    @property
    def has_plain_name(self) -> bool:
        """Whether the folder has the name that is shown, so that it is found by it."""
        return self.name == self.path.resolve().name

    @property
    def is_published(self) -> bool:
        """Whether this is one of the project's own recordings, which are not the user's to change."""
        return self.path.resolve().parent in (files.CHECKPOINTS.resolve(), files.FAILURES.resolve())

    @property
    def config_path(self) -> Path:
        return self.path / "config.json"

    @property
    def status_path(self) -> Path:
        return self.path / "status.json"

    @property
    def progress_path(self) -> Path:
        return self.path / "progress.jsonl"

    @property
    def scores_path(self) -> Path:
        return self.path / "scores.jsonl"

    @property
    def evals_path(self) -> Path:
        return self.path / "evals.jsonl"

    @property
    def generator_path(self) -> Path:
        return self.path / "generator.safetensors"

    @property
    def ema_path(self) -> Path:
        return self.path / "generator_ema.safetensors"

    @property
    def weights_path(self) -> Path:
        """The generator to sample from: the moving average where one is kept."""
        return self.ema_path if os.path.exists(self.ema_path) else self.generator_path

    @property
    def has_weights(self) -> bool:
        """Whether there is a generator to draw with: the newest, or a snapshot in a folder that can be read."""
        if os.path.exists(self.weights_path):
            return True
        try:
            return bool(self.snapshot_steps())
        except RunError:
            return False

    @property
    def discriminator_path(self) -> Path:
        return self.path / "discriminator.safetensors"

    @property
    def state_path(self) -> Path:
        return self.path / "state.safetensors"

    @property
    def log_path(self) -> Path:
        return self.path / "log.txt"

    @property
    def process_log_path(self) -> Path:
        """What a training's process printed, where `launch` started it."""
        return self.path / "process.txt"

    @property
    def stop_path(self) -> Path:
        """An empty file that asks a training to stop."""
        return self.path / "stop"

    def sample_path(self, step: int) -> Path:
        return self.path / "samples" / f"{step:07d}.png"

    def snapshot_path(self, step: int) -> Path:
        return self.path / "snapshots" / f"{step:07d}.safetensors"

    def d_snapshot_path(self, step: int) -> Path:
        """Return the file of the discriminator at a snapshot. Small discriminators are kept there."""
        return self.path / "snapshots" / f"{step:07d}-discriminator.safetensors"

    def sample_steps(self) -> list[int]:
        """Return the steps that have a sample grid, ascending. Raises RunError where the folder cannot be read."""
        return _steps(self.path / "samples", ".png")

    def snapshot_steps(self) -> list[int]:
        """Return the steps that have a generator recorded during the training, as `sample_steps` does."""
        return _steps(self.path / "snapshots", ".safetensors")

    def d_snapshot_steps(self) -> list[int]:
        """Return the steps that have a discriminator recorded during the training, as `sample_steps` does."""
        return _steps(self.path / "snapshots", "-discriminator.safetensors")


def _steps(folder: Path, suffix: str) -> list[int]:
    pattern = re.compile("([0-9]{7,15})" + re.escape(suffix))
    try:
        with os.scandir(folder) as entries:
            matches = [match for entry in entries if (match := pattern.fullmatch(entry.name))]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise unreadable_folder(folder, error) from error
    # Only the names that sample_path and snapshot_path make.
    return sorted(int(match[1]) for match in matches if match[1] == f"{int(match[1]):07d}")
