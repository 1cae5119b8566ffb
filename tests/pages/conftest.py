"""Runs of their own for tests of pages."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dcgan import pixels
from dcgan.training import time_estimate


@pytest.fixture
def only_own_runs(runs_root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Hide published models and the variables of a server, and time no steps; return the folder of the runs."""
    monkeypatch.setattr("dcgan.files.CHECKPOINTS", runs_root.parent / "no-checkpoints")
    monkeypatch.setattr(time_estimate, "measure_in_background", lambda configs: None)
    for name in ("SPACE_ID", "DCGAN_ALLOW_TRAINING", "DCGAN_MAX_RUNNING", "DCGAN_DEMO_URL", "DCGAN_PAGE_URL"):
        monkeypatch.delenv(name, raising=False)
    return runs_root


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[np.ndarray]:
    """Record every picture that the page shows from now on, before it becomes a file."""
    pictures = []
    png_bytes = pixels.png_bytes

    def recording(picture, metadata=None):
        if metadata is None:  # with metadata it is the download
            pictures.append(picture)
        return png_bytes(picture, metadata)

    monkeypatch.setattr(pixels, "png_bytes", recording)
    return pictures
