"""What a folder holds, what a training would change in it, and the folders that are refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from images import save_image
from own_images import deep_grays, photo, photos, white_drawings

from dcgan.config import DataConfig, ModelConfig, TrainConfig
from dcgan.data.folder import find_images
from dcgan.data.loading import make_batches
from dcgan.data.picture_notes import notes_on
from dcgan.data.survey import MIN_PICTURES, require_pictures, survey, survey_data

GRAY_32, RGB_32 = ModelConfig(image_size=32), ModelConfig(image_size=32, channels=3)


def notes_of(folder: Path, model: ModelConfig, **options: object) -> tuple[str, ...]:
    """Return the notes of a training on the folder."""
    data = DataConfig(name=f"folder:{folder}", **options)
    return make_batches(TrainConfig(model=model, data=data), torch.device("cpu")).notes


def test_colors_that_are_lost_are_a_note_with_the_flag_that_keeps_them(tmp_path):
    folder = photos(tmp_path / "color", 6)
    (lost,) = (note for note in notes_of(folder, GRAY_32) if "color" in note)
    assert lost == "100 % of the images have colors and are made gray; --model.channels 3 keeps the colors"
    assert not [note for note in notes_of(folder, RGB_32) if "color" in note]
    for path in folder.iterdir():
        photo().convert("L").convert("RGB").save(path)
    assert not [note for note in notes_of(folder, GRAY_32) if "color" in note]


def test_small_images_are_a_note_with_a_size_that_fits(tmp_path):
    for i in range(8):
        photo(16, 16, seed=i).save(tmp_path / f"{i}.png")
    (note,) = notes_of(tmp_path, RGB_32)
    assert note.startswith("100 % of the images are smaller than 32x32 and enlarged; --model.image-size 16")
    assert notes_of(tmp_path, replace(RGB_32, image_size=16)) == ()


def test_wide_images_are_a_note_with_the_flag_that_keeps_all_of_them(tmp_path):
    folder = photos(tmp_path / "wide", 5)  # 96x64
    (note,) = notes_of(folder, RGB_32)
    assert "cropped at both ends; --data.fit pad" in note
    assert notes_of(folder, RGB_32, fit="pad") == ()


def test_the_ground_of_transparent_pictures_is_a_note(tmp_path):
    white_drawings(tmp_path / "icons")
    assert "--data.ground white" in notes_of(tmp_path / "icons", RGB_32)[0]
    (note,) = notes_of(tmp_path / "icons", RGB_32, ground="white")
    assert note.startswith("8 of 8 transparent pictures can hardly be seen on white; --data.ground black")


def test_deep_grays_are_a_note(tmp_path):
    deep_grays(tmp_path)
    (note,) = notes_of(tmp_path, GRAY_32)
    assert "(8 of 32, 12 of 16)" in note


def test_a_survey_counts_what_the_folder_holds(tmp_path):
    photos(tmp_path / "cats", 3)
    for i in range(5):
        save_image(tmp_path / "dogs" / f"{i}.png", np.full((20 + i, 30), 9, np.uint8))
    white_drawings(tmp_path / "icons", 2)
    (tmp_path / "dogs" / "broken.png").touch()
    (tmp_path / "dogs" / "notes.txt").touch()
    found = survey_data(DataConfig(name=f"folder:{tmp_path}"))
    assert (found.num_images, found.num_looked_at, found.is_whole) == (11, 10, True)
    assert (found.num_colored, found.num_transparent, found.num_wide, found.channels) == (3, 2, 3 + 1, 3)
    assert found.labels == (("cats", 3), ("dogs", 6), ("icons", 2))
    assert [name for name, _ in found.unreadable] == ["dogs/broken.png"]
    assert found.passed == ((".txt", 1),)
    assert (found.side_range, found.num_smaller(24)) == ((20, 96), 4)
    assert found.ground == "black"


def test_a_survey_that_is_cut_short_is_a_fair_sample(tmp_path):
    save_image(tmp_path / "a.png", 1)
    for i in range(1, 100):
        (tmp_path / f"{i:03}.png").hardlink_to(tmp_path / "a.png")
    found = survey(find_images(tmp_path), max_seconds=0)
    assert 0 < found.num_looked_at < 100
    assert not found.is_whole
    assert survey(find_images(tmp_path), most=10).num_looked_at == 10
    assert notes_on(found, DataConfig(), GRAY_32)[0].startswith("about 100 % of the images are smaller")


def test_few_pictures_are_refused_by_number(tmp_path):
    photos(tmp_path, MIN_PICTURES)
    require_pictures(find_images(tmp_path))
    (tmp_path / "img000.jpg").unlink()
    with pytest.raises(ValueError, match=rf"{tmp_path} holds 3 images, .* needs {MIN_PICTURES} or more"):
        survey_data(DataConfig(name=f"folder:{tmp_path}"))
    for path in tmp_path.iterdir():
        path.unlink()
    with pytest.raises(ValueError, match="holds no image files"):
        survey_data(DataConfig(name=f"folder:{tmp_path}"))
