"""The package's front door."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import dcgan
from dcgan.files import PROJECT

SOURCE = Path(dcgan.__file__)


@pytest.mark.parametrize("name", dcgan.__all__)
def test_every_public_name_is_there(name):
    assert getattr(dcgan, name) is not None
    assert name in dir(dcgan)


def test_editors_see_the_names_that_python_finds():
    tree = ast.parse(SOURCE.read_text(encoding="utf-8"))
    seen = {
        alias.name: node.module.removeprefix("dcgan.")
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("dcgan.")
        for alias in node.names
    }
    assert seen == dcgan._HOME
    assert {*seen, "__version__"} == set(dcgan.__all__)


def test_type_checkers_read_the_annotations():
    assert (SOURCE.parent / "py.typed").is_file()


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="nonsense"):
        dcgan.nonsense  # noqa: B018


def test_importing_the_package_imports_no_torch():
    code = "import sys, dcgan; dcgan.Run, dcgan.PRESETS; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def requirements_of(path: Path) -> dict[str, str]:
    """Return package -> bounds of a requirements file."""
    lines = [line.split("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines()]
    pairs = [re.fullmatch(r"([\w.-]+)(?:\[[\w,]+\])?(.*)", line) for line in lines if line]
    return {match[1]: match[2] for match in pairs if match}


@pytest.mark.parametrize("kind", ["gradio", "streamlit"])
def test_a_space_installs_what_the_project_needs(kind):
    project = requirements_of(PROJECT / "requirements.txt")
    space = requirements_of(PROJECT / "deploy" / kind / "requirements.txt")
    own_app = {"gradio": {"streamlit", "gradio"}, "streamlit": {"gradio"}}[kind]  # a Gradio Space brings Gradio
    assert set(project) - set(space) == own_app
    for name, bounds in space.items():
        if bounds.startswith("=="):  # torch, as Spaces with a shared GPU have it
            low, high = re.findall(r"[\d.]+", project[name])
            assert numbers(low) <= numbers(bounds[2:]) < numbers(high), name
        elif name in project:
            assert bounds == project[name], name
        else:  # what only a Space has
            assert re.fullmatch(r">=[\d.]+,<[\d.]+", bounds), name


def numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


@pytest.mark.slow
def test_a_wheel_has_every_module_and_lists_what_it_lacks(tmp_path):
    source, wheels, site = tmp_path / "source", tmp_path / "wheels", tmp_path / "site"
    shutil.copytree(PROJECT / "dcgan", source / "dcgan", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE", "requirements.txt"):
        shutil.copy(PROJECT / name, source)
    # The build tools of this environment: a test downloads nothing.
    flags = ["--no-deps", "--no-build-isolation", "--quiet", "--disable-pip-version-check", "--wheel-dir"]
    subprocess.run([sys.executable, "-m", "pip", "wheel", str(source), *flags, str(wheels)], check=True)
    (wheel,) = wheels.glob("dcgan_studio-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if name.startswith("dcgan/")}
        archive.extractall(site)
    assert wheel.name.split("-")[1] == dcgan.__version__
    files = {path.relative_to(source).as_posix() for path in (source / "dcgan").rglob("*") if path.is_file()}
    assert packed == files
    environment = os.environ | {"PYTHONPATH": str(site)}
    command = [sys.executable, "-m", "dcgan", "sample", "dcgan-mnist"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 2
    assert f"{site / 'checkpoints'} does not exist" in done.stderr
    assert "pip install -e ." in done.stderr
