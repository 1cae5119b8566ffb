"""The command page."""

from __future__ import annotations

import json
import re

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
    lines = re.findall(r"^ *([\d,]+)  (.+)$", text, re.MULTILINE)
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


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "at least one run"),
        (["nobody"], "not a run directory"),
        (["RUN", "-o", "page.pdf"], "neither a .html file nor a folder"),
        (["RUN", "--snapshots", "--no-snapshots"], "leave one out"),
    ],
)
def test_an_error_is_one_sentence(tiny_run, capsys, tmp_path, monkeypatch, arguments, reason):
    monkeypatch.chdir(tmp_path)
    given = [tiny_run.name if argument == "RUN" else argument for argument in arguments]
    assert main(["page", *given]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert reason in line
    assert not (tmp_path / "page.html").exists()


def test_the_parts_of_the_page_are_those_of_the_package():
    assert module.WEB.is_dir()
    assert (module.WEB / "generator.js").is_file()


def test_another_page_in_the_folder_is_kept(tmp_path, tiny_run, capsys):
    index = tmp_path / "index.html"
    index.write_text("<h1>Mine</h1>")
    assert "name an empty folder" in command_error(capsys, "page", tiny_run.name, "-o", str(tmp_path))
    assert index.read_text() == "<h1>Mine</h1>"
