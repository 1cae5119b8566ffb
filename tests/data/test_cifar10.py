"""CIFAR-10 in its binary version."""

from __future__ import annotations

import hashlib
import io
import pickle
import tarfile
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from dcgan.data.named_sets import read_named_set


def cifar10_records(*labels: int) -> bytes:
    """Return a record for each label: red is the label, green 100, blue 200, and the last blue pixel 7."""
    pixels = [bytes([label]) * 1024 + b"\x64" * 1024 + b"\xc8" * 1023 + b"\x07" for label in labels]
    return b"".join(bytes([label]) + image for label, image in zip(labels, pixels, strict=True))


def cifar10_files() -> dict[str, bytes]:
    """Return the files of the binary version, with two records each."""
    train = {f"data_batch_{i}.bin": cifar10_records(i, 9 - i) for i in range(1, 6)}
    return {**train, "test_batch.bin": cifar10_records(0, 9), "readme.html": b"<html>"}


def write_cifar10_archive(path: Path, contents: dict[str, bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as archive:
        for name, content in contents.items():
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def check_cifar10(root: Path) -> None:
    images_u8, labels = read_named_set("cifar10", str(root), "train")
    assert (images_u8.shape, images_u8.dtype) == ((10, 3, 32, 32), np.uint8)
    assert images_u8[2, :, 5, 7].tolist() == [2, 100, 200]
    assert images_u8[2, :, 31, 31].tolist() == [2, 100, 7]
    assert (labels.tolist(), labels.dtype) == ([1, 8, 2, 7, 3, 6, 4, 5, 5, 4], np.int64)
    assert read_named_set("cifar10", str(root), "test")[1].tolist() == [0, 9]


@pytest.mark.parametrize("below", ["", "cifar-10-batches-bin"])
@pytest.mark.parametrize("packed", [True, False])
def test_cifar10_is_read_from_its_binary_version(tmp_path, below, packed):
    folder = tmp_path / below
    if packed:
        write_cifar10_archive(folder / "cifar-10-binary.tar.gz", cifar10_files())
    else:
        folder.mkdir(exist_ok=True)
        for name, content in cifar10_files().items():
            (folder / name).write_bytes(content)
    check_cifar10(tmp_path)


class Response(io.BytesIO):
    """The part of an HTTP response that torchvision reads."""

    url = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
    headers: ClassVar[dict[str, str]] = {}
    length = 0


def test_cifar10_is_downloaded_once_and_checked_by_its_sum(cache, tmp_path, monkeypatch):
    write_cifar10_archive(tmp_path / "served.tar.gz", cifar10_files())
    served = (tmp_path / "served.tar.gz").read_bytes()
    addresses = []

    def answer(request, *args, **kwargs):
        addresses.append(request.full_url)
        return Response(served)

    monkeypatch.setattr("urllib.request.urlopen", answer)
    with pytest.raises(FileNotFoundError, match=r"cifar10 is not in .* could not be downloaded"):
        read_named_set("cifar10", "", "train")
    assert list(cache.iterdir()) == []
    monkeypatch.setattr("dcgan.data.cifar10._MD5", hashlib.md5(served).hexdigest())
    assert len(read_named_set("cifar10", "", "train")[0]) == 10
    assert set(addresses) == {Response.url}
    count = len(addresses)
    assert len(read_named_set("cifar10", "", "test")[0]) == 2
    assert len(addresses) == count


DAMAGES = {
    "a file is missing": lambda files: {name: files[name] for name in files if name != "data_batch_3.bin"},
    "a file is cut short": lambda files: files | {"data_batch_3.bin": files["data_batch_3.bin"][:-1]},
    "a label is no class": lambda files: files | {"data_batch_3.bin": cifar10_records(10)},
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
@pytest.mark.parametrize("packed", [True, False])
def test_damaged_records_of_cifar10_are_an_error_that_names_the_file(tmp_path, damage, packed):
    contents = damage(cifar10_files())
    if packed:
        write_cifar10_archive(tmp_path / "cifar-10-binary.tar.gz", contents)
    else:
        for name, content in contents.items():
            (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=rf"{tmp_path}.* is damaged \(data_batch_3\.bin has .*--data\.root PATH"):
        read_named_set("cifar10", str(tmp_path), "train")


@pytest.mark.parametrize("cut", [lambda b: b[:-20], lambda b: b[:3], lambda b: b"", lambda b: b"x" * 99])
def test_a_damaged_archive_of_cifar10_is_never_read(tmp_path, cut):
    path = tmp_path / "cifar-10-binary.tar.gz"
    write_cifar10_archive(path, cifar10_files())
    path.write_bytes(cut(path.read_bytes()))
    with pytest.raises(ValueError, match=rf"{path} is damaged .*--data\.root PATH"):
        read_named_set("cifar10", str(tmp_path), "train")


def test_the_pickled_version_of_cifar10_is_never_read(tmp_path, monkeypatch, cache, offline):
    """Earlier versions of this project downloaded it; it is neither unpickled nor taken for the binary version."""
    monkeypatch.setattr("pickle.load", None)
    monkeypatch.setattr("pickle.loads", None)
    for root in (tmp_path, cache):
        folder = root / "cifar-10-batches-py"
        folder.mkdir(parents=True)
        (folder / "data_batch_1").write_bytes(pickle.dumps({"data": []}))
    with pytest.raises(
        FileNotFoundError, match=r"cifar-10-binary\.tar\.gz \(the pickled Python version is not read\)"
    ):
        read_named_set("cifar10", str(tmp_path), "train")
    assert not offline
    with pytest.raises(FileNotFoundError, match="no network here"):
        read_named_set("cifar10", "", "train")
    assert offline, "the cache's pickled version leads to a download"
