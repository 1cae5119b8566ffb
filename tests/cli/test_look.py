"""The command look: what it prints of a folder, its sheet, and the folders that it refuses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tables
from command_line import command_error
from own_images import photos, white_drawings
from PIL import Image

from dcgan.cli.main import main
from dcgan.config import DataConfig, ModelConfig, TrainConfig
from dcgan.data.image_files import UnreadableImageError, check_header
from dcgan.data.survey import survey_data
from dcgan.training import preview

SMALL = ["--preset", "dcgan64", "--model.image-size", "16", "--model.width-g", "2", "--model.width-d", "2"]


@pytest.fixture(autouse=True)
def no_timing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "dcgan.training.time_estimate.time_steps",
        lambda config, device: {"seconds_per_step": 2.0, "steps": 1, "device": "cpu"},
    )


def config_of(folder: Path, **fields: object) -> TrainConfig:
    data = {name.removeprefix("data_"): value for name, value in fields.items() if name.startswith("data_")}
    rest = {name: value for name, value in fields.items() if not name.startswith("data_")}
    model = ModelConfig(image_size=16, channels=3)
    return TrainConfig(model=model, data=DataConfig(name=f"folder:{folder}", **data), batch_size=8, **rest)


def test_it_prints_what_the_folder_holds_and_writes_the_sheet(tmp_path, capsys):
    photos(tmp_path / "own" / "cats", 6)
    photos(tmp_path / "own" / "dogs", 4, start=6)
    (tmp_path / "own" / "dogs" / "a.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    (tmp_path / "own" / "dogs" / "cut.png").touch()
    sheet = tmp_path / "sheet.png"
    assert main(["look", f"folder:{tmp_path / 'own'}", *SMALL, "--epochs", "3", "-o", str(sheet)]) == 0
    out = capsys.readouterr().out
    for text in (
        "11 pictures in",
        "labels: 0 cats (6), 1 dogs (5)",
        "colors: 100 %",
        "left out: dogs/a.heic (pip install pillow-heif",
        "left out: dogs/cut.png (it is empty",
        "--model.channels 3 keeps the colors",
        "11 pictures are very few",
        "6 s on this machine's cpu",
    ):
        assert text in out, text
    with Image.open(sheet) as picture:
        assert picture.size == (8 * 16, 2 * 16)
    with pytest.raises(UnreadableImageError, match="this program has drawn it"):
        check_header(sheet)


@pytest.mark.parametrize("named_by_path", [False, True])
def test_a_table_is_looked_at_too(tmp_path, capsys, named_by_path):
    pytest.importorskip("datasets")
    name = tables.parquet(tmp_path / "own.parquet")
    sheet = tmp_path / "sheet.png"
    first = name.removeprefix("table:") if named_by_path else name
    assert main(["look", first, *SMALL, "--epochs", "3", "-o", str(sheet)]) == 0
    out = capsys.readouterr().out
    for text in (
        f"60 pictures in {name}",
        "labels: 0 cat, 1 dog, 2 owl",
        "sides: 16 to 16 pixels",
        "--model.channels 3 keeps the colors",
        "6 s on this machine's cpu",
    ):
        assert text in out, text
    with Image.open(sheet) as picture:
        assert picture.size == (8 * 16, 8 * 16)


def test_the_sheet_of_a_table_shows_its_rows(tmp_path):
    pytest.importorskip("datasets")
    data = DataConfig(name=tables.parquet(tmp_path / "own.parquet", tables.dataset(0, 4)))
    config = TrainConfig(model=ModelConfig(image_size=16, channels=3), data=data)
    sheet = preview.sheet(survey_data(data), config)
    assert sheet[0, ::16, 0].tolist()[:4] == [0, 1, 2, 3]


def test_few_or_broken_rows_of_a_table_are_a_sentence(tmp_path, capsys):
    pytest.importorskip("datasets")
    few = tables.parquet(tmp_path / "few.parquet", tables.dataset(0, 3))
    assert "few.parquet holds 3 images" in command_error(capsys, "look", few, *SMALL)
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 and nothing else")
    assert "broken.parquet" in command_error(capsys, "look", str(tmp_path / "broken.parquet"), *SMALL)


@pytest.mark.parametrize("count", [0, 3])
def test_too_few_pictures_are_refused_by_look_and_by_train(tmp_path, capsys, count, places):
    folder = photos(tmp_path / "own", count)
    for command in (["look"], ["train", "dcgan64"]):
        data = [f"folder:{folder}"] if command == ["look"] else ["--data", f"folder:{folder}"]
        error = command_error(capsys, *command, *data)
        assert str(folder) in error
    assert not any(places.glob("2*"))


def test_mistakes_are_errors_with_a_remedy(tmp_path, capsys):
    folder = f"folder:{photos(tmp_path / 'own', 4)}"
    assert "look folder:photos" in command_error(capsys, "look")
    assert "look folder:photos" in command_error(capsys, "look", "--preset", "dcgan", folder)
    assert "folder:PATH" in command_error(capsys, "look", "mnist")
    assert "write sheet.jpg.png" in command_error(capsys, "look", folder, *SMALL, "-o", "sheet.jpg")


def test_the_sheet_is_what_the_networks_see(tmp_path):
    folder = photos(tmp_path / "own", 5)
    plain, padded, mirrored, moved = (
        preview.sheet(survey_data(config.data), config)
        for config in (
            config_of(folder),
            config_of(folder, data_fit="pad"),
            config_of(folder, data_mirror=True),
            config_of(folder, augment="translate", augment_p=1.0),
        )
    )
    assert plain.shape == padded.shape == (16, 8 * 16, 3)
    cells = [
        [sheet[:, 16 * i : 16 * i + 16].astype(int) for i in range(5)] for sheet in (plain, mirrored, padded, moved)
    ]
    flipped = [not np.array_equal(a, b) for a, b in zip(*cells[:2], strict=True)]
    assert 0 < sum(flipped) <= 5
    assert all(np.array_equal(a[:, ::-1], b) for a, b, turned in zip(*cells[:2], flipped, strict=True) if turned)
    for other in cells[2:]:
        assert not np.array_equal(other, cells[0])
    icons = white_drawings(tmp_path / "icons", 4)
    config = config_of(icons)
    assert preview.sheet(survey_data(config.data), config).max() == 255


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"epochs": 3}, (40, 0, 15, 120)),
        ({"epochs": 2, "steps_per_epoch": 7}, (40, 0, 14, 112)),
        ({"epochs": 1, "data_holdout": 0.25}, (30, 10, 4, 32)),
        ({"epochs": 1, "data_limit": 9}, (9, 0, 1, 8)),
    ],
)
def test_the_length_is_that_of_the_training(tmp_path, fields, expected):
    photos(tmp_path / "own", 1)
    for i in range(1, 40):
        (tmp_path / "own" / f"{i:02}.jpg").hardlink_to(tmp_path / "own" / "img000.jpg")
    config = config_of(tmp_path / "own", **fields)
    length = preview.plan(survey_data(config.data), config)
    assert (length.training_images, length.held_out, length.steps, length.images_shown) == expected


def test_colors_and_classes_are_advised(tmp_path):
    for name in ("cats", "dogs"):
        photos(tmp_path / "own" / name, 2)
    config = config_of(tmp_path / "own")
    found = survey_data(config.data)
    assert any("channels is 3" in text for text in preview.advice(found, config))
    assert any("cpictures" in text for text in preview.advice(found, config))


@pytest.mark.parametrize(
    ("count", "images", "expected"),
    [
        *((50, 12_000, ""), (50, 16_000, "copies of your pictures")),
        *((351, 24_000, ""), (351, 40_000, "gives better samples")),
        *((3_786, 40_000, ""), (3_786, 60_000, "gives better samples")),
        (50_000, 10_000_000, ""),
    ],
)
def test_augmentation_is_advised_from_the_length_on_that_was_measured(tmp_path, count, images, expected):
    found = survey_data(DataConfig(name=f"folder:{photos(tmp_path / 'own', 8)}"))
    found = replace(found, num_images=count)

    def advised(**fields: object) -> list[str]:
        config = config_of(tmp_path / "own", steps_per_epoch=500, epochs=images // 4_000, **fields)
        return [sentence for sentence in preview.advice(found, config) if "--augment" in sentence]

    sentences = advised()
    assert len(sentences) == bool(expected)
    assert all(expected in sentence for sentence in sentences)
    assert advised(augment="translate") == []


def test_only_the_images_before_the_rates_fall_count_for_augmentation(tmp_path):
    found = survey_data(DataConfig(name=f"folder:{photos(tmp_path / 'own', 8)}"))
    found = replace(found, num_images=3_786)
    for epochs, expected in ((20, False), (40, True)):
        config = config_of(tmp_path / "own", steps_per_epoch=500, epochs=epochs, lr_decay=0.5)
        assert any("--augment" in sentence for sentence in preview.advice(found, config)) == expected
