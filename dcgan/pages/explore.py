"""The Explore page: what a trained generator draws, in four views.

torch is imported when the first picture is drawn, not before.
"""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from dcgan.config import NUM_COMPONENTS
from dcgan.pages.parts import explore_arithmetic, explore_live, explore_samples, explore_time_machine
from dcgan.pages.parts.address import plain, refusals, requested_values
from dcgan.pages.parts.explore_pictures import load
from dcgan.runs import listing
from dcgan.runs.listing import list_runs
from dcgan.runs.run import Run

DEFAULT_RUN = listing.BEST[0]

VIEWS = {
    "Samples": explore_samples,
    "Live": explore_live,
    "Time machine": explore_time_machine,
    "Vector arithmetic": explore_arithmetic,
}

DISTRIBUTIONS = {
    "normal": "each standard normal",
    "uniform": "each uniform from -1 to 1",
    "mixture": f"the first {NUM_COMPONENTS} of which select a mixture component; the others are standard normal",
}


def main() -> None:
    st.title("Explore")
    st.write(
        "A trained generator turns any point of its latent space into an image. A seed names a point: it is the same "
        "point on every machine. For one generator it is always the same image."
    )
    query = requested_values()
    notes = st.container()
    listed = listing.best_first(list_runs())
    runs = {run.name: run for run in listed if run.has_plain_name and run.has_weights}
    if runs:
        show_views(runs)
    else:
        reason = f"None of the {len(listed)} runs has weights yet. " if listed else "There is no trained model yet. "
        st.info(reason + "Run `python -m dcgan train dcgan --epochs 1`, then reload this page.")
    for sentence in refusals(query, keys_of_closed_views(runs)):
        notes.warning(sentence)


def keys_of_closed_views(runs: Mapping[str, Run]) -> set[str]:
    """Return the keys of the views that are not open; without runs, of all views."""
    opened = VIEWS.get(st.session_state.get("view", "")) if runs else None
    return {key for view in VIEWS.values() for key in view.KEYS} - set(opened.KEYS if opened else ())


def show_views(runs: Mapping[str, Run]) -> None:
    """Show the controls that all views share, then the open view."""
    names = list(runs)
    which, zoom, colors = st.columns([3, 2, 2], vertical_alignment="bottom")
    index = names.index(DEFAULT_RUN) if DEFAULT_RUN in names else 0
    run = runs[which.selectbox("Run", names, index, key="run", bind="query-params")]
    # The keys of the address are older than the labels, so that earlier addresses keep opening.
    enlarge = zoom.slider("Zoom", 1, 8, 3, key="size", bind="query-params", help="Screen pixels per image pixel.")
    reverse = colors.toggle("Invert colors", key="reverse", bind="query-params", help="Black on white.")
    newest = load(run.weights_path)
    if newest is not None:
        config = newest.config
        st.caption(
            f"{run.name}: weights {newest.weights_id} of step {newest.step:,}; a latent vector z has "
            f"{config.latent_dim} numbers, {DISTRIBUTIONS[config.latent]}."
        )
    tabs = st.tabs(list(VIEWS), key="view", on_change="rerun", bind="query-params")
    for tab, view in zip(tabs, VIEWS.values(), strict=True):
        if tab.open:
            with tab:
                try:
                    view.show_view(run, newest, reverse=reverse, enlarge=enlarge)
                except (OSError, ValueError) as error:
                    st.warning(plain(f"This cannot be drawn: {error}."))


main()
