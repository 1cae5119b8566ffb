"""Recordings of earlier versions: they are read, drawn from and resumed under today's names.

Each folder of tests/earlier/ has two runs of one config by one version, on one thread: a training of 6 steps, and the
same training that was stopped before its end.

| folder | version |
|---|---|
| first | the first one, whose config lacks many fields and whose runs have no scores |
| format-1 | the last one before format 2, with a config that uses most fields |
| format-2 | the first one of format 2, whose rows lack the discriminator's accuracies |
| lengthened | the first one that makes trainings longer: 2 epochs, of which 1 was planned |
"""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from studio import open_page, texts

from dcgan.checkpoint import load_discriminator, load_generator, load_tensors
from dcgan.config import DataConfig, ModelConfig, TrainConfig
from dcgan.latents import latents_from_seeds
from dcgan.runs.evaluations import evaluations
from dcgan.runs.listing import list_runs
from dcgan.runs.run import Length, Run
from dcgan.runs.tables import run_summary
from dcgan.sampling.exploration import saved_generators
from dcgan.training.recording import run_training

EARLIER = Path(__file__).parent / "earlier"
FORMAT_1 = EARLIER / "format-1"
CONFIG = TrainConfig(
    model=ModelConfig(
        latent_dim=21,
        latent="mixture",
        width_g=1,
        width_d=1,
        norm_d="none",
        minibatch_stddev=True,
        auxiliary_head=True,
    ),
    data=DataConfig(limit=64),
    epochs=2,
    batch_size=8,
    lr_g=5e-4,
    lr_d=5e-4,
    lr_decay=0.5,
    betas=(0.0, 0.99),
    loss="relativistic",
    reduction="sum",
    order="generator-first",
    reuse_fakes=True,
    steps_per_epoch=3,
    r1_gamma=0.2,
    r2_gamma=0.2,
    d_reg_interval=4,
    auxiliary_affine=1.0,
    ema_half_life_images=16,
    threads=1,
    log_every=1,
    snapshots=2,
    score_images=16,
)

SMALL = TrainConfig(
    model=ModelConfig(latent_dim=5, width_g=1, width_d=1),
    data=DataConfig(limit=24),
    epochs=2,
    batch_size=8,
    ema_half_life_images=16,
    threads=1,
    log_every=1,
    snapshots=2,
    score_images=16,
)
OTHERS = {
    "first": replace(SMALL, score_images=TrainConfig().score_images),
    "format-2": SMALL,
    "lengthened": SMALL,
}
"""Folder -> the config of its runs."""


@pytest.fixture(params=["finished", "stopped"])
def run(request) -> Run:
    return Run(FORMAT_1 / request.param)


def test_the_config_has_its_current_names(run):
    stored = json.loads((run.path / "config.json").read_text(encoding="utf-8"))["config"]
    assert stored["format"] == 1
    assert {"guessed_kinds", "batch_deviation"} <= stored["model"].keys()
    assert run.config() == CONFIG


def test_the_rows_have_their_current_names(run):
    rows, _ = run.progress()
    assert [row.step for row in rows] == list(range(1, run.status().step + 1))
    scores = run.scores()
    assert scores[0].step == 3
    assert scores[0].real_cfd == pytest.approx(30.4, abs=0.1)
    assert sum(scores[0].real_class_histogram) == pytest.approx(1)
    assert (scores[0].classifier, scores[0].classifier_hash) == ("mnist classifier", "b6508af4b2ba")
    assert run_summary(run)["state"] == run.path.name


def test_an_evaluation_has_its_current_names():
    (row,) = evaluations(Run(FORMAT_1 / "finished"), step=6)
    assert row["real_cfd"] == pytest.approx(5.11, abs=0.01)
    assert row["classifier"] == "mnist classifier"
    assert row["memorization_ratio"] == pytest.approx(3.23, abs=0.01)
    assert row["memorizes"] is False
    assert not [key for key in row if key.endswith("_floor") or key.startswith("extractor")]


def test_its_networks_draw_and_discriminate():
    run = Run(FORMAT_1 / "finished")
    generator = load_generator(run.path)
    assert generator.weights_id == run.evals()[0]["weights_id"]
    images = generator(latents_from_seeds(range(3), 21, "mixture"))
    assert images.shape == (3, 1, 28, 28)
    assert images.isfinite().all()
    discriminator, config, step = load_discriminator(run.path)
    assert (config, step) == (CONFIG, 6)
    assert discriminator.balance_bias.abs().sum() > 0
    assert discriminator(images).isfinite().all()


# All versions


def test_every_earlier_version_is_tested():
    assert {folder.name for folder in EARLIER.iterdir()} == {"format-1", *OTHERS}


@pytest.mark.parametrize("version", ["format-1", *OTHERS])
def test_all_runs_are_listed(version):
    summaries = {run.name: run_summary(run) for run in list_runs(EARLIER / version)}
    assert {name: summary["state"] for name, summary in summaries.items()} == {
        "finished": "finished",
        "stopped": "stopped",
    }
    assert not [name for name, summary in summaries.items() if "error" in summary]


@pytest.mark.parametrize("version", OTHERS)
def test_all_values_are_read(version):
    finished, stopped = Run(EARLIER / version / "finished"), Run(EARLIER / version / "stopped")
    for run in (finished, stopped):
        assert run.config() == OTHERS[version]
        assert run.preset == "custom"
        rows, _ = run.progress()
        assert [row.step for row in rows] == list(range(1, run.status().step + 1))
        accuracies = {row.d_real_accuracy is not None for row in rows}
        assert accuracies == {version == "lengthened"}
        assert run.earlier_lengths == ((Length(1, 3),) if version == "lengthened" else ())
    scored = [] if version == "first" else [3, 6]
    assert [row.step for row in finished.scores()] == scored
    assert [row.step for row in stopped.scores()] == scored[:1]
    assert (finished.status().epochs, finished.status().steps) == (2, 6)


@pytest.mark.parametrize("version", OTHERS)
def test_all_networks_draw(version):
    run = Run(EARLIER / version / "finished")
    kept = [0, 3, 6] if version == "lengthened" else [0, 6]
    assert run.snapshot_steps() == kept
    z = latents_from_seeds(range(2), 5)
    for path in [run.ema_path, run.generator_path, *(entry.path for entry in saved_generators(run, 6))]:
        images = load_generator(path)(z)
        assert images.shape == (2, 1, 28, 28)
        assert images.isfinite().all()
    discriminator, config, step = load_discriminator(run.path)
    assert (config.model, step) == (SMALL.model, 6)
    assert discriminator(images).isfinite().all()


@pytest.mark.parametrize("version", ["format-1", *OTHERS])
def test_the_pages_show_them(version, monkeypatch):
    monkeypatch.setenv("DCGAN_RUNS", str(EARLIER / version))
    monkeypatch.setenv("DCGAN_ALLOW_TRAINING", "0")
    for name in ("finished", "stopped"):
        assert name in texts(open_page("train", run=name))
    open_page("compare", left="finished", right="stopped")


@pytest.mark.slow
@pytest.mark.parametrize("version", ["format-1", *OTHERS])
def test_a_stopped_training_resumes_to_the_weights_of_the_finished_one(version, tmp_path):
    """The weights are equal to rounding: another processor may choose other kernels."""
    resumed, finished = Run(tmp_path / "resumed"), Run(EARLIER / version / "finished")
    shutil.copytree(EARLIER / version / "stopped", resumed.path)
    status = run_training(resumed, torch.device("cpu"))
    assert (status.state, status.step) == ("finished", 6)
    assert [row.step for row in resumed.progress()[0]] == [1, 2, 3, 4, 5, 6]
    for path in (resumed.ema_path, resumed.discriminator_path):
        tensors, _ = load_tensors(path)
        expected, _ = load_tensors(finished.path / path.name)
        assert tensors.keys() == expected.keys()
        for name, value in expected.items():
            torch.testing.assert_close(tensors[name], value, rtol=1e-3, atol=1e-4, msg=name)


@pytest.mark.slow
def test_a_lengthened_training_becomes_longer_again(tmp_path):
    run = Run(tmp_path / "longer")
    shutil.copytree(EARLIER / "lengthened" / "finished", run.path)
    status = run_training(run, torch.device("cpu"), epochs=3)
    assert (status.state, status.step, status.steps) == ("finished", 9, 9)
    assert run.earlier_lengths == (Length(1, 3), Length(2, 6))
    assert [row.step for row in run.progress()[0]] == list(range(1, 10))
