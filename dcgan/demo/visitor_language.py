"""The language of a request: chosen in its address (`lang=vi`), else that of the browser, else English."""

from __future__ import annotations

import json
from contextvars import ContextVar
from html import escape
from urllib.parse import parse_qsl

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dcgan.locale.language import ENGLISH, best_language, language, languages, speaking, tr, tr_later, tr_marked
from dcgan.sampling.link import LANGUAGE, repaired
from dcgan.sampling.link_fields import shown

_chosen: ContextVar[str] = ContextVar("language in the address", default="")

LOCALES = {"zh": "zh-CN"}
"""Code of a language -> its name in Gradio, where that is another one. Gradio has no Vietnamese."""

TEXTS_OF_GRADIO = (
    *(tr_later("Use via API"), tr_later("Reset to default value"), tr_later("Empty value"), tr_later("Copy")),
    *(tr_later("Fullscreen"), tr_later("Undo"), tr_later("Redo"), tr_later("Clear canvas"), tr_later("Brush")),
    *(tr_later("Erase"), tr_later("Color"), tr_later("Brush Size"), tr_later("Pan"), tr_later("Zoom in")),
    *(tr_later("Zoom out"), tr_later("Click to upload or drop files")),
)
"""What the page shows or names to a screen reader, and Gradio itself does not translate into each language."""

# Gradio takes the language of its own texts from the browser, and writes what it took into the page.
_SCRIPT = """<script>
  Object.defineProperty(navigator, 'language', {get: () => LOCALE});
  const setAttribute = document.documentElement.setAttribute.bind(document.documentElement);
  document.documentElement.setAttribute = (name, text) => setAttribute(name, name === 'lang' ? LOCALE : text);
  const texts = TEXTS;
  const translate = (element) => {
    for (const name of ['aria-label', 'title'])
      if (element.getAttribute(name) in texts) element.setAttribute(name, texts[element.getAttribute(name)]);
    for (const node of element.childNodes)
      if (node.nodeType === 3 && node.data.trim() in texts)
        node.data = node.data.replace(node.data.trim(), texts[node.data.trim()]);
  };
  const watched = {attributeFilter: ['aria-label', 'title'], childList: true, subtree: true};
  if (Object.keys(texts).length) new MutationObserver((changes) => {
    for (const {target, addedNodes} of changes) {
      translate(target);
      for (const node of addedNodes)
        if (node.nodeType === 1) [node, ...node.querySelectorAll('button, [aria-label], [title]')].forEach(translate);
    }
  }).observe(document.documentElement, watched);
</script>"""


def chosen_language() -> str:
    """Return the code in the address of this request, which links carry on; empty where nobody chose a language."""
    return _chosen.get()


def note_of_language(query: dict[str, str]) -> list[str]:
    """Return a sentence where the address names a language that is not here."""
    code = query.get(LANGUAGE, "")
    if not code or code in languages():
        return []
    return [
        tr(
            "lang={code} in the address is not a language of the studio, which has {codes}.",
            code=shown(code),
            codes=", ".join(languages()),
        )
    ]


def language_links() -> str:
    """Return the switch in HTML: a link for each language. A click keeps the view that is shown."""
    links = []
    for code, name in languages().items():
        current = ' aria-current="true" style="font-weight: 600; text-decoration: none"' if code == language() else ""
        keep = f"const q = new URLSearchParams(location.search); q.set('{LANGUAGE}', '{code}'); this.href = '?' + q"
        links.append(f'<a href="?{LANGUAGE}={code}" lang="{code}" onclick="{keep}"{current}>{escape(name)}</a>')
    # In all three, so that a visitor finds it who reads only one of them.
    label = "Language · Ngôn ngữ · 语言"
    style = "display: flex; flex-wrap: wrap; justify-content: flex-end; gap: 0 1em"
    return f'<nav aria-label="{label}" style="{style}">{"".join(links)}</nav>'


class VisitorLanguage:
    """Middleware that lets everything that answers a request speak the visitor's language."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on. A page in HTML gets the language as that of its own texts and of Gradio's."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        code, chosen = language_of(scope)
        token = _chosen.set(chosen)
        try:
            with speaking(code):
                is_page = scope["method"] == "GET" and scope["path"] == "/"
                await self.app(scope, receive, _with_language_of_page(send) if is_page else send)
        finally:
            _chosen.reset(token)


def language_of(scope: Scope) -> tuple[str, str]:
    """Return the language of a request, and the one that its address chooses, or an empty text."""
    query = repaired(dict(parse_qsl(scope.get("query_string", b"").decode("latin-1"), max_num_fields=None)))
    if (code := query.get(LANGUAGE)) in languages():
        return code, code
    return best_language(Headers(scope=scope).get("accept-language")), ""


def language_of_call(scope: Scope | None) -> str:
    """Return the language of a program's call: English for a program that sends none."""
    return ENGLISH if scope is None else language_of(scope)[0]


def _with_language_of_page(send: Send) -> Send:
    """Return a `send` that writes the language into a page in HTML."""
    held: list[Message] = []

    async def rewrite(message: Message) -> None:
        if message["type"] == "http.response.start" and _is_html(message):
            held.append(message)
            return
        if not held or message["type"] != "http.response.body":
            await send(message)
            return
        held.append(message)
        if message.get("more_body", False):
            return
        start, *parts = held
        body = in_language(b"".join(part.get("body", b"") for part in parts))
        headers = MutableHeaders(raw=list(start["headers"]))
        headers["content-length"] = str(len(body))
        headers.add_vary_header("Accept-Language")
        held.clear()
        await send({**start, "headers": headers.raw})
        await send({"type": "http.response.body", "body": body})

    return rewrite


def _is_html(start: Message) -> bool:
    return Headers(raw=start["headers"]).get("content-type", "").startswith("text/html")


def in_language(page: bytes) -> bytes:
    """Return Gradio's page in HTML with the language of this request."""
    locale = LOCALES.get(language(), language())
    texts = {text: tr_marked(text) for text in TEXTS_OF_GRADIO if tr_marked(text) != text}
    script = _SCRIPT.replace("LOCALE", json.dumps(locale)).replace("TEXTS", json.dumps(texts))
    page = page.replace(b'lang="en"', f'lang="{locale}"'.encode(), 1)
    return page.replace(b"<head>", b"<head>" + script.encode(), 1)
