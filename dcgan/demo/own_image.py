"""Start from an image of one's own: the nearest image that a model knows, and its latent vector as an end of a path.

Values of controls in, an Update out, both by name, as in `handlers`. Nothing here needs Gradio. The module has a few
more than 250 lines, so that events and programs share one search.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypedDict

import numpy as np

from dcgan import pixels
from dcgan.demo.drawing import labeled_runs, large_factor, load, nearest_in
from dcgan.demo.handlers import DEFAULT, Update, select, sentence_of, show, show_nothing
from dcgan.locale.language import tr, tr_later, tr_marked
from dcgan.pixels import Bytes
from dcgan.runs.classes import class_names
from dcgan.runs.run import Run
from dcgan.sampling.class_names import label_text, named_query
from dcgan.sampling.link import ShareLink
from dcgan.sampling.link_fields import shown, text_of_halves
from dcgan.sampling.nearest_image import (
    Nearest,
    bytes_of_address,
    picture_of,
    picture_target,
    target_of_test,
)
from dcgan.sampling.rendering import find_model

MAX_NUMBER = 10**9
"""Of a test image; a larger one becomes it."""
NOTHING_DRAWN = tr_later("there is no drawing; draw a digit, choose a picture, or name a test image")


class OwnUpdate(TypedDict):
    """New values by the name of a component of this part of the page."""

    target: Bytes | None
    nearest: Bytes | None
    difference: Bytes | None
    search: str | None
    """The address of an animation."""
    found: str
    found_z: str
    found_label: str
    own_notes: list[str]


@dataclass(frozen=True)
class Found:
    """The nearest image, its latent vector as a link carries it, and a sentence for each change."""

    nearest: Nearest
    z: str
    run: Run
    weights_id: str
    notes: list[str]

    @property
    def label(self) -> int | None:
        """Return the label that the image was drawn with."""
        return self.nearest.projection.label


def find(model: Any, *, picture: Any = "", number: Any = None, label: Any = "") -> Found:
    """Return the nearest image to a picture, or to a test image of the model's data.

    picture: the address of a picture, "data:image/png;base64,...". number: that of a test image, if there is no
    picture. label: what a conditional model draws; empty: any. Raises ValueError or OSError with a sentence.
    """
    run, weights, notes = find_model(model, labeled_runs(), DEFAULT.model)
    generator = load(weights)
    chosen, label_notes = _label(label, run, generator.config.num_classes)
    if picture:
        target_u8, target_notes = picture_target(bytes_of_address(picture), generator)
    else:
        target_u8, target_notes = target_of_test(_whole(number), generator)
    nearest = nearest_in(weights, target_u8, chosen)
    z = text_of_halves([float(value) for value in nearest.projection.z])
    return Found(nearest, z, run, generator.weights_id, [*notes, *label_notes, *target_notes])


def _label(label: Any, run: Run, count: int) -> tuple[int | None, list[str]]:
    if label in ("", None):
        return None, []
    link, notes = ShareLink.nearest(named_query({"labels": label}, class_names(run)))
    if not count:
        return None, [tr("This model takes no labels; they are ignored.")]
    if not link.labels:
        return None, notes
    return min(link.labels[0], count - 1), notes


def _whole(number: Any) -> int:
    """Return a number in 0..MAX_NUMBER. Raises ValueError for what is not a number."""
    try:
        value = float(number)
    except (TypeError, ValueError, OverflowError) as error:
        if number is None:
            raise ValueError(tr_marked(NOTHING_DRAWN)) from error
        raise _not_a_number(shown(number)) from error
    if np.isnan(value):
        raise _not_a_number("nan")
    return round(min(max(value, 0), MAX_NUMBER))


def _not_a_number(value: str) -> ValueError:
    return ValueError(tr("{value} is not a number; try 7", value=value))


# What the page's events call


def find_drawn(values: Mapping[str, Any]) -> OwnUpdate:
    """Return the nearest image to the drawing."""
    return _shown(values, picture=_picture_in(values.get("paper")))


def find_chosen(values: Mapping[str, Any]) -> OwnUpdate:
    """Return the nearest image to the picture that was chosen."""
    return _shown(values, picture=values.get("picture") or "")


def find_test(values: Mapping[str, Any]) -> OwnUpdate:
    """Return the nearest image to a test image."""
    number = values.get("number")
    return _shown(values, number=0 if number is None else number)


def _picture_in(paper: Any) -> str:
    """Return the drawing of a sketchpad, as the address of a picture; empty where nothing is drawn."""
    composite = paper.get("composite") if isinstance(paper, dict) else None
    path = composite.get("path") if isinstance(composite, dict) else None
    return path if isinstance(path, str) else ""


def _shown(values: Mapping[str, Any], *, picture: Any = "", number: Any = None) -> OwnUpdate:
    try:
        if not picture and number is None:
            raise ValueError(tr_marked(NOTHING_DRAWN))
        found = find(values["model"], picture=picture, number=number, label=values.get("among"))
    except (OSError, ValueError) as error:
        return _nothing([sentence_of(error)])
    nearest = found.nearest
    factor = large_factor(nearest.target_u8[None])

    def enlarged(image_u8: Bytes) -> Bytes:
        return picture_of(image_u8[None], enlarge=factor)

    return {
        "target": enlarged(nearest.target_u8),
        "nearest": enlarged(nearest.image_u8),
        "difference": enlarged(nearest.difference_u8()),
        "search": _gif_address(nearest, factor),
        "found": _numbers_of(found),
        "found_z": found.z,
        "found_label": "" if found.label is None else str(found.label),
        "own_notes": found.notes,
    }


def _numbers_of(found: Found) -> str:
    projection = found.nearest.projection
    low, high = projection.usual_length
    numbers = tr(
        "An average pixel differs by {levels:.1f} of 255 levels (root mean square). z has the length {length:.1f}. "
        "About 95 % of the training's vectors have {low:.1f} to {high:.1f}.",
        levels=found.nearest.gray_levels,
        length=projection.length,
        low=low,
        high=high,
    )
    if found.label is None:
        return numbers
    return tr(
        "{sentences} The label is {label}.", sentences=numbers, label=label_text(found.label, class_names(found.run))
    )


def _gif_address(nearest: Nearest, factor: int) -> str:
    return f"data:image/gif;base64,{base64.b64encode(nearest.images_gif(enlarge=factor)).decode()}"


def _nothing(notes: list[str]) -> OwnUpdate:
    return {
        "target": None,
        "nearest": None,
        "difference": None,
        "search": None,
        "found": "",
        "found_z": "",
        "found_label": "",
        "own_notes": notes,
    }


def use_as_a(values: Mapping[str, Any]) -> Update | None:
    """Return the outputs with the latent vector that was found as A."""
    return _used(values, 0)


def use_as_b(values: Mapping[str, Any]) -> Update | None:
    """Return the outputs with the latent vector that was found as B."""
    return _used(values, 1)


def _used(values: Mapping[str, Any], end: int) -> Update | None:
    z = ShareLink.rows()["z_a"].parse(values.get("found_z"))
    if not z:
        return None
    try:
        selection = select(values)
    except ValueError as error:
        return show_nothing([sentence_of(error)])
    link = replace(selection.link, **{("z_a", "z_b")[end]: z})
    label = values.get("found_label")
    if isinstance(label, str) and label.isdecimal() and len(label) < 5:
        labels = [*(link.labels or (int(label),)), link.labels[-1] if link.labels else int(label)]
        labels[end] = int(label)
        link = replace(link, labels=tuple(labels[: max(2, len(link.labels))]))
    return show(replace(selection, link=link))


# What programs call


def answer_of(found: Found, *, enlarge: int = 1) -> dict[str, Any]:
    """Return what the endpoint answers: numbers, texts, and pictures in base64."""
    nearest, projection = found.nearest, found.nearest.projection
    link = ShareLink(model=found.run.name, weights_id=found.weights_id, z_a=found.z)
    if found.label is not None:
        link = replace(link, labels=(found.label,))
    low, high = projection.usual_length

    def in_base64(picture_u8: Bytes) -> str:
        return base64.b64encode(pixels.png_bytes(picture_u8)).decode()

    return {
        "model": found.run.name,
        "weights_id": found.weights_id,
        "z": found.z,
        "label": found.label,
        "link": f"?{link.to_query()}",
        "error": round(projection.error, 6),
        "length": round(projection.length, 3),
        "usual_length": [round(low, 3), round(high, 3)],
        "target_png": in_base64(picture_of(nearest.target_u8[None], enlarge=enlarge)),
        "nearest_png": in_base64(picture_of(nearest.image_u8[None], enlarge=enlarge)),
        "difference_png": in_base64(picture_of(nearest.difference_u8()[None], enlarge=enlarge)),
        "notes": found.notes,
    }
