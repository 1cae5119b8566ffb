"""The Samples view of the Explore page: a sheet by seed, and by label or component."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING

import streamlit as st

from dcgan.config import ModelConfig
from dcgan.latents import MAX_SEED, parse_seeds
from dcgan.pages.parts.explore_pictures import download, fitting_zoom, show
from dcgan.runs.run import Run

if TYPE_CHECKING:
    from dcgan.checkpoint import TrainedGenerator

KEYS = ("seeds", "count", "first", "psi", "labels", "cross", "numbers")


@dataclass(frozen=True)
class Chosen:
    """What the visitor has chosen."""

    seeds: str
    labels: list[int]
    psi: float
    _: KW_ONLY
    cross: bool
    numbers: bool


def show_view(run: Run, generator: TrainedGenerator | None, *, reverse: bool, enlarge: int) -> None:
    """Show a sheet by seed, and by label where the model is conditional."""
    if generator is None:
        return
    from dcgan.sampling.exploration import images_per_seed, sheet

    chosen = choose(generator.config)
    seeds = parse_seeds(chosen.seeds)
    num_images = len(seeds) * (images_per_seed(generator.config, chosen.labels) if chosen.cross else 1)
    enlarge = fitting_zoom(generator.config, num_images, enlarge)
    picture = sheet(
        generator,
        seeds,
        chosen.labels,
        psi=chosen.psi,
        cross=chosen.cross,
        numbers=chosen.numbers,
        reverse=reverse,
        enlarge=enlarge,
    )
    title = f"{run.name}, seeds {chosen.seeds}, psi {chosen.psi:g}"
    show(picture, title, alt=f"Images that {run.name} draws from seeds {chosen.seeds}")
    download(lambda: picture, f"samples-{run.name}.png", title, generator)
    explain(generator.config)


def choose_seeds() -> str:
    """Show the controls of the seeds and return the seeds as text."""
    from dcgan.sampling.exploration import MAX_IMAGES

    left, middle, right = st.columns([2, 2, 3])
    listed = right.text_input(
        "Or a list of seeds",
        key="seeds",
        bind="query-params",
        max_chars=500,
        placeholder="0-63,100",
        help="It replaces the first seed and the number of seeds.",
    )
    count = middle.number_input(
        "How many", 1, MAX_IMAGES, 64, key="count", bind="query-params", disabled=bool(listed.strip())
    )
    first = left.number_input(
        "First seed", 0, MAX_SEED, 0, step=count, key="first", bind="query-params", disabled=bool(listed.strip())
    )
    return listed.strip() or f"{first}-{first + count - 1}"


def choose(config: ModelConfig) -> Chosen:
    """Show the controls of the sheet and return their values."""
    seeds = choose_seeds()
    mixed = config.latent == "mixture"
    left, middle, right = st.columns([2, 2, 3], vertical_alignment="bottom")
    psi = left.slider(
        "Truncation psi",
        0.0,
        1.0,
        1.0,
        0.05,
        key="psi",
        bind="query-params",
        help="psi multiplies z, so z moves toward the mean of its distribution, which is 0."
        if not mixed
        else "psi multiplies all of z except its component, so z moves toward the mean of the component.",
    )
    labels, cross = [], False
    if config.num_classes:
        labels = middle.multiselect(
            "Labels",
            range(config.num_classes),
            key="labels",
            bind="query-params",
            placeholder="all, in turn",
            help="They repeat along the seeds.",
        )
    if config.num_classes or mixed:
        column = "label" if config.num_classes else "component"
        cross = right.toggle(f"Every seed with every {column}", key="cross", bind="query-params")
    numbers = right.toggle("Seed numbers", key="numbers", bind="query-params")
    return Chosen(seeds, labels, psi, cross=cross, numbers=numbers)


def explain(config: ModelConfig) -> None:
    """Show how to read the sheet."""
    st.caption(
        "How to read it: seeds run left to right, then down. Look for variety first: if images repeat, the generator "
        "has collapsed to a few modes. A smaller psi makes images more alike and often cleaner. "
        f"At psi 0, {at_psi_zero(config)}. Training drew no points so near to the mean, so odd shapes can "
        "appear."
    )
    if config.num_classes:
        st.caption(
            "With every seed in every label, z is the same along a row. What stays the same in the row, slant or "
            "stroke, comes from z. What changes comes from the label."
        )
    elif config.latent == "mixture":
        st.caption(
            "With every seed in every component, the rest of z is the same along a row. A column is one component. "
            "Training used no labels: if a column shows one digit, the generator has learned that by itself."
        )


def at_psi_zero(config: ModelConfig) -> str:
    """Return which images are equal where psi is 0."""
    shared = ["a component"] * (config.latent == "mixture") + ["a label"] * bool(config.num_classes)
    return f"all images of {' and '.join(shared)} are equal" if shared else "all images are the image of z = 0"
