"""The names of this program and of a run in messages. A reader can type them as they are."""

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
