"""What a full disk, a power cut or a killed process leaves of a run: whole lines, and nothing that is not needed."""

from __future__ import annotations

import errno
import os
import shutil
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from recorded import TINY, progress_row, score_row

from dcgan import files
from dcgan.files import remedy_of, replacing
from dcgan.runs import jsonl
from dcgan.runs.run import Run

resource = pytest.importorskip("resource", reason="this system has no limit for the size of files")


@contextmanager
def no_file_above(num_bytes: int):
    """Let the kernel end every write at this size of a file: it takes a part, and refuses the rest."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("room", [0, 1, 100, 250])
def test_a_row_that_does_not_fit_is_taken_back(run, room):
    run.append_progress(progress_row(1))
    before = run.progress_path.read_bytes()
    with no_file_above(len(before) + room), pytest.raises(OSError, match="File too large") as caught:
        run.append_progress(progress_row(2))
    assert caught.value.filename == str(run.progress_path)
    assert run.progress_path.read_bytes() == before
    run.append_progress(progress_row(3))
    assert [row.step for row in run.progress()[0]] == [1, 3]


def test_a_write_of_a_part_is_continued(run, monkeypatch):
    class Slow(jsonl.io.FileIO):
        def write(self, data):
            return super().write(bytes(data)[:7])

    monkeypatch.setattr(jsonl, "open_to_append", lambda path: Slow(path, "a+"))
    run.append_progress(progress_row(1))
    run.append_progress(progress_row(2))
    assert [row.step for row in run.progress()[0]] == [1, 2]


@pytest.mark.parametrize("torn", [b'{"step": 2, "epo', b"\0" * 50, b"{}", b'{"step": 2'])
def test_a_torn_line_does_not_swallow_the_next_one(run, torn):
    run.append_progress(progress_row(1))
    run.append_score(score_row(2))
    for path in (run.progress_path, run.scores_path):
        with open(path, "ab") as file:
            file.write(torn)
    offset = run.progress()[1]
    run.append_progress(progress_row(3))
    run.append_score(score_row(4))
    assert [row.step for row in run.progress()[0]] == [1, 3]
    assert [row.step for row in run.progress(offset)[0]] == [3], "a reader that goes on misses nothing"
    assert [row.step for row in run.scores()] == [2, 4]
    assert run.last_row() == progress_row(3)


# Syncs


def test_a_replaced_file_and_then_its_folder_are_synced(tmp_path, monkeypatch):
    synced = []
    fsync = os.fsync
    monkeypatch.setattr(
        os, "fsync", lambda descriptor: (synced.append(os.fstat(descriptor).st_ino), fsync(descriptor))
    )
    with replacing(tmp_path / "file") as temporary:
        temporary.write_text("new")
    assert synced == [(tmp_path / "file").stat().st_ino, tmp_path.stat().st_ino]


def recorded_syncs(monkeypatch) -> list[tuple[int, int]]:
    """Return a list that gets the device and number of each file and folder that is synced."""
    synced, fsync = [], os.fsync

    def record(descriptor: int) -> None:
        status = os.fstat(descriptor)
        synced.append((status.st_dev, status.st_ino))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", record)
    return synced


def identity(path: Path) -> tuple[int, int]:
    return path.stat().st_dev, path.stat().st_ino


def test_the_names_of_new_folders_are_synced(tmp_path, monkeypatch):
    """A power cut could otherwise take away a training that has saved for hours."""
    synced = recorded_syncs(monkeypatch)
    run = Run.create(TINY, "demo", tmp_path / "new" / "runs")
    folders = [tmp_path, tmp_path / "new", tmp_path / "new" / "runs", run.path]
    assert {identity(folder) for folder in folders} <= set(synced)
    synced.clear()
    files.make_folder(tmp_path / "new" / "runs")
    assert synced == [], "a folder that is there costs nothing"


def test_a_folder_above_that_cannot_be_opened_is_no_error(tmp_path, monkeypatch):
    def refuse(path):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(files, "sync", refuse)
    files.make_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()


def test_an_evaluation_and_the_name_of_its_file_are_synced(run, monkeypatch):
    synced = recorded_syncs(monkeypatch)
    run.append_eval({"step": 4, "cfd": 1.5})
    assert synced == [identity(run.evals_path), identity(run.path)]


def test_a_disk_without_room_for_a_run_keeps_no_new_folder(tmp_path, monkeypatch):
    root, mkdir = tmp_path / "runs", Path.mkdir

    def no_room(self, *arguments, **options):
        if self.parent == root:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self))
        mkdir(self, *arguments, **options)

    monkeypatch.setattr(Path, "mkdir", no_room)
    with pytest.raises(OSError, match="No space left"):
        Run.create(TINY, "demo", root)
    assert not root.exists()


def test_a_folder_that_cannot_be_synced_is_no_error(tmp_path, monkeypatch):
    def refuse(descriptor):
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(os, "fsync", refuse)
    files.sync(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="Invalid argument"):
        files.sync(tmp_path / "file")


# Leftovers, and a full disk at the start


def test_temporary_files_of_killed_trainings_are_removed(run):
    leftovers = [".status.json.1.tmp", ".state.safetensors.12.tmp", "samples/.0000001.png.3.tmp", ".tmp82QNZU"]
    kept = ["notes.tmp", ".tmp-mine", ".mine.tmp", "samples/mine.png.tmp", ".video.mp4.7.tmp", "log.txt"]
    for name in [*leftovers, *kept]:
        (run.path / name).parent.mkdir(exist_ok=True)
        (run.path / name).touch()
    run.remove_leftovers()
    assert not any((run.path / name).exists() for name in leftovers)
    assert all((run.path / name).exists() for name in kept)


@pytest.mark.parametrize("root_exists", [False, True])
def test_a_disk_that_is_full_at_the_start_leaves_nothing(tmp_path, monkeypatch, root_exists):
    def no_room(self, data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))  # a write names no file

    root = tmp_path / "runs"
    if root_exists:
        root.mkdir()
    monkeypatch.setattr(Path, "write_bytes", no_room)
    with pytest.raises(OSError, match="No space left on device") as caught:
        Run.create(TINY, "demo", root)
    assert str(root) in str(caught.value)
    assert root.exists() == root_exists
    assert not root_exists or list(root.iterdir()) == []


def test_an_error_of_a_write_names_the_file_and_not_its_temporary_name(tmp_path):
    def write() -> None:
        with replacing(tmp_path / "file") as temporary:
            temporary.write_bytes(b"x" * 100)

    with no_file_above(10), pytest.raises(OSError, match="File too large") as caught:
        write()
    assert caught.value.filename == str(tmp_path / "file")
    assert list(tmp_path.iterdir()) == []


def test_only_a_full_disk_needs_room():
    remedies = {number: remedy_of(OSError(number, "")) for number in errno.errorcode}
    assert {number for number, text in remedies.items() if text == "make room"} == {errno.ENOSPC, errno.EDQUOT}
    assert (
        len({remedies[number] for number in (errno.EACCES, errno.EROFS, errno.EIO, errno.EFBIG, errno.ENOENT)}) == 5
    )


def test_a_directory_is_known_under_any_name(run):
    before = run.folder_id()
    moved = Run(run.path.rename(run.path.with_name("moved")))
    assert (moved.folder_id(), run.folder_id()) == (before, None)
    run.path.mkdir()
    assert run.folder_id() not in (before, None)
    with suppress(OSError):
        shutil.rmtree(moved.path)
