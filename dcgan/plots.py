"""Progress rows -> Plotly figures, in one look everywhere: generator blue, discriminator vermilion, real green."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from dcgan.runs import ProgressRow

GENERATOR = "#0072B2"
DISCRIMINATOR = "#D55E00"
REAL = "#009E73"
GREY = "#888888"
"""Okabe and Ito's colour-blind-safe set."""


def loss_curves(rows: Sequence[ProgressRow], height: int = 260) -> go.Figure:
    """Both losses over the epochs."""
    epochs = [row.epoch for row in rows]
    figure = go.Figure()
    figure.add_scatter(x=epochs, y=[row.d_loss for row in rows], name="discriminator", line_color=DISCRIMINATOR)
    figure.add_scatter(x=epochs, y=[row.g_loss for row in rows], name="generator", line_color=GENERATOR)
    return _styled(figure, "loss", height)


def judgement_curves(rows: Sequence[ProgressRow], height: int = 260) -> go.Figure:
    """What the discriminator says of real and of fake images; at 0.5 it cannot tell them apart."""
    epochs = [row.epoch for row in rows]
    figure = go.Figure()
    figure.add_scatter(x=epochs, y=[row.d_real for row in rows], name="D(x), real", line_color=REAL)
    figure.add_scatter(x=epochs, y=[row.d_fake for row in rows], name="D(G(z)), fake", line_color=GENERATOR)
    figure.add_hline(0.5, line={"color": GREY, "dash": "dot", "width": 1})
    figure.update_yaxes(range=[0, 1])
    return _styled(figure, "probability of being real", height)


def _styled(figure: go.Figure, unit: str, height: int) -> go.Figure:
    figure.update_traces(mode="lines", line_width=1.5)
    figure.update_layout(
        height=height,
        hovermode="x unified",
        margin={"l": 0, "r": 0, "t": 8, "b": 0},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom"},
        xaxis_title="epoch",
        yaxis_title=unit,
    )
    return figure
