"""A training that is made longer holds what a training of that length holds, bit for bit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from recorded import error_of

import dcgan
from dcgan.checkpoint import load_tensors
from dcgan.config import TrainConfig
from dcgan.presets import PRESETS
from dcgan.runs.resume import saved_step
from dcgan.runs.run import Length, Run
from dcgan.training import recording
from dcgan.training.recording import Recorder, run_training

CPU = torch.device("cpu")


@pytest.fixture
def small(digits):
    """A function from a preset and changes to a config of 6 steps an epoch, with a moving average."""

    def small(preset: str = "dcgan", **changes) -> TrainConfig:
        config = PRESETS[preset].config
        model = replace(config.model, hidden_g=(8,), hidden_d=(8,), width_g=4, width_d=4)
        recipe = {"model": model, "data": digits, "batch_size": 64, "epochs": 2, "ema_half_life_images": 300}
        return replace(config, **(recipe | {"threads": 1, "score_images": 0} | changes))

    return small


def trained(config: TrainConfig, root: Path) -> Run:
    return dcgan.train(config, device="cpu", root=root)


def assert_equal(run: Run, whole: Run) -> None:
    """Assert that two runs hold the same, except for times, snapshots and the rows at their steps."""
    names = ("generator.safetensors", "generator_ema.safetensors", "discriminator.safetensors")
    grids = [f"samples/{step:07d}.png" for step in whole.sample_steps()]
    for name in (*names, *grids):
        assert (run.path / name).read_bytes() == (whole.path / name).read_bytes(), name
    assert run.sample_steps() == whole.sample_steps()
    (tensors, metadata), (expected, of_whole) = load_tensors(run.state_path), load_tensors(whole.state_path)
    assert tensors.keys() == expected.keys()
    assert all(torch.equal(tensors[name], value) for name, value in expected.items())
    assert {**metadata, "wall_seconds": 0} == {**of_whole, "wall_seconds": 0}
    assert run.config() == whole.config()
    ends = [(status.state, status.step, status.steps, status.epochs) for status in (run.status(), whole.status())]
    assert ends[0] == ends[1]
    rows, of_whole = ([row.step for row in one.progress()[0]] for one in (run, whole))
    assert rows == sorted(set(rows))
    assert (rows[-1], run.progress()[0][-1].images_seen) == (of_whole[-1], whole.progress()[0][-1].images_seen)


@pytest.mark.parametrize("engine", ["fast", "plain"])
@pytest.mark.parametrize(
    "preset", ["gan", *(pytest.param(name, marks=pytest.mark.slow) for name in ("dcgan", "dcgan-best"))]
)
def test_a_longer_training_is_one_of_that_length(small, tmp_path, preset, engine):
    config = small(preset, engine=engine, lr_decay=0.0)
    run = trained(config, tmp_path)
    assert run.snapshot_steps() == [0, 1, 2, 3, 6, 12]
    assert dcgan.resume(run, epochs=3, device="cpu") == run
    assert_equal(run, trained(replace(config, epochs=3), tmp_path))
    assert run.earlier_lengths == (Length(2, 12),)
    assert run.snapshot_steps() == [0, 1, 2, 3, 6, 12, 18]


@pytest.mark.slow
@pytest.mark.parametrize("epochs", [2, 5])
def test_rates_that_have_not_begun_to_fall_follow_the_new_length(small, tmp_path, epochs):
    config = small(lr_decay=0.5, epochs=3)
    run = Run.create(config, "test", tmp_path)
    run_training(run, CPU, lambda row, status: row.step == 4 and run.request_stop(), epochs=3)
    assert (run.status().state, saved_step(run)) == ("stopped", 5)
    dcgan.resume(run, epochs=epochs, device="cpu")
    assert_equal(run, trained(replace(config, epochs=epochs), tmp_path))


def test_rates_that_have_fallen_keep_the_run_as_it_is(small, tmp_path):
    run = trained(small(lr_decay=0.5), tmp_path)
    before = {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()}
    assert "began to fall at step 7 of its 12" in error_of(lambda: dcgan.resume(run, epochs=4, device="cpu"))
    assert "has done 2 epochs, and 2 are not more" in error_of(lambda: dcgan.resume(run, epochs=2, device="cpu"))
    del before[run.log_path]
    assert {path: path.read_bytes() for path in before} == before
    assert run.status().state == "finished"


@pytest.mark.slow
def test_a_process_that_ends_before_the_first_step_loses_nothing(small, tmp_path, monkeypatch):
    run = trained(small(), tmp_path)
    weights = run.generator_path.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(Recorder, "open", lambda *arguments: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            dcgan.resume(run, epochs=3, device="cpu")
    assert (run.status().state, run.status().step, run.status().steps) == ("interrupted", 12, 18)
    assert run.generator_path.read_bytes() == weights
    dcgan.resume(str(run.path), device="cpu")
    assert_equal(run, trained(small(epochs=3), tmp_path))


@pytest.mark.slow
def test_a_killed_longer_training_goes_on_from_its_last_save(small, tmp_path, monkeypatch):
    run = trained(small(), tmp_path)

    def killed(self) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(recording.Recorder, "_save", killed)
        with pytest.raises(KeyboardInterrupt):
            dcgan.resume(run, epochs=3, device="cpu")
    assert (run.status().state, saved_step(run), run.last_row().step) == ("interrupted", 12, 18)
    dcgan.resume(run, device="cpu")
    assert_equal(run, trained(small(epochs=3), tmp_path))


def test_scores_and_evaluations_of_earlier_weights_stay(small, scored_digits, tmp_path, monkeypatch):
    monkeypatch.setenv("DCGAN_CACHE", str(tmp_path / "cache"))
    run = trained(small("gan", data=scored_digits, score_images=50, epochs=1), tmp_path)
    weights_id = dcgan.load_generator(run).weights_id
    evaluation = {"weights_id": weights_id, "step": 6, "seed": 0, "num_images": 50, "cfd": 3.5}
    run.append_eval(evaluation)
    first, seconds = run.scores(), run.last_row().wall_seconds
    dcgan.resume(run, epochs=2, device="cpu")
    assert run.evals() == [evaluation]
    assert dcgan.load_generator(run).weights_id != weights_id
    assert (run.scores()[:1], [row.step for row in run.scores()]) == (first, [6, 12])
    assert run.last_row().wall_seconds > seconds


def test_a_run_that_is_trained_is_refused(small, tmp_path):
    run = trained(small("gan"), tmp_path)
    with run.lock():
        assert "is being trained by another process" in error_of(lambda: dcgan.resume(run, epochs=4, device="cpu"))
    assert run.config().epochs == 2


def test_a_finished_run_stays_as_it_is_without_epochs(small, tmp_path):
    run = trained(small("gan"), tmp_path)
    assert dcgan.resume(run, device="cpu").status().state == "finished"
    assert run.status().step == 12
