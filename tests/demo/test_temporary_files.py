"""Files that the demo offers: shared by visitors, bounded in number, whole or absent."""

from __future__ import annotations

import errno
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dcgan.demo.temporary_files import TemporaryFiles


@pytest.fixture
def temporary_folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def test_old_files_are_removed_and_a_file_shown_again_stays(temporary_folder):
    files = TemporaryFiles(max_files=3)
    first = files.save("0.png", b"x")
    for index in range(1, 10):
        time.sleep(0.002)
        files.save(f"{index}.png", b"x")
        time.sleep(0.002)
        assert files.save("0.png", b"x") == first
    (folder,) = temporary_folder.iterdir()
    assert sorted(path.name for path in folder.iterdir()) == ["0.png", "8.png", "9.png"]


def test_visitors_share_the_files_without_races(temporary_folder):
    files = TemporaryFiles(max_files=2)

    def visit(visitor: int) -> None:
        for index in range(50):
            name = f"{index % 7}-{visitor % 2}.png"
            files.save(name, name.encode() * 1000)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(visit, range(8))) == [None] * 8
    (folder,) = temporary_folder.iterdir()
    kept = list(folder.iterdir())
    assert len(kept) == 2
    assert all(path.read_bytes() == path.name.encode() * 1000 for path in kept)


def test_a_folder_that_was_removed_is_made_again(temporary_folder):
    files = TemporaryFiles()
    path = Path(files.save("a.png", b"a"))
    shutil.rmtree(path.parent)
    assert Path(files.save("a.png", b"a")).read_bytes() == b"a"


def test_a_full_disk_is_an_error_with_a_remedy_and_leaves_no_part_of_a_file(temporary_folder, monkeypatch):
    def write_some(path, data):
        with open(path, "wb") as file:
            file.write(data[:10])
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    files = TemporaryFiles()
    with monkeypatch.context() as full:
        full.setattr(Path, "write_bytes", write_some)
        with pytest.raises(OSError, match=r"a.png could not be saved in .*No space left on device.*TMPDIR"):
            files.save("a.png", b"a" * 100)
    assert [path for path in temporary_folder.rglob("*") if path.is_file()] == []
    assert Path(files.save("a.png", b"a")).read_bytes() == b"a"
