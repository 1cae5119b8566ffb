"""What the views of the Explore page share: a generator from its file, its pictures, and their downloads."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from dcgan import pixels
from dcgan.config import ModelConfig
from dcgan.locale.language import tr, tr_later
from dcgan.pages.parts.address import plain, spell_labels
from dcgan.pages.parts.visitor_language import Spinner
from dcgan.pixels import Bytes
from dcgan.sampling.class_names import label_text

if TYPE_CHECKING:
    from dcgan.checkpoint import TrainedGenerator


def label_choice(generator: TrainedGenerator) -> int:
    """Return the label that the visitor chooses, by its class's name where that is known."""
    labels, named = range(generator.config.num_classes), partial(label_text, classes=generator.classes)
    spell_labels("label", generator.classes, len(labels))
    return st.selectbox(tr("Label"), labels, format_func=named, key="label", bind="query-params")


def show(picture: Bytes, caption: str, alt: str, link: str | None = None) -> None:
    """Show a picture, which leads to `link`. As PNG, because the default recompresses to JPEG."""
    st.image(pixels.png_bytes(picture), caption, output_format="PNG", alt=alt, link=link)


def download(picture: Callable[[], Bytes], name: str, title: str, generator: TrainedGenerator | None) -> None:
    """Offer the picture as a PNG with its description inside. The file is made when it is downloaded."""
    metadata = {"Title": title} | ({"Source": f"weights {generator.weights_id}"} if generator else {})

    def file() -> bytes:
        return pixels.png_bytes(picture(), metadata)

    st.download_button(tr("Download PNG"), file, name, "image/png", on_click="ignore", key=f"save-{name}")


def fitting_zoom(config: ModelConfig, num_images: int, zoom: int) -> int:
    """Return the zoom, or a smaller one with a warning where so many images have too many pixels for a page."""
    from dcgan.sampling.exploration import largest_zoom

    largest = largest_zoom(config, num_images)
    if zoom > largest:
        _, height, width = config.image_shape
        st.warning(
            tr(
                "{count:,} images of {width}x{height} are too many for zoom {zoom}; zoom {largest} is used instead.",
                count=num_images,
                width=width,
                height=height,
                zoom=zoom,
                largest=largest,
            )
        )
    return min(zoom, largest)


def load(path: Path) -> TrainedGenerator | None:
    """Return the generator in the file, or None with a warning."""
    try:
        return generator_in(str(path), path.stat().st_mtime_ns)
    except FileNotFoundError:
        sentence = tr("{path} does not exist (yet). Resume the training, or choose another run.", path=path)
        st.warning(plain(sentence))
    except (OSError, ValueError) as error:
        st.warning(plain(tr("{error}.", error=error)))
    return None


@st.cache_resource(max_entries=24, show_spinner=Spinner(tr_later("Loading the generator ...")))
def generator_in(path: str, modified_ns: int) -> TrainedGenerator:
    """Load a generator once for all sessions and per state of its file."""
    from dcgan.checkpoint import load_generator

    return load_generator(path)
