"""What differs where the system is not Linux with a home folder: caches and output encodings."""

from __future__ import annotations

import io
import logging
import os
import sys
from pathlib import Path

import pytest
from small_trainings import small, trained

import dcgan
from dcgan.cli.main import main
from dcgan.data.named_sets import read_named_set
from dcgan.files import cache_folder


@pytest.fixture
def homeless(monkeypatch):
    """Run the test as a user id without an entry and without HOME, as `docker run --user` may."""

    pwd = pytest.importorskip("pwd")

    def unknown(number):
        raise KeyError(f"getpwuid(): uid not found: {number}")

    for name in ("HOME", "DCGAN_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)


@pytest.fixture
def closed_home(monkeypatch, tmp_path) -> Path:
    """Run the test with a home folder that may not be read."""
    home = tmp_path / "home"
    for name in ("DCGAN_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(home))

    def closed(real):
        def call(path, *arguments, **options):
            if str(path).startswith(str(home)):
                raise PermissionError(13, "Permission denied", str(path))
            return real(path, *arguments, **options)

        return call

    for name in ("stat", "mkdir", "open", "scandir"):
        monkeypatch.setattr(os, name, closed(getattr(os, name)))
    return home


def test_without_a_home_the_cache_is_an_error_that_names_the_remedy(homeless, monkeypatch):
    with pytest.raises(FileNotFoundError, match="DCGAN_CACHE"):
        cache_folder()
    monkeypatch.setenv("DCGAN_CACHE", "~/cache")
    with pytest.raises(FileNotFoundError, match="DCGAN_CACHE"):
        cache_folder()
    monkeypatch.setenv("DCGAN_CACHE", "/cache")
    assert cache_folder() == Path("/cache")


def test_without_a_home_the_digits_of_the_repository_are_read(homeless):
    assert read_named_set("mnist", "", "test")[0].shape == (10_000, 1, 28, 28)
    with pytest.raises(FileNotFoundError):
        read_named_set("mnist", "~/nowhere", "test")


@pytest.mark.parametrize("place", ["homeless", "closed_home"])
def test_a_cache_that_cannot_be_used_costs_time_only(place, request, tmp_path, scored_digits, caplog):
    request.getfixturevalue(place)
    run = trained(tmp_path, small(scored_digits, epochs=1, score_images=64))
    assert [row.step for row in run.scores()] == [6]
    assert run.status().notes == ()
    assert run.log_path.read_text(encoding="utf-8").count("WARNING") == 1, "one note on the cache"
    caplog.clear()
    assert dcgan.evaluate(run, num_images=64)["cfd"] > 0
    assert len([record for record in caplog.records if record.levelno == logging.WARNING]) == 1


@pytest.mark.parametrize("name", ["ảnh số", "数字", "not-text-\udcff"])
def test_a_path_that_the_output_cannot_encode_is_printed(name, monkeypatch, tmp_path, tiny_run):
    folder = tmp_path / name
    try:
        folder.mkdir()
    except OSError as error:
        pytest.skip(f"this system has no such names: {error}")
    output, errors = (io.TextIOWrapper(io.BytesIO(), encoding="cp1252") for _ in range(2))
    monkeypatch.setattr(sys, "stdout", output)
    monkeypatch.setattr(sys, "stderr", errors)
    assert main(["sample", str(tiny_run.path), "-o", str(folder / "sheet.png")]) == 0
    assert main(["sample", str(folder / "nothing")]) == 2
    for stream in (output, errors):
        stream.flush()
        assert name.encode("cp1252", "backslashreplace") in stream.buffer.getvalue()
