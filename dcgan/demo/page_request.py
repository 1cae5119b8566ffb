"""Map names to components: how an event of the page asks the server, and where the answer goes."""

from __future__ import annotations

from typing import Any

from dcgan.demo.page_texts import later
from dcgan.demo.view_events import on_page

Components = dict[str, Any]
"""Name -> Gradio component. Gradio adds the methods for events when it is imported, which no type checker sees."""

PRIVATE: dict[str, Any] = {"api_visibility": "private"}


def request(event: str, key: str, inputs: Components, outputs: Components) -> dict[str, Any]:
    """Return the options of an event that the server answers, as `view_events` does."""
    script = later(lambda: on_page(event, key, list(inputs), list(outputs)))
    return {"fn": None, "inputs": list(inputs.values()), "outputs": list(outputs.values()), "js": script} | PRIVATE
