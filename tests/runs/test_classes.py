"""The names of a run's classes: short, printable and different, and read from every recording."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from recorded import CONDITIONAL, record_run
from small_trainings import CPU, pictures

from dcgan.checkpoint import load_generator
from dcgan.cli.main import main
from dcgan.config import DataConfig
from dcgan.runs.classes import MAX_NAME, class_names, fitting_names, shown_names
from dcgan.runs.run import Run
from dcgan.training.recording import run_training


def test_any_name_becomes_short_printable_and_different():
    names = ("cats", "a\nb", "x" * 500, "x" * 499, "\udcff", " ", "cats")
    shown = shown_names(names)
    assert len(set(shown)) == len(names)
    assert shown[:2] == ("cats", "a\\nb")
    assert all(name.isprintable() and len(name.encode()) <= 2 * MAX_NAME for name in shown)
    assert shown_names(shown) == shown
    assert len(shown_names(["z" * 300] * 50)) == 50


@pytest.mark.parametrize("recorded", [None, 5, "abc", ["a", "b", "c", "d"], ["a", "b", 3], [], [["a"], "b", "c"]])
def test_names_that_do_not_fit_the_model_are_no_names(recorded):
    config = replace(CONDITIONAL, data=DataConfig(name="folder:x"))
    assert fitting_names(config, recorded) == ()
    assert fitting_names(config, ["a", "b", "c"]) == ("a", "b", "c")
    assert fitting_names(config, ["a", "b"]) == ("a", "b", "2")


def test_named_sets_have_names_where_labels_are_no_digits():
    config = replace(CONDITIONAL, model=replace(CONDITIONAL.model, num_classes=10))
    assert fitting_names(replace(config, data=DataConfig(name="fashion-mnist")))[8] == "Bag"
    assert fitting_names(config) == ()


def test_a_recording_without_names_has_none(tmp_path):
    run = record_run(tmp_path, CONDITIONAL)
    assert class_names(run) == ()
    assert load_generator(run.path).classes == ()
    assert class_names(Run(tmp_path / "missing")) == ()


def test_a_training_records_all_names_and_commands_take_them(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = pictures(tmp_path / "own", "cgan")
    run = Run.create(replace(config, epochs=1), "test", tmp_path / "runs")
    run_training(run, CPU)
    names = ("ants", "bees")
    assert run.status().classes == class_names(run) == names
    generator = load_generator(run.path)
    assert generator.classes == load_generator(run.snapshot_path(3)).classes == names
    assert main(["sample", str(run.path), "--seeds", "5", "--label", "bees", "-o", "named.png"]) == 0
    assert main(["sample", str(run.path), "--seeds", "5", "--label", "1", "-o", "numbered.png"]) == 0
    assert (tmp_path / "named.png").read_bytes() == (tmp_path / "numbered.png").read_bytes()
    assert main(["sample", str(run.path), "--label", "wasps"]) == 2
    assert "0-1, or classes: ants, bees" in capsys.readouterr().err
    assert np.isfinite(generator(generator.latents([5]), np.array([1])).numpy()).all()
