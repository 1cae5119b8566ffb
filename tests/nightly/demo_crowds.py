"""Many clients of the demo at one time: each answer is a result or "busy", and the server's memory is bounded."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator

from nightly.apps import planted_apps
from nightly.attack import Row, Setting

QUICK_CLIENTS = (1, 16)
LONG_CLIENTS = (1, 16, 64, 256)
QUICK_SECONDS, LONG_SECONDS = 1.0, 60.0
MOST_MB = 600
"""How much the server may grow: PyTorch, and the results that it remembers, which are 224 MiB."""


def attack(setting: Setting) -> Iterator[Row]:
    """Yield a row for each number of clients. Each of them requests paths of new seeds, one after the other."""
    if sys.platform == "win32":
        yield Row("demo: crowds", 0, skipped="Windows has no resource module")
        return
    demo_load = importlib.import_module("demo_load")  # of benchmarks/, which run.py puts on the path
    seconds = LONG_SECONDS if setting.long else QUICK_SECONDS
    with setting.using(planted_apps) as apps:
        place, app = apps.place, apps.start("demo")
        for number in LONG_CLIENTS if setting.long else QUICK_CLIENTS:
            load = demo_load.load(app.port, app.process, number, seconds)
            failures = [f"{load.failures} answers to {number} clients are errors"] * bool(load.failures)
            if not load.answers:
                failures.append(f"{number} clients got no result in {seconds:g} seconds")
            failures += app.failures(place, most_mb=MOST_MB)
            rate, memory = load.answers / load.seconds, app.memory_mb()
            measured = f"{rate:.1f} answers a second, {load.busy} busy, peak {memory:.0f} MB"
            name = f"demo: {number} client{'s' * (number > 1)}"
            total = load.answers + load.busy + load.failures
            yield Row(name, total, tuple(failures), measured, extra={"rate": rate, "mb": memory})
