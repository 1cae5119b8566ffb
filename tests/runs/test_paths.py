"""The names of the files in a run directory."""

from __future__ import annotations

from pathlib import Path

import pytest
from recorded import TINY

from dcgan.runs.run import Run


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run.create(TINY, "demo", tmp_path)


def test_file_names_are_the_documented_ones(tmp_path):
    run = Run(tmp_path)
    assert run.sample_path(469) == tmp_path / "samples" / "0000469.png"
    assert run.snapshot_path(12_345_678) == tmp_path / "snapshots" / "12345678.safetensors"
    assert run.d_snapshot_path(469) == tmp_path / "snapshots" / "0000469-discriminator.safetensors"
    named = [run.generator_path, run.discriminator_path, run.state_path, run.log_path]
    assert [path.name for path in named] == [
        "generator.safetensors",
        "discriminator.safetensors",
        "state.safetensors",
        "log.txt",
    ]


def test_the_moving_average_is_preferred_where_there_is_one(run):
    assert run.weights_path == run.generator_path
    run.ema_path.touch()
    assert run.weights_path == run.ema_path


def test_steps_are_sorted_by_number_and_strangers_are_left_out(run):
    assert run.sample_steps() == []
    for name in ("12345678.png", "0000009.png", "0000010.png", ".0000011.png.5.tmp", "notes.png", "0000012.gif"):
        run.write_bytes(f"samples/{name}", b"")
    assert run.sample_steps() == [9, 10, 12_345_678]
