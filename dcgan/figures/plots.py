"""Draw rows as Plotly figures in one look: generator blue, discriminator vermilion, real images green.

The module has more than 250 lines, because all figures share the colors, the axes and the curves of this file.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from math import isnan
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from dcgan.locale.language import language, tr, tr_later, tr_marked
from dcgan.runs.rows import ScoreRow
from dcgan.runs.scores import SCORES
from dcgan.runs.series import Column, Series, smooth, thin
from dcgan.runs.timeline import MINUTES, TimeUnit

GENERATOR = "#0072B2"
DISCRIMINATOR = "#D55E00"
REAL = "#009E73"
GRAY = "#888888"
"""The first three are from the color-blind-safe palette of Okabe and Ito."""
FAINT = "rgba(136, 136, 136, 0.25)"
"""Color of grid lines. It shows on a light and on a dark page."""

ACCURACIES = {"d_real": "d_real_accuracy", "d_fake": "d_fake_accuracy"}
"""Column of D's outputs -> column of the share of those that are correct."""

X_AXES = {
    "epoch": tr_later("epoch"),
    "images_seen": tr_later("images seen"),
    "wall_seconds": tr_later("training time"),
}
"""Column of the x axis -> what it is; `tr_marked` translates it."""
_TIMES = {
    "seconds": tr_later("training time (seconds)"),
    "minutes": tr_later("training time (minutes)"),
    "hours": tr_later("training time (hours)"),
}
"""Name of a unit of time -> title of an axis in that unit."""


class Axis(NamedTuple):
    """The x axis of a figure."""

    column: str
    title: str
    """In English; `styled` translates it."""
    unit: float = 1.0
    """How much of the column one unit of the axis is."""


def axis(column: str, unit: TimeUnit = MINUTES) -> Axis:
    """Return the axis of a column of X_AXES; `unit` is for wall_seconds."""
    assert column in X_AXES, f"column {column!r} is not one of {', '.join(X_AXES)}"
    if column == "wall_seconds":
        return Axis(column, _TIMES[unit.name], unit.seconds)
    return Axis(column, X_AXES[column])


EPOCH = axis("epoch")

HEIGHT = 260
"""Pixels."""


def loss_curves(
    series: Series, x: Axis = EPOCH, *, smoothing: float = 0.0, log: bool = False, height: int = HEIGHT
) -> go.Figure:
    """Draw both losses. `smoothing` in [0, 1) adds the moving average over the faint rows.

    `log` requests a logarithmic axis. Where a value is 0 or below, the axis stays linear and a note says so.
    """
    figure = go.Figure()
    add_curve(figure, series, x, "d_loss", tr("discriminator"), DISCRIMINATOR, smoothing=smoothing)
    add_curve(figure, series, x, "g_loss", tr("generator"), GENERATOR, smoothing=smoothing)
    if log:
        _make_logarithmic(figure)
    return styled(figure, x, tr("loss"), height)


def _make_logarithmic(figure: go.Figure) -> None:
    """Make the y axis logarithmic; where a curve has a value at or below 0, add a note instead."""
    if all(value > 0 for trace in figure.data for value in _y(trace)):
        figure.update_yaxes(type="log")
        return
    text = tr("linear: values at or below 0 have no logarithm")
    corner = {"x": 1, "y": 0, "xref": "paper", "yref": "paper", "xanchor": "right", "yanchor": "bottom"}
    figure.add_annotation(text=text, showarrow=False, font={"color": GRAY}, **corner)


def _y(trace: Any) -> Column:
    return trace.y


def discriminator_curves(
    series: Series,
    x: Axis = EPOCH,
    *,
    smoothing: float = 0.0,
    probabilities: bool = True,
    height: int = HEIGHT,
) -> go.Figure:
    """Draw mean D(x) and mean D(G(z)), both in [0, 1]; the hover text adds D's accuracy where it is recorded.

    `probabilities` says that the loss reads D's logits as probabilities. Then a dotted line marks 0.5, the value at
    which D cannot tell real images from fake ones.
    """
    figure = go.Figure()
    add_curve(figure, series, x, "d_real", tr("D(x), real"), REAL, smoothing=smoothing)
    add_curve(figure, series, x, "d_fake", tr("D(G(z)), fake"), GENERATOR, smoothing=smoothing)
    return styled(figure, x, _discriminator_axis(figure, probabilities=probabilities), height)


def _discriminator_axis(figure: go.Figure, *, probabilities: bool) -> str:
    """Set the range of the y axis, draw the line at 0.5, and return the title of the axis."""
    figure.update_yaxes(range=[0, 1])
    if not probabilities:
        return tr("sigmoid of D's logits")
    figure.add_hline(0.5, line={"color": GRAY, "dash": "dot", "width": 1})
    return tr("probability of being real")


def gradient_curves(
    series: Series, x: Axis = EPOCH, *, smoothing: float = 0.0, log: bool = True, height: int = HEIGHT
) -> go.Figure:
    """Draw the Euclidean norm of each network's gradient, all weights together."""
    figure = go.Figure()
    add_curve(figure, series, x, "d_grad_norm", tr("discriminator"), DISCRIMINATOR, smoothing=smoothing)
    add_curve(figure, series, x, "g_grad_norm", tr("generator"), GENERATOR, smoothing=smoothing)
    if log:
        figure.update_yaxes(type="log")
    return styled(figure, x, tr("gradient norm (Euclidean)"), height)


PAIR_COLUMNS = {
    "losses": (("d_loss", "D", DISCRIMINATOR), ("g_loss", "G", GENERATOR)),
    "discriminator": (("d_real", "D(x)", REAL), ("d_fake", "D(G(z))", GENERATOR)),
}
"""Figure of two runs -> its columns, each with a short name and a color."""


def paired_curves(
    kind: str,
    runs: Sequence[tuple[str, Series]],
    x: Axis = EPOCH,
    *,
    smoothing: float = 0.0,
    log: bool = False,
    probabilities: bool = True,
) -> go.Figure:
    """Draw a figure of PAIR_COLUMNS for two named runs, the first one solid, the second one dashed.

    `log` is for the losses, as in loss_curves; `probabilities` is for the discriminator, as in discriminator_curves.
    """
    figure = go.Figure()
    for (name, series), dash in zip(runs, ("solid", "dash"), strict=False):
        for column, short, color in PAIR_COLUMNS[kind]:
            add_curve(figure, series, x, column, f"{short}, {name}", color, smoothing=smoothing, dash=dash)
    if kind == "discriminator":
        return styled(figure, x, _discriminator_axis(figure, probabilities=probabilities))
    if log:
        _make_logarithmic(figure)
    return styled(figure, x, tr("loss"))


def score_curves(
    column: str, runs: Sequence[tuple[str, Sequence[ScoreRow]]], x: Axis = EPOCH, *, height: int = HEIGHT
) -> go.Figure:
    """Draw one score of one or two named runs, the second one dashed, with a green line for as many real images.

    Rows of another classifier or image count than a run's newest row are on another scale and are left out, and so
    are rows without this score. A score that real images do not have has no green line.
    """
    figure = go.Figure()
    comparable = [(name, [row for row in rows if row.scale == rows[-1].scale]) for name, rows in runs if rows]
    drawn = [(name, [row for row in rows if getattr(row, column) is not None]) for name, rows in comparable]
    drawn = [(name, rows) for name, rows in drawn if rows]
    end = max((along(row, x) for _, rows in drawn for row in rows), default=0.0)
    real_values: dict[float, str] = {}
    for (name, rows), dash in zip(drawn, ("solid", "dash"), strict=False):
        xs, ys = [along(row, x) for row in rows], [getattr(row, column) for row in rows]
        line = {"color": GENERATOR, "dash": dash, "width": 1.5}
        figure.add_scatter(x=xs, y=ys, name=name, mode="lines+markers", line=line, marker={"size": 5})
        if (real := getattr(rows[-1], f"real_{column}", None)) is not None:
            real_values.setdefault(real, name)
    for (value, name), dash in zip(real_values.items(), ("solid", "dash"), strict=False):
        # A curve, not a shape: the legend and the hover text name it.
        label = tr("real images") if len(real_values) == 1 else tr("real images, {run}", run=name)
        line = {"color": REAL, "dash": dash, "width": 1.5}
        figure.add_scatter(x=[0, end], y=[value, value], name=label, mode="lines", line=line)
    if column == "cfd":
        # In small figures, Plotly's own labels between 1 and 10 are single digits: 2 for 0.2, 2 and 20.
        figure.update_yaxes(
            type="log", tickvals=[digit * 10.0**power for power in range(-3, 4) for digit in (1, 2, 5)]
        )
    else:
        figure.update_yaxes(rangemode="tozero")
    return styled(figure, x, SCORES[column].axis, height)


def logit_curves(rows: Sequence[ScoreRow], x: Axis = EPOCH, *, height: int = HEIGHT) -> go.Figure:
    """Draw D's mean logits for training, held-out and generated pictures, at each row that has them."""
    figure = go.Figure()
    rows = [row for row in rows if row.d_train_logit is not None]
    xs = [along(row, x) for row in rows]
    for column, name, color, dash in (
        ("d_train_logit", tr("training pictures"), REAL, "solid"),
        ("d_held_out_logit", tr("held-out pictures"), REAL, "dot"),
        ("d_fake_logit", tr("generated"), GENERATOR, "solid"),
    ):
        line = {"color": color, "dash": dash, "width": 1.5}
        ys = [getattr(row, column) for row in rows]
        figure.add_scatter(x=xs, y=ys, name=name, mode="lines+markers", line=line, marker={"size": 5})
    return styled(figure, x, tr("D's mean logit"), height)


def class_bars(row: ScoreRow, *, height: int = HEIGHT) -> go.Figure:
    """Draw the share of generated images in each class, beside a green mark for the share of real images."""
    figure = go.Figure()
    names = [str(digit) for digit in range(len(row.class_histogram))]
    figure.add_bar(x=names, y=row.class_histogram, name=tr("generated"), marker={"color": GENERATOR})
    mark = {"symbol": "line-ew", "size": 8, "line": {"color": REAL, "width": 3}}
    figure.add_scatter(x=names, y=row.real_class_histogram, name=tr("real images"), mode="markers", marker=mark)
    styled(figure, EPOCH, tr("share of images"), height)
    figure.update_xaxes(title=tr("class given by the classifier"), type="category")
    figure.update_yaxes(tickformat=".0%", rangemode="tozero")
    return figure


def along(row: ScoreRow, x: Axis) -> float:
    """Return the row's position on the x axis."""
    return getattr(row, x.column) / x.unit


def add_curve(
    figure: go.Figure,
    series: Series,
    x: Axis,
    column: str,
    name: str,
    color: str,
    *,
    smoothing: float = 0.0,
    dash: str = "solid",
) -> None:
    """Add one column as a line, thinned to about 1,000 points; smoothed, it lies over the faint original."""
    xs = across(series, x)
    if smoothing and dash == "solid":  # faint dashes would only be noise
        _add_line(figure, xs, series[column], name, color, dash, faint=True)
    accuracies = smooth(series[ACCURACIES[column]], smoothing) if column in ACCURACIES else None
    _add_line(figure, xs, smooth(series[column], smoothing), name, color, dash, accuracies)


def across(series: Series, x: Axis) -> Column:
    """Return the values (rows,) of the x axis."""
    return series[x.column] / x.unit


def _add_line(
    figure: go.Figure,
    xs: Column,
    ys: Column,
    name: str,
    color: str,
    dash: str,
    accuracies: Column | None = None,
    *,
    faint: bool = False,
) -> None:
    kept = thin(ys)
    line = {"color": color, "dash": dash, "width": 1 if faint else 1.5}
    options: dict[str, Any] = {"opacity": 0.3, "showlegend": False, "hoverinfo": "skip"} if faint else {}
    if accuracies is not None:
        options |= {"customdata": _with_accuracies(ys[kept], accuracies[kept]), "hovertemplate": "%{customdata}"}
    # SVG lines: many virtual machines have no WebGL, and a thousand points do not need it.
    figure.add_scatter(x=xs[kept], y=ys[kept], name=name, mode="lines", line=line, legendgroup=name, **options)


def _with_accuracies(ys: Column, accuracies: Column) -> list[str]:
    """Return the hover text of each point; an accuracy that is NaN was not recorded."""
    text = tr("{value:.3f}, {share:.0%} correct")  # once, and filled for a thousand points
    return [
        f"{value:.3f}" if isnan(share) else text.format(value=value, share=share)
        for value, share in zip(ys, accuracies, strict=True)
    ]


def styled(figure: go.Figure, x: Axis, y_title: str, height: int = HEIGHT) -> go.Figure:
    """Name the axes, show one hover text for all curves, and keep the zoom across live updates; return the figure."""
    figure.update_layout(
        height=height,
        hovermode="x unified",
        margin={"l": 0, "r": 0, "t": 8, "b": 0},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom"},
        xaxis_title=tr_marked(x.title),
        yaxis_title=y_title,
        uirevision="keep",
    )
    return figure


def answer_curves(
    steps: Sequence[int],
    real: Sequence[float],
    fake: Sequence[float],
    *,
    probabilities: bool = True,
    height: int = HEIGHT,
) -> go.Figure:
    """Draw D's mean answers after each step by hand: probabilities in [0, 1], else logits."""
    figure = go.Figure()
    figure.add_scatter(x=list(steps), y=list(real), name=tr("D(x), real"), mode="lines", line={"color": REAL})
    figure.add_scatter(x=list(steps), y=list(fake), name=tr("D(G(z)), fake"), mode="lines", line={"color": GENERATOR})
    title = _discriminator_axis(figure, probabilities=True) if probabilities else tr("logit of D")
    figure.update_xaxes(gridcolor=FAINT, zeroline=False)
    figure.update_yaxes(gridcolor=FAINT, zeroline=False)
    return styled(figure, Axis("step", tr_later("steps by hand")), title, height)


def path_curves(norms: Column, norm_interval: tuple[float, float], changes: Column) -> go.Figure:
    """Draw a path through latent space, frame by frame.

    Above: ||z|| (F,) with the norm interval in which samples lie as a band. Below: the mean change of the image since
    the frame before (F - 1,), in gray levels of 255.
    """
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.08)
    frames = list(range(1, len(norms) + 1))
    figure.add_scatter(x=frames, y=norms, name="||z||", line={"color": GENERATOR}, row=1, col=1)
    figure.add_bar(x=frames[1:], y=changes, name=tr("change"), marker={"color": GRAY}, row=2, col=1)
    low, high = norm_interval
    band = {"fillcolor": GRAY, "opacity": 0.35, "line_width": 0, "layer": "below"}
    figure.add_shape(type="rect", xref="x domain", yref="y", x0=0, x1=1, y0=low, y1=high, **band)
    low, high = min(*norms, low), max(*norms, high)
    figure.update_yaxes(title="||z||", range=[0.9 * low, 1.05 * high], row=1, col=1)
    figure.update_yaxes(title=tr("change, gray levels"), row=2, col=1)
    figure.update_xaxes(title=tr("frame"), row=2, col=1)
    figure.update_xaxes(gridcolor=FAINT, zeroline=False)
    figure.update_yaxes(gridcolor=FAINT, zeroline=False)
    figure.update_layout(
        height=340, margin={"l": 0, "r": 0, "t": 32, "b": 0}, showlegend=False, hovermode="x unified"
    )
    # Transparent, so that the band shows on the page's own background, light or dark.
    figure.update_layout(plot_bgcolor="rgba(0,0,0,0)", paper_bgcolor="rgba(0,0,0,0)", font={"color": GRAY})
    return figure


def path_curves_json(norms: Column, norm_interval: tuple[float, float], changes: Column) -> str:
    """Return `path_curves` as JSON, for a server with many visitors: a figure takes longer than the images."""
    figure = _path_template(language())
    curve, bars = figure["data"]
    low, high = norm_interval
    bottom, top = 0.9 * min(*norms, low), 1.05 * max(*norms, high)
    frames = list(range(1, len(norms) + 1))
    layout = figure["layout"]
    (band,) = layout["shapes"]
    return json.dumps(
        figure
        | {
            "data": [
                curve | {"x": frames, "y": [float(norm) for norm in norms]},
                bars | {"x": frames[1:], "y": [float(change) for change in changes]},
            ],
            "layout": layout
            | {
                "shapes": [band | {"y0": float(low), "y1": float(high)}],
                "yaxis": layout["yaxis"] | {"range": [float(bottom), float(top)]},
            },
        }
    )


@functools.cache
def _path_template(language_code: str) -> dict[str, Any]:
    """Return the figure of a path as plain JSON, with other numbers. Its titles are in the present language."""
    return json.loads(path_curves(np.ones(2), (0.0, 1.0), np.ones(1)).to_json() or "")
