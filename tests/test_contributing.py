"""The examples in CONTRIBUTING.md work, and each needs one module."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import numpy as np
import pytest
import torch
from recorded import TINY, write_idx

from dcgan import presets
from dcgan.cli import main as cli
from dcgan.config import DataConfig, ModelConfig
from dcgan.data import named_sets
from dcgan.data.loading import load_images, make_batches
from dcgan.evaluation import metrics
from dcgan.models.gan import build_gan
from dcgan.runs import scores
from dcgan.runs.evaluations import score_table
from dcgan.sampling import link
from dcgan.training import losses
from dcgan.training.loop import training_steps

TEXT = (Path(__file__).resolve().parent.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")


def examples(heading: str) -> list[str]:
    """Return the Python blocks under a heading."""
    (section,) = re.findall(rf"^### {heading}\n(.*?)^##", TEXT, re.DOTALL | re.MULTILINE)
    return re.findall(r"```python\n(.*?)```", section, re.DOTALL)


def entries(code: str, module: Any) -> dict[str, Any]:
    """Return what a row of a table in this module evaluates to."""
    return eval(f"{{{code}}}", dict(vars(module)))


@pytest.fixture
def no_runs(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("DCGAN_RUNS", str(tmp_path))
    return tmp_path


def test_the_loss_trains(monkeypatch, no_runs):
    function, row = examples("A loss")
    names = dict(vars(losses))
    exec(function, names)
    ((name, loss),) = eval(f"{{{row}}}", names).items()
    monkeypatch.setitem(losses.LOSSES, name, loss)
    real, fake = torch.tensor([2.0, 0.0]), torch.tensor([-3.0, 1.0])
    assert losses.get_loss(name).discriminator(real, fake).item() == 0.5 + 2.0
    config = replace(TINY, loss=name, data=DataConfig(limit=8), epochs=1)
    results = list(training_steps(config, make_batches(config, torch.device("cpu")), torch.device("cpu")))
    assert len(results) == 2
    assert all(result.stats.d_loss.isfinite() for result in results)
    assert cli.main(["train", "gan-beginners", "--loss", name, "--dry-run"]) == 0


def test_the_preset_has_the_parameters_that_it_names():
    (code,) = examples("A preset")
    ((_, preset),) = entries(code, presets).items()
    gan = build_gan(preset.config.model)
    counts = tuple(sum(weight.numel() for weight in network.parameters()) for network in gan)
    assert preset.parameters == counts
    assert preset.config.loss == "hinge"


def test_the_data_set_is_read_and_trains(tmp_path, monkeypatch, no_runs):
    (code,) = examples("A data set")
    ((name, named_set),) = entries(code, named_sets).items()
    monkeypatch.setitem(named_sets.NAMED_SETS, name, named_set)
    folder = tmp_path / named_set.folder
    folder.mkdir()
    write_idx(folder, "train", np.full((5, 28, 28), 7), np.arange(5))
    data = load_images(DataConfig(name, root=str(tmp_path)), ModelConfig(), 0, "train")
    assert data.images_u8.shape == (5, 1, 28, 28)
    assert data.labels is not None
    assert data.labels.tolist() == [0, 1, 2, 3, 4]
    assert cli.main(["train", "dcgan", "--data.name", name, "--data.root", str(tmp_path), "--dry-run"]) == 0


def test_the_score_is_measured_and_has_a_row_in_every_table(monkeypatch):
    metric_code, row_code = examples("A score")
    ((key, metric),) = entries(metric_code, metrics).items()
    ((same_key, score),) = entries(row_code, scores).items()
    assert key == same_key
    assert key not in scores.SCORES
    monkeypatch.setitem(metrics.METRICS, key, metric)
    monkeypatch.setattr(scores, "SCORES", {key: score})
    sample = metrics.FeatureSample(features=torch.zeros(3, 2), real=torch.tensor([[3.0, 4.0], [6.0, 8.0]]))
    assert metrics.compute(sample, "every model") == {key: pytest.approx(5)}
    monkeypatch.undo()
    monkeypatch.setitem(scores.SCORES, key, score)
    (row,) = score_table({"mine": [{key: 1.25, f"real_{key}": 0.5}]})
    assert row == {"score": score.sentence, "mine": "1.250", "real images": "0.500"}


def test_the_field_of_the_link_is_written_and_read():
    (code,) = examples("A field of the share link")
    names = {"ShareLink": link.ShareLink, "dataclass": dataclass, **vars(link)}
    exec(f"@dataclass(frozen=True)\nclass Extended(ShareLink):\n    {code}", names)
    extended: Any = names["Extended"]
    assert extended().to_query() == link.ShareLink().to_query()
    query = extended(mirror=True).to_query()
    assert query.endswith("mirror=1")
    assert extended.from_query(dict(parse_qsl(query))) == (extended(mirror=True), [])
    _, (note,) = extended.from_query(dict(parse_qsl(query.replace("mirror=1", "mirror=2"))))
    assert note.startswith("mirror='2' is not ")


def test_the_command_counts(monkeypatch, capsys):
    (code,) = examples("A command")
    names: dict[str, Any] = {}
    exec(code, names)
    for name, command in names["COMMANDS"].items():
        monkeypatch.setitem(cli.COMMANDS, name, command)
    assert cli.main(["count", "dcgan-mnist", "--snapshots"]) == 0
    assert capsys.readouterr().out == "8\n"
