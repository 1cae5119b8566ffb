"""Measure the demo under load: answers a second at 1, 16 and 64 clients. `python benchmarks/demo_load.py`.

Each client changes a seed, waits for the answer and changes it again. Every path is new, so that nothing is drawn
before. The server runs in a process of its own, on this machine only, and ends with the measurement. `--other` names
another checkout, whose server is measured in turn with this one.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from app_servers import DEMO, demo_address, free_port, processor_seconds, started, wait_for_server
from timing import machine_line, print_table

ROOT = Path(__file__).resolve().parent.parent
SEEDS = itertools.count(1000)
START_SECONDS = 300
ANSWER_SECONDS = 60


class Load(NamedTuple):
    """What so many clients got in so many seconds."""

    seconds: float
    answers: int
    busy: int
    failures: int
    latencies: list[float]
    processor_seconds: float
    """Of the server."""


@contextlib.contextmanager
def serving(checkout: Path) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """Start the demo of a checkout and yield its port and process."""
    port = free_port()
    environment = os.environ | demo_address(port) | {"PYTHONPATH": str(checkout)}
    environment.setdefault("DCGAN_DEVICE", "cpu")
    with tempfile.TemporaryFile() as log, started(DEMO, checkout, environment, log) as process:
        wait_for_server(port, process, seconds=START_SECONDS)
        yield port, process


class Event(NamedTuple):
    """What a page sends for another seed A."""

    model: str
    queued: tuple[int, list[Any]] | None = None
    """Of earlier versions, whose events wait in Gradio's queue: the event's number, and the values of its inputs."""


def seed_event(port: int) -> Event:
    """Return the event of another seed A, with the other values as the page first shows them."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_SECONDS)
    connection.request("GET", "/config")
    config = json.load(connection.getresponse())
    connection.close()
    components = {component["id"]: component["props"] for component in config["components"]}
    model = next(props["value"] for props in components.values() if props.get("label") == "Model")
    for event in config["dependencies"]:
        for target, name in event["targets"]:
            if event["backend_fn"] and name == "input" and components[target].get("label") == "Seed A":
                return Event(model, (event["id"], [components[number].get("value") for number in event["inputs"]]))
    return Event(model)


class Client(threading.Thread):
    """One visitor, until `until` on the monotonic clock."""

    def __init__(self, port: int, event: Event, until: float) -> None:
        super().__init__(daemon=True)
        self.port, self.event, self.until = port, event, until
        self.session = f"load{next(SEEDS)}"
        self.latencies: list[float] = []
        self.busy = self.failures = 0

    def run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=ANSWER_SECONDS)
        with contextlib.closing(connection):
            while time.monotonic() < self.until:
                self.request(connection)

    def request(self, connection: http.client.HTTPConnection) -> None:
        """Request one new path, and count how it was answered."""
        started = time.monotonic()
        try:
            status = self.answer(connection)
        except (OSError, http.client.HTTPException):
            connection.close()
            status = "failed"
        if status == "answered":
            self.latencies.append(time.monotonic() - started)
            return
        self.busy += status == "busy"
        self.failures += status == "failed"
        time.sleep(0.1)  # a visitor who is refused waits, too

    def answer(self, connection: http.client.HTTPConnection) -> str:
        """Request one new path; return "answered", "busy" or "failed"."""
        if self.event.queued:
            return self.answer_of_the_queue(connection, *self.event.queued)
        body = json.dumps({"model": self.event.model, "seed_a": next(SEEDS)})
        connection.request("POST", "/view/controls", body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        data = response.read()
        if response.status != 200:
            return "busy" if response.status == 503 else "failed"
        return "answered" if json.loads(data)["link"] else "failed"

    def answer_of_the_queue(self, connection: http.client.HTTPConnection, event: int, values: list[Any]) -> str:
        """Request one new path from a version whose events wait in Gradio's queue."""
        values = [values[0], next(SEEDS), *values[2:]]  # the inputs begin with the model and seed A
        body = json.dumps({"data": values, "fn_index": event, "session_hash": self.session})
        connection.request("POST", "/gradio_api/queue/join", body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        response.read()
        if response.status != 200:
            return "busy" if response.status == 503 else "failed"
        connection.request("GET", f"/gradio_api/queue/data?session_hash={self.session}")
        status = "failed"
        for line in connection.getresponse():
            if line.startswith(b"data: "):
                message = json.loads(line[6:])
                if message["msg"] == "process_completed":
                    status = "answered" if message["success"] else "failed"
        return status


def load(port: int, process: subprocess.Popen[bytes], num_clients: int, seconds: float) -> Load:
    """Let so many clients request paths for so many seconds."""
    event = seed_event(port)
    started, used = time.monotonic(), processor_seconds(process)
    clients = [Client(port, event, started + seconds) for _ in range(num_clients)]
    for client in clients:
        client.start()
    for client in clients:
        client.join(seconds + 2 * ANSWER_SECONDS)
    latencies = [latency for client in clients for latency in client.latencies]
    return Load(
        time.monotonic() - started,
        len(latencies),
        sum(client.busy for client in clients),
        sum(client.failures for client in clients),
        latencies,
        processor_seconds(process) - used,
    )


def row(name: str, result: Load) -> list[str]:
    latencies = sorted(result.latencies) or [0.0]
    return [
        name,
        f"{result.answers / result.seconds:.1f}",
        f"{1000 * result.processor_seconds / max(1, result.answers):.1f}",
        f"{1000 * statistics.median(latencies):.0f}",
        f"{1000 * latencies[int(0.9 * len(latencies))]:.0f}",
        str(result.busy),
        str(result.failures),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 16, 64], help="clients at one time")
    parser.add_argument("--seconds", type=float, default=10, help="of each measurement (default: 10)")
    parser.add_argument("--other", type=Path, help="another checkout, measured in turn with this one")
    parser.add_argument("--quick", action="store_true", help="a second with two numbers of clients")
    options = parser.parse_args()
    numbers, seconds = ([1, 4], 1.0) if options.quick else (options.clients, options.seconds)
    checkouts = {"this": ROOT} | ({"other": options.other.resolve()} if options.other else {})
    print(machine_line())
    rows = []
    with contextlib.ExitStack() as stack:
        servers = {name: stack.enter_context(serving(path)) for name, path in checkouts.items()}
        for server in servers.values():
            load(*server, 1, 1.0)  # the first answer loads the model
        for number in numbers:
            for name, server in servers.items():
                label = f"{number} client{'s' if number > 1 else ''}" + (f", {name}" if len(servers) > 1 else "")
                rows.append(row(label, load(*server, number, seconds)))
    header = ["load", "answers a second", "processor ms an answer", "median ms", "90 % within, ms", "busy", "failed"]
    print_table(f"Paths of new seeds, {seconds:g} seconds each", header, rows)


if __name__ == "__main__":
    main()
