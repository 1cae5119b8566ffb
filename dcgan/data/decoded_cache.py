"""A folder decoded once, into one file that later trainings read instead of its images.

The file is a .npy array (N, C, H, W) uint8, as np.load opens it. Behind the array are a checksum of each image, and a
seal over the checksums and the decoded files. It is written under a temporary name and renamed, so it is there whole
or not at all.

Images are read from it, not memory-mapped. Mapped pages count as the process's own memory, which would grow with the
folder. A disk's error would end the process without a message.

Shapes: N files of the folder, B batch, C H W image.
"""

from __future__ import annotations

import errno
import hashlib
import io
import logging
import math
import os
import re
import shutil
import weakref
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import PIL

from dcgan.data.folder import ImageFiles, select_readable
from dcgan.data.image_files import UnreadableImageError, read_all, read_image
from dcgan.files import cache_folder, remedy_of, replacing, take_lock

logger = logging.getLogger(__name__)

_DECODER = 1
"""Raise it when read_image returns other pixels than before: files of the old version are then written again."""

_UNREADABLE = -1
"""Stands for the checksum of a file that is no image; zeros take its place in the array."""


class DecodedFolder:
    """Every image file of a folder, decoded to one size, on disk.

    It holds the whole folder for any limit, holdout and seed. So all trainings at one size share one file.
    """

    def __init__(self, files: ImageFiles, size: int, channels: int, threads: int = 1) -> None:
        """Open the file, or decode the folder into it where it is missing, damaged or of other files.

        Raises ValueError that names the place and the remedy where it cannot be written.
        """
        self._names = files.paths.names
        self._shape = (channels, size, size)
        self._image_bytes = math.prod(self._shape)
        self._header = _npy_header((len(files.paths), *self._shape))
        self._key = _key(files, self._shape)
        self.path = _path(files.folder, self._shape)
        mebibytes = math.ceil(len(files.paths) * self._image_bytes / 2**20)
        try:
            if not self._open():
                self.path.parent.mkdir(parents=True, exist_ok=True)
                with _lock(self.path.parent):
                    if not self._open():  # another training may have decoded it meanwhile
                        self._decode(files, threads)
                        opened = self._open()
                        assert opened, f"{self.path} was written and cannot be read"
        except OSError as error:
            raise ValueError(
                f"the decoded images of {files.folder}, {mebibytes} MiB, cannot be kept in {self.path.parent} "
                f"({error.strerror or error}); {remedy_of(error)}, name another place with DCGAN_CACHE, or leave out "
                "--data.cache"
            ) from error
        self._note = (
            f"the decoded images of {files.folder} are kept in {self.path}, {mebibytes} MiB; it may be deleted"
        )

    def readable_files(self, files: ImageFiles, limit: int = 0) -> ImageFiles:
        """Return those of the files that are images, as folder.readable_files would, with a note on the cache."""
        readable = select_readable(files, self._checksums[self.rows(files)] != _UNREADABLE, limit)
        return readable._replace(notes=(*readable.notes, self._note))

    def rows(self, files: ImageFiles) -> np.ndarray:
        """Return the row indices (N,) int64 of these files, in folder order."""
        rows = np.flatnonzero(np.isin(self._names, files.paths.names))
        assert len(rows) == len(files.paths)
        return rows

    def read(self, rows: np.ndarray) -> np.ndarray:
        """Return the images (B, C, H, W) uint8 in these rows. Raises ValueError, and deletes the file, if damaged."""
        images_u8 = np.empty((len(rows), *self._shape), np.uint8)
        for image_u8, row in zip(images_u8, rows.tolist(), strict=True):
            self._file.seek(len(self._header) + row * self._image_bytes)
            whole = self._file.readinto(image_u8.data) == self._image_bytes
            if not whole or zlib.crc32(image_u8.data) != self._checksums[row]:
                self._file.close()
                self.path.unlink(missing_ok=True)
                raise ValueError(f"{self.path} was damaged and is deleted; start again to decode the folder again")
        return images_u8

    def _open(self) -> bool:
        """Open the file. Returns False where it is missing, damaged or decoded from other files."""
        num_files = len(self._names)
        checksums_at = len(self._header) + num_files * self._image_bytes
        try:
            file = open(self.path, "rb", buffering=0)  # noqa: SIM115
        except FileNotFoundError:
            return False
        header = file.read(len(self._header))
        file.seek(checksums_at)
        checksums, seal = file.read(8 * num_files), file.read(hashlib.sha256().digest_size)
        if header != self._header or seal != self._seal(checksums) or file.read(1):
            file.close()
            return False
        self._file = file
        self._checksums = np.frombuffer(checksums, "<i8")
        weakref.finalize(self, file.close)
        return True

    def _decode(self, files: ImageFiles, threads: int) -> None:
        """Write the file, with a few hundred images at a time in memory."""
        self.path.unlink(missing_ok=True)  # it is useless now, and its room may be needed
        for leftover in self.path.parent.glob(f".{self.path.name}.*.tmp"):
            leftover.unlink()  # a killed process has left it; by the lock, no other process writes here
        num_files = len(files.paths)
        if shutil.disk_usage(self.path.parent).free < num_files * (self._image_bytes + 8):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))  # now, not after an hour of decoding
        logger.info("decoding %d images of %s into %s", num_files, files.folder, self.path)
        checksums = np.full(num_files, _UNREADABLE, "<i8")
        read = partial(read_image, size=self._shape[1], channels=self._shape[0])
        with replacing(self.path) as temporary, open(temporary, "wb") as file:
            file.write(self._header)
            for i, image_u8 in enumerate(read_all(files.paths, read, threads)):
                if isinstance(image_u8, UnreadableImageError):
                    file.seek(self._image_bytes, os.SEEK_CUR)
                    continue
                content = image_u8.tobytes()
                checksums[i] = zlib.crc32(content)
                file.write(content)
            file.write(checksums.tobytes())
            file.write(self._seal(checksums.tobytes()))

    def _seal(self, checksums: bytes) -> bytes:
        return hashlib.sha256(self._key + checksums).digest()


def _key(files: ImageFiles, shape: tuple[int, int, int]) -> bytes:
    """Return a digest of all that decides the pixels: the files' names, sizes and times, the shape, the decoder."""
    digest = hashlib.sha256(f"{_DECODER} {PIL.__version__} {shape}".encode())
    for name, path in zip(files.paths.names.tolist(), files.paths, strict=True):
        try:
            status = os.stat(path)
            digest.update(b"\0%b\0%d %d" % (name, status.st_size, status.st_mtime_ns))
        except OSError:  # a link to nowhere, say: listed, and not readable
            digest.update(b"\0%b\0" % name)
    return digest.digest()


def _path(folder: Path, shape: tuple[int, int, int]) -> Path:
    """Return the one place for a folder and a shape: images from a changed folder replace the earlier ones."""
    place = folder.resolve()
    name = re.sub(r"[^A-Za-z0-9._-]", "_", place.name)[:40]
    place_id = hashlib.sha256(os.fsencode(place)).hexdigest()[:12]
    channels, height, width = shape
    colors = "grey" if channels == 1 else "rgb"
    return cache_folder() / "folders" / f"{name}-{place_id}" / f"{height}x{width}-{colors}.npy"


def _npy_header(shape: tuple[int, ...]) -> bytes:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": shape})
    return header.getvalue()


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    """Let one training decode while others wait for its file."""
    descriptor = take_lock(folder, patience_seconds=0)
    if descriptor is None:
        logger.info("another training decodes into %s; waiting for it", folder)
        descriptor = take_lock(folder, patience_seconds=math.inf)
    assert descriptor is not None, "endless patience ends with the lock"
    try:
        yield
    finally:
        os.close(descriptor)
