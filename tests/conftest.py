"""A recorded run without a training, and a place for runs that is not the user's."""

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
    """$DCGAN_RUNS, an empty folder that does not exist yet."""
    root = tmp_path / "runs"
    monkeypatch.setenv("DCGAN_RUNS", str(root))
    return root


@pytest.fixture
def tiny_run(runs_root: Path) -> Run:
    """A finished run of 4 steps in `runs_root`: weights, a snapshot and a sample grid at 0, 2 and 4, and rows."""
    return record_run(runs_root)


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> DataConfig:
    """The first 336 real digits in a folder of their own: unpacking all 60,000 takes longer than small trainings."""
    from dcgan.data.named_sets import read_named_set

    images, labels = read_named_set("mnist", "", "train")
    root = tmp_path_factory.mktemp("digits")
    write_idx(root, "train", images[:336, 0], labels[:336])
    return DataConfig(root=str(root))


@pytest.fixture(scope="session")
def scored_digits(digits: DataConfig, tmp_path_factory: pytest.TempPathFactory) -> DataConfig:
    """The same, with 200 test digits from all over the test part, so that trainings on them can be scored."""
    from dcgan.data.named_sets import read_named_set

    root = tmp_path_factory.mktemp("judged-digits")
    for file in Path(digits.root).iterdir():
        (root / file.name).write_bytes(file.read_bytes())
    images, labels = read_named_set("mnist", "", "test")
    write_idx(root, "t10k", images[::50, 0], labels[::50])
    return DataConfig(root=str(root))
