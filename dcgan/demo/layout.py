"""The page: its components, its theme, and which event calls which handler.

Handlers know components by name. `request` alone maps names to components: the script of an event sends the inputs'
values by name, and writes the answer into the outputs.

The module has more than 250 lines, because the page is described from top to bottom in one place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import gradio as gr
from gradio.events import api
from gradio.themes import Color, Default
from starlette.middleware import Middleware

from dcgan.demo import view_events, view_files
from dcgan.demo.drawing import LARGE_PIXELS, runs_with_weights
from dcgan.demo.endpoints import interpolate, models, nearest, sample
from dcgan.demo.handlers import DEFAULT, FIRST
from dcgan.demo.layout_own_image import connect_own_image, own_image
from dcgan.demo.limits import MAX_BODY_BYTES, MAX_SESSIONS, BoundedRequests, Demo, unreadable
from dcgan.demo.page_request import PRIVATE, Components, request
from dcgan.demo.page_texts import later
from dcgan.demo.visitor_language import VisitorLanguage, chosen_language, language_links
from dcgan.latents import PATHS
from dcgan.locale.language import tr, tr_later, tr_marked
from dcgan.runs import listing
from dcgan.sampling.link import MAX_FRAMES, MAX_KEYS, ShareLink, with_language
from dcgan.sampling.rendering import has_mp4

RANDOM_SEED = "() => Math.floor(Math.random() * 10000)"
"""The random buttons draw from few seeds: short numbers are easy to pass on."""

EXAMPLES = {
    tr_later("a 4 becomes a 9"): FIRST,
    tr_later("the same seeds in a straight line"): replace(FIRST, path="lerp"),
    tr_later("0, 1, 2, 3, 4 and back to 0"): replace(
        FIRST, seed_a=34, seed_b=20, keys=(47, 73, 105), loop=True, frames=50
    ),
    tr_later("one handwriting, from 3 to 8"): ShareLink(model=listing.BEST[1], seed_a=35, seed_b=35, labels=(3, 8)),
    tr_later("the plain GAN"): ShareLink(model="gan-mnist", seed_a=62, seed_b=92),
}

BLUE = Color(
    *("#f0f8fc", "#d9edf7", "#b3dbef", "#80c2e3", "#3d9bd1", "#0072b2", "#0067a1", "#00568a", "#00466d", "#003655"),
    c950="#00253a",
)
"""The generator's blue in the shades of a theme, from light to dark."""

PICTURE_HEIGHT = LARGE_PIXELS + 60
"""Screen pixels of a large picture with its label."""

TYPED = ("keys", "labels")
"""Controls that a visitor types letter by letter."""

OF_THE_MODEL = ("reading", "labels")
"""Outputs that only another model changes: the labels stay as a visitor types them."""


def launch_options() -> dict[str, Any]:
    """Return the options of gradio.Blocks.launch."""
    return {
        "theme": Default(primary_hue=BLUE),
        "ssr_mode": False,
        "run_history": False,
        "enable_monitoring": False,
        "footer_links": ["api"],
        "blocked_paths": ["runs"],
        "max_file_size": MAX_BODY_BYTES,
        "state_session_capacity": MAX_SESSIONS,
        "app_kwargs": {
            "routes": [*view_events.ROUTES, *view_files.ROUTES],
            "middleware": [Middleware(VisitorLanguage), Middleware(BoundedRequests)],
            "exception_handlers": {Exception: unreadable},
        },
    }


def build() -> gr.Blocks:
    """Return the page. Without any weights it says how to train a model."""
    labels = list(runs_with_weights())
    with Demo(title=tr_later("DCGAN Studio: interpolation"), analytics_enabled=False) as page:
        gr.HTML(later(language_links), elem_id="languages")
        gr.Markdown(
            tr_later(
                "# From one image to another\nTwo seeds are two points in latent space. See what lies between them."
            )
        )
        api(models, api_name="models")
        if not labels:
            gr.Markdown(
                tr_later(
                    "There is no trained model yet. Run `python -m dcgan train dcgan`, then start this page again."
                )
            )
            return page
        api(interpolate, api_name="interpolate")
        api(sample, api_name="sample")
        api(nearest, api_name="nearest")
        examples = {name: link for name, link in EXAMPLES.items() if link.model in labels}
        if examples:
            gr.Markdown(later(lambda: _links(examples)))
        notes = gr.Markdown(visible=False)
        controls, random_buttons = _controls(labels)
        own = own_image()
        outputs = _outputs() | {"notes": notes, "labels": controls["labels"]}
        _connect(page, controls, outputs, random_buttons)
        connect_own_image(own, controls, outputs)
    return page


def _links(examples: Mapping[str, ShareLink]) -> str:
    addresses = {name: with_language(f"?{link.to_query()}", chosen_language()) for name, link in examples.items()}
    links = " · ".join(f"[{tr_marked(name)}]({address})" for name, address in addresses.items())
    return tr("Try: {links}", links=links)


def _controls(labels: list[str]) -> tuple[Components, dict[str, gr.Button]]:
    """Lay out the controls; return them by name, and the buttons by the name of their seed."""
    controls: Components = {}
    buttons = {}
    default = FIRST.model if FIRST.model in labels else labels[0]
    with gr.Row():
        # A run trained since the page was opened can be typed.
        controls["model"] = gr.Dropdown(labels, value=default, label=tr_later("Model"), allow_custom_value=True)
        ends = (
            ("seed_a", FIRST.seed_a, tr_later("Seed A"), tr_later("Random A")),
            ("seed_b", FIRST.seed_b, tr_later("Seed B"), tr_later("Random B")),
        )
        for name, seed, label, at_random in ends:
            with gr.Column(min_width=160):
                controls[name] = gr.Number(seed, label=label)
                buttons[name] = gr.Button(at_random, size="sm")
        controls["labels"] = gr.Textbox(
            "",
            label=tr_later("Labels"),
            info=tr_later("One for A, one for B and one for each further seed."),
            visible=False,
        )
    with gr.Row():
        controls["frames"] = gr.Slider(2, MAX_FRAMES, DEFAULT.frames, step=1, label=tr_later("Frames"))
        controls["path"] = gr.Radio(list(PATHS), value=DEFAULT.path, label=tr_later("Path"))
        controls["keys"] = gr.Textbox(
            "",
            label=tr_later("Further seeds"),
            placeholder="5, 57, 21",
            info=later(lambda: tr("After B, at most {most}.", most=MAX_KEYS)),
        )
        controls["loop"] = gr.Checkbox(label=tr_later("Return to A at the end"))
    controls["t"] = gr.Slider(0, 1, 0, step=0.005, label=tr_later("Position t, from A to the end"))
    return controls, buttons


def _outputs() -> Components:
    """Lay out what a link shows; return it by name."""
    outputs: Components = {}
    large: dict[str, Any] = {"interactive": False, "height": PICTURE_HEIGHT, "buttons": []}
    with gr.Row():
        outputs["first"] = gr.Image(label="A", format="png", alt_text=tr_later("The image of seed A"), **large)
        outputs["current"] = gr.Image(
            label=tr_later("At t"), format="png", alt_text=tr_later("The image at position t"), **large
        )
        outputs["last"] = gr.Image(
            label=tr_later("Last frame"), format="png", alt_text=tr_later("The last image of the path"), **large
        )
    outputs["strip"] = gr.Image(
        show_label=False,
        format="png",
        interactive=False,
        buttons=["fullscreen"],
        alt_text=tr_later("All frames, in order"),
    )
    with gr.Row():
        outputs["animation"] = gr.Image(
            label=tr_later("Animation"), alt_text=tr_later("The frames as an animation"), **large
        )
        with gr.Column():
            outputs["plot"] = gr.Plot(label=tr_later("The norm of z and the change of the image along the path"))
            outputs["reading"] = gr.Markdown()
    outputs["about"] = gr.Markdown()
    outputs["link"] = gr.Textbox(
        label=tr_later("Link to this view"), elem_id="share-link", buttons=["copy"], interactive=False
    )
    outputs["page_link"] = gr.Markdown(visible=False)
    with gr.Row():
        outputs["strip_file"] = gr.DownloadButton(tr_later("Strip (PNG)"))
        outputs["gif_file"] = gr.DownloadButton(tr_later("Animation (GIF)"))
        outputs["mp4_file"] = gr.DownloadButton(tr_later("Animation (MP4)"), visible=has_mp4())
    return outputs


def _connect(page: gr.Blocks, controls: Components, outputs: Components, buttons: Mapping[str, gr.Button]) -> None:
    """Let the events request their answers."""
    on_path = {name: component for name, component in outputs.items() if name not in OF_THE_MODEL}
    at_t = {name: outputs[name] for name in ("current", "link", "page_link")}
    moved = [controls[name].input for name in controls if name not in ("model", "t", *TYPED)]
    # A deleted letter and a paste cause a textbox's `change`, but no `input`.
    typed = [controls[name].change for name in TYPED]
    # The link has what no control shows: a latent vector that no seed gives.
    sent = controls | {"link": outputs["link"]}
    controls["model"].input(**request("controls", "model", sent, outputs))
    gr.on(moved, **request("controls", "moved", sent, on_path))
    gr.on(typed, **request("typed", "typed", sent, on_path))
    controls["t"].input(**request("scrub", "t", sent, at_t))
    for name, button in buttons.items():
        rolled = button.click(None, None, controls[name], js=RANDOM_SEED, **PRIVATE)
        rolled.then(**request("controls", "rolled", sent, on_path))
    page.load(**request("open", "open", {}, controls | outputs))
