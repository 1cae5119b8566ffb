"""Project and cache folders, files that are replaced as a whole, locks on directories, and names in messages.

It imports nothing but the standard library and the texts of other languages. The module has more than 250 lines,
because each operation on files has its counterpart for Windows beside it.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from dcgan.locale.language import tr, tr_later, tr_marked

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None
    import msvcrt as _msvcrt

    msvcrt: Any = _msvcrt  # type checkers know its functions on Windows only

PROJECT = Path(__file__).resolve().parents[1]
CHECKPOINTS = PROJECT / "checkpoints"
"""The published models."""
FAILURES = PROJECT / "failures"
"""Recordings of trainings that go wrong, each with its cured twin, without weights."""
RESULTS = PROJECT / "results"
"""Recordings of further seeds of published recipes, without weights. The results page has deviations from them."""


def printable(text: str, most: int = 300) -> str:
    """Return the text, cut after `most` characters, with escapes for what no terminal or page should get.

    These are control characters, and the bytes of a name that is not UTF-8.
    """
    text = text if len(text) <= most else f"{text[:most]}..."
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)


def missing_from_wheel(folder: Path) -> str:
    """Return a clause that says how to get a folder of the repository; empty where the folder is there.

    A wheel holds the code only. `folder` is one of PROJECT, such as CHECKPOINTS.
    """
    if folder.is_dir():
        return ""
    return tr(
        "{folder} does not exist, since only a clone of the repository has it: pip install -e . in a clone",
        folder=folder,
    )


def runs_root() -> Path:
    """Return the folder of the user's own runs: $DCGAN_RUNS, else ./runs."""
    return Path(os.environ.get("DCGAN_RUNS") or "runs")


def cache_folder() -> Path:
    """Return the folder for downloads and caches: $DCGAN_CACHE, else $XDG_CACHE_HOME/dcgan, else ~/.cache/dcgan.

    Raises FileNotFoundError where the user has no home folder, as in a container with a user id of its own.
    """
    folder = os.environ.get("DCGAN_CACHE")
    if not folder:
        folder = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.join("~", ".cache"), "dcgan")
    try:
        return Path(folder).expanduser()
    except RuntimeError as error:
        sentence = tr("this user has no home folder; name a folder for caches with DCGAN_CACHE")
        raise FileNotFoundError(errno.ENOENT, sentence, folder) from error


def open_regular(path: Path, *, follow_links: bool = True) -> BinaryIO:
    """Open a file to read it. Raises OSError, and never waits, where it is a pipe, a socket or a device.

    With `follow_links=False`, a link to a file is an error too.
    """
    if not follow_links and path.is_symlink():  # for systems without O_NOFOLLOW
        raise OSError(errno.ELOOP, tr("it is a link to another file"), str(path))
    opener = _without_waiting if follow_links else _without_links
    file = open(path, "rb", opener=opener)  # noqa: SIM115 - the caller closes it
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(errno.EINVAL, tr("it is not a regular file"), str(path))
    return file


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _without_links(path: str, flags: int) -> int:
    return _without_waiting(path, flags | getattr(os, "O_NOFOLLOW", 0))


REPLACE_PATIENCE_SECONDS = 2.0
"""How long a rename is tried. Windows refuses it while a reader or a virus scanner has the file open."""


@contextlib.contextmanager
def replacing(
    path: Path, *, sync_folder: bool = True, patience_seconds: float = REPLACE_PATIENCE_SECONDS
) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on a clean exit it is synced, made world-readable and renamed over it.

    The rename is on the disk too, unless `sync_folder` is False: then a power cut may leave the old file. A refused
    rename is tried again for `patience_seconds`. An OSError names `path`.
    """
    make_folder(path.parent)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        # exFAT, CIFS and WSL's mounted drives have no modes to set; the file is complete nevertheless.
        with contextlib.suppress(OSError):
            temporary.chmod(0o644)
        patiently(lambda: temporary.replace(path), patience_seconds=patience_seconds)
        if sync_folder:
            sync(path.parent)
    except OSError as error:
        if error.filename in (None, str(temporary)):  # a write to a full disk names no file
            error.filename = str(path)
        raise
    finally:
        with contextlib.suppress(OSError):  # an error while cleaning up must not hide the first one
            temporary.unlink(missing_ok=True)


def patiently(change: Callable[[], object], *, patience_seconds: float = REPLACE_PATIENCE_SECONDS) -> None:
    """Call `change`, which renames or removes files, until Windows permits it, or until the patience ends."""
    give_up = time.monotonic() + patience_seconds
    while True:
        try:
            change()
            return
        except PermissionError:  # "Access is denied", or a sharing violation
            if time.monotonic() >= give_up:
                raise
        time.sleep(0.02)


def make_folder(path: Path) -> None:
    """Make a folder and those above it where they are missing, so that a power cut does not take them away."""
    if os.path.isdir(path):
        return
    missing = [path, *itertools.takewhile(lambda folder: not os.path.exists(folder), path.parents)]
    path.mkdir(parents=True, exist_ok=True)
    for folder in missing:
        with contextlib.suppress(OSError):  # a folder above may be another user's, who lets nobody open it
            sync(folder.parent)


def sync(path: Path) -> None:
    """Wait until a file's bytes, or the names in a folder, are on the disk. Windows has no such call for folders."""
    is_folder = path.is_dir()
    if is_folder and os.name == "nt":
        return
    descriptor = os.open(path, os.O_RDONLY if is_folder else os.O_RDWR)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network and FUSE file systems sync no folders.
        if not (is_folder and error.errno in (errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EACCES)):
            raise
    finally:
        os.close(descriptor)


_REMEDIES = {
    errno.ENOSPC: tr_later("make room"),
    errno.EDQUOT: tr_later("make room"),
    errno.EACCES: tr_later("make it writable for you"),
    errno.EPERM: tr_later("make it writable for you"),
    errno.EROFS: tr_later("mount its file system for writing"),
    errno.EIO: tr_later("check the disk"),
    errno.EMFILE: tr_later("allow more open files (ulimit -n)"),
    errno.ENFILE: tr_later("close other programs"),
    errno.EFBIG: tr_later("allow larger files (ulimit -f)"),
    errno.ENOENT: tr_later("put its folder back"),
    errno.ENOTDIR: tr_later("name a folder"),
    errno.EISDIR: tr_later("move the folder away"),
    errno.ENAMETOOLONG: tr_later("use a shorter name"),
}


WRITE_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG)
"""The errors that only a write can have."""


def remedy_of(error: OSError) -> str:
    """Return what to do about a file that could not be written: a clause in the visitor's language."""
    return tr_marked(_REMEDIES.get(error.errno or 0, tr_later("mend that")))


# Locks. A lock ends with the process that holds it, so it shows whether a process is alive; a pid can be reused.
# POSIX locks the open directory itself, and a child process can inherit the descriptor. Windows opens no directories.
# There the one byte of a file beside the directory, .NAME.lock, is locked, and children inherit nothing.

INHERITABLE_LOCKS = fcntl is not None


def take_lock(path: Path, *, patience_seconds: float) -> int | None:
    """Lock a directory exclusively and return the open descriptor that holds the lock until it is closed.

    Returns None where another process kept the lock for all of `patience_seconds`.
    """
    descriptor = _open_lock(path)
    give_up = time.monotonic() + patience_seconds
    while not try_lock(descriptor):
        if time.monotonic() >= give_up:
            os.close(descriptor)
            return None
        time.sleep(0.02)
    return descriptor


def try_lock(descriptor: int) -> bool:
    """Lock the descriptor's file or directory without waiting. Returns False where another one holds the lock."""
    try:
        if fcntl is not None:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        else:
            os.lseek(descriptor, 0, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    except (BlockingIOError, PermissionError):
        return False
    return True


def is_locked(path: Path) -> bool:
    """Return whether a process holds the directory's lock; False for a directory that is gone or unreadable.

    Other readers, who ask at the same time, are not taken for a training.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY) if fcntl is not None else os.open(_lock_file(path), os.O_RDWR)
    except OSError:  # it is gone, or another user's, whose trainings are not ours to count
        return False
    try:
        if fcntl is None:
            return _is_read_refused(descriptor)
        # Shared, so that two readers who ask at once do not take each other for a training.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return False
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)


def _is_read_refused(descriptor: int) -> bool:
    """Return whether another handle locks the file's first byte: Windows then refuses to read it.

    Windows has no shared locks. A reader that took the lock for a moment would look like a training to other readers.
    """
    try:
        os.read(descriptor, 1)
    except PermissionError:
        return True
    return False


def _lock_file(path: Path) -> Path:
    path = path.resolve()
    return path.with_name(f".{path.name}.lock")


def remove_lock_file(path: Path) -> None:
    """Remove the file that Windows locks beside a directory, after the directory has gone."""
    if fcntl is None:
        with contextlib.suppress(OSError):  # another process looks at it; an empty file that stays does no harm
            _lock_file(path).unlink()


def _open_lock(path: Path) -> int:
    if fcntl is not None:
        return os.open(path, os.O_RDONLY)
    os.stat(path)  # raises FileNotFoundError where there is nothing to lock, as opening a directory does
    descriptor = os.open(_lock_file(path), os.O_RDWR | os.O_CREAT)
    with contextlib.suppress(PermissionError):  # who holds the lock has written it already
        os.write(descriptor, b"\0")  # readers look at this byte, and an empty file has none that is refused
    return descriptor
