"""Which files a Space gets, and the versions that its image installs."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version
from recorded import record_run
from small_pages import write_web

from dcgan.cli.main import main
from dcgan.files import PROJECT
from dcgan.publishing import space_files as module
from dcgan.publishing.page import static_space_files
from dcgan.publishing.space_files import ALLOWED, space_files
from dcgan.runs.listing import BEST

REQUIREMENTS = ("requirements.txt", "deploy/gradio/requirements.txt", "deploy/streamlit/requirements.txt")
LOCKS = {"requirements.lock": REQUIREMENTS[0], "deploy/streamlit/requirements.lock": REQUIREMENTS[2]}
SECRETS = (
    "data/secret.txt",
    "data/MNIST/raw/mine.gz",
    "docs/notes.txt",
    "checkpoints/mine/secret.txt",
    "checkpoints/mine/state.safetensors",
    "runs/mine/config.json",
    "features/.env",
    "deploy/streamlit/.env",
    ".streamlit/secrets.toml",
    ".git/config",
)


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    """Return a copy of some of the project's files, with secrets beside them, as the project of the module."""
    for name in ("streamlit_app.py", "README.md", "data/README.md", "deploy/streamlit/Dockerfile", "dcgan/files.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PROJECT / name, tmp_path / name)
    monkeypatch.setattr(module, "PROJECT", tmp_path)
    return tmp_path


def write(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("secret", encoding="utf-8")


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True)


SOUND = ["Dockerfile", "README.md", "data/README.md", "dcgan/files.py", "streamlit_app.py"]


def test_without_git_only_allowed_names_are_published(project):
    write(project, *SECRETS)
    assert sorted(space_files("streamlit")) == SOUND


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_only_tracked_files_are_published(project, monkeypatch):
    git(project, "init")
    git(project, "add", ".")
    monkeypatch.setenv("GIT_DIR", str(project / "elsewhere"))
    write(project, *SECRETS, "docs/untracked.md", "dcgan/untracked.py", "checkpoints/mine/config.json")
    assert sorted(space_files("streamlit")) == SOUND
    assert sorted(space_files("gradio")) == ["README.md", "dcgan/files.py"]


def test_an_untracked_file_of_the_project_is_not_listed(capsys, request):
    secret = PROJECT / "data" / "secret.txt"
    request.addfinalizer(lambda: secret.unlink(missing_ok=True))
    secret.write_text("secret", encoding="utf-8")
    assert main(["publish", "space", "streamlit", "me/studio", "--dry-run"]) == 0
    listed = capsys.readouterr().out
    assert "streamlit_app.py" in listed
    assert "secret" not in listed


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
@pytest.mark.slow
def test_a_static_space_shows_tracked_models_only(project):
    write_web(project / "dcgan/web")
    (project / "deploy/static").mkdir()
    (project / "deploy/static/README.md").write_text("---\nsdk: static\n---\n")
    for name in ("mine", "published", BEST[0]):
        shutil.move(record_run(project / "runs", preset=name).path, project / "checkpoints" / name)
    git(project, "init")
    git(project, "add", "dcgan", "deploy", f"checkpoints/{BEST[0]}", "checkpoints/published")
    git(project, "rm", "--cached", "checkpoints/published/snapshots/0000002.safetensors")
    files = static_space_files()
    manifest = json.loads(files["manifest.json"])
    assert [model["name"] for model in manifest["models"]] == [BEST[0], "published"]
    assert [[weights["step"] for weights in model["snapshots"]] for model in manifest["models"]] == [
        [0, 2, 4],
        [0, 4],
    ]
    assert files["README.md"] == b"---\nsdk: static\n---\n"
    assert not [name for name in files if name.startswith(("dcgan", "checkpoints"))]


@pytest.mark.parametrize("link", ["docs/picture.png", "docs"])
def test_a_symbolic_link_is_refused(project, tmp_path_factory, link):
    outside = tmp_path_factory.mktemp("outside")
    write(outside, "picture.png")
    target = outside if link == "docs" else outside / "picture.png"
    (project / link).parent.mkdir(exist_ok=True)
    (project / link).symlink_to(target)
    with pytest.raises(ValueError, match=r"docs/picture\.png is a symbolic link"):
        space_files("streamlit")


def test_the_docker_image_gets_the_same_files():
    lines = (PROJECT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line and line[0] not in "#!"] == ["*", "**/__pycache__"]
    assert {line[1:] for line in lines if line.startswith("!")} == set(ALLOWED["streamlit"])


# Locked versions


def pins(lock: str) -> list[tuple[Requirement, list[str]]]:
    """Return each pinned requirement of a lock file with its hashes."""
    text = (PROJECT / lock).read_text(encoding="utf-8").replace("\\\n", "")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    hashes = re.compile(r"--hash=sha256:([0-9a-f]{64})\b")
    return [(Requirement(line.partition(" --hash=")[0]), hashes.findall(line)) for line in lines]


@pytest.mark.parametrize(("lock", "requirements"), LOCKS.items())
def test_a_lock_file_satisfies_its_requirements(lock, requirements):
    versions: dict[str, list[Version]] = {}
    for pin, hashes in pins(lock):
        (specifier,) = pin.specifier
        assert specifier.operator == "=="
        assert hashes
        versions.setdefault(pin.name.replace("_", "-"), []).append(Version(specifier.version))
    for line in (PROJECT / requirements).read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        requirement = Requirement(line)
        pinned = versions[requirement.name.replace("_", "-")]
        assert all(requirement.specifier.contains(version) for version in pinned), (line, pinned)


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_file_names_no_place(lock):
    text = (PROJECT / lock).read_text(encoding="utf-8")
    assert "://" not in text
    assert not re.search(r"(?m)^(?!#).*(/|--index|--find)", text)


def test_the_image_installs_the_lock_file():
    dockerfile = (PROJECT / "deploy/streamlit/Dockerfile").read_text(encoding="utf-8")
    assert "--require-hashes -r requirements.lock" in dockerfile
    assert space_files("streamlit")["requirements.lock"] == PROJECT / "deploy/streamlit/requirements.lock"


@pytest.mark.parametrize("file", REQUIREMENTS)
def test_every_requirement_has_an_upper_bound(file):
    for line in (PROJECT / file).read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            operators = {specifier.operator for specifier in Requirement(line).specifier}
            assert operators & {"<", "=="}, line


def test_every_extra_has_an_upper_bound():
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for requirements in project["optional-dependencies"].values():
        for line in requirements:
            assert "<" in {specifier.operator for specifier in Requirement(line).specifier}, line
