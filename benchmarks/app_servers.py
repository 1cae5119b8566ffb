"""The two apps as processes on this machine, which end with a block. Benchmarks and tests start them by it."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

END_SECONDS = 30
"""How long a process may take to end before it is killed."""
DEMO = (sys.executable, "gradio_app.py")
"""The command that starts the demo. Its environment has its port (see `demo_address`)."""


def free_port() -> int:
    """Return a port of this machine on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def studio_command(port: int) -> list[str]:
    """Return the command that starts the studio."""
    command = [sys.executable, "-m", "streamlit", "run", "streamlit_app.py", "--server.headless=true"]
    return [*command, f"--server.port={port}", "--server.address=127.0.0.1"]


def demo_address(port: int) -> dict[str, str]:
    """Return the environment in which the demo listens on this port of this machine."""
    return {"GRADIO_SERVER_PORT": str(port), "GRADIO_SERVER_NAME": "127.0.0.1"}


@contextlib.contextmanager
def started(
    command: list[str] | tuple[str, ...], folder: Path, environment: Mapping[str, str], output: IO[bytes] | int
) -> Iterator[subprocess.Popen[bytes]]:
    """Start a process in a folder, and end it with the block. Its output goes to a file, which never blocks it."""
    process = subprocess.Popen(command, cwd=folder, env=environment, stdout=output, stderr=output)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_for_server(port: int, process: subprocess.Popen[bytes], *, seconds: float) -> None:
    """Wait until a server answers. Raises RuntimeError where its process ends, or is silent for so long."""
    give_up = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < give_up:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=60).close()
            return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
    raise RuntimeError(f"{process.args} did not answer within {seconds:g} s (exit status {process.poll()})")


def processor_seconds(process: subprocess.Popen[bytes]) -> float:
    """Return the processor time that a process has used; NaN except on Linux."""
    try:
        fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return float("nan")
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_bytes(pid: int) -> float:
    """Return the largest memory of a process so far; NaN except on Linux."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return float("nan")
    return next(1024.0 * int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
