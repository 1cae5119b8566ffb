"""The Samples view of the Explore page: a sheet by seed, and by label or component."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from dcgan.config import ModelConfig
from dcgan.latents import MAX_SEED, parse_seeds
from dcgan.locale.language import tr, tr_later, tr_marked
from dcgan.pages.parts import explore_samples_nearest
from dcgan.pages.parts.address import spell_labels
from dcgan.pages.parts.explore_pictures import download, fitting_zoom, show
from dcgan.pages.parts.explore_samples_nearest import MAX_IMAGES, choose_nearest, show_nearest
from dcgan.runs.run import Run
from dcgan.sampling.class_names import label_text

if TYPE_CHECKING:
    from dcgan.checkpoint import TrainedGenerator

KEYS = ("seeds", "count", "first", "psi", "labels", "cross", "numbers", *explore_samples_nearest.KEYS)

TITLE = tr_later("{run}, seeds {seeds}, psi {psi:g}")


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
    from dcgan.sampling.sheets import draw

    chosen = choose(generator.config, generator.classes)
    seeds = parse_seeds(chosen.seeds)
    by = choose_nearest(generator, disabled=chosen.cross)
    if by and not chosen.cross:
        images_u8 = draw(generator.truncated(chosen.psi), seeds[: MAX_IMAGES + 1], chosen.labels or None)
        show_nearest(run, generator, images_u8, by, reverse=reverse, enlarge=enlarge)
        return
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
    values = {"run": run.name, "seeds": chosen.seeds, "psi": chosen.psi}
    show(
        picture,
        tr_marked(TITLE, **values),
        alt=tr("Images that {run} draws from seeds {seeds}", run=run.name, seeds=chosen.seeds),
    )
    download(lambda: picture, f"samples-{run.name}.png", TITLE.format(**values), generator)
    explain(generator.config)


def choose_seeds() -> str:
    """Show the controls of the seeds and return the seeds as text."""
    from dcgan.sampling.exploration import MAX_IMAGES

    left, middle, right = st.columns([2, 2, 3])
    listed = right.text_input(
        tr("Or a list of seeds"),
        key="seeds",
        bind="query-params",
        max_chars=500,
        placeholder="0-63,100",
        help=tr("It replaces the first seed and the number of seeds."),
    )
    count = middle.number_input(
        tr("How many"), 1, MAX_IMAGES, 64, key="count", bind="query-params", disabled=bool(listed.strip())
    )
    first = left.number_input(
        tr("First seed"), 0, MAX_SEED, 0, step=count, key="first", bind="query-params", disabled=bool(listed.strip())
    )
    return listed.strip() or f"{first}-{first + count - 1}"


def choose(config: ModelConfig, classes: Sequence[str] = ()) -> Chosen:
    """Show the controls of the sheet and return their values."""
    seeds = choose_seeds()
    mixed = config.latent == "mixture"
    left, middle, right = st.columns([2, 2, 3], vertical_alignment="bottom")
    psi = left.slider(
        tr("Truncation psi"),
        0.0,
        1.0,
        1.0,
        0.05,
        key="psi",
        bind="query-params",
        help=tr("psi multiplies z, so z moves toward the mean of its distribution, which is 0.")
        if not mixed
        else tr("psi multiplies all of z except its component, so z moves toward the mean of the component."),
    )
    labels, cross = [], False
    if config.num_classes:
        spell_labels("labels", classes, config.num_classes)
        labels = middle.multiselect(
            tr("Labels"),
            range(config.num_classes),
            format_func=partial(label_text, classes=classes),
            key="labels",
            bind="query-params",
            placeholder=tr("all, in turn"),
            help=tr("They repeat along the seeds."),
        )
    if config.num_classes or mixed:
        text = tr("Every seed with every label") if config.num_classes else tr("Every seed with every component")
        cross = right.toggle(text, key="cross", bind="query-params")
    numbers = right.toggle(tr("Seed numbers"), key="numbers", bind="query-params")
    return Chosen(seeds, labels, psi, cross=cross, numbers=numbers)


def explain(config: ModelConfig) -> None:
    """Show how to read the sheet."""
    reading = tr(
        "How to read it: seeds run left to right, then down. Look for variety first: if images repeat, the generator "
        "has collapsed to a few modes. A smaller psi makes images more alike and often cleaner."
    )
    odd = tr("Training drew no points so near to the mean, so odd shapes can appear.")
    st.caption(f"{reading} {at_psi_zero(config)} {odd}")
    if config.num_classes:
        st.caption(
            tr(
                "With every seed in every label, z is the same along a row. What stays the same in the row, slant or "
                "stroke, comes from z. What changes comes from the label."
            )
        )
    elif config.latent == "mixture":
        st.caption(
            tr(
                "With every seed in every component, the rest of z is the same along a row. A column is one "
                "component. "
                "Training used no labels: if a column shows one kind of image, the generator has learned that by "
                "itself."
            )
        )


def at_psi_zero(config: ModelConfig) -> str:
    """Return the sentence on which images are equal where psi is 0."""
    if config.latent == "mixture" and config.num_classes:
        return tr("At psi 0, all images of a component and a label are equal.")
    if config.latent == "mixture":
        return tr("At psi 0, all images of a component are equal.")
    if config.num_classes:
        return tr("At psi 0, all images of a label are equal.")
    return tr("At psi 0, all images are the image of z = 0.")
