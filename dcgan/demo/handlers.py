"""What the page's events call: values of controls in, an Update out, both by name. Layout maps names to components.

Nothing here needs Gradio, so that a test can call it without a page. The module has more than 250 lines,
because all events build the same Update.
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
from dcgan.demo.visitor_language import note_of_language
from dcgan.figures import plots
from dcgan.locale.language import tr, tr_later, tr_marked
from dcgan.models.browser import why_not_in_browser
from dcgan.pixels import Bytes
from dcgan.runs import listing
from dcgan.runs.classes import class_names
from dcgan.sampling.class_names import named_query
from dcgan.sampling.link import CONTROLS, KEYS, ShareLink, page_url, repaired
from dcgan.sampling.rendering import (
    find_model,
    fit_link,
    has_mp4,
    label_of_snapshot,
    resolve,
    text_of_label,
    verdict,
)

DEFAULT = ShareLink()

FIRST = replace(DEFAULT, model=listing.BEST[0], seed_a=84, seed_b=18)
"""What a page opened without a link shows."""

READINGS = {
    "normal": tr_later(
        "Training draws z from a normal distribution. slerp keeps the norm between those of its ends. lerp shortens "
        "z in the middle, where training drew no z."
    ),
    "uniform": tr_later(
        "Training draws z from a cube. slerp keeps the norm between those of its ends, and may leave the cube. lerp "
        "stays in the cube, and shortens z in the middle."
    ),
    "mixture": tr_later(
        "Training draws z from {components} mixture components. slerp keeps the norm between those of its ends, and "
        "lerp shortens z in the middle. Between two components, both paths pass points that belong to neither, where "
        "training drew no z."
    ),
}
"""How to read the plot of a path, by the latent distribution of its model."""

READING = tr_later(
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

    No control sets a latent vector. One of the link that is shown ("link") is kept while its seed stays. Raises
    ValueError where there is no model at all.
    """
    run, weights, more = find_model(values["model"], labeled_runs(), DEFAULT.model)
    controls = {name: values[name] for name in CONTROLS if name in values}
    link, notes = ShareLink.nearest(named_query(controls, class_names(run)))
    link = _with_latents_of(_shown_link(values), link)
    label = run.name if more else str(values["model"])
    return Selection(replace(link, model=run.name), label, weights, [*notes, *more])


def _shown_link(values: Mapping[str, Any]) -> ShareLink | None:
    """Return the link that the page shows; None for text that is no address, which no browser sends."""
    try:
        return ShareLink.from_query(dict(parse_qsl(urlsplit(str(values.get("link", ""))).query)))[0]
    except ValueError:
        return None


def _with_latents_of(before: ShareLink | None, link: ShareLink) -> ShareLink:
    if before is None:
        return link
    return replace(
        link,
        z_a=before.z_a if before.seed_a == link.seed_a else "",
        z_b=before.z_b if before.seed_b == link.seed_b else "",
    )


def show_controls(values: Mapping[str, Any]) -> Update:
    """Return the outputs for the values of the controls."""
    try:
        return show(select(values))
    except ValueError as error:
        return show_nothing([sentence_of(error)])


def sentence_of(error: Exception) -> str:
    """Return an error as a sentence."""
    return tr("{error}.", error=error)


def show_typed(values: Mapping[str, Any]) -> Update | None:
    """Return the outputs for other texts in the fields, or None where nothing is to change.

    `values` also has "link", the link that is shown. Texts that were written for that link change nothing: their
    notes are to stay, and the other controls may not be there yet. Without a link the model cannot be drawn, so no
    text can change what is shown.
    """
    shown_link = _shown_link(values)
    if shown_link is None:
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
        link, _ = fit_link(selection.link, generator)
        made = replace(frames_of(selection.weights, link).link, t=link.t)
        current = frame_at(selection.weights, link)
        return {"current": current, "link": f"?{made.to_query()}", "page_link": address_in_page(made, generator)}
    except (OSError, ValueError):
        return {"current": None, "link": "", "page_link": ""}  # the page already shows the reason


def open_page(query: Mapping[str, str]) -> Update:
    """Return the controls and the outputs for the address that the page was opened with."""
    query = repaired(query)
    named = labeled_runs().get(str(query.get("model")))
    link, notes = ShareLink.from_query(named_query(query, class_names(named) if named else ()))
    notes = [*note_of_language(query), *notes]
    if KEYS.keys().isdisjoint(query):
        link = FIRST
    runs = runs_with_weights()
    run, weights, more = resolve(link, list(runs.values()))
    try:
        if run is None or weights is None:
            run, weights, missing = find_model(link.model, runs, DEFAULT.model)
            more = missing if "model" in query else []
    except ValueError as error:
        return show_nothing([*notes, sentence_of(error)])
    label = next((name for name, candidate in runs.items() if candidate == run), run.name)
    if weights != run.weights_path:
        label = label_of_snapshot(label, int(weights.stem))
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
        link, more = fit_link(selection.link, generator)
        rendering = frames_of(weights, link)
        current = frame_at(weights, link)
        made = replace(rendering.link, t=link.t)
    except (OSError, ValueError) as error:
        return show_nothing([*selection.notes, sentence_of(error)])
    factor = large_factor(rendering.images_u8)
    sentence = verdict(selection.link, rendering)
    about = tr(
        "{model}, weights {weights}, on {device}: {ends}, {frames} frames drawn in {milliseconds:.0f} ms",
        model=text_of_label(selection.label),
        weights=made.weights_id,
        device=rendering.device,
        ends=_ends(link),
        frames=link.frames,
        milliseconds=1000 * rendering.seconds,
    )
    strip, gif = address("strip.png", made), address("animation.gif", made)
    return {
        "first": rendering.frame(0, factor),
        "current": current,
        "last": rendering.frame(link.frames - 1, factor),
        "plot": plots.path_curves_json(rendering.norms, rendering.norm_interval, rendering.changes),
        "reading": tr(
            "{sentences} {more}",
            sentences=tr_marked(READINGS[generator.config.latent], components=NUM_COMPONENTS),
            more=tr_marked(READING),
        ),
        "about": f"**{sentence}** {about}" if sentence else about,
        "notes": [*selection.notes, *more, *_latent_notes(link)],
        "link": f"?{made.to_query()}",
        "page_link": address_in_page(made, generator),
        "labels": labels_text(link.labels),
        "strip": strip,
        "animation": gif,
        "strip_file": strip,
        "gif_file": gif,
        "mp4_file": address("animation.mp4", made) if has_mp4() else None,
    }


def _ends(link: ShareLink) -> str:
    if link.z_a and link.z_b:
        return tr("a latent vector to a latent vector")
    if link.z_a:
        return tr("a latent vector to seed {last}", last=link.seed_b)
    if link.z_b:
        return tr("seed {first} to a latent vector", first=link.seed_a)
    return tr("seed {first} to {last}", first=link.seed_a, last=link.seed_b)


def _latent_notes(link: ShareLink) -> list[str]:
    """Return a sentence for each end that is a latent vector of its own, so that its seed's field says nothing."""
    ends = (("A", "za", link.seed_a, link.z_a), ("B", "zb", link.seed_b, link.z_b))
    return [
        tr(
            "{end} is the latent vector {key} of the link. It replaces seed {seed} until you enter another seed.",
            end=end,
            key=key,
            seed=seed,
        )
        for end, key, seed, z in ends
        if z
    ]


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
