"""The view "Named sliders" of the Explore page: one seed, moved along directions that change one property each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dcgan.latents import MAX_SEED
from dcgan.locale.language import tr, tr_later, tr_marked
from dcgan.pages.parts.explore_path import offer_ends
from dcgan.pages.parts.explore_pictures import download, label_choice, show
from dcgan.pages.parts.visitor_language import Spinner
from dcgan.runs.run import Run

if TYPE_CHECKING:
    from dcgan.checkpoint import TrainedGenerator
    from dcgan.pages.parts.named_directions import NamedDirection

SHAPES = ("slant", "thickness", "width", "height")
SLIDERS = (*SHAPES, *(f"like{label}" for label in range(10)), *(f"unnamed{number}" for number in range(1, 9)))
"""Keys of the sliders in the address. A generator has some of them."""
KEYS = ("origin", "label", *SLIDERS)

MAX_LENGTH = 4.0
"""How far a slider moves z. z of a standard normal distribution has a standard deviation of 1 in each direction."""
NUM_OTHERS = 8
SHOWN_SIDE = 168

READING = tr_later(
    "How to read it: a direction is found by least squares from the images of 4,000 seeds. Each slider adds its "
    "value times that direction to z. R² is the share of the property's variance that the direction explains in "
    "images that it was not fitted to. Directions below {least:g} are not shown. A direction may change more than "
    "its name says. The unnamed directions are those that change the first layer most "
    "([Shen and Zhou 2021](https://arxiv.org/abs/2007.06600))."
)


def show_view(run: Run, generator: TrainedGenerator | None, *, reverse: bool, enlarge: int) -> None:
    """Show the image of a seed, and sliders that change one property each."""
    if generator is None:
        return
    import numpy as np

    from dcgan.pages.parts.named_directions import moved, unnamed_directions
    from dcgan.sampling.directions import MIN_R2
    from dcgan.sampling.nearest_image import picture_of
    from dcgan.sampling.sheets import draw_latents

    left, right = st.columns(2)
    seed = left.number_input(tr("Seed"), 0, MAX_SEED, 7, key="origin", bind="query-params")
    label = None
    if generator.config.num_classes:
        with right:
            label = label_choice(generator)
    named, unnamed = directions_of(generator.weights_id, generator), unnamed_directions(generator)
    place = st.container()
    if not named:
        st.info(tr("No property is explained well enough: every R² is below {least:g}.", least=MIN_R2))
    values = choose_values(named)
    with st.expander(tr("Unnamed"), expanded=any(st.session_state.get(entry.key) for entry in unnamed)):
        values |= choose_values(unnamed)
    st.button(tr("Reset all"), on_click=reset, icon=":material/restart_alt:")
    seeds = [seed, *range(NUM_OTHERS)]
    z = generator.latents(seeds)
    changed = moved(z, values)
    labels = None if label is None else [label]
    images_u8, changed_u8 = (draw_latents(generator, numbers, labels, reverse=reverse) for numbers in (z, changed))
    factor = max(1, min(8, max(enlarge, SHOWN_SIDE // generator.config.image_shape[1])))
    with place:
        with st.container(horizontal=True):
            pictures = {
                tr("Seed {seed}", seed=seed): images_u8[0],
                tr("Seed {seed}, moved", seed=seed): changed_u8[0],
            }
            for caption, image_u8 in pictures.items():
                with st.container(width=max(SHOWN_SIDE, image_u8.shape[2] * factor)):
                    show(picture_of(image_u8[None], enlarge=factor), caption, caption)
        small = max(1, min(enlarge, 3))
        rows = np.concatenate([picture_of(row[1:], enlarge=small) for row in (images_u8, changed_u8)])
        show(
            rows,
            tr("Seeds 0 to {last}, and below them the same seeds moved", last=NUM_OTHERS - 1),
            tr("Eight seeds before and after"),
        )
    offer_ends(generator, changed[0], label)
    title = f"{run.name}, seed {seed} moved"
    download(lambda: picture_of(changed_u8[:1], enlarge=factor), f"moved-{run.name}.png", title, generator)
    st.caption(tr_marked(READING, least=MIN_R2))


@st.cache_data(max_entries=32, show_spinner=Spinner(tr_later("Measuring the images of 4,000 seeds ...")))
def directions_of(weights_id: str, _generator: TrainedGenerator) -> list[NamedDirection]:
    """Return the named directions, measured once for each weights id."""
    from dcgan.pages.parts.named_directions import named_directions

    return named_directions(_generator)


def choose_values(directions: list[NamedDirection]) -> dict[NamedDirection, float]:
    """Show a slider for each direction; return their values."""
    values = {}
    columns = []
    for index, entry in enumerate(directions):
        if index % 2 == 0:  # row by row, so that a narrow page keeps the order
            columns = st.columns(2)
        r2 = entry.direction.r2
        title = tr("{property} (R² {r2:.2f})", property=entry.title, r2=r2) if r2 else entry.title
        with columns[index % 2]:
            values[entry] = st.slider(
                title, -MAX_LENGTH, MAX_LENGTH, 0.0, 0.1, key=entry.key, bind="query-params", format="%.1f"
            )
    return values


def reset() -> None:
    """Put all sliders into the middle."""
    for key in SLIDERS:
        if key in st.session_state:
            st.session_state[key] = 0.0
