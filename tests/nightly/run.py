"""Attack the program in every way that is known, and print one table: `python tests/nightly/run.py`.

The quick mode takes minutes and is part of the tests. `--long` takes hours. `--only NAME` runs some of the attacks.
With `--results FILE`, several runs of one commit fill one table, and a run that was broken off goes on.
The exit code is 1 if there is any failure. docs/reliability.md has the table of one run.
"""

from __future__ import annotations

import argparse
import importlib
import os
import platform
import re
import shutil
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

from nightly.attack import Row, Setting, Shared, table  # noqa: E402
from nightly.results import Results, commit  # noqa: E402

GROUPS: dict[str, tuple[str, ...]] = {
    "trainings": ("kills", "power_cuts", "refusals", "clock_jumps", "two_trainings"),
    "files": ("hostile_files",),
    "visitors": ("viewers", "browser", "demo_crowds", "web"),
}
"""The modules of this folder, in the order of the table. In the quick mode those of a group share processes."""
ATTACKS = tuple(name for group in GROUPS.values() for name in group)


def run_attack(name: str, setting: Setting) -> Iterator[Row]:
    """Yield the rows of one attack. An attack that breaks is a row with one failure, so that the others go on."""
    try:
        yield from importlib.import_module(f"nightly.{name}").attack(setting)
    except Exception as error:  # whatever it is, the table says so
        traceback.print_exc()
        yield Row(name, 0, (f"the attack could not go on: {type(error).__name__}: {error}",))


def main(arguments: Sequence[str] | None = None) -> int:
    options = parsed(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that servers and browsers are ended, too
    with tempfile.TemporaryDirectory(prefix="dcgan-nightly-", ignore_cleanup_errors=True) as folder:
        path = options.results or Path(folder) / "results.jsonl"
        results = Results(path, commit(), "long" if options.long else "quick", options.seed)
        if not options.table:
            run_all(options.only, Path(folder), results, long=options.long)
        attacks = [name for name in ATTACKS if name in options.only]
        rows = [row for name in attacks for row in results.rows(name)]
        print("\n".join(results.summary(attacks)))
    print()
    print(table(rows))
    return int(any(row.failures for row in rows) or not rows)


def run_all(attacks: Sequence[str], folder: Path, results: Results, *, long: bool) -> None:
    """Run the attacks, one after the other, and write their rows as they come."""
    machine = this_machine()
    with Shared(folder / "shared") as shared:
        for name in attacks:
            start = time.perf_counter()
            results.begin(name)
            done = frozenset(row.name for row in results.rows(name))
            own = folder / name
            own.mkdir()
            setting = Setting(own, long=long, seed=results.seed, shared=None if long else shared, done=done)
            for row in run_attack(name, setting):
                results.add(name, row)
                print(f"{row.name}: {row.cases:,} cases, {len(row.failures)} failures", file=sys.stderr, flush=True)
            seconds = time.perf_counter() - start
            results.end(name, seconds, machine)
            print(f"{name} took {seconds:.0f} s", file=sys.stderr, flush=True)
            shutil.rmtree(own, ignore_errors=True)


def this_machine() -> str:
    """Return the machine and the versions, without its load, which differs from attack to attack."""
    try:
        timing = importlib.import_module("timing")
    except ImportError:  # Windows has no `resource`
        return platform.platform()
    return re.sub(r" at load [\d.]+", "", timing.machine_line())


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--long", action="store_true", help="as many cases as a night allows")
    parser.add_argument(
        "--only", nargs="+", choices=ATTACKS, default=ATTACKS, metavar="NAME", help=", ".join(ATTACKS)
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--results",
        type=Path,
        metavar="FILE",
        help="add the rows to this file; the table has all rows of the same commit, mode and seed",
    )
    parser.add_argument("--table", action="store_true", help="print the table of --results, and attack nothing")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
