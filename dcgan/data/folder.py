"""The user's own images: which files a folder holds, which of them are read, and how they are split.

folder_walk.py lists a folder, and image_files.py reads each file.

The module has a few more than 250 lines, because a folder's files and their record in a save stand together.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from dcgan.config import Fit, ShownGround
from dcgan.data.folder_walk import Report, class_order, list_images
from dcgan.data.image_files import UnreadableImageError, read_all
from dcgan.data.image_formats import REMEDY_OF
from dcgan.files import printable
from dcgan.locale.language import tr, tr_later, tr_marked

logger = logging.getLogger(__name__)

_MAX_NAMES = 5
"""Files that one note names; the rest are counted."""


class Paths(Sequence[Path]):
    """Files below a folder: `names` (N,) are their relative POSIX paths, encoded, in one array.

    A Path takes half a kilobyte, and every worker process would copy it by touching its reference count.
    """

    def __init__(self, folder: Path, names: np.ndarray) -> None:
        self.folder = folder
        self.names = names

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: Any) -> Any:
        """Return the Path at an index. Slices are not supported."""
        return self.folder / os.fsdecode(self.names[index].item())


class ImageFiles(NamedTuple):
    """Image files below `folder` in path order; labels (N,) int64 into the class names, or None."""

    folder: Path
    paths: Paths
    labels: np.ndarray | None
    classes: tuple[str, ...]
    notes: tuple[str, ...] = ()
    """Plain sentences for the user."""
    passed: tuple[tuple[str, int], ...] = ()
    """How many other files the folder has, by extension, most first."""
    fit: Fit = "crop"
    """How each image becomes a square, and what is behind transparent ones."""
    ground: ShownGround = "white"

    @property
    def strays(self) -> list[str]:
        """The names of the images that lie in no subfolder."""
        return [os.fsdecode(name) for name in self.paths.names.tolist() if b"/" not in name]


class Source(NamedTuple):
    """Which files a training on a folder learns from. Its state keeps this, so that a resume notices other files."""

    num_images: int = 0
    classes: tuple[str, ...] = ()
    """The names of the labels 0, 1, ...; empty for an unconditional model."""
    names_hash: str = ""
    """Of the files' names, in order; empty where it was not recorded."""
    ground: str = ""
    """What is behind transparent images, white or black; empty where it was not recorded."""
    revision: str = ""
    """Of a set on the Hugging Face Hub: the id of its commit."""


def source_of(files: ImageFiles, *, conditional: bool) -> Source:
    """Return the record of these files. A conditional model learns their labels, so that record has the classes."""
    digest = hashlib.sha256(b"\0".join(files.paths.names.tolist())).hexdigest()
    return Source(len(files.paths), files.classes if conditional else (), digest[:16], files.ground)


def with_classes_of(files: ImageFiles, source: Source) -> ImageFiles:
    """Return the files with the labels that their classes have in `source`, the training's first files.

    Earlier versions numbered classes in another order. Raises ValueError where the classes are others.
    """
    if not source.classes or source.classes == files.classes:
        return files
    gone = [name for name in source.classes if name not in files.classes]
    new = [name for name in files.classes if name not in source.classes]
    if not gone and not new and files.labels is not None:
        labels = np.array([source.classes.index(name) for name in files.classes], np.int64)
        return files._replace(labels=labels[files.labels], classes=source.classes)
    values = {
        "folder": files.folder,
        "count": len(source.classes),
        "gone": first_names(gone),
        "new": first_names(new),
    }
    raise ValueError(tr_marked(_OTHER_CLASSES[bool(gone), bool(new)], **values))


_OTHER_CLASSES = {
    (True, True): tr_later(
        "the subfolders of {folder} are not the {count} classes that the training began with (gone: {gone}; new: "
        "{new}); put them back as they were, or start a new training with its config"
    ),
    (True, False): tr_later(
        "the subfolders of {folder} are not the {count} classes that the training began with (gone: {gone}); put "
        "them back as they were, or start a new training with its config"
    ),
    (False, True): tr_later(
        "the subfolders of {folder} are not the {count} classes that the training began with (new: {new}); put "
        "them back as they were, or start a new training with its config"
    ),
}
"""Whether classes are gone, and whether classes are new -> message."""


def find_images(folder: Path, *, report: Report = lambda name, reason: None) -> ImageFiles:
    """Return every image file below a folder, by extension or by its first bytes, sorted by relative path.

    Hidden files and folders of runs are skipped, and links are followed. If every image lies in a subfolder, the
    first-level subfolders are the classes 0, 1, ... They are in the order of their names, or by value where all are
    numbers. `report` is called with the name of each other file, and why it is left out.

    Raises FileNotFoundError for a missing folder. Raises ValueError for one without images, or with a subfolder that
    cannot be listed.
    """
    if not folder.exists():
        raise FileNotFoundError(
            tr("folder {folder} does not exist; name one that holds images: folder:PATH", folder=folder)
        )
    if not folder.is_dir():
        if REMEDY_OF.get(folder.suffix.lower()) == REMEDY_OF[".zip"]:
            text = tr(
                "{file} is a file, not a folder; unpack it first, and name the new folder: folder:PATH", file=folder
            )
        else:
            text = tr("{file} is a file, not a folder; name the folder that holds it: folder:PATH", file=folder)
        raise ValueError(text)
    listing = list_images(folder, report)
    if not listing.names:
        raise _no_images(folder, listing.passed.most_common(_MAX_NAMES))
    names = sorted(listing.names)
    paths = Paths(folder, np.array([os.fsencode(name) for name in names]))
    files = ImageFiles(folder, paths, None, (), listing.notes(), tuple(listing.passed.most_common()))
    if any("/" not in name for name in names):
        return files
    folders = [name.partition("/")[0] for name in names]
    classes = class_order(set(folders))
    labels = {name: label for label, name in enumerate(classes)}
    return files._replace(labels=np.array([labels[name] for name in folders], np.int64), classes=classes)


def _no_images(folder: Path, passed: list[tuple[str, int]]) -> ValueError:
    found = ", ".join(f"{count} {tr_marked(kind)}" for kind, count in passed) or tr("nothing")
    remedies = [f"{kind}: {tr_marked(REMEDY_OF[kind])}" for kind, _ in passed if kind in REMEDY_OF]
    remedy = "; ".join(remedies) or tr("name one with PNG, JPEG or other images that Pillow reads")
    return ValueError(
        tr(
            "folder {folder} holds no image files (found: {found}); {remedy}",
            folder=folder,
            found=found,
            remedy=remedy,
        )
    )


MIN_IMAGES_TO_HOLD_OUT = 100
"""With data.min_holdout, none of fewer images are held out: each one is worth more to the training."""


def num_held_out(num_images: int, holdout: float, *, least: int = 0) -> int:
    """Return how many of the images are held out: the fraction `holdout`, and `least` or more, if that is not 0.

    >>> [num_held_out(count, 0.1, least=16) for count in (99, 100, 400)]
    [0, 16, 40]
    """
    if not holdout or (least and num_images < MIN_IMAGES_TO_HOLD_OUT):
        return 0
    return max(1, least, round(holdout * num_images))


def split_files(
    files: ImageFiles, holdout: float, seed: int, split: Literal["train", "test"], *, least: int = 0
) -> ImageFiles:
    """Return one part of a split drawn by the seed, in path order. The two parts are disjoint and complete.

    The split is drawn over all files, readable or not, so that one file that breaks moves no other. `least` is that
    of `num_held_out`. Raises ValueError for an empty part.
    """
    if holdout == 0 and split == "test":
        raise ValueError(
            tr(
                "data.holdout=0 keeps none of the images in {folder} for a test; set --data.holdout 0.1",
                folder=files.folder,
            )
        )
    shuffled = np.random.RandomState(seed).permutation(len(files.paths))
    num_test = num_held_out(len(files.paths), holdout, least=least)
    if not num_test and split == "test":
        raise ValueError(
            tr(
                "{folder} has {count} images, and none of fewer than {least} are kept for a test; add images, or set "
                "--data.min-holdout 0",
                folder=files.folder,
                count=len(files.paths),
                least=MIN_IMAGES_TO_HOLD_OUT,
            )
        )
    part = np.sort(shuffled[:num_test] if split == "test" else shuffled[num_test:])
    if len(part) == 0:
        raise ValueError(
            tr(
                "data.holdout={holdout} leaves none of the {count} images in {source} to train on; lower it",
                holdout=holdout,
                count=len(shuffled),
                source=files.folder,
            )
        )
    return _take(files, part)


def readable_files(
    files: ImageFiles,
    read: Callable[[Path], Any],
    limit: int = 0,
    threads: int = 1,
    into: np.ndarray | None = None,
) -> ImageFiles:
    """Return the files that `read` accepts, the first `limit` of them (0: all), with a note on the others.

    What `read` returns for the i-th of them is written to into[i]. Raises ValueError if no file is left.
    """
    readable = np.zeros(len(files.paths), bool)
    num_readable = 0
    for i, result in enumerate(read_all(files.paths, read, threads)):
        if isinstance(result, UnreadableImageError):
            log_left_out(os.fsdecode(files.paths.names[i].item()), result.reason)
            continue
        if into is not None:
            into[num_readable] = result
        readable[i] = True
        num_readable += 1
        if num_readable == limit:
            break
    return select_readable(files, readable, limit)


def log_left_out(name: str, reason: str) -> None:
    """Write a file that is left out into the log, with the reason."""
    logger.info("left out: %s (%s)", first_names([name]), reason)


def select_readable(files: ImageFiles, readable: np.ndarray, limit: int = 0) -> ImageFiles:
    """Return the files marked in readable (N,) bool, the first `limit` of them (0: all), with a note on the others.

    Raises ValueError if no file is left.
    """
    selected = np.flatnonzero(readable)
    if limit and len(selected) >= limit:
        selected = selected[:limit]
        readable = readable[: selected[-1] + 1]  # beyond the limit nothing is left out
    failed = np.flatnonzero(~readable)
    names = first_names([os.fsdecode(name) for name in files.paths.names[failed].tolist()])
    if not len(selected):
        raise ValueError(
            tr(
                "none of the {count} image files in {folder} could be read ({names}); convert them to PNG or JPEG",
                count=len(failed),
                folder=files.folder,
                names=names,
            )
        )
    rest = _take(files, selected)
    note = tr(
        "{count} of {total} files could not be read and were left out: {names}",
        count=len(failed),
        total=len(readable),
        names=names,
    )
    return rest._replace(notes=(*files.notes, note)) if len(failed) else rest


def class_note(files: ImageFiles) -> str:
    """Return a sentence for labeled files: which label is which subfolder, and which subfolders a limit left out."""
    assert files.labels is not None, "files without labels have no classes"
    numbered = [f"{label} {name}" for label, name in enumerate(files.classes)]
    missing = [numbered[i] for i in range(len(numbered)) if i not in files.labels]
    names = first_names(numbered)
    if not missing:
        return tr("labels are the subfolders: {names}", names=names)
    return tr(
        "labels are the subfolders: {names}; no image is left of {missing}", names=names, missing=first_names(missing)
    )


def some_files(files: ImageFiles, at_most: int) -> ImageFiles:
    """Return `at_most` of the files, drawn by a fixed seed, in path order; all of fewer files, or where it is 0."""
    if not 0 < at_most < len(files.paths):
        return files
    return _take(files, np.sort(np.random.RandomState(0).permutation(len(files.paths))[:at_most]))


def _take(files: ImageFiles, indices: np.ndarray) -> ImageFiles:
    labels = None if files.labels is None else files.labels[indices]
    return files._replace(paths=Paths(files.folder, files.paths.names[indices]), labels=labels)


def first_names(names: list[str]) -> str:
    """Return the first few names in one text. Control characters and bytes that are not UTF-8 become escapes."""
    text = ", ".join(printable(name) for name in names[:_MAX_NAMES])
    if len(names) <= _MAX_NAMES:
        return text
    return tr("{names} and {count} more", names=text, count=len(names) - _MAX_NAMES)
