"""A run directory: the one place where trainings, pages, demos and published models meet.

Standard library only, so that a page lists and reads runs without importing torch. Files are whole or not at all:
written under a temporary name in the same folder, then renamed. Rows are appended; a reader ignores an unfinished
last line.
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
from typing import Any

from dcgan import files
from dcgan.config import TrainConfig, check_new, with_current_names
from dcgan.files import replacing, runs_root, take_lock
from dcgan.presets import PRESETS
from dcgan.runs.rows import ProgressRow, ScoreRow, Status

LOCK_VARIABLE = "DCGAN_LOCK_FD"
"""Names, to a training that `launch` starts, the descriptor by which it inherits its run's lock."""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
"""A run's name: no path, nothing hidden, and no flag to a command line."""


class RunError(ValueError):
    """A run directory that cannot be read or used; the message says why and what to do."""


def unreadable(path: Path, error: OSError) -> RunError:
    """What to raise for a file of a run that is there and cannot be read: a folder, or another user's."""
    return RunError(f"{path} cannot be read: {error.strerror}; make it a file that you may read, or move it away")


class Run:
    """A run directory by its path: every file name, reader and writer. Making one does no I/O.

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

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r})"

    def __fspath__(self) -> str:
        """Return the path, so that a run can be given where a path is expected."""
        return os.fspath(self.path)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Run) and self.path == other.path

    def __hash__(self) -> int:
        return hash(self.path)

    @property
    def name(self) -> str:
        return self.path.resolve().name

    @property
    def is_published(self) -> bool:
        """Whether this is one of the project's published models, which are not the user's to change."""
        return self.path.resolve().parent == files.CHECKPOINTS.resolve()

    # Paths

    @property
    def generator_path(self) -> Path:
        return self.path / "generator.safetensors"

    @property
    def ema_path(self) -> Path:
        return self.path / "generator_ema.safetensors"

    @property
    def discriminator_path(self) -> Path:
        return self.path / "discriminator.safetensors"

    @property
    def state_path(self) -> Path:
        return self.path / "state.safetensors"

    @property
    def log_path(self) -> Path:
        return self.path / "log.txt"

    @property
    def process_log_path(self) -> Path:
        """What a training's process printed, where `launch` started it."""
        return self.path / "process.txt"

    @property
    def status_path(self) -> Path:
        return self.path / "status.json"

    @property
    def progress_path(self) -> Path:
        return self.path / "progress.jsonl"

    @property
    def weights_path(self) -> Path:
        """The generator to sample from: the moving average where one is kept."""
        return self.ema_path if self.ema_path.exists() else self.generator_path

    def sample_path(self, step: int) -> Path:
        return self.path / "samples" / f"{step:07d}.png"

    def snapshot_path(self, step: int) -> Path:
        return self.path / "snapshots" / f"{step:07d}.safetensors"

    # Making

    @classmethod
    def create(cls, config: TrainConfig, preset: str = "custom", root: Path | None = None) -> Run:
        """A new directory under `root`, named after time, preset and seed, with its config.json.

        Relative paths in the config are made absolute, so that the run can be resumed from anywhere.
        Raises ValueError for what no new training should have, and for an unknown data set.
        """
        from dcgan.data.named_sets import check_data  # only now: it imports numpy, which readers of runs do without

        check_new(config)
        check_data(config.data, config.model)
        root = runs_root() if root is None else root
        config = dataclasses.replace(config, data=config.data.with_absolute_paths())
        stem = f"{datetime.now():%Y%m%d-%H%M%S}-{preset}-s{config.seed}"
        for attempt in range(1, 1000):
            run = cls(root / (stem if attempt == 1 else f"{stem}-{attempt}"))
            try:
                run.path.mkdir(parents=True)
            except FileExistsError:
                continue
            run.write_config(config, preset)
            return run
        raise RunError(f"{root / stem} exists a thousand times; name another folder")

    def write_config(self, config: TrainConfig, preset: str) -> None:
        """config.json, once and before the first step."""
        created = datetime.now(UTC).isoformat(timespec="seconds")
        values = {"preset": preset, "created": created, "config": config.to_json()}
        self.write_text("config.json", json.dumps(values, indent=1) + "\n")

    # Reading

    def config(self) -> TrainConfig:
        """The config. Raises RunError where it is missing, damaged or from a newer version."""
        values = self._config_file()
        try:
            return TrainConfig.from_json(values["config"])
        except (KeyError, TypeError, ValueError) as error:
            raise RunError(f"{self.path / 'config.json'} cannot be read: {error}") from error

    @property
    def preset(self) -> str:
        """Name of the preset the run was started from, or 'custom'."""
        return str(self._config_file().get("preset", "custom"))

    def _config_file(self) -> dict[str, Any]:
        return self._read_object("config.json")

    def _read_object(self, name: str) -> dict[str, Any]:
        path = self.path / name
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise RunError(f"{self.path} is not a run: it has no {name}") from error
        except (OSError, ValueError) as error:
            raise RunError(f"{path} cannot be read: {error}") from error
        if not isinstance(values, dict):
            raise RunError(f"{path} cannot be read: it holds no object")
        return values

    def status(self) -> Status:
        """status.json, with `running` turned to `interrupted` where no process holds the run's lock."""
        values = self._read_object("status.json")
        known = {field.name for field in dataclasses.fields(Status)}
        try:
            if isinstance(values.get("notes"), list):
                values["notes"] = tuple(values["notes"])
            status = Status(**{key: value for key, value in values.items() if key in known})
        except TypeError as error:
            raise RunError(f"{self.path / 'status.json'} cannot be read: {error}") from error
        if status.state == "running" and not self.is_locked():
            # The trainer may have finished between the two looks; its last word counts.
            again = self._read_object("status.json").get("state")
            return dataclasses.replace(status, state="interrupted") if again == "running" else self.status()
        return status

    def progress(self, offset: int = 0) -> tuple[list[ProgressRow], int]:
        """The rows from byte `offset` on, and the offset to go on from.

        An unfinished last line waits for its end; a damaged one is passed over. Where the file has become shorter
        than `offset` (a resume took back rows after its last save), reading starts again from its beginning, and
        the returned offset is smaller than the given one.
        """
        rows = []
        lines, offset = self._new_lines("progress.jsonl", offset)
        for line in lines:
            # A line that is no row is disk damage, not a reason to hide the other rows.
            with contextlib.suppress(ValueError, TypeError):
                rows.append(ProgressRow(**json.loads(line)))
        return rows, offset

    def last_row(self) -> ProgressRow | None:
        """The newest whole row, found from the file's end: a list of long runs reads little."""
        try:
            with open(self.progress_path, "rb") as file:
                size = os.fstat(file.fileno()).st_size
                for length in (4096, size):
                    file.seek(max(0, size - length))
                    lines = file.read().split(b"\n")[:-1]
                    for line in reversed(lines):
                        with contextlib.suppress(ValueError, TypeError):
                            return ProgressRow(**json.loads(line))
        except FileNotFoundError:
            pass
        except OSError as error:
            raise unreadable(self.progress_path, error) from error
        return None

    def scores(self) -> list[ScoreRow]:
        """The rows of scores.jsonl, oldest first; a damaged or unfinished one is passed over. One an epoch: few."""
        rows = []
        for line in self._new_lines("scores.jsonl", 0)[0]:
            with contextlib.suppress(ValueError, TypeError):
                values = with_current_names(dict(json.loads(line)))
                rows.append(ScoreRow(**{key: tuple(v) if isinstance(v, list) else v for key, v in values.items()}))
        return rows

    def evals(self) -> list[dict[str, Any]]:
        """The rows of evals.jsonl."""
        rows = []
        for line in self._new_lines("evals.jsonl", 0)[0]:
            with contextlib.suppress(ValueError):
                row = json.loads(line)
                rows += [with_current_names(row)] if isinstance(row, dict) else []
        return rows

    def _new_lines(self, name: str, offset: int) -> tuple[list[bytes], int]:
        try:
            with open(self.path / name, "rb") as file:
                if offset > os.fstat(file.fileno()).st_size:
                    offset = 0
                file.seek(offset)
                data = file.read()
        except FileNotFoundError:
            return [], 0
        except OSError as error:
            raise unreadable(self.path / name, error) from error
        end = data.rfind(b"\n") + 1
        return data[:end].splitlines(), offset + end

    def sample_steps(self) -> list[int]:
        """Steps that have a sample grid, ascending."""
        return _steps(self.path / "samples", ".png")

    def snapshot_steps(self) -> list[int]:
        """Steps that have a generator along the way, ascending."""
        return _steps(self.path / "snapshots", ".safetensors")

    # Writing

    def write_bytes(self, name: str, data: bytes) -> None:
        """Whole or not at all, readable by all."""
        with self.replacing(self.path / name) as temporary:
            temporary.write_bytes(data)

    def write_text(self, name: str, text: str) -> None:
        self.write_bytes(name, text.encode())

    @contextlib.contextmanager
    def replacing(self, path: Path) -> Iterator[Path]:
        """A temporary path to write to; on leaving it is synced and takes the place of `path`."""
        with replacing(path) as temporary:
            yield temporary

    def write_status(self, status: Status) -> None:
        self.write_text("status.json", json.dumps(dataclasses.asdict(status), indent=1) + "\n")

    def append_progress(self, row: ProgressRow) -> None:
        self._append("progress.jsonl", dataclasses.asdict(row))

    def append_score(self, row: ScoreRow) -> None:
        self._append("scores.jsonl", dataclasses.asdict(row))

    def append_eval(self, scores: dict[str, Any]) -> None:
        self._append("evals.jsonl", scores)

    def _append(self, name: str, values: dict[str, Any]) -> None:
        # One write call a row: readers see it whole or not yet.
        with open(self.path / name, "ab", buffering=0) as file:
            file.write(json.dumps(values, allow_nan=False).encode() + b"\n")

    def rewind(self, step: int) -> None:
        """Take back what was recorded after `step`: a resumed training records it again."""
        for name, rows in {"progress.jsonl": self.progress()[0], "scores.jsonl": self.scores()}.items():
            if (self.path / name).exists() or name == "progress.jsonl":
                kept = [json.dumps(dataclasses.asdict(row)) + "\n" for row in rows if row.step <= step]
                self.write_text(name, "".join(kept))
        for later in self.sample_steps():
            if later > step:
                self.sample_path(later).unlink()
        for later in self.snapshot_steps():
            if later > step:
                self.snapshot_path(later).unlink()

    # Stopping, living, dying

    def request_stop(self) -> None:
        """Ask a running training to finish its step, save and leave."""
        (self.path / "stop").touch()

    def stop_requested(self) -> bool:
        return (self.path / "stop").exists()

    def clear_stop(self) -> None:
        (self.path / "stop").unlink(missing_ok=True)

    @contextlib.contextmanager
    def lock(self, patience_seconds: float = 2.0) -> Iterator[bool]:
        """Hold the run exclusively while training. Raises RunError where another process does.

        The lock is on the open directory, so it dies with the process, and a child that inherits the descriptor
        keeps it: a process that `launch` has started adopts the lock it was born with, once, and is told True. A
        reader asking is_locked holds it for an instant: hence the patience.
        """
        inherited = self._inherited_lock()
        descriptor = take_lock(self.path, patience_seconds=patience_seconds) if inherited is None else inherited
        if descriptor is None:
            raise RunError(f"{self.path} is being trained by another process; stop that one first")
        try:
            yield inherited is not None
        finally:
            os.close(descriptor)

    def _inherited_lock(self) -> int | None:
        """The descriptor that $DCGAN_LOCK_FD names, if it really is this directory's and really locks it."""
        try:
            descriptor = int(os.environ[LOCK_VARIABLE])
            ours = os.path.samestat(os.fstat(descriptor), os.stat(self.path))
        except (KeyError, ValueError, OverflowError, OSError):
            return None
        if not ours or not files.INHERITABLE_LOCKS:
            return None
        # Whoever asks next, in this process or in one that it starts, takes a lock of its own.
        del os.environ[LOCK_VARIABLE]
        if not files.try_lock(descriptor):  # changes nothing where this process holds it already
            return None
        os.set_inheritable(descriptor, False)
        return descriptor

    def is_locked(self) -> bool:
        """Whether a process is training here."""
        return files.is_locked(self.path)

    def delete(self) -> None:
        """Remove the directory. Raises RunError while it is trained, and where it is published or no run."""
        if not (self.path / "config.json").is_file():
            raise RunError(f"{self.path} is not a run: it has no config.json")
        with self._to_be_changed("deleted"):
            shutil.rmtree(self.path)

    def rename(self, name: str) -> Run:
        """The run under a new name in the same folder. Raises RunError where the name is bad, taken or a preset's,
        while the run is trained, and where it is published."""
        if not NAME.fullmatch(name):
            raise RunError(
                f"{name!r} is no name for a run; use 1 to 80 letters, digits, dots, dashes and underscores, "
                "the first a letter or a digit"
            )
        if name in PRESETS:
            # Whoever typed `train NAME` then, as advice says of a run, would train the preset.
            raise RunError(f"{name!r} is a preset, and a command would not know which is meant; try my-{name}")
        target = self.path.resolve().parent / name
        if os.path.lexists(target) or os.path.lexists(files.CHECKPOINTS / name):
            raise RunError(f"there is a run {name!r} already; choose another name")
        with self._to_be_changed("renamed"):
            self.path.rename(target)
        return Run(self.path.parent / name)

    @contextlib.contextmanager
    def _to_be_changed(self, what: str) -> Iterator[None]:
        """The run's lock, so that no training begins meanwhile."""
        if self.is_published:
            raise RunError(f"{self.path} is a published model and is not {what} here; choose a run of your own")
        descriptor = None if self.is_locked() else take_lock(self.path, patience_seconds=2.0)
        if descriptor is None:
            raise RunError(f"{self.path} is being trained; stop it first")
        try:
            yield
        finally:
            os.close(descriptor)


def _steps(folder: Path, suffix: str) -> list[int]:
    if not folder.is_dir():
        return []
    names = (re.fullmatch(r"(\d+)" + re.escape(suffix), entry.name) for entry in folder.iterdir())
    return sorted(int(match[1]) for match in names if match)
