"""The named sets: true counts, every place they may lie in, damaged files, and no network."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import multiprocessing
import re
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest

from dcgan.cli.main import main
from dcgan.config import DataConfig, ModelConfig, TrainConfig
from dcgan.data.idx import read_idx
from dcgan.data.named_sets import NAMED_SETS, PROJECT_DATA, NamedSet, check_data, read_named_set
from dcgan.files import cache_folder
from dcgan.runs.listing import list_runs
from dcgan.runs.run import Run

MNIST_RAW = PROJECT_DATA / "MNIST" / "raw"

MNIST_MD5 = {
    "train-images-idx3-ubyte.gz": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
    "train-labels-idx1-ubyte.gz": "d53e105ee54ea40749a09fcbcd1e9432",
    "t10k-images-idx3-ubyte.gz": "9fb629c4189551a2d022fa330f9573f3",
    "t10k-labels-idx1-ubyte.gz": "ec29112dd5afa0611ce80d1b7f02629c",
}

DEBIAN = Path("/usr/share/datasets/fashion-mnist")


def idx_bytes(values: np.ndarray) -> bytes:
    return (
        b"\0\0\x08"
        + bytes([values.ndim])
        + struct.pack(f">{values.ndim}I", *values.shape)
        + values.astype(np.uint8).tobytes()
    )


def write_idx_set(folder: Path, count: int = 6, prefix: str = "train", *, zipped: bool = True) -> np.ndarray:
    """Write a set whose i-th image is all i and has the label i % 10."""
    folder.mkdir(parents=True, exist_ok=True)
    images = np.arange(count, dtype=np.uint8)[:, None, None] * np.ones((1, 28, 28), np.uint8)
    for kind, values in (("images-idx3", images), ("labels-idx1", np.arange(count) % 10)):
        path = folder / f"{prefix}-{kind}-ubyte{'.gz' if zipped else ''}"
        path.write_bytes(gzip.compress(idx_bytes(values)) if zipped else idx_bytes(values))
    return images[:, None]


def test_the_embedded_archives_are_the_originals():
    for name, md5 in MNIST_MD5.items():
        assert hashlib.md5((MNIST_RAW / name).read_bytes()).hexdigest() == md5
        assert name in (PROJECT_DATA / "README.md").read_text()
        assert md5 in (PROJECT_DATA / "README.md").read_text()


def test_mnist_has_the_counts_of_the_true_set(cache, offline):
    before = sorted(path.name for path in MNIST_RAW.iterdir())
    images, labels = read_named_set("mnist", "", "train")
    assert images.shape == (60_000, 1, 28, 28)
    assert images.dtype == np.uint8
    assert np.bincount(labels).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert labels.dtype == np.int64
    assert labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert images.mean() == pytest.approx(33.318, abs=0.001)
    images, labels = read_named_set("mnist", "", "test")
    assert images.shape == (10_000, 1, 28, 28)
    assert labels[:5].tolist() == [7, 2, 1, 0, 4]
    assert sorted(path.name for path in MNIST_RAW.iterdir()) == before
    assert not cache.exists()
    assert not offline


def test_two_processes_read_a_read_only_folder_at_once(tmp_path):
    write_idx_set(tmp_path / "MNIST" / "raw", count=200)
    for path in (tmp_path / "MNIST" / "raw").iterdir():
        path.chmod(0o444)
    (tmp_path / "MNIST" / "raw").chmod(0o555)
    context = multiprocessing.get_context("spawn")
    with context.Pool(2) as pool:
        results = pool.starmap(read_named_set, [("mnist", str(tmp_path), "train")] * 4)
    assert all(np.array_equal(images[:, 0, 0, 0], np.arange(200)) for images, _ in results)
    assert len(list((tmp_path / "MNIST" / "raw").iterdir())) == 2


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("below", ["", "FashionMNIST/raw"])
def test_a_root_may_hold_the_files_zipped_or_not_as_torchvision_or_directly(tmp_path, below, zipped):
    images = write_idx_set(tmp_path / below, zipped=zipped)
    write_idx_set(tmp_path / below, count=3, prefix="t10k", zipped=zipped)
    read, labels = read_named_set("fashion-mnist", str(tmp_path), "train")
    assert np.array_equal(read, images)
    assert labels.tolist() == [0, 1, 2, 3, 4, 5]
    assert len(read_named_set("fashion-mnist", str(tmp_path), "test")[0]) == 3


def test_the_archive_wins_over_a_half_unpacked_file(tmp_path):
    images = write_idx_set(tmp_path)
    (tmp_path / "train-images-idx3-ubyte").write_bytes(idx_bytes(images[:, 0])[:100])
    assert np.array_equal(read_named_set("kmnist", str(tmp_path), "train")[0], images)


@pytest.mark.skipif(not DEBIAN.is_dir(), reason="Debian's dataset-fashion-mnist is not installed")
@pytest.mark.parametrize(("split", "count"), [("train", 60_000), ("test", 10_000)])
def test_the_fashion_mnist_of_debian_is_read_with_its_own_checksums(split, count):
    images, labels = read_named_set("fashion-mnist", str(DEBIAN), split)
    assert images.shape == (count, 1, 28, 28)
    assert np.bincount(labels).tolist() == [count // 10] * 10


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("damage", [lambda b: b[:-20], lambda b: b[:3], lambda b: b"", lambda b: b"x" * 99])
def test_a_damaged_file_is_never_read(tmp_path, zipped, damage):
    write_idx_set(tmp_path, zipped=zipped)
    path = next(tmp_path.glob("train-images*"))
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match=f"{path.name} is damaged .*whole copy"):
        read_named_set("mnist", str(tmp_path), "train")


def test_an_idx_file_that_is_too_long_is_damaged(tmp_path):
    path = tmp_path / "long"
    path.write_bytes(idx_bytes(np.zeros((2, 3))) + b"x")
    with pytest.raises(ValueError, match="announces 6 bytes and 7 follow"):
        read_idx(path)


@pytest.mark.parametrize("dimensions", [4, 5, 255])
def test_a_message_about_an_idx_file_has_no_endless_numbers(tmp_path, dimensions):
    path = tmp_path / "train"
    path.write_bytes(bytes((0, 0, 8, dimensions)) + b"\xff" * 4 * dimensions + b"x")
    with pytest.raises(ValueError, match="is damaged") as caught:
        read_idx(path)
    assert len(str(caught.value)) < 200 + len(str(path))


def test_images_and_labels_must_have_equal_counts(tmp_path):
    write_idx_set(tmp_path, count=6)
    (tmp_path / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx_bytes(np.zeros(5))))
    with pytest.raises(ValueError, match=r"\(6, 28, 28\).*\(5,\).*whole copies"):
        read_named_set("mnist", str(tmp_path), "train")


@pytest.mark.parametrize("name", NAMED_SETS)
def test_a_named_root_without_the_set_is_an_error_and_no_download(tmp_path, cache, offline, name):
    with pytest.raises(FileNotFoundError, match=rf"{name} is not in {tmp_path}.*--data\.root PATH"):
        read_named_set(name, str(tmp_path), "train")
    assert not offline
    assert not cache.exists()


@pytest.mark.slow
@pytest.mark.parametrize(("split", "count"), [("train", 128_000), ("test", 26_000)])
def test_stacked_mnist_is_three_digits_of_the_same_part(cache, offline, split, count):
    images, labels = read_named_set("stacked-mnist", "", split)
    assert (images.shape, images.dtype) == ((count, 3, 28, 28), np.uint8)
    assert (labels.shape, labels.dtype) == ((count,), np.int64)
    assert len(np.unique(labels)) == 1000
    digits_u8, digits = read_named_set("mnist", "", split)
    known = {digit_u8.tobytes(): label for digit_u8, label in zip(digits_u8[:, 0], digits, strict=True)}
    for image_u8, label in zip(images[:200], labels[:200], strict=True):
        red, green, blue = (known[channel.tobytes()] for channel in image_u8)
        assert 100 * red + 10 * green + blue == label
    again = read_named_set("stacked-mnist", "", split)
    assert all(np.array_equal(a, b) for a, b in zip(again, (images, labels), strict=True))
    assert not offline


def test_the_digits_of_a_stack_are_drawn_independently():
    """Each color has the digits in MNIST's shares, and the colors are independent."""
    _, labels = read_named_set("stacked-mnist", "", "train")
    shares = np.bincount(read_named_set("mnist", "", "train")[1]) / 60_000
    colors = [labels // 100, labels // 10 % 10, labels % 10]
    for a, b in ((0, 1), (0, 2), (1, 2)):
        pairs = np.bincount(colors[a] * 10 + colors[b], minlength=100)
        expected = np.outer(shares, shares).ravel() * len(labels)
        assert ((pairs - expected) ** 2 / expected).sum() < 150  # chi-squared: its mean is 99, its deviation 14


def test_stacked_mnist_is_drawn_the_same_everywhere():
    """Scores compare only where the training images are the same."""
    assert read_named_set("stacked-mnist", "", "train")[1][:6].tolist() == [417, 187, 584, 468, 438, 116]
    assert read_named_set("stacked-mnist", "", "test")[1][:6].tolist() == [922, 985, 774, 586, 509, 511]


@pytest.mark.parametrize("name", ["fashion-mnist", "kmnist", "cifar10"])
def test_without_a_network_a_download_is_one_error_and_leaves_no_file(cache, offline, name):
    with pytest.raises(FileNotFoundError) as caught:
        read_named_set(name, "", "train")
    message = str(caught.value)
    assert name in message
    assert str(cache) in message
    assert "--data.root PATH" in message
    assert "no network here" in message
    assert "\n" not in message
    assert offline
    assert list(cache.iterdir()) == []


def test_a_cache_that_cannot_be_made_is_the_same_error(tmp_path, monkeypatch, offline):
    (tmp_path / "file").touch()
    monkeypatch.setenv("DCGAN_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(FileNotFoundError, match=r"kmnist is not in .*file/cache.*--data\.root PATH"):
        read_named_set("kmnist", "", "train")


@pytest.mark.parametrize("other_was_quicker", [False, True])
def test_a_download_is_complete_or_absent(cache, monkeypatch, other_was_quicker):
    def downloads(root, download):
        assert download
        write_idx_set(Path(root, "KMNIST", "raw"))
        if other_was_quicker:
            write_idx_set(cache / "KMNIST" / "raw")

    monkeypatch.setattr("torchvision.datasets.KMNIST", downloads)
    assert len(read_named_set("kmnist", "", "train")[0]) == 6
    assert [path.name for path in cache.iterdir()] == ["KMNIST"]
    monkeypatch.setattr("torchvision.datasets.KMNIST", None)
    assert len(read_named_set("kmnist", "", "train")[0]) == 6  # from the cache


def test_mnist_outside_a_checkout_comes_from_the_cache(cache, tmp_path, monkeypatch):
    monkeypatch.setattr("dcgan.data.named_sets.PROJECT_DATA", tmp_path / "missing")
    write_idx_set(cache / "MNIST" / "raw")
    assert len(read_named_set("mnist", "", "train")[0]) == 6


def test_the_cache_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.delenv("DCGAN_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "dcgan"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "dcgan"
    monkeypatch.setenv("DCGAN_CACHE", str(tmp_path / "mine"))
    assert cache_folder() == tmp_path / "mine"


@pytest.mark.parametrize("name", ["", "Mnist", "imagenet", "folder:", "folder", "../mnist"])
def test_an_unknown_data_set_lists_the_known_ones(name, runs_root):
    known = "mnist, fashion-mnist, kmnist, cifar10, stacked-mnist, folder:PATH, table:PATH or hub:USER/DATASET"
    text = re.escape(f"data={name!r} is unknown; choose one of {known}")
    with pytest.raises(ValueError, match=f"^{text}$"):
        check_data(DataConfig(name=name), ModelConfig())
    with pytest.raises(ValueError, match=f"^{text}$"):
        read_named_set(name, "", "train")
    with pytest.raises(ValueError, match=f"^{text}$"):
        Run.create(TrainConfig(data=DataConfig(name=name)))
    assert not runs_root.exists()


def test_a_folder_needs_no_entry():
    check_data(DataConfig(name="folder:/somewhere"), ModelConfig())


def test_stacked_digits_need_three_channels(runs_root):
    stacked = DataConfig(name="stacked-mnist")
    with pytest.raises(ValueError, match=r"^channels=1 would merge .* stacked-mnist.*--model\.channels 3$"):
        check_data(stacked, ModelConfig())
    with pytest.raises(ValueError, match="channels=1"):
        Run.create(TrainConfig(data=stacked))
    check_data(stacked, ModelConfig(channels=3))


def test_every_set_names_its_license_and_source():
    text = (PROJECT_DATA / "README.md").read_text()
    for name, entry in NAMED_SETS.items():
        assert f"`{name}`" in text
        assert entry.license in text
        assert entry.source in text


def read_circles(folder: Path, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Return disks of two radii, which need no file."""
    count = NAMED_SETS["circles"].num_train if split == "train" else NAMED_SETS["circles"].num_test
    labels = np.arange(count) % 2
    distance = np.hypot(*(np.mgrid[:28, :28] - 13.5))
    return np.where(distance < 5 + 5 * labels[:, None, None], 255, 0).astype(np.uint8)[:, None], labels


CIRCLES = NamedSet(
    shape=(1, 28, 28), num_train=64, num_test=32, num_classes=2, folder="circles", files="no files",
    read=read_circles, license="MIT", source="https://example.org/circles",
)  # fmt: skip


def test_one_entry_makes_a_data_set_that_the_command_line_trains(runs_root, monkeypatch, capsys):
    monkeypatch.setitem(NAMED_SETS, "circles", CIRCLES)
    small = [
        "--model.hidden-g",
        "8",
        "--model.hidden-d",
        "8",
        "--batch-size",
        "16",
        "--epochs",
        "1",
        "--threads",
        "1",
    ]
    assert main(["train", "gan", "--data", "circles", "--device", "cpu", *small]) == 0
    (run,) = list_runs(runs_root)
    assert run.config().data.name == "circles"
    assert run.status().state == "finished"
    assert run.status().steps == 4, "64 images in batches of 16"
    capsys.readouterr()
    assert main(["train", "gan", "--help"]) == 0
    assert "circles" in capsys.readouterr().out
    assert main(["train", "gan", "--data", "circle", "--dry-run"]) == 2
    assert "stacked-mnist, circles, folder:PATH, table:PATH or hub:USER/DATASET" in capsys.readouterr().err


def test_a_missing_set_without_a_download_names_its_folder(cache, monkeypatch):
    monkeypatch.setitem(NAMED_SETS, "circles", dataclasses.replace(CIRCLES, read=lambda folder, split: None))
    with pytest.raises(FileNotFoundError, match=rf"circles is not in {cache}.*--data\.root PATH"):
        read_named_set("circles", "", "train")


def test_torchvision_accepts_the_embedded_archives_without_a_network(tmp_path, monkeypatch):
    """torchvision checks their MD5 sums, unpacks them, and reads the same images."""
    import torchvision

    def no_network(*args, **kwargs):
        raise AssertionError("torchvision addresses the network")

    monkeypatch.setattr("urllib.request.urlopen", no_network)
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for archive in MNIST_RAW.glob("*.gz"):
        shutil.copy(archive, raw)
    theirs = torchvision.datasets.MNIST(str(tmp_path), train=False, download=True)
    images, labels = read_named_set("mnist", "", "test")
    assert np.array_equal(theirs.data.numpy(), images[:, 0])
    assert np.array_equal(theirs.targets.numpy(), labels)
