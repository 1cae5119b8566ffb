"""The published models are complete recordings of the presets, small enough to ship, and what their configs give."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from published import DIGIT_NAMES, DIGITS, RUNS

from dcgan.checkpoint import load_discriminator, load_generator
from dcgan.config import NUM_COMPONENTS
from dcgan.data.loading import make_batches
from dcgan.evaluation.classifier import load_classifier
from dcgan.files import CHECKPOINTS
from dcgan.latents import latents_from_seeds, with_components
from dcgan.presets import PRESETS
from dcgan.runs.run import Run
from dcgan.training.loop import training_steps
from dcgan.training.recording import draw_grid, snapshot_steps
from dcgan.training.step import StepStats

CPU = torch.device("cpu")
BY_THE_FAST_STEP = {
    *("dcgan-best-mnist", "cdcgan-best-mnist", "dcgan-xl-mnist", "dcgan-quick-mnist"),
    *("dcgan-keras-mnist", "gan-beginners-mnist", "cgan-mnist", "pictures-emoji"),
    "fashion-best",
}
EPOCHS = {"dcgan-keras-mnist": 20, "fashion-best": 15}
"""Of the trainings that ended before the preset's last epoch."""
PICTURES = {"pictures-emoji": {"augment": "translate,mirror", "augment_target": 0.6, "epochs": 40, "lr_decay": 0.0}}
"""Of the trainings on own pictures."""
EPOCHS_BETWEEN_GRIDS = {"pictures-emoji": 4}
"""A grid in color is as large as 30 gray ones."""
BEGUN_ON_A_GPU = {"cdcgan-best-mnist"}
THREADS = {"cdcgan-best-mnist": 0, "dcgan-quick-mnist": 2, "dcgan-keras-mnist": 2}
"""Of the trainings that did not use one thread."""
WITH_DISCRIMINATORS = {"gan-mnist", "dcgan-mnist"}
"""Keep the discriminator at each snapshot, so that Step by step has both networks of the same moment."""
EXPECTED = {"gan-mnist", "dcgan-mnist", "dcgan-step-mnist", "cdcgan-mnist"} | BY_THE_FAST_STEP


def test_the_promised_models_are_there():
    assert {run.name for run in RUNS} >= EXPECTED


def test_the_published_models_fit_a_repository():
    sizes = {path: path.stat().st_size for path in CHECKPOINTS.rglob("*") if path.name != "state.safetensors"}
    assert sum(sizes.values()) < 140e6
    assert max(sizes.values()) < 15e6


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.name)
class TestPublished:
    def test_is_the_presets_training_run_to_its_end(self, run: Run):
        preset = PRESETS[run.preset].config
        engine = "fast" if run.name in BY_THE_FAST_STEP else "plain"
        threads = THREADS.get(run.name, 1)
        # How many generators are kept along the way changes nothing else, and is what makes all of it fit.
        expected = replace(preset, threads=threads, engine=engine, snapshots=run.config().snapshots)
        if run.name in EPOCHS:
            expected = replace(expected, epochs=EPOCHS[run.name])
        if run.name not in DIGIT_NAMES:
            assert run.config().data.root == ""
            expected = replace(expected, data=run.config().data, **PICTURES.get(run.name, {}))
        assert run.config() == expected
        status = run.status()
        assert (status.state, status.step, status.error) == ("finished", status.steps, "")

    def test_is_a_complete_recording(self, run: Run):
        status, config = run.status(), run.config()
        rows, _ = run.progress()
        assert rows[-1].step == status.steps
        assert max(b.step - a.step for a, b in itertools.pairwise(rows)) <= config.log_every
        per_epoch = status.steps // status.epochs
        some = EPOCHS_BETWEEN_GRIDS.get(run.name, 1)
        assert {per_epoch * epoch for epoch in range(0, status.epochs + 1, some)} <= set(run.sample_steps())
        assert set(run.snapshot_steps()) == snapshot_steps(config, status.steps)
        assert load_discriminator(run.path)[2] == load_generator(run.path).step == status.steps

    def test_draws_the_digits_of_its_last_grid(self, run: Run):
        """On another machine, or with half precision, pixels differ by a few gray levels."""
        recorded = np.asarray(Image.open(run.sample_path(run.sample_steps()[-1]))).astype(int)
        drawn = draw_grid(load_generator(run.path).network).astype(int)
        assert np.abs(recorded - drawn).mean() < 0.5
        if run.name in DIGIT_NAMES:
            assert 15 < drawn.mean() < 60  # ink as in the data, whose mean is 33
        assert drawn.max() == 255

    def test_every_snapshot_loads(self, run: Run):
        for step in run.snapshot_steps():
            assert load_generator(run.snapshot_path(step)).step == step
        assert run.d_snapshot_steps() == (run.snapshot_steps() if run.name in WITH_DISCRIMINATORS else [])
        for step in run.d_snapshot_steps():
            assert load_discriminator(run.d_snapshot_path(step))[2] == step


@pytest.mark.slow
@pytest.mark.parametrize("run", DIGITS, ids=lambda run: run.name)
def test_its_config_run_again_gives_its_first_steps(run: Run):
    """Bit for bit on the same CPU and versions; on any, to rounding. A GPU has a noise of its own: of its
    trainings the first networks and the first real images are the same, and what the one says of the other."""
    config = run.config()
    if run.name in BEGUN_ON_A_GPU:
        (snapshot,) = itertools.islice(training_steps(config, make_batches(config, CPU), CPU), 1)
        assert float(snapshot.stats.d_real) == pytest.approx(run.progress()[0][0].d_real, rel=2e-3)
        return
    first = {row.step: row for row in run.progress()[0] if row.step <= 2}
    batches = make_batches(config, CPU)
    for snapshot in itertools.islice(training_steps(config, batches, CPU), 2):
        row = first[snapshot.state.step]
        for name, value in zip(StepStats._fields, snapshot.stats, strict=True):
            recorded = getattr(row, name)
            if name.endswith("_accuracy"):  # a logit near 0 may have another sign on another machine
                assert recorded is None or float(value) == pytest.approx(recorded, abs=2.5 / config.batch_size)
            else:
                assert float(value) == pytest.approx(recorded, rel=2e-3), name


@pytest.mark.parametrize("run", DIGITS, ids=lambda run: run.name)
def test_its_scores_are_those_of_its_weights_and_the_published_classifier(run: Run):
    scores = run.evals()[-1]
    assert scores["weights_id"] == load_generator(run.path).weights_id
    assert scores["classifier_hash"] == load_classifier("mnist").hash
    assert (scores["num_images"], scores["seed"]) == (10_000, 0)
    assert not scores["memorizes"]
    cells = [
        f"{scores['cfd']:.2f}",
        *(f"{scores[name]:.2f}" for name in ("precision", "recall", "density", "coverage")),
    ]
    cells.append(f"{scores['class_distance']:.3f}")
    row = f"| `{run.name}` | {' | '.join(cells)} |"
    assert row in (CHECKPOINTS.parent / "README.md").read_text(encoding="utf-8")


def test_the_clothes_have_the_scores_of_their_weights_and_the_published_classifier():
    run = Run(CHECKPOINTS / "fashion-best")
    scores = run.evals()[-1]
    assert scores["weights_id"] == load_generator(run.path).weights_id
    assert scores["classifier_hash"] == load_classifier("fashion-mnist").hash
    assert (scores["num_images"], scores["seed"]) == (10_000, 0)
    sentence = f"has CFD {scores['cfd']:.2f}, and real training images {scores['real_cfd']:.2f}"
    assert sentence in (CHECKPOINTS.parent / "README.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_each_component_of_the_best_dcgan_draws_mostly_one_digit():
    """The training used no labels."""
    generator, classifier = load_generator(CHECKPOINTS / "dcgan-best-mnist"), load_classifier("mnist")
    z = latents_from_seeds(range(1000), generator.config.latent_dim, generator.config.latent)
    images = generator(with_components(z, np.arange(1000) % NUM_COMPONENTS))
    digits = classifier.logits(classifier.features(images)).argmax(1).numpy()
    largest_shares = [np.bincount(digits[i::NUM_COMPONENTS]).max() / 50 for i in range(NUM_COMPONENTS)]
    assert np.mean(largest_shares) > 0.95
