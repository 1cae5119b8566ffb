"""The rows of several runs in one file, so that a night's attacks can run one by one and still make one table.

Each line of the file is an object of JSON. A row is written when it is known, and a line without a row ends its
attack. Rows of another commit, mode or seed stay in the file and are left out of the table.
"""

from __future__ import annotations

import dataclasses
import json
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nightly.attack import ROOT, Row


def commit() -> str:
    """Return the short hash of the commit that is attacked, with a + if files differ from it; empty without git."""
    try:
        head = _git("rev-parse", "--short", "HEAD")
        return head + "+" * bool(_git("status", "--porcelain", "--untracked-files=no"))
    except (OSError, subprocess.CalledProcessError):
        return ""


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(ROOT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@dataclass(frozen=True)
class Results:
    """The rows of one commit, mode and seed in a file."""

    path: Path
    commit: str
    mode: str
    """quick or long."""
    seed: int

    def begin(self, attack: str) -> None:
        """Forget what an earlier run of the attack has written, except for an attack that was broken off."""
        if attack in self.ended():
            self._append({"attack": attack, "begins": True})

    def add(self, attack: str, row: Row) -> None:
        """Write a row of an attack."""
        self._append({"attack": attack, "row": dataclasses.asdict(row)})

    def end(self, attack: str, seconds: float, machine: str) -> None:
        """Note that an attack has ended after so many seconds on this machine."""
        self._append({"attack": attack, "seconds": round(seconds), "machine": machine})

    def rows(self, attack: str) -> list[Row]:
        """Return the rows of the attack, each name once: the row that was written last."""
        rows: dict[str, Row] = {}
        for line in self._lines(attack):
            if "begins" in line:
                rows.clear()
            elif "row" in line:
                row = Row(**line["row"] | {"failures": tuple(line["row"]["failures"])})
                rows[row.name] = row
        return list(rows.values())

    def ended(self) -> dict[str, dict[str, Any]]:
        """Return the attacks that have ended, with their seconds and machines."""
        ended: dict[str, dict[str, Any]] = {}
        for line in self._lines():
            if "seconds" in line:
                ended[line["attack"]] = line
            elif "begins" in line:
                ended.pop(line["attack"], None)
        return ended

    def summary(self, attacks: Sequence[str]) -> list[str]:
        """Return sentences about the runs: the commit, the machines, the time, and what is missing."""
        ended = self.ended()
        machines = dict.fromkeys(ended[name]["machine"] for name in attacks if name in ended)
        minutes = sum(ended[name]["seconds"] for name in attacks if name in ended) / 60
        about = f"{self.mode} mode of commit {self.commit or '?'} with seed {self.seed}, {minutes:.0f} minutes"
        missing = [name for name in attacks if name not in ended]
        return [*machines, about, *([f"not ended: {', '.join(missing)}"] if missing else [])]

    @property
    def _key(self) -> dict[str, Any]:
        return {"commit": self.commit, "mode": self.mode, "seed": self.seed}

    def _append(self, values: dict[str, Any]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(json.dumps(self._key | values) + "\n")

    def _lines(self, attack: str = "") -> Iterator[dict[str, Any]]:
        """Yield the lines of this commit, mode and seed; of one attack if it is named."""
        if not self.path.exists():
            return
        for text in self.path.read_text(encoding="utf-8").splitlines():
            line = json.loads(text)
            if all(line.get(name) == value for name, value in self._key.items()) and attack in ("", line["attack"]):
                yield line
