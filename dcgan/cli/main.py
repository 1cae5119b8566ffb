"""The command line. Commands parse, call one library function and print; torch is imported where it is needed.

A module of this package that defines `COMMANDS`, name -> function, adds these commands. Two further names are
optional: `HELP_ORDER`, its place in the help, and `PREPARE`, name -> function that is given the arguments and returns
the function to call and the arguments for it.

Exit codes: 0 done, or stopped by a file named `stop`; 2 an error that a person can mend, in one sentence on stderr;
130 stopped by Ctrl-C or SIGTERM, with everything saved.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import io
import os
import pkgutil
import re
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from types import ModuleType

import tyro

from dcgan import __version__, cli
from dcgan.cli.config_flags import config_registry
from dcgan.cli.program import PROG
from dcgan.config import RENAMED
from dcgan.files import WRITE_ERRORS, remedy_of

Command = Callable[..., int]


def command_modules() -> list[ModuleType]:
    """Import the modules of `cli` that define commands, in the order of the help."""
    names = [module.name for module in pkgutil.iter_modules(cli.__path__) if module.name != "main"]
    modules = [importlib.import_module(f"dcgan.cli.{name}") for name in names]
    last = len(modules)
    return sorted(
        (module for module in modules if hasattr(module, "COMMANDS")),
        key=lambda module: getattr(module, "HELP_ORDER", last),
    )


def _join_help(command: Command) -> None:
    """Write the description of each argument on one line. tyro prints the line breaks of a docstring as they are."""
    command.__doc__ = re.sub(r"\n {8,}", " ", inspect.getdoc(command) or "")


COMMANDS: dict[str, Command] = {}
PREPARE: dict[str, Callable[[Sequence[str]], tuple[Command, list[str]]]] = {}
for _module in command_modules():
    for _command in _module.COMMANDS.values():
        _join_help(_command)
    COMMANDS |= _module.COMMANDS
    PREPARE |= getattr(_module, "PREPARE", {})

RENAMED_COMMANDS = {"train-features": "train-classifier"}
RENAMED_FLAGS = {"kinds": "components", "kind": "component"}
"""Flags of earlier versions that are not fields of a config; dcgan.config.RENAMED has the fields."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that the arguments name, and return the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    _escape_unknown_characters()
    if _is_follower():
        with (
            open(os.devnull, "w", encoding="utf-8", errors="replace") as nowhere,
            redirect_stdout(nowhere),
            redirect_stderr(nowhere),
        ):
            return _exit_code(arguments)
    try:
        code = _exit_code(arguments)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # The reader of a pipe, head for one, has seen enough. Python must not find the pipe again at its exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141  # what a shell reports of a process that SIGPIPE ended


def _escape_unknown_characters() -> None:
    """Print a character that the output's encoding lacks as its code, so that no path ends a command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _is_follower() -> bool:
    """Return whether torchrun started this process beside a rank 0, which prints everything."""
    return int(os.environ.get("WORLD_SIZE", 1)) > 1 and int(os.environ.get("RANK", 0)) > 0


def _exit_code(arguments: list[str]) -> int:
    """Run the command and print an error that a person can mend as one sentence."""
    try:
        return _run(arguments)
    except SystemExit as parsed:  # tyro has printed help, 0, or what it did not understand, 2
        return parsed.code if isinstance(parsed.code, int) else 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        raise
    except (ValueError, OSError) as error:
        print(f"error: {_sentence(error)}", file=sys.stderr)
        return 2
    except (MemoryError, RuntimeError) as error:
        if not _is_out_of_memory(error):
            raise
        print(
            "error: there is not enough memory for this; ask for fewer or smaller images, or narrower networks",
            file=sys.stderr,
        )
        return 2


def _is_out_of_memory(error: MemoryError | RuntimeError) -> bool:
    """Return whether the memory is full; any other such error is a fault of this program."""
    if isinstance(error, MemoryError):
        return True
    from dcgan.training.failures import out_of_memory  # only now: it imports torch

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
        raise ValueError(f"{name!r} is now called {RENAMED_COMMANDS[name]!r}; use that name")
    if name not in COMMANDS:
        near = difflib.get_close_matches(name, COMMANDS, n=1)
        advice = f"did you mean {near[0]}?" if near else f"commands are {', '.join(COMMANDS)}"
        raise ValueError(f"{name!r} is not a command; {advice}")
    _refuse_renamed(rest)
    command, rest = PREPARE[name](rest) if name in PREPARE else (COMMANDS[name], rest)
    return tyro.cli(command, prog=f"{PROG} {name}", args=rest, registry=config_registry())


def _refuse_renamed(arguments: Sequence[str]) -> None:
    """Raise ValueError that names the new flag where an earlier version's is among the arguments."""
    names = RENAMED | RENAMED_FLAGS
    for argument in arguments:
        if not argument.startswith("--"):
            continue
        flag, _, _ = argument.partition("=")
        group, dot, field = flag.removeprefix("--").replace("-", "_").rpartition(".")
        off = "no_" if field.startswith("no_") else ""
        new = names.get(field.removeprefix(off))
        if new:
            current = f"{group}{dot}{off}{new}".replace("_", "-")
            raise ValueError(f"{flag} is now called --{current}; use that name")


def _help() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  {name:{width}} {_summary(command)}" for name, command in COMMANDS.items()]
    return "\n".join(
        [
            f"usage: {PROG} COMMAND ...",
            "",
            "GAN and DCGAN on MNIST: train, record, score and draw.",
            "",
            *lines,
            "",
            f"{PROG} COMMAND --help lists the flags of a command; {PROG} --version prints the version.",
        ]
    )


def _summary(command: Command) -> str:
    """Return the first line of the command's docstring."""
    return (inspect.getdoc(command) or "").partition("\n")[0]


def _sentence(error: Exception) -> str:
    """Return the message in one line; the file first where the system names one."""
    if isinstance(error, OSError) and error.strerror:
        sentence = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
        return f"{sentence}; {remedy_of(error)}" if error.errno in WRITE_ERRORS else sentence
    return " ".join(str(error).split())
