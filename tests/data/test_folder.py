"""The user's own images: every mode, every file that must not stop a training, labels and the split."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dcgan.data.folder import (
    UnreadableImageError,
    check_header,
    class_note,
    find_images,
    fit_array,
    keep_readable,
    read_image,
    require_classes,
    source_of,
    split_files,
)


def save(path: Path, pixels: object, mode: str | None = None, **options: object) -> Path:
    """Pixels are an array, or one colour for an 8x8 image of the given mode."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(pixels) if isinstance(pixels, np.ndarray) else Image.new(mode, (8, 8), pixels)
    image.save(path, **options)
    return path


def names(files) -> list[str]:
    return [path.relative_to(files.folder).as_posix() for path in files.paths]


def flat(dtype: type, value: float) -> np.ndarray:
    return np.full((8, 8), value, dtype)


RED_LUMINANCE = 76  # 0.299 * 255, ITU-R 601-2


@pytest.mark.parametrize(
    ("file", "pixels", "mode", "rgb", "grey"),
    [
        ("a.png", 1, "1", (255, 255, 255), 255),
        ("a.png", 0, "1", (0, 0, 0), 0),
        ("a.png", 77, "L", (77, 77, 77), 77),
        ("a.png", (0, 0), "LA", (255, 255, 255), 255),
        ("a.png", (10, 255), "LA", (10, 10, 10), 10),
        ("a.png", (255, 0, 0), "RGB", (255, 0, 0), RED_LUMINANCE),
        ("a.png", (255, 0, 0, 255), "RGBA", (255, 0, 0), RED_LUMINANCE),
        ("a.png", (255, 0, 0, 0), "RGBA", (255, 255, 255), 255),
        ("a.png", (0, 0, 0, 51), "RGBA", (204, 204, 204), 204),
        ("a.tif", (0, 255, 255, 0), "CMYK", (255, 0, 0), RED_LUMINANCE),
        ("a.png", flat(np.uint16, 0), None, (0, 0, 0), 0),
        ("a.png", flat(np.uint16, 257 * 100), None, (100, 100, 100), 100),
        ("a.png", flat(np.uint16, 65535), None, (255, 255, 255), 255),
        ("a.tif", flat(np.uint16, 257 * 100), None, (100, 100, 100), 100),
        ("a.tif", flat(np.int32, 257 * 100), None, (100, 100, 100), 100),
        ("a.tif", flat(np.int32, -5), None, (0, 0, 0), 0),
        ("a.tif", flat(np.int32, 70000), None, (255, 255, 255), 255),
        ("a.tif", flat(np.float32, 0.4), None, (102, 102, 102), 102),
        ("a.tif", flat(np.float32, 102.4), None, (102, 102, 102), 102),
        ("a.tif", flat(np.float32, 300), None, (255, 255, 255), 255),
        ("a.tif", flat(np.float32, np.nan), None, (0, 0, 0), 0),
    ],
)
def test_every_mode_becomes_grey_and_rgb(tmp_path, file, pixels, mode, rgb, grey):
    path = save(tmp_path / file, pixels, mode)
    assert np.array_equal(read_image(path, 4, 3), np.full((3, 4, 4), np.reshape(rgb, (3, 1, 1))))
    assert np.array_equal(read_image(path, 4, 1), np.full((1, 4, 4), grey))
    assert read_image(path, 4, 1).dtype == np.uint8


def test_a_palette_keeps_its_colours_and_its_transparency(tmp_path):
    image = Image.new("P", (8, 8), 0)
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.paste(1, (4, 0, 8, 8))
    image.save(tmp_path / "opaque.png")
    image.save(tmp_path / "clear.png", transparency=0)
    image.save(tmp_path / "bytes.png", transparency=bytes([0, 255]))
    image.save(tmp_path / "clear.gif", transparency=0)
    assert read_image(tmp_path / "opaque.png", 8, 3)[:, 0, 0].tolist() == [255, 0, 0]
    for name in ("clear.png", "bytes.png", "clear.gif"):
        pixels = read_image(tmp_path / name, 8, 3)
        assert pixels[:, 0, 0].tolist() == [255, 255, 255]
        assert pixels[:, 0, 7].tolist() == [0, 0, 255]


def test_a_colour_declared_transparent_is_paper(tmp_path):
    save(tmp_path / "grey.png", 9, "L", transparency=9)
    save(tmp_path / "rgb.png", (9, 8, 7), "RGB", transparency=(9, 8, 7))
    assert read_image(tmp_path / "grey.png", 4, 1).min() == 255
    assert read_image(tmp_path / "rgb.png", 4, 3).min() == 255


def test_an_image_of_the_right_size_keeps_its_bits(tmp_path):
    pixels = np.random.RandomState(0).randint(0, 256, (8, 8, 3)).astype(np.uint8)
    assert np.array_equal(read_image(save(tmp_path / "a.png", pixels), 8, 3), pixels.transpose(2, 0, 1))
    grey = pixels[..., 0]
    assert np.array_equal(read_image(save(tmp_path / "b.png", grey), 8, 1), grey[None])
    assert np.array_equal(fit_array(grey[None], 8, 3), np.stack([grey] * 3))
    assert np.array_equal(fit_array(pixels.transpose(2, 0, 1), 8, 3), pixels.transpose(2, 0, 1))


def test_the_middle_is_kept(tmp_path):
    wide = np.zeros((10, 30), np.uint8)
    wide[:, 10:20] = 200
    assert np.array_equal(read_image(save(tmp_path / "wide.png", wide), 10, 1), np.full((1, 10, 10), 200))
    assert np.array_equal(read_image(save(tmp_path / "tall.png", wide.T), 10, 1), np.full((1, 10, 10), 200))


def test_shrinking_averages_instead_of_skipping(tmp_path):
    stripes = np.zeros((64, 64), np.uint8)
    stripes[:, ::2] = 255
    small = read_image(save(tmp_path / "a.png", stripes), 8, 1)[:, 1:-1, 1:-1]
    assert abs(small.astype(int) - 127).max() <= 2


def test_a_camera_held_sideways_is_upright(tmp_path):
    pixels = np.zeros((8, 8), np.uint8)
    pixels[:4] = 255  # bright above
    exif = Image.Exif()
    exif[0x0112] = 6  # stored lying on its left side: the viewer turns it a quarter clockwise
    upright = read_image(save(tmp_path / "a.png", pixels, exif=exif), 8, 1)[0]
    assert np.array_equal(upright, np.rot90(pixels, -1))


def test_a_large_jpeg_is_decoded_small_and_right(tmp_path):
    ramp = np.tile(np.linspace(0, 255, 1024), (768, 1)).astype(np.uint8)
    small = read_image(save(tmp_path / "a.jpg", ramp, quality=95), 16, 1)[0].astype(int)
    middle = ramp[:, 128:-128].reshape(16, 48, 16, 48).mean((1, 3))
    assert abs(small - middle)[:, 1:-1].max() <= 2


@pytest.fixture
def mixed(tmp_path) -> Path:
    save(tmp_path / "b.png", 2, "L")
    save(tmp_path / "B.JPG", 3, "L")
    save(tmp_path / "sub" / "deep" / "a.webp", (4, 4, 4), "RGB", lossless=True)
    save(tmp_path / "a" / "z.bmp", 1, "L")
    save(tmp_path / ".hidden.png", 9, "L")
    save(tmp_path / ".git" / "x.png", 9, "L")
    for name in ("notes.txt", "Thumbs.db", "paper.pdf", "film.mpg", "LICENSE"):
        (tmp_path / name).write_text("no image")
    return tmp_path


def test_images_are_found_at_any_depth_in_one_order_and_nothing_else(mixed):
    files = find_images(mixed)
    assert names(files) == ["B.JPG", "a/z.bmp", "b.png", "sub/deep/a.webp"]
    assert files.labels is None
    assert files.notes == ()
    assert keep_readable(files, lambda path: read_image(path, 4, 1)).notes == ()


def test_a_broken_file_is_counted_and_named_and_stops_nothing(mixed):
    (mixed / "a" / "empty.png").touch()
    (mixed / "text.png").write_text("no image")
    cut = save(mixed / "cut.png", np.random.RandomState(0).randint(0, 256, (64, 64)).astype(np.uint8))
    cut.write_bytes(cut.read_bytes()[:2000])
    (mixed / "gone.png").symlink_to(mixed / "nowhere.png")
    images = np.zeros((8, 1, 4, 4), np.uint8)
    files = keep_readable(find_images(mixed), lambda path: read_image(path, 4, 1), threads=2, into=images)
    assert names(files) == ["B.JPG", "a/z.bmp", "b.png", "sub/deep/a.webp"]
    left_out = "a/empty.png, cut.png, gone.png, text.png"
    assert files.notes == (f"4 of 8 files could not be read and were left out: {left_out}",)
    assert images[:5, 0, 0, 0].tolist() == [3, 1, 2, 4, 0]
    headers = keep_readable(find_images(mixed), check_header)
    assert names(headers) == ["B.JPG", "a/z.bmp", "b.png", "cut.png", "sub/deep/a.webp"]


def test_the_first_five_are_named_and_the_rest_counted(tmp_path):
    save(tmp_path / "good.png", 1, "L")
    for i in range(7):
        (tmp_path / f"bad{i}.png").touch()
    (note,) = keep_readable(find_images(tmp_path), check_header).notes
    named = "bad0.png, bad1.png, bad2.png, bad3.png, bad4.png and 2 more"
    assert note == f"7 of 8 files could not be read and were left out: {named}"


def test_a_name_that_is_no_utf8_can_be_shown(tmp_path):
    save(tmp_path / "good.png", 1, "L")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.png")).touch()
    (note,) = keep_readable(find_images(tmp_path), check_header).notes
    assert note.encode().endswith(rb": \udcff.png")


@pytest.mark.parametrize("read", [check_header, lambda path: read_image(path, 4, 1)])
@pytest.mark.parametrize("limit_pixels", [50, 20])
def test_a_decompression_bomb_is_unreadable(tmp_path, monkeypatch, read, limit_pixels):
    path = save(tmp_path / "bomb.png", 1, "L")  # 64 pixels: Pillow itself warns of 50, refuses twice 20
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit_pixels)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(UnreadableImageError, match=r"bomb\.png cannot be read .*try PNG"):
            read(path)


def test_eps_never_reaches_ghostscript(tmp_path):
    header = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\n"
    (tmp_path / "a.png").write_bytes(header)
    with pytest.raises(UnreadableImageError):
        check_header(tmp_path / "a.png")


def test_nothing_readable_is_an_error_that_names_the_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match="missing does not exist"):
        find_images(tmp_path / "missing")
    with pytest.raises(ValueError, match=r"holds no image files \(found: nothing\)"):
        find_images(tmp_path)
    for name in ("a.txt", "b.txt", "c"):
        (tmp_path / name).touch()
    with pytest.raises(ValueError, match=rf"{tmp_path} holds .*2 \.txt, 1 no extension.*PNG"):
        find_images(tmp_path)
    with pytest.raises(ValueError, match=r"a\.txt is a file, not a folder"):
        find_images(tmp_path / "a.txt")
    (tmp_path / "a.png").touch()
    with pytest.raises(ValueError, match=rf"none of the 1 image files in {tmp_path} .*a\.png"):
        keep_readable(find_images(tmp_path), check_header)


def test_subfolders_are_classes_if_every_image_lies_in_one(tmp_path):
    for name in ("dogs/1.png", "cats/2.png", "cats/young/1.png", "ants/1.png"):
        save(tmp_path / name, 1, "L")
    (tmp_path / "empty").mkdir()
    files = find_images(tmp_path)
    assert names(files) == ["ants/1.png", "cats/2.png", "cats/young/1.png", "dogs/1.png"]
    assert files.classes == ("ants", "cats", "dogs")
    assert files.labels.tolist() == [0, 1, 1, 2]
    assert files.labels.dtype == np.int64
    assert class_note(files) == "labels are the subfolders: 0 ants, 1 cats, 2 dogs"
    limited = keep_readable(files, check_header, limit=2)
    assert limited.labels.tolist() == [0, 1]
    assert class_note(limited).endswith("; no image is left of 2 dogs")
    save(tmp_path / "stray.png", 1, "L")
    assert find_images(tmp_path).labels is None


def test_linked_folders_are_followed_and_rings_end(tmp_path):
    place, elsewhere = tmp_path / "place", tmp_path / "elsewhere"
    for path in (place / "ants" / "1.png", elsewhere / "2.png", elsewhere / "young" / "3.png"):
        save(path, 1, "L")
    (place / "bees").symlink_to(elsewhere)
    (elsewhere / "young" / "back").symlink_to(elsewhere)  # a ring
    (place / "up").symlink_to(tmp_path)  # what the folder lies in is not in the folder
    (place / "again").symlink_to("ants")  # sorts before it, and takes nothing from it
    (place / "gone").symlink_to(tmp_path / "nowhere")
    (place / ".hidden").symlink_to(elsewhere)
    files = find_images(place)
    assert names(files) == ["ants/1.png", "bees/2.png", "bees/young/3.png"]
    assert files.classes == ("ants", "bees")
    assert keep_readable(files, check_header).notes == ()
    (tmp_path / "link").symlink_to(place)
    assert names(find_images(tmp_path / "link")) == names(files)


def test_the_record_of_files_changes_with_their_names_their_order_and_their_classes(tmp_path):
    for name in ("ants/1.png", "bees/2.png", "bees/3.png"):
        save(tmp_path / name, 1, "L")
    files = find_images(tmp_path)
    source = source_of(files, labelled=True)
    assert source[:2] == (3, ("ants", "bees"))
    assert source_of(files, labelled=False) == source._replace(classes=())
    assert source_of(find_images(tmp_path), labelled=True) == source
    (tmp_path / "bees" / "3.png").rename(tmp_path / "bees" / "0.png")
    renamed = source_of(find_images(tmp_path), labelled=True)
    assert renamed[:2] == source[:2]
    assert renamed.names_hash != source.names_hash
    require_classes(find_images(tmp_path), source)
    (tmp_path / "bees").rename(tmp_path / "wasps")
    with pytest.raises(ValueError, match=r"not the 2 classes.*\(gone: bees; new: wasps\); put them back"):
        require_classes(find_images(tmp_path), source)
    require_classes(find_images(tmp_path), source._replace(classes=()))


def test_a_limit_counts_readable_images(tmp_path):
    for i in range(5):
        save(tmp_path / f"{i}.png", i, "L")
    (tmp_path / "1.png").write_text("broken")
    files = keep_readable(find_images(tmp_path), check_header, limit=3)
    assert names(files) == ["0.png", "2.png", "3.png"]


@pytest.mark.parametrize(("holdout", "num_test"), [(0.1, 2), (0.5, 10), (0.01, 1), (0.99, 20)])
def test_the_split_is_disjoint_complete_and_drawn_by_the_seed(tmp_path, holdout, num_test):
    for i in range(20):
        save(tmp_path / f"{i:02}.png", i, "L")
    files = find_images(tmp_path)
    test = names(split_files(files, holdout, 3, "test"))
    assert len(test) == num_test
    assert test == sorted(test)
    if num_test == 20:
        with pytest.raises(ValueError, match=r"holdout=0\.99 leaves none of the 20 images"):
            split_files(files, holdout, 3, "train")
        return
    train = names(split_files(files, holdout, 3, "train"))
    assert sorted(train + test) == names(files)
    assert train == sorted(train)
    assert names(split_files(files, holdout, 3, "train")) == train
    assert names(split_files(files, 0.5, 4, "test")) != names(split_files(files, 0.5, 3, "test"))
    assert names(split_files(files, 0, 3, "train")) == names(files)


def test_the_split_keeps_images_and_labels_together(tmp_path):
    for i in range(12):
        save(tmp_path / f"class{i % 3}" / f"{i}.png", i, "L")
    for split in ("train", "test"):
        files = split_files(find_images(tmp_path), 0.4, 0, split)
        assert [int(path.stem) % 3 for path in files.paths] == files.labels.tolist()


def test_no_holdout_has_no_test_images(tmp_path):
    save(tmp_path / "a.png", 1, "L")
    with pytest.raises(ValueError, match=r"data\.holdout=0 .*--data\.holdout 0\.1"):
        split_files(find_images(tmp_path), 0, 0, "test")
