"""Plots show the recorded numbers in the project's colors."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from recorded import earlier_row, progress_row, score_row

from dcgan.figures import plots
from dcgan.runs.run import Run
from dcgan.runs.series import Series, smooth
from dcgan.runs.timeline import HOURS, MINUTES, SECONDS


def in_lists(value):
    """Return a figure's dictionaries with lists for its tuples."""
    if isinstance(value, dict):
        return {key: in_lists(part) for key, part in value.items()}
    return [in_lists(part) for part in value] if isinstance(value, list | tuple) else value


FIGURES = (plots.loss_curves, plots.discriminator_curves, plots.gradient_curves)


@pytest.fixture
def series(tmp_path) -> Series:
    run = Run(tmp_path)
    for step in range(1, 9):
        run.append_progress(progress_row(step))
    return Series(run).update()


def traces(figure) -> dict[str, object]:
    return {trace.name: trace for trace in figure.data}


def test_losses_are_the_recorded_ones_in_their_colors(series):
    drawn = traces(plots.loss_curves(series))
    assert drawn["discriminator"].y.tolist() == series["d_loss"].tolist()
    assert drawn["generator"].y.tolist() == series["g_loss"].tolist()
    assert drawn["generator"].x.tolist() == series["epoch"].tolist()
    assert (drawn["generator"].line.color, drawn["discriminator"].line.color) == ("#0072B2", "#D55E00")


def test_discriminator_outputs_have_a_line_at_one_half(series):
    figure = plots.discriminator_curves(series)
    drawn = traces(figure)
    assert drawn["D(x), real"].y.tolist() == series["d_real"].tolist()
    assert drawn["D(G(z)), fake"].y.tolist() == series["d_fake"].tolist()
    assert [shape.y0 for shape in figure.layout.shapes] == [0.5]
    assert figure.layout.yaxis.range == (0, 1)


def test_the_hover_text_of_the_outputs_has_the_accuracies(tmp_path):
    run = Run(tmp_path)
    for row in (earlier_row(1), progress_row(2)):
        run.append_progress(row)
    drawn = traces(plots.discriminator_curves(Series(run).update()))
    for name, share in (("D(x), real", "85%"), ("D(G(z)), fake", "60%")):
        without, with_accuracy = drawn[name].y
        assert drawn[name].customdata == (f"{without:.3f}", f"{with_accuracy:.3f}, {share} correct")
        assert drawn[name].hovertemplate == "%{customdata}"
    assert traces(plots.loss_curves(Series(run).update()))["discriminator"].hovertemplate is None


def test_outputs_that_are_not_probabilities_are_not_labeled_as_such(series):
    named = (("left", series), ("right", series))
    single = plots.discriminator_curves(series, probabilities=False)
    paired = plots.paired_curves("discriminator", named, plots.EPOCH, probabilities=False)
    for figure in (single, paired):
        assert figure.layout.yaxis.title.text == "sigmoid of D's logits"
        assert not figure.layout.shapes
    assert (
        plots.paired_curves("discriminator", named, plots.EPOCH).layout.yaxis.title.text
        == "probability of being real"
    )


def test_gradients_are_the_recorded_ones_on_a_log_scale(series):
    figure = plots.gradient_curves(series)
    assert traces(figure)["generator"].y.tolist() == series["g_grad_norm"].tolist()
    assert figure.layout.yaxis.type == "log"
    assert plots.gradient_curves(series, log=False).layout.yaxis.type is None


@pytest.mark.parametrize(
    ("column", "time_unit", "unit", "title"),
    [
        ("epoch", MINUTES, 1, "epoch"),
        ("images_seen", HOURS, 1, "images seen"),
        ("wall_seconds", SECONDS, 1, "training time (seconds)"),
        ("wall_seconds", MINUTES, 60, "training time (minutes)"),
        ("wall_seconds", HOURS, 3600, "training time (hours)"),
    ],
)
@pytest.mark.parametrize("draw", FIGURES)
def test_the_axes_are_named_with_their_units(series, draw, column, time_unit, unit, title):
    figure = draw(series, x=plots.axis(column, time_unit))
    assert figure.layout.xaxis.title.text == title
    assert figure.layout.yaxis.title.text
    assert figure.data[0].x.tolist() == (series[column] / unit).tolist()


@pytest.mark.parametrize("draw", FIGURES)
def test_smoothing_draws_the_average_over_the_faint_rows(series, draw):
    plain, smoothed = draw(series), draw(series, smoothing=0.9)
    assert len(smoothed.data) == 2 * len(plain.data)
    for original, faint, bold in zip(plain.data, smoothed.data[::2], smoothed.data[1::2], strict=True):
        assert faint.y.tolist() == original.y.tolist()
        assert bold.y.tolist() == smooth(np.array(original.y), 0.9).tolist()
        assert faint.opacity < 1
        assert (faint.showlegend, bold.showlegend) == (False, None)


def test_a_log_scale_is_a_choice_for_losses(series):
    assert plots.loss_curves(series).layout.yaxis.type is None
    assert plots.loss_curves(series, log=True).layout.yaxis.type == "log"


@pytest.mark.parametrize("lowest", [0.0, -0.5])
@pytest.mark.parametrize("column", ["d_loss", "g_loss"])
@pytest.mark.parametrize("smoothing", [0.0, 0.9])
def test_a_loss_without_a_logarithm_keeps_the_axis_linear_with_a_note(tmp_path, series, column, lowest, smoothing):
    run = Run(tmp_path / "below")
    run.path.mkdir()
    for step in range(1, 9):
        run.append_progress(replace(progress_row(step), **{column: lowest if step == 3 else 1.0}))
    below = Series(run).update()
    pair = (("a", series), ("b", below))
    for figure in (
        plots.loss_curves(below, log=True, smoothing=smoothing),
        plots.paired_curves("losses", pair, plots.EPOCH, log=True),
        plots.paired_curves("losses", pair[::-1], plots.EPOCH, smoothing=smoothing, log=True),
    ):
        assert figure.layout.yaxis.type is None
        assert ["no logarithm" in note.text for note in figure.layout.annotations] == [True]
    for figure in (
        plots.loss_curves(below, smoothing=smoothing),
        plots.paired_curves("losses", (("a", series), ("b", series)), plots.EPOCH, smoothing=smoothing, log=True),
    ):
        assert not figure.layout.annotations
    assert figure.layout.yaxis.type == "log"


@pytest.mark.slow
def test_a_long_recording_is_drawn_with_few_points_and_all_spikes(tmp_path):
    run = Run(tmp_path)
    for step in range(1, 5001):
        run.append_progress(replace(progress_row(step), g_loss=99.0 if step == 3210 else 1.0))
    trace = traces(plots.loss_curves(Series(run).update()))["generator"]
    assert len(trace.y) <= 1000
    assert dict(zip(trace.x, trace.y, strict=True))[3210 / 2] == 99.0


@pytest.mark.parametrize("draw", FIGURES)
def test_no_rows_are_an_empty_figure(tmp_path, draw):
    assert [len(trace.y) for trace in draw(Series(Run(tmp_path)).update(), smoothing=0.5).data] == [0, 0, 0, 0]


def test_an_unknown_axis_is_refused():
    with pytest.raises(AssertionError, match="epoch, images_seen, wall_seconds"):
        plots.axis("fortnights")


# Scores

ROWS = [score_row(2), score_row(4), score_row(6)]


@pytest.mark.parametrize("column", ["cfd", "coverage"])
def test_scores_stand_beside_the_green_line_of_real_images(column):
    figure = plots.score_curves(column, [("generated", ROWS)])
    drawn = traces(figure)
    assert drawn["generated"].x == (1.0, 2.0, 3.0)
    assert drawn["generated"].y == tuple(getattr(row, column) for row in ROWS)
    assert drawn["generated"].line.color == "#0072B2"
    assert set(drawn["real images"].y) == {getattr(ROWS[0], f"real_{column}")}
    assert drawn["real images"].x == (0, 3.0)
    assert drawn["real images"].line.color == "#009E73"
    assert figure.layout.yaxis.type == ("log" if column == "cfd" else None)
    assert (1.0 in (figure.layout.yaxis.tickvals or ())) == (column == "cfd")
    assert figure.layout.yaxis.title.text


@pytest.mark.parametrize(
    ("x", "last"),
    [
        (plots.axis("epoch"), 3.0),
        (plots.axis("images_seen"), 180_000),
        (plots.axis("wall_seconds", SECONDS), 3.0),
        (plots.axis("wall_seconds", MINUTES), 3.0 / 60),
    ],
)
def test_scores_lie_over_every_axis(x, last):
    figure = plots.score_curves("cfd", [("generated", ROWS)], x)
    assert [trace.x[-1] for trace in figure.data] == [last, last]
    assert figure.layout.xaxis.title.text == x.title


def test_two_runs_scores_are_solid_and_dashed_with_one_line_for_equal_real_images():
    figure = plots.score_curves("coverage", [("a", ROWS), ("b", ROWS[:1])])
    assert [(trace.name, trace.line.dash) for trace in figure.data] == [
        ("a", "solid"),
        ("b", "dash"),
        ("real images", "solid"),
    ]
    other = [replace(row, real_coverage=0.7) for row in ROWS]
    figure = plots.score_curves("coverage", [("a", ROWS), ("b", other)])
    assert [trace.name for trace in figure.data][2:] == ["real images, a", "real images, b"]


def test_scores_of_an_older_classifier_or_count_are_left_out():
    for other in ({"classifier_hash": "another"}, {"num_images": 100}):
        figure = plots.score_curves("cfd", [("generated", [replace(ROWS[0], **other), *ROWS[1:]])])
        assert figure.data[0].x == (2.0, 3.0)


def test_no_scores_are_an_empty_figure():
    assert plots.score_curves("cfd", [("generated", [])]).data == ()


def test_classes_stand_beside_their_real_shares():
    bars, marks = plots.class_bars(ROWS[0]).data
    assert bars.y == ROWS[0].class_histogram
    assert marks.y == ROWS[0].real_class_histogram
    assert bars.x == marks.x == tuple("0123456789")
    assert (bars.marker.color, marks.marker.line.color) == ("#0072B2", "#009E73")


# Paths


def test_a_path_shows_its_norms_over_the_norm_interval_and_its_changes():
    norms, changes = np.array([9.0, 8.0, 10.0]), np.array([3.0, 4.0])
    figure = plots.path_curves(norms, (9.5, 10.5), changes)
    line, bars = figure.data
    assert (list(line.x), list(line.y)) == ([1, 2, 3], norms.tolist())
    assert (list(bars.x), list(bars.y)) == ([2, 3], changes.tolist())
    (band,) = figure.layout.shapes
    assert (band.y0, band.y1, band.yref) == (9.5, 10.5, "y")
    assert figure.layout.yaxis.range == (0.9 * 8.0, 1.05 * 10.5)


@pytest.mark.parametrize("interval", [(9.5, 10.5), (1.0, 2.0)])
def test_a_path_as_json_is_the_same_figure(interval):
    norms, changes = np.array([9.0, 8.0, 10.0]), np.array([3.0, 4.0])
    figure = plots.path_curves(norms.tolist(), interval, changes.tolist())  # Plotly writes arrays in base64
    for _ in range(2):  # the first call makes the template
        text = plots.path_curves_json(norms, interval, changes)
        assert json.loads(text) == in_lists(figure.to_plotly_json())


@pytest.mark.parametrize(("probabilities", "bounds"), [(True, (0, 1)), (False, None)])
def test_answers_by_hand_have_the_scale_of_the_loss(probabilities, bounds):
    figure = plots.answer_curves([0, 1], [0.5, 3.0], [0.5, -3.0], probabilities=probabilities)
    assert [list(trace.y) for trace in figure.data] == [[0.5, 3.0], [0.5, -3.0]]
    assert [trace.line.color for trace in figure.data] == [plots.REAL, plots.GENERATOR]
    assert figure.layout.yaxis.range == bounds
