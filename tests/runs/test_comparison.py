"""How two runs differ."""

from __future__ import annotations

import json
from dataclasses import replace

import published
import pytest
from recorded import TINY

from dcgan.files import CHECKPOINTS
from dcgan.presets import PRESETS
from dcgan.runs.comparison import config_table, stored_parameters
from dcgan.runs.run import Run


def test_only_what_differs_is_in_the_table():
    rows = config_table(TINY, replace(TINY, lr_d=1e-5, model=replace(TINY.model, norm_g="none")))
    assert [(row["field"], row["left"], row["right"]) for row in rows] == [
        ("model.norm_g", "batch", "none"),
        ("lr_d", "2e-4", "1e-5"),
    ]
    assert all(row["what it is"] for row in rows)
    assert config_table(TINY, TINY) == []


@pytest.mark.parametrize("name", published.NAMES)
def test_parameters_are_counted_from_the_header(name):
    run = Run(CHECKPOINTS / name)
    assert (stored_parameters(run.generator_path), stored_parameters(run.discriminator_path)) == PRESETS[
        run.preset
    ].parameters


@pytest.mark.parametrize("data", [b"", b"12345678", b"\xff" * 100, (5).to_bytes(8, "little") + b"[1,2]"])
def test_a_damaged_header_counts_nothing(tmp_path, data):
    (tmp_path / "x").write_bytes(data)
    assert stored_parameters(tmp_path / "x") is None
    assert stored_parameters(tmp_path / "missing") is None


def test_a_header_of_odd_shapes_counts_nothing(tmp_path):
    header = json.dumps({"a": {"shape": "four"}}).encode()
    (tmp_path / "x").write_bytes(len(header).to_bytes(8, "little") + header)
    assert stored_parameters(tmp_path / "x") is None
