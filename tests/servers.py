"""What tests of running servers share: free ports, the two apps, and the browser."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def studio_command(port: int) -> list[str]:
    """Return the command that starts the studio."""
    command = [sys.executable, "-m", "streamlit", "run", "streamlit_app.py", "--server.headless=true"]
    return [*command, f"--server.port={port}", "--server.address=127.0.0.1"]


@contextmanager
def served(
    command: list[str], port: int, environment: dict[str, str], *, log: Path | None = None
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Start a server on this machine until the block ends; yield its address and its process.

    A failing test prints the output of the server. With `log`, the output stays in that file.
    """
    environment = os.environ | environment | {"PYTHONFAULTHANDLER": "1"}
    # Not a pipe, which would block the server when it is full.
    with tempfile.TemporaryFile("w+b") if log is None else open(log, "w+b") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=output)
        try:
            url = f"http://127.0.0.1:{port}/"
            wait_for_server(url, process)
            yield url, process
            assert process.poll() is None, f"{command} ended with {process.returncode}"
        except BaseException as error:
            output.seek(0)
            text = output.read()[-5000:].decode(errors="replace")
            error.add_note(f"the server (exit status {process.poll()}) printed: {text}")
            raise
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait_for_server(url: str, process: subprocess.Popen[bytes]) -> None:
    give_up = time.monotonic() + START_SECONDS
    while time.monotonic() < give_up:
        assert process.poll() is None, f"{process.args} ended with {process.returncode}"
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
    raise AssertionError(f"{url} did not answer")
