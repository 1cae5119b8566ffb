"""Pictures: a seed's image is its own, and the same in every sheet."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from recorded import TINY, record_run

from dcgan import pixels
from dcgan.checkpoint import TrainedGenerator, load_generator
from dcgan.cli.main import main
from dcgan.config import ModelConfig, TrainConfig
from dcgan.latents import latents_from_seeds, truncate, with_components
from dcgan.models.gan import build_generator
from dcgan.sampling import sheets


def generator(**model) -> TrainedGenerator:
    """Return a small untrained generator whose images have contrast."""
    torch.manual_seed(0)
    config = TrainConfig(model=ModelConfig(topology="mlp", latent_dim=5, image_size=6, hidden_g=(16,), **model))
    network = build_generator(config.model)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(3)
    return TrainedGenerator(network, config, 7, "0123456789ab", torch.device("cpu"))


@pytest.mark.parametrize("model", [{}, {"num_classes": 3}, {"channels": 3, "latent": "uniform", "output": "sigmoid"}])
def test_a_seed_has_the_same_image_in_any_batch(model):
    drawn = generator(**model)
    labels = [2] if "num_classes" in model else None
    many = sheets.draw(drawn, range(64), labels)
    assert many.shape == (64, model.get("channels", 1), 6, 6)
    assert many.dtype == np.uint8
    assert len({image.tobytes() for image in many}) == 64
    for seed in (0, 17, 63):
        np.testing.assert_array_equal(sheets.draw(drawn, [seed], labels)[0], many[seed])
    np.testing.assert_array_equal(sheets.draw(drawn, [63, 5], labels), many[[63, 5]])


def test_labels_repeat_along_the_seeds_or_count_over_all_classes():
    assert sheets.labels_along(4, 0) is None
    assert sheets.labels_along(5, 3).tolist() == [0, 1, 2, 0, 1]
    assert sheets.labels_along(3, 10, [7]).tolist() == [7, 7, 7]
    assert sheets.labels_along(5, 10, [4, 2]).tolist() == [4, 2, 4, 2, 4]


def test_a_label_changes_the_image_and_a_wrong_one_is_an_error():
    drawn = generator(num_classes=3)
    assert (sheets.draw(drawn, [1], [0]) != sheets.draw(drawn, [1], [1])).any()
    np.testing.assert_array_equal(sheets.draw(drawn, range(3)), sheets.draw(drawn, range(3), [0, 1, 2]))
    with pytest.raises(ValueError, match="wrong values 3; pass labels from 0 to 2"):
        sheets.draw(drawn, [1], [3])
    with pytest.raises(ValueError, match="not conditional"):
        sheets.draw(generator(), [1], [3])


@pytest.mark.parametrize("reverse", [False, True])
def test_a_sheet_holds_the_single_pictures_row_by_row(reverse):
    drawn = generator()
    sheet = sheets.sample_sheet(drawn, range(7), reverse=reverse, enlarge=2)
    singles = [picture for _, picture in sheets.sample_pictures(drawn, range(7), reverse=reverse, enlarge=2)]
    assert sheet.shape == (3 * 12, 3 * 12)  # 7 seeds make three columns of three
    for index, single in enumerate(singles):
        np.testing.assert_array_equal(pixels.cell(sheet, index, columns=3, rows=3), single)
    assert (pixels.cell(sheet, 8, columns=3, rows=3) == (255 if reverse else 0)).all()
    assert sheets.sample_sheet(drawn, range(4), columns=4).shape == (6, 24)


def test_inverted_colors_are_the_negative():
    drawn = generator()
    np.testing.assert_array_equal(sheets.draw(drawn, [3], reverse=True), 255 - sheets.draw(drawn, [3]))


def test_single_pictures_are_named_after_seed_and_label():
    assert list(dict(sheets.sample_pictures(generator(), [42, 4294967295]))) == ["seed-0000042", "seed-4294967295"]
    named = dict(sheets.sample_pictures(generator(num_classes=3), [5, 5], [2, 0]))
    assert list(named) == ["seed-0000005-label-2", "seed-0000005-label-0"]
    color = dict(sheets.sample_pictures(generator(channels=3), [1], enlarge=3))
    assert color["seed-0000001"].shape == (18, 18, 3)


def test_components_repeat_along_the_seeds_and_name_the_files(runs_root, capsys):
    model = replace(TINY.model, latent="mixture", latent_dim=24)
    run = record_run(runs_root, replace(TINY, model=model))
    generator = load_generator(run.path)
    z = with_components(latents_from_seeds([3, 4, 5], 24, "mixture"), [7, 0, 7])
    expected = sheets.draw_latents(generator, z)
    assert np.array_equal(sheets.draw(generator, [3, 4, 5], components=[7, 0]), expected)
    folder = runs_root / "pictures"
    assert main(["sample", run.name, "--seeds", "3-5", "--components", "7,0", "-o", f"{folder}/"]) == 0
    names = ["seed-0000003-component-7.png", "seed-0000004-component-0.png", "seed-0000005-component-7.png"]
    assert sorted(path.name for path in folder.iterdir()) == names
    for name, image_u8 in zip(names, expected, strict=True):
        assert np.array_equal(np.asarray(Image.open(folder / name)), image_u8[0])
    assert main(["sample", run.name, "--components", "20", "-o", f"{folder}/"]) == 2
    assert "component=20" in capsys.readouterr().err


def test_the_command_prints_how_many_files_it_wrote(runs_root, capsys):
    run = record_run(runs_root)
    for seeds, count, names in (
        ("7,7,8", "2 images", ["seed-0000007.png", "seed-0000008.png"]),
        ("7,7", "1 image", ["seed-0000007.png"]),
    ):
        folder = runs_root / count
        assert main(["sample", run.name, "--seeds", seeds, "-o", f"{folder}/"]) == 0
        assert capsys.readouterr().out.startswith(f"{folder}/: {count} from weights ")
        assert sorted(path.name for path in folder.iterdir()) == names


@pytest.mark.parametrize("output", ["sheet.png", "folder/"])
def test_pictures_too_large_for_the_memory_are_an_error(runs_root, capsys, monkeypatch, output):
    run = record_run(runs_root)
    monkeypatch.chdir(runs_root)
    before = sorted(runs_root.iterdir())
    assert main(["sample", run.name, "--enlarge", "100000", "-o", output]) == 2
    assert capsys.readouterr().err.startswith("error: factor=100000 ")
    if output == "sheet.png":
        assert main(["sample", run.name, "--columns", "1000000000000", "-o", output]) == 2
        assert "columns=1000000000000" in capsys.readouterr().err
        assert main(["gif", run.name, "--enlarge", "100000", "-o", "film.gif"]) == 2
        assert "frames of 22400000 x 22400000 pixels" in capsys.readouterr().err
    assert sorted(runs_root.iterdir()) == before


def test_the_command_draws_at_a_psi(runs_root, capsys):
    run = record_run(runs_root, TINY)
    sheet = runs_root / "sheet.png"
    assert main(["sample", run.name, "--seeds", "0-3", "--psi", "0.3", "-o", str(sheet)]) == 0
    generator, model = load_generator(run.path), TINY.model
    z = truncate(latents_from_seeds(range(4), model.latent_dim, model.latent), 0.3, model.latent)
    expected = pixels.grid(sheets.draw_latents(generator, z), 2)
    assert np.array_equal(np.asarray(Image.open(sheet)), expected)
    assert not np.array_equal(expected, sheets.sample_sheet(generator, range(4)))
    assert main(["sample", run.name, "--psi", "2", "-o", str(sheet)]) == 2
    assert "psi=2.0" in capsys.readouterr().err
