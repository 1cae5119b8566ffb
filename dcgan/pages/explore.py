"""What a trained generator can draw: sheets of samples, the time machine, arithmetic on seeds.

torch is imported when the first picture is drawn, not before.
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
from dcgan.pages.parts.address import asked_for, plain, refused
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
        "A trained generator turns any point of its latent space into an image, and a seed is a point's name: the "
        "same seed is the same point on every machine and, for one generator, always the same image."
    )
    asked = asked_for()
    notes = st.container()
    found = listing.best_first(list_runs())
    runs = {run.name: run for run in found if run.weights_path.exists() or run.snapshot_steps()}
    if runs:
        explore(runs)
    else:
        waiting = f"None of the {len(found)} runs has weights yet. " if found else "There is no trained model yet. "
        st.info(waiting + "Make one with `python -m dcgan train dcgan --epochs 1`, then reload.")
    for sentence in refused(asked, elsewhere(runs)):
        notes.warning(sentence)


# The widgets of each view, some of which only some models have. (Streamlit would show a string after a constant.)
VIEW_KEYS = {
    "Samples": ("seeds", "count", "first", "psi", "labels", "cross", "numbers"),
    "Time machine": ("a", "b", "n", "path", "label"),
    "Vector arithmetic": ("va", "vb", "vc", "label"),
}


def elsewhere(runs: Mapping[str, Run]) -> set[str]:
    """The keys of the views that are not open; of all, where there is nothing to open."""
    view = st.session_state.get("view") if runs else None
    return {key for keys in VIEW_KEYS.values() for key in keys} - set(VIEW_KEYS.get(view, ()))


def explore(runs: Mapping[str, Run]) -> None:
    """The controls that all views share, then the view that is open."""
    names = list(runs)
    which, size, grey = st.columns([3, 2, 2], vertical_alignment="bottom")
    index = names.index(DEFAULT_RUN) if DEFAULT_RUN in names else 0
    run = runs[which.selectbox("Run", names, index, key="run", bind="query-params")]
    enlarge = size.slider(
        "Size", 1, 8, 3, key="size", bind="query-params", help="Screen pixels a pixel of the image."
    )
    reverse = grey.toggle("Reversed grey", key="reverse", bind="query-params", help="Black on white.")
    newest = load(run.weights_path)
    if newest is not None:
        config = newest.config
        st.caption(
            f"{run.name}: weights {newest.weights_id} of step {newest.step:,}; a latent vector z has "
            f"{config.latent_dim} numbers, {DISTRIBUTIONS[config.latent]}"
        )
    views = {"Samples": samples, "Time machine": time_machine, "Vector arithmetic": vector_arithmetic}
    for tab, view in zip(
        st.tabs(list(views), key="view", on_change="rerun", bind="query-params"), views.values(), strict=True
    ):
        if tab.open:
            with tab:
                try:
                    view(run, newest, reverse, enlarge)
                except (OSError, ValueError) as error:
                    st.warning(plain(f"This cannot be drawn: {error}."))


DISTRIBUTIONS = {
    "normal": "each standard normal",
    "uniform": "each uniform from -1 to 1",
    "mixture": f"the first {NUM_COMPONENTS} of which name one of as many kinds; the others are standard normal",
}


# The three views


def samples(run: Run, generator: TrainedGenerator | None, reverse: bool, enlarge: int) -> None:
    """A sheet by seed, and by label where the model is conditional."""
    if generator is None:
        return
    from dcgan.sampling.exploration import MAX_IMAGES, crossed, sheet

    left, middle, right = st.columns([2, 2, 3])
    listed = right.text_input(
        "Or a list of seeds",
        key="seeds",
        bind="query-params",
        max_chars=500,
        placeholder="0-63,100",
        help="Where it is filled, it is what counts.",
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
        help="z is multiplied by psi, so it moves toward the mean of its distribution, which is 0."
        if not mixed
        else "All of z but its kind is multiplied by psi, so it moves toward the mean of its kind.",
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
        what = "label" if generator.config.num_classes else "kind"
        cross = right.toggle(f"Every seed with every {what}", key="cross", bind="query-params")
    numbers = right.toggle("Seed numbers", key="numbers", bind="query-params")
    written = listed.strip() or f"{first}-{first + count - 1}"
    seeds = parse_seeds(written)
    num_images = len(seeds) * (crossed(generator.config, labels) if cross else 1)
    enlarge = fitting(generator.config, num_images, enlarge)
    picture = sheet(generator, seeds, labels, psi, cross, numbers, reverse, enlarge)
    title = f"{run.name}, seeds {written}, psi {psi:g}"
    show(picture, title, alt=f"Images that {run.name} draws from seeds {written}")
    download(lambda: picture, f"samples-{run.name}.png", title, generator)
    st.caption(
        "How to read it: seeds run left to right, then down. Look for variety first: images that repeat say that the "
        "generator has collapsed to a few. A smaller psi makes images more alike and often cleaner, down to 0, where "
        f"{at_psi_zero(generator.config)}; but so near to it training never drew a point, and odd shapes can come up."
    )
    if generator.config.num_classes:
        st.caption(
            "With every seed in every label, a row keeps its z: what stays the same along it, slant or stroke, is in "
            "z, and what changes is the label's."
        )
    elif mixed:
        st.caption(
            "With every seed in every kind, a row keeps the rest of its z, and a column is one kind. Nobody told the "
            "generator what the kinds are to be: where a column is of one digit, it found that by itself."
        )


def time_machine(run: Run, newest: TrainedGenerator | None, reverse: bool, enlarge: int) -> None:
    """The way from seed A to seed B, drawn by the generators along the training."""
    from dcgan.sampling.exploration import stations, walk

    st.write("Every row is the same walk from seed A to seed B, drawn by the generator as it was at that time.")
    seeds = st.columns([2, 2, 3, 2])
    seed_a = seeds[0].number_input("Seed A", 0, MAX_SEED, 7, key="a", bind="query-params")
    seed_b = seeds[1].number_input("Seed B", 0, MAX_SEED, 42, key="b", bind="query-params")
    columns = seeds[2].slider("Columns", 2, 24, 10, key="n", bind="query-params")
    path = seeds[3].selectbox("Path", list(PATHS), key="path", bind="query-params", help=PATH_HELP)
    if not run.snapshot_steps():
        st.info(f"{run.name} kept no generators along the way, so its final weights are the only row.")
    label: int | None = None
    rows: list[Bytes] = []
    found = stations(run, newest and newest.step)
    for station in found:
        generator = load(station.path)
        if generator is None:
            continue
        if not rows:
            enlarge = fitting(generator.config, len(found) * columns, enlarge)
            if generator.config.num_classes:
                label = label_choice(generator.config.num_classes)
        strip = walk(generator, (seed_a, seed_b), columns, path, label, reverse, enlarge)
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
        text = station.label + (f" · [open in the interpolation demo]({address})" if address else "")
        show(strip, text, alt=f"From seed {seed_a} to seed {seed_b} at {station.label}", link=address or None)
        rows.append(strip)
    if not rows:
        st.warning(f"{run.name} has no generator that can be loaded; train it again, or choose another run.")
        return
    title = f"{run.name}, seed {seed_a} to {seed_b}, {path}"
    download(lambda: np.concatenate(rows), f"time-machine-{run.name}.png", title, newest)
    st.caption(
        "How to read it: at first every point gives the same grey noise. Soon images change along the row, but few "
        "are plausible. The latent space is smooth where one image turns into the other in small steps and every "
        "column could be a real one; then the generator has not learnt its images by heart. A jump between two "
        "columns, or a smear that is neither, is a border that training has not bridged."
    )


PATH_HELP = (
    "slerp turns at constant speed and stays as far from 0 as samples are; lerp is the straight line, which cuts "
    "through points nearer to 0 than training ever drew."
)


def vector_arithmetic(run: Run, generator: TrainedGenerator | None, reverse: bool, enlarge: int) -> None:
    """a - b + c, each the mean of several seeds."""
    if generator is None:
        return
    from dcgan.sampling.exploration import arithmetic

    st.write(
        "In the DCGAN paper, *smiling woman* minus *neutral woman* plus *neutral man* is a smiling man. Find seeds "
        "that share a trait on the Samples view (turn on their numbers), and write about three for each letter."
    )
    if run.name == DEFAULT_RUN:
        st.write("The seeds written here at first: leaning eights, minus upright eights, plus upright ones.")
    operands = []
    for column, (name, seeds) in zip(st.columns(3), OPERANDS.items(), strict=True):
        text = column.text_input(name, seeds, key=f"v{name[0]}", bind="query-params", max_chars=200)
        operands.append(parse_seeds(text))
    label = label_choice(generator.config.num_classes) if generator.config.num_classes else None
    enlarge = fitting(generator.config, sum(map(len, operands)) + 13, enlarge)  # the means, the result, neighbours
    sums = arithmetic(generator, *operands, label=label, reverse=reverse, enlarge=enlarge)
    for column, name, seeds_u8, mean_u8 in zip(st.columns(3), OPERANDS, sums.seeds_u8, sums.means_u8, strict=True):
        with column:
            show(seeds_u8, f"{name}: its seeds", alt=f"The images of the seeds of {name}")
            show(mean_u8, f"{name}: their mean", alt=f"The image of the mean of {name}")
    left, right = st.columns([1, 2])
    with left:
        show(sums.result_u8, "a - b + c", alt="The image of a - b + c")
    with right:
        show(sums.neighbours_u8, "amid eight neighbours", alt="The image of a - b + c amid eight points near it")
    download(lambda: sums.neighbours_u8, f"arithmetic-{run.name}.png", f"{run.name}, a - b + c", generator)
    st.caption(
        f"How to read it: z is averaged, never pixels. The neighbours add uniform noise of up to 0.25 to the result; "
        f"where all nine show the trait, it is a region and not luck. The result's length is {sums.length:.1f}, a "
        f"sample's about {sums.rms_norm:.1f}: {LENGTHS[generator.config.latent == 'mixture']}."
    )


# Of a latent whose numbers are all alike, and of one that names a kind.
LENGTHS = (
    "with three seeds for each letter the two agree on average, and with one seed each the result lies farther out "
    "than training ever drew",
    "with three seeds for each letter, all of a's and b's of one kind, the two agree on average; kinds that do not "
    "cancel add up, and the result then lies between kinds or farther out, where training never drew",
)


# In DEFAULT_RUN: leaning eights, upright eights, upright ones. (Streamlit would show a string after a constant.)
OPERANDS = {"a": "3,14,768", "b": "112,400,943", "c": "26,162,727"}


# Parts


def label_choice(num_classes: int) -> int:
    return st.selectbox("Label", range(num_classes), key="label", bind="query-params")


def show(picture: Bytes, caption: str, alt: str, link: str | None = None) -> None:
    # PNG, because the default recompresses to JPEG.
    st.image(pixels.png_bytes(picture), caption, output_format="PNG", alt=alt, link=link)


def download(picture: Callable[[], Bytes], name: str, title: str, generator: TrainedGenerator | None) -> None:
    """A button for the picture as it is, which carries its own description; a file when it is asked for."""
    about = {"Title": title} | ({"Source": f"weights {generator.weights_id}"} if generator else {})

    def file() -> bytes:
        return pixels.png_bytes(picture(), about)

    st.download_button("Download PNG", file, name, "image/png", on_click="ignore", key=f"save-{name}")


def fitting(config: ModelConfig, num_images: int, size: int) -> int:
    """The size at which so many images are not too many pixels for a page; a sentence where it is a smaller one."""
    from dcgan.sampling.exploration import largest_size

    largest = largest_size(config, num_images)
    if size > largest:
        _, height, width = config.image_shape
        st.warning(f"{num_images:,} images of {width}x{height} are too many for size {size}; this is size {largest}.")
    return min(size, largest)


def at_psi_zero(config: ModelConfig) -> str:
    """What becomes of all images where psi is 0."""
    shared = ["a kind"] * (config.latent == "mixture") + ["a label"] * bool(config.num_classes)
    return f"all of {' and '.join(shared)} are one image" if shared else "all are the image of z = 0"


def load(path: Path) -> TrainedGenerator | None:
    """The generator in the file, or None and a sentence that says why not."""
    try:
        return generator_in(str(path), path.stat().st_mtime_ns)
    except FileNotFoundError:
        st.warning(plain(f"{path} is gone or not there yet; train the run on, or choose another one."))
    except (OSError, ValueError) as error:
        st.warning(plain(f"{error}."))
    return None


@st.cache_resource(max_entries=24, show_spinner="Loading the generator ...")
def generator_in(path: str, modified_ns: int) -> TrainedGenerator:
    """Loaded once for all sessions, and anew when the file has changed."""
    from dcgan.checkpoint import load_generator

    return load_generator(path)


main()
