"""Read the two runs of a comparison, and the address that names them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from dcgan.config import TrainConfig
from dcgan.locale.language import tr
from dcgan.pages.parts.address import plain
from dcgan.pages.parts.reader import read
from dcgan.runs.diagnosis import Diagnosis
from dcgan.runs.evaluations import Row
from dcgan.runs.rows import ScoreRow, Status
from dcgan.runs.run import Run
from dcgan.runs.series import Series
from dcgan.runs.timeline import Timeline, TimeUnit, nearest, parse_position, stops, time_unit, timeline
from dcgan.sampling.link_fields import shown

# The keys of the comparison's widgets. (Streamlit would show a string below this on a page.)
ADDRESS = ("left", "right", "align", "at", "inspect", "seed", "size", "reverse", "smoothing", "log")


@dataclass(frozen=True)
class Side:
    """One of the two runs, read."""

    run: Run
    preset: str
    status: Status
    config: TrainConfig
    series: Series
    timeline: Timeline
    scores: Sequence[ScoreRow]
    evaluated: Sequence[Row]
    finding: Diagnosis


def read_side(run: Run, align: str, max_age: float = 0.0) -> Side | None:
    """Return the run as it was at most `max_age` seconds ago; or None after a message why it cannot be shown."""
    try:
        snapshot = read(run, max_age)
        status, series = snapshot.status, snapshot.series
        line = timeline(run, status, series, align)
        return Side(
            run,
            snapshot.preset,
            status,
            snapshot.config,
            series,
            line,
            snapshot.scores,
            snapshot.evaluated,
            snapshot.diagnosis,
        )
    except (OSError, ValueError) as error:
        st.warning(plain(tr("{run} cannot be shown: {error}.", run=run.name, error=error)))
        return None


def names_of(sides: Sequence[Side]) -> list[str]:
    """Return the names of the runs. The same run on both sides has its side added."""
    names = [side.run.name for side in sides]
    if len(set(names)) == len(names):
        return names
    return [tr("{run} (left)", run=names[0]), tr("{run} (right)", run=names[1])]


def stops_of(sides: Sequence[Side], align: str) -> dict[str, float]:
    """Return the positions of all grids, minutes for times, by their texts in an address."""
    return stops([side.timeline for side in sides], unit_of(sides) if align == "time" else None)


def unit_of(sides: Sequence[Side]) -> TimeUnit:
    """Return the unit of all times of this comparison."""
    return time_unit(*(side.series for side in sides))


def snap(requested: dict[str, list[str]], positions: dict[str, float], align: str) -> None:
    """Move the slider's value, before the slider is there, to a position that has a grid."""
    texts = requested.get("at")
    if texts and texts[-1] not in positions:
        text = texts[-1]
        value = parse_position(text, align)
        if value is not None:
            position = nearest(positions, value)
            # A point between two grids is valid; a point beyond the last one is not.
            if not 0 <= value <= max(positions.values()):
                st.warning(
                    plain(
                        tr(
                            "at={text} in the address is beyond the recordings; {position} is used instead.",
                            text=shown(text),
                            position=position,
                        )
                    )
                )
            requested["at"] = [position]
            del st.query_params["at"]
            st.session_state["at"] = position
    # Another alignment, or another run, has other positions.
    if "at" in st.session_state and st.session_state["at"] not in positions:
        st.session_state["at"] = next(reversed(positions))
