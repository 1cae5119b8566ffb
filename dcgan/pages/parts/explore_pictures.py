"""What the views of the Explore page share: a generator from its file, its pictures, and their downloads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from dcgan import pixels
from dcgan.config import ModelConfig
from dcgan.pages.parts.address import plain
from dcgan.pixels import Bytes

if TYPE_CHECKING:
    from dcgan.checkpoint import TrainedGenerator


def label_choice(num_classes: int) -> int:
    """Return the label that the visitor chooses."""
    return st.selectbox("Label", range(num_classes), key="label", bind="query-params")


def show(picture: Bytes, caption: str, alt: str, link: str | None = None) -> None:
    """Show a picture, which leads to `link`. As PNG, because the default recompresses to JPEG."""
    st.image(pixels.png_bytes(picture), caption, output_format="PNG", alt=alt, link=link)


def download(picture: Callable[[], Bytes], name: str, title: str, generator: TrainedGenerator | None) -> None:
    """Offer the picture as a PNG with its description inside. The file is made when it is downloaded."""
    metadata = {"Title": title} | ({"Source": f"weights {generator.weights_id}"} if generator else {})

    def file() -> bytes:
        return pixels.png_bytes(picture(), metadata)

    st.download_button("Download PNG", file, name, "image/png", on_click="ignore", key=f"save-{name}")


def fitting_zoom(config: ModelConfig, num_images: int, zoom: int) -> int:
    """Return the zoom, or a smaller one with a warning where so many images have too many pixels for a page."""
    from dcgan.sampling.exploration import largest_zoom

    largest = largest_zoom(config, num_images)
    if zoom > largest:
        _, height, width = config.image_shape
        st.warning(
            f"{num_images:,} images of {width}x{height} are too many for zoom {zoom}; zoom {largest} is used instead."
        )
    return min(zoom, largest)


def load(path: Path) -> TrainedGenerator | None:
    """Return the generator in the file, or None with a warning."""
    try:
        return generator_in(str(path), path.stat().st_mtime_ns)
    except FileNotFoundError:
        st.warning(plain(f"{path} does not exist (yet). Resume the training, or choose another run."))
    except (OSError, ValueError) as error:
        st.warning(plain(f"{error}."))
    return None


@st.cache_resource(max_entries=24, show_spinner="Loading the generator ...")
def generator_in(path: str, modified_ns: int) -> TrainedGenerator:
    """Load a generator once for all sessions and per state of its file."""
    from dcgan.checkpoint import load_generator

    return load_generator(path)
