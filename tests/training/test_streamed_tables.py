"""Trainings on a table that is read in shards: they stop, resume and fail as others do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import tables
from small_trainings import CPU, files, small, stop_at, trained

from dcgan.config import DataConfig, TrainConfig
from dcgan.runs.run import Run
from dcgan.training.recording import run_training

pytestmark = pytest.mark.usefixtures("cache")


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("DCGAN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def config(tmp_path) -> TrainConfig:
    """A conditional training on 60 pictures in six shards: 7 steps an epoch, with a buffer of two batches."""
    data = DataConfig(name=tables.parquet(tmp_path / "pictures.parquet"), resident_limit_mib=0, shuffle_buffer=16)
    config = small(data, "cgan", batch_size=8, log_every=1, score_images=0)
    return replace(config, model=replace(config.model, num_classes=3))


def test_a_stopped_training_on_shards_continues_bit_for_bit(config, tmp_path):
    whole = trained(tmp_path, config)
    run = Run.create(config, "test", tmp_path)
    assert run_training(run, CPU, stop_at(run, 10)).state == "stopped"
    assert run_training(run, CPU).state == "finished"
    assert files(run) == files(whole)
    notes = run.status().notes
    assert not any("are not those that the training began with" in note for note in notes)
    assert any("shuffled by a buffer of 16" in note for note in notes)


def test_a_resume_on_other_files_is_noted(config, tmp_path):
    run = Run.create(config, "test", tmp_path)
    run_training(run, CPU, stop_at(run, 3))
    tables.parquet(tmp_path / "pictures.parquet", tables.dataset(0, 59))
    assert run_training(run, CPU).state == "finished"
    assert any("are not those that the training began with (60 images then, 59 now)" in n for n in run.status().notes)


def test_a_table_that_is_damaged_meanwhile_ends_the_training_as_failed(config, tmp_path):
    path = tmp_path / "pictures.parquet"
    run = Run.create(config, "test", tmp_path)

    def damage(row, status) -> None:
        content = bytearray(path.read_bytes())
        content[4:-4000] = bytes(len(content) - 4004)
        path.write_bytes(content)

    status = run_training(run, CPU, damage)
    assert status.state == "failed"
    assert "pictures.parquet cannot be read" in status.error
