"""The part "By hand" of the view "Inside the generator"."""

from __future__ import annotations

import json
import re

import pytest
from streamlit.testing.v1 import AppTest
from studio import checked, open_page, texts, warnings

from dcgan.figures import by_hand
from dcgan.figures.by_hand import Convolution
from dcgan.pages.parts import explore_by_hand

pytestmark = pytest.mark.usefixtures("only_own_runs")

VIEW = "Inside the generator"


def output(app: AppTest) -> dict:
    """Return what the page sends to the tiles of the output."""
    components = [component.proto.json for component in app.get("bidi_component")]
    (data,) = [json.loads(text) for text in components if "The output" in text]
    return data


def grids(app: AppTest) -> list[list[tuple[str, int]]]:
    """Return the cells of the input, of the kernel and of the counts: their style and number."""
    bodies = [element.proto.body for element in app.get("html") if "dcgan-grid" in element.proto.body]
    return [
        [(style, int(number)) for style, number in re.findall(r'<td style="(.*?)">(-?\d+)</td>', body)]
        for body in bodies
    ]


@pytest.mark.slow
def test_the_first_example_leads_from_4_to_7(tiny_run):
    app = open_page("explore", view=VIEW)
    assert "(4 - 1) × 2 - 2 × 1 + 3 = **7**" in texts(app)  # noqa: RUF001 - the sign on the page
    data = output(app)
    sizes = Convolution(4, 3, 2, 1)
    image, weights = by_hand.example_image(4), by_hand.example_kernel(3)
    expected = by_hand.transposed_convolution(sizes, image, weights)
    assert [int(tile["title"]) for tile in data["tiles"]] == expected.flatten().tolist()
    assert data["columns"] == 7
    assert [tile["id"] for tile in data["tiles"] if tile["pressed"]] == [8]
    inputs, kernel, counts = grids(app)
    assert [number for _, number in inputs] == image.flatten().tolist()
    assert sum("font-weight" in style for style, _ in inputs) == 4
    assert sum("font-weight" in style for style, _ in kernel) == 4
    assert [number for _, number in counts] == by_hand.term_counts(sizes).flatten().tolist()
    assert by_hand.formula(image, weights, by_hand.terms(sizes, 1, 1)) in texts(app)
    assert "checkerboard" in texts(app)


@pytest.mark.slow
def test_kernel_4_leads_to_8_without_a_checkerboard(tiny_run):
    app = open_page("explore", view=VIEW, kernel="4")
    assert output(app)["columns"] == 8
    assert "checkerboard" not in texts(app)


@pytest.mark.slow
def test_a_tap_chooses_the_pixel(tiny_run, monkeypatch):
    app = open_page("explore", view=VIEW)
    state = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(explore_by_hand.st, "session_state", state)
        explore_by_hand.chosen(7, [7 * 3 + 2])
        explore_by_hand.chosen(7, [])
    assert state == {"row": 3, "column": 2}
    app.number_input(key="row").set_value(3)
    app.number_input(key="column").set_value(2)
    assert [tile["id"] for tile in output(checked(app.run()))["tiles"] if tile["pressed"]] == [23]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("query", "side", "count"),
    [
        ({"padding": "4", "inputs": "1"}, 1, 2),
        ({"row": "28", "column": "3"}, 7, 1),
        ({"kernel": "NaN", "stride": "inf", "padding": "-1", "inputs": "0"}, 7, 4),
        ({"kernel": "5", "stride": "4", "padding": "0", "inputs": "7"}, 29, 0),
        ({"kernel": "1", "stride": "4", "padding": "0", "row": "1"}, 13, 0),
    ],
)
def test_impossible_sizes_become_the_nearest_ones(tiny_run, query, side, count):
    app = open_page("explore", view=VIEW, **query)
    assert output(app)["columns"] == side
    assert len(warnings(app)) == count


@pytest.mark.slow
def test_a_pixel_that_no_copy_reaches_is_0(tiny_run):
    app = open_page("explore", view=VIEW, kernel="1", stride="3", padding="0")
    assert "no copy of the kernel" in texts(app)
