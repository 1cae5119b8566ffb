"""The progress of a training: a bar on a terminal, lines elsewhere."""

from __future__ import annotations

import io

import pytest

from dcgan.cli import progress_bar
from dcgan.runs.rows import ProgressRow, Status


def row(step: int, steps_per_epoch: int = 100, accuracies: tuple = (None, None)) -> ProgressRow:
    return ProgressRow(step, step / steps_per_epoch, 0, 0.0, 1234.5, 0.61249, 1.0, 0.5, 0.5, 1.0, 1.0, *accuracies)


def test_lines_come_every_ten_seconds_and_at_epoch_ends():
    now, stream = [0.0], io.StringIO()
    shown = progress_bar.Progress(stream, clock=lambda: now[0])
    for step in range(25, 401, 25):
        now[0] = step / 25 * 4
        shown(row(step), Status("running", step, 400, 4, notes=("2 files are damaged",)))
    shown.close()
    lines = stream.getvalue().splitlines()
    assert lines[0] == "note: 2 files are damaged"
    assert lines[1] == "epoch 1/4  step 25/400  D 0.612  G 1.000  1234 images/s"
    assert [line.split("step ")[1].split("/")[0] for line in lines[1:]] == (
        ["25", "100", "175", "200", "275", "300", "375", "400"]
    )
    assert lines[2].endswith("  48 s left")
    assert lines[-1].startswith("epoch 4/4  step 400/400")
    assert "left" not in lines[-1]


def test_the_end_of_an_epoch_shows_the_accuracies_of_its_steps():
    lines, bar = io.StringIO(), Terminal()
    for stream in (lines, bar):
        shown = progress_bar.Progress(stream)
        for step, accuracies in ((1, (0.0, 0.0)), (100, (0.9, 1.0)), (150, (0.7, 0.4)), (200, (0.9, 0.6))):
            shown(row(step, accuracies=accuracies), Status("running", step, 200, 2))
        shown.close()
        assert "  D correct on 89% of real, 99% of fake images" in stream.getvalue()
        assert "  D correct on 80% of real, 50% of fake images" in stream.getvalue()
    assert "step 1/200  D 0.612  G 1.000  1234 images/s\n" in lines.getvalue()
    assert "epoch 1/2  D correct on 89% of real" in bar.getvalue()


def test_no_accuracies_are_shown_for_a_loss_whose_logits_have_no_sign():
    for stream in (io.StringIO(), Terminal()):
        shown = progress_bar.Progress(stream, accuracies=False)
        for step in (1, 100, 200):
            shown(row(step, accuracies=(0.9, 0.1)), Status("running", step, 200, 2))
        shown.close()
        assert "D correct" not in stream.getvalue()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class ClosedTerminal(Terminal):
    def write(self, text: str) -> int:
        raise BrokenPipeError


def test_a_terminal_gets_a_bar():
    stream = Terminal()
    shown = progress_bar.Progress(stream)
    for step in (1, 50, 100, 150):
        shown(row(step), Status("running", step, 200, 2))
    shown.close()
    last = stream.getvalue().split("\r")[-1]
    assert "epoch 2/2  step 150/200  D 0.612" in last
    assert "75%" in last
    assert stream.getvalue().endswith("\n")


@pytest.mark.parametrize(
    "stream", [ClosedTerminal(), type("Closed", (ClosedTerminal,), {"isatty": lambda _: False})()]
)
def test_a_stream_that_is_gone_does_not_end_the_training(stream):
    shown = progress_bar.Progress(stream)
    for step in (1, 100):
        shown(row(step), Status("running", step, 100, 1))
    shown.close()
