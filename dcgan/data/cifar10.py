"""CIFAR-10's binary version: records of one label byte and 3,072 pixel bytes, in one archive. Nothing is unpickled.

Shapes: N images, C H W image.
"""

from __future__ import annotations

import gzip
import io
import tarfile
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dcgan.data.bounded_gzip import read_bytes
from dcgan.locale.language import tr

FOLDER = "cifar-10-batches-bin"
ARCHIVE = "cifar-10-binary.tar.gz"
SHAPE = (3, 32, 32)
_URL = f"https://www.cs.toronto.edu/~kriz/{ARCHIVE}"
_MD5 = "c32a1d4ab5d03f1284b67883e8d87530"
_RECORD_BYTES = 1 + 3 * 32 * 32
"""A label, then the red, the green and the blue pixels, each row by row."""
_NUM_CLASSES = 10


def download_cifar10(root: Path) -> None:
    """Fetch the archive into its folder under the root. Raises OSError or RuntimeError, also for another MD5."""
    from torchvision.datasets.utils import download_url

    download_url(_URL, str(root / FOLDER), ARCHIVE, _MD5)


def read_cifar10(folder: Path, split: str) -> tuple[np.ndarray, np.ndarray] | None:
    """Return images (N, 3, 32, 32) uint8 and labels (N,) int64 from a folder: the archive, or its unpacked files.

    Returns None where neither is there. Raises ValueError for damaged files.
    """
    names = ["test_batch.bin"] if split == "test" else [f"data_batch_{i}.bin" for i in range(1, 6)]
    archive = folder / ARCHIVE
    if archive.is_file():
        place, contents = archive, _unpack(archive, names)
    elif (folder / names[0]).is_file():
        place, contents = folder, None
    else:
        return None
    try:
        if contents is None:
            contents = {name: read_bytes(folder / name) for name in names if (folder / name).is_file()}
        records = np.concatenate([_records(name, contents.get(name, b"")) for name in names])
    except ValueError as error:
        raise _damaged(place, error) from error
    return records[:, 1:].reshape(-1, *SHAPE), records[:, 0].astype(np.int64)


def _records(name: str, content: bytes) -> np.ndarray:
    """Return the records (N, 3073) uint8 of one file."""
    values = np.frombuffer(content, np.uint8)
    if not content or len(content) % _RECORD_BYTES:
        raise ValueError(
            tr(
                "{name} has {count} bytes, which are not records of {size}",
                name=name,
                count=len(content),
                size=_RECORD_BYTES,
            )
        )
    records = values.reshape(-1, _RECORD_BYTES)
    if records[:, 0].max() >= _NUM_CLASSES:
        raise ValueError(
            tr(
                "{name} has the label {label}, which is above {most}",
                name=name,
                label=records[:, 0].max(),
                most=_NUM_CLASSES - 1,
            )
        )
    return records


def _unpack(archive: Path, names: Sequence[str]) -> dict[str, bytes]:
    """Return these files of a .tar.gz by name, without their folders. Raises ValueError for a damaged one."""
    try:
        # Decompressed whole, so that gzip's CRC is checked before anything is used.
        with tarfile.open(fileobj=io.BytesIO(read_bytes(archive)), mode="r:") as files:
            # Only plain files: a link may lead to itself, and a sparse file may be gigabytes of holes.
            members = [member for member in files if member.type in (tarfile.REGTYPE, tarfile.AREGTYPE)]
            readers = {Path(member.name).name: files.extractfile(member) for member in members}
            return {name: reader.read() for name, reader in readers.items() if reader and name in names}
    except (ValueError, OverflowError, EOFError, gzip.BadGzipFile, tarfile.TarError, zlib.error) as error:
        raise _damaged(archive, error) from error


def _damaged(place: Path, error: Exception) -> ValueError:
    return ValueError(
        tr(
            "{path} is damaged ({reason}); delete it to download it again, or name another folder with "
            "--data.root PATH",
            path=place,
            reason=error,
        )
    )
