"""Folders of their own for commands under test, and runs that the train command has recorded."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import TINY_FLAGS

from dcgan.cli.main import main
from dcgan.runs.listing import list_runs
from dcgan.runs.run import Run


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make runs, published models and the working directory folders of this test; return the folder of the runs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DCGAN_RUNS", str(tmp_path / "runs"))
    monkeypatch.delenv("DCGAN_DEVICE", raising=False)
    monkeypatch.setattr("dcgan.files.CHECKPOINTS", tmp_path / "published")
    return tmp_path / "runs"


@pytest.fixture(scope="session")
def trained_gan(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A finished run of the preset gan, of 4 steps. Tests read it, and change only copies."""
    return _train("gan", tmp_path_factory)


@pytest.fixture(scope="session")
def trained_cgan(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A finished run of the preset cgan, of 4 steps."""
    return _train("cgan", tmp_path_factory)


@pytest.fixture(params=["gan", "cgan"])
def trained(request: pytest.FixtureRequest) -> Run:
    """Each of both runs."""
    return request.getfixturevalue(f"trained_{request.param}")


def _train(preset: str, tmp_path_factory: pytest.TempPathFactory) -> Run:
    root = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DCGAN_RUNS", str(root))
        assert main(["train", preset, *TINY_FLAGS]) == 0
    (run,) = list_runs(root)
    return run
