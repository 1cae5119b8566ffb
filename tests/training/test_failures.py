"""Trainings that fail, and what their runs keep: values that are not finite, full disks, data that cannot be read."""

from __future__ import annotations

import errno
import itertools
import json
import multiprocessing
import os
import shutil
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from small_trainings import CPU, files, pictures, small, trained

from dcgan.checkpoint import load_generator, load_tensors
from dcgan.config import DataConfig
from dcgan.runs import jsonl
from dcgan.runs.rows import Status
from dcgan.runs.run import Run, RunError
from dcgan.training import recording
from dcgan.training.failures import TrainingError
from dcgan.training.recording import run_training


def test_a_loss_that_is_not_finite_fails_with_the_step_and_keeps_the_last_good_weights(tmp_path, digits):
    config = small(digits, "dcgan", loss="wasserstein", real_target=1.0, generator_target=1.0, lr_d=1e30, lr_g=1e30)
    run = Run.create(config, "test", tmp_path)
    status = run_training(run, CPU)
    assert status.state == "failed"
    assert run.status() == status
    assert "at step" in status.error
    assert "lower learning rates" in status.error
    generator = load_generator(run.path)
    assert all(torch.isfinite(value).all() for value in generator.network.state_dict().values())
    assert status.error in run.log_path.read_text()
    for line in (run.path / "progress.jsonl").read_text().splitlines():
        assert all(np.isfinite(value) for value in json.loads(line).values())


def test_weights_that_are_not_finite_are_never_saved(tmp_path, digits):
    """Losses can be finite while the update is infinite, and a save comes before the next loss."""
    run = Run.create(small(digits), "test", tmp_path)
    recorder = recording.Recorder.open(run, CPU, None)
    recorder._save()
    with torch.no_grad():
        next(recorder.state.gan.discriminator.parameters())[0, 0] = float("inf")
    with pytest.raises(TrainingError, match=r"discriminator\.layers\.0\.weight"):
        recorder._save()
    assert torch.isfinite(load_tensors(run.discriminator_path)[0]["layers.0.weight"]).all()


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["progress.jsonl", "samples", "state.safetensors"])
def test_a_full_disk_fails_with_its_reason_and_a_resume_finishes(tmp_path, digits, monkeypatch, victim):
    config = small(digits, "dcgan", log_every=1)
    whole = trained(tmp_path / "whole", config)
    run = Run.create(config, "test", tmp_path / "full")
    full = {"now": False}

    def no_room(path: object) -> None:
        if full["now"] and victim in str(path):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    with monkeypatch.context() as patch:
        real_fsync_replace, real_append = Path.replace, jsonl.append_object
        patch.setattr(Path, "replace", lambda self, to: no_room(to) or real_fsync_replace(self, to))
        patch.setattr("dcgan.runs.run.append_object", lambda path, row: no_room(path) or real_append(path, row))
        status = run_training(run, CPU, lambda row, _: full.update(now=row.step >= 7))
    assert status.state == "failed"
    assert "No space left" in status.error
    assert "resume" in status.error
    assert run.status() == status
    assert not list(run.path.rglob("*.tmp"))
    load_generator(run.path)
    assert run_training(run, CPU).state == "finished"
    assert files(run) == files(whole)


def test_a_disk_too_full_for_the_status_is_an_error_for_the_caller(tmp_path, digits, monkeypatch):
    run = Run.create(small(digits), "test", tmp_path)

    def no_room(self, name, data, **options):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), name)

    monkeypatch.setattr(Run, "write_bytes", no_room)
    status = run_training(run, CPU)
    assert status.state == "failed"
    assert "No space left" in status.error


def test_a_cache_damaged_during_the_training_fails_with_its_reason(tmp_path, monkeypatch):
    monkeypatch.setenv("DCGAN_CACHE", str(tmp_path / "cache"))
    config = pictures(tmp_path / "own", resident_limit_mib=0, cache=True)
    run = Run.create(config, "test", tmp_path)

    def damage(row, status):
        (cached,) = (tmp_path / "cache").rglob("*.npy")
        content = cached.read_bytes()
        cached.write_bytes(content[:500] + bytes(len(content) - 1000) + content[-500:])

    status = run_training(run, CPU, damage)
    assert (status.state, run.status()) == ("failed", status)
    assert status.error.endswith("was damaged and is deleted; start again to decode the folder again")
    log = run.log_path.read_text()
    assert f"ERROR {status.error}" in log
    assert "Traceback" not in log
    assert run_training(run, CPU).state == "finished"


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")  # Python 3.12 on
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # a file that was being opened
def test_a_killed_decoding_process_is_the_reason_of_the_failure(tmp_path):
    run = Run.create(pictures(tmp_path / "own", resident_limit_mib=0, workers=1), "test", tmp_path)
    status = run_training(run, CPU, lambda row, status: [child.kill() for child in multiprocessing.active_children()])
    assert (status.state, run.status()) == ("failed", status)
    assert status.error.startswith("a process that decodes images has died (")
    assert "--data.workers 0" in status.error
    assert "Traceback" not in run.log_path.read_text()
    assert run_training(run, CPU).state == "finished"


@pytest.mark.skipif(not hasattr(signal, "SIGCHLD"), reason="no SIGCHLD on this system")
def test_a_decoding_process_that_dies_while_a_failure_is_recorded_changes_nothing(tmp_path, digits, monkeypatch):
    def raise_by_signal(number, frame):
        raise RuntimeError("DataLoader worker (pid 1) is killed by signal: Killed.")

    def fail(row, status):
        raise OSError(errno.EIO, "I/O error", "x.png")

    def write_status(run: Run, status: Status, **options: float) -> None:
        if status.state == "failed":
            signal.raise_signal(signal.SIGCHLD)
        original(run, status, **options)

    original = Run.write_status
    before = signal.signal(signal.SIGCHLD, raise_by_signal)
    monkeypatch.setattr(Run, "write_status", write_status)
    try:
        run = Run.create(small(digits), "test", tmp_path)
        status = run_training(run, CPU, fail)
        assert (status.state, run.status()) == ("failed", status)
        assert signal.getsignal(signal.SIGCHLD) is raise_by_signal
    finally:
        signal.signal(signal.SIGCHLD, before)


SHM = "a process that decodes images has died (unable to allocate shared memory(shm) for file"
ALLOCATOR = "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you tried"


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (OSError(errno.EIO, "I/O error", "x.png"), "x.png could not be read (I/O error); mend that, then resume"),
        (OSError(errno.EIO, "I/O error"), "the training data could not be read (I/O error); mend that, then resume"),
        (OSError(errno.EDQUOT, "Quota exceeded", "x"), "x could not be written (Quota exceeded); make room, then"),
        (ConnectionResetError("Reset"), "a process that decodes images has died (Reset)"),
        (
            RuntimeError("unable to allocate shared memory(shm) for file </torch_1_2>"),
            SHM,
        ),
        (EOFError(), "a process that decodes images has died (it closed its connection)"),
        (ValueError("two\nlines"), "two lines"),
        (RuntimeError(ALLOCATOR), "the device ran out of memory; try a batch_size below 64"),
        (np.exceptions.AxisError("x"), "x"),
        (MemoryError(), "the device ran out of memory; try a batch_size below 64"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_an_error_during_the_training_is_the_reason_of_the_failure(tmp_path, digits, monkeypatch, error, sentence):
    run = Run.create(small(digits), "test", tmp_path)
    whole = recording.training_steps

    def failing(*arguments):
        yield from itertools.islice(whole(*arguments), 3)
        raise error

    monkeypatch.setattr(recording, "training_steps", failing)
    status = run_training(run, CPU)
    assert (status.state, status.step, run.status()) == ("failed", 3, status)
    assert status.error.startswith(sentence)
    assert f"ERROR {status.error}\n" in run.log_path.read_text()


def test_an_unexpected_error_is_raised_and_leaves_reason_and_trace(tmp_path, digits, monkeypatch):
    run = Run.create(small(digits), "test", tmp_path)

    def failing(*arguments):
        raise RuntimeError("mat1 and mat2\ncannot be multiplied")
        yield

    monkeypatch.setattr(recording, "training_steps", failing)
    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        run_training(run, CPU)
    assert run.status().state == "failed"
    assert run.status().error == "RuntimeError: mat1 and mat2 cannot be multiplied"
    assert "Traceback" in run.log_path.read_text()


def test_networks_too_large_for_the_memory_are_one_error(tmp_path, digits):
    config = small(digits)
    config = replace(config, model=replace(config.model, latent_dim=1, hidden_g=(10**6, 10**6)))
    run = Run.create(config, "test", tmp_path)
    with pytest.raises(RunError, match="this machine's memory; try narrower networks"):
        run_training(run, CPU)


def test_missing_data_are_an_error_for_the_caller(tmp_path, digits):
    run = Run.create(small(digits, data=DataConfig(name=f"folder:{tmp_path / 'nowhere'}")), "test", tmp_path)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        run_training(run, CPU)


def test_a_status_that_another_program_has_open_never_ends_a_training(tmp_path, digits, monkeypatch):
    """Windows refuses to replace a file that a reader or a virus scanner has open."""
    whole = trained(tmp_path / "whole", small(digits))
    run = Run.create(small(digits), "test", tmp_path / "open")
    replace_file, rows = os.replace, []
    monkeypatch.setattr(recording, "STATUS_EVERY_SECONDS", 0)
    monkeypatch.setattr(recording, "_REFRESH_PATIENCE_SECONDS", 0)

    def refuse(source, target):
        if Path(target) == run.status_path and 0 < len(rows) < 5:
            raise PermissionError(13, "Access is denied", str(source))
        replace_file(source, target)

    monkeypatch.setattr(os, "replace", refuse)
    steps = []
    status = run_training(run, CPU, lambda row, _: (rows.append(row), steps.append(run.status().step)))
    assert (status.state, run.status()) == ("finished", status)
    assert steps[:5] == [1] * 5
    assert steps[5:] == [row.step for row in rows[5:]], "status.json follows as soon as it can be replaced"
    assert files(run) == files(whole)
    assert run.log_path.read_text().count("Access is denied") == 1


# A run that goes away, and what a save waits for


@pytest.mark.parametrize("away", ["deleted", "moved", "replaced"])
def test_a_run_that_goes_away_while_it_trains_is_not_made_again(tmp_path, digits, away):
    run = Run.create(small(digits, log_every=1), "test", tmp_path / "runs")

    def remove(row, status):
        if row.step == 3:
            if away == "deleted":
                shutil.rmtree(run.path)
            else:
                run.path.rename(tmp_path / "moved")
            if away == "replaced":
                run.path.mkdir()

    status = run_training(run, CPU, remove)
    assert (status.state, status.step) == ("failed", 3)
    assert status.error.startswith(f"{run.path} was deleted or moved while it was trained; ")
    left = [path.name for path in (tmp_path / "runs").rglob("*")]
    assert left == ([run.name] if away == "replaced" else [])
    if away != "deleted":
        moved = Run(tmp_path / "moved")
        assert moved.status().state == "interrupted"
        assert run_training(moved, CPU).state == "finished"


def test_rows_and_scores_are_on_the_disk_before_the_state(tmp_path, scored_digits, monkeypatch):
    """A power cut may lose what was not synced. A state without its rows would lose them for good."""
    run = Run.create(small(scored_digits, epochs=1, log_every=1, score_images=16), "test", tmp_path)
    events: list[str] = []
    fsync, rename, append = os.fsync, Path.replace, jsonl.append_object
    names: dict[int, str] = {}

    def record_fsync(descriptor):
        events.append(f"sync {names.get(os.fstat(descriptor).st_ino, '')}")
        fsync(descriptor)

    def record_rename(self, target):
        events.append(f"rename {Path(target).name}")
        return rename(self, target)

    def record_append(path, values):
        append(path, values)
        names[path.stat().st_ino] = path.name
        events.append(f"append {path.name}")

    monkeypatch.setattr(os, "fsync", record_fsync)
    monkeypatch.setattr(Path, "replace", record_rename)
    monkeypatch.setattr("dcgan.runs.run.append_object", record_append)
    assert run_training(run, CPU).state == "finished"
    saves = [index for index, event in enumerate(events) if event == "rename state.safetensors"]
    for name in ("progress.jsonl", "scores.jsonl"):
        appended = [index for index, event in enumerate(events) if event == f"append {name}"]
        synced = [index for index, event in enumerate(events) if event == f"sync {name}"]
        assert appended
        for save in saves:
            before = [index for index in appended if index < save]
            assert not before or any(before[-1] < index < save for index in synced)
        assert len(synced) <= len(saves), "a sync takes long, so none is made for a row"


def test_a_training_removes_what_a_killed_one_left(tmp_path, digits):
    run = Run.create(small(digits, epochs=1), "test", tmp_path)
    (run.path / ".state.safetensors.99.tmp").touch()
    assert run_training(run, CPU).state == "finished"
    assert list(run.path.rglob("*.tmp")) == []


def test_a_log_that_cannot_be_written_ends_no_training(tmp_path, digits):
    run = Run.create(small(digits, epochs=1), "test", tmp_path)
    run.log_path.mkdir()
    assert run_training(run, CPU).state == "finished"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no device that is always full")
def test_a_log_on_a_full_disk_ends_no_training(tmp_path, digits):
    run = Run.create(small(digits, epochs=1), "test", tmp_path)
    run.log_path.symlink_to("/dev/full")
    assert run_training(run, CPU).state == "finished"
