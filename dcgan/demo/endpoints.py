"""What programs call: interpolate, sample, models. Gradio publishes these docstrings as API and MCP documentation."""

from __future__ import annotations

import base64
import os
from dataclasses import replace
from typing import Any

import gradio as gr

from dcgan import pixels
from dcgan.demo.drawing import file_of, frame_at, frames_of, labeled_runs, load, sheet_of
from dcgan.demo.handlers import DEFAULT
from dcgan.latents import parse_seeds
from dcgan.runs import tables
from dcgan.runs.run import Run
from dcgan.sampling import exploration
from dcgan.sampling.link import ShareLink
from dcgan.sampling.link_fields import shown
from dcgan.sampling.rendering import find_model, fit_labels

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
    link, notes = ShareLink.nearest(values | {"labels": labels})
    kind = ANIMATIONS.get(animation) if isinstance(animation, str) else None
    if animation != "" and kind is None:
        notes.append(f"animation={shown(animation)} is not gif or mp4; no animation is made.")
    try:
        run, weights, model_notes = find_model(model, labeled_runs(), DEFAULT.model)
        link, label_notes = fit_labels(replace(link, model=run.name), load(weights))
        rendering = frames_of(weights, link)
        strip = file_of(rendering, "strip.png")
        data = file_of(rendering, kind) if kind else b""
    except (OSError, ValueError) as error:
        raise gr.Error(f"{error}.", print_exception=False) from error
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
            raise ValueError(f"{len(seed_list)} seeds are more than {exploration.MAX_IMAGES}; name fewer seeds")
        weights = run.weights_path
        sheet = sheet_of(weights, seed_list, _seeds("labels", labels) if labels not in ("", None) else [])
    except (OSError, ValueError) as error:
        raise gr.Error(f"{error}.", print_exception=False) from error
    return {
        "model": model,
        "weights_id": load(weights).weights_id,
        "sheet_png": in_base64(pixels.png_bytes(sheet)),
    }


def _named(model: Any) -> Run:
    """Return the run with that label. Raises ValueError with the labels that there are."""
    runs = labeled_runs()
    if not isinstance(model, str) or model not in runs:
        raise ValueError(f"There is no model {shown(model)} here; there are {', '.join(runs)}")
    return runs[model]


def _seeds(name: str, text: Any) -> list[int]:
    """Return the numbers of a text. Raises ValueError for another type: programs send what they like."""
    if not isinstance(text, str):
        raise ValueError(f"{name} has to be a text such as '3', '0-63' or '1,5,9-12', not {shown(text)}")
    return parse_seeds(text)


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
