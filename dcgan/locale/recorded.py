"""Sentences that a training recorded in English, for a page that shows them in the visitor's language.

A training is a command, so its notes and its error are English. The catalog has their templates, since the code makes
them by `tr`. Here a recorded sentence is compared with these templates, which gives back its values.
"""

from __future__ import annotations

import string
from functools import cache, lru_cache
from typing import NamedTuple

from dcgan.locale.language import ENGLISH, language, texts_of, tr_marked

MAX_LENGTH = 2_000
"""Longer sentences stay as they are: no training writes them."""
MAX_PHRASES = 50
"""A longer list stays as it is."""
MAX_DEPTH = 3
"""Sentences within sentences. Those of the trainer have two levels."""
_MIN_LETTERS = 10
"""Of a template besides its places. With fewer, it would fit sentences of which the code knows nothing."""
_MIN_LETTERS_WITHIN = 5
_SENTENCES = ("reason", "remedy")
"""Places that hold a sentence or a clause, which may be a text of the catalog itself."""
_PHRASES = ("names", "missing", "gone", "new", "share", "before", "after")
"""Places that may hold a phrase with values, such as "a.png, b.png and 3 more". Else they hold names or numbers."""


class _Template(NamedTuple):
    """A text of the catalog, cut at its places."""

    text: str
    literals: tuple[str, ...]
    """What stands before, between and after the places: one more than there are places."""
    places: tuple[str, ...]
    letters: int
    """How many letters stand outside of the places."""

    def values_in(self, sentence: str) -> dict[str, str] | None:
        """Return the values of the places in a sentence; None where it is none of this template.

        Each literal is sought once, from the left, so the time is proportional to the sentence's length.
        """
        first, *between, last = self.literals
        start, end = len(first), len(sentence) - len(last)
        if start > end or not (sentence.startswith(first) and sentence.endswith(last)):
            return None
        values: dict[str, str] = {}
        for place, literal in zip(self.places, [*between, ""], strict=True):
            stop = sentence.find(literal, start, end) if literal else end
            if stop <= start or values.setdefault(place, sentence[start:stop]) != sentence[start:stop]:
                return None
            start = stop + len(literal)
        return values


def tr_recorded(sentence: str) -> str:
    """Return a recorded English sentence in the visitor's language; unchanged where the catalog does not have it."""
    code = language()
    return sentence if code == ENGLISH or len(sentence) > MAX_LENGTH else _translated(sentence, code)


def tr_recorded_list(phrases: str) -> str:
    """Return recorded English phrases, which commas separate, each in the visitor's language where it is known."""
    code = language()
    if code == ENGLISH or len(phrases) > MAX_LENGTH or phrases.count(", ") >= MAX_PHRASES:
        return phrases
    return ", ".join(_filled_in(phrase, code, _MIN_LETTERS_WITHIN) for phrase in phrases.split(", "))


@lru_cache(maxsize=1024)
def _translated(sentence: str, code: str, least: int = _MIN_LETTERS, depth: int = 0) -> str:
    if (known := tr_marked(sentence)) != sentence:
        return known
    return _filled_in(sentence, code, least, depth)


@lru_cache(maxsize=4096)
def _filled_in(sentence: str, code: str, least: int, depth: int = 0) -> str:
    """Return the translation of the template that fits the sentence, with the values of the sentence."""
    if depth > MAX_DEPTH:
        return sentence
    for template in _templates(code):
        if template.letters < least:
            break
        if (values := template.values_in(sentence)) is not None:
            parts = {place: _part(place, value, code, depth + 1) for place, value in values.items()}
            return "".join(
                literal + ("" if place is None else parts[place])
                for literal, place, _, _ in string.Formatter().parse(tr_marked(template.text))
            )
    return sentence


def _part(place: str, value: str, code: str, depth: int) -> str:
    if place in _SENTENCES:
        return _translated(value, code, _MIN_LETTERS_WITHIN, depth)
    return _filled_in(value, code, _MIN_LETTERS_WITHIN, depth) if place in _PHRASES else value


@cache
def _templates(code: str) -> list[_Template]:
    """Return the templates of a catalog, those with the most letters first: they fit the fewest sentences.

    Recorded sentences begin with a small letter or a value. So texts that begin with a capital are left out.
    """
    templates = [template for text in texts_of(code) if not text[0].isupper() and (template := _cut(text))]
    return sorted(templates, key=lambda template: -template.letters)


def _cut(text: str) -> _Template | None:
    """Return the template of a text; None for one without places, or whose braces are its own."""
    literals, places = [""], []
    try:
        for literal, place, _, _ in string.Formatter().parse(text):
            literals[-1] += literal
            if place is not None:
                if not place.isidentifier():
                    return None
                places.append(place)
                literals.append("")
    except ValueError:
        return None
    letters = sum(map(str.isalpha, "".join(literals)))
    return _Template(text, tuple(literals), tuple(places), letters) if places else None
