"""Animations show the recorded grids, in order."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from dcgan import pixels
from dcgan.config import TrainConfig
from dcgan.figures import animations
from dcgan.runs.rows import Status
from dcgan.runs.run import Run


def recorded(tmp_path, grays: dict[int, int], steps_per_epoch: int = 10) -> Run:
    """Return a run of two epochs whose grid at each step has one gray level."""
    run = Run.create(TrainConfig(epochs=2), "test", tmp_path)
    run.write_status(Status("running", max(grays, default=0), 2 * steps_per_epoch, 2))
    for step, gray in grays.items():
        run.write_bytes(f"samples/{step:07d}.png", pixels.png_bytes(np.full((48, 48), gray, np.uint8)))
    return run


def frames(data: bytes, tmp_path) -> list[tuple[int, int, tuple[int, int]]]:
    """Return (gray level at the top left, milliseconds, size) of every frame."""
    (tmp_path / "animation.gif").write_bytes(data)
    with Image.open(tmp_path / "animation.gif") as gif:
        shown = []
        for index in range(gif.n_frames):
            gif.seek(index)
            shown.append((gif.convert("L").getpixel((0, 0)), gif.info["duration"], gif.size))
    return shown


def test_an_animation_shows_the_grids_in_order_and_holds_the_last(tmp_path):
    run = recorded(tmp_path, {0: 10, 1: 60, 10: 120, 20: 200})
    shown = frames(animations.training_gif(run, milliseconds=100, last_hold_milliseconds=900), tmp_path)
    assert [frame[:2] for frame in shown] == [(10, 100), (60, 100), (120, 100), (200, 900)]
    assert {frame[2] for frame in shown} == {(96, 96 + 20)}  # enlarged twice, and a caption of twice 10 pixels
    assert [gray for gray, _, _ in frames(animations.training_gif(run, reverse=True), tmp_path)] == [
        245,
        195,
        135,
        55,
    ]


def test_an_animation_too_large_is_refused_before_its_frames_are_made(tmp_path, monkeypatch):
    run = recorded(tmp_path, {0: 10, 1: 60, 10: 120, 20: 200})
    monkeypatch.setattr(pixels, "MAX_PIXELS", 4 * 96 * 96 - 1)
    monkeypatch.setattr(pixels, "caption", None)
    with pytest.raises(ValueError, match=r"4 frames of 96 x 96 pixels.*36,863"):
        animations.training_gif(run)


def test_captions_name_whole_epochs_and_steps_between():
    status = Status("running", 5, 20, 2)
    named = [animations.frame_caption(step, status) for step in (0, 4, 10, 11, 20)]
    assert named == ["step 0", "step 4", "epoch 1", "step 11", "epoch 2"]
    assert animations.frame_caption(3, Status("running", 0, 0, 0)) == "step 3"


def test_an_animation_needs_an_undamaged_grid(tmp_path):
    run = recorded(tmp_path, {})
    with pytest.raises(ValueError, match="no sample grids yet"):
        animations.training_gif(run)
    run.write_bytes("samples/0000001.png", b"\x89PNG\r\n\x1a\nrest")
    with pytest.raises(ValueError, match=r"0000001\.png is damaged"):
        animations.training_gif(run)
    whole = pixels.png_bytes(np.full((48, 48), 3, np.uint8))
    run.write_bytes("samples/0000001.png", whole[:-30])
    with pytest.raises(ValueError, match=r"0000001\.png is damaged"):
        animations.training_gif(run)


def test_a_grid_that_a_resume_removes_is_left_out(tmp_path, monkeypatch):
    run = recorded(tmp_path, {0: 10, 1: 60})
    monkeypatch.setattr(Run, "sample_steps", lambda self: [0, 1, 2])
    assert [gray for gray, _, _ in frames(animations.training_gif(run), tmp_path)] == [10, 60]


def test_an_animation_of_a_single_grid(tmp_path):
    assert (
        frames(animations.training_gif(recorded(tmp_path, {0: 7}), last_hold_milliseconds=500), tmp_path)[0][0] == 7
    )


def test_two_runs_advance_together(tmp_path):
    left, right = recorded(tmp_path, {0: 10, 10: 20, 20: 30}), recorded(tmp_path, {0: 110, 20: 130})
    data = animations.side_by_side_gif(
        left, right, [(0, 0), (10, 0), (20, 20)], milliseconds=100, last_hold_milliseconds=500
    )
    shown = frames(data, tmp_path)
    assert [(gray, milliseconds) for gray, milliseconds, _ in shown] == [(10, 100), (20, 100), (30, 500)]
    assert {size for *_, size in shown} == {(2 * 96 + animations.SIDE_GAP, 96 + 20)}
    with Image.open(tmp_path / "animation.gif") as gif:
        gif.seek(2)
        assert gif.convert("L").getpixel((96 + animations.SIDE_GAP, 0)) == 130


def test_a_missing_grid_or_no_grid_is_an_error(tmp_path):
    left = recorded(tmp_path, {0: 10})
    with pytest.raises(FileNotFoundError):
        animations.side_by_side_gif(left, left, [(0, 7)])
    with pytest.raises(ValueError, match="0 frames"):
        animations.side_by_side_gif(left, left, [])
