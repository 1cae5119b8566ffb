"""A saved state that is damaged or hostile: a resume ends with one error that names the file."""

from __future__ import annotations

import shutil

import pytest
import torch
from small_trainings import CPU, small, trained

from dcgan.checkpoint import load_tensors, save_tensors
from dcgan.runs.resume import saved_step
from dcgan.runs.run import Run, RunError
from dcgan.training.recording import run_training


@pytest.fixture(scope="module")
def finished(tmp_path_factory, digits) -> Run:
    """Return a finished run, to be copied."""
    return trained(tmp_path_factory.mktemp("finished"), small(digits, epochs=1))


CHANGES = [
    *({"step": value} for value in (-1, 1.5, "3", [], None, 10**16)),
    *({"images_seen": value} for value in (-1, {}, "many")),
    *({"wall_seconds": value} for value in (-1, "long", [1])),
    *({"source": value} for value in ([], 3, {"color": 1}, {"classes": 5}, {"classes": [3]}, {"num_images": "all"})),
]


@pytest.mark.parametrize("metadata", [[], [[]], 5, "state", None, *CHANGES], ids=str)
def test_a_state_with_other_metadata_is_an_error(finished, tmp_path, metadata):
    run = Run(shutil.copytree(finished.path, tmp_path / "run"))
    tensors, saved = load_tensors(run.state_path)
    save_tensors(run.state_path, tensors, saved | metadata if isinstance(metadata, dict) else metadata)
    with pytest.raises(RunError, match=r"state\.safetensors"):
        run_training(run, CPU)
    if not isinstance(metadata, dict) or "step" in metadata:
        with pytest.raises(RunError, match=r"state\.safetensors cannot be read"):
            saved_step(run)


@pytest.mark.parametrize("name", ["optimizer_g.0", "optimizer_g.a.b", "optimizer_d.0.step.more", "generator.more"])
def test_a_state_with_other_tensors_is_an_error(finished, tmp_path, name):
    run = Run(shutil.copytree(finished.path, tmp_path / "run"))
    tensors, saved = load_tensors(run.state_path)
    save_tensors(run.state_path, tensors | {name: torch.zeros(1)}, saved)
    with pytest.raises(RunError, match=r"state\.safetensors does not fit"):
        run_training(run, CPU)


def test_a_state_that_is_cut_off_is_an_error(finished, tmp_path):
    run = Run(shutil.copytree(finished.path, tmp_path / "run"))
    run.state_path.write_bytes(run.state_path.read_bytes()[:-1])
    with pytest.raises(RunError, match=r"state\.safetensors is damaged"):
        run_training(run, CPU)
