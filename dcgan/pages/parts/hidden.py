"""Controls that an address hides: a teacher sends a page on which there is only what the lesson needs.

`hide=align,inspect` hides these controls and parts of the page. They keep their values, which the same address may
set. Source of the idea: TensorFlow Playground, whose addresses hide its controls.
"""

from __future__ import annotations

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dcgan.locale.language import tr
from dcgan.pages.parts.address import plain
from dcgan.sampling.link_fields import shown

KEY = "hide"

CONTROLS: dict[str, tuple[str, ...]] = {
    "compare": (
        *("left", "right", "align", "at", "inspect", "seed", "size", "reverse", "smoothing", "log"),
        *("curves", "score-curves", "diagnosis", "scores", "differences", "details", "share", "gallery"),
    ),
    "explore": (
        *("run", "size", "reverse", "a", "b", "n", "path", "step", "live"),
        *("seeds", "count", "first", "psi", "labels", "cross", "numbers", "nearest", "va", "vb", "vc"),
        *("start", "advice", "steps", "one", "layer", "order", "off", "maps"),
        *("inputs", "kernel", "stride", "padding", "row", "column", "source", "digit"),
        *("origin", "slant", "thickness", "width", "height", *(f"unnamed{number}" for number in range(1, 9))),
    ),
    "step": ("run", "from", "learns", "lr_g", "lr_d", "next", "play", "reset", "take-1", "take-10", "take-100"),
}
"""Page -> the names that an address can hide: keys of widgets, and of parts with several elements."""
_MENTIONED = "names-to-hide-that-were-mentioned"


def hide_requested(page: str) -> None:
    """Hide what the address names. Streamlit gives an element with a key the class st-key-KEY.

    Only known names become a rule.
    """
    names = requested_names()
    known = [name for name in CONTROLS.get(page, ()) if name in names]
    if known:
        selectors = ", ".join(f".st-key-{name}" for name in known)
        st.html(f"<style>{selectors} {{ display: none !important; }}</style>")


def mention_unknown(page: str, place: DeltaGenerator) -> None:
    """Say once a session, in this place, which of the names the page does not have. Call it after the page."""
    unknown = [name for name in requested_names() if name not in CONTROLS.get(page, ())]
    if unknown and not st.session_state.get(_MENTIONED):
        st.session_state[_MENTIONED] = True
        listed = ", ".join(shown(name) for name in unknown[:5])
        if others := ", ".join(CONTROLS.get(page, ())):
            text = tr(
                "hide={names} in the address is no control of this page, which can hide {others}.",
                names=listed,
                others=others,
            )
        else:
            text = tr(
                "hide={names} in the address is no control of this page, which can hide nothing.",
                names=listed,
            )
        place.warning(plain(text))


def requested_names() -> list[str]:
    """Return the names that the address hides, once each."""
    names = [name.strip() for text in st.query_params.get_all(KEY) for name in text[:2000].split(",")]
    return [*dict.fromkeys(filter(None, names))]
