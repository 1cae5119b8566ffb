"""The named data sets, one entry each in NAMED_SETS: reader, classes, image shape, download and license.

A further data set is one more entry. The command line, the Train page and every check read this table. The module has
more than 250 lines, because each set stands whole in its entry.

MNIST and its cousins are read from their idx archives, CIFAR-10 from its binary version. Stacked MNIST is made of
MNIST's digits. An archive is read into memory whole and checked by gzip's CRC. Nothing is unpacked to disk, so a
read-only checkout works, and two processes do not get in each other's way. No data set is ever unpickled.

Shapes: N images, C H W image. Imports no torch.
"""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from dcgan.config import DataConfig, ModelConfig
from dcgan.data import cifar10
from dcgan.data.idx import read_idx_set
from dcgan.files import cache_folder
from dcgan.locale.language import tr, tr_later, tr_marked

PROJECT_DATA = Path(__file__).resolve().parents[2] / "data"
"""The project's own data: the four original MNIST archives, in torchvision's layout."""

Split = Literal["train", "test"]
LabeledImages = tuple[np.ndarray, np.ndarray]
"""Images (N, C, H, W) uint8 and their labels (N,) int64."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class NamedSet:
    """A data set that a config names."""

    shape: tuple[int, int, int]
    """(C, H, W) of its own images; a model of another size gets them resized."""
    num_train: int
    num_test: int
    num_classes: int = 10
    classes: tuple[str, ...] = ()
    """The names of the labels 0, 1, ...; empty where the labels have no other names."""
    folder: str
    """Name of its folder in a root."""
    files: str
    """The files that are read, as the error for a missing set names them; marked by tr_later."""
    read: Callable[[Path, Split], LabeledImages | None]
    """Read a split from a folder. Returns None where the files are not there; raises ValueError for damaged ones."""
    download: Callable[[Path], object] | None = None
    """Fetch the files into a new root, under the data set's folder. None: it cannot be downloaded."""
    required_channels: int = 0
    """The number of channels without which the labels mean nothing; 0: any number."""
    license: str
    source: str
    hub_name: str = ""
    """Its name on the Hugging Face Hub, for model cards; empty if it is not there."""


def check_data(data: DataConfig, model: ModelConfig) -> None:
    """Raise ValueError for a data set that does not exist, or that loses its labels in the model's channels."""
    if data.is_own:
        return
    required = get_named_set(data.name).required_channels
    if required and model.channels != required:
        raise ValueError(
            tr(
                "channels={channels} would merge the {required} channels of {data}, which its labels need; set "
                "--model.channels {required}",
                channels=model.channels,
                required=required,
                data=data.name,
            )
        )


def get_named_set(name: str) -> NamedSet:
    """Return the entry of that name. Raises ValueError that lists the names."""
    if name not in NAMED_SETS:
        raise ValueError(
            tr(
                "data={name!r} is unknown; choose one of {names}, folder:PATH, table:PATH or hub:USER/DATASET",
                name=name,
                names=", ".join(NAMED_SETS),
            )
        )
    return NAMED_SETS[name]


def read_named_set(name: str, root: str, split: Split, *, download: bool = True) -> LabeledImages:
    """Return the images (N, C, H, W) uint8 and labels (N,) int64 of a named set, at its own size.

    A root that is given is only read, and nothing is downloaded. Without one, the project's own data comes first,
    then the user's cache, then a download into that cache. download=False leaves out the last one.

    Raises FileNotFoundError that names the set, the place and the remedy, and ValueError for a damaged file or an
    unknown name.
    """
    named_set = get_named_set(name)
    place = PROJECT_DATA
    for place in _roots(root):
        for folder in (place / named_set.folder, place):
            labeled_images = named_set.read(folder, split)
            if labeled_images is not None:
                return labeled_images
    if not (root or download):
        raise FileNotFoundError(tr("{data} is not on this machine; train on it once, which downloads it", data=name))
    if root or named_set.download is None:
        raise FileNotFoundError(
            tr(
                "{data} is not in {place} (nor in its {folder} folder); name the folder that holds {files} with "
                "--data.root PATH, or leave that empty to download them",
                data=name,
                place=place,
                folder=named_set.folder,
                files=tr_marked(named_set.files),
            )
        )
    _download_into_cache(name, named_set.folder, named_set.download)
    labeled_images = named_set.read(cache_folder() / named_set.folder, split)
    assert labeled_images is not None, f"{name} was downloaded and is not in {cache_folder()}"
    return labeled_images


def _roots(root: str) -> Iterator[Path]:
    """Yield the folders to look into. The cache comes last, since some users have none."""
    if root:
        yield Path(os.path.expanduser(root))
    else:
        yield PROJECT_DATA
        yield cache_folder()


def _download_into_cache(name: str, folder: str, download: Callable[[Path], object]) -> None:
    """Fetch a set into a temporary folder of the cache first, so that the cache has it whole or not at all."""
    cache = cache_folder()
    logger.info("downloading %s into %s", name, cache)
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="download-", dir=cache) as fresh:
            download(Path(fresh))
            try:
                os.replace(Path(fresh, folder), cache / folder)
            except OSError:
                # A folder replaces an empty one only: another process was quicker, and its copy is as good.
                if not (cache / folder).is_dir():
                    raise
    except (OSError, RuntimeError) as error:  # URLError is an OSError; torchvision raises RuntimeError
        # torchvision lists every mirror on a line of its own; one sentence needs the last reason only.
        reason = str(error).strip().splitlines()[-1] if str(error).strip() else type(error).__name__
        raise FileNotFoundError(
            tr(
                "{data} is not in {place} and could not be downloaded ({reason}); connect to the network, or name a "
                "folder that holds its files with --data.root PATH",
                data=name,
                place=cache,
                reason=reason,
            )
        ) from error


# MNIST and its cousins


def _download_with_torchvision(class_name: str, root: Path) -> None:
    """Fetch a set whose files torchvision checks by MD5 and stores as they are published."""
    import torchvision.datasets

    getattr(torchvision.datasets, class_name)(str(root), download=True)


def _read_stacked(folder: Path, split: Split) -> LabeledImages | None:
    """Return MNIST's digits three by three, drawn independently, as red, green and blue of one image: 1,000 modes.

    PacGAN (Lin et al., arXiv 1712.04086, and its code) has as many images: 128,000 for training and 26,000 for
    tests. Here training images are made of training digits only, and test images of test digits. The label of
    digits r, g, b is 100 r + 10 g + b. The draws are the same everywhere; the training images take 287 MiB.
    """
    digits = read_idx_set(folder, split)
    if digits is None:
        return None
    digits_u8, labels = digits
    stacked = NAMED_SETS["stacked-mnist"]
    count, seed = (stacked.num_train, 0) if split == "train" else (stacked.num_test, 1)
    rows = np.random.RandomState(seed).randint(len(labels), size=(count, 3))  # a stream that NumPy keeps (NEP 19)
    return digits_u8[:, 0][rows], labels[rows] @ np.array([100, 10, 1])


_IDX_FILES = tr_later("its idx files")
_MNIST_LICENSE = "CC BY-SA 3.0"
_MNIST_SOURCE = "https://yann.lecun.com/exdb/mnist/"

NAMED_SETS = {
    "mnist": NamedSet(
        shape=(1, 28, 28),
        num_train=60_000,
        num_test=10_000,
        folder="MNIST",
        files=_IDX_FILES,
        read=read_idx_set,
        download=partial(_download_with_torchvision, "MNIST"),
        license=_MNIST_LICENSE,
        source=_MNIST_SOURCE,
        hub_name="ylecun/mnist",
    ),
    "fashion-mnist": NamedSet(
        shape=(1, 28, 28),
        num_train=60_000,
        num_test=10_000,
        classes=(
            *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag"),
            "Ankle boot",
        ),
        folder="FashionMNIST",
        files=_IDX_FILES,
        read=read_idx_set,
        download=partial(_download_with_torchvision, "FashionMNIST"),
        license="MIT",
        source="https://github.com/zalandoresearch/fashion-mnist",
        hub_name="zalando-datasets/fashion_mnist",
    ),
    "kmnist": NamedSet(
        shape=(1, 28, 28),
        num_train=60_000,
        num_test=10_000,
        folder="KMNIST",
        files=_IDX_FILES,
        read=read_idx_set,
        download=partial(_download_with_torchvision, "KMNIST"),
        license="CC BY-SA 4.0",
        source="https://github.com/rois-codh/kmnist",
    ),
    "cifar10": NamedSet(
        shape=cifar10.SHAPE,
        num_train=50_000,
        num_test=10_000,
        classes=("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
        folder=cifar10.FOLDER,
        files=tr_later("cifar-10-binary.tar.gz (the pickled Python version is not read)"),
        read=cifar10.read_cifar10,
        download=cifar10.download_cifar10,
        license="none stated",
        source="https://www.cs.toronto.edu/~kriz/cifar.html",
        hub_name="uoft-cs/cifar10",
    ),
    "stacked-mnist": NamedSet(
        shape=(3, 28, 28),
        num_train=128_000,
        num_test=26_000,
        num_classes=1_000,
        folder="MNIST",
        files=_IDX_FILES,
        read=_read_stacked,
        download=partial(_download_with_torchvision, "MNIST"),
        required_channels=3,
        license=_MNIST_LICENSE,
        source=_MNIST_SOURCE,
    ),
}
"""Name in a config -> data set."""
