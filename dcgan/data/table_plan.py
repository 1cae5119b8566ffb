"""How many rows each chunk of a table has, and which labels: counted once, and kept in the cache."""

from __future__ import annotations

import hashlib
import itertools
import json
import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from dcgan import bounded_json
from dcgan.config import MAX_CLASSES
from dcgan.data.table_files import TableFiles, readable, sizes_of
from dcgan.files import cache_folder, replacing
from dcgan.locale.language import tr

logger = logging.getLogger(__name__)


class TablePlan(NamedTuple):
    """What is known of a table before its images are read."""

    counts: list[int]
    """Rows of each chunk."""
    labels: list[int] | list[str]
    """The different values of a label column without class names, ascending."""


def plan_of(
    files: TableFiles,
    image: str,
    label: str,
    *,
    num_shards: int,
    num_chunks: int,
    values: Callable[..., Iterable[Any]],
) -> TablePlan:
    """Return the plan of a table, from the cache if it was made before.

    Args:
        files: The opened files.
        image: The column of the images.
        label: The column whose different values are collected; empty: none.
        num_shards: Shards that the library reads: one for each file, or for each Parquet row group.
        num_chunks: Chunks, each of which is one or several shards in a row.
        values: Called with a chunk and a column; returns its values.

    Raises ValueError for a table without rows.
    """
    id = hashlib.sha256(f"1 {files.key} {image} {label} {num_chunks}".encode()).hexdigest()
    path = cache_folder() / "tables" / f"plan-{id[:24]}.json"
    try:
        recorded = bounded_json.read_object(path)
        plan = TablePlan(recorded["counts"], recorded["labels"])
        if len(plan.counts) == num_chunks and all(type(count) is int for count in plan.counts):
            return plan
    except (OSError, ValueError, KeyError, TypeError):
        pass  # not counted yet, or damaged
    logger.info("counting the rows of %s", files.name)
    if all(file.endswith(".parquet") for file in files.files):
        counts, labels = readable(files.name, lambda: _count_parquet(files, label, num_shards))
    else:
        counts, labels = _count_others(num_chunks, label, image, values)
    plan = TablePlan(sizes_of(counts, num_chunks), _sorted(labels))
    if not sum(plan.counts):
        raise ValueError(tr("{table} has no rows; name another one", table=files.name))
    _keep(path, plan)
    return plan


def _sorted(labels: set[Any]) -> list[int] | list[str]:
    labels = {value for value in labels if value is not None and value != -1}
    if len(labels) > MAX_CLASSES:
        return []  # it is no label, which matters only where labels are learned
    if all(type(value) is int and 0 <= value < MAX_CLASSES for value in labels):
        return sorted(labels)
    return sorted(map(str, labels))


def _count_parquet(files: TableFiles, label: str, num_shards: int) -> tuple[list[int], set[Any]]:
    """Return the rows of each shard and the label's values, from the files' ends and one column."""
    import fsspec
    from pyarrow import parquet

    counts, values = [], set()
    for address in files.files:
        with fsspec.open(address, "rb") as opened, parquet.ParquetFile(opened) as file:
            counts.append([file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)])
            if label:
                values.update(file.read(columns=[label]).column(0).unique().to_pylist())
    if num_shards == len(files.files):
        return [sum(groups) for groups in counts], values
    return list(itertools.chain.from_iterable(counts)), values


def _count_others(
    num_chunks: int, label: str, image: str, values: Callable[..., Iterable[Any]]
) -> tuple[list[int], set[Any]]:
    """Return the rows of each chunk and the label's values, by reading all of them."""
    counts, labels = [], set()
    for chunk in range(num_chunks):
        counts.append(0)
        for value in values(chunk, label or image):
            counts[-1] += 1
            if label:
                labels.add(value)
    return counts, labels


def _keep(path: Path, plan: TablePlan) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary:
            Path(temporary).write_text(json.dumps(plan._asdict()))
    except OSError as error:
        logger.info("the count of rows cannot be kept in %s (%s)", path, error)
