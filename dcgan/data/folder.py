"""The user's own images: which files a folder holds, which of them are read, and how they are split.

image_files.py reads each file.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from dcgan.data.image_files import UnreadableImageError, image_extensions, read_all

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
    """Image files below `folder` in path order; labels (N,) int64 into the sorted class names, or None."""

    folder: Path
    paths: Paths
    labels: np.ndarray | None
    classes: tuple[str, ...]
    notes: tuple[str, ...] = ()
    """Plain sentences for the user."""


class Source(NamedTuple):
    """Which files a training on a folder learns from. Its state keeps this, so that a resume notices other files."""

    num_images: int = 0
    classes: tuple[str, ...] = ()
    """The names of the labels 0, 1, ...; empty for an unconditional model."""
    names_hash: str = ""
    """Of the files' names, in order; empty where it was not recorded."""


def source_of(files: ImageFiles, *, conditional: bool) -> Source:
    """Return the record of these files. A conditional model learns their labels, so that record has the classes."""
    digest = hashlib.sha256(b"\0".join(files.paths.names.tolist())).hexdigest()
    return Source(len(files.paths), files.classes if conditional else (), digest[:16])


def require_classes(files: ImageFiles, source: Source) -> None:
    """Raise ValueError where labels would no longer mean the classes of the training's first files, `source`."""
    if not source.classes or source.classes == files.classes:
        return
    changes = {
        "gone": [name for name in source.classes if name not in files.classes],
        "new": [name for name in files.classes if name not in source.classes],
    }
    summary = "; ".join(f"{change}: {_first_names(names)}" for change, names in changes.items() if names)
    raise ValueError(
        f"the subfolders of {files.folder} are not the {len(source.classes)} classes that the training began with "
        f"({summary}); put them back as they were, or start a new training with its config"
    )


def find_images(folder: Path) -> ImageFiles:
    """Return every image file below a folder, by extension, sorted by relative path.

    Hidden files are skipped, and links are followed. If every image lies in a subfolder, the first-level subfolders,
    sorted by name, are the classes 0, 1, ...

    Raises FileNotFoundError for a missing folder and ValueError for one without images.
    """
    if not folder.exists():
        raise FileNotFoundError(f"folder {folder} does not exist; name one that holds images: folder:PATH")
    if not folder.is_dir():
        raise ValueError(f"{folder} is a file, not a folder; name the folder that holds it: folder:PATH")
    image_names, others = [], Counter()
    for parents, names in _walk(folder):
        for name in (name for name in names if not name.startswith(".")):
            extension = os.path.splitext(name)[1].lower()
            if extension in image_extensions():
                image_names.append("/".join((*parents, name)))
            else:
                others[extension or "no extension"] += 1
    if not image_names:
        summary = ", ".join(f"{count} {extension}" for extension, count in others.most_common(_MAX_NAMES))
        raise ValueError(
            f"folder {folder} holds no image files (found: {summary or 'nothing'}); name one with PNG, JPEG or "
            "other images that Pillow reads"
        )
    image_names.sort()
    paths = Paths(folder, np.array([os.fsencode(name) for name in image_names]))
    if any("/" not in name for name in image_names):
        return ImageFiles(folder, paths, None, ())
    classes, labels = np.unique([name.partition("/")[0] for name in image_names], return_inverse=True)
    return ImageFiles(folder, paths, labels.astype(np.int64), tuple(classes.tolist()))


def _walk(folder: Path) -> Iterator[tuple[tuple[str, ...], list[str]]]:
    """Yield every folder from this one down except hidden ones: its parts below `folder`, and its files' names.

    Linked folders come last. A link is passed over where its folder was visited before, or where `folder` lies in
    it. So a link takes no image from the class that it really lies in, and a ring of links ends. The order in which
    a disk lists its folders decides nothing.
    """
    visited = set(map(str, Path(os.path.realpath(folder)).parents))
    waiting: list[tuple[str, ...]] = [()]
    while waiting:
        parts, links = waiting.pop(0), []
        start = folder.joinpath(*parts)
        for place, folders, names in os.walk(start):
            real = os.path.realpath(place)
            if real in visited:
                folders.clear()
                continue
            visited.add(real)
            parents = (*parts, *Path(place).relative_to(start).parts)
            folders[:] = [name for name in folders if not name.startswith(".")]
            # os.walk itself goes into no link.
            links += [(*parents, name) for name in folders if os.path.islink(os.path.join(place, name))]
            yield parents, names
        waiting += sorted(links)


def split_files(files: ImageFiles, holdout: float, seed: int, split: Literal["train", "test"]) -> ImageFiles:
    """Return one part of a split drawn by the seed, in path order. The two parts are disjoint and complete.

    The split is drawn over all files, readable or not, so that one file that breaks moves no other. Raises
    ValueError for an empty part.
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
            continue
        if into is not None:
            into[num_readable] = result
        readable[i] = True
        num_readable += 1
        if num_readable == limit:
            break
    return select_readable(files, readable, limit)


def select_readable(files: ImageFiles, readable: np.ndarray, limit: int = 0) -> ImageFiles:
    """Return the files marked in readable (N,) bool, the first `limit` of them (0: all), with a note on the others.

    Raises ValueError if no file is left.
    """
    selected = np.flatnonzero(readable)
    if limit and len(selected) >= limit:
        selected = selected[:limit]
        readable = readable[: selected[-1] + 1]  # beyond the limit nothing is left out
    failed = np.flatnonzero(~readable)
    names = _first_names([os.fsdecode(name) for name in files.paths.names[failed].tolist()])
    if not len(selected):
        raise ValueError(
            f"none of the {len(failed)} image files in {files.folder} could be read ({names}); convert "
            "them to PNG or JPEG"
        )
    rest = _take(files, selected)
    note = f"{len(failed)} of {len(readable)} files could not be read and were left out: {names}"
    return rest._replace(notes=(*files.notes, note)) if len(failed) else rest


def class_note(files: ImageFiles) -> str:
    """Return a sentence for labeled files: which label is which subfolder, and which subfolders a limit left out."""
    assert files.labels is not None, "files without labels have no classes"
    numbered = [f"{label} {name}" for label, name in enumerate(files.classes)]
    missing = [numbered[i] for i in range(len(numbered)) if i not in files.labels]
    note = f"labels are the subfolders: {_first_names(numbered)}"
    return f"{note}; no image is left of {_first_names(missing)}" if missing else note


def _take(files: ImageFiles, indices: np.ndarray) -> ImageFiles:
    labels = None if files.labels is None else files.labels[indices]
    return files._replace(paths=Paths(files.folder, files.paths.names[indices]), labels=labels)


def _first_names(names: list[str]) -> str:
    """Return the first few names. Bytes that are not UTF-8 become escapes, since a terminal would refuse them."""
    text = ", ".join(names[:_MAX_NAMES]).encode("utf-8", "backslashreplace").decode()
    return f"{text} and {len(names) - _MAX_NAMES} more" if len(names) > _MAX_NAMES else text
