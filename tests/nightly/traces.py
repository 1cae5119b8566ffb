"""What a training does to its files, in order."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from nightly.children import Fault
from nightly.file_faults import Recording
from nightly.file_layer import Operation, watching
from nightly.small_training import Place, even_clock


@dataclass(frozen=True)
class Trace:
    """Record the operations on the folder's files, and write them to `output` at the end."""

    folder: Path
    output: Path

    @contextmanager
    def __call__(self) -> Iterator[None]:
        recording = Recording()
        try:
            with watching(self.folder, recording):
                yield
        finally:
            self.output.write_bytes(pickle.dumps(recording.operations))


def usual_operations(place: Place) -> list[Operation]:
    """Return the operations of a training without faults, which are the same each time."""
    if not place.usual_operations:
        place.usual_operations = traced(place, "resume", str(place.new_run().path))
    return place.usual_operations


def traced(place: Place, *arguments: str, faults: Sequence[Fault] = ()) -> list[Operation]:
    """Train by these arguments of a command, and return the operations on the disk."""
    output = place.folder / "trace.pickle"
    circumstances = (even_clock, Trace(place.disk, output), *faults)
    outcome = place.command(*arguments, "--device", "cpu", faults=circumstances)
    if outcome.code:
        raise RuntimeError(f"a training without faults ended with {outcome}")
    return pickle.loads(output.read_bytes())
