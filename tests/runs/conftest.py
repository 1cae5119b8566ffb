"""A new run directory."""

from __future__ import annotations

from pathlib import Path

import pytest
from recorded import TINY

from dcgan.runs.run import Run


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Return a run that has a config and nothing else."""
    return Run.create(TINY, "demo", tmp_path)
