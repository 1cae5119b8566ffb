"""Two recorded trainings side by side, from the same 64 seeds. Reads runs; imports no torch."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

import numpy as np
import streamlit as st

from dcgan import pixels
from dcgan.config import TrainConfig
from dcgan.figures import animations, plots
from dcgan.pages.parts.address import asked_for, plain, refused
from dcgan.pages.parts.live import series_of
from dcgan.pixels import Bytes
from dcgan.presets import PRESETS
from dcgan.runs import listing, tables
from dcgan.runs.comparison import config_table, parameters
from dcgan.runs.evaluations import Row, comparable, evaluations, is_known, measured_by, same_measure, score_table
from dcgan.runs.listing import list_runs
from dcgan.runs.rows import UNSCORED, ScoreRow, Status
from dcgan.runs.run import Run
from dcgan.runs.scores import per_epoch
from dcgan.runs.series import Series
from dcgan.runs.timeline import ALIGNMENTS, COLUMNS, Timeline, nearest, stops, timeline
from dcgan.sampling.link_fields import shown
from dcgan.training.losses import logits_are_probabilities

DEFAULTS = ("gan-mnist", "dcgan-mnist")
PLAY_EVERY_SECONDS = 0.6
GRID_COLUMNS = GRID_ROWS = 8
STRIP_IMAGES = 12
FILM_FRAMES = 60
# The keys of this page's widgets: all that it shows. (Streamlit would show a string here.)
ADDRESS = ("left", "right", "align", "at", "inspect", "seed", "size", "reverse", "smoothing", "log")
_PLAYING = "playing-both"


@dataclass(frozen=True)
class Side:
    """One of the two runs, read."""

    run: Run
    status: Status
    config: TrainConfig
    series: Series
    timeline: Timeline
    scores: Sequence[ScoreRow]
    evaluated: Sequence[Row]

    @property
    def preset(self) -> str:
        return self.run.preset


def main() -> None:
    st.title("GAN beside DCGAN")
    st.write(
        "Two recordings of real trainings. Every cell of a grid keeps its seed, so you watch the same 64 points of "
        "the latent space learn to be digits. Move the slider: the DCGAN finds strokes where the plain GAN, which "
        "does not know that pixels have neighbours, leaves specks."
    )
    asked = asked_for()
    notes = st.container()
    runs = listing.by_label(list_runs())
    if runs:
        compare(runs, asked)
    else:
        st.info("There is no recording yet. Make one with `python -m dcgan train dcgan --epochs 1`, then reload.")
    for sentence in refused(asked, ADDRESS):
        notes.warning(sentence)


def compare(runs: Mapping[str, Run], asked: dict[str, list[str]]) -> None:
    """Choose two runs; look at them at one point; see what differs."""
    labels = list(runs)
    columns = st.columns([3, 3, 2])
    chosen = []
    for column, key, default, otherwise in zip(
        columns, ("left", "right"), DEFAULTS, (labels[-1], labels[0]), strict=False
    ):
        index = labels.index(default if default in labels else otherwise)
        chosen.append(column.selectbox(key.capitalize(), labels, index, key=key, bind="query-params"))
    align = columns[2].selectbox(
        "Align by",
        list(ALIGNMENTS),
        key="align",
        bind="query-params",
        help="epoch: passes over the data. images: real images seen. time: minutes on the machine that trained it.",
    )
    sides = [side for side in (read(runs[label], align) for label in chosen) if side]
    if not sides:
        return
    options = stops([side.timeline for side in sides])
    snap(asked, options)
    alive = any(side.run.is_locked() for side in sides)
    every = PLAY_EVERY_SECONDS if st.session_state.get(_PLAYING) else 2.0 if alive else None
    st.fragment(player, run_every=every)(sides, options, align)
    in_scores(sides)
    if len(sides) == 2:
        in_the_configs(*sides)
    in_numbers(sides)


def read(run: Run, align: str) -> Side | None:
    """The run, or None and a sentence that says why it cannot be shown."""
    try:
        status, config, series = run.status(), run.config(), series_of(run)
        scored = run.scores(), evaluations(run, status.step)
        return Side(run, status, config, series, timeline(run, status, series, align), *scored)
    except (OSError, ValueError) as error:
        st.warning(plain(f"{run.name} cannot be shown: {error}."))
        return None


def snap(asked: dict[str, list[str]], options: dict[str, float]) -> None:
    """Before the slider is there: an address may name any point, and the slider knows those with a grid."""
    if "at" in asked and asked["at"] and asked["at"][-1] not in options:
        text = asked["at"][-1]
        found = nearest(options, text)
        if found is not None:
            # Any point between two grids is one of the page's; one beyond the last is none.
            if not 0 <= float(text) <= max(options.values()):
                st.warning(plain(f"at={shown(text)} in the address is beyond the recordings; it is {found} instead."))
            asked["at"] = [found]
            del st.query_params["at"]
            st.session_state["at"] = found
    # Another alignment, or another run, has other points.
    if "at" in st.session_state and st.session_state["at"] not in options:
        st.session_state["at"] = next(reversed(options))


def player(sides: Sequence[Side], options: dict[str, float], align: str) -> None:
    """The slider that moves both, the grids, one seed through time, and the curves with a line where one is."""
    if any(side.run.is_locked() for side in sides):  # it has grown since the page was drawn
        sides = [again for side in sides if (again := read(side.run, align))]
        if not sides:
            return
        options = stops([side.timeline for side in sides])
        snap({}, options)
    position = options[slider(list(options), align)]
    left, middle, right = st.columns([2, 2, 3], vertical_alignment="bottom")
    size = left.slider("Size", 1, 4, 2, key="size", bind="query-params", help="Screen pixels a pixel of the image.")
    reverse = middle.toggle("Reversed grey", key="reverse", bind="query-params", help="Black on white.")
    with right.container(horizontal=True, vertical_alignment="bottom"):
        inspect = st.toggle("Inspect one seed", key="inspect", bind="query-params")
        seed = st.number_input(
            "Seed", 0, GRID_COLUMNS * GRID_ROWS - 1, 0, key="seed", bind="query-params", disabled=not inspect
        )
    for column, side in zip(st.columns(2), sides, strict=False):
        with column:
            show_grid(side, position, size, reverse, seed if inspect else None)
    if inspect:
        for side in sides:
            show_seed(side, position, seed, reverse)
        st.caption(
            "How to read it: one point of the latent space through the training, oldest first. Early it drifts from "
            "shape to shape; a point that settles has found its digit."
        )
    else:
        st.caption(
            "How to read it: look at one cell on both sides, then at all of them. Are there strokes or specks, whole "
            "digits or halves, all ten digits or a few?"
        )
    curves(sides, position, align)
    score_curves(sides, position, align)
    share(sides, options)


def slider(options: list[str], align: str) -> str:
    """The point both are looked at, and the button that walks through all of them."""
    if len(options) == 1:
        return options[0]
    playing = bool(st.session_state.get(_PLAYING))
    at = st.session_state.get("at", options[-1])
    if playing and at in options:
        later = options[options.index(at) + 1 :]
        if later:
            st.session_state["at"] = later[0]
        else:
            st.session_state[_PLAYING] = False
            st.rerun()
    left, right = st.columns([1, 7], vertical_alignment="bottom")
    if left.button("Pause" if playing else "Play", icon="⏸️" if playing else "▶️", key="play", width="stretch"):
        st.session_state[_PLAYING] = not playing
        if not playing and at == options[-1]:
            st.session_state["at"] = options[0]
        st.rerun()
    title = ALIGNMENTS[align].capitalize()
    return right.select_slider(title, options, options[-1], key="at", bind="query-params")


def show_grid(side: Side, position: float, size: int, reverse: bool, seed: int | None) -> None:
    """The newest grid not later than the position, and what is known about it."""
    step = side.timeline.step_at(position)
    sheet_u8 = grid_of(side, step)
    if sheet_u8 is None:
        return
    if reverse:
        sheet_u8 = pixels.reverse_grey(sheet_u8)
    if seed is not None:
        sheet_u8 = pixels.outline(sheet_u8, seed, GRID_COLUMNS, GRID_ROWS)
    epoch = step * side.status.epochs / max(1, side.status.steps)
    caption = f"{side.run.name}, epoch {epoch:.3g}: {step * side.config.batch_size:,} images seen"
    st.image(
        pixels.png_bytes(pixels.enlarge(sheet_u8, size)),
        caption,
        output_format="PNG",  # the default recompresses to JPEG
        alt=f"64 samples of {side.run.name} at epoch {epoch:.3g}",
    )
    title = PRESETS[side.preset].title if side.preset in PRESETS else side.preset
    done = "" if side.status.state == "finished" else f" ({side.status.state} at epoch {side.status.epoch:.1f})"
    st.caption(
        plain(
            f"{title}: {side.status.epochs} epochs of {side.config.data.name}, batches of "
            f"{side.config.batch_size}{done}"
        )
    )


def grid_of(side: Side, step: int) -> Bytes | None:
    """The grid at that step, or None and a sentence."""
    try:
        return pixels.read_png(side.run.sample_path(step))
    except FileNotFoundError:
        st.caption(plain(f"{side.run.name} has taken back its grid of step {step}; the next look finds another."))
    except ValueError as error:
        st.warning(plain(f"{side.run.name} cannot be shown: {error}."))
    return None


def show_seed(side: Side, position: float, seed: int, reverse: bool) -> None:
    """One cell of about a dozen grids up to the position, as a strip."""
    steps = [step for step in side.timeline.steps if step <= side.timeline.step_at(position)]
    kept = sorted({steps[round(index)] for index in np.linspace(0, len(steps) - 1, min(STRIP_IMAGES, len(steps)))})
    sheets = [sheet for step in kept if (sheet := grid_of(side, step)) is not None]
    if not sheets:
        return
    cells = [pixels.cell(sheet, seed, GRID_COLUMNS, GRID_ROWS) for sheet in sheets]
    strip = pixels.join([pixels.reverse_grey(cell) if reverse else cell for cell in cells], 1, 128)
    text = f"{side.run.name}, seed {seed}, from {animations.frame_caption(kept[0], side.status)} to "
    text += animations.frame_caption(kept[-1], side.status)
    st.image(
        pixels.png_bytes(pixels.enlarge(strip, 3)), text, output_format="PNG", alt=f"{text}: one image through time"
    )


def curves(sides: Sequence[Side], position: float, align: str) -> None:
    """Both runs in one figure: the first solid, the second dashed."""
    drawn = [(side.run.name, side.series) for side in sides if len(side.series)]
    if not drawn:
        st.info("No rows are recorded yet; the curves begin with the first step.")
        return
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    smoothing = left.slider("Smoothing", 0.0, 0.99, 0.8, key="smoothing", bind="query-params")
    log = right.toggle("Log scale", key="log", bind="query-params", help="For the losses.")
    losses = {side.config.loss for side in sides if len(side.series)}
    others = sorted(loss for loss in losses if not logits_are_probabilities(loss))
    for column, kind, alt, reading in zip(
        st.columns(2),
        ("losses", "discriminator"),
        ("Losses of both runs", "Mean D(x) and mean D(G(z)) of both runs"),
        (
            "How to read it: solid is left, dashed is right. Losses of two runs are no contest: each measures a "
            "generator against its own opponent. A lower generator loss may only mean a weaker discriminator.",
            "How to read it: the nearer D(x) and D(G(z)) are to each other and to 0.5, the harder it is for that "
            "run's own discriminator to tell its fakes."
            + "".join(f" Not so with the {loss} loss, where they are no probabilities." for loss in others),
        ),
        strict=True,
    ):
        with column:
            figure = plots.paired_curves(
                kind, drawn, COLUMNS[align], smoothing=smoothing, log=log, probabilities=not others
            )
            figure.add_vline(position, line={"color": plots.GRAY, "width": 1})
            st.plotly_chart(figure, key=kind, config={"displayModeBar": False}, alt=alt)
            st.caption(reading)


def score_curves(sides: Sequence[Side], position: float, align: str) -> None:
    """The scores along the way of both runs, beside those of real images; a line for a run that has none."""
    rows = [(head, side.scores) for head, side in zip(names_of(sides), sides, strict=True)]
    drawn = [(name, scores) for name, scores in rows if scores]
    for column, kind, alt, reading in zip(
        st.columns(2) if drawn else (),
        per_epoch(),
        ("CFD of both runs at the end of each epoch", "Coverage of both runs at the end of each epoch"),
        (
            "How to read it: how far the images are from real ones, as a classifier sees them; lower is better. "
            "Unlike losses, this is one measure for both runs. The green line is what as many real images get.",
            "How to read it: the share of real images that have a generated one near them; higher is better. A drop "
            "says that kinds of images got lost.",
        ),
        strict=False,
    ):
        with column:
            figure = plots.score_curves(kind, drawn, COLUMNS[align])
            figure.add_vline(position, line={"color": plots.GRAY, "width": 1})
            st.plotly_chart(figure, key=f"score:{kind}", config={"displayModeBar": False}, alt=alt)
            st.caption(reading)
    if not comparable(scores[-1].scale for _, scores in drawn):
        told = " and ".join(
            f"{name} by {scores[-1].scale[1]:,} images under the {scores[-1].classifier} {scores[-1].classifier_hash}"
            for name, scores in drawn
        )
        st.warning(plain(f"These two curves do not compare: {told}."))
    for side, (name, scores) in zip(sides, rows, strict=True):
        if not scores:
            st.caption(without_scores(side, name))


def without_scores(side: Side, name: str) -> str:
    """Why a run has no scores along the way, and how to get them."""
    if note := next((note for note in side.status.notes if note.startswith(UNSCORED)), ""):
        return plain(f"{name} was {note}.")
    if side.status.state == "running" and side.config.score_images:
        return plain(f"{name} is scored at the end of each epoch; the first has not ended yet.")
    flag = "" if side.config.score_images else f" --score-images {TrainConfig().score_images}"
    command = f"python -m dcgan train {shlex.quote(side.run.name)}{flag}"
    return plain(f"{name} has no scores along the way; trained again it gets them: {command}")


def names_of(sides: Sequence[Side]) -> list[str]:
    """The runs' names, told apart where they are the same."""
    names = [side.run.name for side in sides]
    if len(set(names)) == len(names):
        return names
    return [f"{name} ({where})" for name, where in zip(names, ("left", "right"), strict=True)]


def share(sides: Sequence[Side], options: dict[str, float]) -> None:
    """The address of what is on the page, and the film of it."""
    values = {key: st.session_state[key] for key in ADDRESS if key in st.session_state}
    if not values.get("inspect"):
        values.pop("seed", None)
    query = urlencode({key: value for key, value in values.items() if value is not False})
    st.code(f"{(st.context.url or '').partition('?')[0]}?{query}", language=None, wrap_lines=True)
    st.caption("The address of this comparison, to send to someone.")
    if len(sides) < 2:
        return
    left, right = sides
    positions = list(options.values())
    kept = sorted({round(index) for index in np.linspace(0, len(positions) - 1, min(FILM_FRAMES, len(positions)))})
    steps = [(left.timeline.step_at(positions[i]), right.timeline.step_at(positions[i])) for i in kept]
    reverse = bool(values.get("reverse"))
    st.download_button(
        "Download both as a GIF",
        lambda: animations.side_by_side_gif(left.run, right.run, steps, reverse=reverse),
        f"{left.run.name}-beside-{right.run.name}.gif",
        "image/gif",
        on_click="ignore",
        icon="🎞️",
    )


def in_scores(sides: Sequence[Side]) -> None:
    """What the last weights of each have scored."""
    st.subheader("Scores")
    named = list(zip(names_of(sides), sides, strict=True))
    found = {name: side.evaluated for name, side in named}
    scored = {name: rows for name, rows in found.items() if is_known(rows)}
    if scored:
        alt = "Scores of each run beside those of real images"
        # A plain table wraps its words: on a telephone the numbers stay in sight. It reads Markdown.
        table = [{plain(head): cell for head, cell in row.items()} for row in score_table(scored)]
        st.table(table, hide_index=True, border="horizontal", alt=alt)
        if not same_measure((side.config, found[name]) for name, side in named if name in scored):
            st.warning(
                "These scores do not compare: they are not of the same data, size of image, classifier and count of "
                "images."
            )
        told = {name: measured_by(found[name], side.status.steps) for name, side in named if name in scored}
        if len(set(told.values())) == 1:
            said = f"Of {'each' if len(told) > 1 else next(iter(told))}: {next(iter(told.values()))}."
        else:
            said = " ".join(f"Of {name}: {text}." for name, text in told.items())
        told_classes = any(side.config.model.num_classes for side in sides)
        evenly = ", as many of each class where the model is told it" * told_classes
        st.caption(
            plain(
                f"{said} Real images are as many training images{evenly}, against the same test images. CFD is no "
                "FID, which takes Inception's features: it compares with nothing but CFD by the same classifier and "
                "count."
            )
        )
    for name, side in named:
        if name not in scored:
            st.caption(without_evaluation(side, name, bool(found[name])))


def without_evaluation(side: Side, name: str, evaluated: bool) -> str:
    """Why a run has no figures in the table, and how to get them."""
    why = "was evaluated, but has no score that is known here" if evaluated else "has no saved evaluation"
    command = f"python -m dcgan evaluate {shlex.quote(side.run.name)}{' --save' * side.run.is_published}"
    return plain(f"{name} {why}; this makes one: {command}")


def in_the_configs(left: Side, right: Side) -> None:
    st.subheader("What differs in their configs")
    if rows := config_table(left.config, right.config):
        st.dataframe(
            rows,
            hide_index=True,
            height="content",
            alt="The fields in which the two configs differ, with both values",
        )
    else:
        st.write("Nothing: both were trained from one config.")


def in_numbers(sides: Sequence[Side]) -> None:
    st.subheader("In numbers")
    facts = [numbers_of(side) for side in sides]
    names = list(dict.fromkeys(name for each in facts for name in each))
    heads = names_of(sides)
    table = [
        {"": name} | {head: each.get(name, "-") for head, each in zip(heads, facts, strict=True)} for name in names
    ]
    st.dataframe(table, hide_index=True, height="content", alt="Parameters, time and throughput of each run")
    st.caption("Times and throughputs are those of the machines that trained, which the last lines name.")


def numbers_of(side: Side) -> dict[str, str]:
    """What a run is and what it took, as words."""
    run, config, status = side.run, side.config, side.status
    source = f"{PRESETS[side.preset].source}" if side.preset in PRESETS else "a config of its own"
    facts = {"preset": side.preset, "from": source}
    for name, path in (("generator", run.generator_path), ("discriminator", run.discriminator_path)):
        count = parameters(path)
        facts[f"parameters of the {name}"] = "no weights" if count is None else f"{count:,}"
    facts["epochs"] = f"{status.epoch:.3g} of {status.epochs}"
    if rows := side.series.last_rows(1):
        facts["images seen"] = f"{rows[0].images_seen:,}"
        facts["training time"] = tables.duration(rows[0].wall_seconds)
        facts["images per second"] = f"{rows[0].images_seen / max(1e-9, rows[0].wall_seconds):,.0f}"
    facts["loss"] = config.loss
    told = ("earlier devices", "device", "threads", "torch")
    facts |= {name: status.environment[name] for name in told if name in status.environment}
    return facts


main()
