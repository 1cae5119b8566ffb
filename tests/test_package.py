"""The package's front door."""

from __future__ import annotations

import subprocess
import sys

import pytest

import dcgan


@pytest.mark.parametrize("name", dcgan.__all__)
def test_every_public_name_is_there(name):
    assert getattr(dcgan, name) is not None
    assert name in dir(dcgan)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="nonsense"):
        dcgan.nonsense  # noqa: B018


def test_importing_the_package_imports_no_torch():
    code = "import sys, dcgan; dcgan.Run, dcgan.PRESETS; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
