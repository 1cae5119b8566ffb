"""The commands sample and gif."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from command_line import command_error, copy_run
from PIL import Image

from dcgan import pixels
from dcgan.cli.main import main
from dcgan.config import ModelConfig, TrainConfig
from dcgan.data.image_files import UnreadableImageError, check_header
from dcgan.runs.run import Run


def test_a_seed_gives_one_image_alone_and_in_a_batch_of_64(trained, capsys, tmp_path):
    assert main(["sample", str(trained.path), "-o", "all/"]) == 0
    assert "64 images from weights" in capsys.readouterr().out
    names = sorted(path.name for path in (tmp_path / "all").iterdir())
    assert len(names) == 64
    labeled = trained.preset == "cgan"
    assert names[42] == ("seed-0000042-label-2.png" if labeled else "seed-0000042.png")
    (tmp_path / "one").mkdir()
    label = ["--label", "2"] if labeled else []
    assert main(["sample", str(trained.path), "--seeds", "42", "-o", "one", *label]) == 0
    assert (tmp_path / "one" / names[42]).read_bytes() == (tmp_path / "all" / names[42]).read_bytes()
    assert main(["sample", str(trained.path), "-o", "sheet.png"]) == 0
    with Image.open("sheet.png") as sheet, Image.open(tmp_path / "all" / names[42]) as single:
        np.testing.assert_array_equal(pixels.cell(np.asarray(sheet), 42, 8, 8), np.asarray(single))


def test_no_training_learns_from_drawn_samples(trained_gan):
    assert main(["sample", str(trained_gan.path), "-o", "sheet.png"]) == 0
    assert main(["sample", str(trained_gan.path), "--seeds", "3-4", "-o", "single/"]) == 0
    for path in (Path("sheet.png"), *Path("single").iterdir()):
        with pytest.raises(UnreadableImageError, match="this program has drawn it"):
            check_header(path)


def test_samples_are_the_same_from_the_run_and_from_its_file(trained, tmp_path, capsys):
    assert main(["sample", str(trained.path), "-o", "a.png", "--device", "auto"]) == 0
    assert main(["sample", str(trained.generator_path), "-o", "b.png"]) == 0
    assert Path("a.png").read_bytes() == Path("b.png").read_bytes()
    a, b = capsys.readouterr().out.splitlines()
    assert a.removeprefix("a.png") == b.removeprefix("b.png")
    with Image.open("a.png") as sheet, Image.open(trained.sample_path(4)) as recorded:
        np.testing.assert_array_equal(np.asarray(sheet), np.asarray(recorded))


def test_sample_flags(trained_gan, capsys, places):
    run = copy_run(trained_gan, places)
    assert main(["sample", "mine", "--seeds", "0-2,9", "--enlarge", "3", "--columns", "4", "--reverse"]) == 0
    assert capsys.readouterr().out.startswith("samples-mine.png: 4 images from weights ")
    assert main(["sample", "mine", "--seeds", "0-2,9", "--columns", "4", "-o", "plain.png"]) == 0
    with Image.open("samples-mine.png") as large, Image.open("plain.png") as plain:
        assert (large.size, plain.size) == ((4 * 84, 84), (112, 28))
        np.testing.assert_array_equal(255 - np.asarray(large)[::3, ::3], np.asarray(plain))
    first, *_, last = run.snapshot_steps()
    assert (first, last) == (0, 4)
    assert main(["sample", "mine", "--step", str(first)]) == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith(f"of step {first}")
    assert Path(f"samples-mine-{first:07d}.png").exists()


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        ("--step 3", "step 3; there are: 0, "),
        ("-o x.jpg", "x.jpg.png or x.jpg/"),
        ("--label 3", "not conditional"),
        ("--component 3", "latents are normal"),
        ("--enlarge 0", "factor=0"),
        ("-o file/x.png", "error: file"),
    ],
)
def test_flags_that_a_run_cannot_follow_are_named(flags, named, trained_gan, capsys, places):
    copy_run(trained_gan, places)
    Path("file").write_text("")
    assert named in command_error(capsys, "sample", "mine", *flags.split())


def test_a_run_without_weights_or_grids_is_an_error(capsys, places):
    run = Run.create(TrainConfig(model=ModelConfig()), "dcgan", places)
    assert run.generator_path.name in command_error(capsys, "sample", run.name)
    assert "no sample grids" in command_error(capsys, "gif", run.name)


def test_gif_has_a_frame_for_each_grid_of_the_training(trained, capsys, tmp_path):
    assert main(["gif", str(trained.path), "--milliseconds", "100", "--last-hold", "1000", "--enlarge", "1"]) == 0
    path = tmp_path / f"training-{trained.name}.gif"
    assert capsys.readouterr().out.startswith(path.name)
    with Image.open(path) as animation:
        assert animation.n_frames == len(trained.sample_steps()) == 4  # 0, 1, 2 and the epoch's end, 4
        durations = []
        for index in range(4):
            animation.seek(index)
            durations.append(animation.info["duration"])
    assert durations == [100, 100, 100, 1000]
    assert "milliseconds=15" in command_error(capsys, "gif", str(trained.path), "--milliseconds", "15")
    assert "animation.mp4.gif" in command_error(capsys, "gif", str(trained.path), "-o", "animation.mp4")


def test_gif_of_a_run_that_is_still_written(trained, places, capsys):
    run = copy_run(trained, places)
    run.write_status(replace(run.status(), state="running", step=2))
    run.sample_path(4).unlink()
    with run.lock():
        assert main(["gif", "mine", "-o", "half.gif"]) == 0
    with Image.open("half.gif") as animation:
        assert animation.n_frames == 3


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ("sample nothing", "'nothing'"),
        ("sample nothing.safetensors", "nothing.safetensors"),
        ("sample x.safetensors --step 3", "--step 3"),
        ("sample x --seeds 9-3", "9-3"),
        ("sample x --components seven", "components 'seven' are not numbers; write 7, 0-9 or 0,1,2"),
        ("gif nothing", "'nothing'"),
    ],
)
def test_a_mistake_is_one_line_that_names_it(arguments, named, capsys, tmp_path):
    assert named in command_error(capsys, *arguments.split())
    assert not list(tmp_path.iterdir())
