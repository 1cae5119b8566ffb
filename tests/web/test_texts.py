"""The texts of the static page have the same names and places in each language."""

from __future__ import annotations

import re

import pytest
from page_texts import FILES, WEB, places, texts_of

OTHERS = [code for code in FILES if code != "en"]
SAME = {"vi": {"positionValue", "seedA", "seedB", "quizSource"}, "zh": {"positionValue"}}
"""Texts that a language has as English has them: names of the field, which stay."""
HAN = r"[\u4e00-\u9fff]"


def test_every_text_of_a_file_is_read():
    for code, name in FILES.items():
        source = (WEB / name).read_text(encoding="utf-8")
        source = source[source.index("export const") : source.index("\n};")]
        assert list(texts_of(code)) == re.findall(r"^  (\w+):", source, re.MULTILINE), name


@pytest.mark.parametrize("code", OTHERS)
def test_names_and_places_are_those_of_the_english_texts(code: str):
    english, texts = texts_of("en"), texts_of(code)
    assert list(texts) == list(english)
    for name, text in texts.items():
        assert set(places(text)) == set(places(english[name])), name


@pytest.mark.parametrize("code", OTHERS)
def test_no_text_is_left_in_english(code: str):
    english, texts = texts_of("en"), texts_of(code)
    assert {name for name, text in texts.items() if text == english[name]} == SAME[code]


def test_chinese_texts_keep_the_rules_of_chinese_type():
    for name, text in texts_of("zh").items():
        assert name in SAME["zh"] or re.search(HAN, text), name
        assert not re.search(rf"{HAN}[A-Za-z0-9{{]|[A-Za-z0-9}}]{HAN}", text), f"{name} needs a space: {text}"
        assert not re.search(rf"{HAN}[,;:?!()]|[,;:?!()]{HAN}", text), f"{name} needs full-width punctuation: {text}"


@pytest.mark.parametrize("code", OTHERS)
def test_sentences_end_as_in_english(code: str):
    english = texts_of("en")
    for name, text in texts_of(code).items():
        assert text.endswith((".", "。")) == english[name].endswith("."), name
