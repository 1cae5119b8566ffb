"""Every attack in its quick mode, and the table that they fill."""

from __future__ import annotations

import re

import pytest
from nightly import run
from nightly.attack import Row, Setting, table


@pytest.mark.slow
@pytest.mark.parametrize("name", run.ATTACKS)
def test_the_program_holds(name, tmp_path):
    rows = list(run.run_attack(name, Setting(tmp_path)))
    assert rows
    assert not [failure for row in rows for failure in row.failures]
    assert all(row.cases or row.skipped for row in rows), "an attack without cases shows nothing"


def test_every_attack_is_run():
    folder = run.Path(run.__file__).parent
    modules = {
        path.stem for path in folder.glob("*.py") if re.search(r"^def attack\(", path.read_text(), re.MULTILINE)
    }
    assert modules == set(run.ATTACKS)


def test_the_table_counts_and_names_failures():
    text = table([Row("kills", 1200, measured="0 rows lost"), Row("cuts", 7, tuple(f"case {i}" for i in range(7)))])
    assert "| kills | 1,200 | 0 | 0 rows lost |" in text
    assert "| cuts | 7 | 7 | |" in text
    assert "- case 4\n- and 2 more" in text


def test_an_attack_that_breaks_is_a_failure(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(run.importlib, "import_module", lambda name: 1 / 0)
    (row,) = run.run_attack("kills", Setting(tmp_path))
    assert "ZeroDivisionError" in row.failures[0]


def test_the_same_seed_attacks_in_the_same_way(tmp_path):
    first, again, other = Setting(tmp_path), Setting(tmp_path / "x"), Setting(tmp_path, seed=1)
    assert first.random("a").random() == again.random("a").random()
    assert len({first.random("a").random(), first.random("b").random(), other.random("a").random()}) == 3
