"""What an attack gets, and the rows of the table that it returns.

An attack is a module of this folder with a function `attack(setting)`. The function yields one `Row` for each kind of
attack. A row has failures where the program lost something, showed a traceback, let somebody in, or took too much. An
attack never raises for such a failure. It raises only where it could not attack at all.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

ROOT = Path(__file__).resolve().parents[2]
MAX_FAILURES_SHOWN = 5
Made = TypeVar("Made")


class Shared:
    """What the quick attacks of one run share, such as servers. Use it in a `with` block, which ends all of it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: dict[object, Any] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Shared:
        return self

    def __exit__(self, *exception: Any) -> None:
        self._stack.__exit__(*exception)

    def get(self, make: Callable[[Path], AbstractContextManager[Made]]) -> Made:
        """Return what `make` makes in a folder of its own. It is made once."""
        if make not in self._made:
            folder = self._folder / f"shared-{len(self._made)}"
            folder.mkdir(parents=True)
            self._made[make] = self._stack.enter_context(make(folder))
        return self._made[make]


@dataclass(frozen=True)
class Setting:
    """How much an attack does, and where."""

    folder: Path
    """An empty folder of the attack's own. It is removed afterwards."""
    long: bool = False
    """The long mode takes hours, and the quick one at most two minutes an attack."""
    seed: int = 0
    """The seed of random choices: the same seed attacks in the same way."""
    shared: Shared | None = None
    """What it shares with other attacks. In the long mode each attack makes its own."""
    done: frozenset[str] = frozenset()
    """Names of rows that an earlier run has, which was broken off. An attack may leave them out."""

    def cases(self, *, quick: int, long: int) -> int:
        """Return the number of cases of this mode."""
        return long if self.long else quick

    @contextmanager
    def using(self, make: Callable[[Path], AbstractContextManager[Made]]) -> Iterator[Made]:
        """Yield what `make` makes in a folder: shared if the attacks share, else the attack's own."""
        if self.shared is None:
            with make(self.folder) as made:
                yield made
        else:
            yield self.shared.get(make)

    def random(self, name: str) -> random.Random:
        """Return a generator of random numbers that depends on the seed and on a name only."""
        return random.Random(f"{self.seed} {name}")


@dataclass(frozen=True)
class Row:
    """One kind of attack: how often it was tried, and each time that the program did not hold."""

    name: str
    cases: int
    failures: tuple[str, ...] = ()
    """One sentence each: the case, so that it can be repeated, and what happened."""
    measured: str = ""
    """Figures beside the counts, such as "peak 310 MB"."""
    skipped: str = ""
    """Why this system cannot be attacked so, such as "this system has no flock"; such a row has no cases."""
    extra: dict[str, float] = dataclasses.field(default_factory=dict)
    """Figures by name, for tests."""


Attack = Callable[[Setting], Iterable[Row]]


def table(rows: Iterable[Row]) -> str:
    """Return the rows as a Markdown table, with the first failures of each row below it."""
    rows = list(rows)
    lines = ["| attack | cases | failures | measured |", "|---|---|---|---|"]
    lines += [
        f"| {row.name} | {row.cases:,} | {len(row.failures)} | {row.skipped or row.measured} |".replace("|  |", "| |")
        for row in rows
    ]
    for row in rows:
        if row.failures:
            lines += ["", f"{row.name}:", ""]
            lines += [f"- {failure}" for failure in row.failures[:MAX_FAILURES_SHOWN]]
            if len(row.failures) > MAX_FAILURES_SHOWN:
                lines.append(f"- and {len(row.failures) - MAX_FAILURES_SHOWN} more")
    return "\n".join(lines)
