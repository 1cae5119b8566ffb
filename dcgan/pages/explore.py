"""The Explore page: what a trained generator draws, in several views.

torch is imported when the first picture is drawn, not before.
"""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from dcgan.config import NUM_COMPONENTS
from dcgan.locale.language import languages, speaking, tr, tr_later, tr_marked
from dcgan.pages.parts import (
    explore_arithmetic,
    explore_critique,
    explore_draw,
    explore_inside,
    explore_live,
    explore_samples,
    explore_sliders,
    explore_time_machine,
)
from dcgan.pages.parts.address import plain, refusals, requested_values
from dcgan.pages.parts.addressed import keep_in_address, option_to_show
from dcgan.pages.parts.explore_pictures import load
from dcgan.runs import listing
from dcgan.runs.listing import list_runs
from dcgan.runs.run import Run

DEFAULT_RUN = listing.BEST[0]

# Name in the address -> the module of the view. (Streamlit would show a string below this on the page.)
VIEWS = {
    tr_later("Samples"): explore_samples,
    tr_later("Live"): explore_live,
    tr_later("Time machine"): explore_time_machine,
    tr_later("Vector arithmetic"): explore_arithmetic,
    tr_later("What D tells G"): explore_critique,
    tr_later("Draw an image"): explore_draw,
    tr_later("Named sliders"): explore_sliders,
    tr_later("Inside the generator"): explore_inside,
}
FIRST_VIEW = next(iter(VIEWS))
EARLIER_NAMES = {"draw a digit": "Draw an image"}

# Distribution of z -> what the page says about the weights.
ABOUT_WEIGHTS = {
    "normal": tr_later(
        "{run}: weights {weights_id} of step {step:,}; a latent vector z has {latent_dim} numbers, each standard "
        "normal."
    ),
    "uniform": tr_later(
        "{run}: weights {weights_id} of step {step:,}; a latent vector z has {latent_dim} numbers, each uniform from "
        "-1 to 1."
    ),
    "mixture": tr_later(
        "{run}: weights {weights_id} of step {step:,}; a latent vector z has {latent_dim} numbers, the first "
        "{components} of which select a mixture component; the others are standard normal."
    ),
}


def main() -> None:
    st.title(tr("Explore"))
    st.write(
        tr(
            "A trained generator turns any point of its latent space into an image. A seed names a point: it is the "
            "same point on every machine. For one generator it is always the same image."
        )
    )
    query = requested_values()
    notes = st.container()
    listed = listing.best_first(list_runs())
    runs = {run.name: run for run in listed if run.has_plain_name and run.has_weights}
    if runs:
        show_views(runs)
    elif listed:
        st.info(
            tr(
                "None of the {count} runs has weights yet. Run `python -m dcgan train dcgan --epochs 1`, then reload "
                "this page.",
                count=len(listed),
            )
        )
    else:
        st.info(
            tr("There is no trained model yet. Run `python -m dcgan train dcgan --epochs 1`, then reload this page.")
        )
    if "view" in query:
        query = query | {"view": list(map(label_of_view, query["view"]))}  # the session has the label, too
    for sentence in refusals(query, keys_of_closed_views(runs)):
        notes.warning(sentence)


def keys_of_closed_views(runs: Mapping[str, Run]) -> set[str]:
    """Return the keys of the views that are not open; without runs, of all views."""
    opened = VIEWS[name_of_view(st.session_state["view"])] if runs else None
    return {key for view in VIEWS.values() for key in view.KEYS} - set(opened.KEYS if opened else ())


def show_views(runs: Mapping[str, Run]) -> None:
    """Show the controls that all views share, then the open view."""
    names = list(runs)
    which, zoom, colors = st.columns([3, 2, 2], vertical_alignment="bottom")
    index = names.index(DEFAULT_RUN) if DEFAULT_RUN in names else 0
    run = runs[which.selectbox(tr("Run"), names, index, key="run", bind="query-params")]
    # The keys of the address are older than the labels, so that earlier addresses keep opening.
    enlarge = zoom.slider(
        tr("Zoom"), 1, 8, 3, key="size", bind="query-params", help=tr("Screen pixels per image pixel.")
    )
    reverse = colors.toggle(tr("Invert colors"), key="reverse", bind="query-params", help=tr("Black on white."))
    newest = load(run.weights_path)
    if newest is not None:
        config = newest.config
        st.caption(
            tr_marked(
                ABOUT_WEIGHTS[config.latent],
                run=run.name,
                weights_id=newest.weights_id,
                step=newest.step,
                latent_dim=config.latent_dim,
                components=NUM_COMPONENTS,
            )
        )
    begin_with_view()
    tabs = st.tabs([tr_marked(name) for name in VIEWS], key="view", on_change="rerun")
    keep_in_address("view", name_of_view(st.session_state["view"]), FIRST_VIEW)
    for tab, view in zip(tabs, VIEWS.values(), strict=True):
        if tab.open:
            with tab:
                try:
                    view.show_view(run, newest, reverse=reverse, enlarge=enlarge)
                except (OSError, ValueError) as error:
                    st.warning(plain(tr("This cannot be drawn: {error}.", error=error)))


# The open view. The address has its English name, and the session the label of its tab: tabs have no format_func.


def begin_with_view() -> None:
    """Let the tabs open the view of the session, else that of the address.

    The session has a label, perhaps in the language of the run before, or the English name that a button has set.
    """
    if earlier := EARLIER_NAMES.get(st.query_params.get("view", "").lower()):
        st.query_params["view"] = earlier
    known = names_by_label().get(st.session_state.get("view", ""))
    name = option_to_show("view", list(VIEWS), FIRST_VIEW, known)
    # Always, since tabs with other labels are another widget, which has no value yet.
    st.session_state["view"] = tr_marked(name)


def name_of_view(label: str) -> str:
    """Return the English name of the view with this label, in any language."""
    return names_by_label()[label]


def label_of_view(text: str) -> str:
    """Return the label of the view that the address names; the text itself if it names none."""
    text = EARLIER_NAMES.get(text.lower(), text)
    return next((tr_marked(name) for name in VIEWS if name.lower() == text.lower()), text)


def names_by_label() -> dict[str, str]:
    """Return the label of each view in each language -> its English name."""
    names = {}
    for code in languages():
        with speaking(code):
            names |= {tr_marked(name): name for name in VIEWS}
    return names


main()
