"""Plot the rows and the scores of one run, each figure with a sentence on how to read it.

What has no widget is made once for all sessions. Streamlit then shows it to each one without making it again.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from dcgan.config import TrainConfig
from dcgan.figures import plots
from dcgan.locale.language import language, tr, tr_later, tr_marked
from dcgan.pages.parts.address import plain
from dcgan.runs.rows import UNSCORED, ScoreRow, Status
from dcgan.runs.scores import SCORES, Score, recorded
from dcgan.runs.series import Series, epoch_means
from dcgan.runs.timeline import time_unit
from dcgan.training.losses import logits_are_probabilities

READING = {
    "losses": tr_later(
        "How to read it: the losses of a GAN do not fall to zero. They are a balance: when one network gains, the "
        "other one's loss rises. A discriminator loss that stays at zero leaves the generator nothing to learn from."
    ),
    "probabilities": tr_later(
        "How to read it: D's outputs for real and for generated images; 1 means real. Both begin near 0.5, because D "
        "has learned nothing. D(G(z)) flat at 0: D wins. Both above 0.5 for long: D is fooled."
    ),
    "logits": tr_later(
        "How to read it: the {loss} loss does not make D's outputs probabilities, so no value is right. D learns to "
        "place real images above generated ones. Both curves may reach 0 or 1 without harm."
    ),
    "gradients": tr_later(
        "How to read it: the size of each network's updates. A generator gradient near zero: G learns no more. A "
        "gradient that grows tenfold or more: the training is about to diverge."
    ),
    "logits of D": tr_later(
        "How to read it: D never learns from held-out pictures. If their curve stays with that of the training "
        "pictures, D learns what pictures are. If it falls to that of generated images, D knows its training "
        "pictures by heart."
    ),
    "classes": tr_later(
        "How to read it: the classes of the images at epoch {epoch:.3g}. A bar far below its green mark is a class "
        "that is hardly drawn. A single bar is a collapse."
    ),
}
"""What is drawn -> how to read it."""

OUTPUTS = {
    "d_real": "D(x)",
    "d_fake": "D(G(z))",
    "d_real_accuracy": tr_later("accuracy on real"),
    "d_fake_accuracy": tr_later("accuracy on generated"),
}
"""Column of a series -> its title in the table, in English."""
ACCURACY = tr_later(
    "Accuracy is the share of images that D judges correctly: a real image by a logit above 0, a generated one by a "
    "logit below 0. At 50 % on both, D only guesses. Recordings of earlier versions have no accuracy. The recipes of "
    "dcgan-best and pictures compare logits with each other only, so there the accuracy has no meaning."
)

CURVES: dict[str, Callable[..., go.Figure]] = {
    "losses": plots.loss_curves,
    "discriminator": plots.discriminator_curves,
    "gradients": plots.gradient_curves,
}
"""Name of a figure of rows -> the function that draws it."""

ALTS = {
    "losses": tr_later("Both losses over the training"),
    "discriminator": tr_later("Mean D(x) and mean D(G(z))"),
    "gradients": tr_later("Gradient norms of both networks"),
}
"""Name of a figure of rows -> its alternative text."""

_IN_A_ROW = 3
"""Figures of scores beside each other."""
_WITHOUT_REAL = {SCORES[key].label for key in ("memorization_ratio", "overfitting")}
"""Scores that compare with real images already, and have no line of theirs."""

FIRST_SCORES = tr_later("The first scores appear at the end of the first epoch.")


def training_curves(series: Series, epoch: float | None, loss: str) -> plots.Axis:
    """Show losses, discriminator outputs and gradient norms; a vertical line marks `epoch`. Return the axis."""
    if not len(series):
        st.info(tr("The curves begin with the first step."))
        return plots.EPOCH
    left, middle, right = st.columns(3, vertical_alignment="bottom")
    column = left.selectbox(
        tr("Over"), list(plots.X_AXES), format_func=lambda column: tr_marked(plots.X_AXES[column]), key="x"
    )
    x = plots.axis(column, time_unit(series))
    smoothing = middle.slider(tr("Smoothing"), 0.0, 0.99, 0.6, key="smoothing")
    log = right.toggle(tr("Log scale"), key="log", help=tr("For the losses."))
    position = epoch if x.column == "epoch" else None
    key = repr((language(), series.version, x, position, loss, smoothing, log))
    _figures_of_rows(key, series, x, position, loss, _smoothing=smoothing, _log=log)
    return x


@st.cache_resource(max_entries=64, show_spinner=False)
def _figures_of_rows(
    key: str,  # all else as one text, because Streamlit takes long to compare many values
    _series: Series,
    _x: plots.Axis,
    _position: float | None,
    _loss: str,
    *,
    _smoothing: float,
    _log: bool,
) -> None:
    def draw(name: str, reading: str, **options: Any) -> None:
        figure = CURVES[name](_series, _x, smoothing=_smoothing, **options)
        show(with_line(figure, _position), name, tr_marked(ALTS[name]))
        st.caption(tr_marked(READING[reading], loss=_loss))

    draw("losses", "losses", log=_log)
    probabilities = logits_are_probabilities(_loss)
    draw("discriminator", "probabilities" if probabilities else "logits", probabilities=probabilities)
    output_table([("", _series)])
    draw("gradients", "gradients")


def output_table(runs: Sequence[tuple[str, Series]]) -> None:
    """Show D's outputs and its accuracy by epoch, in a table to open. `runs`: each with its name, empty for one."""
    _output_table(repr((language(), [(name, series.version) for name, series in runs])), runs)


@st.cache_resource(max_entries=32, show_spinner=False)
def _output_table(key: str, _runs: Sequence[tuple[str, Series]]) -> None:
    rows = []
    for name, series in _runs:
        means = {title: epoch_means(series, column) for column, title in OUTPUTS.items()}
        for epoch in means["D(x)"]:
            values = {title: by_epoch.get(epoch) for title, by_epoch in means.items()}
            rows.append(({"run": name} if name else {}) | {"epoch": epoch} | values)
    with st.expander(tr("D's outputs and accuracy by epoch"), expanded=False):
        columns = {"run": tr("run"), "epoch": tr("epoch")} | {
            title: st.column_config.NumberColumn(
                tr_marked(title), format="percent" if column.endswith("accuracy") else "%.3f"
            )
            for column, title in OUTPUTS.items()
        }
        alt = tr("Mean D(x), mean D(G(z)) and the accuracy of D on real and on generated images, by epoch")
        st.dataframe(rows, hide_index=True, column_config=columns, alt=alt)
        st.caption(tr_marked(ACCURACY))


def with_line(figure: go.Figure, position: float | None) -> go.Figure:
    """Return the figure, with a vertical line at the position on its x axis if there is one."""
    if position is not None:
        figure.add_vline(position, line={"color": plots.GRAY, "width": 1})
    return figure


def show(figure: go.Figure, key: str, alt: str) -> None:
    """Show a figure."""
    st.plotly_chart(figure, key=key, config={"displayModeBar": False}, alt=alt)


def score_plots(
    scores: Sequence[ScoreRow],
    version: Hashable,
    status: Status,
    config: TrainConfig,
    epoch: float | None,
    x: plots.Axis,
) -> None:
    """Show the scores of each epoch. They stand below all else: the first one moves nothing when it appears.

    Equal `version`s have equal scores.
    """
    if not scores:
        unscored = any(note.startswith(UNSCORED) for note in status.notes)
        if status.state == "running" and config.score_images and not unscored:
            st.caption(tr_marked(FIRST_SCORES))
        return
    position = epoch if x.column == "epoch" else None
    _score_plots(repr((language(), version, position, x)), scores, position, x)


@st.cache_resource(max_entries=32, show_spinner=False)
def _score_plots(key: str, _scores: Sequence[ScoreRow], _position: float | None, _x: plots.Axis) -> None:
    newest = _scores[-1]
    st.subheader(tr("Scores during training"), anchor="scores")
    figures = [
        (key, score_reading(score), tr("{score} at the end of each epoch", score=tr_marked(score.label)))
        for key, score in recorded(_scores).items()
    ]
    if newest.class_histogram:
        alt = tr("The share of each class among generated images, beside its share among real images")
        figures.append(("classes", tr_marked(READING["classes"], epoch=newest.epoch), alt))
    if any(row.d_train_logit is not None for row in _scores):
        alt = tr("The mean logits of D for training, held-out and generated pictures")
        figures.append(("logits of D", tr_marked(READING["logits of D"]), alt))
    for start in range(0, len(figures), _IN_A_ROW):
        columns = st.columns(_IN_A_ROW, gap="medium")
        for column, (name, reading, alt) in zip(columns, figures[start : start + _IN_A_ROW], strict=False):
            with column:
                show(_score_figure(name, _scores, _x, _position), name, alt)
                st.caption(reading)
    st.caption(plain(_how_scored(newest)))


def _score_figure(name: str, scores: Sequence[ScoreRow], x: plots.Axis, position: float | None) -> go.Figure:
    if name == "classes":
        return plots.class_bars(scores[-1])
    if name == "logits of D":
        return with_line(plots.logit_curves(scores, x), position)
    return with_line(plots.score_curves(name, [(tr("generated"), scores)], x), position)


def _how_scored(newest: ScoreRow) -> str:
    """Return of how many images the scores are, and by what."""
    text = tr(
        "{count:,} images are scored, always from the same seeds, with the {classifier} {hash}. That took "
        "{seconds:.1f} s.",
        count=newest.num_images,
        classifier=classifier_text(newest.classifier),
        hash=newest.classifier_hash,
        seconds=newest.scoring_seconds,
    )
    if not newest.swd_levels:
        return text
    levels = ", ".join(f"{level:.1f}" for level in newest.swd_levels)
    return tr("{text} SWD from the finest to the coarsest patches: {levels}.", text=text, levels=levels)


def classifier_text(name: str) -> str:
    """Return the name of a classifier, as rows have it, in the visitor's language."""
    data = name.removesuffix(" classifier")
    return name if data == name else tr("{data} classifier", data=data)


def score_reading(score: Score) -> str:
    """Return how to read the curve of a score."""
    description = tr_marked(score.description)
    if score.label in _WITHOUT_REAL:
        return tr("How to read it: {description}", description=description)
    return tr(
        "How to read it: {description} The green line is the value of as many real images.", description=description
    )
