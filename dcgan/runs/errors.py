"""The error of a run directory."""

from __future__ import annotations

from pathlib import Path

from dcgan.locale.language import tr


class RunError(ValueError):
    """A run directory cannot be read or used; the message names the reason and the remedy."""


def unreadable(path: Path, error: OSError) -> RunError:
    """Return the error for a file of a run that exists and cannot be read, such as another user's."""
    return RunError(
        tr(
            "{path} cannot be read: {reason}; make it a file that you may read, or move it away",
            path=path,
            reason=error.strerror,
        )
    )


def unreadable_folder(path: Path, error: OSError) -> RunError:
    """Return the error for a folder of a run, as `unreadable` does for a file."""
    return RunError(
        tr(
            "{path} cannot be read: {reason}; make it a folder that you may read, or move it away",
            path=path,
            reason=error.strerror,
        )
    )
