"""What tests of running servers share: the two apps, which benchmarks/app_servers.py starts, and the browser."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.app_servers import free_port, started, studio_command, wait_for_server

__all__ = ["CHROMIUM", "CHROMIUM_ARGUMENTS", "free_port", "served", "studio_command"]

ROOT = Path(__file__).resolve().parent.parent
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

START_SECONDS = 240.0
"""Of a server; other tests share the cores."""


@contextmanager
def served(
    command: list[str], port: int, environment: dict[str, str], *, log: Path | None = None
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Start a server on this machine until the block ends; yield its address and its process.

    A failing test prints the output of the server. With `log`, the output stays in that file.
    """
    environment = os.environ | environment | {"PYTHONFAULTHANDLER": "1"}
    # Not a pipe, which would block the server when it is full.
    with (
        tempfile.TemporaryFile("w+b") if log is None else open(log, "w+b") as output,
        started(command, ROOT, environment, output) as process,
    ):
        try:
            wait_for_server(port, process, seconds=START_SECONDS)
            yield f"http://127.0.0.1:{port}/", process
            assert process.poll() is None, f"{command} ended with {process.returncode}"
        except BaseException as error:
            output.seek(0)
            text = output.read()[-5000:].decode(errors="replace")
            error.add_note(f"the server (exit status {process.poll()}) printed: {text}")
            raise
