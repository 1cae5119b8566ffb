"""The part of the demo in which a visitor draws, and the endpoint for programs: without a server."""

from __future__ import annotations

import asyncio
import base64
import io
import json
from collections.abc import Mapping
from typing import Any

import gradio as gr
import httpx
import numpy as np
import pytest
from PIL import Image
from recorded import CONDITIONAL, TINY, record_run
from starlette.applications import Starlette

from dcgan.checkpoint import load_generator
from dcgan.demo import own_image
from dcgan.demo.endpoints import nearest
from dcgan.demo.limits import BoundedRequests
from dcgan.demo.own_image import find, find_chosen, find_drawn, find_test, use_as_a, use_as_b
from dcgan.demo.view_events import EVENTS
from dcgan.sampling import nearest_image, projection
from dcgan.sampling.link import ShareLink
from dcgan.sampling.link_fields import halves_of
from dcgan.sampling.nearest_image import find_nearest, picture_target


@pytest.fixture(autouse=True)
def few_steps(monkeypatch):
    """Searches that take a moment."""
    for name, value in {"NUM_SEEDS": 32, "NUM_STARTS": 2, "ADAM_STEPS": 4, "NEWTON_STEPS": 3}.items():
        monkeypatch.setattr(projection, name, value)


def png(mode: str = "L", size: tuple[int, int] = (256, 256)) -> bytes:
    """Return a drawing of one stroke, as a file."""
    picture = Image.new(mode, size)
    picture.paste("white", (size[0] // 2, size[1] // 5, size[0] // 2 + 20, size[1] * 4 // 5))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def address(data: bytes) -> str:
    """Return a picture as its own address."""
    return f"data:image/png;base64,{base64.b64encode(data).decode()}"


def paper(data: bytes) -> dict[str, Any]:
    """Return what a sketchpad sends."""
    return {"background": None, "layers": [], "composite": {"path": address(data)}}


def test_a_drawing_has_a_nearest_image(tiny_run):
    generator = load_generator(tiny_run.path)
    shown = find_drawn({"model": tiny_run.name, "paper": paper(png())})
    expected = find_nearest(generator, picture_target(png(), generator)[0])
    assert shown["nearest"] is not None
    assert np.array_equal(shown["nearest"][::8, ::8], expected.image_u8[0])
    assert halves_of(shown["found_z"]) == pytest.approx(expected.projection.z.tolist(), abs=1e-2)
    assert str(shown["search"]).startswith("data:image/gif;base64,")
    assert shown["own_notes"] == []
    assert find_chosen({"model": tiny_run.name, "picture": address(png())})["found_z"] == shown["found_z"]


def test_a_test_image_has_a_nearest_image(tiny_run):
    shown = find_test({"model": tiny_run.name, "number": 3})
    assert shown["nearest"] is not None
    assert "9,999" in find_test({"model": tiny_run.name, "number": 10**12})["own_notes"][0]


@pytest.mark.parametrize(
    "values",
    [
        *({}, {"paper": 5}, {"paper": {"composite": 5}}, {"paper": {"composite": {"path": ["x"]}}}),
        {"paper": {"composite": {"path": "/etc/passwd"}}},
        {"paper": {"composite": {"path": "http://192.0.2.1/x.png"}}},
        {"paper": paper(b"no picture")},
    ],
    ids=str,
)
def test_what_is_no_drawing_is_a_note(tiny_run, values):
    shown = find_drawn({"model": tiny_run.name, **values})
    assert len(shown["own_notes"]) == 1
    assert (shown["nearest"], shown["found_z"]) == (None, "")


@pytest.mark.parametrize("number", ["x", [1], {}, float("nan"), float("inf"), -5, True, 10**400])
def test_numbers_of_any_type_are_a_note_or_the_nearest_one(tiny_run, number):
    shown = find_test({"model": tiny_run.name, "number": number})
    assert shown["nearest"] is not None or len(shown["own_notes"]) == 1


def test_the_vector_becomes_an_end_of_the_path(tiny_run):
    found = find_drawn({"model": tiny_run.name, "paper": paper(png())})
    values = {"model": tiny_run.name, "seed_a": 3, "seed_b": 5, "frames": 4, "link": "", **found}
    for use, key, other in ((use_as_a, "z_a", "z_b"), (use_as_b, "z_b", "z_a")):
        shown = use(values)
        assert shown is not None
        link = linked(shown)
        assert (getattr(link, key), getattr(link, other)) == (found["found_z"], "")
        assert (link.seed_a, link.seed_b, link.frames) == (3, 5, 4)
    first, last = use_as_a(values), use_as_b(values)
    assert first is not None
    assert last is not None
    both = use_as_b(values | {"link": dict(first)["link"]})
    assert both is not None
    assert linked(both).z_a == linked(both).z_b == found["found_z"]


def linked(shown: Mapping[str, Any]) -> ShareLink:
    """Return the link of an update."""
    from urllib.parse import parse_qsl

    link, notes = ShareLink.from_query(dict(parse_qsl(shown["link"].removeprefix("?"))))
    assert notes == []
    return link


def test_the_ends_have_the_labels_that_were_searched(runs_root):
    run = record_run(runs_root, CONDITIONAL)
    found = find_drawn({"model": run.name, "paper": paper(png()), "among": "2"})
    assert found["found_label"] == "2"
    values = {"model": run.name, "frames": 4, "link": "", **found}
    shown = use_as_b(values | {"labels": "1"})
    assert shown is not None
    assert linked(shown).labels == (1, 2)
    shown = use_as_a(values | {"labels": "0, 1, 0"})
    assert shown is not None
    assert linked(shown).labels == (2, 1, 0)


@pytest.mark.parametrize("z", ["", None, 5, "x", "A" * 5000, "_____w"])
def test_what_is_no_vector_changes_nothing(tiny_run, z):
    assert use_as_a({"model": tiny_run.name, "found_z": z, "link": ""}) is None


@pytest.mark.parametrize("label", [None, [], 5, "x", "9" * 50, -1])
def test_labels_of_any_type_change_no_end(tiny_run, label):
    found = find_drawn({"model": tiny_run.name, "paper": paper(png())})
    shown = use_as_a({"model": tiny_run.name, "link": "", **found, "found_label": label})
    assert shown is not None
    assert linked(shown).labels == ()


def test_the_events_of_the_page_are_registered():
    assert {"find-drawn", "find-chosen", "find-test", "use-a", "use-b"} < set(EVENTS)


# The endpoint


def test_the_endpoint_answers_with_a_vector_and_a_link(tiny_run):
    answer = nearest(tiny_run.name, address(png()))
    assert halves_of(answer["z"]) is not None
    link, notes = ShareLink.from_query(dict(httpx.QueryParams(answer["link"].removeprefix("?"))))
    assert notes == []
    assert (link.z_a, link.weights_id) == (answer["z"], answer["weights_id"])
    with Image.open(io.BytesIO(base64.b64decode(answer["nearest_png"]))) as image:
        assert image.size == (28, 28)
    assert json.dumps(answer)
    assert answer["label"] is None


@pytest.mark.parametrize(
    "bad",
    [
        *({"picture": 5}, {"picture": ["x"]}, {"picture": "x"}, {}, {"number": "x"}, {"number": [1]}),
        {"picture": "data:image/png;base64,QQ=="},
        {"picture": address(png()).replace("png;", "png")},
    ],
    ids=str,
)
def test_bad_calls_are_an_error_of_one_sentence(tiny_run, bad):
    with pytest.raises(gr.Error, match=r"\w+ \w+.*\."):
        nearest(tiny_run.name, **bad)


def test_the_endpoint_names_what_it_changed(tiny_run):
    answer = nearest("nobody", address(png()), "3")
    assert answer["model"] == tiny_run.name
    assert any("takes no labels" in note for note in answer["notes"])
    assert any("'nobody'" in note for note in answer["notes"])


def test_a_search_is_made_once(tiny_run, monkeypatch):
    first = find(tiny_run.name, picture=address(png()))
    monkeypatch.setattr(nearest_image, "find_nearest", lambda *_, **__: pytest.fail("searched again"))
    assert find(tiny_run.name, picture=address(png())).z == first.z
    assert own_image.MAX_NUMBER > 10_000


# Drawings in the middle of the page


def post(path: str, files: list[tuple[str, bytes]]) -> httpx.Response:
    """Return the answer to an upload of these files."""

    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(app=BoundedRequests(Starlette()))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.post(path, files=[("files", (name, data, "image/png")) for name, data in files])

    return asyncio.run(send())


def test_an_uploaded_drawing_comes_back_and_stays_nowhere():
    answer = post("/gradio_api/upload", [("composite.png", png())])
    assert (answer.status_code, answer.json()) == (200, [address(png())])


@pytest.mark.parametrize("files", [[("x.png", b"GIF89a")], [("x.html", b"<script>")], []])
def test_other_uploads_are_refused(files):
    assert post("/gradio_api/upload", files).status_code == 403


def test_large_uploads_are_refused():
    assert post("/gradio_api/upload", [("x.png", png() + b"\0" * 2**17)]).status_code == 413


def test_a_colored_model_takes_a_drawing(runs_root):
    from dataclasses import replace

    run = record_run(runs_root, replace(TINY, model=replace(TINY.model, channels=3)))
    shown = find_drawn({"model": run.name, "paper": paper(png("RGB"))})
    assert shown["nearest"] is not None
    assert shown["nearest"].shape[2] == 3
