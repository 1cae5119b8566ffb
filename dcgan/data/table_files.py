"""The files of a table, by the library `datasets`: local Parquet, Arrow or WebDataset files, or a set on the Hub.

The library is an optional extra, and is imported here only when a table is opened. No code of a data set runs:
version 4 and later have no loading scripts, and what could be unpickled is left as bytes.

The module has more than 250 lines, because local files and sets on the Hub share their checks and errors.
"""

from __future__ import annotations

import glob
import hashlib
import itertools
import os
import re
import tarfile
import threading
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from dcgan.config import DataConfig
from dcgan.data.table_parquet import read_without_threads
from dcgan.files import cache_folder
from dcgan.locale.language import tr

_FORMATS = {".parquet": "parquet", ".arrow": "arrow", ".tar": "webdataset"}
"""Extension -> the library's name of the format."""

_PACKED = (".gz", ".bz2", ".xz", ".zst", ".lz4")
"""Members of a .tar file that the library would unpack without a bound."""
_MAX_MEMBER_BYTES = 2**28
_DECODED_MEMBERS = ("cls", "cls2", "index", "inx", "id", "json", "text", "transcript", "txt")
"""Extensions of members that are made values. Others, such as .pth, stay bytes."""

_ROWS_AT_ONCE = 64

_SPLIT = re.compile(r"(train|test|validation|valid|val)(?![a-z])")
_HUB = re.compile(r"([\w.-]+/[\w.-]+)(?:@([^:@]+))?(?::([^:]*))?(?::([^:]+))?")


class TableFiles(NamedTuple):
    """The files of a table, opened."""

    name: str
    """As a config names it; for messages."""
    rows: Any
    """A datasets.IterableDataset."""
    files: tuple[str, ...]
    """Paths or hf:// addresses, one for each of its shards."""
    fingerprint: str
    """A digest of the files' names and sizes, or of the set's revision on the Hub."""
    key: str
    """The same with the times of local files: a decoded copy belongs to exactly these."""
    revision: str = ""
    """Of a set on the Hub: the id of its commit."""
    repo: str = ""


def open_files(data: DataConfig, *, revision: str = "") -> TableFiles:
    """Open the files that data.name names. Reads the names of columns, and no image.

    revision: the commit of a set on the Hub; empty: the one that the name has, or the newest.

    Raises ValueError or FileNotFoundError that names the table and the remedy.
    """
    library = _library(data.name)
    kind, _, name = data.name.partition(":")
    return _open_hub(library, name, revision) if kind == "hub" else _open_local(library, name)


def _library(name: str) -> Any:
    try:
        import datasets
        from datasets.packaged_modules.webdataset import webdataset
    except ImportError as error:
        raise ValueError(
            tr("{table} is read by the library datasets, which is missing; pip install datasets", table=name)
        ) from error
    lock_threads_only()
    datasets.disable_progress_bars()
    datasets.logging.set_verbosity(datasets.logging.CRITICAL)
    decoders = webdataset.WebDataset.DECODERS
    for extension in set(decoders) - set(_DECODED_MEMBERS):
        del decoders[extension]
    return datasets


@cache
def lock_threads_only() -> None:
    """Give the progress bars of datasets, which it makes even where they are disabled, a lock of their own.

    All bars of tqdm share one, also with forked processes. A process that is killed while it holds the lock, or a bar
    that cannot be written, keeps it, and would stop other threads for ever. Disabled bars are never written. The
    thread that watches bars takes the lock in each process, so it is not started.
    """
    from datasets.utils import tqdm

    tqdm.monitor_interval = 0
    tqdm.set_lock(threading.RLock())


def _stream(name: str, builder: Any, split: str) -> Any:
    """Return the rows of a split. Of a Parquet row group, which may be large, few rows are in memory at once."""
    if hasattr(builder.config, "batch_size"):
        builder.config.batch_size = _ROWS_AT_ONCE
    read_without_threads(builder, _ROWS_AT_ONCE)
    return readable(name, lambda: builder.as_streaming_dataset(split))


# Local files


def _open_local(library: Any, name: str) -> TableFiles:
    paths = _local_paths(name)
    extension = paths[0].suffix.lower()
    if extension == ".tar":
        for path in paths:
            _check_tar(path)
    escaped = [glob.escape(str(path.resolve())) for path in paths]
    title = f"table:{name}"
    builder = readable(
        title,
        lambda: library.load_dataset_builder(
            _FORMATS[extension], data_files={"train": escaped}, cache_dir=str(cache_folder() / "datasets")
        ),
    )
    rows = _stream(title, builder, "train")
    digest, key = hashlib.sha256(), hashlib.sha256()
    for path in paths:
        status = os.stat(path)
        line = f"{path.name} {status.st_size}\n"
        digest.update(line.encode("utf-8", "surrogateescape"))
        key.update(f"{line}{status.st_mtime_ns}\n".encode("utf-8", "surrogateescape"))
    files = tuple(str(path.resolve()) for path in paths)
    return TableFiles(title, rows, files, digest.hexdigest(), key.hexdigest())


def _local_paths(name: str) -> list[Path]:
    """Return the files of a path: itself, those below a folder, or those that match a pattern, in order."""
    path = Path(os.path.expanduser(name))
    if path.is_dir():
        below = path.rglob("*")
        candidates = [file for file in below if not any(part[0] == "." for part in file.relative_to(path).parts)]
    elif path.exists():
        candidates = [path]
    else:
        candidates = [Path(match) for match in glob.glob(str(path), recursive=True)]
    paths = sorted((file for file in candidates if file.suffix.lower() in _FORMATS and file.is_file()), key=str)
    if not candidates and not path.is_dir():
        raise FileNotFoundError(
            tr("table:{path} does not exist; name a file, a folder of such files, or a pattern", path=name)
        )
    known = ", ".join(_FORMATS)
    if not paths:
        raise ValueError(
            tr(
                "table:{path} has no {kinds} files; name some, or name image files by folder:PATH",
                path=name,
                kinds=known,
            )
        )
    kinds = sorted({file.suffix.lower() for file in paths})
    if len(kinds) > 1:
        raise ValueError(
            tr(
                "table:{path} mixes {kinds} files; name those of one kind, as in PATH/*{kind}",
                path=name,
                kinds=", ".join(kinds),
                kind=kinds[0],
            )
        )
    splits = sorted({match[1] for file in paths if (match := _split_of(file, path))})
    if len(splits) > 1:
        raise ValueError(
            tr(
                "table:{path} has the splits {splits}; name the files of one, as in PATH/{split}*{kind}",
                path=name,
                splits=", ".join(splits),
                split=splits[0],
                kind=kinds[0],
            )
        )
    return paths


def _split_of(file: Path, folder: Path) -> re.Match[str] | None:
    """Return the split that a file's name, or the folder it lies in, begins with."""
    below = file.relative_to(folder).parts if file.is_relative_to(folder) else (file.name,)
    return next((match for part in reversed(below) if (match := _SPLIT.match(part.lower()))), None)


def _check_tar(path: Path) -> None:
    """Raise ValueError for a file that is no tar file, or has members that are too large or packed."""
    try:
        with tarfile.open(path, "r:") as archive:
            for member in archive:
                if member.size > _MAX_MEMBER_BYTES:
                    raise ValueError(
                        tr(
                            "table:{path} holds {name!a}, which has {size:,} bytes, more than {most:,}; write the "
                            "file without it",
                            path=path,
                            name=member.name,
                            size=member.size,
                            most=_MAX_MEMBER_BYTES,
                        )
                    )
                if member.name.lower().endswith(_PACKED):
                    raise ValueError(
                        tr(
                            "table:{path} holds {name!a}, which is packed; write the file without it",
                            path=path,
                            name=member.name,
                        )
                    )
                vars(archive)["members"] = []  # else it keeps them all
    except (tarfile.TarError, OSError) as error:
        raise ValueError(
            tr("table:{path} cannot be read as a .tar file ({reason}); write it again", path=path, reason=error)
        ) from error


# The Hub


def _open_hub(library: Any, name: str, revision: str) -> TableFiles:
    match = _HUB.fullmatch(name)
    if not match:
        raise ValueError(
            tr("hub:{name} is not a name on the Hub; write hub:USER/DATASET, :CONFIG and :SPLIT after it", name=name)
        )
    repo, pinned, config, split = match.groups()
    commit = readable(f"hub:{name}", lambda: _commit(repo, pinned or revision))
    builder = _hub_builder(library, name, repo, config or None, commit)
    splits = dict(builder.config.data_files or {})
    if split is None:
        split = "train" if "train" in splits or len(splits) != 1 else next(iter(splits))
    if str(split) not in splits:
        known = ", ".join(map(str, splits))
        raise ValueError(
            tr(
                "hub:{name} has no split {split}, but {splits}; write hub:{repo}:{config}:SPLIT",
                name=name,
                split=split,
                splits=known,
                repo=repo,
                config=config or "",
            )
        )
    rows = _stream(f"hub:{name}", builder, split)
    files = tuple(map(str, splits[split]))
    key = hashlib.sha256("\n".join((repo, commit, builder.config.name, str(split), *files)).encode()).hexdigest()
    return TableFiles(f"hub:{name}", rows, files, key, key, commit, repo)


def _hub_builder(library: Any, name: str, repo: str, config: str | None, commit: str) -> Any:
    if os.path.exists(repo):  # the library would read this instead
        raise ValueError(
            tr(
                "hub:{name} is also a path here; start in another folder, or name the files by table:{repo}",
                name=name,
                repo=repo,
            )
        )
    options = {"revision": commit, "cache_dir": str(cache_folder() / "datasets")}
    try:
        return readable(f"hub:{name}", lambda: _load_builder(library, repo, config, options))
    except ValueError as error:
        try:
            configs = list(library.get_dataset_config_names(repo, revision=commit))
        except Exception:  # only a better message is lost
            configs = []
        if len(configs) < 2 and config in (None, *configs):
            raise
        raise ValueError(
            tr(
                "hub:{name} has the configs {configs}; write one of them: hub:{repo}:CONFIG",
                name=name,
                configs=", ".join(configs[:20]),
                repo=repo,
            )
        ) from error


def _load_builder(library: Any, repo: str, config: str | None, options: dict[str, Any]) -> Any:
    return library.load_dataset_builder(repo, config, **options)


def _commit(repo: str, revision: str) -> str:
    """Return the id of a commit of a data set on the Hub."""
    from huggingface_hub import HfApi

    return (
        HfApi(endpoint=os.environ.get("HF_ENDPOINT") or None).dataset_info(repo, revision=revision or None).sha or ""
    )


def readable(name: str, action: Callable[[], Any], *, remedy: str = "") -> Any:
    """Return what the action returns. Raises ValueError or FileNotFoundError with the name, whatever went wrong."""
    # Which errors there are is not documented: of Arrow, of the library, and of several versions of HTTP libraries.
    try:
        return action()
    except Exception as error:
        text = " ".join(str(error).split())[:200] or type(error).__name__
        if name.startswith("hub:"):
            message = tr(
                "{name} cannot be downloaded: {reason}; {remedy}",
                name=name,
                reason=text,
                remedy=remedy or tr("check name and network"),
            )
            raise (ValueError if isinstance(error, ValueError) else FileNotFoundError)(message) from error
        raise ValueError(
            tr(
                "{name} cannot be read ({reason}); {remedy}",
                name=name,
                reason=text,
                remedy=remedy or tr("write the files again"),
            )
        ) from error


def sizes_of(counts: Sequence[int], groups: int) -> list[int]:
    """Return the sums of consecutive counts in so many groups, as the library groups its shards."""
    whole, rest = divmod(len(counts), groups)
    ends = [group * whole + min(group, rest) for group in range(groups + 1)]
    return [sum(counts[start:end]) for start, end in itertools.pairwise(ends)]
