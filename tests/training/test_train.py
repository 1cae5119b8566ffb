"""dcgan.train, as a newcomer calls it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from images import save_image

import dcgan
from dcgan.config import ModelConfig, TrainConfig
from dcgan.data.survey import MIN_PICTURES
from dcgan.presets import PRESETS
from dcgan.runs.listing import list_runs
from dcgan.runs.run import Run, RunError

SMALL = {"epochs": 1, "batch_size": 16, "score_images": 0, "threads": 1, "data__limit": 64}


@pytest.fixture
def small(digits) -> TrainConfig:
    model = ModelConfig(topology="mlp", hidden_g=(8,), hidden_d=(8,), latent_dim=4)
    data = replace(digits, limit=64)
    return TrainConfig(model=model, data=data, epochs=1, batch_size=16, score_images=0, threads=1)


def test_a_preset_is_trained_with_changed_fields(runs_root, digits):
    changes = SMALL | {"data__root": digits.root, "model__latent_dim": 4, "model__hidden_g": (8,)}
    run = dcgan.train("gan", device="cpu", **changes)
    assert run.path.parent == runs_root
    assert (run.preset, run.status().state, run.status().step) == ("gan", "finished", 4)
    expected = PRESETS["gan"].config
    assert run.config().model == replace(expected.model, latent_dim=4, hidden_g=(8,))
    assert run.config().lr_g == expected.lr_g
    assert dcgan.load_generator(run).step == 4


def test_a_config_and_its_recorded_run_train_the_same_weights(small, runs_root, tmp_path):
    rows = []
    first = dcgan.train(small, device="cpu", root=tmp_path / "elsewhere", on_row=lambda row, status: rows.append(row))
    assert first.path.parent == tmp_path / "elsewhere"
    assert first.preset == "custom"
    assert rows == first.progress()[0]
    second = dcgan.train(str(first.path), device="cpu")
    assert second.config() == first.config()
    assert second.generator_path.read_bytes() == first.generator_path.read_bytes()


@pytest.mark.parametrize(
    ("config", "changes", "advice"),
    [
        ("dcgn", {}, "did you mean dcgan?"),
        ("gan", {"epoch": 5}, "did you mean epochs?"),
        ("gan", {"latent_dim": 5}, "did you mean model__latent_dim?"),
        ("gan", {"qqqqq": 5}, "fields are model__topology"),
        ("gan", {"epochs": 0}, "epochs=0"),
        ("gan", {"loss": "hinge"}, "real_target=0.9, generator_target=0.9"),
        ("gan", {"data__name": "mnits"}, "choose one of mnist"),
        ("gan", {"device": "gpu"}, "choose one of"),
        ("dcgan", {"gradient_penalty": 10.0}, "model.norm_d"),
    ],
)
def test_a_mistake_is_a_value_error_and_leaves_no_run(config, changes, advice, runs_root):
    with pytest.raises(ValueError, match=advice):
        dcgan.train(config, **changes)
    assert list_runs(runs_root) == []


def test_data_that_are_missing_leave_no_run(small, runs_root, tmp_path):
    with pytest.raises(FileNotFoundError):
        dcgan.train(small, device="cpu", data__root=str(tmp_path / "nowhere"))
    assert list_runs(runs_root) == []


def test_a_folder_of_three_pictures_is_refused_before_a_run_begins(small, runs_root, tmp_path):
    for number in range(MIN_PICTURES - 1):
        save_image(tmp_path / "few" / f"{number}.png", 80 * number)
    with pytest.raises(ValueError, match="holds 3 images"):
        dcgan.train(small, device="cpu", data__name=f"folder:{tmp_path / 'few'}", data__root="")
    assert list_runs(runs_root) == []


def test_an_error_while_a_failed_start_is_cleaned_up_does_not_hide_it(small, runs_root, tmp_path, monkeypatch):
    def refuse(run):
        raise RunError(f"{run.path} is being trained; stop it first")

    monkeypatch.setattr(Run, "delete", refuse)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        dcgan.train(small, device="cpu", data__root=str(tmp_path / "nowhere"))


def test_a_failed_training_raises_and_keeps_the_run(small, runs_root):
    with pytest.raises(dcgan.TrainingError, match="failed"):
        dcgan.train(small, device="cpu", lr_g=1e30, lr_d=1e30, epochs=9)
    (run,) = list_runs(runs_root)
    assert run.status().state == "failed"
