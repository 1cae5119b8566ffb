"""Published runs get the discriminators of a repeated training, if it is the same training bit for bit."""

from __future__ import annotations

from dataclasses import replace

import pytest
from kept_discriminators import add_discriminators
from recorded import TINY, record_run


def test_the_discriminators_of_the_same_training_are_added(tmp_path):
    run, repeated = record_run(tmp_path / "published"), record_run(tmp_path / "repeated")
    for step in run.d_snapshot_steps():
        run.d_snapshot_path(step).unlink()
    before = {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()}
    added = add_discriminators(run, repeated)
    assert added == [run.d_snapshot_path(step) for step in (0, 2, 4)]
    for step, path in zip((0, 2, 4), added, strict=True):
        assert path.read_bytes() == repeated.d_snapshot_path(step).read_bytes()
    assert {path: path.read_bytes() for path in before} == before


def test_another_training_is_refused(tmp_path):
    run, other = record_run(tmp_path / "published"), record_run(tmp_path / "other", replace(TINY, seed=1))
    for step in run.d_snapshot_steps():
        run.d_snapshot_path(step).unlink()
    with pytest.raises(ValueError, match="the generator at step 0"):
        add_discriminators(run, other)
    assert run.d_snapshot_steps() == []
