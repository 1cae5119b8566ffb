"""What a page makes of the address it was opened with, which may hold anything."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping
from typing import Any

import streamlit as st

from dcgan.sampling.link_fields import shown

_ASKED = "asked-in-the-address"


def asked_for() -> dict[str, list[str]]:
    """What the address held when the session was opened; to be called before the page's first widget.

    Values that a widget refuses are gone from it once the widget is there, so this looks before. A whole number
    without end is taken out here: Streamlit's number_input raises OverflowError for it.
    """
    in_address = {key: st.query_params.get_all(key) for key in st.query_params}
    asked = st.session_state.setdefault(_ASKED, in_address)
    endless = [key for key in asked if key in in_address and any(map(is_endless, in_address[key]))]
    for key in endless:
        del st.query_params[key]
    if endless:
        st.rerun()
    return asked


def is_endless(text: str) -> bool:
    try:
        return math.isinf(float(text))
    except ValueError:
        return False


def refused(asked: Mapping[str, list[str]], elsewhere: Collection[str] = ()) -> list[str]:
    """A sentence for every value that its widget did not take, whose default has replaced it, and one for all keys
    that no widget here has. Said once a session.

    `elsewhere` names keys of widgets that may come later, as those of another view of the page do. To be called
    after the page's last widget.
    """
    st.session_state[_ASKED] = {}
    values = st.session_state
    sentences = [
        plain(f"{key}={shown(','.join(texts))} in the address cannot be shown; it is {values[key]} instead.")
        for key, texts in asked.items()
        if key in values and not spells(texts, values[key])
    ]
    # Hugging Face adds keys that begin with "__", such as a theme's.
    unused = [shown(key) for key in asked if key not in values and key not in elsewhere and key[:2] != "__"]
    if unused:
        more = ", ..." if len(unused) > 3 else ""
        sentences.append(plain(f"The address also holds {', '.join(unused[:3])}{more}, of no use here."))
    return sentences


def plain(text: str) -> str:
    """The text as Markdown that shows it letter by letter: what an address holds must make no link and no image."""
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", text)


def spells(texts: list[str], value: Any) -> bool:
    """Whether the URL's texts are the widget's value."""
    values = value if isinstance(value, list) else [value]
    if len(values) == 1 and isinstance(values[0], int | float) and not isinstance(values[0], bool):
        try:
            return float(texts[-1]) == values[0]
        except ValueError:
            return False
    return [text.lower() for text in texts] == [str(each).lower() for each in values]
