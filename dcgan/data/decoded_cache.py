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

from dcgan.data.folder import ImageFiles, log_left_out, select_readable
from dcgan.data.image_files import UnreadableImageError, read_all, read_image, why_unreadable
from dcgan.files import cache_folder, remedy_of, replacing, take_lock
from dcgan.locale.language import tr, tr_later, tr_marked

logger = logging.getLogger(__name__)

DECODER = 2
"""Raise it when read_image returns other pixels than before: files of the old version are then written again."""

_UNREADABLE = -1
"""Stands for the checksum of a file that is no image; zeros take its place in the array."""


class DecodedImages:
    """A file of decoded images, and optionally a label for each. Subclasses say where they come from."""

    path: Path
    """The file."""
    source: str
    """What was decoded; for messages."""
    _damaged: str
    """The message for a damaged file, marked by tr_later. Its place is {path}."""
    _has_labels = False

    def _load(self, path: Path, shape: tuple[int, ...], key: bytes) -> None:
        """Open the file for images of `shape` (N, C, H, W), or write it where it is missing, damaged or another one.

        key: a digest of all that decides the pixels. Raises ValueError that names the place and the remedy where the
        file cannot be written.
        """
        self.path = path
        self._num_images, self._shape = shape[0], shape[1:]
        self._image_bytes = math.prod(self._shape)
        self._header = _npy_header(shape)
        self._key = key
        mebibytes = math.ceil(self._num_images * self._image_bytes / 2**20)
        try:
            if not self._open():
                self.path.parent.mkdir(parents=True, exist_ok=True)
                with _lock(self.path.parent):
                    if not self._open():  # another training may have decoded it meanwhile
                        self._decode()
                        opened = self._open()
                        assert opened, f"{self.path} was written and cannot be read"
        except OSError as error:
            raise ValueError(
                tr(
                    "the decoded images of {source}, {mebibytes} MiB, cannot be kept in {folder} ({reason}); "
                    "{remedy}, name another place with DCGAN_CACHE, or leave out --data.cache",
                    source=self.source,
                    mebibytes=mebibytes,
                    folder=self.path.parent,
                    reason=error.strerror or error,
                    remedy=remedy_of(error),
                )
            ) from error
        self.note = tr(
            "the decoded images of {source} are kept in {path}, {mebibytes} MiB; it may be deleted",
            source=self.source,
            path=self.path,
            mebibytes=mebibytes,
        )

    def _images(self) -> Iterator[tuple[np.ndarray | UnreadableImageError, int]]:
        """Yield each image (C, H, W) uint8 and its label, in order, or an error where there is no image."""
        raise NotImplementedError

    @property
    def is_readable(self) -> np.ndarray:
        """Which rows (N,) bool are images."""
        return self._checksums != _UNREADABLE

    def read(self, rows: np.ndarray) -> np.ndarray:
        """Return the images (B, C, H, W) uint8 in these rows. Raises ValueError, and deletes the file, if damaged."""
        images_u8 = np.empty((len(rows), *self._shape), np.uint8)
        for image_u8, row in zip(images_u8, rows.tolist(), strict=True):
            self._file.seek(len(self._header) + row * self._image_bytes)
            whole = self._file.readinto(image_u8.data) == self._image_bytes
            if not whole or zlib.crc32(image_u8.data) != self._checksums[row]:
                self._file.close()
                self.path.unlink(missing_ok=True)
                raise ValueError(tr_marked(self._damaged, path=self.path))
        return images_u8

    def _open(self) -> bool:
        """Open the file. Returns False where it is missing, damaged or decoded from other files."""
        checksums_at = len(self._header) + self._num_images * self._image_bytes
        try:
            file = open(self.path, "rb", buffering=0)  # noqa: SIM115
        except FileNotFoundError:
            return False
        header = file.read(len(self._header))
        file.seek(checksums_at)
        numbers_bytes = 8 * self._num_images
        numbers = file.read(numbers_bytes * (2 if self._has_labels else 1))
        seal = file.read(hashlib.sha256().digest_size)
        if header != self._header or seal != self._seal(numbers) or file.read(1):
            file.close()
            return False
        self._file = file
        self._checksums = np.frombuffer(numbers[:numbers_bytes], "<i8")
        self._all_labels = np.frombuffer(numbers[numbers_bytes:], "<i8")
        weakref.finalize(self, file.close)
        return True

    def _decode(self) -> None:
        """Write the file, with a few hundred images at a time in memory."""
        self.path.unlink(missing_ok=True)  # it is useless now, and its room may be needed
        for leftover in self.path.parent.glob(f".{self.path.name}.*.tmp"):
            leftover.unlink()  # a killed process has left it; by the lock, no other process writes here
        if shutil.disk_usage(self.path.parent).free < self._num_images * (self._image_bytes + 16):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))  # now, not after an hour of decoding
        logger.info("decoding %d images of %s into %s", self._num_images, self.source, self.path)
        checksums, labels = np.full((2, self._num_images), _UNREADABLE, "<i8")
        with replacing(self.path) as temporary, open(temporary, "wb") as file:
            file.write(self._header)
            for i, (image_u8, label) in enumerate(self._images()):
                labels[i] = label
                if isinstance(image_u8, UnreadableImageError):
                    file.seek(self._image_bytes, os.SEEK_CUR)
                    continue
                content = image_u8.tobytes()
                checksums[i] = zlib.crc32(content)
                file.write(content)
            numbers = checksums.tobytes() + (labels.tobytes() if self._has_labels else b"")
            file.write(numbers)
            file.write(self._seal(numbers))

    def _seal(self, numbers: bytes) -> bytes:
        return hashlib.sha256(self._key + numbers).digest()


class DecodedFolder(DecodedImages):
    """Every image file of a folder, decoded to one size, on disk.

    It holds the whole folder for any limit, holdout and seed. So all trainings at one size share one file.
    """

    _damaged = tr_later("{path} was damaged and is deleted; start again to decode the folder again")

    def __init__(self, files: ImageFiles, size: int, channels: int, threads: int = 1) -> None:
        """Open the file, or decode the folder into it where it is missing, damaged or of other files.

        Raises ValueError that names the place and the remedy where it cannot be written.
        """
        shape = (channels, size, size)
        self._files, self._threads = files, threads
        self._names = files.paths.names
        self.source = str(files.folder)
        self._load(_path(files, shape), (len(files.paths), *shape), _key(files, shape))

    def readable_files(self, files: ImageFiles, limit: int = 0) -> ImageFiles:
        """Return those of the files that are images, as folder.readable_files would, with a note on the cache."""
        is_readable = self.is_readable[self.rows(files)]
        for i in np.flatnonzero(~is_readable).tolist():
            name = os.fsdecode(files.paths.names[i].item())
            log_left_out(name, why_unreadable(files.paths[i], self._shape[1], self._shape[0]))
        readable = select_readable(files, is_readable, limit)
        return readable._replace(notes=(*readable.notes, self.note))

    def rows(self, files: ImageFiles) -> np.ndarray:
        """Return the row indices (N,) int64 of these files, in folder order."""
        rows = np.flatnonzero(np.isin(self._names, files.paths.names))
        assert len(rows) == len(files.paths)
        return rows

    def _images(self) -> Iterator[tuple[np.ndarray | UnreadableImageError, int]]:
        files, (channels, size, _) = self._files, self._shape
        read = partial(read_image, size=size, channels=channels, fit=files.fit, ground=files.ground)
        for image_u8 in read_all(files.paths, read, self._threads):
            yield image_u8, 0


def _key(files: ImageFiles, shape: tuple[int, int, int]) -> bytes:
    """Return a digest of all that decides the pixels: the files' names, sizes and times, the options, the decoder."""
    digest = hashlib.sha256(f"{DECODER} {PIL.__version__} {shape} {files.fit} {files.ground}".encode())
    for name, path in zip(files.paths.names.tolist(), files.paths, strict=True):
        try:
            status = os.stat(path)
            digest.update(b"\0%b\0%d %d" % (name, status.st_size, status.st_mtime_ns))
        except OSError:  # a link to nowhere, say: listed, and not readable
            digest.update(b"\0%b\0" % name)
    return digest.digest()


def _path(files: ImageFiles, shape: tuple[int, int, int]) -> Path:
    """Return the one place for a folder and its options: images from a changed folder replace the earlier ones."""
    place = files.folder.resolve()
    name = re.sub(r"[^A-Za-z0-9._-]", "_", place.name)[:40]
    place_id = hashlib.sha256(os.fsencode(place)).hexdigest()[:12]
    channels, height, width = shape
    colors = "grey" if channels == 1 else "rgb"
    options = ("-pad" if files.fit == "pad" else "") + ("-black" if files.ground == "black" else "")
    return cache_folder() / "folders" / f"{name}-{place_id}" / f"{height}x{width}-{colors}{options}.npy"


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
