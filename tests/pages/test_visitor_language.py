"""The language of the studio's pages: from the address, from the browser, or from the switch in the sidebar."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from recorded import record_run
from studio import checked, open_page, texts, warnings

from dcgan.locale.language import speaking

pytestmark = pytest.mark.usefixtures("only_own_runs")

SWITCH = "language-switch"


def test_pages_are_english_without_a_known_language(runs_root: Path):
    app = open_page("home")
    assert app.sidebar.selectbox(SWITCH).value == "en"
    assert "lang" not in app.query_params


def test_address_chooses_the_language(runs_root: Path):
    app = open_page("home", lang="vi")
    assert app.sidebar.selectbox(SWITCH).value == "vi"
    assert not warnings(app)


def test_switch_writes_its_choice_into_the_address(runs_root: Path):
    app = open_page("home")
    checked(app.sidebar.selectbox(SWITCH).set_value("zh").run())
    assert app.query_params["lang"] == "zh"
    checked(app.switch_page("dcgan/pages/train.py").run())
    assert app.sidebar.selectbox(SWITCH).value == "zh"


@pytest.mark.parametrize("code", ["fr", "xx'<b>", "e" * 3000])
def test_unknown_language_is_mentioned_once(code: str, runs_root: Path):
    app = open_page("home", lang=code)
    (warning,) = warnings(app)
    assert code[:2] in warning
    assert len(warning) < 300
    assert app.sidebar.selectbox(SWITCH).value == "en"
    assert not warnings(checked(app.run()))


@pytest.mark.parametrize("name", ["home", "train", "compare"])
def test_shared_texts_follow_the_language_of_each_visitor(name: str, runs_root: Path, brackets: str):
    record_run(runs_root)
    assert "⟦" in texts(open_page(name, lang=brackets))
    assert "⟦" not in texts(open_page(name))


def test_table_of_runs_follows_the_language_of_each_visitor(runs_root: Path, brackets: str):
    record_run(runs_root)
    shown = [[table.value for table in open_page("train", lang=code).dataframe] for code in (brackets, "en")]
    states = [table["state"][0] for tables in shown for table in tables if "state" in table]
    assert states == ["⟦finished⟧", "finished"]


def test_address_of_a_comparison_is_the_same_in_all_languages(runs_root: Path, brackets: str):
    record_run(runs_root)
    app = open_page("compare", lang=brackets, align="time")
    align = app.selectbox(key="align")
    assert align.options == ["⟦epoch⟧", "⟦images⟧", "⟦time⟧"]
    assert align.value == "time"
    with speaking(brackets):  # AppTest looks for the option as it is shown
        checked(align.set_value("images").run())
    assert app.query_params["align"] == "images"
    assert app.code[0].value.endswith(f"&lang={brackets}")
    assert not warnings(app)


def test_recorded_sentences_follow_the_language_of_each_visitor(runs_root: Path, brackets: str):
    run = record_run(runs_root)
    error = "/data could not be read (it broke); mend that, then resume the run"
    note = "labels are the subfolders: 0 cats, 1 dogs"
    run.write_status(replace(run.status(), state="failed", error=error, notes=(note,)))
    english, in_brackets = texts(open_page("train")), texts(open_page("train", lang=brackets))
    for sentence in (error, note):
        assert f"⟦{sentence}⟧" in in_brackets
        assert sentence in english
        assert f"⟦{sentence}⟧" not in english


def test_language_of_an_address_in_a_sentence(runs_root: Path):
    app = open_page("home", lang="vi.")
    assert app.sidebar.selectbox(SWITCH).value == "vi"
    assert not warnings(app)


def test_address_counts_again_after_the_browsers_back(runs_root: Path):
    app = open_page("home", lang="vi")
    app.query_params["lang"] = "zh"
    assert checked(app.run()).sidebar.selectbox(SWITCH).value == "zh"


def test_address_without_a_language_is_not_written_twice(runs_root: Path):
    """Else the browser's Back would lead to the same page again and again."""
    app = open_page("home", lang="vi")
    del app.query_params["lang"]
    checked(app.run())
    assert "lang" not in app.query_params
    assert app.sidebar.selectbox(SWITCH).value == "vi"
