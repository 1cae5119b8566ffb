"""Short flags of `train`, the length in images, and presets that adapt to pictures."""

from __future__ import annotations

import json

import numpy as np
import pytest
from command_line import command_error
from PIL import Image

import dcgan
from dcgan.cli.main import main
from dcgan.cli.train_flags import full_flags
from dcgan.presets import PRESETS


@pytest.fixture
def pictures(tmp_path):
    """A function that writes pictures into a folder: name -> RGB color, or gray level."""

    def write(**colors):
        folder = tmp_path / "pictures"
        for name, color in colors.items():
            path = folder / f"{name.replace('__', '/')}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.full((12, 12, 3), color, np.uint8)).save(path)
        return folder

    return write


def planned(capsys, *arguments: str) -> dict:
    """Return the config that `train ... --dry-run` prints."""
    assert main(["train", *arguments, "--dry-run"]) == 0
    return json.loads(capsys.readouterr().out)


def test_short_flags_in_full():
    given = ["--data", "mnist", "--data=kmnist", "--no-scores", "--augment-p", "auto", "--augment-p=auto"]
    steered = "--augment-target=0.6"
    assert full_flags(given) == ["--data.name", "mnist", "--data.name=kmnist", "--score-images=0", steered, steered]
    assert full_flags(["--augment-p", "0.4"]) == ["--augment-p", "0.4"]


def test_images_set_the_length(capsys):
    config = planned(capsys, "gan", "--images", "10000", "--batch-size", "50")
    assert (config["epochs"], config["steps_per_epoch"]) == (2, 100)


@pytest.mark.parametrize("flags", ["--images 5 --epochs 2", "--steps-per-epoch=3 --images=5"])
def test_two_lengths_are_refused(flags, capsys):
    assert "both set the length" in command_error(capsys, "train", "gan", *flags.split())


@pytest.mark.parametrize("images", ["0", "-5", "many"])
def test_a_length_that_is_none_is_refused(images, capsys):
    assert main(["train", "gan", f"--images={images}", "--dry-run"]) == 2


def test_augmentation_with_a_steered_probability(capsys):
    config = planned(capsys, "dcgan", "--augment", "translate,mirror", "--augment-p", "auto")
    assert (config["augment"], config["augment_target"]) == ("translate,mirror", 0.6)


def test_gray_pictures_get_one_channel_and_colors_three(capsys, pictures):
    gray = planned(capsys, "pictures", "--data", f"folder:{pictures(a=90, b=(200, 195, 203))}")
    assert gray["model"]["channels"] == 1
    colors = planned(capsys, "pictures", f"--data=folder:{pictures(c=(200, 0, 0))}")
    assert colors["model"]["channels"] == 3


def test_given_flags_win_over_the_pictures(capsys, pictures):
    folder = pictures(a=90)
    flags = ["--model.channels", "3", "--model.image-size", "32", "--model.width-d=8", "--device", "cpu"]
    config = planned(capsys, "pictures", "--data", f"folder:{folder}", *flags)
    model = {name: config["model"][name] for name in ("channels", "image_size", "width_g", "width_d")}
    assert model == {"channels": 3, "image_size": 32, "width_g": 32, "width_d": 8}
    assert config["r1_gamma"] == 0.05


def test_subfolders_are_the_classes_of_the_conditional_preset(capsys, pictures):
    folder = pictures(cats__a=90, cats__b=80, dogs__a=70, eels__a=60)
    assert planned(capsys, "cpictures", "--data", f"folder:{folder}")["model"]["num_classes"] == 3
    assert planned(capsys, "pictures", "--data", f"folder:{folder}")["model"]["num_classes"] == 0


def test_a_named_set_is_adapted_to_as_well(capsys):
    config = planned(capsys, "cpictures", "--data", "mnist")
    assert (config["model"]["channels"], config["model"]["num_classes"]) == (1, 10)
    assert config["data"]["holdout"] == 0


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ("pictures", "name the folder of your pictures"),
        ("pictures --data folder:nowhere", "nowhere does not exist"),
        ("pictures --data wrong", "'wrong' is unknown"),
        ("pictures --data mnist --model.image-size x", "image-size"),
    ],
)
def test_a_mistake_is_one_sentence(arguments, named, capsys):
    assert main(["train", *arguments.split(), "--dry-run"]) == 2
    captured = capsys.readouterr()
    assert named in captured.out + captured.err


def test_pictures_without_classes_are_refused_by_the_conditional_preset(capsys, pictures):
    error = command_error(capsys, "train", "cpictures", "--data", f"folder:{pictures(a=90)}")
    assert "no classes to learn" in error


def test_help_needs_no_pictures(capsys):
    assert main(["train", "pictures", "--help"]) == 0
    assert "--images" in capsys.readouterr().out


def test_the_same_from_python(pictures, tmp_path):
    folder = pictures(a=90, b=80, c=70, d=60)
    small = {"steps_per_epoch": 1, "epochs": 1, "model__width_g": 2, "model__width_d": 2, "batch_size": 4}
    run = dcgan.train("pictures", device="cpu", root=tmp_path / "runs", data__name=f"folder:{folder}", **small)
    assert run.config().model.channels == 1
    with pytest.raises(ValueError, match="name the folder of your pictures"):
        dcgan.train("pictures", device="cpu", root=tmp_path / "runs")
    assert PRESETS["pictures"].config.model.channels == 3


def test_stop_needs_a_training_that_runs(capsys, trained_gan):
    assert "is not being trained" in command_error(capsys, "stop", str(trained_gan.path))
    assert "'nothing'" in command_error(capsys, "stop", "nothing")
    assert not trained_gan.stop_requested()


def test_stop_ends_a_running_training(capsys, trained_gan, tmp_path):
    run = dcgan.Run(tmp_path / "running")
    run.path.mkdir()
    (run.path / "config.json").write_bytes((trained_gan.path / "config.json").read_bytes())
    with run.lock():
        assert main(["stop", str(run.path)]) == 0
        assert run.stop_requested()
    assert "continue with: " in capsys.readouterr().out
