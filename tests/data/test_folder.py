"""The files of a folder: which are found, files that must not stop a training, labels and the split."""

from __future__ import annotations

import errno
import logging
import os
from pathlib import Path

import numpy as np
import pytest
from images import save_image as save
from own_images import photo, photos

from dcgan.data.folder import (
    class_note,
    find_images,
    first_names,
    log_left_out,
    num_held_out,
    readable_files,
    some_files,
    source_of,
    split_files,
    with_classes_of,
)
from dcgan.data.folder_walk import DRAWN, RUNS
from dcgan.data.image_files import check_header, read_image


def names(files) -> list[str]:
    return [path.relative_to(files.folder).as_posix() for path in files.paths]


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
    assert readable_files(files, lambda path: read_image(path, 4, 1)).notes == ()


def test_a_broken_file_is_counted_and_named_and_the_others_are_read(mixed):
    (mixed / "a" / "empty.png").touch()
    (mixed / "text.png").write_text("no image")
    cut = save(mixed / "cut.png", np.random.RandomState(0).randint(0, 256, (64, 64)).astype(np.uint8))
    cut.write_bytes(cut.read_bytes()[:2000])
    (mixed / "gone.png").symlink_to(mixed / "nowhere.png")
    images = np.zeros((8, 1, 4, 4), np.uint8)
    files = readable_files(find_images(mixed), lambda path: read_image(path, 4, 1), threads=2, into=images)
    assert names(files) == ["B.JPG", "a/z.bmp", "b.png", "sub/deep/a.webp"]
    left_out = "a/empty.png, cut.png, gone.png, text.png"
    assert files.notes == (f"4 of 8 files could not be read and were left out: {left_out}",)
    assert images[:5, 0, 0, 0].tolist() == [3, 1, 2, 4, 0]
    headers = readable_files(find_images(mixed), check_header)
    assert names(headers) == ["B.JPG", "a/z.bmp", "b.png", "cut.png", "sub/deep/a.webp"]


def test_the_first_five_are_named_and_the_rest_counted(tmp_path):
    save(tmp_path / "good.png", 1, "L")
    for i in range(7):
        (tmp_path / f"bad{i}.png").touch()
    (note,) = readable_files(find_images(tmp_path), check_header).notes
    named = "bad0.png, bad1.png, bad2.png, bad3.png, bad4.png and 2 more"
    assert note == f"7 of 8 files could not be read and were left out: {named}"


def test_a_name_that_is_not_utf8_can_be_shown(tmp_path):
    save(tmp_path / "good.png", 1, "L")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.png")).touch()
    (note,) = readable_files(find_images(tmp_path), check_header).notes
    assert note.encode().endswith(rb": \udcff.png")


def test_a_folder_without_a_readable_image_is_an_error_that_names_it(tmp_path):
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
        readable_files(find_images(tmp_path), check_header)


def test_subfolders_are_classes_if_every_image_is_in_one(tmp_path):
    for name in ("dogs/1.png", "cats/2.png", "cats/young/1.png", "ants/1.png"):
        save(tmp_path / name, 1, "L")
    (tmp_path / "empty").mkdir()
    files = find_images(tmp_path)
    assert names(files) == ["ants/1.png", "cats/2.png", "cats/young/1.png", "dogs/1.png"]
    assert files.classes == ("ants", "cats", "dogs")
    assert files.labels.tolist() == [0, 1, 1, 2]
    assert files.labels.dtype == np.int64
    assert class_note(files) == "labels are the subfolders: 0 ants, 1 cats, 2 dogs"
    limited = readable_files(files, check_header, limit=2)
    assert limited.labels.tolist() == [0, 1]
    assert class_note(limited).endswith("; no image is left of 2 dogs")
    save(tmp_path / "stray.png", 1, "L")
    assert find_images(tmp_path).labels is None


def test_linked_folders_are_followed_and_cycles_end(tmp_path):
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
    assert readable_files(files, check_header).notes == ()
    (tmp_path / "link").symlink_to(place)
    assert names(find_images(tmp_path / "link")) == names(files)


def test_the_record_of_files_changes_with_their_names_their_order_and_their_classes(tmp_path):
    for name in ("ants/1.png", "bees/2.png", "bees/3.png"):
        save(tmp_path / name, 1, "L")
    files = find_images(tmp_path)
    source = source_of(files, conditional=True)
    assert source[:2] == (3, ("ants", "bees"))
    assert source_of(files, conditional=False) == source._replace(classes=())
    assert source_of(find_images(tmp_path), conditional=True) == source
    (tmp_path / "bees" / "3.png").rename(tmp_path / "bees" / "0.png")
    renamed = source_of(find_images(tmp_path), conditional=True)
    assert renamed[:2] == source[:2]
    assert renamed.names_hash != source.names_hash
    with_classes_of(find_images(tmp_path), source)
    (tmp_path / "bees").rename(tmp_path / "wasps")
    with pytest.raises(ValueError, match=r"not the 2 classes.*\(gone: bees; new: wasps\); put them back"):
        with_classes_of(find_images(tmp_path), source)
    with_classes_of(find_images(tmp_path), source._replace(classes=()))


def test_a_limit_counts_readable_images(tmp_path):
    for i in range(5):
        save(tmp_path / f"{i}.png", i, "L")
    (tmp_path / "1.png").write_text("broken")
    files = readable_files(find_images(tmp_path), check_header, limit=3)
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


@pytest.mark.parametrize(
    ("count", "holdout", "least", "expected"),
    [(50, 0.1, 16, 0), (99, 0.1, 16, 0), (100, 0.1, 16, 16), (160, 0.1, 16, 16), (170, 0.1, 16, 17), (50, 0.1, 0, 5)],
)
def test_few_images_are_not_held_out_and_otherwise_not_too_few(count, holdout, least, expected):
    assert num_held_out(count, holdout, least=least) == expected
    assert num_held_out(count, 0, least=least) == 0


def test_a_folder_that_is_too_small_for_a_holdout_is_trained_on_whole(tmp_path):
    for i in range(99):
        save(tmp_path / f"{i:02}.png", i, "L")
    files = find_images(tmp_path)
    assert len(split_files(files, 0.1, 0, "train", least=16).paths) == 99
    with pytest.raises(ValueError, match=r"99 images, and none of fewer than 100 .*--data\.min-holdout 0"):
        split_files(files, 0.1, 0, "test", least=16)
    save(tmp_path / "99.png", 99, "L")
    parts = [names(split_files(find_images(tmp_path), 0.1, 0, split, least=16)) for split in ("train", "test")]
    assert [len(part) for part in parts] == [84, 16]


def test_some_files_are_drawn_in_path_order_and_always_the_same(tmp_path):
    for i in range(20):
        save(tmp_path / f"{i:02}.png", i, "L")
    files = find_images(tmp_path)
    drawn = names(some_files(files, 5))
    assert len(set(drawn)) == 5
    assert drawn == sorted(drawn) != names(files)[:5]
    assert names(some_files(files, 5)) == drawn
    assert names(some_files(files, 0)) == names(some_files(files, 20)) == names(files)


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


def test_files_without_or_with_an_odd_extension_are_read_and_others_named(tmp_path):
    photos(tmp_path, 4)
    for i in range(3):
        photo(seed=i).save(tmp_path / f"scraped{i}", "JPEG")
        photo(seed=i).save(tmp_path / f"pic{i}.jpg?w=640", "PNG")
    for i in range(20):
        (tmp_path / f"IMG_{i}.HEIC").write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    (tmp_path / "drawing.svg").write_text("<svg/>")
    (tmp_path / "notes.txt").write_text("no image")
    left_out: dict[str, str] = {}
    files = find_images(tmp_path, report=left_out.__setitem__)
    assert len(files.paths) == 10, "the plugin is not one of this project's packages"
    assert dict(files.passed) == {".heic": 20, ".svg": 1, ".txt": 1}
    heic, svg = files.notes
    assert heic == "20 .heic files were left out; pip install pillow-heif lets them be read"
    assert svg.startswith("1 .svg files")
    assert len(left_out) == 22
    assert "pillow-heif" in left_out["IMG_7.HEIC"]


def test_a_folder_of_numbers_is_in_the_order_of_the_numbers(tmp_path):
    for number in range(12):
        photos(tmp_path / str(number), 1)
    files = find_images(tmp_path)
    assert files.classes == tuple(map(str, range(12)))
    assert files.labels.tolist() == [int(path.parent.name) for path in files.paths]
    # Version 0.2.0 sorted the names, and its trainings continue with their own labels.
    earlier = tuple(sorted(files.classes))
    resumed = with_classes_of(files, source_of(files, conditional=True)._replace(classes=earlier))
    assert resumed.classes == earlier
    assert [earlier[label] for label in resumed.labels] == [path.parent.name for path in files.paths]
    photos(tmp_path / "other", 1)
    assert find_images(tmp_path).classes == (*sorted(files.classes), "other")


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO])
def test_a_subfolder_that_cannot_be_listed_is_an_error_that_names_it(tmp_path, monkeypatch, number):
    for name in ("cats", "dogs"):
        photos(tmp_path / name, 1)
    scandir = os.scandir

    def refuse(place):
        if os.path.basename(place) == "dogs":
            raise OSError(number, os.strerror(number), place)
        return scandir(place)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(ValueError, match=rf"the folder {tmp_path / 'dogs'} cannot be listed \({os.strerror(number)}"):
        find_images(tmp_path)


def test_archives_are_to_be_unpacked_first(tmp_path):
    (tmp_path / "images.zip").write_bytes(b"PK\x03\x04" + bytes(20))
    with pytest.raises(ValueError, match=r"found: 1 \.zip\); \.zip: unpack them first"):
        find_images(tmp_path)
    with pytest.raises(ValueError, match=r"images\.zip is a file, not a folder; unpack it first"):
        find_images(tmp_path / "images.zip")
    photos(tmp_path, 1)
    assert find_images(tmp_path).notes == ("1 .zip files were left out; unpack them first",)


def test_what_this_program_wrote_is_left_out(tmp_path, monkeypatch):
    monkeypatch.setenv("DCGAN_RUNS", str(tmp_path / "runs"))
    for name in ("cats", "dogs"):
        photos(tmp_path / name, 2)
    for run in ("runs/20261124-101502-dcgan-s0", "cats/copied"):
        save(tmp_path / run / "samples" / "0000001.png", 1)
        for record in ("config.json", "status.json"):
            (tmp_path / run / record).write_text("{}")
    (tmp_path / "runs" / "new").mkdir()
    save(tmp_path / "dogs" / "samples-20261124-101502-dcgan-s0.png", 1)
    files = find_images(tmp_path)
    assert names(files) == ["cats/img000.jpg", "cats/img001.jpg", "dogs/img000.jpg", "dogs/img001.jpg"]
    assert files.classes == ("cats", "dogs")
    assert dict(files.passed) == {RUNS: 2, DRAWN: 1}
    # A folder that is named itself is read.
    samples = tmp_path / "runs" / "20261124-101502-dcgan-s0" / "samples"
    assert names(find_images(samples)) == ["0000001.png"]


def test_each_file_that_is_left_out_is_in_the_log_with_its_reason(tmp_path, caplog):
    photos(tmp_path, 2)
    (tmp_path / "renamed.jpg").write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    (tmp_path / "empty.png").touch()
    with caplog.at_level(logging.INFO):
        readable_files(find_images(tmp_path, report=log_left_out), check_header)
    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == 2
    assert messages[0].startswith("left out: empty.png (")
    assert messages[1] == "left out: renamed.jpg (it is a .heic file; pip install pillow-heif lets them be read)"


def test_names_in_a_sentence_send_nothing_to_a_terminal():
    """A saved state from elsewhere may hold any names of classes."""
    assert first_names(["\n\x1b[2J", "caf\u00e9", "\udcff"]) == "\\n\\x1b[2J, caf\u00e9, \\udcff"
