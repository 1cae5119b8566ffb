"""The progress of a training on a terminal, or as lines in a log file."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from dcgan.runs.rows import ProgressRow, Status
from dcgan.runs.tables import duration

if TYPE_CHECKING:
    from tqdm import tqdm

LINE_EVERY_SECONDS = 10.0


class Progress:
    """Shows the progress rows it is called with: as a bar on a terminal, as plain lines on any other stream.

    A line comes at the end of each epoch, and between these at most every ten seconds. Where the stream can no longer
    be written to (a closed terminal, a pipe whose reader left), nothing more is shown and the training continues.
    `accuracies` is False for a loss whose logits have no sign of their own.
    """

    def __init__(
        self,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
        *,
        accuracies: bool = True,
    ) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._clock = clock
        self._show: Callable[[ProgressRow, Status], None] | None = (
            self._show_bar if self._stream.isatty() else self._show_line
        )
        self._bar: tqdm | None = None
        self._first_row: tuple[float, int] | None = None  # clock and step
        self._line_seconds = -math.inf
        self._accuracy = _EpochAccuracy()
        self._has_accuracies = accuracies

    def __call__(self, row: ProgressRow, status: Status) -> None:
        with self._until_closed():
            if self._show and self._first_row is None:
                self._first_row = (self._clock(), row.step)
                for note in status.notes:
                    print(f"note: {note}", file=self._stream)
            if self._show:
                if self._has_accuracies:
                    self._accuracy.add(row)
                self._show(row, status)

    def close(self) -> None:
        """Leave the bar on the screen as it is, and the cursor below it."""
        with self._until_closed():
            if self._bar is not None:
                self._bar.close()

    @contextmanager
    def _until_closed(self) -> Iterator[None]:
        """Show nothing more after the stream could not be written to."""
        try:
            yield
        except OSError:
            self._show = None
            if self._bar is not None:
                self._bar.disable = True  # else it writes once more when it is collected

    def _show_bar(self, row: ProgressRow, status: Status) -> None:
        text = describe(row, status)
        if self._bar is None:
            from tqdm import tqdm  # only a training on a terminal needs it

            self._bar = tqdm(
                desc=text,
                total=status.steps,
                initial=row.step,
                miniters=1,
                dynamic_ncols=True,
                file=self._stream,
                bar_format="{desc} |{bar}| {percentage:.0f}%  {remaining} left",
            )
        self._bar.set_description_str(text, refresh=False)
        self._bar.update(row.step - self._bar.n)
        if _ends_epoch(row, status) and (accuracy := self._accuracy.text()):
            self._bar.write(f"epoch {round(row.epoch)}/{status.epochs}  {accuracy}", file=self._stream)

    def _show_line(self, row: ProgressRow, status: Status) -> None:
        now = self._clock()
        epoch_ends = _ends_epoch(row, status)
        if not epoch_ends and now - self._line_seconds < LINE_EVERY_SECONDS:
            return
        self._line_seconds = now
        line = describe(row, status)
        if epoch_ends and (accuracy := self._accuracy.text()):
            line += f"  {accuracy}"
        assert self._first_row is not None, "__call__ sets it before a line is shown"
        seconds, steps = now - self._first_row[0], row.step - self._first_row[1]
        if steps and row.step < status.steps:
            line += f"  {duration((status.steps - row.step) * seconds / steps)} left"
        print(line, file=self._stream, flush=True)


class _EpochAccuracy:
    """The means of D's accuracies over the rows of an epoch, each row weighted by its steps."""

    def __init__(self) -> None:
        self._epoch = 0
        self._step: int | None = None
        self._steps, self._real, self._fake = 0, 0.0, 0.0

    def add(self, row: ProgressRow) -> None:
        """Add a row. The first row of an epoch begins new means."""
        if self._epoch != (epoch := math.ceil(row.epoch)):
            self._epoch, self._steps, self._real, self._fake = epoch, 0, 0.0, 0.0
        steps = 1 if self._step is None else row.step - self._step
        self._step = row.step
        if row.d_real_accuracy is not None and row.d_fake_accuracy is not None:
            self._steps += steps
            self._real += steps * row.d_real_accuracy
            self._fake += steps * row.d_fake_accuracy

    def text(self) -> str:
        """Return a text like "D correct on 93% of real, 91% of fake images"; empty without a value."""
        if not self._steps:
            return ""
        return f"D correct on {self._real / self._steps:.0%} of real, {self._fake / self._steps:.0%} of fake images"


def _ends_epoch(row: ProgressRow, status: Status) -> bool:
    return row.step * status.epochs % status.steps == 0


def describe(row: ProgressRow, status: Status) -> str:
    """Return a line like "epoch 3/20  step 5000/37500  D 0.612  G 1.043  8123 images/s"; epochs count from 1."""
    epoch = max(1, math.ceil(row.epoch))
    return (
        f"epoch {epoch}/{status.epochs}  step {row.step}/{status.steps}  D {row.d_loss:.3f}  G {row.g_loss:.3f}  "
        f"{row.images_per_second:.0f} images/s"
    )
