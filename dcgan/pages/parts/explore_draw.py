"""The view "Draw an image" of the Explore page: the nearest image that a generator knows to a picture of one's own.

The browser draws and shrinks the picture. So the server gets a small PNG, and takes no file.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import streamlit as st
from streamlit.components.v2 import component

from dcgan.files import PROJECT
from dcgan.locale.language import language, tr, tr_later, tr_marked
from dcgan.pages.parts.address import plain, spell_labels
from dcgan.pages.parts.addressed import addressed
from dcgan.pages.parts.explore_path import offer_ends
from dcgan.pages.parts.explore_pictures import download, show
from dcgan.pages.parts.visitor_language import Spinner
from dcgan.pixels import Bytes
from dcgan.runs.run import Run
from dcgan.sampling.class_names import label_text

if TYPE_CHECKING:
    from dcgan.checkpoint import TrainedGenerator
    from dcgan.sampling.nearest_image import Nearest

KEYS = ("source", "digit", "among")

WEB = PROJECT / "dcgan" / "web"
DRAWN, TEST = tr_later("Draw or choose a picture"), tr_later("Test image")
SHOWN_SIDE = 168
"""Screen pixels of a picture, or somewhat fewer. Each image pixel gets a whole number of them."""

NEAREST_DIGIT = tr_later("The nearest digit that this generator knows")
NEAREST_IMAGE = tr_later("The nearest image that this generator knows")

_PICTURE = "picture-of-the-paper"
"""Key in the session -> the last picture of the paper, as the address of a PNG."""

READING = tr_later(
    "How to read it: what is left in the difference, this generator cannot draw. A length far outside of the usual "
    "range would mean that training drew no such z. Source: "
    "[Lipton and Tripathi 2017](https://arxiv.org/abs/1702.04782)."
)

TEXTS = {
    "paper": tr_later(
        "Paper: draw here with the mouse or a finger. The button below takes a picture from your device."
    ),
    "find": tr_later("Find the nearest image"),
    "clear": tr_later("Clear"),
    "file": tr_later("Choose a picture"),
    "empty": tr_later("Draw here, or choose a picture. Your browser makes it small before it sends it."),
    "unreadable": tr_later("Your browser cannot read this file. Choose a PNG, JPEG or WebP picture."),
}


def show_view(run: Run, generator: TrainedGenerator | None, *, reverse: bool, enlarge: int) -> None:
    """Show a picture, the nearest image of the generator, and the search for it."""
    if generator is None:
        return
    st.write(
        tr(
            "Start from an image of your own. The search looks for the latent vector z whose image differs least "
            "from it, pixel by pixel."
        )
    )
    source = addressed(st.radio, tr("Your image"), [DRAWN, TEST], DRAWN, key="source", horizontal=True)
    label = choose_class(generator)
    target = drawn_target(generator, reverse=reverse) if source == DRAWN else test_target(generator)
    if target is None:
        return
    target_u8, notes = target
    for note in notes:
        st.info(plain(note))
    nearest = nearest_of(generator.weights_id, target_u8, label, generator)
    height = generator.config.image_shape[1]
    enlarge = max(1, min(8, max(enlarge, SHOWN_SIDE // height)))
    show_nearest(generator, nearest, reverse=reverse, enlarge=enlarge)
    offer_ends(generator, nearest.projection.z, nearest.projection.label)
    title = f"{run.name}, the nearest image"
    download(lambda: nearest.row(enlarge=enlarge, reverse=reverse), f"nearest-{run.name}.png", title, generator)
    st.caption(tr_marked(READING))


def is_of_digits(generator: TrainedGenerator) -> bool:
    """Return whether the generator draws single digits."""
    return generator.train_config.data.name == "mnist"


# The target


def choose_class(generator: TrainedGenerator) -> int | None:
    """Show which classes a conditional model may draw; return the chosen one, or None for all."""
    count = generator.config.num_classes
    if not count:
        return None

    def named(choice: int | None) -> str:
        return tr("all") if choice is None else label_text(choice, generator.classes)

    spell_labels("among", generator.classes, count)
    return st.selectbox(
        tr("Search among"), [None, *range(count)], format_func=named, key="among", bind="query-params", width=240
    )


def drawn_target(generator: TrainedGenerator, *, reverse: bool) -> tuple[Bytes, list[str]] | None:
    """Show the paper; return what the visitor has put on it, as a target, or None before that."""
    from dcgan.sampling.nearest_image import bytes_of_address, picture_target

    text = st.session_state.get(_PICTURE, "")
    texts = {name: tr_marked(marked) for name, marked in TEXTS.items()}
    data = {"texts": texts, "reverse": reverse, "picture": text, "language": language()}
    paper()(key="paper", data=data, on_picture_change=keep_picture)
    return picture_target(bytes_of_address(text), generator) if text else None


def keep_picture() -> None:
    """Keep the picture that the browser has sent, if it can be one."""
    from dcgan.sampling.nearest_image import MAX_PICTURE_TEXT

    picture = st.session_state["paper"].get("picture")
    if isinstance(picture, str) and len(picture) <= MAX_PICTURE_TEXT:
        st.session_state[_PICTURE] = picture


def test_target(generator: TrainedGenerator) -> tuple[Bytes, list[str]]:
    """Show the number of a test image; return that image as a target."""
    from dcgan.sampling.nearest_image import num_test_images, target_of_test

    last = num_test_images(generator) - 1
    title = tr("Test digit number") if is_of_digits(generator) else tr("Test image number")
    number = st.number_input(title, 0, last, 0, key="digit", bind="query-params", width=240)
    return target_of_test(number, generator)


@functools.cache
def paper() -> Callable[..., Any]:
    """Return the component on which one draws."""
    html, css, js = ((WEB / f"draw.{kind}").read_text(encoding="utf-8") for kind in ("html", "css", "js"))
    return component("dcgan_paper", html=html, css=css, js=js)


# The nearest image


@st.cache_data(max_entries=64, show_spinner=Spinner(tr_later("Searching the latent space ...")))
def nearest_of(weights_id: str, target_u8: Bytes, label: int | None, _generator: TrainedGenerator) -> Nearest:
    """Return the nearest image, searched once for all sessions."""
    from dcgan.sampling.nearest_image import find_for_visitor

    return find_for_visitor(_generator, target_u8, label=label)


def show_nearest(generator: TrainedGenerator, nearest: Nearest, *, reverse: bool, enlarge: int) -> None:
    """Show target, nearest image, difference and search side by side, and what was measured."""
    from dcgan.sampling.nearest_image import picture_of

    side = max(generator.config.image_shape[2] * enlarge, SHOWN_SIDE)
    caption = NEAREST_DIGIT if is_of_digits(generator) else NEAREST_IMAGE
    pictures = [
        # The difference stays as it is: its black says that both agree.
        (tr("Your image"), nearest.target_u8, reverse),
        (tr_marked(caption), nearest.image_u8, reverse),
        (tr("The difference: black where both agree"), nearest.difference_u8(), False),
    ]
    with st.container(horizontal=True):
        for name, image_u8, inverted in pictures:
            picture = picture_of(image_u8[None], enlarge=enlarge, reverse=inverted)
            with st.container(width=side):
                show(picture, name, name)
        with st.container(width=side):
            search = nearest.images_gif(enlarge=enlarge, reverse=reverse)
            st.image(search, tr("The search, from the best seed to the result"), alt=tr("The search as an animation"))
    st.markdown(measured(generator, nearest))


def measured(generator: TrainedGenerator, nearest: Nearest) -> str:
    """Return the sentences with the error, the length of z, and the label."""
    found = nearest.projection
    low, high = found.usual_length
    text = tr(
        "An average pixel differs by {levels:.1f} of 255 levels (root mean square). z has the length {length:.1f}. "
        "About 95 % of the training's vectors have {low:.1f} to {high:.1f}.",
        levels=nearest.gray_levels,
        length=found.length,
        low=low,
        high=high,
    )
    if found.label is None:
        return text
    label = tr("The label is {label}.", label=label_text(found.label, generator.classes))
    return f"{text} {plain(label)}"
