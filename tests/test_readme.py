"""Commands of the README and of docs/tutorials.md run, paths exist, the front matter fits a Space."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from images import save_image
from published import DIGIT_NAMES

from dcgan.cli import main as cli
from dcgan.files import CHECKPOINTS
from dcgan.presets import PRESETS
from dcgan.runs.evaluations import evaluations
from dcgan.runs.listing import list_runs
from dcgan.runs.run import Run
from dcgan.runs.scores import SCORES

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [
    *(
        ROOT / name
        for name in (
            *("README.md", "README.vi.md", "README.zh.md", "CONTRIBUTING.md", "CHANGELOG.md"),
            *("data/README.md", "results/README.md"),
        )
    ),
    *sorted((ROOT / "docs").glob("*.md")),
]
TUTORIALS = (ROOT / "docs" / "tutorials.md").read_text(encoding="utf-8")
BASH = "\n".join(re.findall(r"```bash\n(.*?)```", README + TUTORIALS, re.DOTALL))
INLINE = re.findall(r"`python -m (dcgan train [^`]+)`", README + TUTORIALS)
COMMANDS = sorted({*re.findall(r"^python -m (dcgan .*?)(?:\s+#.*)?$", BASH, re.MULTILINE), *INLINE})
PYTHON = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@pytest.fixture
def newcomer(tmp_path, monkeypatch) -> Path:
    """Change to a folder with some photos and links to the checkout, so that commands write nothing into it."""
    (tmp_path / "checkpoints").symlink_to(CHECKPOINTS)
    for level in range(20):
        save_image(tmp_path / "photos" / f"{level}.png", np.full((16, 16), 10 * level, np.uint8))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DCGAN_CACHE", str(tmp_path / "cache"))
    return tmp_path


def test_there_are_commands_to_test():
    assert len(COMMANDS) >= 8
    assert len(PYTHON) >= 1


def cost(command: str) -> list[pytest.MarkDecorator]:
    """Return the mark of a command that takes long: evaluations measure the real images first."""
    return [pytest.mark.slow] if command.startswith("dcgan evaluate") else []


@pytest.mark.slow
@pytest.mark.parametrize("command", [pytest.param(command, marks=cost(command)) for command in COMMANDS])
def test_every_command_runs(command, newcomer, capsys):
    """Trainings run with --dry-run, since other tests train."""
    argv = shlex.split(command)[1:]
    if argv[0] == "train" and "--dry-run" not in argv:
        argv.append("--dry-run")
    assert cli.main(argv) == 0
    if "-o" in argv:
        assert (newcomer / argv[argv.index("-o") + 1]).stat().st_size > 1000


@pytest.mark.slow
def test_the_python_snippets_run_one_after_the_other(newcomer):
    names: dict[str, Any] = {}
    for code in PYTHON:
        exec(code, names)
        assert names["images"].shape == (64, 1, 28, 28)
    assert names["run"].path.is_relative_to("runs")


def test_every_path_exists():
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", README)
    words = re.findall(r"`((?:docs|checkpoints|data|tests|deploy)/[\w./-]*|\w+\.(?:py|txt|toml))`", README)
    assert links
    for path in [*links, *words]:
        assert (ROOT / path).exists(), path


def anchors(path: Path) -> set[str]:
    """Return the ids that GitHub gives to the headings of a page."""
    text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    heads = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_has_a_target(page):
    for path, anchor in re.findall(r"\]\((?!https?:)([^)#\s]*)(?:#([^)]*))?\)", page.read_text(encoding="utf-8")):
        target = page.parent / path if path else page
        assert target.exists(), path
        assert not anchor or anchor in anchors(target), f"{path}#{anchor}"


@pytest.mark.parametrize("name", ["README.vi.md", "README.zh.md"])
def test_a_short_readme_has_the_commands_of_the_long_one(name: str):
    text = (ROOT / name).read_text(encoding="utf-8")
    start, windows, *trainings = re.findall(r"```(?:bash|bat)\n(.*?)```", text, re.DOTALL)
    installation = README[README.index("<!-- start command -->") :]
    assert [start, windows] == re.findall(r"```(?:bash|bat)\n(.*?)```", installation, re.DOTALL)[:2]
    assert trainings
    assert all(f"```bash\n{training}```" in README for training in trainings)
    presets = re.findall(r"^\|.*\| `([\w-]+)` \|$", TUTORIALS, re.MULTILINE)
    assert re.findall(r"^\|.*\| `([\w-]+)` \|$", text, re.MULTILINE) == presets
    others = {"README.md", "README.vi.md", "README.zh.md"} - {name}
    assert others <= set(re.findall(r"\]\(([^)#]+)\)", text))
    assert name in README


def test_the_architecture_page_names_every_module():
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    (tree,) = re.findall(r"^## Modules\n.*?```\n(.*?)```", text, re.DOTALL | re.MULTILINE)
    named, package = set(), ""
    for line in tree.partition("dcgan/\n")[2].splitlines():
        if folder := re.match(r"  (\w+)/", line):
            package = f"{folder[1]}/"
        elif line.startswith("    "):
            named |= {package + name for name in re.findall(r"\w+\.py", line[:40])}
        else:
            named |= set(re.findall(r"^ +(\w+\.py)", line))
    folder = ROOT / "dcgan"
    modules = {path.relative_to(folder).as_posix() for path in folder.rglob("*.py") if path.name[:2] != "__"}
    assert named == {module for module in modules if not module.startswith("pages/")}


def test_every_preset_is_in_the_table():
    for name in PRESETS:
        assert f"`{name}`" in README, name


def test_every_published_model_is_named():
    for run in list_runs(CHECKPOINTS):
        assert run.name in README, run.name


def test_the_table_of_scores_has_the_scores_of_the_models():
    keys = {score.label: key for key, score in SCORES.items()}
    (table,) = re.findall(r"^\| \| CFD .*\n(?:\|.*\n)+", README, re.MULTILINE)
    head, _, *lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
    names = [line[0].strip("`") for line in lines if line[0].startswith("`")]
    assert sorted(names) == sorted(DIGIT_NAMES)
    for name, line in zip(names, lines, strict=False):
        run = Run(CHECKPOINTS / name)
        row = evaluations(run, run.status().step)[0]
        for label, cell in zip(head[1:], line[1:], strict=True):
            decimals = len(cell.partition(".")[2])
            assert cell == (f"{row[keys[label]]:.{decimals}f}" if keys[label] in row else ""), (name, label)


def test_every_published_model_has_its_stated_size():
    for run in list_runs(CHECKPOINTS):
        size = sum(path.stat().st_size for path in run.path.rglob("*") if path.is_file())
        (row,) = re.findall(rf"^\| `{re.escape(run.name)}` \|.*\| (\d+) MB \|$", README, re.MULTILINE)
        assert int(row) == round(size / 1e6), run.name


def test_the_front_matter_is_that_of_a_space():
    front = README.split("---\n")[1]
    fields = dict(re.findall(r"^(\w+): *(.+)$", front, re.MULTILINE))
    assert fields["sdk"] == "gradio"
    assert (ROOT / fields["app_file"]).exists()
    assert len(fields["short_description"]) <= 60
    requirements = (ROOT / "requirements.txt").read_text()
    (low,) = re.findall(r"gradio>=([\d.]+)", requirements)
    assert fields["sdk_version"].startswith(f"{low}.") or fields["sdk_version"] == low
