"""The time estimates: counted steps, measured steps, and what becomes of a measurement."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from recorded import TINY

from dcgan.config import DataConfig
from dcgan.files import PROJECT
from dcgan.presets import PRESETS
from dcgan.training import time_estimate


@pytest.fixture(autouse=True)
def forgotten(runs_root, monkeypatch):
    monkeypatch.setattr(time_estimate, "_failed", set())
    monkeypatch.setattr(time_estimate, "MEASURE_SECONDS", 0.05)
    monkeypatch.setenv("DCGAN_DEVICE", "cpu")


@pytest.mark.parametrize(
    ("preset", "steps"), [("gan", 37_500), ("dcgan-keras", 23_400), ("dcgan-step", 1955), ("cdcgan", 9380)]
)
def test_the_steps_are_those_of_the_recordings(preset, steps):
    assert time_estimate.steps_of(PRESETS[preset].config) == steps


def test_the_steps_of_a_folder_are_unknown_without_steps_per_epoch():
    folder = replace(TINY, data=DataConfig(name="folder:/photos"))
    assert time_estimate.steps_of(folder) is None
    assert time_estimate.steps_of(replace(folder, steps_per_epoch=10)) == 20


def measured(config):
    time_estimate.measure_in_background([config])
    give_up = time.monotonic() + 100
    while time_estimate.is_measuring(config) and time.monotonic() < give_up:
        time.sleep(0.05)
    return time_estimate.estimate(config)


@pytest.mark.slow
def test_a_measurement_is_kept_and_scales_with_the_epochs(runs_root):
    assert time_estimate.estimate(TINY) is None
    found = measured(TINY)
    assert found.seconds > 0
    assert (found.device, found.steps_timed >= 1) == ("cpu", True)
    longer = replace(TINY, epochs=2 * TINY.epochs, seed=9, lr_g=1e-3)
    assert time_estimate.estimate(longer).seconds == pytest.approx(2 * found.seconds)
    assert time_estimate.estimate(replace(TINY, batch_size=8)) is None
    assert (runs_root / ".speed.json").stat().st_mode & 0o777 == 0o644


@pytest.mark.slow
def test_a_measurement_is_not_used_on_another_machine(monkeypatch):
    assert measured(TINY)
    monkeypatch.setattr(time_estimate, "cpu_name", lambda: "another")
    assert time_estimate.estimate(TINY) is None


@pytest.mark.slow
def test_a_failed_measurement_is_tried_once(monkeypatch):
    monkeypatch.setenv("DCGAN_DEVICE", "cuda:99")
    assert measured(TINY) is None
    started = []
    monkeypatch.setattr(time_estimate, "_time_them", lambda batch: started.append(batch) or [])
    assert measured(TINY) is None
    assert started == []


def child() -> subprocess.Popen[str]:
    """Return the process that times configs, which waits for them."""
    command = [sys.executable, "-m", "dcgan.training.time_estimate"]
    return subprocess.Popen(command, cwd=PROJECT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


@pytest.mark.slow
def test_the_measurement_ends_with_the_process_that_started_it():
    with child() as process:
        process.stdin.write(json.dumps([TINY.to_json()] * 1000) + "\n")
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["steps"] >= 1
        process.stdin.close()  # as the system does when the other process is killed
        assert process.wait(60) == 1


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="Linux bounds the memory of a process")
def test_a_config_that_needs_too_much_memory_has_an_error_and_the_next_one_is_timed():
    large = replace(PRESETS["dcgan"].config, batch_size=50_000)
    with child() as process:
        process.stdin.write(json.dumps([large.to_json(), TINY.to_json()]) + "\n")
        process.stdin.flush()
        answers = [json.loads(process.stdout.readline()) for _ in range(2)]
        peak = re.search(r"VmHWM:\s*(\d+) kB", Path(f"/proc/{process.pid}/status").read_text())
    assert list(answers[0]) == ["error"]
    assert answers[1]["seconds_per_step"] > 0
    assert int(peak[1]) * 1024 < time_estimate.MAX_BYTES + 2**30  # the code of PyTorch is not counted


def test_a_measurement_without_an_answer_is_ended(monkeypatch):
    waiting = subprocess.Popen([sys.executable, "-c", "input(); input()"], stdin=-1, stdout=-1, text=True)
    monkeypatch.setattr(time_estimate, "MAX_SECONDS", 0.1)
    monkeypatch.setattr(time_estimate.subprocess, "Popen", lambda *arguments, **options: waiting)
    assert list(time_estimate._time_them({"key": TINY})) == []
    assert waiting.returncode not in (None, 0)


def test_so_many_configs_wait_at_most(monkeypatch):
    monkeypatch.setattr(time_estimate, "_wanted", {})
    monkeypatch.setattr(time_estimate, "_worker", worker := object())  # one is at work, which never ends
    time_estimate.measure_in_background(replace(TINY, batch_size=size) for size in range(2, 100))
    assert len(time_estimate._wanted) == time_estimate.MAX_WAITING
    assert time_estimate._worker is worker, "at most one process is at work"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"a": 1}', '{"a": {}}'])
def test_a_damaged_cache_gives_no_estimate(runs_root, text):
    runs_root.mkdir()
    (runs_root / ".speed.json").write_text(text)
    assert time_estimate.estimate(TINY) is None


def test_conditional_and_averaged_trainings_are_measured_too():
    config = replace(TINY, model=replace(TINY.model, num_classes=10), ema_half_life_images=100)
    assert time_estimate.time_steps(config)["seconds_per_step"] > 0
