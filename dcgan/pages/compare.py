"""Show two recorded trainings side by side, from the same 64 seeds. Reads runs; imports no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from dcgan.pages.parts.address import refusals, requested_values
from dcgan.pages.parts.live import keep_pace, live_seconds, shared_age
from dcgan.pages.parts.pair import ADDRESS, Side, read_side, snap, stops_of, unit_of
from dcgan.pages.parts.pair_curves import curves, score_curves
from dcgan.pages.parts.pair_samples import is_playing, position_slider, sample_grids, share
from dcgan.pages.parts.pair_tables import config_differences, details, scores
from dcgan.runs import listing
from dcgan.runs.listing import list_runs
from dcgan.runs.run import Run
from dcgan.runs.timeline import ALIGNMENTS

DEFAULTS = ("gan-mnist", "dcgan-mnist")
PLAY_EVERY_SECONDS = 0.6
LIVE_EVERY_SECONDS = 2.0


def main() -> None:
    st.title("GAN beside DCGAN")
    st.write(
        "Two recorded trainings stand side by side. Every cell of a grid keeps its seed, so both grids show the same "
        "64 points of the latent space. Move the slider to see how they learn. The DCGAN draws strokes. The plain "
        "GAN leaves specks, because it does not know that pixels have neighbors."
    )
    requested = requested_values()
    notes = st.container()
    runs = listing.by_label(list_runs())
    if runs:
        compare(runs, requested)
    else:
        st.info("There is no recording yet. Make one with `python -m dcgan train dcgan --epochs 1`, then reload.")
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
    scores(sides)
    if len(sides) == 2:
        config_differences(*sides)
    details(sides)


def choose(labels: list[str]) -> tuple[list[str], str]:
    """Show the choices of runs and alignment; return the labels of the two runs and the alignment."""
    columns = st.columns([3, 3, 2])
    chosen = []
    for column, key, default, fallback in zip(
        columns, ("left", "right"), DEFAULTS, (labels[-1], labels[0]), strict=False
    ):
        index = labels.index(default if default in labels else fallback)
        chosen.append(column.selectbox(key.capitalize(), labels, index, key=key, bind="query-params"))
    align = columns[2].selectbox(
        "Align by",
        list(ALIGNMENTS),
        key="align",
        bind="query-params",
        help="epoch: passes over the data. images: real images seen. time: training time on the machine that trained "
        "it, without scoring.",
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
    title = f"Training {unit_of(sides).name}" if align == "time" else ALIGNMENTS[align].capitalize()
    position = positions[position_slider(list(positions), title)]
    sample_grids(sides, position)
    curves(sides, position, align)
    score_curves(sides, position, align)
    share(sides, list(positions.values()))


main()
