"""The language of texts: the nearest that a browser accepts, and translations with values and plurals."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from hypothesis import given
from hypothesis import strategies as st
from translations import mo_bytes

from dcgan.locale import language
from dcgan.locale.language import best_language, languages, speaking, tr, tr_later, tr_marked, tr_plural


@pytest.fixture
def invented(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Add a language with three texts."""
    catalog = Catalog(locale="pl")
    catalog.add("Seed {name}", "Ziarno {name}")
    catalog.add("Path", "Droga")
    catalog.add(("{n} image", "{n} images"), ("{n} obraz", "{n} obrazy", "{n} obrazów"))
    path = tmp_path / "pl" / "LC_MESSAGES" / "dcgan.mo"
    path.parent.mkdir(parents=True)
    path.write_bytes(mo_bytes(catalog))
    monkeypatch.setenv("DCGAN_LOCALE", str(tmp_path))
    language._translations.cache_clear()
    return "pl"


@pytest.mark.parametrize(
    ("accepted", "code"),
    [
        (None, "en"),
        ("", "en"),
        ("vi", "vi"),
        ("vi-VN,vi;q=0.9,en;q=0.8", "vi"),
        ("en;q=0.8, zh-CN;q=0.9", "zh"),
        ("zh_TW", "zh"),
        ("fr-FR,fr;q=0.9,zh;q=0.5", "zh"),
        ("fr, de", "en"),
        ("vi;q=0, zh;q=0.1", "zh"),
        ("vi;q=much, en", "en"),
        ("*", "en"),
    ],
)
def test_language_that_a_browser_accepts(accepted: str | None, code: str):
    assert best_language(accepted) == code


@given(st.text())
def test_any_text_gives_a_known_language(text: str):
    assert best_language(text) in languages()


def test_texts_are_english_until_a_language_is_chosen(invented: str):
    assert tr("Seed {name}", name="A") == "Seed A"
    with speaking(invented):
        assert tr("Seed {name}", name="A") == "Ziarno A"
        assert tr("Not translated") == "Not translated"
    assert tr("Seed {name}", name="A") == "Seed A"


def test_plural_forms_are_those_of_the_language(invented: str):
    assert [tr_plural("{n} image", "{n} images", n) for n in (1, 2)] == ["1 image", "2 images"]
    with speaking(invented):
        texts = [tr_plural("{n} image", "{n} images", n) for n in (1, 2, 5)]
    assert texts == ["1 obraz", "2 obrazy", "5 obrazów"]


def test_constants_are_translated_when_they_are_shown(invented: str):
    constant = tr_later("Path")
    assert constant == "Path"
    with speaking(invented):
        assert tr_marked(constant) == "Droga"
        assert tr_marked("") == ""


def test_braces_of_a_text_without_values_stay():
    assert tr("A set {1, 2}") == "A set {1, 2}"


def test_threads_have_languages_of_their_own(invented: str):
    texts: list[str] = []
    with speaking(invented):
        thread = threading.Thread(target=lambda: texts.append(tr("Path")))
        thread.start()
        thread.join()
    assert texts == ["Path"]


def test_unknown_language_is_refused():
    with pytest.raises(KeyError), speaking("xx"):
        pass


def test_an_app_can_say_whom_it_serves(invented: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(language, "_sources", [])
    visitor: list[str | None] = [None]
    language.ask_for_language(lambda: visitor[0])
    assert tr("Path") == "Path"
    visitor[0] = invented
    assert tr("Path") == "Droga"
    with speaking("en"):
        assert tr("Path") == "Path"
