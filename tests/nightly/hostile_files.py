"""Files of every kind that the program reads, changed by damage and by malice, and links too.

A child process reads each (reading.py). A case fails if it raises what is not documented, if its message is not one
sentence, if it runs code, if it takes more than a gigabyte or many seconds, or if it hides other runs or pictures.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from nightly import samples
from nightly.attack import ROOT, Row, Setting

HANG_SECONDS = 120.0
"""Of the clock: other programs may have the processors. reading.py counts the case's own seconds."""
MAX_FAILURES = 20
"""More of a kind are the same fault."""
QUICK_CASES = 12
MAX_KEPT_BYTES = 850 * 2**20
"""A process that keeps more after a case starts again, so that cases are measured alone."""


class Reader:
    """The process that reads. It starts when it is needed, and again after it died."""

    def __init__(self, folder: Path, program: Iterable[str] = ()) -> None:
        self.folder = folder
        self._program = [*program] or [sys.executable, str(Path(__file__).with_name("reading.py"))]
        self._process: subprocess.Popen[str] | None = None
        self._answers: queue.Queue[str] = queue.Queue()
        self.starts = 0
        """How often it was started."""

    def ask(self, command: dict[str, Any], seconds: float = 0.0) -> dict[str, Any]:
        """Return the process's answer within these seconds (0: HANG_SECONDS).

        A process that hangs or dies is ended, and that is a failure.
        """
        seconds = seconds or HANG_SECONDS
        process = self._process or self._start()
        assert process.stdin is not None
        try:
            process.stdin.write(json.dumps(command) + "\n")
            process.stdin.flush()
            line = self._answers.get(timeout=seconds)
        except queue.Empty:
            self.end()
            return {"failures": [f"it did not end within {seconds:.0f} s"]}
        except OSError:
            line = ""
        if line:
            return json.loads(line)
        code = process.wait()
        self.end()
        return {"failures": [f"the process ended with {code}: {self._last_words()}"]}

    def _start(self) -> subprocess.Popen[str]:
        self.starts += 1
        path = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
        environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        with open(self.folder / "errors.txt", "w") as errors:
            self._process = subprocess.Popen(
                [*self._program, "--serve", str(self.folder)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env=environment,
                cwd=self.folder,
            )
        self._answers = queue.Queue()
        threading.Thread(target=_pass_on, args=(self._process, self._answers), daemon=True).start()
        return self._process

    def _last_words(self) -> str:
        lines = (self.folder / "errors.txt").read_text(errors="replace").strip().splitlines()
        return " ".join(lines[-2:])[-300:]

    @property
    def is_running(self) -> bool:
        return self._process is not None

    def end(self) -> None:
        """End the process, if there is one."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for file in (self._process.stdin, self._process.stdout):
                assert file is not None
                file.close()
            self._process = None


def _pass_on(process: subprocess.Popen[str], answers: queue.Queue[str]) -> None:
    assert process.stdout is not None
    try:
        for line in process.stdout:
            answers.put(line)
    except ValueError:
        pass  # it was closed
    answers.put("")


def repeatable(kind: str, data: bytes) -> str:
    """Return the case in a sentence: the bytes themselves if they are few, else the file that has them."""
    packed = base64.b85encode(zlib.compress(data, 9)).decode()
    if len(packed) <= 400:
        return f"{kind}, zlib.decompress(base64.b85decode({packed!r}))"
    place = Path(tempfile.gettempdir()) / "dcgan-hostile-files"
    place.mkdir(exist_ok=True)
    file = place / f"{kind.replace(':', '').replace(' ', '-')}-{hashlib.sha256(data).hexdigest()[:12]}"
    file.write_bytes(data)
    return f"{file}: python tests/nightly/reading.py {kind!r} {file}"


def row_name(kind: str) -> str:
    """Return the name of the row of a kind of files."""
    return f"files: {kind}"


def attack_kind(setting: Setting, reader: Reader, kind: str, cases: int) -> Row:
    """Change files of one kind, and return their row."""
    folder, entry = reader.folder, samples.KINDS[kind]
    path, originals = entry.path(folder), samples.bases(kind, folder)
    failures: list[str] = []
    counts = {"cases": 0, "peak": 0}
    valid = path.read_bytes() if path.exists() else None
    first = originals[0]
    warm_starts = -1

    def read(data: bytes) -> None:
        nonlocal warm_starts
        if len(failures) >= MAX_FAILURES:
            return
        if warm_starts != reader.starts or not reader.is_running:
            path.write_bytes(first)
            failures.extend(f"a valid file: {failure}" for failure in reader.ask({"kind": kind})["failures"])
            warm_starts = reader.starts
        path.write_bytes(data)
        answer = reader.ask({"kind": kind})
        counts["cases"] += 1
        counts["peak"] = max(counts["peak"], answer.get("peak_bytes", 0))
        failures.extend(f"{failure}; {repeatable(kind, data)}" for failure in answer["failures"])
        if answer.get("kept_bytes", 0) > MAX_KEPT_BYTES:
            reader.end()

    for data in (*originals, *samples.bombs(kind, originals, every=setting.long)):
        read(data)
    changed = settings(
        max_examples=cases,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )(seed(setting.seed)(given(entry.mutation(originals))(read)))
    changed()
    if valid is None:
        path.unlink(missing_ok=True)
    else:
        path.write_bytes(valid)
    peak = f"peak {counts['peak'] / 1e6:.0f} MB" if counts["peak"] else "peak not measured on this system"
    return Row(row_name(kind), counts["cases"], tuple(failures), measured=peak, extra={"peak": counts["peak"]})


def attack(setting: Setting) -> Iterator[Row]:
    """Yield a row for each kind of file."""
    reader = Reader(setting.folder)
    try:
        made = reader.ask({"make": True})
        if "failures" in made:
            raise RuntimeError(made["failures"][0])
        reader.end()  # a training imports more than any reader
        for kind in samples.KINDS:
            if kind == samples.FIRST_PICTURE:
                reader.end()  # the readers of runs import more, which counts as memory
            if row_name(kind) not in setting.done:
                yield attack_kind(setting, reader, kind, setting.cases(quick=QUICK_CASES, long=10_000))
    finally:
        reader.end()
