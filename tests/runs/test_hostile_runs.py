"""A run that is hostile, damaged or unreadable is one row with its reason. It never hides the other runs."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from recorded import record_run

from dcgan.cli.main import main
from dcgan.runs import launch, listing, tables
from dcgan.runs.comparison import stored_parameters
from dcgan.runs.evaluations import evaluations
from dcgan.runs.listing import find_run, list_runs
from dcgan.runs.resume import check_resumable, rates_refusal, saved_step
from dcgan.runs.rows import MAX_COUNT
from dcgan.runs.run import Run, RunError
from dcgan.runs.series import COLUMNS, Series, epoch_means
from dcgan.runs.timeline import timeline

DEEP = "[" * 100_000
HUGE = "1" + "0" * 400
TEXTS = ["", "[]", "null", "{", DEEP, "NaN", '{"a": "\\ud800"}', "\0" * 100, "{" + " " * 5_000_000 + "}"]


def changed(name: str, key: str, value: str) -> Callable[[Run], None]:
    """Return a change of one value, at the top of a JSON file or in its config, to what this JSON spells."""

    def change(run: Run) -> None:
        path = run.path / name
        values = json.loads(path.read_text().splitlines()[0] if name.endswith("l") else path.read_text())
        (values["config"] if key not in values else values)[key] = "PLACE"
        text = json.dumps(values).replace('"PLACE"', value)
        with open(path, "a" if name.endswith("l") else "w") as file:
            file.write(text + "\n")

    change.__name__ = f"{name} {key}={value[:12]}"
    return change


def written(name: str, text: str) -> Callable[[Run], None]:
    """Return a change that replaces the file."""

    def change(run: Run) -> None:
        (run.path / name).write_text(text)

    change.__name__ = f"{name} is {text[:12]!r}"
    return change


def a_folder(name: str) -> Callable[[Run], None]:
    """Return a change that puts a folder where a file was, or a file where a folder was."""

    def change(run: Run) -> None:
        path = run.path / name
        if path.is_dir():
            path.rename(run.path / "away")
            path.touch()
        else:
            path.unlink(missing_ok=True)
            path.mkdir()

    change.__name__ = f"{name} is of another kind"
    return change


def a_pipe(name: str) -> Callable[[Run], None]:
    """Return a change that puts a named pipe where a file was. Nobody ever writes to it."""

    def change(run: Run) -> None:
        (run.path / name).unlink(missing_ok=True)
        os.mkfifo(run.path / name)

    change.__name__ = f"{name} is a pipe"
    return change


VALUES = [HUGE, str(2**63 - 1), "-1", "1e308", "NaN", "null", "[]", "{}", '"text"', '"\\udead"', DEEP]
CHANGES = [
    *(written(name, text) for name in ("config.json", "status.json", "progress.jsonl") for text in TEXTS),
    *(changed("status.json", key, value) for key in ("step", "steps", "epochs", "error") for value in VALUES),
    *(changed("config.json", key, value) for key in ("preset", "epochs", "data", "model") for value in VALUES),
    *(changed("progress.jsonl", key, value) for key in ("step", "epoch", "wall_seconds") for value in VALUES),
    *(a_folder(name) for name in ("status.json", "progress.jsonl", "samples", "snapshots", "process.txt")),
    *(a_folder(name) for name in ("generator.safetensors", "evals.jsonl", "scores.jsonl", "state.safetensors")),
]
if hasattr(os, "mkfifo"):
    CHANGES += [a_pipe(name) for name in ("status.json", "progress.jsonl", "process.txt", "state.safetensors")]


def readers(run: Run) -> Iterator[Callable[[], object]]:
    """Yield what the pages and commands read of a run. Each may raise RunError, and nothing else."""
    yield lambda: [tables.earlier_lengths(run), run.preset, run.config()]
    yield lambda: Series(run).update().last_rows(10)
    yield lambda: [epoch_means(Series(run).update(), column) for column in COLUMNS]
    yield lambda: [timeline(run, run.status(), Series(run).update(), align) for align in ("epoch", "images", "time")]
    yield lambda: tables.seconds_left(run.status(), run.progress()[0])
    yield lambda: tables.duration(tables.seconds_left(run.status(), run.progress()[0]) or 0)
    yield lambda: evaluations(run, run.status().step)
    yield lambda: [run.scores(), run.evals(), run.sample_steps(), run.snapshot_steps()]
    yield lambda: [check_resumable(run), rates_refusal(run), saved_step(run)]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory) -> Path:
    """Return a folder of two sound runs, to be copied."""
    root = tmp_path_factory.mktemp("recorded")
    for name in ("a", "b"):
        record_run(root).path.rename(root / name)
    return root


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_hostile_run_is_one_row(recorded, runs_root, monkeypatch, change):
    monkeypatch.setattr("dcgan.files.CHECKPOINTS", runs_root / "nowhere")
    shutil.copytree(recorded, runs_root)
    sound, hostile = Run(runs_root / "a"), Run(runs_root / "b")
    change(hostile)
    summaries = {run.name: tables.run_summary(run) for run in list_runs()}
    assert list(summaries) == [sound.name, hostile.name]
    assert summaries[sound.name]["state"] == "finished"
    assert len(summaries[hostile.name].get("error", "")) < 400
    assert tables.runs_table(list(summaries.values())).isprintable() is False, "it has lines"
    json.dumps(list(summaries.values()), allow_nan=False).encode()
    assert set(listing.by_label(list_runs()).values()) == {sound, hostile}
    assert isinstance(hostile.has_weights, bool)
    assert isinstance(launch.last_words(hostile), str)
    stored_parameters(hostile.weights_path)
    for read in readers(hostile):
        with suppress(RunError):
            read()


@pytest.mark.parametrize(("name", "value"), [("step", HUGE), ("steps", str(MAX_COUNT + 1)), ("epochs", "-1")])
def test_a_status_of_impossible_counts_is_damaged(tiny_run, name, value):
    changed("status.json", name, value)(tiny_run)
    with pytest.raises(RunError, match=r"status\.json cannot be read"):
        tiny_run.status()


def test_the_command_lists_the_other_runs(runs_root, capsys):
    sound, hostile = record_run(runs_root), record_run(runs_root)
    written("config.json", DEEP)(hostile)
    assert main(["runs"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith(f"{sound.name} ") and "finished" in line for line in lines)
    assert [line for line in lines if line.startswith(f"{hostile.name} is damaged: ")]


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="names are Unicode on this system")
def test_a_folder_whose_name_is_not_utf8_is_one_row(runs_root, monkeypatch, capsys):
    monkeypatch.setattr("dcgan.files.CHECKPOINTS", runs_root / "nowhere")
    sound = record_run(runs_root)
    odd = Run(os.fsdecode(os.fsencode(runs_root) + b"/caf\xe9\n\x1b[2J"))
    record_run(runs_root).path.rename(odd.path)
    assert main(["runs"]) == 0
    assert main(["runs", "--json"]) == 0
    output = capsys.readouterr().out
    output.encode()
    assert "\x1b" not in output
    summary = next(tables.run_summary(run) for run in list_runs() if run.path == odd.path)
    assert (summary["state"], summary["name"]) == ("damaged", "caf\\udce9\\n\\x1b[2J")
    assert list(listing.by_label(list_runs()).values()) == [sound]
    with pytest.raises(RunError, match="is not a run directory"):
        find_run("nobody")


def test_a_long_name_is_a_run_as_any_other(runs_root, monkeypatch):
    monkeypatch.setattr("dcgan.files.CHECKPOINTS", runs_root / "nowhere")
    long = runs_root / ("a" * 255)
    record_run(runs_root).path.rename(long)
    (run,) = list_runs()
    assert (tables.run_summary(run)["state"], find_run("a" * 255)) == ("finished", Run(long))


def refuse(monkeypatch: pytest.MonkeyPatch, folder: Path, *names: str) -> None:
    """Let these functions of `os` refuse the folder, as they refuse another user's. Root may read everything."""
    for name in names:
        original = getattr(os, name)

        def refusing(path, *arguments, original=original, **options):
            if isinstance(path, str | os.PathLike) and Path(os.fspath(path)).is_relative_to(folder):
                raise PermissionError(13, "Permission denied", str(path))
            return original(path, *arguments, **options)

        monkeypatch.setattr(os, name, refusing)


def test_a_root_that_may_not_be_listed_leaves_the_published_runs(runs_root, monkeypatch):
    record_run(runs_root)
    published = list_runs(Path("checkpoints").resolve())
    refuse(monkeypatch, runs_root, "scandir", "listdir", "stat", "open")
    assert list_runs() == published


@pytest.mark.parametrize("name", ["samples", "snapshots"])
def test_a_folder_of_a_run_that_may_not_be_listed_is_named(tiny_run, monkeypatch, name):
    refuse(monkeypatch, tiny_run.path / name, "scandir", "listdir")
    assert tables.run_summary(tiny_run)["state"] == "finished"
    assert tiny_run.has_weights
    with pytest.raises(RunError, match=rf"{name} cannot be read: Permission denied; make it a folder that you may"):
        _ = [tiny_run.sample_steps(), tiny_run.snapshot_steps()]


def test_a_run_whose_folder_may_not_be_opened_is_not_taken_for_a_training(tiny_run, monkeypatch):
    refuse(monkeypatch, tiny_run.path, "open")
    assert not tiny_run.is_locked()
    assert tables.run_summary(tiny_run)["state"] == "damaged"


@pytest.mark.parametrize("name", ["9" * 5000, "٣" * 7, "0000000000000012", "1", "-000001"])
def test_only_names_of_grids_are_grids(tiny_run, name):
    with suppress(OSError):  # the longest one is no name for a file
        (tiny_run.path / "samples" / f"{name}.png").touch()
    assert tiny_run.sample_steps() == [0, 2, 4]


def test_a_record_of_gigabytes_is_not_read(tiny_run):
    with open(tiny_run.progress_path, "r+b") as file:
        file.truncate(2**40)  # it takes no room on the disk
    assert tables.run_summary(tiny_run)["state"] == "damaged"
    with pytest.raises(RunError, match="it has 1,099,511,627,776 bytes"):
        tiny_run.progress()
