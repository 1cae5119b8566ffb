"""The named sets: MNIST and its cousins straight from their idx archives, CIFAR-10 through torchvision, and Stacked
MNIST, which is made of MNIST's digits.

Nothing is unpacked to disk. An archive is read into memory whole (half a second) and checked by gzip's CRC
and by its own header, so a read-only checkout works, two processes never meet, and no half-written file is
taken for a whole one.

Shapes: N images, C H W image.
"""

from __future__ import annotations

import gzip
import logging
import math
import os
import struct
import tempfile
import warnings
import zlib
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from dcgan.files import cache_folder

PROJECT_DATA = Path(__file__).resolve().parents[2] / "data"
"""The project's own data: the four original MNIST archives, as torchvision lays them out."""

logger = logging.getLogger(__name__)


class NamedSet(NamedTuple):
    """A set known by name. `shape` is its images' own (C, H, W)."""

    torchvision_name: str
    folder: str
    shape: tuple[int, int, int]
    num_train: int
    num_test: int
    num_labels: int = 10


NAMED_SETS = {
    "mnist": NamedSet("MNIST", "MNIST", (1, 28, 28), 60_000, 10_000),
    "fashion-mnist": NamedSet("FashionMNIST", "FashionMNIST", (1, 28, 28), 60_000, 10_000),
    "kmnist": NamedSet("KMNIST", "KMNIST", (1, 28, 28), 60_000, 10_000),
    "cifar10": NamedSet("CIFAR10", "cifar-10-batches-py", (3, 32, 32), 50_000, 10_000),
    "stacked-mnist": NamedSet("MNIST", "MNIST", (3, 28, 28), 128_000, 26_000, 1_000),
}


def read_named_set(name: str, root: str, split: Literal["train", "test"]) -> tuple[np.ndarray, np.ndarray]:
    """The images (N, C, H, W) uint8 and labels (N,) int64 of a named set, at its own size.

    A root that is named is only read, and nothing is downloaded in its place. Without one: the project's own
    data, then the user's cache, then a download into that cache.

    Raises FileNotFoundError that names the set, the place and the remedy, and ValueError for a damaged file.
    """
    roots = [Path(root).expanduser()] if root else [PROJECT_DATA, cache_folder()]
    read = {"cifar10": _read_cifar10, "stacked-mnist": _read_stacked}.get(name, _read_idx_set)
    for place in roots:
        found = read(name, place, split)
        if found is not None:
            return found
    if root:
        raise FileNotFoundError(
            f"{name} is not in {roots[0]} (nor in its {NAMED_SETS[name].folder} folder); name the folder "
            "that holds its files with --data.root PATH, or leave that empty to download them"
        )
    _download(name)
    found = read(name, cache_folder(), split)
    assert found is not None, f"{name} was downloaded and is not in {cache_folder()}"
    return found


def read_idx(path: Path) -> np.ndarray:
    """The bytes of an idx file, plain or gzip, in the shape its header declares.

    Raises ValueError if the file is cut short, too long or no idx file of bytes.
    """
    try:
        content = path.read_bytes()
        if path.suffix == ".gz":
            content = gzip.decompress(content)
        if content[:3] != b"\x00\x00\x08":
            raise ValueError("it is no idx file of bytes")
        dimensions = content[3]
        shape = struct.unpack_from(f">{dimensions}I", content, 4)
        values = np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions)
        if len(values) != math.prod(shape):
            raise ValueError(f"its header announces {math.prod(shape)} bytes and {len(values)} follow")
    except (ValueError, IndexError, EOFError, gzip.BadGzipFile, struct.error, zlib.error) as error:
        raise ValueError(f"{path} is damaged ({error}); put a whole copy in its place") from error
    return values.reshape(shape).copy()  # a copy may be written to, as torch.from_numpy wants


def _read_idx_set(name: str, root: Path, split: str) -> tuple[np.ndarray, np.ndarray] | None:
    """None if the files are not in this root, neither as torchvision lays them out nor directly."""
    prefix = "t10k" if split == "test" else "train"
    for folder in (root / NAMED_SETS[name].folder / "raw", root):
        files = [_idx_file(folder, f"{prefix}-{kind}") for kind in ("images-idx3-ubyte", "labels-idx1-ubyte")]
        if None not in files:
            break
    else:
        return None
    images, labels = map(read_idx, files)
    if images.shape[1:] != (28, 28) or labels.shape != images.shape[:1] or len(images) == 0:
        raise ValueError(
            f"{files[0]} holds {images.shape} and {files[1]} {labels.shape}, not N images of 28x28 and N "
            f"labels; put whole copies of the {name} files in their place"
        )
    return images[:, None], labels.astype(np.int64)


def _idx_file(folder: Path, stem: str) -> Path | None:
    """The archive before the unpacked file: gzip's checksum tells a whole one from a half."""
    return next((path for path in (folder / f"{stem}.gz", folder / stem) if path.is_file()), None)


def _read_stacked(name: str, root: Path, split: str) -> tuple[np.ndarray, np.ndarray] | None:
    """MNIST's digits three by three, drawn independently, as the red, green and blue of one image: 1,000 kinds.

    As PacGAN has it (Lin et al., arXiv 1712.04086, with its code), 128,000 for training, but of training digits only,
    and 26,000 of test digits. The label of digits r, g, b is 100 r + 10 g + b. The draws are the same everywhere; the
    training images take 287 MiB.
    """
    found = _read_idx_set("mnist", root, split)
    if found is None:
        return None
    digits_u8, digits = found
    count, seed = (NAMED_SETS[name].num_train, 0) if split == "train" else (NAMED_SETS[name].num_test, 1)
    drawn = np.random.RandomState(seed).randint(len(digits), size=(count, 3))  # a stream that NumPy keeps (NEP 19)
    return digits_u8[:, 0][drawn], digits[drawn] @ np.array([100, 10, 1])


def _read_cifar10(name: str, root: Path, split: str) -> tuple[np.ndarray, np.ndarray] | None:
    if not (root / NAMED_SETS[name].folder).is_dir():
        return None
    from torchvision.datasets import CIFAR10

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # its files were pickled by NumPy 1, of which NumPy 2.4 complains
            dataset = CIFAR10(root, train=split == "train")  # unpickles no file whose MD5 is not its list's
    except RuntimeError as error:
        raise ValueError(
            f"{root / NAMED_SETS[name].folder} is damaged or not whole; delete it to download it again, or "
            "name another folder with --data.root PATH"
        ) from error
    return np.ascontiguousarray(dataset.data.transpose(0, 3, 1, 2)), np.array(dataset.targets, np.int64)


def _download(name: str) -> None:
    """Fetch a set into the cache: into a temporary folder first, so that it is there whole or not at all."""
    import torchvision.datasets

    cache, folder = cache_folder(), NAMED_SETS[name].folder
    logger.info("downloading %s into %s", name, cache)
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="download-", dir=cache) as fresh:
            getattr(torchvision.datasets, NAMED_SETS[name].torchvision_name)(fresh, download=True)
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
            f"{name} is not in {cache} and could not be downloaded ({reason}); connect to the network, or "
            "name a folder that holds its files with --data.root PATH"
        ) from error
