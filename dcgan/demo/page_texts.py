"""The texts of the page: written in English where a component is made, and sent in the language of each visitor.

Components have texts that `tr_later` marks, or texts of `later`. gradio.I18n would leave the choice to the browser's
language alone, and has no place for a value in a text.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from dcgan.locale.language import ENGLISH, speaking, tr_marked

PROPERTIES = ("label", "info", "placeholder", "alt_text")
"""Of a component, which hold a text if they hold anything."""

WITH_TEXT_AS_VALUE = ("button", "html", "markdown")
"""Types of components. The values of others are values of a link, and the same in all languages."""

_texts: dict[str, Callable[[], str]] = {}


def later(text: Callable[[], str]) -> str:
    """Return a text with values in English, for a component or an event. The page has it in the visitor's language.

    `text` is called for each visitor, and answers in `language()`.
    """
    with speaking(ENGLISH):
        english = text()
    _texts[english] = text
    return english


def now(english: Any) -> Any:
    """Return a text of the page in the language of this request, and anything else as it is."""
    if not isinstance(english, str):
        return english
    return _texts[english]() if english in _texts else tr_marked(english)


class TranslatedBlocks(gr.Blocks):
    """Blocks whose description for a browser has texts in the language of the request."""

    _config: dict[str, Any]

    @property
    def config(self) -> Any:
        """Return what a browser builds the page from, in the language of the request."""
        return self._config | {
            "title": now(self._config["title"]),
            "components": [_translated(component) for component in self._config["components"]],
            "dependencies": [event | {"js": now(event["js"])} for event in self._config["dependencies"]],
        }

    @config.setter
    def config(self, config: dict[str, Any]) -> None:
        self._config = config


def _translated(component: dict[str, Any]) -> dict[str, Any]:
    names = PROPERTIES + ("value",) * (component["type"] in WITH_TEXT_AS_VALUE)
    properties = component["props"]
    texts = {name: now(properties[name]) for name in names if name in properties}
    return component | {"props": properties | texts}
