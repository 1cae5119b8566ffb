"""What the page's events call: values of controls in, an Update out, both by name. Layout maps names to components.

Nothing here needs Gradio, so that a test can call it without a page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, TypedDict
from urllib.parse import parse_qsl, urlsplit

from dcgan.checkpoint import TrainedGenerator
from dcgan.config import NUM_COMPONENTS
from dcgan.demo.drawing import frame_at, frames_of, labeled_runs, large_factor, load, runs_with_weights
from dcgan.demo.view_files import address
from dcgan.figures import plots
from dcgan.models.browser import why_not_in_browser
from dcgan.pixels import Bytes
from dcgan.runs import listing
from dcgan.sampling.link import CONTROLS, KEYS, ShareLink, page_url, repaired
from dcgan.sampling.rendering import find_model, fit_labels, has_mp4, resolve, verdict

DEFAULT = ShareLink()

FIRST = replace(DEFAULT, model=listing.BEST[0], seed_a=84, seed_b=18)
"""What a page opened without a link shows."""

READINGS = {
    "normal": "Training draws z from a normal distribution. slerp keeps the norm between those of its ends. lerp "
    "shortens z in the middle, where training drew no z.",
    "uniform": "Training draws z from a cube. slerp keeps the norm between those of its ends, and may leave the "
    "cube. lerp stays in the cube, and shortens z in the middle.",
    "mixture": f"Training draws z from {NUM_COMPONENTS} mixture components. slerp keeps the norm between those of "
    "its ends, and lerp shortens z in the middle. Between two components, both paths pass points that belong to "
    "neither, where training drew no z.",
}
"""How to read the plot of a path, by the latent distribution of its model."""

READING = (
    "The gray band is the norm interval: about 95 % of the training's vectors have a norm in it. On a smooth path, "
    "each frame changes by about the same amount."
)
"""The same for all models."""


class Choice(NamedTuple):
    """The options of a control, and the one that is chosen."""

    options: list[str]
    value: str


class Update(TypedDict, total=False):
    """New values by the name of a component; components whose names are missing stay as they are."""

    model: Choice
    seed_a: int
    seed_b: int
    keys: str
    loop: bool
    frames: int
    path: str
    t: float
    labels: str
    """Empty where the model takes no labels."""
    first: Bytes | None
    current: Bytes | None
    last: Bytes | None
    strip: str | None
    """The address of the picture, relative to the page; so are the animation and the files."""
    animation: str | None
    plot: str | None
    """The figure as JSON."""
    reading: str
    about: str
    notes: list[str]
    link: str
    page_link: str
    """The address of the view in the static page; empty without such a page, or where a browser does not draw it."""
    strip_file: str | None
    gif_file: str | None
    mp4_file: str | None


@dataclass(frozen=True)
class Selection:
    """What the controls select. Its link's labels may not fit the model yet."""

    link: ShareLink
    label: str
    """Of the model, in the list of models."""
    weights: Path
    notes: list[str]


def select(values: Mapping[str, Any]) -> Selection:
    """Return what the controls' values select: "model", and any of link.CONTROLS.

    Raises ValueError where there is no model at all.
    """
    link, notes = ShareLink.nearest({name: values[name] for name in CONTROLS if name in values})
    run, weights, more = find_model(values["model"], labeled_runs(), DEFAULT.model)
    label = run.name if more else str(values["model"])
    return Selection(replace(link, model=run.name), label, weights, [*notes, *more])


def show_controls(values: Mapping[str, Any]) -> Update:
    """Return the outputs for the values of the controls."""
    try:
        return show(select(values))
    except ValueError as error:
        return show_nothing([f"{error}."])


def show_typed(values: Mapping[str, Any]) -> Update | None:
    """Return the outputs for other texts in the fields, or None where nothing is to change.

    `values` also has "link", the link that is shown. Texts that were written for that link change nothing: their
    notes are to stay, and the other controls may not be there yet. Without a link the model cannot be drawn, so no
    text can change what is shown.
    """
    try:
        shown_link, _ = ShareLink.from_query(dict(parse_qsl(urlsplit(str(values["link"])).query)))
    except ValueError:  # no browser sends what is not an address
        return None
    texts = keys_text(shown_link.keys), labels_text(shown_link.labels)
    if not values["link"] or (values["keys"], values["labels"]) == texts:
        return None
    return show_controls(values)


def scrub(values: Mapping[str, Any]) -> Update:
    """Return the image at t and its link; the frames are in the cache."""
    try:
        selection = select(values)
        generator = load(selection.weights)
        link, _ = fit_labels(selection.link, generator)
        made = replace(frames_of(selection.weights, link).link, t=link.t)
        current = frame_at(selection.weights, link)
        return {"current": current, "link": f"?{made.to_query()}", "page_link": address_in_page(made, generator)}
    except (OSError, ValueError):
        return {"current": None, "link": "", "page_link": ""}  # the page already shows the reason


def open_page(query: Mapping[str, str]) -> Update:
    """Return the controls and the outputs for the address that the page was opened with."""
    query = repaired(query)
    link, notes = ShareLink.from_query(query)
    if KEYS.keys().isdisjoint(query):
        link = FIRST
    runs = runs_with_weights()
    run, weights, more = resolve(link, list(runs.values()))
    try:
        if run is None or weights is None:
            run, weights, missing = find_model(link.model, runs, DEFAULT.model)
            more = missing if "model" in query else []
    except ValueError as error:
        return show_nothing([*notes, f"{error}."])
    label = next((name for name, candidate in runs.items() if candidate == run), run.name)
    if weights != run.weights_path:
        label = f"{label}, step {int(weights.stem)}"
    controls: Update = {
        "model": Choice(list(dict.fromkeys([*runs, label])), label),
        "seed_a": link.seed_a,
        "seed_b": link.seed_b,
        "keys": keys_text(link.keys),
        "loop": link.loop,
        "frames": link.frames,
        "path": link.path,
        "t": link.t,
    }
    return controls | show(Selection(replace(link, model=run.name), label, weights, [*notes, *more]))


def show(selection: Selection) -> Update:
    """Return the outputs for a selection; a checkpoint that cannot be used is a note."""
    weights = selection.weights
    try:
        generator = load(weights)
        link, more = fit_labels(selection.link, generator)
        rendering = frames_of(weights, link)
        current = frame_at(weights, link)
        made = replace(rendering.link, t=link.t)
    except (OSError, ValueError) as error:
        return show_nothing([*selection.notes, f"{error}."])
    factor = large_factor(rendering.images_u8)
    sentence = verdict(selection.link, rendering)
    about = (
        f"{selection.label}, weights {made.weights_id}, on {rendering.device}: seed {link.seed_a} to {link.seed_b}, "
        f"{link.frames} frames drawn in {1000 * rendering.seconds:.0f} ms"
    )
    strip, gif = address("strip.png", made), address("animation.gif", made)
    return {
        "first": rendering.frame(0, factor),
        "current": current,
        "last": rendering.frame(link.frames - 1, factor),
        "plot": plots.path_curves_json(rendering.norms, rendering.norm_interval, rendering.changes),
        "reading": f"{READINGS[generator.config.latent]} {READING}",
        "about": f"**{sentence}** {about}" if sentence else about,
        "notes": [*selection.notes, *more],
        "link": f"?{made.to_query()}",
        "page_link": address_in_page(made, generator),
        "labels": labels_text(link.labels),
        "strip": strip,
        "animation": gif,
        "strip_file": strip,
        "gif_file": gif,
        "mp4_file": address("animation.mp4", made) if has_mp4() else None,
    }


def show_nothing(notes: list[str]) -> Update:
    """Return the outputs where nothing can be drawn."""
    return {
        "first": None,
        "current": None,
        "last": None,
        "strip": None,
        "animation": None,
        "plot": None,
        "reading": "",
        "about": "",
        "notes": notes,
        "link": "",
        "page_link": "",
        "labels": "",
        "strip_file": None,
        "gif_file": None,
        "mp4_file": None,
    }


def address_in_page(link: ShareLink, generator: TrainedGenerator) -> str:
    """Return the address of the link in the static page; empty where it has none."""
    return "" if why_not_in_browser(generator.config) else page_url(link)


def labels_text(labels: Sequence[int]) -> str:
    """Return the labels as their field writes them."""
    return ", ".join(map(str, labels))


def keys_text(keys: Sequence[int]) -> str:
    """Return the further seeds as their field writes them."""
    return ",".join(map(str, keys))
