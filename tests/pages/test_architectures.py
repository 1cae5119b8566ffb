"""The Architectures page."""

from __future__ import annotations

import pytest
from studio import choices, open_page, warnings

from dcgan.presets import PRESETS

DIFFERENT = "≠"


def parameters(table) -> int:
    """Return the sum of the column, whose numbers have separators."""
    return sum(int(text.replace(",", "")) for text in table.value["parameters"])


@pytest.mark.slow
def test_two_presets_side_by_side_with_their_differences_marked():
    app = open_page("architectures")
    assert choices(app) == {"left": "gan", "right": "dcgan"}
    assert [parameters(table) for table in app.table] == [1_486_352, 312_256, 1_460_225, 109_440]
    assert {layer.startswith(DIFFERENT) for layer in app.table[0].value["layer"]} == {True, False}
    assert "**1,486,352** parameters" in [element.value for element in app.markdown]
    assert PRESETS["gan"].source in app.markdown[1].value


def test_a_preset_beside_itself_has_no_differences():
    app = open_page("architectures", left="dcgan", right="dcgan")
    assert not [layer for table in app.table for layer in table.value["layer"] if layer.startswith(DIFFERENT)]


@pytest.mark.slow
@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_is_shown(preset):
    app = open_page("architectures", left=preset, right="gan")
    assert app.selectbox[0].value == preset
    assert len(app.get("graphviz_chart")) == 4
    assert (parameters(app.table[0]), parameters(app.table[2])) == PRESETS[preset].parameters


@pytest.mark.slow
@pytest.mark.parametrize("value", ["<script>", "nan", "../gan", "9" * 400])
def test_a_hostile_address_is_a_warning(value):
    app = open_page("architectures", left=value)
    (warning,) = warnings(app)
    assert warning.startswith("left=")
    assert app.selectbox[0].value == "gan"
