"""Both apps as processes on this machine, with planted secrets around them, for attacks by visitors."""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from nightly.attack import ROOT
from recorded import record_run

from benchmarks.app_servers import (
    DEMO,
    demo_address,
    free_port,
    peak_bytes,
    started,
    studio_command,
    wait_for_server,
)
from dcgan.runs.rows import Status
from dcgan.runs.run import Run

START_SECONDS = 300
MARK = "planted"
"""How each secret begins."""


@dataclass(frozen=True)
class Place:
    """A program with runs, a home and a temporary folder of its own, and secrets that no visitor may get."""

    program: Path
    runs: Path
    run: Run
    environment: Mapping[str, str]
    secrets: Mapping[str, str]
    """Where it lies -> the secret text."""

    def leaks(self, data: bytes) -> list[str]:
        """Return the names of all that the data have and no visitor may get: secrets, traces and paths."""
        kept = {where: secret.encode() for where, secret in self.secrets.items()} | {
            "/etc/passwd": b"root:x:0:0:",
            "a trace": b"Traceback (most recent call last)",
            "a path of the server": f"{self.program}/dcgan".encode(),
        }
        return [name for name, secret in kept.items() if secret in data]


def plant(folder: Path) -> Place:
    """Copy the program into the folder, record a run, and plant secrets around both.

    Beside the good run there is a hostile one, whose files are links to secrets.
    """
    parent = folder / "parent"
    program, runs, home, temporary = (parent / name for name in ("program", "runs", "home", "temporary"))
    shutil.copytree(ROOT / "dcgan", program / "dcgan")
    shutil.copytree(ROOT / ".streamlit", program / ".streamlit")
    for name in ("streamlit_app.py", "gradio_app.py", "pyproject.toml"):
        shutil.copy(ROOT / name, program / name)
    secrets = {}

    def secret_in(path: Path) -> Path:
        where = str(path.relative_to(parent))
        secrets[where] = f"{MARK}-{len(secrets)}-{os.urandom(8).hex()}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{secrets[where]}\n")
        return path

    for path in (program / "secret.txt", program / ".env", parent / "secret.txt", home / "secret.txt"):
        secret_in(path)
    for path in (home / ".ssh" / "id_rsa", temporary / "secret.txt", runs / "secret.txt"):
        secret_in(path)
    for name in ("DCGAN_SECRET", "HF_TOKEN"):
        secrets[name] = f"{MARK}-{name}-{os.urandom(8).hex()}"
    run = record_run(runs)
    outside = parent / "outside" / "secret-run"
    shutil.copytree(run.path, outside)
    secret_in(outside / "log.txt")
    with contextlib.suppress(OSError, NotImplementedError):  # Windows grants links to administrators only
        _link_files(run, runs / "linked", parent / "secret.txt")
    environment = {
        "DCGAN_RUNS": str(runs),
        "DCGAN_DEVICE": "cpu",
        "DCGAN_ALLOW_TRAINING": "0",
        "HOME": str(home),
        "TMPDIR": str(temporary),
        "SPACE_ID": "",
        "PYTHONPATH": "",
        "OMP_NUM_THREADS": "1",
    }
    return Place(program, runs, run, environment | {k: v for k, v in secrets.items() if k.isupper()}, secrets)


def _link_files(run: Run, hostile: Path, secret: Path) -> None:
    shutil.copytree(run.path, hostile)
    for name in ("log.txt", "process.txt", "progress.jsonl", "scores.jsonl", "evals.jsonl", "samples/0000002.png"):
        path = hostile / name
        path.unlink(missing_ok=True)
        path.symlink_to(secret)
    # So the studio looks for the reason of its end in process.txt.
    Run(hostile).write_status(Status("running", 2, 4, 2))
    shutil.copytree(hostile, hostile.with_name("linked-config"), symlinks=True)
    (hostile.with_name("linked-config") / "config.json").unlink()
    (hostile.with_name("linked-config") / "config.json").symlink_to(secret)


@dataclass
class App:
    """A running server."""

    name: str
    port: int
    process: subprocess.Popen[bytes]
    log: Path
    started_mb: float = field(default=0.0)

    def memory_mb(self) -> float:
        """Return the peak resident memory of the process; NaN except on Linux."""
        return peak_bytes(self.process.pid) / 2**20

    @property
    def url(self) -> str:
        """The address of its first page."""
        return f"http://127.0.0.1:{self.port}/"

    def failures(self, place: Place, *, most_mb: float) -> list[str]:
        """Return a sentence for each reason why the server did not withstand what came before."""
        if self.process.poll() is not None:
            return [f"the {self.name} ended with {self.process.returncode}: {self.log.read_text()[-500:]}"]
        sentences = []
        try:
            status, data = get(self.port, "/")
            if status != 200 or b"<html" not in data.lower():
                sentences.append(f"the {self.name} answers its own page with {status}")
        except OSError as error:
            sentences.append(f"the {self.name} no longer answers: {error}")
        if self.memory_mb() > self.started_mb + most_mb:
            sentences.append(f"the {self.name} grew from {self.started_mb:.0f} to {self.memory_mb():.0f} MB")
        return sentences


def traces(log: Path, start: int = 0) -> list[str]:
    """Return a sentence if the server's output has a traceback from byte `start` on."""
    text = log.read_bytes()[start:].decode(errors="replace")
    start = text.find("Traceback (most recent call last)")
    return [] if start < 0 else [f"the server printed: {text[start : start + 2000]}"]


def get(port: int, path: str, timeout: float = 120) -> tuple[int, bytes]:
    """Return the status and the body of a plain request."""
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)) as connection:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read()


@contextlib.contextmanager
def serving(name: str, place: Place, folder: Path) -> Iterator[App]:
    """Start the "demo" or the "studio" until the block ends, however it ends."""
    port = free_port()
    command = [*DEMO] if name == "demo" else studio_command(port)
    environment = {key: value for key, value in os.environ.items() if key not in ("SPACE_ID", "HF_TOKEN")}
    environment |= {**place.environment, **demo_address(port)}
    log = folder / f"{name}-log.txt"
    with open(log, "wb") as output, started(command, place.program, environment, output) as process:
        app = App(name, port, process, log)
        try:
            wait_for_server(port, process, seconds=START_SECONDS)
        except RuntimeError as error:
            raise RuntimeError(f"the {name} did not start: {log.read_text()[-2000:]}") from error
        app.started_mb = app.memory_mb()
        yield app


class Apps:
    """A place, and the servers that were started in it."""

    def __init__(self, folder: Path, place: Place, stack: contextlib.ExitStack) -> None:
        self.place = place
        self._folder, self._stack = folder, stack
        self._started: dict[str, App] = {}

    def start(self, name: str) -> App:
        """Return the "demo" or the "studio", which is started at the first call."""
        if name not in self._started:
            self._started[name] = self._stack.enter_context(serving(name, self.place, self._folder))
        return self._started[name]


@contextlib.contextmanager
def planted_apps(folder: Path) -> Iterator[Apps]:
    """Plant secrets in the folder, and yield what starts the apps there. They end with the block."""
    with contextlib.ExitStack() as stack:
        yield Apps(folder, plant(folder), stack)
