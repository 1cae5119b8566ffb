"""Diagrams contain every stage and step; the browser tests show that Graphviz draws them."""

from __future__ import annotations

import re

import pytest

from dcgan.figures import diagrams
from dcgan.figures.architecture import Stage, describe_architecture, stages
from dcgan.presets import PRESETS


@pytest.mark.parametrize("preset", PRESETS)
def test_every_stage_is_a_box_and_every_step_is_on_an_arrow(preset):
    drawn = stages(describe_architecture(PRESETS[preset].config.model).discriminator)
    text = diagrams.network(drawn, "#000000", "D")
    boxes = re.findall(r'^  s\d+ \[label="([^"]*)"', text, re.MULTILINE)
    assert boxes == [diagrams.shape_text(stage.shape) for stage in drawn]
    assert text.count("->") == len(drawn) - 1
    assert all(step in text for stage in drawn for step in stage.steps)


def test_more_numbers_make_a_wider_box():
    text = diagrams.network([Stage((), (2,)), Stage(("Linear",), (784,))], "#000000", "G")
    narrow, wide = (float(width) for width in re.findall(r" width=([\d.]+)", text))
    assert narrow < wide


@pytest.mark.parametrize(
    ("shape", "text"),
    [((100,), "100"), ((64, 7, 7), "64\u00a0×\u00a07\u00a0×\u00a07"), ((), "1")],  # noqa: RUF001
)
def test_shapes_as_words(shape, text):
    assert diagrams.shape_text(shape) == text


def test_the_two_networks_have_their_colors():
    text = diagrams.two_networks(96)
    assert "96 random numbers" in text
    assert {"#0072B2", "#D55E00", "#009E73"} <= set(re.findall("#[0-9A-F]{6}", text))
