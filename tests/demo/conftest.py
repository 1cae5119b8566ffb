"""What all tests of the demo share: the CPU and no published models."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def demo_on_cpu(monkeypatch, tmp_path):
    monkeypatch.setenv("DCGAN_DEVICE", "cpu")
    monkeypatch.setattr("dcgan.files.CHECKPOINTS", tmp_path / "none")
