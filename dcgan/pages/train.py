"""Start trainings, watch them live, stop and resume them, and replay finished ones. Imports no torch."""

from __future__ import annotations

import functools
import os
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import streamlit as st

from dcgan.locale.language import language, tr, tr_later, tr_marked
from dcgan.pages.parts.actions import actions
from dcgan.pages.parts.address import plain, refusals, requested_values
from dcgan.pages.parts.live import live_seconds, live_view
from dcgan.pages.parts.reader import stamp
from dcgan.pages.parts.start import start_form
from dcgan.runs import launch, listing, tables
from dcgan.runs.listing import list_runs
from dcgan.runs.run import Run

TABLE_EVERY_SECONDS = 2.0
DEFAULT_RUN = "dcgan-mnist"
_FORM_OPEN = "form-open"

# What `run_summary` calls a run. (Streamlit would show a string below this on the page.)
STATES = (
    tr_later("running"),
    tr_later("finished"),
    tr_later("stopped"),
    tr_later("interrupted"),
    tr_later("failed"),
    tr_later("new"),
    tr_later("damaged"),
)


def main() -> None:
    st.title(tr("Train"))
    st.write(
        tr(
            "A training runs in its own process. It continues when you reload this page, close it, or stop the "
            "server. Every training is recorded: you can watch it live and replay it later."
        )
    )
    requested = requested_values()
    notes = st.container()
    listed = list_runs()
    runs = listing.by_label(listed)
    reason = launch.forbidden()
    # As when the page was opened: another value would open or close the form at the first click elsewhere.
    is_open = st.session_state.setdefault(_FORM_OPEN, not reason and "run" not in requested)
    with st.expander(tr("Start a training"), expanded=is_open, icon=":material/play_arrow:"):
        if reason:
            st.info(plain(reason))
        else:
            start_form()
    if runs:
        chosen = choose(runs, [run for run in listed if not run.has_plain_name])
        st.subheader(plain(chosen.name))
        actions(chosen, may_train=not reason)
        live_view(chosen)
    else:
        st.info(tr("There is no recording yet. Start a training, and it appears here."))
    for sentence in refusals(requested):
        notes.warning(sentence)


def choose(runs: Mapping[str, Run], unnamed: Sequence[Run]) -> Run:
    """Return the selected run. The default is the one that is training, else the newest of the user's runs.

    The table below the choice has `unnamed` as well, runs that no label can name, each with the reason.
    """
    labels = list(runs)
    own = next((label for label in labels if not runs[label].is_published), DEFAULT_RUN)
    default = next((label for label in labels if runs[label].is_locked()), own if own in labels else labels[0])
    # Not the widget's own default: Streamlit leaves that out of the address, and the next training changes it.
    if st.session_state.get("run") not in labels and st.query_params.get("run") not in labels:
        st.session_state["run"] = default
    label = st.selectbox(tr("Run"), labels, None, key="run", bind="query-params", required=True) or default
    alive = any(run.is_locked() for run in runs.values())
    every = live_seconds(TABLE_EVERY_SECONDS) if alive else None
    rows = [*runs.values(), *unnamed]
    with st.expander(tr("All {count} runs", count=len(rows)) if len(rows) > 1 else tr("All runs"), expanded=False):
        st.fragment(table_of_runs, run_every=every)(rows)
    return runs[label]


def state_of(run: Run) -> Hashable:
    """Return what changes with a run's row of the table."""
    return str(run.path), run.is_locked(), *map(stamp, (run.config_path, run.status_path, run.progress_path))


@functools.lru_cache(maxsize=1000)
def _summary_at(path: str, state: Hashable, language_code: str) -> dict[str, Any]:
    # The reason for damage is in the visitor's language.
    return tables.run_summary(Run(path))


def table_of_runs(runs: list[Run]) -> None:
    """Show every run as a row; a damaged one with its reason. Rows and table are made once for all sessions."""
    states = {str(run.path): state_of(run) for run in runs if os.path.exists(run.path)}
    _show_table(repr((language(), states)), states)


@st.cache_resource(max_entries=16, show_spinner=False)
def _show_table(key: str, _states: Mapping[str, Hashable]) -> None:
    summaries = [_summary_at(path, state, language()) for path, state in _states.items()]
    st.dataframe(
        [
            {
                "run": summary["name"],
                "state": state_text(summary),
                "preset": summary.get("preset", ""),
                "data": summary.get("data", ""),
                "progress": summary["epoch"] / summary["epochs"] if summary.get("epochs") else None,
                "epoch": epoch_text(summary),
                "D loss": summary.get("d_loss"),
                "G loss": summary.get("g_loss"),
                "error": summary.get("error", ""),
            }
            for summary in summaries
        ],
        hide_index=True,
        column_config={
            "run": tr("run"),
            "state": tr("state"),
            "preset": tr("preset"),
            "data": tr("data"),
            "progress": st.column_config.ProgressColumn(tr("progress"), min_value=0, max_value=1, format="percent"),
            "epoch": tr("epoch"),
            "D loss": st.column_config.NumberColumn(tr("D loss"), format="%.3f"),
            "G loss": st.column_config.NumberColumn(tr("G loss"), format="%.3f"),
            "error": tr("error") if any("error" in summary for summary in summaries) else None,
        },
        alt=tr("The runs with their state, preset, data, progress and last losses"),
    )


def state_text(summary: Mapping[str, Any]) -> str:
    """Return the state of a run, and whether it is published."""
    state = tr_marked(summary["state"])
    return tr("{state}, published", state=state) if summary["published"] else state


def epoch_text(summary: Mapping[str, Any]) -> str:
    """Return how many of its epochs a run has; empty for a damaged one."""
    if "epoch" not in summary:
        return ""
    return tr("{epoch:g} of {epochs}", epoch=summary["epoch"], epochs=summary["epochs"])


main()
