"""The error of a run directory."""

from __future__ import annotations

from pathlib import Path


class RunError(ValueError):
    """A run directory cannot be read or used; the message names the reason and the remedy."""


def unreadable(path: Path, error: OSError) -> RunError:
    """Return the error for a file of a run that exists and cannot be read: a folder, or another user's file."""
    return RunError(f"{path} cannot be read: {error.strerror}; make it a file that you may read, or move it away")
