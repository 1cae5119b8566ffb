"""The command page."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace

import pytest
from command_line import command_error
from recorded import TINY, record_run
from small_pages import write_web

from dcgan.cli.main import main
from dcgan.publishing import page as module
from dcgan.publishing.page import page_files, single_page


@pytest.fixture(autouse=True)
def web(tmp_path, monkeypatch):
    """Make pages of small parts."""
    folder = write_web(tmp_path / "web")
    for function in (page_files, single_page):
        monkeypatch.setitem(function.__kwdefaults__, "web", folder)
    return folder


def listed(text: str) -> dict[str, int]:
    """Return the sizes that the command printed, by name."""
    lines = re.findall(r"^ *([\d,]+)  (bytes in .+|\S+)", text, re.MULTILINE)
    return {name: int(size.replace(",", "")) for size, name in lines}


def test_one_file(tiny_run, tmp_path, capsys):
    output = tmp_path / "lesson.html"
    assert main(["page", tiny_run.name, "-o", str(output)]) == 0
    assert output.read_bytes() == single_page([tiny_run])
    sizes = listed(capsys.readouterr().out)
    (total,) = (size for name, size in sizes.items() if name.startswith("bytes in"))
    assert total == output.stat().st_size == sum(sizes.values()) - total
    assert main(["page", tiny_run.name, "-o", str(output), "--snapshots", "--full"]) == 0
    assert output.read_bytes() == single_page([tiny_run], snapshots=True, half=False)


@pytest.mark.parametrize("exists", [True, False])
def test_a_folder(tiny_run, tmp_path, capsys, exists):
    output = tmp_path / "site"
    if exists:
        output.mkdir()
    assert main(["page", tiny_run.name, "-o", str(output) if exists else f"{output}/"]) == 0
    files = page_files([tiny_run])
    written = {path.relative_to(output).as_posix(): path.read_bytes() for path in output.rglob("*") if path.is_file()}
    assert written == files
    sizes = listed(capsys.readouterr().out)
    assert {name: size for name, size in sizes.items() if name in files} == {
        name: len(content) for name, content in files.items()
    }
    assert main(["page", tiny_run.name, "-o", str(output), "--no-snapshots"]) == 0
    assert json.loads((output / "manifest.json").read_bytes())["models"][0]["snapshots"] == []


def test_several_runs(runs_root, tmp_path):
    first, second = record_run(runs_root), record_run(runs_root, TINY, "other")
    assert main(["page", second.name, str(first.path), "-o", f"{tmp_path}/site/"]) == 0
    manifest = json.loads((tmp_path / "site/manifest.json").read_bytes())
    assert manifest["usual"] == second.name
    assert [model["name"] for model in manifest["models"]] == [second.name, first.name]


@pytest.mark.parametrize("folder", [True, False])
def test_the_list_has_the_run_and_the_step_of_weights(tiny_run, tmp_path, capsys, folder):
    output = f"{tmp_path}/site/" if folder else str(tmp_path / "page.html")
    assert main(["page", tiny_run.name, "-o", output, "--full", *([] if folder else ["--snapshots"])]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if "weights" in line]
    # The run was never trained, so its three snapshots are equal.
    assert [re.findall(rf"{tiny_run.name}, step (\d+)", line) for line in lines] == [["4"], ["0", "2", "4"]]


@pytest.mark.parametrize(("folder", "flag"), [(True, "--no-snapshots"), (False, "--snapshots")])
def test_a_run_above_the_stated_size_is_named_with_the_flag(tiny_run, tmp_path, capsys, monkeypatch, folder, flag):
    output = f"{tmp_path}/site/" if folder else str(tmp_path / "page.html")
    flags = [] if folder else ["--snapshots"]
    assert main(["page", tiny_run.name, "-o", output, *flags]) == 0
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("dcgan.cli.page.LARGE_RUN_BYTES", 100)
    assert main(["page", tiny_run.name, "-o", output, *flags]) == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert tiny_run.name in line
    assert re.search(rf"[^-]{flag} ", line)
    assert main(["page", tiny_run.name, "-o", output, *(["--no-snapshots"] if folder else [])]) == 0
    assert capsys.readouterr().err == ""


def test_an_earlier_page_leaves_no_files(runs_root, tiny_run, tmp_path, capsys):
    other = record_run(runs_root, replace(TINY, seed=1), "other")
    site = tmp_path / "site"
    assert main(["page", tiny_run.name, other.name, "-o", f"{site}/"]) == 0
    before = {path.name for path in (site / "weights").iterdir()}
    manifest = json.loads((site / "manifest.json").read_bytes())
    manifest["models"][0]["snapshots"] += [
        {"file": "../mine.safetensors"},
        {"file": "weights/mine.safetensors"},
        None,
    ]
    (site / "manifest.json").write_text(json.dumps(manifest))
    others = [
        tmp_path / "mine.safetensors",
        site / "weights/mine.safetensors",
        site / "weights/0123456789ab.safetensors",
    ]
    for path in others:
        path.touch()
    capsys.readouterr()
    assert main(["page", tiny_run.name, "-o", f"{site}/"]) == 0
    files = page_files([tiny_run])
    kept = {path.name for path in (site / "weights").iterdir()}
    assert kept == {name.removeprefix("weights/") for name in files if name.startswith("weights/")} | {
        path.name for path in others[1:]
    }
    assert all(path.exists() for path in others)
    (gone,) = before - kept
    assert f"weights/{gone}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["RUN", "-o", "afile/"], "afile is not a folder"),
        (["RUN", "-o", "afile/page.html"], "afile is not a folder"),
        pytest.param(
            ["RUN", "-o", "/proc/page.html"],
            "/proc takes no files",
            marks=pytest.mark.skipif(sys.platform != "linux", reason="Linux has /proc"),
        ),
        ([], "at least one run"),
        (["nobody"], "not a run directory"),
        (["RUN", "-o", "page.pdf"], "neither a .html file nor a folder"),
        (["RUN", "--snapshots", "--no-snapshots"], "leave one out"),
    ],
)
def test_an_error_is_one_sentence(tiny_run, capsys, tmp_path, monkeypatch, arguments, reason):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "afile").touch()
    given = [tiny_run.name if argument == "RUN" else argument for argument in arguments]
    assert main(["page", *given]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert reason in line
    assert not (tmp_path / "page.html").exists()


def test_the_parts_of_the_page_are_those_of_the_package():
    assert module.WEB.is_dir()
    assert (module.WEB / "generator.js").is_file()


@pytest.mark.parametrize("names", [["index.html"], ["main.js"], ["index.html", "manifest.json"]])
def test_files_of_another_page_are_kept(tmp_path, tiny_run, capsys, names):
    site = tmp_path / "site"
    site.mkdir()
    for name in names:
        (site / name).write_text('{"name": "mine"}')
    assert "name an empty folder" in command_error(capsys, "page", tiny_run.name, "-o", str(site))
    assert [path.name for path in site.iterdir() if path.read_text() == '{"name": "mine"}'] == [
        path.name for path in site.iterdir()
    ]
