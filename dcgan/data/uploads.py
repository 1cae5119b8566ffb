"""Pictures that a visitor uploads, as files or as zip archives: read within bounds, and written again into a folder.

Only pixels get into the folder. Each picture is decoded, made upright, shrunk to MAX_SIDE and written as PNG under a
number. So no name, no metadata and no byte of the upload is kept, except the names of class folders in letters that
every system takes.

The module has a few more than 250 lines, so that all bounds on an upload are read together.
"""

from __future__ import annotations

import re
import secrets
import shutil
import stat
import tempfile
import time
import unicodedata
import warnings
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple

from PIL import Image

from dcgan.data.image_formats import image_extensions, kind_by_content, open_image, turned
from dcgan.files import make_folder, runs_root, sync
from dcgan.locale.language import tr

MAX_PICTURES = 20_000
MAX_ENTRIES = 50_000
"""In an archive, with those that are no pictures."""
MAX_FILE_BYTES = 30_000_000
"""Of one picture, unpacked."""
MAX_TOTAL_BYTES = 2_000_000_000
"""Of all pictures of an upload, unpacked."""
MAX_CLASSES = 1000
MAX_SIDE = 256
"""Pixels: twice the largest side that the presets train."""
_MAX_NAME = 60
_ABANDONED_SECONDS = 3600.0
"""An unfinished upload to which no file was added for so long has no process any more."""

_CHUNK_BYTES = 2**16


class Upload(NamedTuple):
    """A folder of uploaded pictures."""

    folder: Path
    count: int
    notes: tuple[str, ...]
    """Plain sentences: what was left out, and why."""


class UploadError(ValueError):
    """An upload that cannot be used; the message says why, and what to do. Nothing of it is kept."""


class _Limits:
    """What an upload has used of its bounds, and what was left out, in the visitor's words."""

    def __init__(self) -> None:
        self.count = 0
        self.num_bytes = 0
        self.left_out: Counter[str] = Counter()

    def take(self, num_bytes: int) -> None:
        """Count unpacked bytes. Raises UploadError beyond the bound."""
        self.num_bytes += num_bytes
        if self.num_bytes > MAX_TOTAL_BYTES:
            raise UploadError(
                tr(
                    "the pictures have more than {gigabytes:.0f} GB together; upload fewer, or name a folder",
                    gigabytes=MAX_TOTAL_BYTES / 1e9,
                )
            )


def uploads_root() -> Path:
    """Return the folder of all uploads, below that of the runs."""
    return runs_root() / "uploads"


def uploads() -> list[Path]:
    """Return the folders of all uploads by name."""
    with suppress(OSError):
        return sorted(path for path in uploads_root().iterdir() if path.is_dir() and not path.name.startswith("."))
    return []


def save_upload(files: Iterable[tuple[str, BinaryIO]], name: str = "pictures") -> Upload:
    """Write the pictures of these files, each a name and its bytes, into a new folder below `uploads_root`.

    A zip archive is unpacked. If all pictures lie in folders of the archive, the first level in which they differ
    names their classes. Raises UploadError where there is no picture, or a bound is exceeded, and OSError where the
    folder cannot be written. Nothing is left behind then.
    """
    root = uploads_root()
    make_folder(root)
    _remove_unfinished(root)
    folder = Path(tempfile.mkdtemp(prefix=".", dir=root))
    limits = _Limits()
    try:
        names = [written for written in _written(files, folder, limits) if written]
        if not names:
            reason = _left_out(limits) or tr("it is empty")
            raise UploadError(tr("there is no picture in the upload ({reason})", reason=reason))
        _sort_into_classes(folder, names)
        sync(folder)
        target = root / f"{_safe(name) or 'pictures'}-{secrets.token_hex(3)}"
        folder.rename(target)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    note = _left_out(limits)
    return Upload(target, limits.count, (tr("left out: {files}", files=note),) if note else ())


def _remove_unfinished(root: Path) -> None:
    """Remove folders that a process began and left when it was killed. One that is still written changes often."""
    latest = time.time() - _ABANDONED_SECONDS
    for folder in root.glob(".*"):
        with suppress(OSError):
            if folder.is_dir() and not folder.is_symlink() and folder.stat().st_mtime < latest:
                shutil.rmtree(folder)


def delete_upload(folder: Path) -> None:
    """Delete an uploaded folder. Raises UploadError for any other path."""
    if folder.parent != uploads_root() or folder.name.startswith(".") or folder.is_symlink() or not folder.is_dir():
        raise UploadError(tr("{folder} is not an uploaded folder", folder=folder.name))
    shutil.rmtree(folder)


def _left_out(limits: _Limits) -> str:
    counts = sorted(limits.left_out.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{count} {reason}" for reason, count in counts[:5])


def _written(files: Iterable[tuple[str, BinaryIO]], folder: Path, limits: _Limits) -> Iterator[tuple[Path, str]]:
    """Write each picture under a number; yield that file and the name that the picture had."""
    for name, file in files:
        if zipfile.is_zipfile(file):
            entries: Iterable[tuple[str, BinaryIO]] = _entries(name, file, limits)
        else:
            file.seek(0)
            entries = [(name, file)]
        for entry_name, content in entries:
            if limits.count >= MAX_PICTURES:
                raise UploadError(
                    tr("there are more than {most:,} pictures; upload fewer, or name a folder", most=MAX_PICTURES)
                )
            path = folder / f"{limits.count:06}.png"
            if _write_picture(content, path, limits):
                limits.count += 1
                yield path, entry_name


def _entries(name: str, file: BinaryIO, limits: _Limits) -> Iterator[tuple[str, BinaryIO]]:
    """Yield the files of an archive that may be pictures."""
    try:
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
            if len(entries) > MAX_ENTRIES:
                raise UploadError(
                    tr(
                        "{archive} has {count:,} entries, more than {most:,}; pack fewer",
                        archive=name,
                        count=len(entries),
                        most=MAX_ENTRIES,
                    )
                )
            for entry in entries:
                base = re.split(r"[\\/]", entry.filename)[-1]
                if entry.is_dir() or base.startswith(".") or entry.filename.startswith("__MACOSX/"):
                    continue
                if stat.S_ISLNK(entry.external_attr >> 16):
                    limits.left_out[tr("links")] += 1
                elif entry.flag_bits & 1:
                    limits.left_out[tr("encrypted files")] += 1
                else:
                    with archive.open(entry) as content:
                        yield entry.filename, content  # pyright: ignore[reportReturnType] - a ZipExtFile reads bytes
    except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, EOFError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise UploadError(
            tr("{archive} is a damaged archive ({reason}); pack it again", archive=name, reason=reason)
        ) from error


def _write_picture(content: BinaryIO, path: Path, limits: _Limits) -> bool:
    """Write a picture's pixels as PNG and return True; count what is left out, and return False."""
    packed = path.with_suffix(".upload")
    try:
        if not _copied(content, packed, limits):
            limits.left_out[tr("files of more than {megabytes:.0f} MB", megabytes=MAX_FILE_BYTES / 1e6)] += 1
            return False
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with open_image(packed, size=MAX_SIDE) as image:
                upright = turned(image)
                _shrunk(upright).save(path, format="PNG")
        return True
    except (UploadError, MemoryError):
        raise
    except OSError as error:
        if error.errno is not None:  # of this machine's disk; Pillow's own errors have no number
            raise
        limits.left_out[_reason(packed)] += 1
    except (zipfile.BadZipFile, EOFError) as error:
        raise UploadError(tr("the archive is damaged ({reason}); pack it again", reason=error)) from error
    except Exception:  # what a broken or hostile file makes Pillow raise is not documented
        limits.left_out[_reason(packed)] += 1
    finally:
        packed.unlink(missing_ok=True)
    path.unlink(missing_ok=True)
    return False


def _copied(content: BinaryIO, path: Path, limits: _Limits) -> bool:
    """Copy to a file of this machine; False for more than MAX_FILE_BYTES."""
    num_bytes = 0
    with open(path, "wb") as file:
        while chunk := content.read(_CHUNK_BYTES):
            num_bytes += len(chunk)
            limits.take(len(chunk))
            if num_bytes > MAX_FILE_BYTES:
                return False
            file.write(chunk)
    return True


def _reason(path: Path) -> str:
    kind = kind_by_content(path)
    if not kind:
        return tr("files that are no pictures")
    return tr("damaged pictures") if kind in image_extensions() else tr("{kind} files", kind=kind)


def _shrunk(image: Image.Image) -> Image.Image:
    """Return the picture with sides of at most MAX_SIDE, in a mode that PNG keeps."""
    if image.mode not in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16", "I"):
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    if max(image.size) <= MAX_SIDE:
        return image
    if image.mode in ("1", "P"):
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    scale = MAX_SIDE / max(image.size)
    # The shorter side of a panorama still has a pixel.
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(
        size, Image.Resampling.BICUBIC if not image.mode.startswith("I") else Image.Resampling.NEAREST
    )


def _sort_into_classes(folder: Path, names: list[tuple[Path, str]]) -> None:
    """Move the pictures into a folder for each class, if their names have one."""
    parts = [_folders_of(name) for _, name in names]
    while all(parts) and len({part[0] for part in parts}) == 1:
        parts = [part[1:] for part in parts]  # a folder around all of them is no class
    if not all(parts):
        return
    labels = {part[0] for part in parts}
    if len(labels) > MAX_CLASSES:
        raise UploadError(
            tr(
                "the pictures lie in {count:,} folders, more than {most:,} classes",
                count=len(labels),
                most=MAX_CLASSES,
            )
        )
    folders: dict[str, Path] = {}
    for label in sorted(labels):
        name, number = _safe(label) or "class", 2
        while folder / name in folders.values():
            name, number = f"{_safe(label) or 'class'}-{number}", number + 1
        folders[label] = folder / name
        folders[label].mkdir()
    for (path, _), part in zip(names, parts, strict=True):
        path.rename(folders[part[0]] / path.name)


def _folders_of(name: str) -> tuple[str, ...]:
    return tuple(part for part in re.split(r"[\\/]", name)[:-1] if part not in ("", ".", ".."))


def _safe(name: str) -> str:
    """Return a name for a folder on every system: letters and digits of any script, and single dashes."""
    normal = unicodedata.normalize("NFKC", name)
    words = re.sub(r"[^\w]+", "-", normal).strip("-_")[:_MAX_NAME].lower()
    return "" if re.fullmatch(r"(con|prn|aux|nul|com\d|lpt\d)", words) else words
