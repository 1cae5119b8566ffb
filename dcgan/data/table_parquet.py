"""Parquet files of a table, read by pyarrow's plain reader.

The library `datasets` reads fragments, which threads of pyarrow fetch ahead. Such a thread needs Python's lock to
read a Python file. Where the rows are not read to the end, it can wait for ever for the thread that waits for it
(https://github.com/apache/arrow/issues/45214). The plain reader starts no thread.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any


def read_without_threads(builder: Any, rows_at_once: int) -> None:
    """Let a builder of the library yield Arrow tables of at most so many rows. No effect on other files than Parquet.

    builder: a datasets.DatasetBuilder that has not begun to read.
    """
    import pyarrow
    import pyarrow.parquet
    from datasets import DownloadConfig
    from datasets.utils.file_utils import xopen

    if not _reads_parquet(builder):
        return
    access = DownloadConfig(token=builder.token, storage_options=builder.storage_options)

    def tables(files: Iterable[Any], row_groups_list: Any = None) -> Iterator[tuple[str, Any]]:
        paths = list(_flat(files))
        for i, (path, groups) in enumerate(zip(paths, row_groups_list or [None] * len(paths), strict=True)):
            with xopen(path, "rb", download_config=access) as file:
                reader = pyarrow.parquet.ParquetFile(file, pre_buffer=False)
                row_groups = list(range(reader.num_row_groups) if groups is None else groups)
                batches = reader.iter_batches(
                    rows_at_once, row_groups=row_groups, columns=builder.config.columns, use_threads=False
                )
                for j, batch in enumerate(batches):
                    yield f"{i}_{j}", builder._cast_table(pyarrow.Table.from_batches([batch]))

    builder._generate_tables = tables
    builder.SLEEP_ON_THREADS_SHUTDOWNS = (
        False  # the library's own remedy: a pause, after which threads should be done
    )


def _reads_parquet(builder: Any) -> bool:
    from datasets.packaged_modules.parquet.parquet import Parquet

    return isinstance(builder, Parquet)


def _flat(files: Iterable[Any]) -> Iterator[str]:
    """Return the paths. Version 4 of the library gives an iterable of each file."""
    for file in files:
        if isinstance(file, str):
            yield file
        else:
            yield from file
