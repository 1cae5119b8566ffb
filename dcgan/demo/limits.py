"""What a visitor cannot exceed: large requests, routes that nothing here uses, calls that wait, sessions."""

from __future__ import annotations

import base64
import os
from typing import Any

import gradio as gr
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dcgan.demo.page_texts import TranslatedBlocks
from dcgan.demo.visitor_language import language_of, language_of_call
from dcgan.locale.language import speaking, tr, tr_later

MAX_BODY_BYTES = 2**16
"""Of one request. The longest field of a link has 1,000 characters, and a page has a dozen fields."""

MAX_WAITING = 32
"""Calls of programs in the queue. Further ones get "Queue is full"."""

MAX_EVENTS = 128
"""Events of pages that wait. Further ones get BUSY."""

_PNG = b"\x89PNG\r\n\x1a\n"

BUSY = tr_later("The demo is busy; try again in a moment.")

MAX_SESSIONS = 500
"""Sessions that Gradio remembers, at about 0.1 MB each. A page works on after it was forgotten."""

UNUSED = ("/process_recording", "/component_server", "/deep_link")
"""Routes of Gradio that keep what a visitor sends. Nothing on this page uses them."""

UPLOAD = "/upload"
"""The route to which a sketchpad sends a drawing. It gets the drawing back, and nothing is kept: see `echoed`."""


class BoundedRequests:
    """Middleware that refuses large bodies before anything stores them, and routes that nothing here uses."""

    def __init__(self, app: ASGIApp, max_bytes: int = MAX_BODY_BYTES) -> None:
        self.app = app
        self.max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its whole body, or answer it with a sentence."""
        if scope["type"] == "http" and scope["path"].rstrip("/").endswith(UNUSED):
            await PlainTextResponse(tr("This demo takes and stores nothing."), 403)(scope, receive, send)
            return
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            await self.app(scope, receive, send)
            return
        body = await self._read(scope, receive)
        if body is None:
            sentence = tr("The request is larger than {most:,} bytes; send less.", most=self.max_bytes)
            await PlainTextResponse(sentence, 413, {"Connection": "close"})(scope, receive, send)
            return
        if scope["path"].rstrip("/").endswith(UPLOAD):
            await (await echoed(scope, body))(scope, receive, send)
            return
        messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def replay() -> Message:
            return messages.pop() if messages else await receive()

        await self.app(scope, replay, send)

    async def _read(self, scope: Scope, receive: Receive) -> bytes | None:
        """Return the body, or None where it is too large: no more than the limit is ever held."""
        length = dict(scope["headers"]).get(b"content-length", b"0")
        if not length.isdigit() or len(length) > 12 or int(length) > self.max_bytes:
            return None
        parts, size = [], 0
        while True:
            message = await receive()
            part = message.get("body", b"")
            size += len(part)
            if size > self.max_bytes:
                return None
            parts.append(part)
            if not message.get("more_body", False):
                return b"".join(parts)


async def echoed(scope: Scope, body: bytes) -> Response:
    """Return the PNG pictures of an upload as their own addresses, where Gradio would answer paths of files.

    So the page's script has the drawing, and no server stores it.
    """

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    try:
        async with Request(scope, receive).form(max_files=8, max_fields=8) as form:
            pictures = [await value.read() for _, value in form.multi_items() if isinstance(value, UploadFile)]
    except (HTTPException, MultiPartException, ValueError):
        pictures = []
    if not pictures or not all(picture.startswith(_PNG) for picture in pictures):
        return PlainTextResponse(tr("This demo takes drawings only, and stores nothing."), 403)
    return JSONResponse([f"data:image/png;base64,{base64.b64encode(picture).decode()}" for picture in pictures])


async def unreadable(request: Request, error: Exception) -> JSONResponse:
    """Answer a request that Gradio could not read at all. Its trace is in the log."""
    with speaking(language_of(request.scope)[0]):  # the request's own context has ended
        sentence = tr("The demo could not read this call; its API page shows the arguments.")
    return JSONResponse({"error": sentence}, 500)


class Demo(TranslatedBlocks):
    """Blocks that answer each failure with a sentence. Gradio would send {"error": null}."""

    def validate_inputs(self, block_fn: Any, inputs: list[Any]) -> None:
        """Raise gradio.Error for too few values."""
        if len(inputs) < len(block_fn.inputs):
            sentence = tr(
                "The call has {count} values; it takes {required}.", count=len(inputs), required=len(block_fn.inputs)
            )
            raise gr.Error(sentence, print_exception=False)
        super().validate_inputs(block_fn, inputs)

    async def process_api(self, *arguments: Any, **options: Any) -> dict[str, Any]:
        """Call the event's function. Raises gradio.Error with a sentence, whatever failed; the log has the trace.

        The queue calls without the context of the request, so the language is read from the request again.
        """
        request = getattr(options.get("request"), "request", None)
        with speaking(language_of_call(getattr(request, "scope", None))):
            try:
                return await super().process_api(*arguments, **options)
            except gr.Error:
                raise
            except Exception as error:  # whatever it is: Gradio would send null, and prints the trace of this error
                raise gr.Error(tr("The demo could not answer this call. Its log has the reason.")) from error


def queue_options() -> dict[str, Any]:
    """Return the options of gradio.Blocks.queue. Direct calls are closed, so that no call passes the queue."""
    # For a dashboard that is off, Gradio would summarize the last 10,000 events after each event.
    os.environ.setdefault("GRADIO_ANALYTICS_MAX_EVENTS", "1")
    os.environ.setdefault("GRADIO_ANALYTICS_CACHE_FREQUENCY", str(2**31))
    # Once a second, for all calls that wait: by default each answer sends a message to every other one.
    return {"max_size": MAX_WAITING, "api_open": False, "status_update_rate": 1}
