"""Widgets whose options are translated, and whose value the address keeps in English.

Streamlit's own bind="query-params" writes the translated option. Such a link would open in one language only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from dcgan.locale.language import tr_marked

_WRITTEN = "options-in-the-address"
"""Key in the session -> two dictionaries from keys of the address to what this module wrote there last.

The first is of this run of the page, the second of the run before.
"""


def addressed(
    widget: Callable[..., Any], label: str, options: Sequence[str], default: str, *, key: str, **settings: Any
) -> str:
    """Show a selectbox, radio or segmented control, and return the chosen option in English.

    Options are in English, marked by `tr_later`. The address has another option than the default as key=option.
    """
    begin_with_address(key, options, default)
    value = widget(label, options, key=key, format_func=tr_marked, **settings)
    keep_in_address(key, value, default)
    return value


def begin_with_address(key: str, options: Sequence[str], default: str) -> None:
    """Give a widget the option of `option_to_show`. Call it before the widget."""
    known = st.session_state.get(key)
    option = option_to_show(key, options, default, known)
    if option != known:
        st.session_state[key] = option


def option_to_show(key: str, options: Sequence[str], default: str, known: str | None) -> str:
    """Return the option of the address if the address is new, else the known one of the session.

    The address is new at the first run, and after the browser's Back. A text that is not an option is ignored.
    """
    by_text = {option.lower(): option for option in options}
    in_address = by_text.get(st.query_params.get(key, "").lower(), default)
    current, before = _written()
    is_new = in_address != current.get(key, before.get(key, in_address))
    return in_address if is_new or known is None or known not in options else known


def keep_in_address(key: str, value: str, default: str) -> None:
    """Write an option into the address, and remove the default from it. `end_run` removes what is no longer shown."""
    _written()[0][key] = value
    if value != default:
        if st.query_params.get_all(key) != [value]:
            st.query_params[key] = value
    elif key in st.query_params:
        del st.query_params[key]


def begin_run() -> None:
    """Begin a run of the whole page. Call it before the page."""
    current, before = _written()
    # A run that was broken off did not remove anything, so its keys are still to be looked at.
    st.session_state[_WRITTEN] = ({}, before | current)


def end_run() -> None:
    """Remove from the address what a widget wrote that is no longer shown. Call it after the page."""
    current, before = _written()
    for key in before:
        if key not in current and key in st.query_params:
            del st.query_params[key]
    st.session_state[_WRITTEN] = (current, {})


def _written() -> tuple[dict[str, str], dict[str, str]]:
    return st.session_state.setdefault(_WRITTEN, ({}, {}))
