"""The commands that list what there is: presets and runs."""

from __future__ import annotations

import json as json_module

from tyro.conf import FlagCreatePairsOff

from dcgan.cli.program import PROG
from dcgan.files import runs_root
from dcgan.runs.listing import list_runs
from dcgan.runs.tables import preset_summaries, presets_table, run_summary, runs_table


def presets(*, json: FlagCreatePairsOff[bool] = False) -> int:
    """List the presets: named configs of networks, data and recipe.

    Args:
        json: Print JSON, one object for each preset.
    """
    summaries = preset_summaries()
    print(json_module.dumps(summaries, indent=1) if json else presets_table(summaries))
    return 0


def runs(*, json: FlagCreatePairsOff[bool] = False) -> int:
    """List the published runs and your own, with their state and last numbers.

    Args:
        json: Print JSON, one object for each run.
    """
    summaries = [run_summary(run) for run in list_runs()]
    if json:
        print(json_module.dumps(summaries, indent=1))
    elif summaries:
        print(runs_table(summaries))
    else:
        print(f"there are no runs in {runs_root()} yet; make one: {PROG} train dcgan")
    return 0


COMMANDS = {"presets": presets, "runs": runs}
HELP_ORDER = 1
