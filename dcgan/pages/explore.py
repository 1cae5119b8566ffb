"""The Explore page: sheets of samples, the time machine and arithmetic on seeds of a trained generator.

torch is imported when the first picture is drawn, not before. The file has more than 250 lines because Streamlit runs
a page as one script, whose three views share the controls and the functions below them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from dcgan import pixels
from dcgan.config import NUM_COMPONENTS, ModelConfig
from dcgan.latents import MAX_SEED, PATHS, parse_seeds
from dcgan.pages.parts.address import plain, refusals, requested_values
from dcgan.pixels import Bytes
from dcgan.runs import listing
from dcgan.runs.listing import list_runs
from dcgan.runs.run import Run
from dcgan.sampling.link import ShareLink, demo_url

if TYPE_CHECKING:
    from dcgan.checkpoint import TrainedGenerator

DEFAULT_RUN = listing.BEST[0]


def main() -> None:
    st.title("Explore")
    st.write(
        "A trained generator turns any point of its latent space into an image. A seed names a point: it is the same "
        "point on every machine. For one generator it is always the same image."
    )
    query = requested_values()
    notes = st.container()
    listed = listing.best_first(list_runs())
    runs = {run.name: run for run in listed if run.weights_path.exists() or run.snapshot_steps()}
    if runs:
        show_views(runs)
    else:
        reason = f"None of the {len(listed)} runs has weights yet. " if listed else "There is no trained model yet. "
        st.info(reason + "Run `python -m dcgan train dcgan --epochs 1`, then reload this page.")
    for sentence in refusals(query, keys_of_closed_views(runs)):
        notes.warning(sentence)


# The widgets of each view; some models lack some. (Streamlit displays a string after a constant.)
VIEW_KEYS = {
    "Samples": ("seeds", "count", "first", "psi", "labels", "cross", "numbers"),
    "Time machine": ("a", "b", "n", "path", "label"),
    "Vector arithmetic": ("va", "vb", "vc", "label"),
}


def keys_of_closed_views(runs: Mapping[str, Run]) -> set[str]:
    """Return the keys of the views that are not open; without runs, of all views."""
    view = st.session_state.get("view", "") if runs else ""
    return {key for keys in VIEW_KEYS.values() for key in keys} - set(VIEW_KEYS.get(view, ()))


def show_views(runs: Mapping[str, Run]) -> None:
    """Show the controls that all views share, then the open view."""
    names = list(runs)
    which, zoom, colors = st.columns([3, 2, 2], vertical_alignment="bottom")
    index = names.index(DEFAULT_RUN) if DEFAULT_RUN in names else 0
    run = runs[which.selectbox("Run", names, index, key="run", bind="query-params")]
    # The keys of the address are older than the labels, so that earlier addresses keep opening.
    enlarge = zoom.slider("Zoom", 1, 8, 3, key="size", bind="query-params", help="Screen pixels per image pixel.")
    reverse = colors.toggle("Invert colors", key="reverse", bind="query-params", help="Black on white.")
    newest = load(run.weights_path)
    if newest is not None:
        config = newest.config
        st.caption(
            f"{run.name}: weights {newest.weights_id} of step {newest.step:,}; a latent vector z has "
            f"{config.latent_dim} numbers, {DISTRIBUTIONS[config.latent]}."
        )
    views = {"Samples": samples, "Time machine": time_machine, "Vector arithmetic": vector_arithmetic}
    for tab, view in zip(
        st.tabs(list(views), key="view", on_change="rerun", bind="query-params"), views.values(), strict=True
    ):
        if tab.open:
            with tab:
                try:
                    view(run, newest, reverse=reverse, enlarge=enlarge)
                except (OSError, ValueError) as error:
                    st.warning(plain(f"This cannot be drawn: {error}."))


DISTRIBUTIONS = {
    "normal": "each standard normal",
    "uniform": "each uniform from -1 to 1",
    "mixture": f"the first {NUM_COMPONENTS} of which select a mixture component; the others are standard normal",
}


# The three views


def samples(run: Run, generator: TrainedGenerator | None, *, reverse: bool, enlarge: int) -> None:
    """Show a sheet by seed, and by label where the model is conditional."""
    if generator is None:
        return
    from dcgan.sampling.exploration import MAX_IMAGES, images_per_seed, sheet

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
    mixed = generator.config.latent == "mixture"
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
    if generator.config.num_classes:
        labels = middle.multiselect(
            "Labels",
            range(generator.config.num_classes),
            key="labels",
            bind="query-params",
            placeholder="all, in turn",
            help="They repeat along the seeds.",
        )
    if generator.config.num_classes or mixed:
        column = "label" if generator.config.num_classes else "component"
        cross = right.toggle(f"Every seed with every {column}", key="cross", bind="query-params")
    numbers = right.toggle("Seed numbers", key="numbers", bind="query-params")
    text = listed.strip() or f"{first}-{first + count - 1}"
    seeds = parse_seeds(text)
    num_images = len(seeds) * (images_per_seed(generator.config, labels) if cross else 1)
    enlarge = fitting_zoom(generator.config, num_images, enlarge)
    picture = sheet(generator, seeds, labels, psi=psi, cross=cross, numbers=numbers, reverse=reverse, enlarge=enlarge)
    title = f"{run.name}, seeds {text}, psi {psi:g}"
    show(picture, title, alt=f"Images that {run.name} draws from seeds {text}")
    download(lambda: picture, f"samples-{run.name}.png", title, generator)
    st.caption(
        "How to read it: seeds run left to right, then down. Look for variety first: if images repeat, the generator "
        "has collapsed to a few modes. A smaller psi makes images more alike and often cleaner. "
        f"At psi 0, {at_psi_zero(generator.config)}. Training drew no points so near to the mean, so odd shapes can "
        "appear."
    )
    if generator.config.num_classes:
        st.caption(
            "With every seed in every label, z is the same along a row. What stays the same in the row, slant or "
            "stroke, comes from z. What changes comes from the label."
        )
    elif mixed:
        st.caption(
            "With every seed in every component, the rest of z is the same along a row. A column is one component. "
            "Training used no labels: if a column shows one digit, the generator has learned that by itself."
        )


def time_machine(run: Run, newest: TrainedGenerator | None, *, reverse: bool, enlarge: int) -> None:
    """Show the path from seed A to seed B, drawn by each generator that the training has saved."""
    from dcgan.sampling.exploration import path_strip, saved_generators

    st.write("Every row is the same path from seed A to seed B, drawn by the generator as it was at that time.")
    seeds = st.columns([2, 2, 3, 2])
    seed_a = seeds[0].number_input("Seed A", 0, MAX_SEED, 7, key="a", bind="query-params")
    seed_b = seeds[1].number_input("Seed B", 0, MAX_SEED, 42, key="b", bind="query-params")
    columns = seeds[2].slider("Columns", 2, 24, 10, key="n", bind="query-params")
    path = seeds[3].selectbox("Path", list(PATHS), key="path", bind="query-params", help=PATH_HELP)
    if not run.snapshot_steps():
        st.info(f"{run.name} has no snapshots, so its final weights are the only row.")
    label: int | None = None
    rows: list[Bytes] = []
    saved = saved_generators(run, newest and newest.step)
    for entry in saved:
        generator = load(entry.path)
        if generator is None:
            continue
        if not rows:
            enlarge = fitting_zoom(generator.config, len(saved) * columns, enlarge)
            if generator.config.num_classes:
                label = label_choice(generator.config.num_classes)
        strip = path_strip(
            generator, (seed_a, seed_b), columns, path=path, label=label, reverse=reverse, enlarge=enlarge
        )
        link = ShareLink(
            model=run.name,
            weights_id=generator.weights_id,
            seed_a=seed_a,
            seed_b=seed_b,
            frames=columns,
            path=path,
            labels=() if label is None else (label,),
        )
        address = demo_url(link)
        text = entry.label + (f" · [open in the interpolation demo]({address})" if address else "")
        show(strip, text, alt=f"From seed {seed_a} to seed {seed_b} at {entry.label}", link=address or None)
        rows.append(strip)
    if not rows:
        st.warning(f"{run.name} has no generator that can be loaded. Train it again, or choose another run.")
        return
    title = f"{run.name}, seed {seed_a} to {seed_b}, {path}"
    download(lambda: np.concatenate(rows), f"time-machine-{run.name}.png", title, newest)
    st.caption(
        "How to read it: at first every point gives the same gray noise. Soon images change along the row, but few "
        "are plausible. The latent space is smooth if one image turns into the other in small steps and every "
        "column could be a real image. Such a generator has not memorized its training images. A jump between two "
        "columns, or a smear, is a border that training has not bridged."
    )


PATH_HELP = (
    "slerp turns at constant speed and keeps a norm that is typical of samples. lerp is the straight line. It passes "
    "points with a smaller norm, where training drew no z."
)


def vector_arithmetic(run: Run, generator: TrainedGenerator | None, *, reverse: bool, enlarge: int) -> None:
    """Show a - b + c, each the mean of several seeds."""
    if generator is None:
        return
    from dcgan.sampling.exploration import arithmetic

    st.write(
        "In the DCGAN paper, *smiling woman* minus *neutral woman* plus *neutral man* is a smiling man. Find seeds "
        "that share a trait on the Samples view (turn on their numbers). Then write about three for each letter."
    )
    if run.name == DEFAULT_RUN:
        st.write("The first seeds here are: leaning eights, minus upright eights, plus upright ones.")
    operands = {}
    for column, (name, seeds) in zip(st.columns(3), OPERANDS.items(), strict=True):
        text = column.text_input(name, seeds, key=f"v{name}", bind="query-params", max_chars=200)
        operands[name] = parse_seeds(text)
    label = label_choice(generator.config.num_classes) if generator.config.num_classes else None
    num_images = sum(map(len, operands.values())) + 13  # three means, the result, and the 3x3 around it
    enlarge = fitting_zoom(generator.config, num_images, enlarge)
    sums = arithmetic(generator, **operands, label=label, reverse=reverse, enlarge=enlarge)
    for column, name, seeds_u8, mean_u8 in zip(st.columns(3), OPERANDS, sums.seeds_u8, sums.means_u8, strict=True):
        with column:
            show(seeds_u8, f"{name}: its seeds", alt=f"The images of the seeds of {name}")
            show(mean_u8, f"{name}: their mean", alt=f"The image of the mean of {name}")
    left, right = st.columns([1, 2])
    with left:
        show(sums.result_u8, "a - b + c", alt="The image of a - b + c")
    with right:
        show(sums.neighbors_u8, "amid eight neighbors", alt="The image of a - b + c amid eight points near it")
    download(lambda: sums.neighbors_u8, f"arithmetic-{run.name}.png", f"{run.name}, a - b + c", generator)
    st.caption(
        "How to read it: the mean is of z, not of pixels. The neighbors add uniform noise of up to 0.25. "
        "If all nine show the trait, it belongs to a region of latent space and not to one point. The result has "
        f"a norm of {sums.norm:.1f}; samples have about {sums.rms_norm:.1f}. "
        f"{NORMS_OF_MIXTURE if generator.config.latent == 'mixture' else NORMS}"
    )


NORMS = (
    "With three seeds per letter the two agree on average. With one seed per letter the result has a larger norm "
    "than the training's points."
)
NORMS_OF_MIXTURE = (
    "With three seeds per letter, all of a and b in one component, the two agree on average. Components that do not "
    "cancel add up: the result then lies between components or has a larger norm than the training's points."
)


# In DEFAULT_RUN: leaning eights, upright eights, upright ones. (Streamlit displays a string after a constant.)
OPERANDS = {"a": "3,14,768", "b": "112,400,943", "c": "26,162,727"}


# Parts


def label_choice(num_classes: int) -> int:
    """Return the label that the visitor chooses."""
    return st.selectbox("Label", range(num_classes), key="label", bind="query-params")


def show(picture: Bytes, caption: str, alt: str, link: str | None = None) -> None:
    """Show a picture, which leads to `link`. As PNG, because the default recompresses to JPEG."""
    st.image(pixels.png_bytes(picture), caption, output_format="PNG", alt=alt, link=link)


def download(picture: Callable[[], Bytes], name: str, title: str, generator: TrainedGenerator | None) -> None:
    """Offer the picture as a PNG with its description inside. The file is made when it is downloaded."""
    metadata = {"Title": title} | ({"Source": f"weights {generator.weights_id}"} if generator else {})

    def file() -> bytes:
        return pixels.png_bytes(picture(), metadata)

    st.download_button("Download PNG", file, name, "image/png", on_click="ignore", key=f"save-{name}")


def fitting_zoom(config: ModelConfig, num_images: int, zoom: int) -> int:
    """Return the zoom, or a smaller one with a warning where so many images have too many pixels for a page."""
    from dcgan.sampling.exploration import largest_zoom

    largest = largest_zoom(config, num_images)
    if zoom > largest:
        _, height, width = config.image_shape
        st.warning(
            f"{num_images:,} images of {width}x{height} are too many for zoom {zoom}; zoom {largest} is used instead."
        )
    return min(zoom, largest)


def at_psi_zero(config: ModelConfig) -> str:
    """Return which images are equal where psi is 0."""
    shared = ["a component"] * (config.latent == "mixture") + ["a label"] * bool(config.num_classes)
    return f"all images of {' and '.join(shared)} are equal" if shared else "all images are the image of z = 0"


def load(path: Path) -> TrainedGenerator | None:
    """Return the generator in the file, or None with a warning."""
    try:
        return generator_in(str(path), path.stat().st_mtime_ns)
    except FileNotFoundError:
        st.warning(plain(f"{path} does not exist (yet). Resume the training, or choose another run."))
    except (OSError, ValueError) as error:
        st.warning(plain(f"{error}."))
    return None


@st.cache_resource(max_entries=24, show_spinner="Loading the generator ...")
def generator_in(path: str, modified_ns: int) -> TrainedGenerator:
    """Load a generator once for all sessions and per state of its file."""
    from dcgan.checkpoint import load_generator

    return load_generator(path)


main()
