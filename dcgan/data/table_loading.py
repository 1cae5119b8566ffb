"""A table's images: decoded into memory or into a file where they fit, else streamed.

The module has more than 250 lines, because each refusal is a whole sentence.

Shapes: N images, C H W image.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from typing import get_args

import numpy as np
import torch

from dcgan.config import MAX_CLASSES, DataConfig, ModelConfig, ShownGround, TrainConfig
from dcgan.data.batches import Batches, DecodedBatches, ImageSet, ResidentBatches
from dcgan.data.folder import Source, first_names
from dcgan.data.glance import GROUND_SAMPLE, glance_at, ground_that_shows
from dcgan.data.image_files import UnreadableImageError, read_all
from dcgan.data.picture_notes import notes_on
from dcgan.data.survey import TRAINING_SAMPLE, survey_table
from dcgan.data.table_batches import StreamedTable
from dcgan.data.table_decoding import DecodedTable, decoded_rows
from dcgan.data.tables import Row, Split, Table
from dcgan.locale.language import tr
from dcgan.runtime.distributed import Ranks

logger = logging.getLogger(__name__)

_MIN_ROOM = 2**28
"""Bytes of images that are read for an evaluation, whatever stays on the device in a training."""
_MIN_DRAWN = 64
"""Rows that are read of each chunk where only some rows are drawn."""


def load_table(
    table: Table, data: DataConfig, model: ModelConfig, split: Split, *, ground: ShownGround, at_most: int = 0
) -> ImageSet:
    """Return a split in memory: the first data.limit images that can be read, for training.

    With `at_most`, only so many of a larger split are returned, which a fixed seed draws. Without it, not more are
    returned than data.resident_limit_mib has room for, or 256 MiB, with a note.
    """
    total = table.num_rows(split)
    limit = data.limit if split == "train" else 0
    room = max(_MIN_ROOM, data.resident_limit_mib * 2**20) // math.prod(model.image_shape)
    if _isdecoded_rows(table, data, model):
        images, notes = _from_file(DecodedTable(table, model, ground), table, model, split, limit, at_most)
    else:
        bound = at_most or room
        some = bound < min(total, limit or total)
        rows = _drawn(table, split, bound, labeled=bool(model.num_classes)) if some else _rows(table, model, split)
        images, notes = _from_rows(rows, table, model, ground, bound if some else limit or total)
        if some and bound != at_most:
            note = tr(
                "{count:,} of the {total:,} images of {table} are read; more have no room",
                count=bound,
                total=total,
                table=table.name,
            )
            notes = (*notes, note)
    return images._replace(notes=(*notes, *_notes(table, model)))


def check_classes(table: Table, model: ModelConfig, source: Source | None = None) -> None:
    """Raise ValueError for a conditional model whose classes are not those of the table.

    source: what a resumed training began with, whose classes must be these; None for a new training.
    """
    if not model.num_classes:
        return
    count = len(table.classes)
    if not count:
        values = {"num_classes": model.num_classes, "table": table.name, "most": MAX_CLASSES}
        if table.label_column:
            text = tr(
                "model.num_classes={num_classes} needs labels, and the column {column} of {table} is no label of at "
                "most {most:,} classes; name a column by --data.label-column, or set --model.num-classes 0",
                column=table.label_column,
                **values,
            )
        else:
            text = tr(
                "model.num_classes={num_classes} needs labels, and {table} has no label of at most {most:,} classes; "
                "name a column by --data.label-column, or set --model.num-classes 0",
                **values,
            )
        raise ValueError(text)
    if model.num_classes < count or (source is None and model.num_classes > count):
        raise ValueError(
            tr(
                "model.num_classes={num_classes} is not the {count} classes in the column {column} of {table}; set "
                "--model.num-classes {count}",
                num_classes=model.num_classes,
                count=count,
                column=table.label_column,
                table=table.name,
            )
        )
    if source and source.classes and source.classes != table.classes:
        raise ValueError(
            tr(
                "the classes of {table} are not those that the training began with ({names}); put its files back, or "
                "start a new training with its config",
                table=table.name,
                names=first_names([*source.classes]),
            )
        )


def table_batches(table: Table, config: TrainConfig, device: torch.device, ranks: Ranks, source: Source) -> Batches:
    """Return the batches of a training on a table: resident where it fits, else decoded before or during it."""
    data, model = config.data, config.model
    ground = _ground_of(source)
    total = table.num_rows("train")
    changes = notes_on(survey_table(table, most=TRAINING_SAMPLE, threads=max(1, data.workers)), data, model)
    if math.prod(model.image_shape) * min(total, data.limit or total) <= data.resident_limit_mib * 2**20:
        images = load_table(table, data, model, "train", ground=ground)
        images = images._replace(notes=(*images.notes, *changes))
        return ResidentBatches(images, config, device, ranks, source)
    notes = (*_notes(table, model), *changes)
    if not data.cache:
        return StreamedTable(table, config, device, ranks, ground=ground, source=source, notes=notes)
    decoded = DecodedTable(table, model, ground)
    rows, left_out = _readable(decoded, table, model, "train", data.limit)
    labels = decoded.labels(rows) if model.num_classes else None
    notes = (*left_out, decoded.note, *notes)
    return DecodedBatches(decoded, rows, labels, config, device, ranks, source=source, notes=notes)


def ground_of(table: Table, source: Source | None = None) -> ShownGround:
    """Return what is behind transparent images: that of a resumed training, or by data.ground and a sample."""
    if source and source.ground in get_args(ShownGround):
        return _ground_of(source)
    if table.data.ground != "auto":
        return table.data.ground
    sample = table.sample(GROUND_SAMPLE)
    return ground_that_shows(read_all(sample, glance_at, table.data.workers))


def _notes(table: Table, model: ModelConfig) -> tuple[str, ...]:
    return (*table.notes(), *([table.class_note()] if model.num_classes else []))


def _ground_of(source: Source) -> ShownGround:
    return "black" if source.ground == "black" else "white"


def _isdecoded_rows(table: Table, data: DataConfig, model: ModelConfig) -> bool:
    """Return whether a file of decoded images is used. A set on the Hub that fits is downloaded only once."""
    fits = math.prod(model.image_shape) * len(table) <= data.resident_limit_mib * 2**20
    return data.cache or (fits and bool(table.files.repo))


def _readable(
    decoded: DecodedTable, table: Table, model: ModelConfig, split: Split, limit: int
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return the rows of a split that are images, and have a label where one is learned, and a note on the others."""
    rows = decoded.rows(split)
    usable = decoded.is_readable[rows]
    if model.num_classes:
        usable &= decoded.labels(rows) >= 0
    kept = rows[usable][: limit or len(rows)]
    lost = rows[~usable]
    lost = lost[lost < kept[-1]] if limit and len(kept) == limit else lost
    return kept, _note(table, lost.tolist(), len(kept))


def _from_file(
    decoded: DecodedTable, table: Table, model: ModelConfig, split: Split, limit: int, at_most: int
) -> tuple[ImageSet, tuple[str, ...]]:
    rows, notes = _readable(decoded, table, model, split, limit)
    if 0 < at_most < len(rows):
        rows = rows[np.sort(np.random.RandomState(0).permutation(len(rows))[:at_most])]
    labels = torch.from_numpy(decoded.labels(rows)) if table.label_column else None
    return ImageSet(torch.from_numpy(decoded.read(rows)), labels, ()), (*notes, decoded.note)


def _from_rows(
    rows: Iterator[tuple[int, Row]], table: Table, model: ModelConfig, ground: ShownGround, count: int
) -> tuple[ImageSet, tuple[str, ...]]:
    """Return the first `count` rows that can be read."""
    images_u8 = np.empty((count, *model.image_shape), np.uint8)
    labels, lost = np.empty(count, np.int64), []
    numbers: list[int] = []

    def numbered() -> Iterator[Row]:
        for number, row in rows:
            numbers.append(number)
            yield row

    filled = 0
    for seen, (row, image_u8) in enumerate(decoded_rows(numbered(), table, model, ground)):
        if isinstance(image_u8, UnreadableImageError):
            lost.append(numbers[seen])
            logger.info("left out: row %d of %s (%s)", numbers[seen], table.name, image_u8.reason)
            continue
        images_u8[filled], labels[filled] = image_u8, row.label
        filled += 1
        if filled == count:
            break
    notes = _note(table, lost, filled)
    kept = torch.from_numpy(labels[:filled]) if model.num_classes else None
    return ImageSet(torch.from_numpy(images_u8[:filled]), kept, ()), notes


def _note(table: Table, lost: list[int], num_kept: int) -> tuple[str, ...]:
    """Return a note on the rows that were left out. Raises ValueError where none is left."""
    names = first_names([tr("row {number}", number=number) for number in lost])
    total = len(lost) + num_kept
    if not num_kept:
        raise ValueError(
            tr(
                "none of the {count} images of {table} could be read ({names}); name another one",
                count=total,
                table=table.name,
                names=names,
            )
        )
    if not lost:
        return ()
    return (
        tr(
            "{count} of {total} images could not be read and were left out: {names}",
            count=len(lost),
            total=total,
            names=names,
        ),
    )


def _rows(table: Table, model: ModelConfig, split: Split) -> Iterator[tuple[int, Row]]:
    """Yield the rows of a split, in order, with their numbers."""
    first = np.cumsum(table.counts) - table.counts
    for chunk in range(table.num_chunks):
        places = table.split_rows(chunk, split)
        numbers = (first[chunk] + places).tolist()
        yield from zip(numbers, table.rows_at(chunk, places, labeled=bool(model.num_classes)), strict=True)


def _drawn(table: Table, split: Split, count: int, *, labeled: bool) -> Iterator[tuple[int, Row]]:
    """Yield rows of a split from chunks that a fixed seed draws, `count` in all or a few more."""
    first = np.cumsum(table.counts) - table.counts
    share = count / table.num_rows(split)
    random = np.random.RandomState(0)
    for chunk in random.permutation(table.num_chunks).tolist():
        places = table.split_rows(chunk, split)
        count_here = min(len(places), max(_MIN_DRAWN, math.ceil(share * len(places))))
        places = np.sort(random.permutation(places)[:count_here])
        numbers = (first[chunk] + places).tolist()
        yield from zip(numbers, table.rows_at(chunk, places, labeled=labeled), strict=True)
