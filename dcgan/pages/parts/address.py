"""Read the address that a page was opened with. It may hold anything."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from html import escape
from typing import Any
from urllib.parse import urlencode

import streamlit as st

from dcgan.locale.language import languages, tr
from dcgan.pages.parts.catalog import HOME
from dcgan.sampling.class_names import label_of, label_text
from dcgan.sampling.link import is_foreign, repaired
from dcgan.sampling.link_fields import shown

OF_EVERY_PAGE = ("hide", "tour", "lang")
"""Keys of the address that streamlit_app.py reads: see hidden.py, tour.py and visitor_language.py."""
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


def page_address(page: str, query: Mapping[str, str]) -> str:
    """Return the address of a page of the studio, relative to any other page, with this query."""
    return f"{'.' if page == HOME.name else page}?{urlencode(query)}"


def address_link(page: str, query: Mapping[str, str], text: str) -> None:
    """Show a link that opens a page with this query, in the same tab and in the same language.

    st.page_link would leave another address in the address bar (Streamlit 1.67), so a reload would show another page.
    """
    # The browser's own blue cannot be read on a dark page.
    style = "color: inherit; font-weight: 600"
    code = st.query_params.get("lang")
    address = page_address(page, {**query, "lang": code} if code in languages() else query)
    st.html(f'<a href="{escape(address)}" target="_self" style="{style}">{escape(text)}</a>')


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
            # Only the last value of a key has the end of the address.
            st.query_params[key] = [*st.query_params.get_all(key)[:-1], text]
    st.rerun()  # the widgets read the address when a run begins


def spell_labels(key: str, classes: Sequence[str], count: int) -> None:
    """Write the address's labels as the widget lists them: "3 cats" for "3" and for "cats". Other texts stay.

    Call it before the widget. An address from a time without class names keeps its labels so.
    """
    texts = st.query_params.get_all(key)
    labels = [label_of(text, classes, count) for text in texts]
    listed = [text if n is None else label_text(n, classes) for text, n in zip(texts, labels, strict=True)]
    requested = st.session_state.get(_REQUESTED, {})
    if key in requested:
        found = [label_of(text, classes, count) for text in requested[key]]
        requested[key] = [text if n is None else str(n) for text, n in zip(requested[key], found, strict=True)]
    if listed != texts:
        st.query_params[key] = listed
        st.rerun()


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
        plain(
            tr(
                "{key}={text} in the address cannot be shown; {value} is used instead.",
                key=key,
                text=shown(",".join(texts)),
                value=values[key],
            )
        )
        for key, texts in requested.items()
        if key in values and not spells(texts, values[key])
    ]
    known = [*values, *elsewhere, *OF_EVERY_PAGE]
    unused = [shown(key) for key in requested if key not in known and not is_foreign(key)]
    if unused:
        listed = ", ".join([*unused[:3], *(["..."] if len(unused) > 3 else [])])
        sentences.append(plain(tr("This page does not use {keys} of the address.", keys=listed)))
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
