"""Attack the program in every way that is known, and print one table: `python tests/nightly/run.py`.

The quick mode takes minutes and is part of the tests. `--long` takes hours. `--only NAME` runs some of the attacks.
The exit code is 1 if there is any failure. docs/reliability.md has the table of one run.
"""

from __future__ import annotations

import argparse
import importlib
import os
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # the networks are tiny, and threads would only wait for each other

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "benchmarks")]

from nightly.attack import Row, Setting, table  # noqa: E402

ATTACKS: tuple[str, ...] = (
    *("kills", "power_cuts", "refusals", "clock_jumps", "two_trainings"),
    *("hostile_files", "demo_crowds", "web"),
    *("viewers", "browser"),
)
"""The modules of this folder, in the order of the table."""


def run_attack(name: str, setting: Setting) -> Iterator[Row]:
    """Yield the rows of one attack. An attack that breaks is a row with one failure, so that the others go on."""
    try:
        yield from importlib.import_module(f"nightly.{name}").attack(setting)
    except Exception as error:  # whatever it is, the table says so
        traceback.print_exc()
        yield Row(name, 0, (f"the attack could not go on: {type(error).__name__}: {error}",))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--long", action="store_true", help="as many cases as a night allows")
    parser.add_argument(
        "--only", nargs="+", choices=ATTACKS, default=ATTACKS, metavar="NAME", help=", ".join(ATTACKS)
    )
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that servers and browsers are ended, too
    rows = []
    for name in options.only:
        start = time.perf_counter()
        with tempfile.TemporaryDirectory(prefix="dcgan-nightly-", ignore_cleanup_errors=True) as folder:
            for row in run_attack(name, Setting(Path(folder), long=options.long, seed=options.seed)):
                rows.append(row)
                print(f"{row.name}: {row.cases:,} cases, {len(row.failures)} failures", file=sys.stderr, flush=True)
        print(f"{name} took {time.perf_counter() - start:.0f} s", file=sys.stderr, flush=True)
    print(importlib.import_module("timing").machine_line())  # Windows, which has no `resource`, cannot import it
    print()
    print(table(rows))
    return int(any(row.failures for row in rows))


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that every server ends with its block
    sys.exit(main())
