"""The failure gallery on the Compare page: links that open a failed training beside its cured twin."""

from __future__ import annotations

import streamlit as st

from dcgan.locale.language import tr, tr_later, tr_marked
from dcgan.pages.parts.address import address_link
from dcgan.runs.failure_gallery import FAILURES

INTRODUCTION = tr_later(
    "Each of these short trainings has one planted fault. A link opens it on the left, beside the same training "
    "without the fault. The diagnosis under each grid names what it sees."
)


def gallery() -> None:
    """Show a link for each failure whose two recordings are there."""
    failures = [
        failure
        for failure in FAILURES
        if failure.run.status_path.is_file() and failure.cured_run.status_path.is_file()
    ]
    if not failures:
        return
    with st.container(key="gallery"), st.expander(tr("Trainings that go wrong"), icon=":material/healing:"):
        st.caption(tr_marked(INTRODUCTION))
        for failure in failures:
            query = {"left": failure.run.name, "right": failure.cured_run.name, "align": "images"}
            address_link("compare", query, tr_marked(failure.title))
            st.caption(tr_marked(failure.seen))
