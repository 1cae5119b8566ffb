"""A mirror of a run for TensorBoard: its rows as scalars, its sample grids as images, under RUN/tensorboard."""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
import time
from importlib.util import find_spec

from dcgan.pixels import read_png
from dcgan.runs.run import Run


def require_tensorboard() -> None:
    """Raises ValueError with the remedy where the optional package is missing."""
    if find_spec("tensorboard") is None:
        raise ValueError('--tensorboard needs a package that is not there; pip install "dcgan-studio[tensorboard]"')


class TensorboardMirror:
    """Brings TensorBoard up to date with the run on every update().

    It reads the record and keeps none of its own, so a mirror that begins with a resume holds the whole training.
    """

    def __init__(self, run: Run) -> None:
        require_tensorboard()
        from torch.utils.tensorboard import SummaryWriter  # needs the optional package

        folder = run.path / "tensorboard"
        # Events of an earlier process may go past the step that a resume starts from: begin again.
        shutil.rmtree(folder, ignore_errors=True)
        self._run = run
        self._writer = SummaryWriter(str(folder))
        self._offset = 0
        self._grids_seen: set[int] = set()
        self._start_seconds: float | None = None

    def update(self) -> None:
        """Mirror the rows and grids that are new."""
        rows, self._offset = self._run.progress(self._offset)
        if self._start_seconds is None and rows:
            # So that the whole training, earlier processes included, lies on one time axis.
            self._start_seconds = time.time() - rows[-1].wall_seconds
        for row in rows:
            values = dataclasses.asdict(row)
            step, seconds = values.pop("step"), self._start_seconds + row.wall_seconds
            for name, value in values.items():
                self._writer.add_scalar(name, value, step, walltime=seconds)
        for step in sorted(set(self._run.sample_steps()) - self._grids_seen):
            # A damaged picture of an earlier process must not end this training.
            with contextlib.suppress(ValueError, OSError):
                picture = read_png(self._run.sample_path(step))
                self._writer.add_image("samples", picture, step, dataformats="HW" if picture.ndim == 2 else "HWC")
            self._grids_seen.add(step)

    def close(self) -> None:
        """Mirror what came after the last row, its grid, and close the files."""
        self.update()
        self._writer.close()
