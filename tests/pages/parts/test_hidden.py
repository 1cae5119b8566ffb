"""Controls that an address hides."""

from __future__ import annotations

import pytest
from recorded import record_run
from studio import checked, keys_of, open_page, warnings

from dcgan.files import PROJECT
from dcgan.pages.parts import hidden


def rules(app) -> list[str]:
    return [html.proto.body for html in app.get("html") if "<style>" in html.proto.body]


@pytest.mark.slow
@pytest.mark.usefixtures("only_own_runs")
def test_named_controls_are_hidden_and_keep_the_values_of_the_address(tiny_run):
    record_run(tiny_run.path.parent, preset="other")
    app = open_page("compare", hide="align, curves,align", align="images")
    (rule,) = rules(app)
    assert rule == "<style>.st-key-align, .st-key-curves { display: none !important; }</style>"
    assert app.selectbox(key="align").value == "images"
    assert warnings(app) == []
    assert "hide=align%2Ccurves" in app.code[0].value
    other = open_page("compare")
    assert rules(other) == []
    assert "hide=" not in other.code[0].value


@pytest.mark.slow
@pytest.mark.usefixtures("only_own_runs")
@pytest.mark.parametrize("text", ["nothing", "</style><script>alert(1)</script>", "a{}", "," * 5000, "x" * 10_000])
def test_other_names_make_no_rule_and_are_mentioned_once(tiny_run, text):
    app = open_page("compare", hide=["log", text])
    assert rules(app) == ["<style>.st-key-log { display: none !important; }</style>"]
    mentioned = [warning for warning in warnings(app) if warning.startswith("hide=")]
    assert len(mentioned) == int(bool(text.strip(",")))
    assert all(len(warning) < 500 for warning in mentioned)
    checked(app.run())
    assert not [warning for warning in warnings(app) if warning.startswith("hide=")]


VIEWS = (
    "Samples",
    "Live",
    "Time machine",
    "Vector arithmetic",
    "What D tells G",
    "Inside the generator",
    "Draw an image",
    "Named sliders",
)
ADDRESSES: dict[str, list[dict[str, str]]] = {
    "compare": [{"inspect": "true"}],
    "explore": [{"view": view} for view in VIEWS]
    + [{"run": "cdcgan-mnist"}, {"view": "Draw an image", "source": "Test image"}],
    "step": [{}],
}
"""Page -> addresses at which all of its controls are there."""


@pytest.mark.slow
@pytest.mark.parametrize("page", hidden.CONTROLS)
def test_every_name_is_a_key_of_its_page(page):
    keys = set().union(*(keys_of(open_page(page, **address)) for address in ADDRESSES[page]))
    assert {*hidden.CONTROLS[page]} - keys == set()


def test_the_documentation_lists_every_name():
    text = (PROJECT / "docs" / "teaching.md").read_text()
    rows = {line.split("|")[1].strip(): line for line in text.splitlines() if line.startswith("| ")}
    for page, names in hidden.CONTROLS.items():
        assert [name for name in names if f"`{name}`" not in rows[page]] == []
