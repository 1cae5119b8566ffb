"""The language of a visitor: chosen in the sidebar or by the address (`lang=vi`), else that of the browser."""

from __future__ import annotations

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.runtime.scriptrunner import get_script_run_ctx

from dcgan.locale.language import ask_for_language, best_language, languages, tr, tr_marked
from dcgan.pages.parts.address import plain
from dcgan.sampling.link import repaired
from dcgan.sampling.link_fields import shown

KEY = "lang"
"""In the address, where it is only if someone chose a language."""

_CHOSEN = "language-that-was-chosen"
_SHOWN = "language-of-this-session"
_SEEN = "language-that-the-address-had-last"
_WRITTEN_FOR = "page-and-language-of-the-address"
_SWITCH = "language-switch"
_MENTIONED = "unknown-language-was-mentioned"


class Spinner(str):
    """A text for `show_spinner`, marked by `tr_later`: Streamlit gets it once, and it is translated each time."""

    def __str__(self) -> str:
        """Return the text in the visitor's language."""
        return tr_marked(super().__str__())


def serve_in_visitors_language() -> None:
    """Find out the visitor's language, and let all texts of this session be in it. Call it before any text."""
    ask_for_language(_language_of_session)
    in_address = _in_address()
    # The switch may have chosen another language since. After the browser's Back the address counts again.
    if in_address in languages() and in_address != st.session_state.get(_SEEN):
        st.session_state[_CHOSEN] = st.session_state[_SEEN] = in_address
    st.session_state[_SHOWN] = st.session_state.get(_CHOSEN) or best_language(st.context.locale)


def keep_language_in_address(page: str) -> None:
    """Write a chosen language into the address of a page that the visitor has come to, which begins without one.

    Once a page: a second time, the visitor has gone back to where the address had none.
    """
    chosen = st.session_state.get(_CHOSEN)
    if chosen is None or st.session_state.get(_WRITTEN_FOR) == (page, chosen):
        return
    st.session_state[_WRITTEN_FOR] = (page, chosen)
    if st.query_params.get(KEY) != chosen:
        st.session_state[_SEEN] = st.query_params[KEY] = chosen


def offer_languages() -> None:
    """Show the switch in the sidebar."""
    names = languages()
    st.session_state[_SWITCH] = st.session_state[_SHOWN]
    st.sidebar.selectbox(
        # In all three, so that a visitor finds it who reads only one of them.
        "Language · Ngôn ngữ · 语言",
        list(names),
        format_func=lambda code: str(names.get(code, code)),
        key=_SWITCH,
        on_change=_choose,
    )


def mention_unknown_language(place: DeltaGenerator) -> None:
    """Say once a session, in this place, that the address names a language that the studio does not have."""
    text = _in_address()
    if text and text not in languages() and not st.session_state.get(_MENTIONED):
        st.session_state[_MENTIONED] = True
        place.warning(
            plain(
                tr(
                    "lang={code} in the address is not a language of the studio, which has {codes}.",
                    code=shown(text),
                    codes=", ".join(languages()),
                )
            )
        )


def chosen_language() -> dict[str, str]:
    """Return what a link to another page carries: {"lang": code} where the visitor chose a language, else nothing."""
    chosen = st.session_state.get(_CHOSEN)
    return {KEY: chosen} if chosen else {}


def _choose() -> None:
    chosen = st.session_state[_SWITCH]
    st.session_state[_CHOSEN] = st.session_state[_SEEN] = st.query_params[KEY] = chosen


def _in_address() -> str:
    """Return what the address names, without the dot that ends a sentence around a link."""
    return repaired({key: st.query_params[key] for key in st.query_params}).get(KEY, "")


def _language_of_session() -> str | None:
    """Return the language of the visitor for whom this thread runs a page, or None."""
    if get_script_run_ctx(suppress_warning=True) is None:
        return None
    return st.session_state.get(_SHOWN)
