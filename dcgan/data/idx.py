"""The idx format, in which MNIST and its cousins are published: a header of sizes, then bytes.

Shapes: N images, C H W image.
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np

from dcgan.data.bounded_gzip import read_bytes
from dcgan.locale.language import tr

MAX_DIMENSIONS = 4
"""Of images with colors. A header of 255 dimensions announces numbers with thousands of digits."""


def read_idx(path: Path) -> np.ndarray:
    """Return the bytes of an idx file, plain or gzip, in the shape that its header declares.

    Raises ValueError if the file is cut short, is too long or is not an idx file of bytes.
    """
    try:
        content = read_bytes(path)
        if content[:3] != b"\x00\x00\x08" or content[3] > MAX_DIMENSIONS:
            raise ValueError(tr("it is not an idx file of bytes"))
        dimensions = content[3]
        shape = struct.unpack_from(f">{dimensions}I", content, 4)
        values = np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions)
        if len(values) != math.prod(shape):
            raise ValueError(
                tr(
                    "its header announces {count} bytes and {found} follow",
                    count=math.prod(shape),
                    found=len(values),
                )
            )
    except (ValueError, IndexError, EOFError, gzip.BadGzipFile, struct.error, zlib.error) as error:
        raise ValueError(
            tr("{path} is damaged ({reason}); replace it with a whole copy", path=path, reason=error)
        ) from error
    return values.reshape(shape).copy()  # a copy may be written to, as torch.from_numpy wants


def read_idx_set(folder: Path, split: str) -> tuple[np.ndarray, np.ndarray] | None:
    """Return images (N, 1, 28, 28) uint8 and labels (N,) int64 from a folder in MNIST's layout.

    Returns None where the files are neither in FOLDER/raw, as torchvision has them, nor in the folder itself.
    Raises ValueError for damaged files, and for counts that do not match.
    """
    prefix = "t10k" if split == "test" else "train"
    for place in (folder / "raw", folder):
        images_file = _idx_file(place, f"{prefix}-images-idx3-ubyte")
        labels_file = _idx_file(place, f"{prefix}-labels-idx1-ubyte")
        if images_file and labels_file:
            break
    else:
        return None
    images_u8, labels = read_idx(images_file), read_idx(labels_file)
    if images_u8.shape[1:] != (28, 28) or labels.shape != images_u8.shape[:1] or len(images_u8) == 0:
        raise ValueError(
            tr(
                "{images_file} holds {images_shape} and {labels_file} {labels_shape}, which are not N images of "
                "28x28 and N labels; replace both with whole copies",
                images_file=images_file,
                images_shape=images_u8.shape,
                labels_file=labels_file,
                labels_shape=labels.shape,
            )
        )
    return images_u8[:, None], labels.astype(np.int64)


def _idx_file(folder: Path, stem: str) -> Path | None:
    """Return the archive before the unpacked file: gzip's checksum shows whether an archive is whole."""
    return next((path for path in (folder / f"{stem}.gz", folder / stem) if path.is_file()), None)
