"""The user's own images: found in a folder, read whatever their mode and size, made the model's shape.

Shapes: C H W image.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from PIL import Image, ImageOps

_NAMED_AT_MOST = 5
"""Files that one note names; the rest are counted."""

_PER_ROUND = 256
"""Files handed to the threads at once: a bound on the memory, and on the work beyond a limit."""

_PER_TASK = 16
"""Files that one thread takes at a time: opening one is quicker than handing it over."""


class Paths(Sequence[Path]):
    """Files below a folder: `names` (N,) are their relative POSIX paths, encoded, in one array.

    A Path takes half a kilobyte, and every worker process would copy it by touching its reference count.
    """

    def __init__(self, folder: Path, names: np.ndarray) -> None:
        self.folder = folder
        self.names = names

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Path:
        return self.folder / os.fsdecode(self.names[index].item())


class ImageFiles(NamedTuple):
    """Image files below `folder` in path order; labels (N,) int64 into the sorted class names, or None."""

    folder: Path
    paths: Paths
    labels: np.ndarray | None
    classes: tuple[str, ...]
    notes: tuple[str, ...] = ()
    """Plain sentences for the user."""


class Source(NamedTuple):
    """Which files a training on a folder learns from: what its state keeps, so that a resume notices others."""

    num_images: int = 0
    classes: tuple[str, ...] = ()
    """The names of the labels 0, 1, ...; empty where the model is told none."""
    names_hash: str = ""
    """Of the files' names, in order; empty where nothing is known of them."""


def source_of(files: ImageFiles, labelled: bool) -> Source:
    """The record of these files. `labelled`: the model is told their labels, so it matters which they are."""
    digest = hashlib.sha256(b"\0".join(files.paths.names.tolist())).hexdigest()
    return Source(len(files.paths), files.classes if labelled else (), digest[:16])


def require_classes(files: ImageFiles, began: Source) -> None:
    """Raise ValueError where labels would no longer mean the classes that a training began with."""
    if not began.classes or began.classes == files.classes:
        return
    changes = {
        "gone": [name for name in began.classes if name not in files.classes],
        "new": [name for name in files.classes if name not in began.classes],
    }
    told = "; ".join(f"{change}: {_few(names)}" for change, names in changes.items() if names)
    raise ValueError(
        f"the subfolders of {files.folder} are not the {len(began.classes)} classes that the training began with "
        f"({told}); put them back as they were, or train its config anew"
    )


class UnreadableImageError(ValueError):
    """A file that is called an image and cannot be read as one."""


def find_images(folder: Path) -> ImageFiles:
    """Every image file below a folder, by extension, sorted by relative path; hidden ones are skipped, and links
    followed.

    If every image lies in a subfolder, the first-level subfolders, sorted by name, are the classes 0, 1, ...
    Raises FileNotFoundError for a missing folder and ValueError for one without images.
    """
    if not folder.exists():
        raise FileNotFoundError(f"folder {folder} does not exist; name one that holds images: folder:PATH")
    if not folder.is_dir():
        raise ValueError(f"{folder} is a file, not a folder; name the folder that holds it: folder:PATH")
    found, others = [], Counter()
    for parents, names in _walk(folder):
        for name in (name for name in names if not name.startswith(".")):
            extension = os.path.splitext(name)[1].lower()
            if extension in _extensions():
                found.append("/".join((*parents, name)))
            else:
                others[extension or "no extension"] += 1
    if not found:
        kinds = ", ".join(f"{count} {kind}" for kind, count in others.most_common(_NAMED_AT_MOST))
        raise ValueError(
            f"folder {folder} holds no image files (found: {kinds or 'nothing'}); name one with PNG, JPEG or "
            "other images that Pillow reads"
        )
    found.sort()
    paths = Paths(folder, np.array([os.fsencode(name) for name in found]))
    if any("/" not in name for name in found):
        return ImageFiles(folder, paths, None, ())
    classes, labels = np.unique([name.partition("/")[0] for name in found], return_inverse=True)
    return ImageFiles(folder, paths, labels.astype(np.int64), tuple(classes.tolist()))


def _walk(folder: Path) -> Iterator[tuple[tuple[str, ...], list[str]]]:
    """Every folder from this one down, hidden ones left out: its parts below `folder`, and the names of its files.

    Linked folders come after all others, and none that was met before or that this one lies in: so a link takes no
    image from the class that it really lies in, a ring of links ends, and the order in which a disk lists its folders
    decides nothing.
    """
    met = set(map(str, Path(os.path.realpath(folder)).parents))
    waiting: list[tuple[str, ...]] = [()]
    while waiting:
        parts, links = waiting.pop(0), []
        start = folder.joinpath(*parts)
        for place, folders, names in os.walk(start):
            real = os.path.realpath(place)
            if real in met:
                folders.clear()
                continue
            met.add(real)
            parents = (*parts, *Path(place).relative_to(start).parts)
            folders[:] = [name for name in folders if not name.startswith(".")]
            # os.walk itself goes into no link.
            links += [(*parents, name) for name in folders if os.path.islink(os.path.join(place, name))]
            yield parents, names
        waiting += sorted(links)


def split_files(files: ImageFiles, holdout: float, seed: int, split: Literal["train", "test"]) -> ImageFiles:
    """One part of a split drawn by the seed, in path order; the two parts are disjoint and complete.

    The split is drawn over all files, readable or not, so that one file that breaks moves no other.
    """
    if holdout == 0 and split == "test":
        raise ValueError(
            f"data.holdout=0 keeps none of the images in {files.folder} for a test; set --data.holdout 0.1"
        )
    shuffled = np.random.RandomState(seed).permutation(len(files.paths))
    num_test = max(1, round(holdout * len(files.paths))) if holdout else 0
    part = np.sort(shuffled[:num_test] if split == "test" else shuffled[num_test:])
    if len(part) == 0:
        raise ValueError(
            f"data.holdout={holdout} leaves none of the {len(shuffled)} images in {files.folder} to train "
            "on; lower it"
        )
    return _take(files, part)


def keep_readable(
    files: ImageFiles,
    read: Callable[[Path], Any],
    limit: int = 0,
    threads: int = 1,
    into: np.ndarray | None = None,
) -> ImageFiles:
    """The files that `read` does not refuse, the first `limit` of them (0: all), and a note on the others.

    What `read` gives of the i-th kept file is written to into[i]. Raises ValueError if no file is left.
    """
    readable = np.zeros(len(files.paths), bool)
    num_kept = 0
    for i, result in enumerate(attempts(files.paths, read, threads)):
        if isinstance(result, UnreadableImageError):
            continue
        if into is not None:
            into[num_kept] = result
        readable[i] = True
        num_kept += 1
        if num_kept == limit:
            break
    return keep(files, readable, limit)


def keep(files: ImageFiles, readable: np.ndarray, limit: int = 0) -> ImageFiles:
    """keep_readable, where it is known which files are: readable (N,) bool."""
    kept = np.flatnonzero(readable)
    if limit and len(kept) >= limit:
        kept = kept[:limit]
        readable = readable[: kept[-1] + 1]  # beyond the limit nothing is left out
    failed = np.flatnonzero(~readable)
    names = _few([os.fsdecode(name) for name in files.paths.names[failed].tolist()])
    if not len(kept):
        raise ValueError(
            f"none of the {len(failed)} image files in {files.folder} could be read ({names}); convert "
            "them to PNG or JPEG"
        )
    rest = _take(files, kept)
    note = f"{len(failed)} of {len(readable)} files could not be read and were left out: {names}"
    return rest._replace(notes=(*files.notes, note)) if len(failed) else rest


def class_note(files: ImageFiles) -> str:
    """Which label is which subfolder, and whether a limit left some of them without an image."""
    numbered = [f"{label} {name}" for label, name in enumerate(files.classes)]
    missing = [numbered[i] for i in range(len(numbered)) if i not in files.labels]
    note = f"labels are the subfolders: {_few(numbered)}"
    return f"{note}; no image is left of {_few(missing)}" if missing else note


def read_image(path: Path, size: int, channels: int) -> np.ndarray:
    """A file's first frame, upright, on white where it is transparent, as (channels, size, size) uint8.

    Raises UnreadableImageError, whatever is wrong with the file.
    """
    # What a broken or hostile file makes Pillow raise is not documented: OSError, SyntaxError, struct.error.
    try:
        with _open(path) as image:
            # A JPEG is decoded at an eighth, a quarter or half of its size where that is still twice ours.
            image.draft(None, (2 * size, 2 * size))
            return _fit(ImageOps.exif_transpose(image), size, channels)
    except Exception as error:
        raise UnreadableImageError(f"{path} cannot be read as an image ({error}); try PNG") from error


def check_header(path: Path) -> None:
    """Open a file without decoding it. Raises UnreadableImageError."""
    try:
        _open(path).close()
    except Exception as error:  # as in read_image
        raise UnreadableImageError(f"{path} cannot be read as an image ({error}); try PNG") from error


def fit_array(image_u8: np.ndarray, size: int, channels: int) -> np.ndarray:
    """An image (C, H, W) made (channels, size, size) by the rule for files."""
    image = Image.fromarray(image_u8[0] if len(image_u8) == 1 else image_u8.transpose(1, 2, 0))
    return _fit(image, size, channels)


def _open(path: Path) -> Image.Image:
    image = Image.open(path, formats=_formats())
    width, height = image.size
    # Pillow warns here and refuses at twice the number; a few kilobytes of PNG can hold gigabytes of pixels.
    if Image.MAX_IMAGE_PIXELS and width * height > Image.MAX_IMAGE_PIXELS:
        image.close()
        raise UnreadableImageError(f"{width}x{height} pixels are more than {Image.MAX_IMAGE_PIXELS}")
    return image


def _fit(image: Image.Image, size: int, channels: int) -> np.ndarray:
    """8 bits; grey by luminance (ITU-R 601-2) or RGB; resized (bicubic, antialiased) and centre-cropped."""
    image = _eight_bits(image).convert("RGB")
    if channels == 1:
        image = image.convert("L")
    pixels = np.asarray(ImageOps.fit(image, (size, size), Image.Resampling.BICUBIC))
    return pixels[None] if channels == 1 else pixels.transpose(2, 0, 1)


def _eight_bits(image: Image.Image) -> Image.Image:
    """Deep greys scaled, which Pillow would clip at 255; transparency laid on white, like paper."""
    if image.mode.startswith("I"):  # 16 bits, which older Pillows and some formats hand out as 32
        grey = np.clip(np.asarray(image).astype(np.float64), 0, 65535) / 257
        return Image.fromarray(grey.round().astype(np.uint8))
    if image.mode == "F":  # no range is declared: [0, 1] if the values say so, else 0..255
        values = np.nan_to_num(np.asarray(image, np.float64))
        scale = 255 if values.max() <= 1 else 1
        return Image.fromarray(np.clip(values * scale, 0, 255).round().astype(np.uint8))
    if image.has_transparency_data:
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
    return image


@cache
def _extensions() -> frozenset[str]:
    return frozenset(ext for ext, name in Image.registered_extensions().items() if name in _formats())


@cache
def _formats() -> tuple[str, ...]:
    """What Pillow can open, without what it only recognises and without EPS, which starts Ghostscript.

    Pillow tries them in this order: with the usual ones first a file is open in half the time.
    """
    Image.init()
    usual = ("JPEG", "PNG", "WEBP")
    return usual + tuple(sorted(set(Image.OPEN) - {*usual, "BUFR", "EPS", "GRIB", "HDF5", "MPEG", "WMF"}))


def attempts(paths: Sequence[Path], read: Callable[[Path], Any], threads: int) -> Iterator[Any]:
    """read(path) of each path in order, or the UnreadableImageError that it raised; a bounded number at a time."""

    def attempt(indices: range) -> list[Any]:
        return [_attempt(read, paths[i]) for i in indices]

    # Pillow lets other threads run while it decodes. Its warnings about odd metadata help nobody here.
    with warnings.catch_warnings(), ThreadPoolExecutor(max(1, threads)) as pool:
        warnings.simplefilter("ignore")
        for start in range(0, len(paths), _PER_ROUND):
            places = range(start, min(start + _PER_ROUND, len(paths)))
            tasks = [places[i : i + _PER_TASK] for i in range(0, len(places), _PER_TASK)]
            yield from itertools.chain.from_iterable(pool.map(attempt, tasks))


def _attempt(read: Callable[[Path], Any], path: Path) -> Any:
    try:
        return read(path)
    except UnreadableImageError as error:
        return error


def _take(files: ImageFiles, indices: np.ndarray) -> ImageFiles:
    labels = None if files.labels is None else files.labels[indices]
    return files._replace(paths=Paths(files.folder, files.paths.names[indices]), labels=labels)


def _few(names: list[str]) -> str:
    """The first few names; bytes that are no UTF-8 are shown as escapes, for a terminal would refuse them."""
    text = ", ".join(names[:_NAMED_AT_MOST]).encode("utf-8", "backslashreplace").decode()
    return f"{text} and {len(names) - _NAMED_AT_MOST} more" if len(names) > _NAMED_AT_MOST else text
