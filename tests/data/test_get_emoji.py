"""The script that gets the pictures of a published model. Its download is not tested."""

from __future__ import annotations

import importlib.util
import sys
import tarfile
from types import ModuleType

import pytest
import tables

from dcgan.files import PROJECT


@pytest.fixture
def get_emoji() -> ModuleType:
    """Return the script as a module."""
    spec = importlib.util.spec_from_file_location("get_emoji", PROJECT / "data" / "get_emoji.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_only_the_pictures_are_unpacked(get_emoji, tmp_path):
    with tarfile.open(tmp_path / "package.tgz", "w:gz") as archive:
        for name in ("package/img/google/64/1f600.png", "package/img/google/64/../../../../1f601.png"):
            tables.add(archive, name, tables.picture(1))
        tables.add(archive, "package/img/google/sheets/64.png", tables.picture(2))
        tables.add(archive, "package/index.js", b"")
    target = tmp_path / "a" / "emoji"
    assert get_emoji.unpack(tmp_path / "package.tgz", target) == 2
    assert {path.name: path.read_bytes() for path in target.iterdir()} == dict.fromkeys(
        ("1f600.png", "1f601.png"), tables.picture(1)
    )
    assert not (tmp_path / "1f601.png").exists()


def test_without_npm_or_with_another_archive_there_is_a_sentence(get_emoji, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PATH", "")
    assert get_emoji.main(str(tmp_path)) == 1
    assert "npm is missing; install Node.js" in capsys.readouterr().err
    monkeypatch.setattr(get_emoji.shutil, "which", lambda name: sys.executable)
    monkeypatch.setattr(
        get_emoji.subprocess, "run", lambda command, cwd, **options: (cwd / "x.tgz").write_bytes(b"other")
    )
    assert get_emoji.main(str(tmp_path)) == 1
    assert "run this again" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
