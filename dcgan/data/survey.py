"""What a folder or a table of pictures holds. Imports no torch."""

from __future__ import annotations

import itertools
import math
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dcgan.config import DataConfig, ShownGround
from dcgan.data.folder import ImageFiles, find_images, first_names
from dcgan.data.folder_walk import Report
from dcgan.data.glance import (
    GROUND_SAMPLE,
    Glance,
    evenly_spaced,
    glance_at,
    glances,
    ground_that_shows,
    shown_ground,
)
from dcgan.data.image_files import read_all
from dcgan.data.image_formats import ImageSource
from dcgan.data.tables import Table
from dcgan.locale.language import tr_plural

MIN_PICTURES = 4
"""Fewer pictures are refused: a batch shows all of them."""
TRAINING_SAMPLE = 64
"""Pictures that the notes of a training come from."""
SAMPLE = 2000
"""Pictures that `survey` looks at, if there is time for so many."""
_CHUNK = 32
_WIDE = 1.5
"""Ratio of the sides from which on a picture is wide or tall."""


@dataclass(frozen=True)
class Survey:
    """What is known of the pictures of a folder or table. Counts are of the `num_looked_at` pictures of a sample."""

    source: str
    """The folder, or the table as a config names it."""
    num_images: int
    """Files that are pictures by their extension or first bytes, or rows of the table."""
    glances: tuple[Glance, ...]
    unreadable: tuple[tuple[str, str], ...]
    """Pictures of the sample that cannot be read: name and reason."""
    sample: Callable[[int], Sequence[ImageSource]]
    """Returns at most so many pictures, from all over the folder or table."""
    labels: tuple[tuple[str, int | None], ...] = ()
    """The classes in the order of their labels, with their numbers of files; None for a table, which is not read."""
    ground: ShownGround = "white"
    """What is behind transparent pictures."""
    passed: tuple[tuple[str, int], ...] = ()
    """How many other files the folder has, by extension, most first."""
    notes: tuple[str, ...] = ()
    """Plain sentences for the user."""

    @property
    def num_looked_at(self) -> int:
        """Pictures of the sample that could be read."""
        return len(self.glances)

    @property
    def is_whole(self) -> bool:
        """Whether the sample is the whole folder."""
        return self.num_looked_at + len(self.unreadable) == self.num_images

    def count(self, holds: Callable[[Glance], bool]) -> int:
        """Return of how many pictures of the sample something holds."""
        return sum(map(holds, self.glances))

    @property
    def num_colored(self) -> int:
        """Pictures with a color other than grays."""
        return self.count(lambda glance: glance.has_color)

    @property
    def num_transparent(self) -> int:
        """Pictures that are transparent anywhere."""
        return self.count(lambda glance: glance.is_transparent)

    @property
    def num_wide(self) -> int:
        """Pictures of which one side is half as long again as the other, or longer."""
        return self.count(lambda glance: max(glance[:2]) >= _WIDE * min(glance[:2]))

    def num_smaller(self, size: int) -> int:
        """Return how many pictures have a side of fewer than `size` pixels."""
        return self.count(lambda glance: min(glance[:2]) < size)

    @property
    def median_side(self) -> int:
        """The median of the shorter sides, in pixels; 0 without pictures."""
        return int(np.median([min(glance[:2]) for glance in self.glances])) if self.glances else 0

    @property
    def side_range(self) -> tuple[int, int]:
        """The smallest and the largest side of all pictures, in pixels; zeros without pictures."""
        sides = [side for glance in self.glances for side in glance[:2]]
        return (min(sides), max(sides)) if sides else (0, 0)

    @property
    def channels(self) -> int:
        """3 where any picture has colors, else 1."""
        return 3 if self.num_colored else 1


def folder_of(data: DataConfig) -> Path:
    """Return the folder that the data name."""
    return Path(os.path.expanduser(data.name.removeprefix("folder:")))


def survey(files: ImageFiles, *, most: int = SAMPLE, max_seconds: float = math.inf, threads: int = 1) -> Survey:
    """Return what is known of a folder's pictures, from at most `most` of them, and after about `max_seconds`.

    The sample is evenly spaced, and its first pictures are too. So a sample that was cut short is a fair one.
    """
    places = evenly_spaced(len(files.paths), most)
    order = np.random.RandomState(0).permutation(len(places)).tolist()
    end = time.monotonic() + max_seconds
    seen: dict[int, Glance] = {}
    unreadable: dict[int, str] = {}
    for start in range(0, len(order), _CHUNK):
        chunk = [places[i] for i in order[start : start + _CHUNK]]
        for place, result in zip(chunk, glances(files, chunk, threads), strict=True):
            if isinstance(result, Glance):
                seen[place] = result
            else:
                unreadable[place] = result.reason
        if time.monotonic() > end:
            break
    names = [(first_names([os.fsdecode(files.paths.names[i].item())]), unreadable[i]) for i in sorted(unreadable)]
    counts = np.bincount(files.labels, minlength=len(files.classes)).tolist() if files.labels is not None else []
    return Survey(
        str(files.folder),
        len(files.paths),
        tuple(seen[i] for i in sorted(seen)),
        tuple(names),
        lambda count: [files.paths[i] for i in evenly_spaced(len(files.paths), count)],
        tuple(zip(files.classes, counts, strict=False)),
        files.ground,
        files.passed,
        files.notes,
    )


def survey_table(table: Table, *, most: int = SAMPLE, max_seconds: float = math.inf, threads: int = 1) -> Survey:
    """Return what is known of a table's pictures, from at most `most` of them, and after about `max_seconds`.

    The sample comes from the beginnings of a few evenly spaced chunks, in turn.
    """
    data = table.data
    rows = table.sampled_rows(most)
    seen: list[Glance] = []
    unreadable: list[tuple[str, str]] = []
    end = time.monotonic() + max_seconds
    while some := list(itertools.islice(rows, _CHUNK)):
        pictures = [row.content for row in some if not row.reason]
        for look in read_all(pictures, glance_at, threads):
            if isinstance(look, Glance):
                seen.append(look)
            else:
                unreadable.append(("a row", look.reason))
        unreadable += [("a row", row.reason) for row in some if row.reason]
        if time.monotonic() > end:
            break
    ground = ground_that_shows(seen[:GROUND_SAMPLE]) if data.ground == "auto" else data.ground
    labels = tuple((name, None) for name in table.classes)
    return Survey(
        table.name, len(table), tuple(seen), tuple(unreadable), table.sample, labels, ground, notes=table.notes()
    )


def survey_data(
    data: DataConfig,
    *,
    most: int = SAMPLE,
    max_seconds: float = math.inf,
    report: Report = lambda name, reason: None,
) -> Survey:
    """Return the survey of the folder or table that the data name, with its options.

    Raises FileNotFoundError or ValueError where there is none, or fewer than MIN_PICTURES pictures are in it.
    """
    if data.is_table:
        table = Table(data)
        if len(table) < MIN_PICTURES:
            raise ValueError(
                tr_plural(
                    "{table} holds {n} image, and a training needs {least} or more; add pictures: 50 are few, and "
                    "some thousand are a good number",
                    "{table} holds {n} images, and a training needs {least} or more; add pictures: 50 are few, and "
                    "some thousand are a good number",
                    len(table),
                    table=table.name,
                    least=MIN_PICTURES,
                )
            )
        return survey_table(table, most=most, max_seconds=max_seconds, threads=max(1, data.workers))
    files = find_images(folder_of(data), report=report)
    require_pictures(files)
    threads = max(1, data.workers)
    ground = shown_ground(files, threads) if data.ground == "auto" else data.ground
    return survey(files._replace(fit=data.fit, ground=ground), most=most, max_seconds=max_seconds, threads=threads)


def require_pictures(files: ImageFiles) -> None:
    """Raise ValueError for fewer than MIN_PICTURES pictures."""
    if len(files.paths) < MIN_PICTURES:
        raise ValueError(
            tr_plural(
                "folder {folder} holds {n} image, and a training needs {least} or more; add pictures: 50 are few, "
                "and some thousand are a good number",
                "folder {folder} holds {n} images, and a training needs {least} or more; add pictures: 50 are few, "
                "and some thousand are a good number",
                len(files.paths),
                folder=files.folder,
                least=MIN_PICTURES,
            )
        )
