"""How messages name the program and a run."""

from __future__ import annotations

from dcgan.cli.program import name_in_shell
from dcgan.config import TrainConfig
from dcgan.runs.run import Run


def test_a_run_is_named_by_its_name_where_that_finds_it_and_else_by_its_quoted_path(tmp_path, places):
    config = TrainConfig()
    assert name_in_shell(mine := Run.create(config, "x", places)) == mine.name
    elsewhere = Run.create(config, "y", tmp_path / "else where")
    assert name_in_shell(elsewhere) == f"'{elsewhere.path}'"
