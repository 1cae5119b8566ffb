"""Plot the rows and the scores of two runs over each other: the left one solid, the right one dashed."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

import plotly.graph_objects as go
import streamlit as st

from dcgan.config import TrainConfig
from dcgan.figures import plots
from dcgan.locale.language import tr, tr_later, tr_marked
from dcgan.locale.recorded import tr_recorded
from dcgan.pages.parts.address import plain
from dcgan.pages.parts.curves import classifier_text, output_table, score_reading
from dcgan.pages.parts.pair import Side, names_of, unit_of
from dcgan.runs.evaluations import comparable
from dcgan.runs.rows import UNSCORED, ScoreRow
from dcgan.runs.scores import recorded
from dcgan.runs.timeline import COLUMNS
from dcgan.training.losses import logits_are_probabilities

CURVES = {
    "losses": (
        tr_later("Losses of both runs"),
        tr_later(
            "How to read it: solid is left, dashed is right. The losses of two runs do not compare: each one "
            "measures a generator against its own opponent. A lower generator loss may only mean a weaker "
            "discriminator."
        ),
    ),
    "discriminator": (
        tr_later("Mean D(x) and mean D(G(z)) of both runs"),
        tr_later(
            "How to read it: when D(x) and D(G(z)) come close to each other and to 0.5, the discriminator of that "
            "run hardly tells fake images from real ones."
        ),
    ),
}
"""Figure -> alternative text, how to read it; in English."""
NOT_PROBABILITIES = tr_later("That is not so for the {loss} loss, whose outputs are not probabilities.")


def curves(sides: Sequence[Side], position: float, align: str) -> None:
    """Show losses and discriminator outputs of both runs, with a line at the position."""
    drawn = [(side.run.name, side.series) for side in sides if len(side.series)]
    if not drawn:
        st.info(tr("There are no rows yet. The curves begin with the first step."))
        return
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    smoothing = left.slider(tr("Smoothing"), 0.0, 0.99, 0.8, key="smoothing", bind="query-params")
    log = right.toggle(tr("Log scale"), key="log", bind="query-params", help=tr("For the losses."))
    losses = {side.config.loss for side in sides if len(side.series)}
    others = sorted(loss for loss in losses if not logits_are_probabilities(loss))
    for column, (kind, (alt, reading)) in zip(st.columns(2), CURVES.items(), strict=True):
        with column:
            x = axis_of(sides, align)
            figure = plots.paired_curves(kind, drawn, x, smoothing=smoothing, log=log, probabilities=not others)
            mark(figure, position, align, x)
            st.plotly_chart(figure, key=kind, config={"displayModeBar": False}, alt=tr_marked(alt))
            exceptions = [tr_marked(NOT_PROBABILITIES, loss=loss) for loss in others if kind == "discriminator"]
            st.caption(" ".join([tr_marked(reading), *exceptions]))
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
    shown = list(recorded(row for _, scores in drawn for row in scores).items())
    columns = [column for start in range(0, len(shown), 2) for column in st.columns(min(2, len(shown) - start))]
    for column, (key, score) in zip(columns, shown, strict=True):
        with column:
            x = axis_of(sides, align)
            figure = plots.score_curves(key, drawn, x)
            mark(figure, position, align, x)
            alt = tr("{score} of both runs at the end of each epoch", score=tr_marked(score.label))
            st.plotly_chart(figure, key=f"score:{key}", config={"displayModeBar": False}, alt=alt)
            st.caption(score_reading(score))
    if not comparable(scores[-1].scale for _, scores in drawn):
        left, right = (scale_text(name, scores[-1]) for name, scores in drawn)
        st.warning(plain(tr("These two curves do not compare: {left} and {right}.", left=left, right=right)))
    for side, (name, scores) in zip(sides, rows, strict=True):
        if not scores:
            st.caption(without_scores(side, name))


def scale_text(name: str, row: ScoreRow) -> str:
    """Return what the scores of a run depend on: the images, and the classifier."""
    return tr(
        "{run} by {count:,} images under the {classifier} {hash}",
        run=name,
        count=row.num_images,
        classifier=classifier_text(row.classifier),
        hash=row.classifier_hash,
    )


def without_scores(side: Side, name: str) -> str:
    """Return why a run has no scores of its epochs, and how to get them."""
    if note := next((note for note in side.status.notes if note.startswith(UNSCORED)), ""):
        reason = tr_recorded(note.removeprefix(UNSCORED))
        return plain(tr("{run} was not scored along the way: {reason}.", run=name, reason=reason))
    if side.status.state == "running" and side.config.score_images:
        return plain(tr("{run} is scored at the end of each epoch. The first epoch has not ended yet.", run=name))
    if side.status.state != "running" and side.run.snapshot_steps():
        save = " --save" if side.run.is_published else ""
        command = f"python -m dcgan score-snapshots {shlex.quote(side.run.name)}{save}"
        return plain(
            tr(
                "{run} has no scores of its epochs. Score the generators that it keeps: {command}",
                run=name,
                command=command,
            )
        )
    flag = "" if side.config.score_images else f" --score-images {TrainConfig().score_images}"
    command = f"python -m dcgan train {shlex.quote(side.run.name)}{flag}"
    return plain(
        tr("{run} has no scores of its epochs. Train it again to get them: {command}", run=name, command=command)
    )
