"""Show the networks of two presets side by side, layer by layer. torch is imported when they are built."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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
from dcgan.locale.language import tr, tr_later, tr_marked
from dcgan.pages.parts.address import plain, refusals, requested_values
from dcgan.pages.parts.visitor_language import Spinner
from dcgan.presets import PRESETS

DIFFERENT = "≠"


@dataclass(frozen=True)
class NetworkTexts:
    """The texts beside one of the two networks, in English. `tr_marked` translates them."""

    heading: str
    title: str
    table: str
    diagram: str


GENERATOR_TEXTS = NetworkTexts(
    tr_later("Generator"),
    tr_later("generator of {preset}"),
    tr_later("The generator of {preset}, layer by layer"),
    tr_later("The generator of {preset} as a diagram: {shapes}"),
)
DISCRIMINATOR_TEXTS = NetworkTexts(
    tr_later("Discriminator"),
    tr_later("discriminator of {preset}"),
    tr_later("The discriminator of {preset}, layer by layer"),
    tr_later("The discriminator of {preset} as a diagram: {shapes}"),
)


def main() -> None:
    st.title(tr("Architectures"))
    st.write(
        tr(
            "Both networks of two presets, layer by layer. The tables are made from the modules that a training "
            "builds. A {mark} marks a layer that the other preset does not have at that place, or has with other "
            "settings.",
            mark=DIFFERENT,
        )
    )
    requested = requested_values()
    notes = st.container()
    names = list(PRESETS)
    columns = st.columns(2)
    chosen = [
        column.selectbox(title, names, names.index(default), key=key, bind="query-params")
        for column, key, title, default in zip(
            columns, ("left", "right"), (tr("Left"), tr("Right")), ("gan", "dcgan"), strict=True
        )
    ]
    for column, name in zip(columns, chosen, strict=True):
        with column:
            about(name)
    pair = [architecture(name) for name in chosen]
    for texts, color, networks in (
        (GENERATOR_TEXTS, GENERATOR, [side.generator for side in pair]),
        (DISCRIMINATOR_TEXTS, DISCRIMINATOR, [side.discriminator for side in pair]),
    ):
        st.subheader(tr_marked(texts.heading))
        marks = shared_layers(*networks)
        for column, name, layers, shared in zip(st.columns(2, gap="medium"), chosen, networks, marks, strict=True):
            with column:
                show_network(texts, name, color, layers, shared)
    st.caption(
        tr(
            "Shapes are channels × height × width of one image. A single number is a flat layer. The running mean "  # noqa: RUF001
            "and variance of batch norm do not count as parameters, because they are measured and not learned."
        )
    )
    for sentence in refusals(requested):
        notes.warning(sentence)


def about(name: str) -> None:
    """Show a preset's title, source and notes."""
    preset = PRESETS[name]
    title, source = tr_marked(preset.title), tr_marked(preset.source)
    st.markdown(tr("**{title}.** Source: {source}.", title=title, source=source))
    if preset.notes:
        st.caption(tr_marked(preset.notes))


def show_network(
    texts: NetworkTexts, preset: str, color: str, layers: Sequence[Layer], shared: Sequence[bool]
) -> None:
    """Show one network: its parameters, its layers as a table, its diagram."""
    st.markdown(tr("**{count:,}** parameters", count=total_parameters(layers)))
    # A static table wraps its cells: settings are readable in full on a telephone too. It reads Markdown.
    st.table(
        [layer_row(layer, is_shared=is_shared) for layer, is_shared in zip(layers, shared, strict=True)],
        hide_index=True,
        border="horizontal",
        alt=tr_marked(texts.table, preset=preset),
    )
    blocks = stages(layers)
    shapes = ", ".join(diagrams.shape_text(block.shape) for block in blocks)
    title = tr_marked(texts.title, preset=preset)
    alt = tr_marked(texts.diagram, preset=preset, shapes=shapes)
    st.graphviz_chart(diagrams.network(blocks, color, title), width="content", alt=alt)


def layer_row(layer: Layer, *, is_shared: bool) -> dict[str, str]:
    """Return the layer as a row of Markdown cells: mark and name with settings, output shape, parameters."""
    mark = "" if is_shared else f"{DIFFERENT} "
    settings = f" :small[{plain(layer.settings)}]" if layer.settings else ""
    return {
        tr("layer"): f"{mark}**{layer.name}**{settings}",
        tr("output"): diagrams.shape_text(layer.output_shape),
        tr("parameters"): f"{layer.parameters:,}",
    }


@st.cache_resource(show_spinner=Spinner(tr_later("Building the networks ...")))
def architecture(preset: str) -> Architecture:
    """Return the networks of a preset. They do not change, so all sessions share them."""
    return describe_architecture(PRESETS[preset].config.model)


main()
