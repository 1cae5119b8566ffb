"""Rows -> Plotly figures, in one look everywhere: generator blue, discriminator vermilion, real images green."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from dcgan.runs.rows import ScoreRow
from dcgan.runs.series import Column, Series, smooth, thin

GENERATOR = "#0072B2"
DISCRIMINATOR = "#D55E00"
REAL = "#009E73"
GREY = "#888888"
"""Okabe and Ito's colour-blind-safe set."""
FAINT = "rgba(136, 136, 136, 0.25)"
"""Of grids, on light and on dark."""

X_AXES = {"epoch": "epoch", "images_seen": "images seen", "wall_seconds": "training time (minutes)"}
"""Column to draw over -> title of the axis."""

HEIGHT = 260
"""Pixels."""


def loss_curves(
    series: Series, x: str = "epoch", smoothing: float = 0.0, log: bool = False, height: int = HEIGHT
) -> go.Figure:
    """Both losses. `smoothing` in [0, 1) draws the moving average over the faint rows.

    `log` asks for a logarithmic axis, which there is only where all that is drawn lies above 0; else a note says so.
    """
    figure = go.Figure()
    for column, name, color in (("d_loss", "discriminator", DISCRIMINATOR), ("g_loss", "generator", GENERATOR)):
        add_curve(figure, series, x, column, name, color, smoothing)
    if log:
        _make_logarithmic(figure)
    return styled(figure, x, "loss", height)


def _make_logarithmic(figure: go.Figure) -> None:
    """Of the y axis: where a curve has a value at or below 0, which would vanish from it, a note in its place."""
    if all(value > 0 for trace in figure.data for value in trace.y):
        figure.update_yaxes(type="log")
        return
    figure.add_annotation(
        text="linear: values at or below 0 have no logarithm",
        x=1,
        y=0,
        xref="paper",
        yref="paper",
        xanchor="right",
        yanchor="bottom",
        showarrow=False,
        font={"color": GREY},
    )


def discriminator_curves(
    series: Series, x: str = "epoch", smoothing: float = 0.0, height: int = HEIGHT, probabilities: bool = True
) -> go.Figure:
    """What the discriminator says of real and of fake images; at 0.5 it cannot tell them apart.

    Without `probabilities`, as with a loss that D's logits are none for, there is no such line.
    """
    figure = go.Figure()
    add_curve(figure, series, x, "d_real", "D(x), real", REAL, smoothing)
    add_curve(figure, series, x, "d_fake", "D(G(z)), fake", GENERATOR, smoothing)
    return styled(figure, x, _discriminator_axis(figure, probabilities), height)


def _discriminator_axis(figure: go.Figure, probabilities: bool) -> str:
    """Range, line of one half and title of the axis of mean D(x) and mean D(G(z))."""
    figure.update_yaxes(range=[0, 1])
    if not probabilities:
        return "sigmoid of D's logits"
    figure.add_hline(0.5, line={"color": GREY, "dash": "dot", "width": 1})
    return "probability of being real"


def gradient_curves(
    series: Series, x: str = "epoch", smoothing: float = 0.0, log: bool = True, height: int = HEIGHT
) -> go.Figure:
    """The Euclidean length of each network's gradient, all weights together."""
    figure = go.Figure()
    add_curve(figure, series, x, "d_grad_norm", "discriminator", DISCRIMINATOR, smoothing)
    add_curve(figure, series, x, "g_grad_norm", "generator", GENERATOR, smoothing)
    if log:
        figure.update_yaxes(type="log")
    return styled(figure, x, "gradient norm", height)


PAIR_COLUMNS = {
    "losses": (("d_loss", "D", DISCRIMINATOR), ("g_loss", "G", GENERATOR)),
    "scores": (("d_real", "D(x)", REAL), ("d_fake", "D(G(z))", GENERATOR)),
}


def paired_curves(
    kind: str,
    runs: Sequence[tuple[str, Series]],
    x: str,
    smoothing: float = 0.0,
    log: bool = False,
    probabilities: bool = True,
) -> go.Figure:
    """Losses or scores of two named runs in one figure, the first one solid, the second dashed; `log` of the losses
    as in loss_curves."""
    figure = go.Figure()
    for (name, series), dash in zip(runs, ("solid", "dash"), strict=False):
        for column, short, color in PAIR_COLUMNS[kind]:
            add_curve(figure, series, x, column, f"{short}, {name}", color, smoothing, dash)
    if kind == "scores":
        return styled(figure, x, _discriminator_axis(figure, probabilities))
    if log:
        _make_logarithmic(figure)
    return styled(figure, x, "loss")


SCORES = {"cfd": "CFD, classifier Fréchet distance", "coverage": "coverage of the real images"}
"""Column of the scores -> title of the axis."""


def score_curves(
    column: str, runs: Sequence[tuple[str, Sequence[ScoreRow]]], x: str = "epoch", height: int = HEIGHT
) -> go.Figure:
    """One score of a run, or of two, the second one dashed, with what as many real images get as a green line.

    Rows of another classifier or count than a run's newest ones are on another scale and left out.
    """
    figure = go.Figure()
    drawn = [(name, [row for row in rows if row.scale == rows[-1].scale]) for name, rows in runs if rows]
    end = max((along(row, x) for _, rows in drawn for row in rows), default=0.0)
    floors: dict[float, str] = {}
    for (name, rows), dash in zip(drawn, ("solid", "dash"), strict=False):
        xs, ys = [along(row, x) for row in rows], [getattr(row, column) for row in rows]
        line = {"color": GENERATOR, "dash": dash, "width": 1.5}
        figure.add_scatter(x=xs, y=ys, name=name, mode="lines+markers", line=line, marker={"size": 5})
        floors.setdefault(getattr(rows[-1], f"real_{column}"), name)
    for (floor, name), dash in zip(floors.items(), ("solid", "dash"), strict=False):
        # A curve and no shape: the legend and the hover name it.
        told = "real images" if len(floors) == 1 else f"real images, {name}"
        line = {"color": REAL, "dash": dash, "width": 1.5}
        figure.add_scatter(x=[0, end], y=[floor, floor], name=told, mode="lines", line=line)
    figure.update_yaxes(**({"type": "log"} if column == "cfd" else {"rangemode": "tozero"}))
    return styled(figure, x, SCORES[column], height)


def class_bars(row: ScoreRow, height: int = HEIGHT) -> go.Figure:
    """How often each class is drawn, as the classifier sees it, beside a green mark for the real images' share."""
    figure = go.Figure()
    names = [str(each) for each in range(len(row.class_histogram))]
    figure.add_bar(x=names, y=row.class_histogram, name="generated", marker={"color": GENERATOR})
    mark = {"symbol": "line-ew", "size": 8, "line": {"color": REAL, "width": 3}}
    figure.add_scatter(x=names, y=row.real_class_histogram, name="real images", mode="markers", marker=mark)
    styled(figure, "epoch", "share of the images", height)
    figure.update_xaxes(title="class, as the classifier sees it", type="category")
    figure.update_yaxes(tickformat=".0%", rangemode="tozero")
    return figure


def along(row: ScoreRow, x: str) -> float:
    """Where the row lies along the x axis."""
    return row.wall_seconds / 60 if x == "wall_seconds" else getattr(row, x)


def add_curve(
    figure: go.Figure,
    series: Series,
    x: str,
    column: str,
    name: str,
    color: str,
    smoothing: float = 0.0,
    dash: str = "solid",
) -> None:
    """One column over another as a line, thinned to what a screen shows, and smoothed over the faint original."""
    xs = across(series, x)
    if smoothing and dash == "solid":  # faint dashes would only be noise
        _add_line(figure, xs, series[column], name, color, dash, faint=True)
    _add_line(figure, xs, smooth(series[column], smoothing), name, color, dash)


def across(series: Series, x: str) -> Column:
    """The values along the x axis."""
    assert x in X_AXES, f"{x!r} is none of {', '.join(X_AXES)}"
    return series[x] / 60 if x == "wall_seconds" else series[x]


def _add_line(
    figure: go.Figure, xs: Column, ys: Column, name: str, color: str, dash: str, faint: bool = False
) -> None:
    kept = thin(ys)
    line = {"color": color, "dash": dash, "width": 1 if faint else 1.5}
    about = {"opacity": 0.3, "showlegend": False, "hoverinfo": "skip"} if faint else {}
    # SVG lines: WebGL is missing on many a virtual machine, and a thousand points need none.
    figure.add_scatter(x=xs[kept], y=ys[kept], name=name, mode="lines", line=line, legendgroup=name, **about)


def styled(figure: go.Figure, x: str, unit: str, height: int = HEIGHT) -> go.Figure:
    """The figure with axes named, one hover for all its curves, and a zoom that live updates leave alone."""
    figure.update_layout(
        height=height,
        hovermode="x unified",
        margin={"l": 0, "r": 0, "t": 8, "b": 0},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom"},
        xaxis_title=X_AXES[x],
        yaxis_title=unit,
        uirevision="keep",
    )
    return figure


def path_curves(norms: Column, norm_interval: tuple[float, float], changes: Column) -> go.Figure:
    """Along a way through latent space: the length of z at each frame (F,), with the band `shell` in which samples
    lie, and below how much the image changes from the frame before (F - 1,), in grey levels of 255."""
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.08)
    frames = list(range(1, len(norms) + 1))
    figure.add_scatter(x=frames, y=norms, name="length of z", line={"color": GENERATOR}, row=1, col=1)
    figure.add_bar(x=frames[1:], y=changes, name="change", marker={"color": GREY}, row=2, col=1)
    # After the curves: an empty figure takes no band.
    figure.add_hrect(*norm_interval, row=1, col=1, fillcolor=GREY, opacity=0.35, line_width=0, layer="below")
    low, high = min(*norms, norm_interval[0]), max(*norms, norm_interval[1])
    figure.update_yaxes(title="||z||", range=[0.9 * low, 1.05 * high], row=1, col=1)
    figure.update_yaxes(title="change, grey levels", row=2, col=1)
    figure.update_xaxes(title="frame", row=2, col=1)
    figure.update_xaxes(gridcolor=FAINT, zeroline=False)
    figure.update_yaxes(gridcolor=FAINT, zeroline=False)
    figure.update_layout(
        height=340, margin={"l": 0, "r": 0, "t": 32, "b": 0}, showlegend=False, hovermode="x unified"
    )
    # Clear, so that the band is seen, and the page's own background, light or dark.
    figure.update_layout(plot_bgcolor="rgba(0,0,0,0)", paper_bgcolor="rgba(0,0,0,0)", font={"color": GREY})
    return figure
