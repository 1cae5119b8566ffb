"""Which runs there are, and how they are found by a path or a name."""

from __future__ import annotations

import os

import pytest
from recorded import TINY, error_of

from dcgan.runs.listing import find_run, list_runs, named_config
from dcgan.runs.run import Run


def test_a_folder_that_may_not_be_read_hides_no_other_run(tiny_run, runs_root, monkeypatch):
    locked, stat = runs_root / "lost+found", os.stat
    locked.mkdir()

    def refuse(path, *arguments, **options):
        if str(path).startswith(f"{locked}{os.sep}"):
            raise PermissionError(13, "Permission denied", str(path))
        return stat(path, *arguments, **options)

    monkeypatch.setattr(os, "stat", refuse)
    assert list_runs(runs_root) == [tiny_run]
    assert tiny_run in list_runs()


def test_list_runs_is_sorted_and_leaves_out_other_folders(runs_root, tmp_path, monkeypatch):
    monkeypatch.setattr("dcgan.files.CHECKPOINTS", tmp_path / "published")
    assert list_runs() == []
    for name in ("b", "a"):
        Run(runs_root / name).write_config(TINY, "demo")
    Run(tmp_path / "published" / "z").write_config(TINY, "demo")
    (runs_root / "empty").mkdir()
    (runs_root / "file").touch()
    assert [run.name for run in list_runs()] == ["z", "a", "b"], "the published ones, then the user's own"
    assert [run.name for run in list_runs(runs_root)] == ["a", "b"]
    assert list_runs(tmp_path / "nowhere") == []


def test_find_run_takes_a_path_or_a_name(runs_root, tmp_path, monkeypatch):
    monkeypatch.setattr("dcgan.files.CHECKPOINTS", tmp_path / "published")
    Run(runs_root / "mine").write_config(TINY, "demo")
    Run(tmp_path / "published" / "theirs").write_config(TINY, "demo")
    assert find_run("mine") == find_run(str(runs_root / "mine")) == Run(runs_root / "mine")
    assert find_run("theirs") == Run(tmp_path / "published" / "theirs")


def test_an_unknown_run_lists_the_known_ones(runs_root, tmp_path, monkeypatch):
    monkeypatch.setattr("dcgan.files.CHECKPOINTS", tmp_path / "published")
    monkeypatch.chdir(tmp_path)
    assert "; there is none yet; " in error_of(lambda: find_run("mine"))
    assert "pip install -e ." in error_of(lambda: find_run("mine")), "as from a wheel, without the published models"
    (tmp_path / "published").mkdir()
    assert error_of(lambda: find_run("mine")) == "'mine' is not a run directory; there is none yet"
    for number in range(9):
        Run(runs_root / f"run{number}").write_config(TINY, "demo")
    message = error_of(lambda: find_run("mine"))
    assert message == "'mine' is not a run directory; there are run1, run2, run3, run4, run5, run6, run7, run8"


def test_a_name_that_is_nearly_a_run_gets_a_suggestion(runs_root, tmp_path, monkeypatch):
    monkeypatch.setattr("dcgan.files.CHECKPOINTS", tmp_path / "published")
    Run(runs_root / "experiment").write_config(TINY, "demo")
    Run(tmp_path / "published" / "dcgan-best-mnist").write_config(TINY, "demo")
    assert "did you mean experiment?" in error_of(lambda: find_run("experimnet"))
    assert "did you mean dcgan-best-mnist?" in error_of(lambda: find_run("dcgan-bset-mnist"))
    for name, nearest in (("experimnet", "experiment"), ("dcgan-kears", "dcgan-keras")):
        with pytest.raises(ValueError, match=f"did you mean {nearest}"):
            named_config(name)


@pytest.mark.parametrize("name", ["", "a/b/c", "..", "\0", "a" * 300, "~", "config.json"])
def test_hostile_names_find_nothing(runs_root, tmp_path, monkeypatch, name):
    """A name may come from a link, so any text gives a run or one error."""
    monkeypatch.chdir(tmp_path)
    assert "is not a run directory" in error_of(lambda: find_run(name))
