"""Show the sample grids of two runs at one position, and share what is shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from urllib.parse import urlencode

import numpy as np
import streamlit as st

from dcgan import pixels
from dcgan.figures import animations
from dcgan.locale.language import tr, tr_later, tr_marked
from dcgan.pages.parts import hidden
from dcgan.pages.parts.address import plain
from dcgan.pages.parts.pair import ADDRESS, Side
from dcgan.pages.parts.visitor_language import chosen_language
from dcgan.pixels import Bytes
from dcgan.presets import PRESETS

GRID_COLUMNS = GRID_ROWS = 8
STRIP_IMAGES = 12
GIF_FRAMES = 60
_PLAYING = "playing-both"

DIGITS = ("mnist", "stacked-mnist")
"""Data sets whose images are called digits."""
HOW_TO_COMPARE_DIGITS = tr_later(
    "How to read it: compare one cell on both sides, then all cells. Look for strokes or specks, for whole or broken "
    "digits, and for all ten digits or only a few."
)
HOW_TO_COMPARE = tr_later(
    "How to read it: compare one cell on both sides, then all cells. Look for clear or blurred shapes, for whole or "
    "broken things, and for many kinds of image or only a few."
)
HOW_TO_READ_A_DIGIT = tr_later(
    "How to read it: one point of the latent space through the training, oldest image first. Early it changes "
    "from shape to shape. Later it settles on one digit."
)
HOW_TO_READ_AN_IMAGE = tr_later(
    "How to read it: one point of the latent space through the training, oldest image first. Early it changes "
    "from shape to shape. Later it settles on one image."
)


def is_playing() -> bool:
    """Return whether this session plays the comparison."""
    return bool(st.session_state.get(_PLAYING))


def position_slider(positions: list[str], title: str) -> str:
    """Show the slider that moves both runs, and the button that plays them; return the position."""
    if len(positions) == 1:
        return positions[0]
    playing, at = is_playing(), st.session_state.get("at", positions[-1])
    if playing and at in positions:
        later = positions[positions.index(at) + 1 :]
        if later:
            st.session_state["at"] = later[0]
        else:
            st.session_state[_PLAYING] = False
            st.rerun()
    left, right = st.columns([1, 7], vertical_alignment="bottom")
    label, icon = (tr("Pause"), ":material/pause:") if playing else (tr("Play"), ":material/play_arrow:")
    if left.button(label, icon=icon, key="play", width="stretch"):
        st.session_state[_PLAYING] = not playing
        if not playing and at == positions[-1]:
            st.session_state["at"] = positions[0]
        st.rerun()
    return right.select_slider(title, positions, positions[-1], key="at", bind="query-params")


def sample_grids(sides: Sequence[Side], position: float) -> None:
    """Show both grids, and on request one of their seeds through time."""
    left, middle, right = st.columns([2, 2, 3], vertical_alignment="bottom")
    zoom_help = tr("Screen pixels for each image pixel.")
    zoom = left.slider(tr("Zoom"), 1, 4, 2, key="size", bind="query-params", help=zoom_help)
    reverse = middle.toggle(tr("Invert colors"), key="reverse", bind="query-params", help=tr("Black on white."))
    with right.container(horizontal=True, vertical_alignment="bottom"):
        inspect = st.toggle(tr("Inspect one seed"), key="inspect", bind="query-params")
        last = GRID_COLUMNS * GRID_ROWS - 1
        seed = st.number_input(tr("Seed"), 0, last, 0, key="seed", bind="query-params", disabled=not inspect)
    are_digits = all(side.config.data.name in DIGITS for side in sides)
    for column, side in zip(st.columns(2), sides, strict=False):
        with column, warnings_of(side):
            show_grid(side, position, zoom=zoom, reverse=reverse, seed=seed if inspect else None)
    if not inspect:
        st.caption(tr_marked(HOW_TO_COMPARE_DIGITS if are_digits else HOW_TO_COMPARE))
        return
    for side in sides:
        with warnings_of(side):
            show_seed(side, position, seed, reverse=reverse)
    st.caption(tr_marked(HOW_TO_READ_A_DIGIT if are_digits else HOW_TO_READ_AN_IMAGE))


@contextmanager
def warnings_of(side: Side) -> Iterator[None]:
    """Show an error of a grid as a warning. A picture of any size may have the name of one."""
    try:
        yield
    except ValueError as error:
        st.warning(plain(tr("{run} cannot be shown: {error}.", run=side.run.name, error=error)))


def show_grid(side: Side, position: float, *, zoom: int, reverse: bool, seed: int | None) -> None:
    """Show the newest grid that is not later than the position, with a frame around `seed`, and its facts."""
    step = side.timeline.step_at(position)
    sheet_u8 = read_grid(side, step)
    if sheet_u8 is None:
        return
    if reverse:
        sheet_u8 = pixels.invert(sheet_u8)
    if seed is not None:
        sheet_u8 = pixels.outline(sheet_u8, seed, GRID_COLUMNS, GRID_ROWS)
    epoch = step * side.status.epochs / max(1, side.status.steps)
    st.image(
        pixels.png_bytes(pixels.enlarge(sheet_u8, zoom)),
        tr(
            "{run}, epoch {epoch:.3g}: {count:,} images seen",
            run=side.run.name,
            epoch=epoch,
            count=step * side.config.batch_size,
        ),
        output_format="PNG",  # the default recompresses to JPEG
        alt=tr("64 samples of {run} at epoch {epoch:.3g}", run=side.run.name, epoch=epoch),
    )
    st.caption(plain(training_text(side)))


def training_text(side: Side) -> str:
    """Return the recipe of a run, its length, its data, and its state if it has not finished."""
    text = tr(
        "{title}: {epochs} epochs of {data}, batches of {batch_size}",
        title=tr_marked(PRESETS[side.preset].title) if side.preset in PRESETS else side.preset,
        epochs=side.status.epochs,
        data=side.config.data.name,
        batch_size=side.config.batch_size,
    )
    if side.status.state == "finished":
        return text
    state = tr_marked(side.status.state)
    return tr("{text} ({state} at epoch {epoch:.1f})", text=text, state=state, epoch=side.status.epoch)


def read_grid(side: Side, step: int) -> Bytes | None:
    """Return the grid at that step, or None after a message."""
    try:
        return pixels.read_png(side.run.sample_path(step))
    except FileNotFoundError:
        st.caption(
            plain(
                tr(
                    "A resume of {run} removed the grid of step {step}. Another one appears soon.",
                    run=side.run.name,
                    step=step,
                )
            )
        )
    except ValueError as error:
        st.warning(plain(tr("{run} cannot be shown: {error}.", run=side.run.name, error=error)))
    return None


def show_seed(side: Side, position: float, seed: int, *, reverse: bool) -> None:
    """Show one cell of about a dozen grids up to the position, as a strip."""
    steps = [step for step in side.timeline.steps if step <= side.timeline.step_at(position)]
    kept = [steps[index] for index in spread(len(steps), STRIP_IMAGES)]
    sheets = [sheet for step in kept if (sheet := read_grid(side, step)) is not None]
    if not sheets:
        return
    cells = [pixels.cell(sheet, seed, GRID_COLUMNS, GRID_ROWS) for sheet in sheets]
    strip_u8 = pixels.join([pixels.invert(cell) if reverse else cell for cell in cells], 1, 128)
    first, last = (animations.frame_caption(step, side.status) for step in (kept[0], kept[-1]))
    text = tr("{run}, seed {seed}, from {first} to {last}", run=side.run.name, seed=seed, first=first, last=last)
    picture = pixels.png_bytes(pixels.enlarge(strip_u8, 3))
    st.image(picture, text, output_format="PNG", alt=tr("{text}: one image through time", text=text))


def spread(count: int, most: int) -> list[int]:
    """Return at most `most` indices below `count`, evenly spread, the first and the last among them."""
    return sorted({round(index) for index in np.linspace(0, count - 1, min(most, count))})


def share(sides: Sequence[Side], positions: Sequence[float]) -> None:
    """Show the address of this comparison, and a download of both runs as an animation."""
    values = {key: st.session_state[key] for key in ADDRESS if key in st.session_state}
    if not values.get("inspect"):
        values.pop("seed", None)
    values = {key: value for key, value in values.items() if value is not False}
    if names := hidden.requested_names():
        values[hidden.KEY] = ",".join(names)
    query = urlencode(values | chosen_language())
    st.code(f"{(st.context.url or '').partition('?')[0]}?{query}", language=None, wrap_lines=True)
    st.caption(tr("This address opens the same comparison."))
    if len(sides) < 2:
        return
    left, right = sides
    kept = [positions[index] for index in spread(len(positions), GIF_FRAMES)]
    steps = [(left.timeline.step_at(position), right.timeline.step_at(position)) for position in kept]
    reverse = bool(values.get("reverse"))
    st.download_button(
        tr("Download both as a GIF"),
        lambda: animations.side_by_side_gif(left.run, right.run, steps, reverse=reverse),
        f"{left.run.name}-beside-{right.run.name}.gif",
        "image/gif",
        on_click="ignore",
        icon=":material/gif_box:",
    )
