"""Open pages of the studio without a browser, and read what they show."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from functools import cache
from typing import Any

from pandas import DataFrame
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Button

from dcgan.files import PROJECT
from dcgan.runs.run import Run

# A server looks for components in all installed packages once. An AppTest does so at each run, for half of its time.
manifest_scanner.scan_component_manifests = cache(manifest_scanner.scan_component_manifests)

APP = str(PROJECT / "streamlit_app.py")


def open_page(name: str, **query: str | list[str]) -> AppTest:
    """Open the page dcgan/pages/NAME.py at an address with this query. The page must raise no error."""
    assert "keras" not in sys.modules, "Streamlit would clear Keras's session after each run; see test_keras.py"
    app = AppTest.from_file(APP, default_timeout=60)
    for key, value in query.items():
        app.query_params[key] = value
    app.switch_page(f"dcgan/pages/{name}.py")
    return checked(app.run())


def checked(app: AppTest) -> AppTest:
    """Return the app, whose last run must have raised no error."""
    assert not app.exception, app.exception[0].stack_trace
    return app


def unescaped(markdown: str) -> str:
    """Return the text without the backslashes and the invisible characters that protect it from Markdown."""
    return re.sub(r"\\(.)", r"\1", markdown).replace("\u2060", "")


def texts(app: AppTest) -> str:
    """Return all texts and messages of the page, unescaped."""
    kinds = (app.markdown, app.caption, app.info, app.warning, app.error, app.success, app.code)
    return "\n".join(unescaped(element.value) for kind in kinds for element in kind)


def warnings(app: AppTest) -> list[str]:
    """Return the warnings, unescaped."""
    return [unescaped(warning.value) for warning in app.warning]


def keys_of(app: AppTest) -> set[str]:
    """Return the keys of all widgets, figures and containers of the page."""

    def walk(node: Any) -> Iterator[Any]:
        yield node
        for child in getattr(node, "children", {}).values():
            yield from walk(child)

    return {node.key for node in walk(app.main) if getattr(node, "key", None)}


def button(app: AppTest, key: str) -> Button:
    """Return the button with this key."""
    return app.button(key=key)


def button_keys(app: AppTest) -> set[str]:
    """Return the keys of all buttons on the page."""
    return {element.key for element in app.button if element.key}


def choices(app: AppTest) -> dict[str, Any]:
    """Return the value of every box in which one selects, by its key."""
    return {box.key: box.value for box in app.main.selectbox}


def captions(app: AppTest) -> list[str]:
    """Return the captions of all pictures. Each must be lossless and have a text for screen readers."""
    pictures = [image.proto.imgs[0] for image in app.get("image")]
    assert all(picture.url.endswith(".png") for picture in pictures)
    assert all(picture.alt for picture in pictures)
    return [picture.caption for picture in pictures]


def figures(app: AppTest) -> list[dict[str, Any]]:
    """Return the Plotly figures of the page."""
    return [json.loads(chart.proto.spec) for chart in app.get("plotly_chart")]


def table(app: AppTest, first_column: str) -> DataFrame:
    """Return the static table with that first column as one reads it. Markdown must make no lists of its cells."""
    (cells,) = [element.value for element in app.table if element.value.columns[0] == first_column]
    assert not [cell for cell in cells.values.flatten() if cell.startswith(("-", "* ", "+", "#"))]
    return cells.rename(columns=unescaped).map(unescaped).set_index(first_column)


# Damage


def damage_config(run: Run) -> None:
    """Give the run a config of an unknown format."""
    (run.path / "config.json").write_text('{"preset": "dcgan", "config": {"format": 99}}')


def damage_status(run: Run) -> None:
    """Cut the run's status off."""
    (run.path / "status.json").write_text("{")


def remove_status(run: Run) -> None:
    """Remove the run's status."""
    (run.path / "status.json").unlink()


def make_unreadable(run: Run, name: str) -> None:
    """Put a folder where the run has a file."""
    (run.path / name).unlink(missing_ok=True)
    (run.path / name).mkdir()
