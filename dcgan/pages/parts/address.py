"""Read the address that a page was opened with. It may hold anything."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping
from typing import Any

import streamlit as st

from dcgan.sampling.link import is_foreign, repaired
from dcgan.sampling.link_fields import shown

_REQUESTED = "requested-in-the-address"
_REPAIRED = "address-is-repaired"


def requested_values() -> dict[str, list[str]]:
    """Return what the address held when the session was opened. Call it before the page's first widget.

    A value that a widget refuses disappears with the widget, so this function looks before. It removes infinite
    numbers itself, because Streamlit's number_input raises OverflowError for them. What mail programs and sentences
    add to an address is undone (see `link.repaired`).
    """
    if _REPAIRED not in st.session_state:
        st.session_state[_REPAIRED] = True
        _repair_address()
    in_address = {key: st.query_params.get_all(key) for key in st.query_params}
    requested = st.session_state.setdefault(_REQUESTED, in_address)
    infinite = [key for key in requested if key in in_address and any(map(is_infinite, in_address[key]))]
    for key in infinite:
        del st.query_params[key]
    if infinite:
        st.rerun()
    return requested


def _repair_address() -> None:
    """Give the widgets the address as it was made."""
    texts = {key: st.query_params[key] for key in st.query_params}
    fixed = repaired(texts)
    if fixed == texts:
        return
    for key in texts:
        if key not in fixed:
            del st.query_params[key]
    for key, text in fixed.items():
        if texts.get(key) != text:
            st.query_params[key] = text
    st.rerun()  # the widgets read the address when a run begins


def is_infinite(text: str) -> bool:
    """Return whether the text is an infinite number."""
    try:
        return math.isinf(float(text))
    except ValueError:
        return False


def refusals(requested: Mapping[str, list[str]], elsewhere: Collection[str] = ()) -> list[str]:
    """Return a sentence for each value that its widget refused, and one for all keys without a widget here.

    A session gets each sentence once. `elsewhere` names keys of widgets that may come later, such as those of another
    view of the page. Call it after the page's last widget.
    """
    st.session_state[_REQUESTED] = {}
    values = st.session_state
    sentences = [
        plain(f"{key}={shown(','.join(texts))} in the address cannot be shown; {values[key]} is used instead.")
        for key, texts in requested.items()
        if key in values and not spells(texts, values[key])
    ]
    known = [*values, *elsewhere]
    unused = [shown(key) for key in requested if key not in known and not is_foreign(key)]
    if unused:
        more = ", ..." if len(unused) > 3 else ""
        sentences.append(plain(f"This page does not use {', '.join(unused[:3])}{more} of the address."))
    return sentences


_BECOMES_ELSE = re.compile(r"(https?(?=://)|www(?=\.)|@(?=[\w-]+\.)|:(?=[\w+/-]+:))", re.IGNORECASE)
"""What Streamlit's page turns into a link, an emoji or an icon after Markdown is read, where escapes are gone."""
_WORD_JOINER = "\u2060"


def plain(text: str) -> str:
    """Return Markdown that shows the text letter by letter. Text from outside must not make a link or an image.

    An invisible character stands within addresses and names of emoji: they have no escape.
    """
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", _BECOMES_ELSE.sub(rf"\1{_WORD_JOINER}", text))


def spells(texts: list[str], value: Any) -> bool:
    """Return whether the texts of the address are the widget's value."""
    values = value if isinstance(value, list) else [value]
    if len(values) == 1 and isinstance(values[0], int | float) and not isinstance(values[0], bool):
        try:
            return float(texts[-1]) == values[0]
        except ValueError:
            return False
    return [text.lower() for text in texts] == [str(item).lower() for item in values]
