"""The page: its components, its theme, and which event calls which handler.

Handlers know components by name. `_call` alone maps names to components: it passes the inputs' values by name, and
returns a handler's Update as Gradio's dictionary by component.

The module has more than 250 lines, because the page is described from top to bottom in one place.
"""

from __future__ import annotations

import base64
import os
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import gradio as gr
from gradio.events import api
from gradio.themes import Color, Default
from starlette.middleware import Middleware

from dcgan import pixels
from dcgan.demo.drawing import LARGE_PIXELS, runs_with_weights
from dcgan.demo.endpoints import interpolate, models, sample
from dcgan.demo.handlers import DEFAULT, FIRST, Update, open_page, scrub, show_controls, show_typed
from dcgan.demo.limits import MAX_BODY_BYTES, MAX_SESSIONS, BoundedRequests, Demo, unreadable
from dcgan.demo.view_files import ROUTES
from dcgan.latents import PATHS
from dcgan.pixels import Bytes
from dcgan.runs import listing
from dcgan.sampling.link import MAX_FRAMES, MAX_KEYS, ShareLink
from dcgan.sampling.rendering import has_mp4

Components = dict[str, Any]
"""Name -> Gradio component. Gradio adds the methods for events when it is imported, which no type checker sees."""

RANDOM_SEEDS = 10_000
"""The random buttons draw from so many seeds: short numbers are easy to pass on."""

EXAMPLES = {
    "a 4 becomes a 9": FIRST,
    "the same seeds in a straight line": replace(FIRST, path="lerp"),
    "0, 1, 2, 3, 4 and back to 0": replace(FIRST, seed_a=34, seed_b=20, keys=(47, 73, 105), loop=True, frames=50),
    "one handwriting, from 3 to 8": ShareLink(model=listing.BEST[1], seed_a=35, seed_b=35, labels=(3, 8)),
    "the plain GAN": ShareLink(model="gan-mnist", seed_a=62, seed_b=92),
}

BLUE = Color(
    *("#f0f8fc", "#d9edf7", "#b3dbef", "#80c2e3", "#3d9bd1", "#0072b2", "#0067a1", "#00568a", "#00466d", "#003655"),
    c950="#00253a",
)
"""The generator's blue in the shades of a theme, from light to dark."""

PICTURE_HEIGHT = LARGE_PIXELS + 60
"""Screen pixels of a large picture with its label."""

# The address bar follows the page, and the link's box gets the whole address. In a Space the surrounding page gets it
# too.
FOLLOW = """(text) => {
  const query = text.split('?').slice(1).join('?');
  if (!query) return text;
  history.replaceState(history.state, '', '?' + query);
  if (%s && window.parent !== window) window.parent.postMessage({queryString: query}, 'https://huggingface.co');
  return location.origin + location.pathname + '?' + query;
}""" % ("true" if os.environ.get("SPACE_ID") else "false")

# ShareLink.nearest decides what a control may hold: a check by Gradio would end in an error, not in a note.
# `_by_component` returns what the browser gets: Gradio's own conversion would write each picture to a disk.
PRIVATE: dict[str, Any] = {"api_visibility": "private", "preprocess": False, "postprocess": False}
# One after the other, so that the result of an earlier event is never the last to arrive.
IN_TURN: dict[str, Any] = PRIVATE | {"trigger_mode": "always_last", "concurrency_id": "paths"}

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
            "routes": [*ROUTES],
            "middleware": [Middleware(BoundedRequests)],
            "exception_handlers": {Exception: unreadable},
        },
    }


def build() -> gr.Blocks:
    """Return the page. Without any weights it says how to train a model."""
    labels = list(runs_with_weights())
    with Demo(title="DCGAN Studio: interpolation", analytics_enabled=False) as page:
        gr.Markdown(
            "# From one digit to another\nTwo seeds are two points in latent space. See what lies between them."
        )
        api(models, api_name="models")
        if not labels:
            gr.Markdown(
                "There is no trained model yet. Run `python -m dcgan train dcgan`, then start this page again."
            )
            return page
        api(interpolate, api_name="interpolate")
        api(sample, api_name="sample")
        examples = [f"[{name}](?{link.to_query()})" for name, link in EXAMPLES.items() if link.model in labels]
        if examples:
            gr.Markdown("Try: " + " · ".join(examples))
        notes = gr.Markdown(visible=False)
        controls, random_buttons = _controls(labels)
        outputs = _outputs() | {"notes": notes, "labels": controls["labels"]}
        _connect(page, controls, outputs, random_buttons)
    return page


def _controls(labels: list[str]) -> tuple[Components, dict[str, gr.Button]]:
    """Lay out the controls; return them by name, and the buttons by the name of their seed."""
    controls: Components = {}
    buttons = {}
    default = FIRST.model if FIRST.model in labels else labels[0]
    with gr.Row():
        # A run trained since the page was opened can be typed.
        controls["model"] = gr.Dropdown(labels, value=default, label="Model", allow_custom_value=True)
        for name, letter, seed in (("seed_a", "A", FIRST.seed_a), ("seed_b", "B", FIRST.seed_b)):
            with gr.Column(min_width=160):
                controls[name] = gr.Number(seed, label=f"Seed {letter}")
                buttons[name] = gr.Button(f"Random {letter}", size="sm")
        controls["labels"] = gr.Textbox(
            "", label="Labels", info="One for A, one for B and one for each further seed.", visible=False
        )
    with gr.Row():
        controls["frames"] = gr.Slider(2, MAX_FRAMES, DEFAULT.frames, step=1, label="Frames")
        controls["path"] = gr.Radio(list(PATHS), value=DEFAULT.path, label="Path")
        controls["keys"] = gr.Textbox(
            "", label="Further seeds", placeholder="5, 57, 21", info=f"After B, at most {MAX_KEYS}."
        )
        controls["loop"] = gr.Checkbox(label="Return to A at the end")
    controls["t"] = gr.Slider(0, 1, 0, step=0.005, label="Position t, from A to the end")
    return controls, buttons


def _outputs() -> Components:
    """Lay out what a link shows; return it by name."""
    outputs: Components = {}
    large: dict[str, Any] = {"interactive": False, "height": PICTURE_HEIGHT, "buttons": []}
    with gr.Row():
        outputs["first"] = gr.Image(label="A", format="png", alt_text="The image of seed A", **large)
        outputs["current"] = gr.Image(label="At t", format="png", alt_text="The image at position t", **large)
        outputs["last"] = gr.Image(label="Last frame", format="png", alt_text="The last image of the path", **large)
    outputs["strip"] = gr.Image(
        show_label=False, format="png", interactive=False, buttons=["fullscreen"], alt_text="All frames, in order"
    )
    with gr.Row():
        outputs["animation"] = gr.Image(label="Animation", alt_text="The frames as an animation", **large)
        with gr.Column():
            outputs["plot"] = gr.Plot(label="The norm of z and the change of the image along the path")
            outputs["reading"] = gr.Markdown()
    outputs["about"] = gr.Markdown()
    outputs["link"] = gr.Textbox(label="Link to this view", elem_id="share-link", buttons=["copy"], interactive=False)
    with gr.Row():
        outputs["strip_file"] = gr.DownloadButton("Strip (PNG)")
        outputs["gif_file"] = gr.DownloadButton("Animation (GIF)")
        outputs["mp4_file"] = gr.DownloadButton("Animation (MP4)", visible=has_mp4())
    return outputs


def _connect(page: gr.Blocks, controls: Components, outputs: Components, buttons: Mapping[str, gr.Button]) -> None:
    """Let the events call their handlers."""
    on_path = {name: component for name, component in outputs.items() if name not in OF_THE_MODEL}
    link = outputs["link"]
    at_t = {name: outputs[name] for name in ("current", "link")}
    with_link = controls | {"link": link}
    show_all, show_path = _call(show_controls, controls, outputs), _call(show_controls, controls, on_path)
    show_text = _call(show_typed, with_link, on_path)

    inputs, shown = list(controls.values()), list(on_path.values())
    moved = [controls[name].input for name in controls if name not in ("model", "t", *TYPED)]
    # A deleted letter and a paste cause a textbox's `change`, but no `input`.
    typed = [controls[name].change for name in TYPED]
    events = [
        controls["model"].input(show_all, inputs, list(outputs.values()), **IN_TURN),
        gr.on(moved, show_path, inputs, shown, **IN_TURN),
        gr.on(typed, show_text, list(with_link.values()), shown, **IN_TURN),
        controls["t"].input(
            _call(scrub, controls, at_t),
            inputs,
            list(at_t.values()),
            trigger_mode="always_last",
            show_progress="hidden",
            **PRIVATE,
        ),
    ]
    for name, button in buttons.items():
        rolled = button.click(lambda: random.randrange(RANDOM_SEEDS), None, controls[name], **PRIVATE)
        events.append(rolled.then(show_path, inputs, shown, **PRIVATE))

    everything = controls | outputs

    def on_load(request: gr.Request) -> dict[Any, Any]:
        return _by_component(open_page(dict(request.query_params)), everything)

    events.append(page.load(on_load, None, list(everything.values()), **PRIVATE))
    for event in events:
        event.then(None, link, link, js=FOLLOW, **PRIVATE)


def _call(
    handler: Callable[[dict[str, Any]], Update | None], inputs: Components, outputs: Components
) -> Callable[..., Any]:
    """Return the function for an event of these components that calls the handler by name."""
    names = list(inputs)

    def call(*values: Any) -> Any:
        update = handler(dict(zip(names, values, strict=True)))
        return gr.skip() if update is None else _by_component(update, outputs)

    return call


def _by_component(update: Update, outputs: Components) -> dict[Any, Any]:
    """Return the update by component, as the browser gets it; names that are not among the outputs are left out."""
    return {
        outputs[name]: PROPERTIES[name](value) if name in PROPERTIES else value
        for name, value in update.items()
        if name in outputs
    }


def as_notes(sentences: Sequence[str]) -> gr.Markdown:
    """Return the sentences as code, so that nothing in an address becomes a link or an image."""
    lines = "\n".join(f"- `{' '.join(sentence.replace('`', '').split())}`" for sentence in sentences)
    return gr.Markdown(lines, visible=bool(sentences))


def as_picture(image_u8: Bytes | None) -> dict[str, str] | None:
    """Return a picture (H, W) or (H, W, 3) as Gradio's images take it: PNG within the address itself."""
    if image_u8 is None:
        return None
    data = base64.b64encode(pixels.png_bytes(image_u8)).decode()
    return {"url": f"data:image/png;base64,{data}"}


def as_address(address: str | None) -> dict[str, str] | None:
    """Return an address as Gradio's images take it."""
    return None if address is None else {"url": address}


def as_plot(figure: str | None) -> dict[str, str] | None:
    """Return a figure in JSON as Gradio's plots take it."""
    return None if figure is None else {"type": "plotly", "plot": figure}


PROPERTIES: dict[str, Callable[[Any], Any]] = {
    "model": lambda choice: gr.Dropdown(choice.options, value=choice.value),
    "labels": lambda text: gr.Textbox(text, visible=bool(text)),
    "notes": as_notes,
    "plot": as_plot,
    **dict.fromkeys(("first", "current", "last"), as_picture),
    **dict.fromkeys(("strip", "animation", "strip_file", "gif_file", "mp4_file"), as_address),
}
"""Name -> what an update writes into the component, where that is not its value as it is."""
