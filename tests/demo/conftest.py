"""What all tests of the demo share: the CPU, no published models, temporary files of their own."""

from __future__ import annotations

import pytest

from dcgan.demo import handlers
from dcgan.demo.temporary_files import TemporaryFiles


@pytest.fixture(autouse=True)
def demo_on_cpu(monkeypatch, tmp_path):
    monkeypatch.setenv("DCGAN_DEVICE", "cpu")
    monkeypatch.setattr("dcgan.files.CHECKPOINTS", tmp_path / "none")
    monkeypatch.setattr(handlers, "FILES", TemporaryFiles())
