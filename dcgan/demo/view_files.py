"""The files of a view by address: strip, GIF and MP4, made when a browser requests them, and never written to a disk.

An address is `view/strip.png?LINK` with the query of a share link. So it needs no session, and it stays good after a
restart.
"""

from __future__ import annotations

import mimetypes
import threading
from dataclasses import replace
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from dcgan.demo.drawing import FILE_KINDS, file_of, frames_of, load, runs_with_weights
from dcgan.demo.limits import BUSY
from dcgan.locale.language import tr, tr_marked
from dcgan.sampling.link import ShareLink, repaired
from dcgan.sampling.link_fields import shown
from dcgan.sampling.rendering import fit_link, resolve

MAX_REQUESTS = 16
"""Requests for files that are answered at one time. Further ones get "busy"."""

_places = threading.BoundedSemaphore(MAX_REQUESTS)


def address(kind: str, link: ShareLink) -> str:
    """Return the address of a file, relative to the page. `kind` is one of FILE_KINDS.

    The files are the same at every t, so that a browser that moves t does not fetch them again.
    """
    return f"view/{kind}?{replace(link, t=0.0).to_query()}"


def make_file(kind: str, link: ShareLink) -> tuple[bytes, ShareLink]:
    """Return a file of the link's view, and its link as drawn here.

    Raises FileNotFoundError where the model is not here, and ValueError where it cannot be drawn.
    """
    _, weights, _ = resolve(link, list(runs_with_weights().values()))
    if weights is None:
        raise FileNotFoundError(tr("there is no model {model} here", model=shown(link.model)))
    link, _ = fit_link(link, load(weights))
    rendering = frames_of(weights, link)
    return file_of(rendering, kind), rendering.link


async def send_file(request: Request) -> Response:
    """Answer a request for a file of a view; the query is a share link."""
    kind = request.path_params["kind"]
    if kind not in FILE_KINDS:
        sentence = tr("There is no {name} here; try {names}.", name=shown(kind), names=", ".join(FILE_KINDS))
        return PlainTextResponse(sentence, 404)
    if not _places.acquire(blocking=False):
        return PlainTextResponse(tr_marked(BUSY), 503, {"Retry-After": "1"})
    try:
        link, _ = ShareLink.from_query(repaired(dict(request.query_params)))
        data, made = await run_in_threadpool(make_file, kind, link)
    except FileNotFoundError as error:
        return PlainTextResponse(tr("{error}.", error=error), 404)
    except (OSError, ValueError) as error:
        return PlainTextResponse(tr("{error}.", error=error), 500)
    finally:
        _places.release()
    stem, suffix = f"{made.model}-{made.seed_a}-{made.seed_b}-{made.digest}", kind.rpartition(".")[2]
    is_exact = (link.weights_id, link.digest) == (made.weights_id, made.digest)
    headers = {
        "Content-Disposition": f"inline; filename*=utf-8''{quote(f'{stem}.{suffix}')}",
        "Cache-Control": "max-age=3600" if is_exact else "no-cache",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(data, headers=headers, media_type=mimetypes.guess_type(kind)[0])


ROUTES = [Route("/view/{kind}", send_file, methods=["GET"])]
