"""The files that the page offers for download."""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import tempfile
import threading
from pathlib import Path

MAX_FILES = 300


class TemporaryFiles:
    """Files in a temporary folder, which the page serves. All visitors share them, and the oldest are removed first.

    The first file makes the folder, and the next one makes it again where systemd-tmpfiles has removed it. The end of
    the process removes it.
    """

    def __init__(self, max_files: int = MAX_FILES) -> None:
        self._max_files = max_files
        self._folder: Path | None = None
        self._lock = threading.Lock()

    def save(self, name: str, data: bytes) -> str:
        """Return the path of the file `name`, which holds `data` whole. Raises OSError with a sentence."""
        try:
            with self._lock:
                path = self._open() / name
                if path.is_file():
                    os.utime(path)  # it is shown again, so it is not among the oldest
                else:
                    self._write(path, data)
                    self._remove_oldest()
                return str(path)
        except OSError as error:
            raise OSError(
                f"{name} could not be saved in {tempfile.gettempdir()} ({error.strerror or error}); "
                "free some space there, or set TMPDIR to another folder"
            ) from error

    def _open(self) -> Path:
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="dcgan-demo-"))
            atexit.register(shutil.rmtree, self._folder, ignore_errors=True)
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self._folder

    def _write(self, path: Path, data: bytes) -> None:
        # Renamed when it is whole: a file that a full disk cut off must not be served. Temporary files need no sync.
        part = path.with_name(f"{path.name}.part")
        try:
            part.write_bytes(data)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)

    def _remove_oldest(self) -> None:
        ages = []
        for path in self._open().iterdir():
            with contextlib.suppress(FileNotFoundError):  # another process has removed it
                ages.append((path.stat().st_mtime_ns, path))
        for _, path in sorted(ages)[: -self._max_files]:
            path.unlink(missing_ok=True)
