"""Options of a folder: crop or pad, the ground of transparent pictures, and mirrored images."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from images import save_image
from own_images import deep_grays, odd_pngs, photo, photos, white_drawings
from PIL import Image

from dcgan.config import DataConfig, ModelConfig, TrainConfig
from dcgan.data.batches import StreamedBatches
from dcgan.data.folder import find_images, source_of
from dcgan.data.glance import evenly_spaced, glance_at, shown_ground
from dcgan.data.image_files import read_image
from dcgan.data.loading import load_images, make_batches
from dcgan.data.order import Order
from dcgan.runtime.distributed import Ranks

CPU = torch.device("cpu")
RGB_16 = ModelConfig(image_size=16, channels=3)
SOURCES = {
    "resident": {},
    "streamed": {"resident_limit_mib": 0, "workers": 0},
    "decoded": {"resident_limit_mib": 0, "cache": True},
    "decoded, resident": {"cache": True},
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write 7 wide photos, and a cache folder beside them."""
    monkeypatch.setenv("DCGAN_CACHE", str(tmp_path / "cache"))
    return photos(tmp_path / "photos", 7)


def training(folder: Path, **data: object) -> TrainConfig:
    return TrainConfig(model=RGB_16, data=DataConfig(name=f"folder:{folder}", **data), batch_size=4, seed=3)


def images_of(config: TrainConfig, start: int = 0, steps: int = 5) -> torch.Tensor:
    """Return the images of all steps in one tensor."""
    with contextlib.closing(make_batches(config, CPU).from_step(start)) as batches:
        return torch.cat([batch.images for batch in islice(batches, steps)])


OPTIONS = [{"fit": "pad"}, {"mirror": True}, {"ground": "black"}, {"fit": "pad", "mirror": True, "holdout": 0.2}]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_all_sources_give_the_same_bits(folder, options):
    white_drawings(folder, 2)
    resident = images_of(training(folder, **options))
    assert not torch.equal(resident[:4], images_of(training(folder, ground="white", holdout=0))[:4])
    for data in SOURCES.values():
        for start in (0, 3):  # a resume starts in the middle
            images = images_of(training(folder, **options, **data), start, 2)
            assert torch.equal(images, images_of(training(folder, **options), start, 2))


def test_the_decoded_files_of_other_options_are_kept_beside_each_other(folder):
    white_drawings(folder, 2)
    for options in ({}, {"fit": "pad"}, {"ground": "white"}, {"ground": "black", "fit": "pad"}):
        images_of(training(folder, cache=True, **options))
    names = {path.name for path in (folder.parent / "cache").rglob("*.npy")}
    assert names == {f"16x16-rgb{options}.npy" for options in ("-black", "-pad-black", "")}


def test_padding_keeps_all_of_a_wide_image_on_the_color_of_its_border(tmp_path):
    pixels = np.full((8, 16, 3), 40, np.uint8)
    pixels[2:6, 0:3] = (200, 100, 0)
    pixels[:, 8:] = 60
    path = save_image(tmp_path / "a.png", pixels)
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    padded = read_image(path, 16, 3, fit="pad").transpose(1, 2, 0)
    assert np.array_equal(padded[4:12], pixels)
    assert np.array_equal(padded[[0, 3, 12, 15]], np.tile(border.mean(0).round(), (4, 16, 1)))
    tall = save_image(tmp_path / "b.png", pixels.transpose(1, 0, 2))
    assert np.array_equal(read_image(tall, 16, 3, fit="pad").transpose(2, 1, 0), padded)
    assert read_image(path, 32, 1, fit="pad").shape == (1, 32, 32)
    square = save_image(tmp_path / "c.png", pixels[:, :8])
    assert np.array_equal(read_image(square, 8, 3, fit="pad"), read_image(square, 8, 3))


@pytest.mark.parametrize("size", [(1, 999), (999, 1)])
def test_a_line_can_be_padded(tmp_path, size):
    Image.new("RGB", size, (1, 2, 3)).save(tmp_path / "line.png")
    assert (read_image(tmp_path / "line.png", 8, 3, fit="pad") == np.reshape((1, 2, 3), (3, 1, 1))).all()


def test_auto_shows_light_drawings_on_black_and_all_others_on_white(tmp_path):
    light = white_drawings(tmp_path / "light")
    assert shown_ground(find_images(light)) == "black"
    images = load_images(DataConfig(name=f"folder:{light}"), RGB_16).images_u8
    assert (images.amin((1, 2, 3)) == 0).all()
    assert (images.amax((1, 2, 3)) == 255).all()
    on_white = load_images(DataConfig(name=f"folder:{light}", ground="white"), RGB_16).images_u8
    assert on_white.min() == 255
    for name, color in {"dark": (0, 0, 0, 255), "yellow": (255, 204, 50, 255), "clear": (0, 0, 0, 0)}.items():
        place = tmp_path / name
        for i in range(3):
            pixels = np.zeros((32, 32, 4), np.uint8)
            pixels[8:24, 8 : 20 + i] = color
            save_image(place / f"{i}.png", pixels)
        assert shown_ground(find_images(place)) == "white", name
    assert shown_ground(find_images(photos(tmp_path / "photos"))) == "white"


def test_the_ground_is_that_of_the_folder_whatever_part_is_trained_on(tmp_path):
    white_drawings(tmp_path / "both", 5)
    black = np.zeros((32, 32, 4), np.uint8)
    black[8:24, 8:20, 3] = 255
    for i in range(4):
        save_image(tmp_path / "both" / f"a{i}.png", black)  # the first ones in path order
    config = training(tmp_path / "both")
    assert make_batches(config, CPU).source.ground == "black"
    assert make_batches(replace(config, data=replace(config.data, limit=3)), CPU).source.ground == "black"


def test_a_resume_keeps_the_ground_that_the_training_began_with(tmp_path):
    config = training(white_drawings(tmp_path / "icons", 3))
    source = make_batches(config, CPU).source
    for i in range(4):
        black = np.zeros((32, 32, 4), np.uint8)
        black[8:24, 8:20, 3] = 255
        save_image(tmp_path / "icons" / f"new{i}.png", black)
    assert make_batches(config, CPU).source.ground == "white"
    assert make_batches(config, CPU, source=source).source.ground == source.ground == "black"
    # A save of an earlier version has no ground, and its config has white.
    earlier = replace(config, data=replace(config.data, ground="white"))
    assert make_batches(earlier, CPU, source=source._replace(ground="")).source.ground == "white"


def test_half_of_the_images_are_mirrored_by_seed_and_step(folder):
    plain, mirrored = (images_of(training(folder, mirror=mirror), 0, 40) for mirror in (False, True))
    flipped = (mirrored != plain).flatten(1).any(1)
    assert torch.equal(mirrored[flipped], plain[flipped].flip(3))
    assert 0.35 < flipped.float().mean() < 0.65
    other = images_of(replace(training(folder, mirror=True), seed=4), 0, 40)
    assert not torch.equal(other, mirrored)
    held = make_batches(training(folder, mirror=True), CPU)
    assert torch.equal(held.first_images(7), make_batches(training(folder), CPU).first_images(7))


def test_ranks_mirror_what_one_process_mirrors(folder):
    config = training(folder, mirror=True)
    whole = images_of(config)
    for data in ({}, SOURCES["streamed"]):
        shares = []
        for rank in range(3):
            batches = make_batches(training(folder, mirror=True, **data), CPU, Ranks(rank, 3))
            shares.append([batch.images for batch in islice(batches.from_step(0), 5)])
        assert torch.equal(torch.cat([share for step in zip(*shares, strict=True) for share in step]), whole)


def test_the_order_of_the_images_does_not_depend_on_mirror(folder):
    order = Order.of(training(folder), 7)
    assert order.mirrored(0).tolist() == Order.of(training(folder, mirror=True), 7).mirrored(0).tolist()
    assert [len(order.mirrored(step)) for step in (0, 1, 2)] == [4, 3, 4]
    assert order.mirrored(0).dtype == bool


def test_a_glance_says_what_a_picture_is(tmp_path):
    photo().save(tmp_path / "photo.jpg")
    assert glance_at(tmp_path / "photo.jpg") == (96, 64, True, False, (), 8, 8)
    exif = Image.Exif()
    exif[0x0112] = 6
    photo().convert("L").convert("RGB").save(tmp_path / "gray.jpg", exif=exif, quality=60)
    assert glance_at(tmp_path / "gray.jpg") == (64, 96, False, False, (), 8, 8)
    icon = white_drawings(tmp_path) / "icon0.png"
    assert glance_at(icon) == (64, 64, False, True, ("white",), 8, 8)
    full, part, integer = map(glance_at, deep_grays(tmp_path))
    assert [(glance.bits, glance.stored_bits) for glance in (full, part, integer)] == [(16, 16), (12, 16), (8, 32)]
    for path in odd_pngs(tmp_path):
        assert glance_at(path).has_color


def test_a_sample_is_evenly_spaced():
    assert evenly_spaced(3, 64) == [0, 1, 2]
    assert evenly_spaced(1000, 4) == [0, 250, 500, 750]
    assert evenly_spaced(0, 4) == []


def test_streamed_batches_follow_the_options_of_their_files(folder):
    files = find_images(folder)._replace(fit="pad")
    streamed = StreamedBatches(files, training(folder, workers=0), CPU)
    padded = torch.from_numpy(np.stack([read_image(path, 16, 3, fit="pad") for path in files.paths]))
    assert torch.equal(((streamed.first_images(7) + 1) * 127.5).round().to(torch.uint8), padded)
    assert source_of(files, conditional=False).ground == "white"
