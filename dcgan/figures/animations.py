"""Animate recorded trainings from their sample grids. Pages and the command line share this module; no torch."""

from __future__ import annotations

from collections.abc import Sequence

from dcgan import pixels
from dcgan.locale.language import ENGLISH, speaking, tr
from dcgan.pixels import Bytes
from dcgan.runs.rows import Status
from dcgan.runs.run import Run


def training_gif(
    run: Run,
    *,
    milliseconds: int = 200,
    last_hold_milliseconds: int = 2000,
    enlarge: int = 2,
    reverse: bool = False,
) -> bytes:
    """Return a GIF of the run's sample grids, each captioned with its epoch. The last frame is held longer.

    A run that is still being written works too. `enlarge` counts screen pixels per pixel; `reverse` inverts colors.
    Raises ValueError where there are no grids yet, one is damaged, all are too large together, or a GIF cannot hold
    the durations; RunError where the run cannot be read.
    """
    frames: list[Bytes] = []
    steps = run.sample_steps()
    for step in steps:
        try:
            picture = pixels.read_png(run.sample_path(step))
        except FileNotFoundError:
            continue  # a resume removed it after the folder was listed
        if not frames:
            pixels.check_animation_size(len(steps), picture, enlarge)
        picture = pixels.enlarge(pixels.invert(picture) if reverse else picture, enlarge)
        frames.append(pixels.caption(picture, _drawn_caption(step, run.status()), background=255 if reverse else 0))
    if not frames:
        raise ValueError(tr("{run} has no sample grids yet; train it first, then try again", run=run.path))
    return pixels.gif_bytes(frames, [milliseconds] * (len(frames) - 1) + [last_hold_milliseconds])


SIDE_GAP = 8
"""Pixels between two runs, in middle gray."""


def side_by_side_gif(
    left: Run,
    right: Run,
    steps: Sequence[tuple[int, int]],
    *,
    milliseconds: int = 300,
    last_hold_milliseconds: int = 2000,
    enlarge: int = 2,
    reverse: bool = False,
) -> bytes:
    """Return a GIF of two runs side by side, one frame for each pair of steps. Raises as training_gif does."""
    frames = [
        pixels.join(
            [
                side(run, step, enlarge=enlarge, reverse=reverse)
                for run, step in zip((left, right), pair, strict=True)
            ],
            SIDE_GAP,
            128,
        )
        for pair in steps
    ]
    return pixels.gif_bytes(frames, [milliseconds] * (len(frames) - 1) + [last_hold_milliseconds])


def side(run: Run, step: int, *, enlarge: int = 2, reverse: bool = False) -> Bytes:
    """Return the run's grid at a step, with its name and epoch below.

    Raises FileNotFoundError without that grid, and ValueError for one that is damaged or too large.
    """
    picture = pixels.read_png(run.sample_path(step))
    pixels.check_animation_size(1, picture, enlarge)
    picture = pixels.enlarge(pixels.invert(picture) if reverse else picture, enlarge)
    text = f"{run.name}, {_drawn_caption(step, run.status())}"
    return pixels.caption(picture, text, background=255 if reverse else 0, shorten=True)


def frame_caption(step: int, status: Status) -> str:
    """Return "epoch 3" at the end of an epoch, "step 64" elsewhere, in the visitor's language."""
    steps_per_epoch = status.steps // status.epochs if status.epochs else 0
    whole = steps_per_epoch and step and step % steps_per_epoch == 0
    return tr("epoch {epoch}", epoch=step // steps_per_epoch) if whole else tr("step {step}", step=step)


def _drawn_caption(step: int, status: Status) -> str:
    """Return the caption in English: the font of pictures has Latin letters only."""
    with speaking(ENGLISH):
        return frame_caption(step, status)
