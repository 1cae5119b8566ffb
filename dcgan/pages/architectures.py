"""Show the networks of two presets side by side, layer by layer. torch is imported when they are built."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dcgan.figures import diagrams
from dcgan.figures.architecture import (
    Architecture,
    Layer,
    describe_architecture,
    shared_layers,
    stages,
    total_parameters,
)
from dcgan.figures.plots import DISCRIMINATOR, GENERATOR
from dcgan.pages.parts.address import plain, refusals, requested_values
from dcgan.presets import PRESETS

DIFFERENT = "≠"


def main() -> None:
    st.title("Architectures")
    st.write(
        "Both networks of two presets, layer by layer. The tables are made from the modules that a training builds. "
        f"A {DIFFERENT} marks a layer that the other preset does not have at that place, or has with other settings."
    )
    requested = requested_values()
    notes = st.container()
    names = list(PRESETS)
    columns = st.columns(2)
    chosen = [
        column.selectbox(key.capitalize(), names, names.index(default), key=key, bind="query-params")
        for column, key, default in zip(columns, ("left", "right"), ("gan", "dcgan"), strict=True)
    ]
    for column, name in zip(columns, chosen, strict=True):
        with column:
            about(name)
    pair = [architecture(name) for name in chosen]
    for title, color, networks in (
        ("Generator", GENERATOR, [side.generator for side in pair]),
        ("Discriminator", DISCRIMINATOR, [side.discriminator for side in pair]),
    ):
        st.subheader(title)
        marks = shared_layers(*networks)
        for column, name, layers, shared in zip(st.columns(2, gap="medium"), chosen, networks, marks, strict=True):
            with column:
                show_network(f"{title.lower()} of {name}", color, layers, shared)
    st.caption(
        "Shapes are channels × height × width of one image. A single number is a flat layer. The running mean and "  # noqa: RUF001
        "variance of batch norm do not count as parameters, because they are measured and not learned."
    )
    for sentence in refusals(requested):
        notes.warning(sentence)


def about(name: str) -> None:
    """Show a preset's title, source and notes."""
    preset = PRESETS[name]
    st.markdown(f"**{preset.title}.** Source: {preset.source}.")
    if preset.notes:
        st.caption(preset.notes)


def show_network(title: str, color: str, layers: Sequence[Layer], shared: Sequence[bool]) -> None:
    """Show one network: its parameters, its layers as a table, its diagram."""
    st.markdown(f"**{total_parameters(layers):,}** parameters")
    # A static table wraps its cells: settings are readable in full on a telephone too. It reads Markdown.
    st.table(
        [layer_row(layer, is_shared=is_shared) for layer, is_shared in zip(layers, shared, strict=True)],
        hide_index=True,
        border="horizontal",
        alt=f"The {title}, layer by layer",
    )
    blocks = stages(layers)
    shapes = ", then ".join(diagrams.shape_text(block.shape) for block in blocks)
    st.graphviz_chart(
        diagrams.network(blocks, color, title), width="content", alt=f"The {title} as a diagram: {shapes}"
    )


def layer_row(layer: Layer, *, is_shared: bool) -> dict[str, str]:
    """Return the layer as a row of Markdown cells: mark and name with settings, output shape, parameters."""
    mark = "" if is_shared else f"{DIFFERENT} "
    settings = f" :small[{plain(layer.settings)}]" if layer.settings else ""
    return {
        "layer": f"{mark}**{layer.kind}**{settings}",
        "output": diagrams.shape_text(layer.output_shape),
        "parameters": f"{layer.parameters:,}",
    }


@st.cache_resource(show_spinner="Building the networks ...")
def architecture(preset: str) -> Architecture:
    """Return the networks of a preset. They do not change, so all sessions share them."""
    return describe_architecture(PRESETS[preset].config.model)


main()
