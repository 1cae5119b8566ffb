"""The command line. Commands parse, call one library function and print; torch is imported where it is needed.

Exit codes: 0 done, or stopped by a file named `stop`; 2 an error that a person can mend, in one sentence on stderr;
130 stopped by Ctrl-C or SIGTERM, with everything saved.
"""

from __future__ import annotations

import difflib
import inspect
import json as json_module
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout

import tyro
from tyro.conf import FlagCreatePairsOff

from dcgan import __version__
from dcgan.cli.config_flags import config_registry
from dcgan.cli.draw import gif, sample
from dcgan.cli.evaluate import evaluate, train_classifier
from dcgan.cli.link import link, open_link
from dcgan.cli.publish import publish
from dcgan.cli.results import results
from dcgan.cli.train import PROG, resume, train, with_preset
from dcgan.config import RENAMED
from dcgan.files import runs_root
from dcgan.runs.listing import list_runs
from dcgan.runs.tables import preset_summaries, presets_table, run_summary, runs_table


def runs(*, json: FlagCreatePairsOff[bool] = False) -> int:
    """List the published runs and your own, with their state and last numbers.

    Args:
        json: Print JSON, one object a run.
    """
    summaries = [run_summary(run) for run in list_runs()]
    if json:
        print(json_module.dumps(summaries, indent=1))
    elif summaries:
        print(runs_table(summaries))
    else:
        print(f"there are no runs in {runs_root()} yet; make one: {PROG} train dcgan")
    return 0


def presets(*, json: FlagCreatePairsOff[bool] = False) -> int:
    """List the presets: networks and recipes that have a name.

    Args:
        json: Print JSON, one object a preset.
    """
    summaries = preset_summaries()
    print(json_module.dumps(summaries, indent=1) if json else presets_table(summaries))
    return 0


COMMANDS: dict[str, Callable[..., int]] = {
    command.__name__: command
    for command in (presets, train, resume, runs, sample, gif, evaluate, results, link, publish)
} | {"train-classifier": train_classifier, "open": open_link}


RENAMED_COMMANDS = {"train-features": "train-classifier"}
RENAMED_FLAGS = {"kinds": "components", "kind": "component"}
"""Flags of earlier versions that are not fields of a config; for these see dcgan.config.RENAMED."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that the arguments name; its exit code."""
    if _is_follower():
        with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
            return _answer(list(sys.argv[1:] if argv is None else argv))
    try:
        code = _answer(list(sys.argv[1:] if argv is None else argv))
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # The reader of a pipe, head for one, has seen enough. Python must not find the pipe again at its exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141  # what a shell reports of a process that SIGPIPE ended


def _is_follower() -> bool:
    """Whether torchrun has started this beside a rank 0, which gets the same arguments and does the talking."""
    return int(os.environ.get("WORLD_SIZE", 1)) > 1 and int(os.environ.get("RANK", 0)) > 0


def _answer(arguments: list[str]) -> int:
    try:
        return _run(arguments)
    except SystemExit as parsed:  # tyro has printed help, 0, or what it did not understand, 2
        return parsed.code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        raise
    except (ValueError, OSError) as error:
        print(f"error: {_sentence(error)}", file=sys.stderr)
        return 2
    except (MemoryError, RuntimeError) as error:
        if not _is_full(error):
            raise
        print(
            "error: there is not enough memory for this; ask for fewer or smaller images, or narrower networks",
            file=sys.stderr,
        )
        return 2


def _is_full(error: MemoryError | RuntimeError) -> bool:
    """Whether it tells of a full memory, and not of a fault of ours."""
    if isinstance(error, MemoryError):
        return True
    from dcgan.training.recording import out_of_memory  # only now: it imports torch

    return out_of_memory(error)


def _run(arguments: list[str]) -> int:
    name, rest = (arguments[0], arguments[1:]) if arguments else ("", [])
    if name in ("", "-h", "--help"):
        print(_help(), file=sys.stdout if name else sys.stderr)
        return 0 if name else 2
    if name == "--version":
        print(f"dcgan-studio {__version__}")
        return 0
    if name in RENAMED_COMMANDS:
        raise ValueError(f"{name!r} is called {RENAMED_COMMANDS[name]!r} now; use that")
    if name not in COMMANDS:
        near = difflib.get_close_matches(name, COMMANDS, n=1)
        advice = f"did you mean {near[0]}?" if near else f"commands are {', '.join(COMMANDS)}"
        raise ValueError(f"{name!r} is not a command; {advice}")
    _refuse_renamed(rest)
    command, rest = with_preset(rest) if name == "train" else (COMMANDS[name], rest)
    return tyro.cli(command, prog=f"{PROG} {name}", args=rest, registry=config_registry())


def _refuse_renamed(arguments: Sequence[str]) -> None:
    """Raise ValueError that names the new flag where an earlier version's is among the arguments."""
    for argument in arguments:
        flag, _, _ = argument.partition("=")
        group, dot, field = flag.removeprefix("--").rpartition(".")
        new = RENAMED_FLAGS.get(field.replace("-", "_"), RENAMED.get(field.replace("-", "_")))
        if flag.startswith("--") and new:
            raise ValueError(f"{flag} is called --{group}{dot}{new.replace('_', '-')} now; use that")


def _help() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  {name:{width}} {inspect.getdoc(command).splitlines()[0]}" for name, command in COMMANDS.items()]
    return "\n".join(
        [
            f"usage: {PROG} COMMAND ...",
            "",
            "GAN and DCGAN on MNIST: trained, recorded, drawn from.",
            "",
            *lines,
            "",
            f"{PROG} COMMAND --help tells a command's flags; --version the version.",
        ]
    )


def _sentence(error: Exception) -> str:
    """One line; the file first where the system names one."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return " ".join(str(error).split())
