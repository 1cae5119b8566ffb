"""The networks of every preset, layer by layer, two presets side by side. torch is imported when they are drawn."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dcgan.figures import diagrams
from dcgan.figures.architecture import Architecture, Layer, shared_layers, stages, total_parameters
from dcgan.figures.plots import DISCRIMINATOR, GENERATOR
from dcgan.pages.parts.address import asked_for, refused
from dcgan.presets import PRESETS

DIFFERENT = "≠"


def main() -> None:
    st.title("Architectures")
    st.write(
        "Both networks of two presets, taken apart: what you see was asked of the very modules that a training "
        f"builds, by sending an image through them. A {DIFFERENT} marks a layer that the other side does not have at "
        "that place, or has with other settings."
    )
    asked = asked_for()
    notes = st.container()
    names = list(PRESETS)
    columns = st.columns(2)
    chosen = [
        column.selectbox(key.capitalize(), names, names.index(default), key=key, bind="query-params")
        for column, key, default in zip(columns, ("left", "right"), ("gan", "dcgan"), strict=True)
    ]
    for column, name in zip(columns, chosen, strict=True):
        with column:
            preset = PRESETS[name]
            st.markdown(f"**{preset.title}.** From: {preset.source}.")
            if preset.notes:
                st.caption(preset.notes)
    both = [taken_apart(name) for name in chosen]
    for title, color, networks in (
        ("Generator", GENERATOR, [each.generator for each in both]),
        ("Discriminator", DISCRIMINATOR, [each.discriminator for each in both]),
    ):
        st.subheader(title)
        marks = shared_layers(*networks)
        for column, name, layers, same in zip(st.columns(2, gap="medium"), chosen, networks, marks, strict=True):
            with column:
                show(f"{title.lower()} of {name}", color, layers, same)
    st.caption(
        "Shapes are channels × height × width for one image; a single number is a flat layer. Batch norm's running "  # noqa: RUF001
        "mean and variance are not counted: they are measured, not learnt."
    )
    for sentence in refused(asked):
        notes.warning(sentence)


def show(title: str, color: str, layers: Sequence[Layer], same: Sequence[bool]) -> None:
    """One network: its size, its diagram, its table."""
    st.markdown(f"**{total_parameters(layers):,}** parameters")
    st.dataframe(
        [
            {
                "": "" if kept else DIFFERENT,
                "layer": layer.kind,
                "output": diagrams.shape_text(layer.output_shape),
                "parameters": layer.parameters,
                "settings": layer.settings,
            }
            for layer, kept in zip(layers, same, strict=True)
        ],
        hide_index=True,
        height="content",
        column_config={"parameters": st.column_config.NumberColumn(format="localized")},
        alt=f"The {title}, layer by layer",
    )
    st.graphviz_chart(
        diagrams.network(stages(layers), color, title),
        width="content",
        alt=f"The {title} as a diagram: "
        + ", then ".join(diagrams.shape_text(stage.shape) for stage in stages(layers)),
    )


@st.cache_resource(show_spinner="Building the networks ...")
def taken_apart(preset: str) -> Architecture:
    """Once for all sessions: a preset's networks do not change."""
    from dcgan.figures.architecture import describe_architecture

    return describe_architecture(PRESETS[preset].config.model)


main()
