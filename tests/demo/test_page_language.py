"""The language of the demo: found in a request, written into the page, and carried by links only if it was chosen."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from demo.test_layout import output_of
from starlette.responses import HTMLResponse, JSONResponse
from starlette.types import Scope
from translations import extracted, mo_bytes

from dcgan.demo import handlers, view_events
from dcgan.demo.page_texts import later, now
from dcgan.demo.visitor_language import (
    VisitorLanguage,
    chosen_language,
    language_links,
    language_of,
    language_of_call,
)
from dcgan.locale.language import language, speaking, tr


def scope(query: str = "", accepted: str = "", path: str = "/") -> Scope:
    headers = [(b"accept-language", accepted.encode())] if accepted else []
    return {"type": "http", "method": "GET", "path": path, "query_string": query.encode(), "headers": headers}


@pytest.mark.parametrize(
    ("query", "accepted", "expected"),
    [
        ("", "", ("en", "")),
        ("", "vi-VN,vi;q=0.9", ("vi", "")),
        ("lang=zh&a=7", "vi", ("zh", "zh")),
        ("a=7&amp;lang=zh).", "vi", ("zh", "zh")),
        ("lang=en", "vi", ("en", "en")),
        ("lang=xx", "vi", ("vi", "")),
        ("lang=%ff&lang=" + "x" * 10_000, "", ("en", "")),
    ],
)
def test_the_address_chooses_the_language_before_the_browser(query, accepted, expected):
    assert language_of(scope(query, accepted)) == expected


def test_a_program_that_sends_no_language_gets_english():
    assert language_of_call(None) == language_of_call(scope()) == "en"
    assert language_of_call(scope("lang=vi")) == "vi"


def answer(app, request: Scope) -> tuple[dict[str, str], bytes]:
    """Return the headers and the body with which the app answers."""
    sent = []

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(message)

    asyncio.run(VisitorLanguage(app)(request, receive, send))
    headers = {key.decode(): value.decode() for key, value in sent[0]["headers"]}
    return headers, b"".join(message.get("body", b"") for message in sent[1:])


def test_the_page_has_the_language_for_itself_and_for_gradio():
    async def app(scope, receive, send):
        await HTMLResponse(f'<html lang="en"><head></head><body>{language()}</body></html>')(scope, receive, send)

    headers, page = answer(app, scope("lang=zh"))
    assert page.startswith(b'<html lang="zh-CN"><head><script>')
    assert (page.count(b'"zh-CN"'), b"<body>zh</body>" in page) == (3, True)
    assert (int(headers["content-length"]), headers["vary"]) == (len(page), "Accept-Language")


def test_other_answers_pass_in_the_language_of_the_request():
    async def app(scope, receive, send):
        await JSONResponse([language(), chosen_language()])(scope, receive, send)

    assert json.loads(answer(app, scope("lang=vi", path="/config"))[1]) == ["vi", "vi"]
    assert json.loads(answer(app, scope("", "vi"))[1]) == ["vi", ""]
    assert (language(), chosen_language()) == ("en", "")


def test_a_link_carries_the_language_only_if_it_was_chosen(tiny_run):
    async def app(scope, receive, send):
        data = view_events._answer(handlers.open_page, {"model": tiny_run.name})
        await JSONResponse(json.loads(data)["link"])(scope, receive, send)

    chosen, other = (json.loads(answer(app, scope(query, "zh"))[1]) for query in ("lang=vi", ""))
    assert chosen == f"{other}&lang=vi"


def test_the_scripts_of_a_page_ask_in_its_language():
    async def app(scope, receive, send):
        script = view_events.on_page("open", "open", [], ["notes"])
        await JSONResponse('"view/open?lang=vi"' in script)(scope, receive, send)

    assert json.loads(answer(app, scope("lang=vi"))[1]) is True
    assert json.loads(answer(app, scope("", "vi"))[1]) is False


def test_an_unknown_language_of_the_address_is_a_note(tiny_run):
    query = {"model": tiny_run.name, "a": "3"}
    notes = handlers.open_page(query).get("notes", [])
    assert handlers.open_page(query | {"lang": "vi"}).get("notes") == notes
    (note,) = [text for text in handlers.open_page(query | {"lang": "xx"}).get("notes", []) if text not in notes]
    assert note.startswith("lang='xx' ")


def test_the_switch_marks_the_language_of_the_page():
    with speaking("vi"):
        links = language_links()
    assert links.count("<a ") == 3
    assert links.count('aria-current="true"') == 1
    assert '<a href="?lang=vi" lang="vi"' in links


PSEUDO = "xx"

TEXTS = """
import json
from dcgan.demo.layout import build
from dcgan.locale.language import speaking
page = build()
english = page.config
with speaking("xx"):
    config = page.config
assert english["title"] in config["title"] != english["title"]
for before, after in zip(english["components"], config["components"], strict=True):
    for name in ("label", "info", "placeholder", "alt_text", "value"):
        text = before["props"].get(name)
        if before["type"] != "api" and isinstance(text, str) and text:
            print(json.dumps([before["type"], name, text, after["props"][name]]))
"""


@pytest.fixture
def pseudo_language(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Add a language in which each text is framed."""
    catalog = Catalog(locale="pl")
    for message in extracted():
        if message.id:
            framed = tuple(f"⟦{text}⟧" for text in message.id) if isinstance(message.id, tuple) else f"⟦{message.id}⟧"
            catalog.add(message.id, framed)
    path = tmp_path / PSEUDO / "LC_MESSAGES" / "dcgan.mo"
    path.parent.mkdir(parents=True)
    path.write_bytes(mo_bytes(catalog))
    monkeypatch.setenv("DCGAN_LOCALE", str(tmp_path))
    return PSEUDO


@pytest.mark.slow
def test_every_text_of_the_page_is_translated_and_no_value_is(tiny_run, pseudo_language):
    lines = [line for line in output_of(TEXTS).splitlines() if line.startswith("[")]
    for kind, name, before, after in map(json.loads, lines):
        is_value = before in ("A", "5, 57, 21") or (name == "value" and kind not in ("markdown", "button"))
        if kind != "html":
            assert (after == before) if is_value else after.startswith("⟦"), (kind, name, before)
    assert len(lines) > 40


def test_a_text_with_values_is_made_again_for_each_visitor():
    text = later(lambda: tr("After B, at most {most}.", most=language()))
    assert text == "After B, at most en."
    with speaking("vi"):
        assert "vi" in now(text)
    assert now(7) == 7
