"""A mirror of a run for TensorBoard: its rows as scalars, its sample grids as images, under RUN/tensorboard."""

from __future__ import annotations

import contextlib
import shutil
import time
from importlib.util import find_spec

from dcgan.runs.rows import row_json
from dcgan.runs.run import Run


def require_tensorboard() -> None:
    """Raise ValueError with the remedy where the optional package is missing."""
    if find_spec("tensorboard") is None:
        raise ValueError("--tensorboard needs the package tensorboard; install it: pip install tensorboard")


class TensorboardMirror:
    """Writes the rows and sample grids of a run as TensorBoard events; every update() adds the new ones.

    It reads the run directory, so the mirror of a resumed training holds the whole training.
    """

    def __init__(self, run: Run) -> None:
        require_tensorboard()
        from torch.utils.tensorboard import SummaryWriter  # needs the optional package

        folder = run.path / "tensorboard"
        # Events of an earlier process may lie after the step that a resume starts from: write all of them again.
        shutil.rmtree(folder, ignore_errors=True)
        self._run = run
        self._writer = SummaryWriter(str(folder))
        self._offset = 0
        self._grids_seen: set[int] = set()
        self._start_seconds = 0.0  # on the wall clock; set at the first row
        self._has_rows = False

    def update(self) -> None:
        """Write the rows and grids that are new."""
        from dcgan.pixels import read_png  # it imports NumPy, which most commands do without

        rows, self._offset = self._run.progress(self._offset)
        if rows and not self._has_rows:
            # One time axis for the whole training, earlier processes included.
            self._start_seconds = time.time() - rows[-1].wall_seconds
            self._has_rows = True
        for row in rows:
            values = row_json(row)
            step, seconds = values.pop("step"), self._start_seconds + row.wall_seconds
            for name, value in values.items():
                self._writer.add_scalar(name, value, step, walltime=seconds)
        for step in sorted(set(self._run.sample_steps()) - self._grids_seen):
            # A damaged sample grid of an earlier process must not end this training.
            with contextlib.suppress(ValueError, OSError):
                picture = read_png(self._run.sample_path(step))
                self._writer.add_image("samples", picture, step, dataformats="HW" if picture.ndim == 2 else "HWC")
            self._grids_seen.add(step)

    def close(self) -> None:
        """Write what came after the last row, such as its grid, and close the files."""
        self.update()
        self._writer.close()
