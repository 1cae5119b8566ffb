"""Trainings: start one, watch it live, stop it and go on, and replay those that are over. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from dcgan.pages.parts.address import asked_for, plain, refused
from dcgan.pages.parts.live import actions, live_view
from dcgan.pages.parts.start import start_form
from dcgan.runs import launch, listing, tables
from dcgan.runs.listing import list_runs
from dcgan.runs.run import Run

TABLE_EVERY_SECONDS = 2.0
DEFAULT_RUN = "dcgan-mnist"


def main() -> None:
    st.title("Train")
    st.write(
        "A training is a process of its own: reload this page, close it or stop the server, and it goes on. Every "
        "one is recorded, so what you can watch live you can replay later."
    )
    asked = asked_for()
    notes = st.container()
    runs = listing.by_label(list_runs())
    reason = launch.forbidden()
    with st.expander("Start a training", expanded=not reason and "run" not in asked, icon="▶️"):
        if reason:
            st.info(plain(reason))
        else:
            start_form()
    if runs:
        chosen = choose(runs)
        st.subheader(plain(chosen.name))
        actions(chosen, may_train=not reason)
        live_view(chosen)
    else:
        st.info("There is no recording yet: start a training, and it appears here.")
    for sentence in refused(asked):
        notes.warning(sentence)


def choose(runs: Mapping[str, Run]) -> Run:
    """The run to look at; without a choice the one that is training, else the newest of the user's own."""
    labels = list(runs)
    own = next((label for label in labels if not runs[label].is_published), DEFAULT_RUN)
    default = next((label for label in labels if runs[label].is_locked()), own if own in labels else labels[0])
    # The widget has no default of its own: that is left out of the address, and with the next training it is another.
    if st.session_state.get("run") not in labels and st.query_params.get("run") not in labels:
        st.session_state["run"] = default
    label = st.selectbox("Run", labels, None, key="run", bind="query-params", required=True) or default
    alive = any(run.is_locked() for run in runs.values())
    with st.expander(f"All {len(runs)} runs" if len(runs) > 1 else "The one run", expanded=False):
        st.fragment(table_of_runs, run_every=TABLE_EVERY_SECONDS if alive else None)(list(runs.values()))
    return runs[label]


def table_of_runs(runs: list[Run]) -> None:
    """Every run in a line; a damaged one with its reason."""
    summaries = [tables.run_summary(run) for run in runs if run.path.exists()]
    st.dataframe(
        [
            {
                "run": summary["name"],
                "state": summary["state"] + (", published" if summary["published"] else ""),
                "preset": summary.get("preset", ""),
                "data": summary.get("data", ""),
                "progress": summary["epoch"] / summary["epochs"] if summary.get("epochs") else None,
                "epoch": f"{summary['epoch']:g} of {summary['epochs']}" if "epoch" in summary else "",
                "D loss": summary.get("d_loss"),
                "G loss": summary.get("g_loss"),
                "what is wrong": summary.get("error", ""),
            }
            for summary in summaries
        ],
        hide_index=True,
        column_config={
            "progress": st.column_config.ProgressColumn(min_value=0, max_value=1, format="percent"),
            "D loss": st.column_config.NumberColumn(format="%.3f"),
            "G loss": st.column_config.NumberColumn(format="%.3f"),
            "what is wrong": None if all("error" not in summary for summary in summaries) else "what is wrong",
        },
        alt="The runs with their state, preset, data, progress and last losses",
    )


main()
