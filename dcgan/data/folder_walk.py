"""Which files below a folder are pictures to train on, and why the others are left out."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from dcgan.data.image_formats import REMEDY_OF, image_extensions, kind_by_content
from dcgan.files import runs_root
from dcgan.locale.language import tr, tr_later, tr_marked

Report = Callable[[str, str], None]
"""Is called with each file or folder that is left out, and the reason."""

# Translators: after a number, in a list.
RUNS = tr_later("folders of runs")
# Translators: after a number, in a list.
DRAWN = tr_later("pictures that this program drew")
# Translators: after a number, in a list: 3 no extension.
_NO_EXTENSION = tr_later("no extension")
"""Keys of `Listing.passed` besides extensions."""

_DRAWN_NAME = re.compile(r"(samples|training)-[0-9]{8}-[0-9]{6}-.+\.(png|gif)")
"""What the commands sample and gif write without -o."""


class Listing(NamedTuple):
    """What a folder holds: the paths of its pictures below it, with slashes, and how many files were passed over."""

    names: list[str]
    passed: Counter[str]
    """By extension, or RUNS, or DRAWN."""

    def notes(self) -> tuple[str, ...]:
        """Return a sentence for each kind of file that was passed over and could be wanted."""
        known = [(kind, count) for kind, count in sorted(self.passed.items()) if kind in REMEDY_OF]
        notes = [
            tr(
                "{count} {kind} files were left out; {remedy}",
                count=count,
                kind=kind,
                remedy=tr_marked(REMEDY_OF[kind]),
            )
            for kind, count in known
        ]
        if self.passed[RUNS]:
            notes.append(tr("{count} folders of runs were left out", count=self.passed[RUNS]))
        if self.passed[DRAWN]:
            notes.append(tr("{count} pictures that this program drew were left out", count=self.passed[DRAWN]))
        return tuple(notes)


def list_images(folder: Path, report: Report = lambda name, reason: None) -> Listing:
    """Return every picture below a folder, in no order.

    A picture is a file with the extension of an image format, or with the first bytes of one. Links are followed.
    Hidden files, folders of runs, and what this program drew are left out.

    Raises ValueError that names a folder which cannot be listed.
    """
    listing = Listing([], Counter())

    def pass_over(parents: tuple[str, ...], name: str, kind: str, reason: str) -> None:
        listing.passed[kind] += 1
        report("/".join((*parents, name)), reason)

    for parents, names in _walk(folder, pass_over):
        for name in (name for name in names if not name.startswith(".")):
            if _DRAWN_NAME.fullmatch(name):
                pass_over(parents, name, DRAWN, "this program has drawn it")
            elif (kind := _kind(folder.joinpath(*parents), name)) in image_extensions():
                listing.names.append("/".join((*parents, name)))
            else:
                pass_over(parents, name, kind, REMEDY_OF.get(kind, f"{kind}: it is not an image that is read"))
    return listing


def _kind(place: Path, name: str) -> str:
    """Return the extension in lower case, or the usual one of what the file holds."""
    extension = os.path.splitext(name)[1].lower()
    if extension in image_extensions() or extension in REMEDY_OF:
        return extension
    return kind_by_content(place / name) or extension or _NO_EXTENSION


def _walk(
    folder: Path, pass_over: Callable[[tuple[str, ...], str, str, str], None]
) -> Iterator[tuple[tuple[str, ...], list[str]]]:
    """Yield every folder from this one down except hidden ones and runs: its parts below `folder`, and its files.

    Linked folders come last. A link is passed over where its folder was visited before, or where `folder` lies in
    it. So a link takes no image from the class that it really lies in, and a ring of links ends. The order in which
    a disk lists its folders decides nothing.
    """

    def refuse(error: OSError) -> None:
        raise ValueError(
            tr(
                "the folder {path} cannot be listed ({reason}); make it readable, or move it out of {folder}",
                path=error.filename,
                reason=error.strerror or error,
                folder=folder,
            )
        ) from error

    visited = set(map(str, Path(os.path.realpath(folder)).parents))
    own_runs = os.path.realpath(runs_root())
    waiting: list[tuple[str, ...]] = [()]
    while waiting:
        parts, links = waiting.pop(0), []
        start = folder.joinpath(*parts)
        for place, folders, names in os.walk(start, onerror=refuse):
            real = os.path.realpath(place)
            if real in visited:
                folders.clear()
                continue
            visited.add(real)
            parents = (*parts, *Path(place).relative_to(start).parts)
            if parents and (real == own_runs or {"config.json", "status.json"} <= set(names)):
                folders.clear()
                pass_over(parents[:-1], parents[-1], RUNS, "it holds recorded trainings")
                continue
            folders[:] = [name for name in folders if not name.startswith(".")]
            # os.walk itself goes into no link.
            links += [(*parents, name) for name in folders if os.path.islink(os.path.join(place, name))]
            yield parents, names
        waiting += sorted(links)


def class_order(names: set[str]) -> tuple[str, ...]:
    """Return the classes in the order of their labels: numbers by value, where all are numbers, else by name."""
    if all(name.isascii() and name.isdecimal() for name in names):
        return tuple(sorted(names, key=lambda name: (int(name), name)))
    return tuple(sorted(names))
