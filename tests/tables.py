"""Tables of pictures as files: Parquet, Arrow and WebDataset."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from dcgan.data.table_files import lock_threads_only

CLASSES = ["cat", "dog", "owl"]


def picture(i: int) -> bytes:
    """Return a PNG whose red value is i, and whose green is 255 for odd numbers."""
    pixels = np.zeros((16, 16, 3), np.uint8)
    pixels[..., 0], pixels[..., 1] = i, 255 * (i % 2)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def dataset(start: int = 0, stop: int = 60, **columns: Any) -> Any:
    """Return a datasets.Dataset of pictures with three classes. `columns` are more columns, or other ones."""
    from datasets import ClassLabel, Dataset, Features
    from datasets import Image as ImageFeature

    # Tests end processes and close streams at any moment. One that writes a table must not wait for their locks.
    lock_threads_only()
    features = Features({"image": ImageFeature(), "label": ClassLabel(names=CLASSES)})
    numbers = range(start, stop)
    values = {
        "image": [{"bytes": picture(i), "path": None} for i in numbers],
        "label": [i % len(CLASSES) for i in numbers],
    }
    made = Dataset.from_dict(values, features=features)
    for name, column in columns.items():
        made = made.remove_columns(name) if name in made.column_names else made
        made = made.add_column(name, column)
    return made


def parquet(path: Path, rows: Any = None, *, group: int = 10) -> str:
    """Write a Parquet file with row groups of `group` rows, and return its name as data."""
    path.parent.mkdir(parents=True, exist_ok=True)
    (dataset() if rows is None else rows).to_parquet(str(path), batch_size=group)
    return f"table:{path}"


def arrow(path: Path, rows: Any = None) -> str:
    """Write an Arrow file, and return its name as data."""
    from datasets.arrow_writer import ArrowWriter

    rows = dataset() if rows is None else rows
    with ArrowWriter(path=str(path), features=rows.features) as writer:
        writer.write_table(rows.data.table)
        writer.finalize()
    return f"table:{path}"


def webdataset(path: Path, start: int = 0, stop: int = 60) -> str:
    """Write a .tar file of pictures and their classes as numbers, and return its name as data."""
    with tarfile.open(path, "w") as archive:
        for i in range(start, stop):
            add(archive, f"{i:04d}.png", picture(i))
            add(archive, f"{i:04d}.cls", str(i % len(CLASSES)).encode())
    return f"table:{path}"


def add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    """Add a file to an open archive."""
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))
