"""What programs call: interpolate, sample, nearest, models.

Gradio publishes these docstrings as API and MCP documentation. A program that sends a language, as `?lang=vi` or as
Accept-Language, gets notes and errors in it.
"""

from __future__ import annotations

import base64
import os
from dataclasses import replace
from typing import Any

import gradio as gr

from dcgan import pixels
from dcgan.demo.drawing import file_of, frame_at, frames_of, labeled_runs, load, sheet_of
from dcgan.demo.handlers import DEFAULT, sentence_of
from dcgan.demo.own_image import answer_of, find
from dcgan.latents import parse_seeds
from dcgan.locale.language import tr
from dcgan.runs import tables
from dcgan.runs.classes import class_names
from dcgan.runs.run import Run
from dcgan.sampling import exploration
from dcgan.sampling.class_names import named_query
from dcgan.sampling.link import ShareLink
from dcgan.sampling.link_fields import shown
from dcgan.sampling.rendering import find_model, fit_link

ANIMATIONS = {"gif": "animation.gif", "mp4": "animation.mp4"}


def interpolate(
    model: str = DEFAULT.model,
    seed_a: int = DEFAULT.seed_a,
    seed_b: int = DEFAULT.seed_b,
    frames: int = DEFAULT.frames,
    path: str = DEFAULT.path,
    t: float = DEFAULT.t,
    keys: str = "",
    loop: bool = False,  # noqa: FBT001, FBT002 - Gradio calls endpoints by position
    labels: str = "",
    animation: str = "",
) -> dict[str, Any]:
    """Draw the path from seed A to seed B. A value out of range becomes the nearest valid one, with a note.

    Args:
        model: Name of a run: see the endpoint models.
        seed_a: Where the path begins, 0 to 4294967295.
        seed_b: Where the path goes.
        frames: Images on the path, 2 to 64.
        path: slerp turns at constant speed; lerp is the straight line.
        t: The position whose image is returned alone, 0 to 1.
        keys: Further seeds after B, "5,57,21"; at most 8.
        loop: Whether the path returns to A at the end.
        labels: What a conditional model draws at A, at B and at each key, "3,8"; later points use the last.
        animation: "gif" or "mp4" for an animation of the frames; empty for none.

    Returns:
        model, weights_id, device and milliseconds of the render
        link: a query string that opens it on the page; digest: the id of its pixels
        norms: the norm of z at each frame
        changes: the mean difference between each frame and the frame before it, in gray levels of 255
        strip_png, image_png and animation: all frames, the image at t, and the animation, in base64
        notes: a sentence for each value that was changed
    """
    values = {"seed_a": seed_a, "seed_b": seed_b, "keys": keys, "loop": loop, "frames": frames, "path": path, "t": t}
    runs = labeled_runs()
    names = class_names(runs[model]) if isinstance(model, str) and model in runs else ()
    link, notes = ShareLink.nearest(named_query(values | {"labels": labels}, names))
    kind = ANIMATIONS.get(animation) if isinstance(animation, str) else None
    if animation != "" and kind is None:
        notes.append(tr("animation={value} is not gif or mp4; no animation is made.", value=shown(animation)))
    try:
        run, weights, model_notes = find_model(model, labeled_runs(), DEFAULT.model)
        link, label_notes = fit_link(replace(link, model=run.name), load(weights))
        rendering = frames_of(weights, link)
        strip = file_of(rendering, "strip.png")
        data = file_of(rendering, kind) if kind else b""
    except (OSError, ValueError) as error:
        raise gr.Error(sentence_of(error), print_exception=False) from error
    made = replace(rendering.link, t=link.t)
    return {
        "model": made.model,
        "weights_id": made.weights_id,
        "digest": made.digest,
        "device": rendering.device,
        "milliseconds": round(1000 * rendering.seconds, 1),
        "link": f"?{made.to_query()}",
        "norms": [round(float(norm), 3) for norm in rendering.norms],
        "changes": [round(float(change), 3) for change in rendering.changes],
        "strip_png": in_base64(strip),
        "image_png": in_base64(pixels.png_bytes(frame_at(weights, link))),
        "animation": in_base64(data),
        "notes": [*notes, *model_notes, *label_notes],
    }


def sample(model: str = DEFAULT.model, seeds: str = "0-63", labels: str = "") -> dict[str, Any]:
    """Draw a sheet of images, one per seed.

    Args:
        model: Name of a run: see the endpoint models.
        seeds: "42", "0-63" or "1,5,9-12"; at most 2048.
        labels: What a conditional model draws, "7" or "0,1,2", repeated along the seeds; empty: all classes in turn.

    Returns:
        model, weights_id, and sheet_png in base64
    """
    try:
        run = _named(model)
        seed_list = _seeds("seeds", seeds)
        if len(seed_list) > exploration.MAX_IMAGES:  # checked before a shared GPU is used
            raise ValueError(
                tr(
                    "{count} seeds are more than {most}; name fewer seeds",
                    count=len(seed_list),
                    most=exploration.MAX_IMAGES,
                )
            )
        weights = run.weights_path
        numbered = named_query({"labels": labels}, class_names(run))["labels"]
        sheet = sheet_of(weights, seed_list, _seeds("labels", numbered) if numbered not in ("", None) else [])
    except (OSError, ValueError) as error:
        raise gr.Error(sentence_of(error), print_exception=False) from error
    return {
        "model": model,
        "weights_id": load(weights).weights_id,
        "sheet_png": in_base64(pixels.png_bytes(sheet)),
    }


def _named(model: Any) -> Run:
    """Return the run with that label. Raises ValueError with the labels that there are."""
    runs = labeled_runs()
    if not isinstance(model, str) or model not in runs:
        raise ValueError(
            tr("There is no model {model} here; there are {names}", model=shown(model), names=", ".join(runs))
        )
    return runs[model]


def _seeds(name: str, text: Any) -> list[int]:
    """Return the numbers of a text. Raises ValueError for another type: programs send what they like."""
    if not isinstance(text, str):
        raise ValueError(
            tr("{name} has to be a text such as '3', '0-63' or '1,5,9-12', not {value}", name=name, value=shown(text))
        )
    return parse_seeds(text)


def nearest(
    model: str = DEFAULT.model, picture: str = "", label: str = "", number: int | None = None
) -> dict[str, Any]:
    """Find the image that a model draws and that is nearest to a picture, pixel by pixel.

    Args:
        model: Name of a run: see the endpoint models.
        picture: "data:image/png;base64,..." with at most 40 kB, or another format of images.
        label: What a conditional model draws, "7"; empty: any label.
        number: A test image of the model's data, if there is no picture.

    Returns:
        model, weights_id, and the label of the nearest image, or null
        z: its latent vector, half floats in base64, as the keys za and zb of a link take it
        link: a query string that opens the page with this vector as A
        error: the mean squared error of pixels in 0..1
        length and usual_length: the length of z, and between which 95 % of the training's lengths lie
        target_png, nearest_png and difference_png: the picture as the model could draw it, the nearest image, and how
            far they differ, in base64
        notes: a sentence for each value that was changed
    """
    try:
        if not isinstance(picture, str):
            raise ValueError(tr("picture has to be a text, not {value}", value=shown(picture)))
        return answer_of(find(model, picture=picture, number=number, label=label))
    except (OSError, ValueError) as error:
        raise gr.Error(sentence_of(error), print_exception=False) from error


def models() -> list[dict[str, Any]]:
    """List the models that can be drawn from.

    Returns:
        name, preset, state of the training, image_size, channels, and labels (the number of classes, or 0), of each
    """
    rows = []
    for name, run in labeled_runs().items():
        summary = tables.run_summary(run)
        if os.path.exists(run.weights_path) and "error" not in summary:
            model = run.config().model
            network = {"image_size": model.image_size, "channels": model.channels, "labels": model.num_classes}
            rows.append({"name": name, "preset": summary["preset"], "state": summary["state"]} | network)
    return rows


def in_base64(data: bytes) -> str:
    """Return the bytes as base64 text."""
    return base64.b64encode(data).decode()
