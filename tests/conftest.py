"""Recorded runs without a training, in folders of their own."""

from __future__ import annotations

import os

# The networks under test are tiny: threads would only wait for each other, for minutes where cores are busy.
# Set before anyone imports torch.
os.environ["OMP_NUM_THREADS"] = "1"

from pathlib import Path

import pytest
from recorded import record_run, write_idx

from dcgan.config import DataConfig
from dcgan.runs.run import Run


@pytest.fixture
def runs_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Set $DCGAN_RUNS to a folder that does not exist yet, and return the folder."""
    root = tmp_path / "runs"
    monkeypatch.setenv("DCGAN_RUNS", str(root))
    return root


@pytest.fixture
def tiny_run(runs_root: Path) -> Run:
    """Return a finished run of 4 steps in `runs_root`: weights, rows, and snapshots and grids at steps 0, 2 and 4."""
    return record_run(runs_root)


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> DataConfig:
    """Return the first 336 digits as data of their own. Small trainings take less time than unpacking 60,000."""
    from dcgan.data.named_sets import read_named_set

    images, labels = read_named_set("mnist", "", "train")
    root = tmp_path_factory.mktemp("digits")
    write_idx(root, "train", images[:336, 0], labels[:336])
    return DataConfig(root=str(root))


@pytest.fixture(scope="session")
def scored_digits(digits: DataConfig, tmp_path_factory: pytest.TempPathFactory) -> DataConfig:
    """Return `digits` with every 50th test digit, so that trainings on them can be scored."""
    from dcgan.data.named_sets import read_named_set

    root = tmp_path_factory.mktemp("scored-digits")
    for file in Path(digits.root).iterdir():
        (root / file.name).write_bytes(file.read_bytes())
    images, labels = read_named_set("mnist", "", "test")
    write_idx(root, "t10k", images[::50, 0], labels[::50])
    return DataConfig(root=str(root))
