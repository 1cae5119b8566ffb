"""How messages name this program and a run, so that a reader can type what they say."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from dcgan.runs.listing import find_run
from dcgan.runs.run import Run, RunError

PROG = "dcgan" if Path(sys.argv[0]).stem == "dcgan" else "python -m dcgan"
"""The command by which the user called this program."""


def name_in_shell(run: Run) -> str:
    """Return the shortest text that names the run from the working directory, quoted for a shell."""
    try:
        has_name = find_run(run.name).path.samefile(run.path)
    except RunError:
        has_name = False
    return shlex.quote(run.name if has_name else str(run.path))
