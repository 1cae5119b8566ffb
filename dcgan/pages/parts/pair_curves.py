"""Plot the rows and the scores of two runs over each other: the left one solid, the right one dashed."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

import plotly.graph_objects as go
import streamlit as st

from dcgan.config import TrainConfig
from dcgan.figures import plots
from dcgan.pages.parts.address import plain
from dcgan.pages.parts.curves import output_table, score_reading
from dcgan.pages.parts.pair import Side, names_of, unit_of
from dcgan.runs.evaluations import comparable
from dcgan.runs.rows import UNSCORED
from dcgan.runs.scores import per_epoch
from dcgan.runs.timeline import COLUMNS
from dcgan.training.losses import logits_are_probabilities

CURVES = {
    "losses": (
        "Losses of both runs",
        "How to read it: solid is left, dashed is right. The losses of two runs do not compare: each one measures a "
        "generator against its own opponent. A lower generator loss may only mean a weaker discriminator.",
    ),
    "discriminator": (
        "Mean D(x) and mean D(G(z)) of both runs",
        "How to read it: when D(x) and D(G(z)) come close to each other and to 0.5, the discriminator of that run "
        "hardly tells fake images from real ones.",
    ),
}
"""Figure -> alternative text, how to read it."""
NOT_PROBABILITIES = "That is not so for the {loss} loss, whose outputs are not probabilities."


def curves(sides: Sequence[Side], position: float, align: str) -> None:
    """Show losses and discriminator outputs of both runs, with a line at the position."""
    drawn = [(side.run.name, side.series) for side in sides if len(side.series)]
    if not drawn:
        st.info("There are no rows yet. The curves begin with the first step.")
        return
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    smoothing = left.slider("Smoothing", 0.0, 0.99, 0.8, key="smoothing", bind="query-params")
    log = right.toggle("Log scale", key="log", bind="query-params", help="For the losses.")
    losses = {side.config.loss for side in sides if len(side.series)}
    others = sorted(loss for loss in losses if not logits_are_probabilities(loss))
    for column, (kind, (alt, reading)) in zip(st.columns(2), CURVES.items(), strict=True):
        with column:
            x = axis_of(sides, align)
            figure = plots.paired_curves(kind, drawn, x, smoothing=smoothing, log=log, probabilities=not others)
            mark(figure, position, align, x)
            st.plotly_chart(figure, key=kind, config={"displayModeBar": False}, alt=alt)
            exceptions = [NOT_PROBABILITIES.format(loss=loss) for loss in others if kind == "discriminator"]
            st.caption(" ".join([reading, *exceptions]))
    output_table(drawn)


def axis_of(sides: Sequence[Side], align: str) -> plots.Axis:
    """Return the x axis of all figures of this comparison."""
    return plots.axis(COLUMNS[align], unit_of(sides))


def mark(figure: go.Figure, position: float, align: str, x: plots.Axis) -> None:
    """Draw a vertical line at the position, which is in minutes for times."""
    figure.add_vline(position * 60 / x.unit if align == "time" else position, line={"color": plots.GRAY, "width": 1})


def score_curves(sides: Sequence[Side], position: float, align: str) -> None:
    """Show the scores of each epoch beside those of real images, and a line of text for a run without scores."""
    rows = [(name, side.scores) for name, side in zip(names_of(sides), sides, strict=True)]
    drawn = [(name, scores) for name, scores in rows if scores]
    for column, (key, score) in zip(st.columns(len(per_epoch())) if drawn else (), per_epoch().items(), strict=False):
        with column:
            x = axis_of(sides, align)
            figure = plots.score_curves(key, drawn, x)
            mark(figure, position, align, x)
            alt = f"{score.label} of both runs at the end of each epoch"
            st.plotly_chart(figure, key=f"score:{key}", config={"displayModeBar": False}, alt=alt)
            st.caption(score_reading(score))
    if not comparable(scores[-1].scale for _, scores in drawn):
        scales = " and ".join(
            f"{name} by {row.num_images:,} images under the {row.classifier} {row.classifier_hash}"
            for name, row in ((name, scores[-1]) for name, scores in drawn)
        )
        st.warning(plain(f"These two curves do not compare: {scales}."))
    for side, (name, scores) in zip(sides, rows, strict=True):
        if not scores:
            st.caption(without_scores(side, name))


def without_scores(side: Side, name: str) -> str:
    """Return why a run has no scores of its epochs, and how to get them."""
    if note := next((note for note in side.status.notes if note.startswith(UNSCORED)), ""):
        return plain(f"{name} was {note}.")
    if side.status.state == "running" and side.config.score_images:
        return plain(f"{name} is scored at the end of each epoch. The first epoch has not ended yet.")
    if side.status.state != "running" and side.run.snapshot_steps():
        save = " --save" if side.run.is_published else ""
        command = f"python -m dcgan score-snapshots {shlex.quote(side.run.name)}{save}"
        return plain(f"{name} has no scores of its epochs. Score the generators that it keeps: {command}")
    flag = "" if side.config.score_images else f" --score-images {TrainConfig().score_images}"
    command = f"python -m dcgan train {shlex.quote(side.run.name)}{flag}"
    return plain(f"{name} has no scores of its epochs. Train it again to get them: {command}")
