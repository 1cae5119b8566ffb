"""Trainings that begin with the networks of another run."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest
import torch
from small_trainings import small, trained

from dcgan.checkpoint import load_tensors, weights_id
from dcgan.runs.run import Run, RunError
from dcgan.training.recording import run_training

CPU = torch.device("cpu")


@pytest.fixture
def source(tmp_path, digits, monkeypatch) -> Run:
    """A trained run with a moving average, which commands find by its name."""
    monkeypatch.setenv("DCGAN_RUNS", str(tmp_path))
    return trained(tmp_path, small(digits, "dcgan", epochs=1, ema_half_life_images=200))


def recorded_ids(run: Run) -> str:
    return ",".join(weights_id(load_tensors(path)[0]) for path in (run.weights_path, run.discriminator_path))


def initial_snapshot(run: Run) -> dict[str, torch.Tensor]:
    return load_tensors(run.snapshot_path(0))[0]


@pytest.mark.parametrize("by", ["name", "path"])
def test_a_training_begins_with_both_networks_and_records_their_ids(by, source, tmp_path, digits):
    init = source.name if by == "name" else str(source.path)
    run = trained(tmp_path, small(digits, "dcgan", epochs=1, init=init, ema_half_life_images=200))
    assert run.config().init == f"{source.name}@{recorded_ids(source)}"
    average = load_tensors(source.ema_path)[0]
    halved = {name: value.half().float() for name, value in average.items() if value.is_floating_point()}
    begun = initial_snapshot(run)
    assert all(torch.equal(begun[name].float(), value) for name, value in halved.items())


def test_its_config_trained_again_gives_the_same_weights(source, tmp_path, digits):
    first = trained(tmp_path, small(digits, "dcgan", epochs=1, init=source.name))
    again = trained(tmp_path, first.config())
    assert again.config() == first.config()
    assert again.generator_path.read_bytes() == first.generator_path.read_bytes()
    new = trained(tmp_path, replace(first.config(), init=""))
    assert new.generator_path.read_bytes() != first.generator_path.read_bytes()


def test_a_stopped_training_goes_on_without_the_run_that_it_began_with(source, tmp_path, digits):
    config = small(digits, "dcgan", epochs=2, init=source.name)
    whole = trained(tmp_path, config)
    run = Run.create(config, "test", tmp_path)
    run_training(run, CPU, lambda row, status: run.request_stop() if row.step == 4 else None)
    shutil.rmtree(source.path)
    assert run_training(run, CPU).state == "finished"
    assert run.generator_path.read_bytes() == whole.generator_path.read_bytes()


def test_other_weights_under_the_same_name_are_refused(source, tmp_path, digits):
    run = trained(tmp_path, small(digits, "dcgan", epochs=1, init=source.name))
    shutil.copy(run.discriminator_path, source.discriminator_path)
    with pytest.raises(RunError, match=f"the weights of .*{source.name} are .*, and this config begins with "):
        run_training(Run.create(run.config(), "test", tmp_path), CPU)


def test_networks_that_do_not_fit_are_refused_with_the_flags_that_fit(source, tmp_path, digits):
    config = small(digits, "dcgan", epochs=1, init=source.name)
    model = replace(config.model, width_d=8, norm_d="none", dropout=0.1, init="normal")
    with pytest.raises(RunError, match=r"add --model\.width-d 4 --model\.norm-d batch, or name another run"):
        run_training(Run.create(replace(config, model=model), "test", tmp_path), CPU)


def test_a_run_without_one_of_the_networks_is_refused(source, tmp_path, digits):
    source.discriminator_path.unlink()
    config = small(digits, "dcgan", epochs=1, init=source.name)
    with pytest.raises(RunError, match=r"has no discriminator.safetensors, and a training begins with both networks"):
        run_training(Run.create(config, "test", tmp_path), CPU)


def test_a_missing_run_is_refused(tmp_path, digits, monkeypatch):
    monkeypatch.setenv("DCGAN_RUNS", str(tmp_path))
    for init in ("no-such-run", "no-such-run@123,456"):
        with pytest.raises(RunError, match="'no-such-run' is not a run directory"):
            run_training(Run.create(small(digits, "dcgan", init=init), "test", tmp_path), CPU)
