"""The language of what a visitor reads: English in the code, other languages from catalogs in dcgan/locale/.

A text stands in English in the code, as a whole sentence with named places:

    tr("{run} has no samples yet.", run=run.name)

The catalogs are gettext's. Without a chosen language all texts are English, so the command line, logs and files are.
docs/translating.md says how to add a language. Standard library only.
"""

from __future__ import annotations

import gettext
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import Any

LANGUAGES = {"en": "English", "vi": "Tiếng Việt", "zh": "简体中文"}
"""Code in an address -> the language's name for itself. The first is the language of the code."""

ENGLISH = next(iter(LANGUAGES))

_CATALOGS = Path(__file__).parent
_DOMAIN = "dcgan"

_chosen: ContextVar[str | None] = ContextVar("chosen language", default=None)
_sources: list[Callable[[], str | None]] = []


def languages() -> dict[str, str]:
    """Return the languages that can be chosen: code -> name.

    The environment's DCGAN_LOCALE can name a folder with further catalogs, for a language that is being translated.
    """
    further = os.environ.get("DCGAN_LOCALE")
    found = sorted(Path(further).glob(f"*/LC_MESSAGES/{_DOMAIN}.mo")) if further else []
    return LANGUAGES | {path.parts[-3]: path.parts[-3] for path in found if path.parts[-3] not in LANGUAGES}


def language() -> str:
    """Return the code of the language in which `tr` answers now."""
    chosen = _chosen.get()
    if chosen is not None:
        return chosen
    return next((code for source in _sources if (code := source()) is not None), ENGLISH)


def ask_for_language(source: Callable[[], str | None]) -> None:
    """Let `language` ask this function where nothing else chose: an app that knows the visitor whom it serves.

    The function returns a code of `languages`, or None where it serves no visitor.
    """
    if source not in _sources:
        _sources.append(source)


@contextmanager
def speaking(code: str) -> Iterator[None]:
    """Make all texts of the block those of a language. Raises KeyError for a code that `languages` does not have."""
    if code not in languages():
        raise KeyError(code)
    token = _chosen.set(code)
    try:
        yield
    finally:
        _chosen.reset(token)


def best_language(accepted: str | None) -> str:
    """Return the language that fits best what a browser accepts, such as "vi-VN,vi;q=0.9,en;q=0.8".

    English where none fits. The text comes from outside and may hold anything.
    """
    weighted: list[tuple[float, str]] = []
    for part in (accepted or "")[:1000].split(","):
        code, _, parameters = part.strip().partition(";")
        code = code.replace("_", "-").lower().split("-")[0]
        _, _, weight = parameters.partition("q=")
        try:
            weighted.append((float(weight) if weight.strip() else 1.0, code))
        except ValueError:
            continue
    known = languages()
    ranked = sorted((entry for entry in weighted if entry[1] in known and entry[0] > 0), key=lambda entry: -entry[0])
    return ranked[0][1] if ranked else ENGLISH


def tr(message: str, /, **values: Any) -> str:
    """Return a text in the visitor's language, with its values.

    `message` is a literal: a tool extracts it for the translators, and a test refuses anything else.
    """
    return _filled(_translations(language()).gettext(message), values)


def tr_plural(one: str, many: str, number: int, /, **values: Any) -> str:
    """Return a text that depends on a number: `one` in English for 1, `many` for all others.

    The number is the value of the place {n}. Languages have other plural forms, which their catalogs say.
    """
    text = _translations(language()).ngettext(one, many, number)
    return _filled(text, {"n": number} | values)


def tr_later(message: str, /) -> str:
    """Return the literal as it is, and mark it for the translators. Show it by `tr_marked`.

    For constants, which are made before anyone has chosen a language.
    """
    return message


def tr_marked(message: str, /, **values: Any) -> str:
    """Return the translation of a text that `tr_later` marked, with its values. The empty text stays empty."""
    return _filled(_translations(language()).gettext(message), values) if message else ""


def texts_of(code: str) -> list[str]:
    """Return the English texts that the catalog of a language translates, without those that depend on a number."""
    catalog = vars(_translations(code)).get("_catalog", {})  # gettext has no other way to list them
    return [text for text in catalog if isinstance(text, str) and text]


def _filled(text: str, values: dict[str, Any]) -> str:
    # A text without values may hold braces of its own.
    return text.format(**values) if values else text


@cache
def _translations(code: str) -> gettext.NullTranslations:
    """Return the catalog of a language. One that cannot be read is an error of the installation, and not hidden."""
    if code == ENGLISH:
        return gettext.NullTranslations()
    folders = [os.environ.get("DCGAN_LOCALE"), _CATALOGS] if code not in LANGUAGES else [_CATALOGS]
    return next(gettext.translation(_DOMAIN, folder, [code]) for folder in folders if folder)
