"""What the page's events request: values of controls in as JSON, new properties of components out, both by name.

The browser sends each event to `view/EVENT` and writes the answer into the page by the JavaScript of `on_page`. So a
visitor needs no session, and does not wait in Gradio's queue, whose own work is larger than a render.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import anyio
import anyio.to_thread
import gradio as gr
from gradio.context import LocalContext
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from dcgan import pixels
from dcgan.demo.handlers import Choice, open_page, scrub, show_controls, show_typed, text_of_label
from dcgan.demo.limits import BUSY, MAX_EVENTS
from dcgan.demo.own_image import find_chosen, find_drawn, find_test, use_as_a, use_as_b
from dcgan.demo.visitor_language import chosen_language
from dcgan.locale.language import tr, tr_marked
from dcgan.pixels import Bytes
from dcgan.sampling.link import LANGUAGE, with_language
from dcgan.sampling.link_fields import shown

Handler = Callable[[Mapping[str, Any]], Mapping[str, Any] | None]

EVENTS: dict[str, tuple[Handler, frozenset[str]]] = {
    "open": (open_page, frozenset()),
    "controls": (show_controls, frozenset({"model"})),
    "typed": (show_typed, frozenset({"model", "keys", "labels", "link"})),
    "scrub": (scrub, frozenset({"model"})),
    "find-drawn": (find_drawn, frozenset({"model"})),
    "find-chosen": (find_chosen, frozenset({"model"})),
    "find-test": (find_test, frozenset({"model"})),
    "use-a": (use_as_a, frozenset({"model"})),
    "use-b": (use_as_b, frozenset({"model"})),
}
"""Name in the address -> what answers it, and the names of values that it cannot miss."""

_places = anyio.CapacityLimiter(max(2, os.cpu_count() or 1))
"""Events that are answered at one time. More would only wait for a processor."""


async def send_view(request: Request) -> Response:
    """Answer an event of the page: an object with new properties by the name of a component, or null."""
    event = request.path_params["event"]
    if event not in EVENTS:
        sentence = tr("There is no event {event} here; try {names}.", event=shown(event), names=", ".join(EVENTS))
        return PlainTextResponse(sentence, 404)
    handler, required = EVENTS[event]
    try:
        values = json.loads(await request.body())
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict) or not required <= values.keys():
        return PlainTextResponse(_required(event, sorted(required)), 400)
    if _places.statistics().tasks_waiting >= MAX_EVENTS:
        return PlainTextResponse(tr_marked(BUSY), 503, {"Retry-After": "1"})
    LocalContext.request.set(gr.Request(request))  # a shared GPU counts a call for the visitor who sent it
    data = await anyio.to_thread.run_sync(_answer, handler, values, limiter=_places)
    return Response(data, headers={"Cache-Control": "no-store"}, media_type="application/json")


def _required(event: str, names: list[str]) -> str:
    if not names:
        return tr("An event {event} is an object in JSON with a query.", event=event)
    return tr("An event {event} is an object in JSON with {names}.", event=event, names=", ".join(names))


def _answer(handler: Handler, values: dict[str, Any]) -> bytes:
    update = handler(values)
    if update and (code := chosen_language()):
        update = {
            name: with_language(value, code) if name in ("link", "page_link") else value
            for name, value in update.items()
        }
    return json.dumps(update and {name: as_property(name, value) for name, value in update.items()}).encode()


ROUTES = [Route("/view/{event}", send_view, methods=["POST"])]

# A newer event of the same control replaces one that waits, and no answer arrives after that of a later event.
# The address bar follows the page, and the link's box gets the whole address. The page around a Gradio Space takes no
# changed query: https://huggingface.co/docs/hub/spaces-handle-url-parameters. So a visitor there copies the box.
_SCRIPT = """async (...values) => {
  const call = CALL;
  const page = window.dcganPage ??= {newest: {}, last: Promise.resolve()};
  const number = page.newest[call.key] = (page.newest[call.key] ?? 0) + 1;
  const before = page.last;
  let done;
  page.last = new Promise((resolve) => { done = resolve; });
  const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
  const query = () => Object.fromEntries(new URLSearchParams(location.search));
  const quoted = (text) => '- `' + text.replaceAll('`', '') + '`';
  const note = (text) => ({[call.notes]: {__type__: 'update', value: quoted(text), visible: true}});
  const request = async () => {
    const named = Object.fromEntries(call.inputs.map((name, index) => [name, values[index] ?? null]));
    const body = JSON.stringify(call.event === 'open' ? query() : named);
    for (let trial = 1; ; trial++) {
      const options = {method: 'POST', headers: {'Content-Type': 'application/json'}, body};
      const response = await fetch(call.address, options);
      if (response.ok) return await response.json();
      if (response.status !== 503 || trial === 10) return note(await response.text());
      await pause(500 + 1000 * Math.random());
      if (page.newest[call.key] !== number) return null;
    }
  };
  try {
    await before;
    if (page.newest[call.key] !== number) return;
    const answer = await request().catch(() => note(call.failure));
    if (!answer) return;
    if (answer.link) {
      history.replaceState(history.state, '', answer.link);
      answer.link = location.origin + location.pathname + answer.link;
    }
    return call.outputs.map((name) => answer[name]);
  } finally {
    done();
  }
}"""


def on_page(event: str, key: str, inputs: Sequence[str], outputs: Sequence[str]) -> str:
    """Return the JavaScript of an event of the page; `key` tells events apart that replace only their own kind.

    A language that the visitor chose is in the address, as the server does not know the page from which it is called.
    """
    notes = "notes" if "notes" in outputs else "own_notes"
    code = chosen_language()
    call = {
        "event": event,
        "address": f"view/{event}?{LANGUAGE}={code}" if code else f"view/{event}",
        "key": key,
        "inputs": list(inputs),
        "outputs": list(outputs),
        "notes": notes,
        "failure": tr("The demo does not answer. Reload this page later."),
    }
    return _SCRIPT.replace("CALL", json.dumps(call))


def as_property(name: str, value: Any) -> Any:
    """Return what the browser writes into a component for a value of an Update."""
    return PROPERTIES[name](value) if name in PROPERTIES else value


def changes(**properties: Any) -> dict[str, Any]:
    """Return new properties of a component, where its value is not the only one."""
    return {"__type__": "update"} | properties


def as_choice(choice: Choice) -> dict[str, Any]:
    """Return the options and the chosen one as Gradio's dropdowns take them."""
    return changes(choices=[[text_of_label(option), option] for option in choice.options], value=choice.value)


def as_notes(sentences: Sequence[str]) -> dict[str, Any]:
    """Return the sentences as code, so that nothing in an address becomes a link or an image."""
    lines = "\n".join(f"- `{' '.join(sentence.replace('`', '').split())}`" for sentence in sentences)
    return changes(value=lines, visible=bool(sentences))


def as_page_link(address: str) -> dict[str, Any]:
    """Return the link to the static page; nothing is shown without an address."""
    return changes(value=tr("[Open this view in the static page]({address})", address=address), visible=bool(address))


def as_picture(image_u8: Bytes | None) -> dict[str, str] | None:
    """Return a picture (H, W) or (H, W, 3) as Gradio's images take it: PNG within the address itself."""
    if image_u8 is None:
        return None
    data = base64.b64encode(pixels.png_bytes(image_u8, compress_level=1)).decode()
    return {"url": f"data:image/png;base64,{data}"}


def as_address(address: str | None) -> dict[str, str] | None:
    """Return an address as Gradio's images take it."""
    return None if address is None else {"url": address}


def as_plot(figure: str | None) -> dict[str, str] | None:
    """Return a figure in JSON as Gradio's plots take it."""
    return None if figure is None else {"type": "plotly", "plot": figure}


PROPERTIES: dict[str, Callable[[Any], Any]] = {
    "model": as_choice,
    "labels": lambda text: changes(value=text, visible=bool(text)),
    "notes": as_notes,
    "own_notes": as_notes,
    "page_link": as_page_link,
    "plot": as_plot,
    **dict.fromkeys(("first", "current", "last", "target", "nearest", "difference"), as_picture),
    **dict.fromkeys(("strip", "animation", "strip_file", "gif_file", "mp4_file", "search"), as_address),
}
"""Name -> what an update writes into the component, where that is not its value as it is."""
