"""The package's front door."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import dcgan

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
