"""The part of the page in which a visitor draws: a sketchpad, a picture or a test image, and the nearest image."""

from __future__ import annotations

from typing import Any

import gradio as gr

from dcgan.demo.page_request import PRIVATE, Components, request
from dcgan.demo.page_texts import later
from dcgan.locale.language import tr, tr_later

SIDE = 256
"""Pixels of the paper, and of a picture as the browser sends it."""
PEN = 11
"""Half of the width of a line: that of MNIST's digits, if a drawing fills the paper."""
PICTURE_HEIGHT = 260

# A sketchpad that opens in a closed part of the page has no tool in hand.
_TAKE_THE_BRUSH = """() => {
  const take = (trial) => {
    const brush = document.querySelector('#paper button[aria-label="Brush"], #paper button[aria-label="BRUSH"]');
    if (brush) brush.click();
    else if (trial < 40) setTimeout(() => take(trial + 1), 100);
  };
  if (!window.dcganBrush) take(0);
  window.dcganBrush = true;
}"""

# The browser shrinks the middle of a picture, so that the request stays small whatever the file is.
_CHOOSE = """() => new Promise((resolve) => {
  const input = document.createElement('input');
  input.type = 'file';
  input.accept = 'image/*';
  input.oncancel = () => resolve('');
  input.onchange = async () => {
    try {
      const image = await createImageBitmap(input.files[0]);
      const paper = document.createElement('canvas');
      paper.width = paper.height = SIDE;
      const context = paper.getContext('2d');
      context.fillStyle = '#fff';
      context.fillRect(0, 0, SIDE, SIDE);
      context.imageSmoothingQuality = 'high';
      const side = Math.min(image.width, image.height);
      const [left, top] = [(image.width - side) / 2, (image.height - side) / 2];
      context.drawImage(image, left, top, side, side, 0, 0, SIDE, SIDE);
      resolve(paper.toDataURL('image/jpeg', 0.85));
    } catch {
      resolve('unreadable');
    }
  };
  input.click();
})""".replace("SIDE", str(SIDE))


def own_image() -> Components:
    """Lay out the part; return its components by name."""
    parts: Components = {}
    shown: dict[str, Any] = {"interactive": False, "height": PICTURE_HEIGHT, "buttons": [], "min_width": 160}
    with gr.Accordion(tr_later("Draw an image"), open=False) as part:
        gr.Markdown(
            tr_later("Start from an image of your own. The demo looks for the nearest image that the model can draw.")
        )
        with gr.Row():
            with gr.Column(min_width=280):
                parts["paper"] = gr.Sketchpad(
                    label=tr_later("Paper"),
                    canvas_size=(SIDE, SIDE),
                    fixed_canvas=True,
                    brush=gr.Brush(default_size=PEN, colors=["#000000"], color_mode="fixed"),
                    eraser=gr.Eraser(default_size=PEN),
                    layers=False,
                    transforms=(),
                    height=SIDE + 100,
                    elem_id="paper",
                )
                parts["find_drawn"] = gr.Button(tr_later("Find the nearest image"), variant="primary")
            with gr.Column(min_width=200):
                parts["choose"] = gr.Button(tr_later("Choose a picture"))
                parts["number"] = gr.Number(7, label=tr_later("Test digit or image number"), precision=0, minimum=0)
                parts["find_test"] = gr.Button(tr_later("Take this test image"))
                parts["among"] = gr.Textbox(
                    "", label=tr_later("Search among one label"), placeholder=tr_later("all labels"), max_lines=1
                )
        parts["own_notes"] = gr.Markdown(visible=False)
        with gr.Row():
            parts["target"] = gr.Image(
                label=tr_later("Your image"), format="png", alt_text=tr_later("Your image"), **shown
            )
            parts["nearest"] = gr.Image(
                label=tr_later("The nearest image that this generator knows"),
                format="png",
                alt_text=tr_later("The nearest image"),
                **shown,
            )
            parts["difference"] = gr.Image(
                label=tr_later("The difference"), format="png", alt_text=tr_later("Where both differ"), **shown
            )
            parts["search"] = gr.Image(
                label=tr_later("The search"), alt_text=tr_later("The search as an animation"), **shown
            )
        parts["found"] = gr.Markdown()
        with gr.Row():
            parts["use_a"] = gr.Button(tr_later("Use as A"))
            parts["use_b"] = gr.Button(tr_later("Use as B"))
        for name in ("found_z", "found_label", "picture"):
            parts[name] = gr.Textbox("", visible=False)
    script = later(lambda: _TAKE_THE_BRUSH.replace("BRUSH", tr("Brush")))
    part.expand(None, None, None, js=script, **PRIVATE)
    return parts


def connect_own_image(parts: Components, controls: Components, outputs: Components) -> None:
    """Let the buttons request their answers."""
    names = ("target", "nearest", "difference", "search", "found", "found_z", "found_label", "own_notes")
    found = {name: parts[name] for name in names}
    asked = {"model": controls["model"], "among": parts["among"]}
    drawn = asked | {"paper": parts["paper"]}
    parts["find_drawn"].click(**request("find-drawn", "find", drawn, found))
    parts["find_test"].click(**request("find-test", "find", asked | {"number": parts["number"]}, found))
    chosen = parts["choose"].click(None, None, parts["picture"], js=_CHOOSE, **PRIVATE)
    chosen.then(**request("find-chosen", "find", asked | {"picture": parts["picture"]}, found))
    sent = controls | {"link": outputs["link"], "found_z": parts["found_z"], "found_label": parts["found_label"]}
    parts["use_a"].click(**request("use-a", "use", sent, outputs))
    parts["use_b"].click(**request("use-b", "use", sent, outputs))
