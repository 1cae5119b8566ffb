"""A run directory: the one place where trainings, pages, demos and published models meet.

paths.py names its files, rows.py says what they hold, and jsonl.py reads and appends rows. A file is there whole or
not at all: it is written under a temporary name, then renamed. Imports no torch, so that pages read runs without it.

The module has more than 250 lines because `Run` is the one interface to the directory, with a docstring a method.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import re
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from dcgan import bounded_json, files
from dcgan.config import DataConfig, TrainConfig, check_new, with_current_names
from dcgan.files import printable, replacing, runs_root, take_lock
from dcgan.locale.language import tr
from dcgan.presets import PRESETS
from dcgan.runs.errors import RunError
from dcgan.runs.jsonl import append_object, read_backwards, read_objects
from dcgan.runs.paths import RunPaths
from dcgan.runs.rows import ProgressRow, ScoreRow, Status, row_json, rows_of

LOCK_VARIABLE = "DCGAN_LOCK_FD"
"""Tells a training that `launch` starts which descriptor holds its run's lock, or OWN_LOCK."""
OWN_LOCK = "own"
"""The training inherits no lock and takes its own."""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
"""A run's name: no path, nothing hidden, and no flag to a command line."""


class Length(NamedTuple):
    """A length that a training had before a resume changed it."""

    epochs: int
    """Epochs of the whole training at that time."""
    until_step: int
    """Steps that were done when the length changed."""


class Run(RunPaths):
    """A run directory by its path, with every reader and writer of its files. Making one does no I/O.

    A run can be given wherever a path is expected, as in `dcgan.load_generator(run)`. A reader raises RunError, which
    is a ValueError, where a file is missing or damaged.

    >>> import dcgan
    >>> run = dcgan.Run("checkpoints/dcgan-mnist")
    >>> run.name, run.preset, run.config().epochs
    ('dcgan-mnist', 'dcgan', 20)
    >>> status = run.status()
    >>> status.state, status.step == status.steps
    ('finished', True)
    >>> rows, offset = run.progress()  # later, run.progress(offset) returns the rows that are new
    >>> len(rows) > 1000, rows[0].step
    (True, 1)
    >>> run.sample_steps()[:3]
    [0, 1, 2]
    """

    @classmethod
    def create(cls, config: TrainConfig, preset: str = "custom", root: Path | None = None) -> Run:
        """Make a new directory under `root`, named after time, preset and seed, with its config.json.

        Relative paths in the config become absolute, so that the run can be resumed from any directory.
        Raises ValueError for what no new training should have, and for an unknown data set. Raises OSError that names
        the path, and leaves no directory, where it cannot be written.
        """
        from dcgan.data.named_sets import check_data  # only now: it imports numpy, which readers of runs do without

        check_new(config)
        check_data(config.data, config.model)
        root = runs_root() if root is None else root
        config = dataclasses.replace(config, data=config.data.with_absolute_paths())
        stem = f"{datetime.now():%Y%m%d-%H%M%S}-{preset}-s{config.seed}"
        with _made_for_a_run(root):
            run = cls._with_new_folder(root, stem)
            try:
                run.write_config(config, preset)
                files.sync(root)
            except BaseException:
                shutil.rmtree(run.path, ignore_errors=True)
                raise
        return run

    @classmethod
    def _with_new_folder(cls, root: Path, stem: str) -> Run:
        """Make an empty folder whose name begins with `stem`."""
        for attempt in range(1, 1000):
            run = cls(root / (stem if attempt == 1 else f"{stem}-{attempt}"))
            with contextlib.suppress(FileExistsError):
                run.path.mkdir()
                return run
        raise RunError(tr("{path} exists a thousand times; name another folder", path=root / stem))

    def write_config(self, config: TrainConfig, preset: str) -> None:
        """Write config.json, before the first step. Only `record_init` and `change_epochs` change it later."""
        created = datetime.now(UTC).isoformat(timespec="seconds")
        values = {"preset": preset, "created": created, "config": config.to_json()}
        self.write_text("config.json", json.dumps(values, indent=1) + "\n")

    def record_init(self, text: str) -> None:
        """Write into the config which weights the training begins with, before its first step."""
        values = self._read_object(self.config_path)
        values["config"] = dataclasses.replace(self.config(), init=text).to_json()
        self.write_text("config.json", json.dumps(values, indent=1) + "\n")

    def change_epochs(self, epochs: int, step: int) -> None:
        """Write the config with another number of epochs, and note the earlier number and the step of the change.

        The step is that of the last save. A number from which no step was trained is not noted. The caller holds the
        lock and has checked the number (see dcgan.runs.resume).
        """
        values, config, earlier = self._read_object(self.config_path), self.config(), self.earlier_lengths
        if not earlier or earlier[-1].until_step < step:
            earlier = (*earlier, Length(config.epochs, step))
        values["config"] = dataclasses.replace(config, epochs=epochs).to_json()
        values["earlier_lengths"] = [length._asdict() for length in earlier]
        self.write_text("config.json", json.dumps(values, indent=1) + "\n")

    def change_data(self, data: DataConfig) -> None:
        """Write the config with another place of its data. The caller holds the lock."""
        values = self._read_object(self.config_path)
        values["config"] = dataclasses.replace(self.config(), data=data).to_json()
        self.write_text("config.json", json.dumps(values, indent=1) + "\n")

    # Reading

    def config(self) -> TrainConfig:
        """Return the config. Raises RunError where it is missing, damaged or from a newer version."""
        values = self._read_object(self.config_path)
        try:
            return TrainConfig.from_json(values["config"])
        except (KeyError, TypeError, ValueError) as error:
            raise _damaged(self.config_path, error) from error

    @property
    def preset(self) -> str:
        """Name of the preset the run was started from, or 'custom'."""
        preset = self._read_object(self.config_path).get("preset")
        return printable(preset, 80) if isinstance(preset, str) else "custom"

    @property
    def earlier_lengths(self) -> tuple[Length, ...]:
        """The numbers of epochs that the run had before its present one, oldest first; damaged ones are left out."""
        recorded = self._read_object(self.config_path).get("earlier_lengths")
        lengths = []
        for entry in recorded if isinstance(recorded, list) else ():
            if isinstance(entry, dict) and all(type(entry.get(name)) is int for name in Length._fields):
                lengths.append(Length(entry["epochs"], entry["until_step"]))
        return tuple(lengths)

    def _read_object(self, path: Path) -> dict[str, Any]:
        try:
            return bounded_json.read_object(path)
        except FileNotFoundError as error:
            raise RunError(tr("{path} is not a run: it has no {file}", path=self.path, file=path.name)) from error
        except (OSError, ValueError) as error:
            raise _damaged(path, error) from error

    def status(self) -> Status:
        """Return status.json, where `running` becomes `interrupted` if no process holds the run's lock.

        Raises RunError where it is missing or damaged.
        """
        try:
            status = Status.from_json(self._read_object(self.status_path))
        except TypeError as error:
            raise _damaged(self.status_path, error) from error
        if status.state == "running" and not self.is_locked():
            # The trainer may have finished between the two looks; what it wrote last counts.
            again = self._read_object(self.status_path).get("state")
            return dataclasses.replace(status, state="interrupted") if again == "running" else self.status()
        return status

    def progress(self, offset: int = 0) -> tuple[list[ProgressRow], int]:
        """Return the rows of progress.jsonl from byte `offset` on, and the offset of the next one.

        Unfinished and damaged lines are passed over. Where the file has become shorter than `offset` (a resume took
        back rows after its last save), reading starts again from its beginning, and the returned offset is smaller
        than the given one.
        """
        objects, offset = read_objects(self.progress_path, offset)
        return rows_of(ProgressRow, objects), offset

    def last_row(self) -> ProgressRow | None:
        """Return the newest whole row; None without rows. It is read from the end of the file."""
        for values in read_backwards(self.progress_path):
            for row in rows_of(ProgressRow, [values]):
                return row
        return None

    def scores(self) -> list[ScoreRow]:
        """Return the rows of scores.jsonl, oldest first; damaged and unfinished ones are passed over."""
        return rows_of(ScoreRow, read_objects(self.scores_path)[0])

    def evals(self) -> list[dict[str, Any]]:
        """Return the rows of evals.jsonl, oldest first; damaged and unfinished ones are passed over."""
        return [with_current_names(values) for values in read_objects(self.evals_path)[0]]

    # Writing

    def write_bytes(
        self,
        name: str,
        data: bytes,
        *,
        sync_folder: bool = True,
        patience_seconds: float = files.REPLACE_PATIENCE_SECONDS,
    ) -> None:
        """Write a file whole or not at all, readable by all. The options are those of `files.replacing`."""
        with replacing(self.path / name, sync_folder=sync_folder, patience_seconds=patience_seconds) as temporary:
            temporary.write_bytes(data)

    def write_text(self, name: str, text: str) -> None:
        """Write a text file as UTF-8, whole or not at all."""
        self.write_bytes(name, text.encode())

    def write_status(self, status: Status, *, patience_seconds: float = files.REPLACE_PATIENCE_SECONDS) -> None:
        """Replace status.json atomically. A refused rename is tried again for `patience_seconds`."""
        text = json.dumps(dataclasses.asdict(status), indent=1) + "\n"
        # A `running` status is written twice a second, and after a power cut an older one says the same.
        self.write_bytes(
            "status.json",
            text.encode(),
            sync_folder=status.state != "running",
            patience_seconds=patience_seconds,
        )

    def append_progress(self, row: ProgressRow) -> None:
        """Append a row to progress.jsonl."""
        append_object(self.progress_path, row_json(row))

    def append_score(self, row: ScoreRow) -> None:
        """Append the scores of an epoch to scores.jsonl."""
        append_object(self.scores_path, row_json(row))

    def append_eval(self, scores: dict[str, Any]) -> None:
        """Append the scores of an evaluation to evals.jsonl, and wait until they are on the disk.

        `Scores.to_json` makes such a row.
        """
        append_object(self.evals_path, scores)
        files.sync(self.evals_path)
        files.sync(self.path)  # the name of a new file

    def folder_id(self) -> tuple[int, int] | None:
        """Return what the directory keeps under any name, and no other one has; None where it is gone."""
        try:
            status = os.stat(self.path)
        except OSError:
            return None
        return status.st_dev, status.st_ino

    def sync_rows(self) -> None:
        """Wait until the rows are on the disk. A save that refers to them comes after this."""
        for path in (self.progress_path, self.scores_path):
            if path.exists():
                files.sync(path)

    def remove_leftovers(self) -> None:
        """Remove the temporary files of killed trainings. The caller holds the lock, so no training writes any.

        Earlier versions let safetensors write files, which has temporary files of its own: .tmp and six letters.
        """
        for folder, kind in (("", "json|jsonl|safetensors"), ("samples", "png"), ("snapshots", "safetensors")):
            pattern = re.compile(rf"\..+\.({kind})\.[0-9]+\.tmp|\.tmp[0-9A-Za-z]{{6}}")
            with contextlib.suppress(OSError):  # what cannot be removed only takes room
                for path in (self.path / folder).iterdir():
                    if pattern.fullmatch(path.name):
                        path.unlink()

    def rewind(self, step: int) -> None:
        """Remove what was recorded after `step`, since a resumed training records it again."""
        for path, rows in {self.progress_path: self.progress()[0], self.scores_path: self.scores()}.items():
            if path.exists() or path == self.progress_path:
                lines = [json.dumps(row_json(row)) + "\n" for row in rows if row.step <= step]
                self.write_text(path.name, "".join(lines))
        for later in self.sample_steps():
            if later > step:
                self.sample_path(later).unlink()
        for later in self.snapshot_steps():
            if later > step:
                self.snapshot_path(later).unlink()
        for later in self.d_snapshot_steps():
            if later > step:
                self.d_snapshot_path(later).unlink()

    # Stopping, locking, renaming, deleting

    def request_stop(self) -> None:
        """Ask a running training to finish its step, save and leave."""
        self.stop_path.touch()

    def stop_requested(self) -> bool:
        """Return whether a stop was requested."""
        return self.stop_path.exists()

    def clear_stop(self) -> None:
        """Remove the request to stop, if there is one."""
        self.stop_path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def lock(self, patience_seconds: float = 2.0) -> Iterator[bool]:
        """Hold the run exclusively while training. Raises RunError where another process holds it.

        Yields whether `launch` has started this process, which is true once. The lock is on the open directory, so it
        ends with the process, and a child that inherits the descriptor keeps it. `is_locked` in another process may
        take the lock for an instant, hence the patience.
        """
        launched = os.environ.get(LOCK_VARIABLE) == OWN_LOCK
        if launched:
            del os.environ[LOCK_VARIABLE]
        inherited = self._inherited_lock()
        descriptor = take_lock(self.path, patience_seconds=patience_seconds) if inherited is None else inherited
        if descriptor is None:
            raise RunError(tr("{path} is being trained by another process; stop that one first", path=self.path))
        try:
            yield launched or inherited is not None
        finally:
            os.close(descriptor)

    def _inherited_lock(self) -> int | None:
        """Return the descriptor that $DCGAN_LOCK_FD names, if it is this directory's and locks it; else None."""
        try:
            descriptor = int(os.environ[LOCK_VARIABLE])
            ours = os.path.samestat(os.fstat(descriptor), os.stat(self.path))
        except (KeyError, ValueError, OverflowError, OSError):
            return None
        if not ours or not files.INHERITABLE_LOCKS:
            return None
        # The next call, in this process or in one that it starts, takes a lock of its own.
        del os.environ[LOCK_VARIABLE]
        if not files.try_lock(descriptor):  # changes nothing where this process holds it already
            return None
        os.set_inheritable(descriptor, False)
        return descriptor

    def is_locked(self) -> bool:
        """Return whether a process is training this run."""
        return files.is_locked(self.path)

    def delete(self) -> None:
        """Remove the directory. Raises RunError while it is trained, and where it is published or not a run."""
        if not self.config_path.is_file():
            raise RunError(tr("{path} is not a run: it has no {file}", path=self.path, file="config.json"))
        refusal = tr("{path} is a published model and is not deleted here; choose a run of your own", path=self.path)
        with self._locked_unless_published(refusal):
            files.patiently(lambda: shutil.rmtree(self.path))
        files.remove_lock_file(self.path)

    def discard(self) -> None:
        """Remove a directory whose training could not begin. It raises nothing that would hide the reason."""
        with contextlib.suppress(OSError, RunError):
            self.delete()

    def rename(self, name: str) -> Run:
        """Rename the directory within its folder, and return the run under its new name.

        Raises RunError where the name is invalid, taken or a preset's, while the run is trained, and where it is
        published.
        """
        if not NAME.fullmatch(name):
            raise RunError(
                tr(
                    "{name!r} is not a name for a run; use 1 to 80 letters, digits, dots, dashes and underscores, "
                    "the first a letter or a digit",
                    name=name,
                )
            )
        if name in PRESETS:
            # `train NAME` would then train the preset, not the run.
            raise RunError(
                tr("{name!r} is a preset, and a command would not know which is meant; try my-{name}", name=name)
            )
        target = self.path.resolve().parent / name
        if any(map(os.path.lexists, (target, files.CHECKPOINTS / name, files.FAILURES / name))):
            raise RunError(tr("there is a run {name!r} already; choose another name", name=name))
        refusal = tr("{path} is a published model and is not renamed here; choose a run of your own", path=self.path)
        with self._locked_unless_published(refusal):
            files.patiently(lambda: self.path.rename(target))
        files.remove_lock_file(self.path)
        return Run(self.path.parent / name)

    @contextlib.contextmanager
    def _locked_unless_published(self, refusal: str) -> Iterator[None]:
        """Hold the run's lock, so that no training begins meanwhile. `refusal` is the error for a published run."""
        if self.is_published:
            raise RunError(refusal)
        descriptor = None if self.is_locked() else take_lock(self.path, patience_seconds=2.0)
        if descriptor is None:
            raise RunError(tr("{path} is being trained; stop it first", path=self.path))
        try:
            yield
        finally:
            os.close(descriptor)


def _damaged(path: Path, error: Exception) -> RunError:
    return RunError(tr("{path} cannot be read: {reason}", path=path, reason=printable(str(error))))


@contextlib.contextmanager
def _made_for_a_run(root: Path) -> Iterator[None]:
    """Make the folder where it is missing, and remove it again where the block raises."""
    is_new = not os.path.lexists(root)
    if is_new:
        files.make_folder(root)
    try:
        yield
    except BaseException:
        if is_new:
            with contextlib.suppress(OSError):  # another process may have made a run there
                root.rmdir()
        raise
