"""To add a loss is to add an entry of LOSSES: the commands and the training read all else from it."""

from __future__ import annotations

import json
import re

import pytest
from torch import Tensor
from torch.nn import functional as F

from dcgan.cli.main import main
from dcgan.runs.listing import list_runs
from dcgan.training.losses import LOSSES, AdversarialLoss

TINY = [
    *("--data.limit", "16", "--batch-size", "16", "--epochs", "1", "--threads", "1"),
    *("--model.hidden-g", "16", "--model.hidden-d", "16", "--model.latent-dim", "4", "--no-scores"),
]


def _toy_discriminator(real_logits: Tensor, fake_logits: Tensor, *, real_target: float = 1.0) -> Tensor:
    return F.softplus(real_target - real_logits).mean() + F.softplus(fake_logits).mean()


def _toy_generator(real_logits: Tensor | None, fake_logits: Tensor) -> Tensor:
    return F.softplus(-fake_logits).mean()


@pytest.fixture(autouse=True)
def toy_loss(tmp_path, monkeypatch):
    """Register the loss "toy". Runs go to a temporary folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DCGAN_RUNS", str(tmp_path / "runs"))
    monkeypatch.setitem(LOSSES, "toy", AdversarialLoss(_toy_discriminator, _toy_generator, targets=("real_target",)))


def test_a_new_loss_trains_from_the_command_line(capsys):
    arguments = ["--loss", "toy", "--real-target", "0.8", "--generator-target", "1"]
    assert main(["train", "gan", *arguments, *TINY, "--device", "cpu"]) == 0, capsys.readouterr().err
    (run,) = [run for run in list_runs() if not run.is_published]
    assert run.status().state == "finished"
    assert (run.config().loss, run.config().real_target) == ("toy", 0.8)
    rows, _ = run.progress()
    assert rows[0].d_loss > 0


def test_a_new_loss_is_a_choice_of_the_flag(capsys):
    assert main(["train", "gan", "--help"]) == 0
    assert re.search(r"--loss\s+\{bce,minimax,[^}]*toy\}", " ".join(capsys.readouterr().out.split()))
    assert main(["train", "gan", "--loss", "toys", "--dry-run"]) == 2
    assert "toy" in capsys.readouterr().err


def test_targets_that_a_new_loss_lacks_are_refused(capsys):
    """The preset `gan` moves generator_target, which "toy" does not have."""
    assert main(["train", "gan", "--loss", "toy", *TINY]) == 2
    assert capsys.readouterr().err.startswith("error: generator_target=0.9 ")
    assert [run for run in list_runs() if not run.is_published] == []
    assert main(["train", "gan", "--loss", "toy", "--generator-target", "1", "--dry-run"]) == 0
    assert json.loads(capsys.readouterr().out)["loss"] == "toy"
