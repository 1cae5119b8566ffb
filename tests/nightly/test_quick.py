"""Every attack in its quick mode, and the table that they fill."""

from __future__ import annotations

import contextlib
import json
import re

import pytest
from nightly import run
from nightly.attack import Row, Setting, Shared, table
from nightly.results import Results, commit


@pytest.mark.slow
@pytest.mark.parametrize("group", run.GROUPS)
def test_the_program_holds(group, tmp_path):
    """The attacks of a group are one test, because they share processes."""
    rows = {}
    with Shared(tmp_path / "shared") as shared:
        for name in run.GROUPS[group]:
            (tmp_path / name).mkdir()
            rows[name] = list(run.run_attack(name, Setting(tmp_path / name, shared=shared)))
    assert not [failure for attack in rows.values() for row in attack for failure in row.failures]
    for name, attack in rows.items():
        assert attack, name
        assert all(row.cases or row.skipped for row in attack), "an attack without cases shows nothing"


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


def test_what_attacks_share_is_made_once_and_ends_with_the_run(tmp_path):
    events = []

    @contextlib.contextmanager
    def made(folder):
        events.append(folder)
        yield folder
        events.append("end")

    with Shared(tmp_path) as shared:
        for name in ("a", "b"):
            with Setting(tmp_path / name, shared=shared).using(made) as folder:
                assert folder.is_dir()
        assert events == [folder]
    assert events == [folder, "end"]
    with Setting(tmp_path / "c").using(made) as own:
        assert own == tmp_path / "c"
    assert events[2:] == [own, "end"]


# Several runs that fill one table


def test_rows_of_several_runs_are_one_table(tmp_path):
    results = Results(tmp_path / "night" / "results.jsonl", "abc1234", "long", 0)
    assert (results.rows("kills"), results.ended()) == ([], {})
    first, second = Row("a", 3, ("case 1: lost",), "7 MB", extra={"mb": 7.0}), Row("b", 4, skipped="no fork")
    results.add("kills", first)
    results.begin("kills")  # it was broken off, so its rows stay
    results.add("kills", second)
    results.end("kills", 61.4, "a machine")
    assert results.rows("kills") == [first, second]
    assert list(results.ended()) == ["kills"]
    assert results.summary(["kills", "web"])[0] == "a machine"
    assert "web" in results.summary(["kills", "web"])[-1]
    for other in (Results(results.path, "def", "long", 0), Results(results.path, "abc1234", "quick", 0)):
        assert other.rows("kills") == []
    assert Results(results.path, "abc1234", "long", 1).rows("kills") == []


def test_an_attack_that_ended_begins_again_without_rows(tmp_path):
    results = Results(tmp_path / "results.jsonl", "abc1234", "long", 0)
    results.add("kills", Row("a", 3))
    results.end("kills", 1, "a machine")
    results.add("web", Row("c", 1))
    results.begin("kills")
    assert (results.rows("kills"), results.ended()) == ([], {})
    results.add("kills", Row("a", 5))
    assert [row.cases for row in results.rows("kills")] == [5]
    assert [row.name for row in results.rows("web")] == ["c"]


def test_a_run_goes_on_and_prints_all_rows(tmp_path, monkeypatch, capsys):
    done = []

    def attack(name, setting):
        done.append(setting.done)
        yield Row(f"row of {name}", 1)

    monkeypatch.setattr(run, "run_attack", attack)
    monkeypatch.setattr(run.signal, "signal", lambda *arguments: None)
    file = tmp_path / "results.jsonl"
    Results(file, commit(), "quick", 0).add("kills", Row("row before", 1))
    assert run.main(["--only", "kills", "--results", str(file)]) == 0
    assert done == [{"row before"}]
    assert run.main(["--only", "web", "--results", str(file)]) == 0
    capsys.readouterr()
    assert run.main(["--results", str(file), "--table"]) == 0
    printed = capsys.readouterr().out
    assert all(f"| row {name} | 1 | 0 |" in printed for name in ("before", "of kills", "of web"))
    assert "viewers" in printed.partition("not ended: ")[2]
    assert {json.loads(line)["commit"] for line in file.read_text().splitlines()} == {commit()}
    assert run.main(["--only", "browser", "--results", str(file), "--table"]) == 1, "no rows show nothing"
