"""Sentences that a training recorded in English are shown in the visitor's language, with their values."""

from __future__ import annotations

import string
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from translations import extracted, mo_bytes

from dcgan.locale import language, recorded
from dcgan.locale.language import speaking, texts_of, tr_marked
from dcgan.locale.recorded import tr_recorded, tr_recorded_list

TEXTS = {
    "{path} could not be read ({reason}); mend that": "[{reason}] {path}!",
    "{path} could not be read ({reason}); mend that, then resume the run": "[{reason}] {path}, resume!",
    "it is not an idx file of bytes": "no idx",
    "its header has {count:,} bytes": "header: {count:,}",
    "labels are the subfolders: {names}": "labels: {names}",
    "{names} and {count} more": "{names} + {count}",
    "{size}x{size} pixels are too many": "too many: {size}",
    "{device} to step {step:,}": "{step:,} steps of {device}",
    "{name}: {text}": "{text} of {name}",
    "Images {first} to {last}": "from {first} to {last}",
    "make room": "room!",
    "{braces of its own}": "own",
}
"""English -> the words of an invented language."""


@pytest.fixture
def invented(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Add a language, and forget it."""
    catalog = Catalog(locale="pl")
    for english, words in TEXTS.items():
        catalog.add(english, words)
    path = tmp_path / "pl" / "LC_MESSAGES" / "dcgan.mo"
    path.parent.mkdir(parents=True)
    path.write_bytes(mo_bytes(catalog))
    monkeypatch.setenv("DCGAN_LOCALE", str(tmp_path))
    for function in (language._translations, recorded._templates, recorded._translated):
        function.cache_clear()
    yield "pl"
    for function in (language._translations, recorded._templates, recorded._translated):
        function.cache_clear()


@pytest.mark.parametrize(
    ("sentence", "words"),
    [
        ("a (b) could not be read (x); mend that", "[x] a (b)!"),
        ("a could not be read (x); mend that, then resume the run", "[x] a, resume!"),
        ("a could not be read (it is not an idx file of bytes); mend that", "[no idx] a!"),
        ("a could not be read (its header has 1,234 bytes); mend that", "[header: 1,234] a!"),
        ("labels are the subfolders: 0 cat, 1 dog and 3 more", "labels: 0 cat, 1 dog + 3"),
        ("labels are the subfolders: make room", "labels: make room"),
        ("28x28 pixels are too many", "too many: 28"),
        ("make room", "room!"),
    ],
)
def test_recorded_sentence_is_translated_with_its_values(invented: str, sentence: str, words: str):
    assert tr_recorded(sentence) == sentence
    with speaking(invented):
        assert tr_recorded(sentence) == words


@pytest.mark.parametrize(
    "sentence",
    [
        "",
        "KeyError: 'x'",
        "28x32 pixels are too many",
        " could not be read (x); mend that",
        "a could not be read (); mend that",
        "could not be read (mend that",
        "Images 1 to 4",
        "{braces of its own",
        "could not be read (" * 500 + "; mend that",
        "x" * (recorded.MAX_LENGTH + 1),
    ],
)
def test_sentence_of_no_template_stays_as_it_is(invented: str, sentence: str):
    with speaking(invented):
        assert tr_recorded(sentence) == sentence


def test_phrases_of_a_recorded_list_are_translated_one_by_one(invented: str):
    devices = "cpu (a) to step 1,000, cuda, cuda (b) to step 20"
    assert tr_recorded_list(devices) == devices
    with speaking(invented):
        assert tr_recorded_list(devices) == "1,000 steps of cpu (a), cuda, 20 steps of cuda (b)"


@pytest.mark.parametrize("code", [code for code in language.LANGUAGES if code != language.ENGLISH])
def test_each_recorded_sentence_is_found_again_in_the_catalogs(code: str):
    places = {text.id: [place for place, _ in text.locations] for text in extracted() if isinstance(text.id, str)}
    checked = [text for text in texts_of(code) if any(map(is_of_a_training, places.get(text, [])))]
    for text in checked:
        parts = [part for part in string.Formatter().parse(text) if part[1]]
        literals = "".join(literal for literal, *_ in string.Formatter().parse(text))
        if not parts or sum(map(str.isalpha, literals)) < 10:
            continue  # a part of other sentences
        values = {name: value_for(name, spec or "") for _, name, spec, _ in parts if name}
        with speaking(code):
            assert tr_recorded(text.format(**values)) == tr_marked(text, **values)


def is_of_a_training(path: str) -> bool:
    """Return whether a text of this file may be recorded."""
    modules = ("failures", "initial", "recording", "saved")
    of_training = path in {f"dcgan/training/{name}.py" for name in modules}
    return of_training or path.startswith(("dcgan/data/", "dcgan/evaluation/"))


def value_for(name: str, spec: str) -> object:
    """Return a value that a place of this name and format can have."""
    if spec.endswith(("f", "g")):
        return 1.5
    return 12345 if spec else f"<{name}>"


def test_nested_and_endless_sentences_of_strangers_end():
    with speaking("vi"):
        for nested in ("not scored along the way: " * 3000 + "x", "not scored along the way: " * 60 + "x"):
            assert tr_recorded(nested)
        endless = "a, " * 5000
        assert tr_recorded_list(endless) == endless
