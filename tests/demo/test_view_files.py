"""The files of a view by address: the same bytes as the render, bounded, a sentence where there is none."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from urllib.parse import urlsplit

import pytest
from starlette.requests import Request

from dcgan.checkpoint import load_generator
from dcgan.demo import view_files
from dcgan.demo.view_files import address, send_file
from dcgan.sampling.link import ShareLink
from dcgan.sampling.rendering import Rendering, render


def get(address: str):
    """Return the response to a browser's request for an address relative to the page."""
    parts = urlsplit(address)
    kind = parts.path.removeprefix("view/")
    scope = {"type": "http", "method": "GET", "query_string": parts.query.encode(), "path_params": {"kind": kind}}
    return asyncio.run(send_file(Request(scope | {"headers": [], "path": f"/{parts.path}"})))


@pytest.fixture
def made(tiny_run) -> ShareLink:
    link = ShareLink(model=tiny_run.name, seed_a=3, seed_b=5, frames=6, loop=True)
    return render(link, load_generator(tiny_run.path)).link


def test_a_file_has_the_bytes_of_the_render(tiny_run, made):
    expected = render(made, load_generator(tiny_run.path))
    for kind, data in (("strip.png", expected.strip_png), ("animation.gif", expected.gif)):
        response = get(address(kind, replace(made, t=0.5)))
        assert (response.status_code, response.body) == (200, data)
        assert response.headers["content-type"] == {"strip.png": "image/png"}.get(kind, "image/gif")
        suffix = kind.partition(".")[2]
        assert response.headers["content-disposition"].endswith(f"{made.model}-3-5-{made.digest}.{suffix}")
        assert response.headers["cache-control"] == "max-age=3600"


def test_a_file_is_made_once(tiny_run, monkeypatch):
    gif, made = Rendering.gif, []
    monkeypatch.setattr(Rendering, "gif", property(lambda self: (made.append(self), gif.func(self))[1]))
    link = ShareLink(model=tiny_run.name, seed_a=92, seed_b=93, frames=5)
    answers = [get(address("animation.gif", replace(link, t=t))).body for t in (0.0, 0.0, 0.5)]
    assert answers[0][:6] == b"GIF89a"
    assert (len(set(answers)), len(made)) == (1, 1)


def test_a_browser_keeps_a_file_only_for_the_pixels_of_its_link(made):
    for link in (replace(made, digest="0" * 12), replace(made, weights_id="", digest="")):
        response = get(address("strip.png", link))
        assert (response.status_code, response.headers["cache-control"]) == (200, "no-cache")


@pytest.mark.parametrize("path", ["view/strip.gif", "view/..%2Fsecret", "view/strip.png?model=nobody"])
def test_what_is_not_there_is_a_sentence(tiny_run, path):
    response = get(path)
    assert response.status_code == 404
    assert response.body.startswith(b"There is no " if "?" not in path else b"there is no model 'nobody'")


def test_a_damaged_checkpoint_is_a_sentence_that_names_it(tiny_run, made):
    tiny_run.generator_path.write_bytes(b"")
    response = get(address("strip.png", replace(made, weights_id="")))
    assert response.status_code == 500
    assert b"generator.safetensors" in response.body


def test_more_requests_than_can_be_answered_are_busy(made, monkeypatch):
    assert get(address("strip.png", made)).status_code == 200
    places = [view_files._places.acquire(blocking=False) for _ in range(view_files.MAX_REQUESTS)]
    assert all(places)
    try:
        response = get(address("strip.png", made))
    finally:
        for _ in places:
            view_files._places.release()
    assert (response.status_code, response.body.decode()) == (503, view_files.BUSY)
    assert get(address("strip.png", made)).status_code == 200
