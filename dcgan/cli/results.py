"""The command `results`: make the results page, and copy the records that it reads."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Annotated

from tyro.conf import FlagCreatePairsOff, Positional, arg

from dcgan import files
from dcgan.files import replacing
from dcgan.runs.listing import find_run
from dcgan.runs.run import Run

PAGE = "docs/results.md"
"""Path in the project. It does not depend on the working directory, as the runs are the project's."""


def results(
    runs: Annotated[Positional[tuple[str, ...]], arg(metavar="RUN...")] = (),
    *,
    output: Annotated[str, arg(aliases=["-o"], metavar="PATH")] = "",
    keep: FlagCreatePairsOff[bool] = False,
) -> int:
    """Make the results page: every preset with its scores, deviations over seeds, real images and cost.

    Runs whose configs differ only in the seed share one row. The page also lists published scores.

    Args:
        runs: Finished and scored runs, by path or name (see: runs). Default: all in checkpoints/ and results/.
        output: The Markdown file to write. Default: docs/results.md in the project. If runs are named, the page is
            printed.
        keep: Copy configs and scores of the named runs, without weights, to results/ for later pages.
    """
    from dcgan.publishing.results import default_runs, name_of
    from dcgan.publishing.results import keep as keep_record
    from dcgan.publishing.results_page import page as page_of

    chosen = [_run_of(name) for name in runs]
    if keep:
        if not runs:
            raise ValueError("name the runs to keep, as in: results --keep runs/NAME")
        if output:
            raise ValueError(f"--keep writes to results/, not to {output!r}; leave out --keep or -o")
        for run in chosen:
            print(f"kept {name_of(Run(keep_record(run)))}")
        return 0
    page = page_of(chosen or default_runs(), command=shlex.join(["python", "-m", "dcgan", "results", *runs]))
    if runs and not output:
        print(page, end="")
        return 0
    path = Path(output) if output else files.PROJECT / PAGE
    with replacing(path) as temporary:
        temporary.write_text(page, encoding="utf-8", newline="\n")
    print(f"wrote {path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}")
    return 0


def _run_of(name: str) -> Run:
    """Return the run of that name, or the record in results/, which other commands do not find."""
    record = files.RESULTS / name
    return Run(record) if os.path.isfile(record / "config.json") else find_run(name)


COMMANDS = {"results": results}
HELP_ORDER = 6
