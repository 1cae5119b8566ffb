"""The error of a run directory."""

from __future__ import annotations

from pathlib import Path


class RunError(ValueError):
    """A run directory cannot be read or used; the message names the reason and the remedy."""


def unreadable(path: Path, error: OSError, kind: str = "file") -> RunError:
    """Return the error for a file, or a folder, of a run that exists and cannot be read, such as another user's."""
    return RunError(f"{path} cannot be read: {error.strerror}; make it a {kind} that you may read, or move it away")
