"""The command project."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from command_line import command_error
from images import save_image
from PIL import Image

from dcgan.cli.main import main
from dcgan.data.image_files import UnreadableImageError, check_header
from dcgan.files import CHECKPOINTS
from dcgan.sampling import projection

DIGITS = str(CHECKPOINTS / "dcgan-mnist")


@pytest.fixture
def drawing(tmp_path, monkeypatch) -> Path:
    """A black stroke on white."""
    for name, value in {"NUM_SEEDS": 32, "NUM_STARTS": 2, "ADAM_STEPS": 4, "NEWTON_STEPS": 3}.items():
        monkeypatch.setattr(projection, name, value)
    monkeypatch.chdir(tmp_path)
    pixels = np.full((100, 100), 255, np.uint8)
    pixels[20:80, 45:55] = 0
    return save_image(tmp_path / "one.png", pixels)


def test_a_picture_is_shown_beside_the_nearest_image(drawing, capsys):
    assert main(["project", str(drawing), DIGITS]) == 0
    captured = capsys.readouterr()
    assert "mean squared error" in captured.out
    assert "inverted" in captured.err
    with Image.open("nearest-dcgan-mnist.png") as sheet:
        assert sheet.size == (4 * (3 * 28 + 2), 4 * 28)
    with pytest.raises(UnreadableImageError, match="this program has drawn it"):
        check_header(Path("nearest-dcgan-mnist.png"))


def test_a_sample_of_the_model_is_found_again(drawing, capsys):
    assert main(["sample", DIGITS, "--seeds", "3", "-o", "samples/"]) == 0
    assert main(["project", "samples/seed-0000003.png", DIGITS]) == 0
    assert "mean squared error" in capsys.readouterr().out


def test_a_gif_shows_the_search(drawing):
    assert main(["project", str(drawing), DIGITS, "-o", "search.gif", "--enlarge", "1"]) == 0
    with Image.open("search.gif") as animation:
        assert animation.n_frames > 2


def test_a_conditional_model_names_the_label(drawing, capsys):
    assert main(["project", str(drawing), str(CHECKPOINTS / "cdcgan-mnist"), "--label", "1"]) == 0
    assert "label 1" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ("missing.png dcgan-mnist", "missing.png is not a file"),
        ("one.png nothing", "'nothing'"),
        ("one.png dcgan-mnist -o x.jpg", "neither a .png nor a .gif"),
        ("one.png dcgan-mnist --enlarge 0", "enlarge=0"),
        ("one.png dcgan-mnist --label 1", "not conditional"),
        ("one.png cdcgan-mnist --label 11", "0..9"),
        ("config.json dcgan-mnist", "cannot be read as an image"),
    ],
)
def test_a_mistake_is_one_sentence(arguments, named, drawing, capsys):
    Path("config.json").write_bytes((CHECKPOINTS / "dcgan-mnist" / "config.json").read_bytes())
    words = [str(CHECKPOINTS / word) if word.endswith("-mnist") else word for word in arguments.split()]
    assert named in command_error(capsys, "project", *words)
