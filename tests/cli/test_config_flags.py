"""A config on the command line: one flag a field."""

from __future__ import annotations

from dataclasses import replace

import pytest
from command_line import dry_run_config

from dcgan.cli.main import main
from dcgan.presets import PRESETS


@pytest.mark.parametrize("name", PRESETS)
def test_a_dry_run_prints_the_presets_config_and_trains_nothing(name, capsys, places):
    preset = PRESETS[name]
    if preset.for_pictures:  # adapted to the gray images of MNIST
        model = replace(preset.config.model, channels=1)
        assert dry_run_config(capsys, name, "--data", "mnist") == replace(preset.config, model=model)
    else:
        assert dry_run_config(capsys, name) == preset.config
    assert not places.exists()


KERAS = PRESETS["dcgan-keras"].config


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("--model.output tanh", replace(KERAS, model=replace(KERAS.model, output="tanh"))),
        ("--model.latent-dim 50", replace(KERAS, model=replace(KERAS.model, latent_dim=50))),
        ("--model.norm-g batch", replace(KERAS, model=replace(KERAS.model, norm_g="batch"))),
        ("--real-target 0.9", replace(KERAS, real_target=0.9)),
        ("--score-images 500", replace(KERAS, score_images=500)),
        ("--score-images 0", replace(KERAS, score_images=0)),
        ("--no-scores", replace(KERAS, score_images=0)),
        ("--no-joint-batch --reuse-fakes --generator-batch-factor 1",
         replace(KERAS, joint_batch=False, reuse_fakes=True, generator_batch_factor=1)),
        ("--betas 0 0.99", replace(KERAS, betas=(0.0, 0.99))),
        ("--model.topology mlp --model.hidden-g 128 256",
         replace(KERAS, model=replace(KERAS.model, topology="mlp", hidden_g=(128, 256)))),
        ("--data kmnist", replace(KERAS, data=replace(KERAS.data, name="kmnist"))),
        ("--data=folder:a--data/b", replace(KERAS, data=replace(KERAS.data, name="folder:a--data/b"))),
        ("--data.name cifar10", replace(KERAS, data=replace(KERAS.data, name="cifar10"))),
    ],
)  # fmt: skip
def test_one_flag_is_one_field(flags, expected, capsys):
    assert dry_run_config(capsys, "dcgan-keras", *flags.split()) == expected


def test_tanh_brings_its_pixel_range(capsys):
    assert dry_run_config(capsys, "dcgan-keras").model.pixel_range == (0, 1)
    assert dry_run_config(capsys, "dcgan-keras", "--model.output", "tanh").model.pixel_range == (-1, 1)


def test_help_lists_the_fields_with_the_defaults_of_the_preset(capsys):
    assert main(["train", "dcgan-step", "--help"]) == 0
    text = capsys.readouterr().out
    for flag in ("--model.latent-dim INT", "--data.limit INT", "--r1-gamma FLOAT", "--no-joint-batch", "--dry-run"):
        assert flag in text
    assert f"(default: {PRESETS['dcgan-step'].config.model.latent_dim})" in text


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ("train gan --modle.output tanh", "--model.output"),
        ("train gan --model.output tan", "'tan'"),
        ("train gan --model.latent-dim 0", "latent_dim=0"),
        (f"train gan --model.latent-dim {10**22}", f"latent_dim={10**22}"),
        ("train gan --threads 100000000000", "threads=100000000000"),
        ("train gan --data.holdout 0.1", "holdout=0.1"),
        ("sample x --nope", "--nope"),
        ("sample", "CHECKPOINT"),
    ],
)
def test_a_flag_that_cannot_be_parsed_is_code_2_and_is_named(arguments, named, capsys):
    assert main(arguments.split()) == 2
    assert named in " ".join(capsys.readouterr().err.split())
