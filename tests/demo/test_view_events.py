"""What the page's events get from the server: new properties by name, and a sentence for wrong or too many calls."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any

import pytest
from starlette.requests import Request

from dcgan.demo import handlers, view_events
from dcgan.demo.limits import BUSY, MAX_EVENTS
from dcgan.demo.view_events import as_notes, send_view
from dcgan.sampling.link import CONTROLS


async def post(event: str, body: bytes):
    """Return the response to an event with this body."""

    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}

    scope = {"type": "http", "method": "POST", "path": f"/view/{event}", "path_params": {"event": event}}
    return await send_view(Request(scope | {"headers": [], "query_string": b""}, receive))


def answer(event: str, values: object) -> tuple[int, Any]:
    """Return the status and the body of the response."""
    response = asyncio.run(post(event, json.dumps(values).encode()))
    body = bytes(response.body)
    return response.status_code, json.loads(body) if response.status_code == 200 else body.decode()


def test_an_event_gets_the_handlers_update_as_properties(tiny_run):
    status, shown = answer("controls", {"model": tiny_run.name, "seed_a": 3, "frames": 4})
    expected: dict[str, Any] = dict(handlers.show_controls({"model": tiny_run.name, "seed_a": 3, "frames": 4}))
    assert (status, shown.keys()) == (200, expected.keys())
    assert (shown["link"], shown["strip"]) == (expected["link"], {"url": expected["strip"]})
    assert shown["first"]["url"].startswith("data:image/png;base64,")
    assert shown["plot"] == {"type": "plotly", "plot": expected["plot"]}
    assert (shown["notes"]["visible"], shown["labels"]["visible"]) == (False, False)


def test_a_page_opens_with_the_query_of_its_address(tiny_run):
    status, opened = answer("open", {"model": tiny_run.name, "a": "3", "n": "5"})
    assert (status, opened["seed_a"], opened["frames"]) == (200, 3, 5)
    assert opened["model"] == {"__type__": "update", "choices": [[tiny_run.name] * 2], "value": tiny_run.name}
    assert opened.keys() == set(handlers.Update.__annotations__)


def test_the_link_to_the_static_page_is_shown_where_there_is_one():
    assert view_events.as_property("page_link", "") == {
        "__type__": "update",
        "value": "[Open this view in the static page]()",
        "visible": False,
    }
    shown = view_events.as_property("page_link", "https://example.org/?a=1")
    assert (shown["visible"], "(https://example.org/?a=1)" in shown["value"]) == (True, True)


def test_unchanged_texts_change_nothing(tiny_run):
    _, shown = answer("open", {"model": tiny_run.name})
    values = {name: shown[name] for name in CONTROLS if name != "labels"} | {"model": tiny_run.name, "labels": ""}
    assert answer("typed", values | {"link": shown["link"]}) == (200, None)


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 60_000, b"[]", b"3", b"null", b"{}", b'{"labels": ""}'])
@pytest.mark.parametrize("event", ["controls", "typed", "scrub"])
def test_a_body_that_is_no_event_is_a_sentence(tiny_run, event, body):
    response = asyncio.run(post(event, body))
    assert (response.status_code, b"object in JSON" in response.body) == (400, True)


def test_another_event_is_a_sentence(tiny_run):
    status, text = answer("../secret", {})
    assert (status, text.startswith("There is no event")) == (404, True)


WRONG = [None, -1, 1e300, 10**400, float("nan"), True, "", "x" * 60_000, "\ud800", [], [[1]], {"a": {}}]


@pytest.mark.parametrize("value", WRONG, ids=lambda value: ascii(value)[:20])
def test_every_wrong_value_has_an_answer(tiny_run, value):
    values = dict.fromkeys(["model", *CONTROLS, "link"], value)
    for event in view_events.EVENTS:
        assert answer(event, values)[0] == 200
    query = dict.fromkeys(["v", "model", "w", "a", "b", "n", "path", "t", "labels", "k", "loop", "d", "x"], value)
    assert answer("open", query)[0] == 200


def test_more_events_than_can_wait_are_busy(tiny_run, monkeypatch):
    gate = threading.Event()
    required: frozenset[str] = frozenset()
    monkeypatch.setitem(view_events.EVENTS, "slow", (lambda values: gate.wait(30) and None, required))
    running = int(view_events._places.total_tokens)

    async def crowd():
        calls = [asyncio.create_task(post("slow", b"{}")) for _ in range(running + MAX_EVENTS)]
        while view_events._places.statistics().tasks_waiting < MAX_EVENTS:
            await asyncio.sleep(0.01)
        refused = await post("slow", b"{}")
        gate.set()
        return refused, await asyncio.gather(*calls)

    refused, calls = asyncio.run(crowd())
    assert (refused.status_code, bytes(refused.body).decode()) == (503, BUSY)
    assert {call.status_code for call in calls} == {200}
    assert answer("slow", {}) == (200, None)


def test_notes_are_code_and_hidden_when_there_are_none():
    notes = as_notes(["![](http://192.0.2.1/x.png)`", "two\nlines"])
    assert notes["value"] == "- `![](http://192.0.2.1/x.png)`\n- `two lines`"
    assert not as_notes([])["visible"]
