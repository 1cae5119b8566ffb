"""Show two recorded trainings side by side, from the same 64 seeds. Reads runs; imports no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from dcgan import files
from dcgan.locale.language import tr, tr_later, tr_marked
from dcgan.pages.parts.address import refusals, requested_values
from dcgan.pages.parts.addressed import addressed
from dcgan.pages.parts.gallery import gallery
from dcgan.pages.parts.live import diagnosis_box, keep_pace, live_seconds, shared_age
from dcgan.pages.parts.pair import ADDRESS, Side, read_side, snap, stops_of, unit_of
from dcgan.pages.parts.pair_curves import curves, score_curves
from dcgan.pages.parts.pair_samples import is_playing, position_slider, sample_grids, share
from dcgan.pages.parts.pair_tables import config_differences, details, scores
from dcgan.runs import listing
from dcgan.runs.listing import list_runs
from dcgan.runs.run import Run

DEFAULTS = ("gan-mnist", "dcgan-mnist")
PLAY_EVERY_SECONDS = 0.6
LIVE_EVERY_SECONDS = 2.0

# The keys of timeline.ALIGNMENTS, which an address has. (Streamlit would show a string below this on the page.)
ALIGNMENTS = (tr_later("epoch"), tr_later("images"), tr_later("time"))
SLIDER_TITLES = {"epoch": tr_later("Epoch"), "images": tr_later("Images seen")}
# Unit of times -> the slider's title.
TIME_TITLES = {
    "seconds": tr_later("Training seconds"),
    "minutes": tr_later("Training minutes"),
    "hours": tr_later("Training hours"),
}


def main() -> None:
    st.title(tr("GAN beside DCGAN"))
    st.write(
        tr(
            "Two recorded trainings stand side by side. Every cell of a grid keeps its seed, so both grids show the "
            "same 64 points of the latent space. Move the slider to see how they learn. The DCGAN draws strokes. The "
            "plain GAN leaves specks, because it does not know that pixels have neighbors."
        )
    )
    requested = requested_values()
    notes = st.container()
    gallery()
    runs = listing.by_label([*list_runs(), *list_runs(files.FAILURES)])
    if runs:
        compare(runs, requested)
    else:
        st.info(tr("There is no recording yet. Make one with `python -m dcgan train dcgan --epochs 1`, then reload."))
    for sentence in refusals(requested, ADDRESS):
        notes.warning(sentence)


def compare(runs: Mapping[str, Run], requested: dict[str, list[str]]) -> None:
    """Choose two runs and show them: the grids at one point, the curves, and what differs."""
    labels, align = choose(list(runs))
    sides = [side for label in labels if (side := read_side(runs[label], align))]
    if not sides:
        return
    positions = stops_of(sides, align)
    snap(requested, positions, align)
    is_alive = any(side.run.is_locked() for side in sides)
    live_every = live_seconds(LIVE_EVERY_SECONDS) if is_alive else None
    every = PLAY_EVERY_SECONDS if is_playing() else live_every
    st.fragment(player, run_every=every)(sides, positions, align, live_every=live_every)
    with st.container(key="diagnosis"):
        for column, side in zip(st.columns(len(sides)), sides, strict=True):
            with column:
                diagnosis_box(side.finding)
    with st.container(key="scores"):
        scores(sides)
    if len(sides) == 2:
        with st.container(key="differences"):
            config_differences(*sides)
    with st.container(key="details"):
        details(sides)


def choose(labels: list[str]) -> tuple[list[str], str]:
    """Show the choices of runs and alignment; return the labels of the two runs and the alignment."""
    columns = st.columns([3, 3, 2])
    chosen = []
    sides = ("left", tr("Left"), labels[-1]), ("right", tr("Right"), labels[0])
    for column, default, (key, title, fallback) in zip(columns, DEFAULTS, sides, strict=False):
        index = labels.index(default if default in labels else fallback)
        chosen.append(column.selectbox(title, labels, index, key=key, bind="query-params"))
    align = addressed(
        columns[2].selectbox,
        tr("Align by"),
        ALIGNMENTS,
        "epoch",
        key="align",
        help=tr(
            "epoch: passes over the data. images: real images seen. time: training time on the machine that trained "
            "it, without scoring."
        ),
    )
    return chosen, align


def player(
    sides: Sequence[Side], positions: dict[str, float], align: str, *, live_every: float | None = None
) -> None:
    """Show the part that the slider moves: the grids and the curves."""
    if live_every is not None:
        keep_pace(live_every, LIVE_EVERY_SECONDS)
    if any(side.run.is_locked() for side in sides):  # it has grown since the page was drawn
        sides = [newest for side in sides if (newest := read_side(side.run, align, shared_age()))]
        if not sides:
            return
        positions = stops_of(sides, align)
        snap({}, positions, align)
    title = TIME_TITLES[unit_of(sides).name] if align == "time" else SLIDER_TITLES[align]
    position = positions[position_slider(list(positions), tr_marked(title))]
    sample_grids(sides, position)
    # Each part has a key, so that an address can hide it (see hidden.py).
    with st.container(key="curves"):
        curves(sides, position, align)
    with st.container(key="score-curves"):
        score_curves(sides, position, align)
    with st.container(key="share"):
        share(sides, list(positions.values()))


main()
