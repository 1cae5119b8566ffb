"""The view Time machine of the Explore page."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import parse_qsl, urlsplit

import numpy as np
import pytest
from recorded import CONDITIONAL, record_run
from streamlit.testing.v1 import AppTest
from studio import captions, open_page, warnings

from dcgan.checkpoint import load_generator, load_tensors, weights_id
from dcgan.sampling.link import ShareLink
from dcgan.sampling.rendering import path_strip

pytestmark = pytest.mark.usefixtures("only_own_runs")


def links(app: AppTest) -> list[ShareLink]:
    """Return the links of the rows, equal in the picture and in its caption."""
    rows = []
    for image in app.get("image"):
        address = image.proto.link
        assert f"({address})" in image.proto.imgs[0].caption
        assert urlsplit(address)[:3] == ("http", "localhost:7860", "/")
        link, notes = ShareLink.from_query(dict(parse_qsl(urlsplit(address).query)))
        assert notes == []
        rows.append(link)
    return rows


@pytest.mark.slow
def test_every_snapshot_is_a_row_that_leads_to_the_demo(tiny_run, drawn):
    app = open_page("explore", view="Time machine", a="3", b="9", n="6", path="lerp", size="1")
    rows = [caption.split(" · ")[0] for caption in captions(app)]
    assert rows == ["epoch 0 (step 0)", "epoch 1 (step 2)", "epoch 2 (step 4)"]
    generators = [load_generator(tiny_run.snapshot_path(step)) for step in (0, 2, 4)]
    for picture, generator in zip(drawn, generators, strict=True):
        assert np.array_equal(picture, path_strip(ShareLink(seed_a=3, seed_b=9, frames=6, path="lerp"), generator))
    assert links(app) == [
        ShareLink(1, tiny_run.name, generator.weights_id, 3, 9, 6, "lerp") for generator in generators
    ]


@pytest.mark.slow
def test_the_newest_weights_are_the_last_row_of_a_running_training(tiny_run):
    tiny_run.snapshot_path(4).unlink()
    last = links(open_page("explore", view="Time machine"))[-1]
    assert last.weights_id == weights_id(load_tensors(tiny_run.generator_path)[0])


@pytest.mark.slow
def test_a_conditional_path_keeps_one_label(only_own_runs, drawn):
    run = record_run(only_own_runs, CONDITIONAL)
    drawn.clear()
    app = open_page("explore", view="Time machine", size="1", label="2")
    generator = load_generator(run.snapshot_path(0))
    assert np.array_equal(drawn[0], path_strip(ShareLink(frames=10, labels=(2,)), generator))
    assert [link.labels for link in links(app)] == [(2,)] * 3


@pytest.mark.slow
def test_a_run_without_snapshots_shows_its_weights(tiny_run):
    for step in tiny_run.snapshot_steps():
        tiny_run.snapshot_path(step).unlink()
    app = open_page("explore", view="Time machine")
    (info,) = app.info
    assert tiny_run.name in info.value
    assert len(captions(app)) == 1


@pytest.mark.slow
def test_the_demo_can_be_elsewhere(tiny_run, monkeypatch):
    monkeypatch.setenv("DCGAN_DEMO_URL", "https://example.org/demo")
    image = open_page("explore", view="Time machine").get("image")[0]
    assert image.proto.link.startswith("https://example.org/demo?v=1&model=")


@pytest.mark.slow
def test_rows_lead_to_the_static_page_where_one_is_set(tiny_run, monkeypatch):
    monkeypatch.setenv("DCGAN_PAGE_URL", "https://example.org/page")
    monkeypatch.setenv("SPACE_ID", "someone/space")
    for caption in captions(open_page("explore", view="Time machine")):
        assert "(https://example.org/page?v=1&model=" in caption


@pytest.mark.slow
def test_in_a_space_without_a_demo_rows_have_no_link(tiny_run, monkeypatch):
    monkeypatch.setenv("SPACE_ID", "someone/space")
    app = open_page("explore", view="Time machine")
    assert captions(app) == ["epoch 0 (step 0)", "epoch 1 (step 2)", "epoch 2 (step 4)"]
    assert not any(image.proto.link for image in app.get("image"))


def test_a_damaged_snapshot_is_a_warning_among_the_rows(tiny_run):
    tiny_run.snapshot_path(2).write_bytes(b"no weights")
    app = open_page("explore", view="Time machine")
    assert "0000002.safetensors" in warnings(app)[0]
    assert [caption.split(" · ")[0] for caption in captions(app)] == ["epoch 0 (step 0)", "epoch 2 (step 4)"]


def test_a_run_with_only_damaged_generators_is_a_warning(tiny_run):
    for path in (tiny_run.generator_path, *map(tiny_run.snapshot_path, tiny_run.snapshot_steps())):
        path.write_bytes(b"no weights")
    app = open_page("explore", view="Time machine")
    *damaged, last = warnings(app)
    assert len(damaged) == 4
    assert tiny_run.name in last
    assert not captions(app)


@pytest.mark.slow
def test_a_killed_run_is_explored_like_any_other(tiny_run):
    tiny_run.write_status(replace(tiny_run.status(), state="running", step=3))
    assert len(captions(open_page("explore", view="Time machine"))) == 3
