"""Uploaded pictures: what is kept, and hostile archives."""

from __future__ import annotations

import io
import os
import stat
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dcgan.data import uploads
from dcgan.data.folder import find_images
from dcgan.data.uploads import UploadError, delete_upload, save_upload, uploads_root


@pytest.fixture(autouse=True)
def runs_folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("DCGAN_RUNS", str(tmp_path / "runs"))
    return tmp_path / "runs"


def picture(color=(200, 10, 10), size=(20, 30), kind="PNG", mode="RGB", **options) -> bytes:
    file = io.BytesIO()
    Image.new(mode, size, color).save(file, kind, **options)
    return file.getvalue()


def packed(entries: dict[str, bytes], compression=zipfile.ZIP_DEFLATED) -> io.BytesIO:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    file.seek(0)
    return file


def saved(**entries: bytes) -> uploads.Upload:
    return save_upload([("pictures.zip", packed({name.replace("__", "/"): entries[name] for name in entries}))])


def kept(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def nothing_is_left() -> bool:
    return list(uploads_root().iterdir()) == []


def test_files_and_archives_become_numbered_pictures():
    upload = save_upload([("a.png", io.BytesIO(picture())), ("b.zip", packed({"x.jpg": picture(kind="JPEG")}))])
    assert upload.count == 2
    assert upload.notes == ()
    assert kept(upload.folder) == ["000000.png", "000001.png"]
    assert upload.folder.parent == uploads_root()
    assert upload.folder in uploads.uploads()
    assert len(find_images(upload.folder).paths) == 2


def test_folders_of_an_archive_are_classes_and_a_folder_around_them_is_none():
    upload = saved(pets__cats__1=picture(), pets__cats__2=picture(), pets__dogs__sub__1=picture())
    assert kept(upload.folder) == ["cats/000000.png", "cats/000001.png", "dogs/000002.png"]
    assert find_images(upload.folder).classes == ("cats", "dogs")


def test_pictures_beside_folders_have_no_classes():
    assert kept(saved(cats__1=picture(), b=picture()).folder) == ["000000.png", "000001.png"]


def test_class_names_are_safe_on_every_system_and_stay_different():
    names = ["mèo", "con", "a:b", "a?b", "x" * 300, "猫"]
    upload = save_upload([("p.zip", packed({f"{name}/1.png": picture() for name in names}))])
    folders = sorted(path.name for path in upload.folder.iterdir())
    assert folders == sorted(["mèo", "class", "a-b", "a-b-2", "x" * 60, "猫"])


def test_only_pixels_are_kept_and_they_are_upright_and_small():
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "secret place"
    upload = save_upload([("a.jpg", io.BytesIO(picture(size=(1000, 500), kind="JPEG", exif=exif)))])
    (path,) = upload.folder.iterdir()
    assert b"secret" not in path.read_bytes()
    with Image.open(path) as image:
        assert image.size == (128, 256)
        assert image.info == {}


@pytest.mark.parametrize(
    ("mode", "color"), [("L", 7), ("RGBA", (1, 2, 3, 0)), ("P", 3), ("CMYK", (1, 2, 3, 4)), ("F", 0.5)]
)
def test_every_mode_of_a_picture_is_kept_or_converted(mode, color):
    kind = "TIFF" if mode in ("CMYK", "F") else "PNG"
    for size in ((8, 8), (600, 300)):
        assert save_upload([("a", io.BytesIO(picture(color, size, kind, mode)))]).count == 1


def test_what_is_no_picture_is_counted():
    upload = saved(a=picture(), b=b"words", c=picture()[:60], d=b"\xff\xd8\xff broken", e=b"")
    assert upload.count == 1
    assert upload.notes == ("left out: 2 damaged pictures, 2 files that are no pictures",)


@pytest.mark.parametrize("files", [[], [("a.txt", io.BytesIO(b"words"))], [("a.zip", packed({}))]])
def test_an_upload_without_a_picture_is_refused(files):
    with pytest.raises(UploadError, match="there is no picture in the upload"):
        save_upload(files)
    assert nothing_is_left()


# Hostile archives


def test_no_entry_leaves_the_folder(runs_folder):
    names = ["../../escaped.png", "/etc/escaped.png", "..\\..\\escaped.png", "C:\\escaped.png", "a/../../escaped.png"]
    upload = save_upload([("p.zip", packed({name: picture() for name in names}))])
    assert upload.count == 5
    everything = [path for path in runs_folder.parent.rglob("*") if path.is_file()]
    assert all(path.is_relative_to(upload.folder) for path in everything)
    assert not any("escaped" in str(path) for path in everything)


def test_links_are_left_out():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        link = zipfile.ZipInfo("link.png")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("a.png", picture())
    upload = save_upload([("p.zip", file)])
    assert upload.count == 1
    assert upload.notes == ("left out: 1 links",)


def test_a_file_that_unpacks_to_gigabytes_is_left_out(monkeypatch):
    monkeypatch.setattr(uploads, "MAX_FILE_BYTES", 100_000)
    upload = saved(bomb=bytes(10_000_000), a=picture())
    assert upload.count == 1
    assert upload.notes == ("left out: 1 files of more than 0 MB",)


def test_many_files_that_unpack_to_gigabytes_are_refused(monkeypatch):
    monkeypatch.setattr(uploads, "MAX_TOTAL_BYTES", 1_000_000)
    with pytest.raises(UploadError, match="more than 0 GB together"):
        saved(**{f"bomb{i}": bytes(200_000) for i in range(10)})
    assert nothing_is_left()


def test_a_picture_of_too_many_pixels_is_left_out():
    row = io.BytesIO()
    Image.new("1", (30_000, 30_000)).save(row, "PNG")  # a few kilobytes
    assert len(row.getvalue()) < 200_000
    upload = save_upload([("a.png", row), ("b.png", io.BytesIO(picture()))])
    assert upload.count == 1
    assert upload.notes == ("left out: 1 damaged pictures",)


def test_an_archive_of_too_many_entries_is_refused():
    with pytest.raises(UploadError, match="has 100,000 entries"):
        save_upload([("p.zip", packed({f"{i}.png": b"" for i in range(100_000)}, zipfile.ZIP_STORED))])
    assert nothing_is_left()


def test_too_many_pictures_or_classes_are_refused(monkeypatch):
    monkeypatch.setattr(uploads, "MAX_PICTURES", 3)
    with pytest.raises(UploadError, match="more than 3 pictures"):
        saved(**{f"p{i}": picture() for i in range(4)})
    monkeypatch.setattr(uploads, "MAX_CLASSES", 2)
    with pytest.raises(UploadError, match="in 3 folders, more than 2 classes"):
        saved(a__1=picture(), b__1=picture(), c__1=picture())
    assert nothing_is_left()


def test_an_archive_in_an_archive_is_not_unpacked():
    upload = saved(a=picture(), inner=packed({"b.png": picture()}).getvalue())
    assert upload.count == 1
    assert upload.notes == ("left out: 1 .zip files",)


def test_damaged_archives_are_refused_or_left_out():
    whole = packed({"a.png": np.random.RandomState(0).bytes(5000), "b.png": picture()}).getvalue()
    for place in range(0, len(whole), 97):
        broken = bytearray(whole)
        broken[place] ^= 0xFF
        try:
            save_upload([("p.zip", io.BytesIO(bytes(broken)))])
        except UploadError:
            continue
    with pytest.raises(UploadError):
        save_upload([("p.zip", io.BytesIO(whole[: len(whole) // 2]))])


def test_an_encrypted_file_is_left_out():
    content = bytearray(packed({"a.png": picture(), "b.png": picture()}).getvalue())
    central = content.index(b"PK\x01\x02")
    content[central + 8] |= 1
    content[6] |= 1
    upload = save_upload([("p.zip", io.BytesIO(bytes(content)))])
    assert upload.count == 1
    assert upload.notes == ("left out: 1 encrypted files",)


# Deleting


def test_an_upload_is_deleted_and_nothing_else(runs_folder):
    upload = save_upload([("a.png", io.BytesIO(picture()))])
    (uploads_root() / "link").symlink_to(runs_folder)
    for other in (runs_folder, uploads_root(), upload.folder / "..", uploads_root() / "link", Path("/etc")):
        with pytest.raises(UploadError, match="is not an uploaded folder"):
            delete_upload(other)
    delete_upload(upload.folder)
    assert not upload.folder.exists()
    assert runs_folder.exists()


def test_what_a_killed_server_left_is_removed_by_the_next_upload():
    old, recent = uploads_root() / ".left", uploads_root() / ".begun"
    for folder in (old, recent):
        folder.mkdir(parents=True)
        (folder / "000000.png").write_bytes(picture())
    long_ago = time.time() - 2 * 3600
    os.utime(old, (long_ago, long_ago))
    upload = saved(a=picture())
    assert not old.exists()
    assert recent.exists(), "another process may still write it"
    assert uploads.uploads() == [upload.folder]
