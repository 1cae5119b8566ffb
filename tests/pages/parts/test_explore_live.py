"""The view Live of the Explore page: what the server sends to the browser, and the address."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qsl

import pytest
import torch
from recorded import CONDITIONAL, TINY, record_run
from streamlit.testing.v1 import AppTest
from studio import captions, open_page, texts, warnings

from dcgan.checkpoint import load_generator, load_tensors, save_tensors, weights_id
from dcgan.config import DataConfig
from dcgan.models import browser
from dcgan.pages.parts import explore_live
from dcgan.publishing.page_bundle import bundle
from dcgan.sampling.link import ShareLink

pytestmark = pytest.mark.usefixtures("only_own_runs")

STEP = replace(TINY, model=replace(TINY.model, topology="step"))


def sent(app: AppTest) -> dict[str, dict]:
    """Return what the page sends to each of its components, by the component's name."""
    components = [component.proto for component in app.get("bidi_component")]
    return {component.component_name: json.loads(component.json) for component in components}


def weights_message(app: AppTest) -> bytes:
    """Return the element that brings the weights, as the browser gets it."""
    components = [component.proto for component in app.get("bidi_component")]
    (element,) = [proto for proto in components if proto.component_name == "dcgan_live_weights"]
    return element.SerializeToString(deterministic=True)


def link_of(app: AppTest) -> ShareLink:
    """Return the link that the view shows. It must be sound, and equal to the one that leads to the demo."""
    query = sent(app)["dcgan_live"]["link"]
    link, notes = ShareLink.from_query(dict(parse_qsl(query)))
    assert notes == []
    assert f"/?{query})" in texts(app)
    return link


def weights_file(app: AppTest, folder: Path) -> Path:
    """Write the weights that the page sends to a file."""
    path = folder / "sent.safetensors"
    path.write_bytes(base64.b64decode(sent(app)["dcgan_live_weights"]["content"]))
    return path


@pytest.mark.slow
def test_the_browser_gets_the_link_and_the_weights_in_half_precision(tiny_run, tmp_path):
    query = {"a": "3", "b": "9", "n": "6", "path": "lerp", "t": "0.25", "size": "2", "reverse": "true"}
    app = open_page("explore", view="Live", **query)
    generator = load_generator(tiny_run.path)
    assert not app.warning
    assert link_of(app) == ShareLink(1, tiny_run.name, generator.weights_id, 3, 9, 6, "lerp", 0.25)
    data = sent(app)
    assert (data["dcgan_live"]["reverse"], data["dcgan_live"]["enlarge"]) == (True, 2)
    assert data["dcgan_live_weights"]["id"] == generator.weights_id
    tensors, metadata = load_tensors(weights_file(app, tmp_path))
    original, _ = load_tensors(tiny_run.generator_path)
    assert metadata["kind"] == "generator"
    assert {name for name, value in tensors.items() if value.dtype == torch.float32} == set()
    for name, value in original.items():
        expected = value.half() if value.is_floating_point() else value
        assert torch.equal(tensors[name], expected)


@pytest.mark.slow
def test_equal_weights_of_other_latents_are_sent_each(only_own_runs):
    other = replace(TINY, model=replace(TINY.model, latent="uniform"))
    sendings = []
    for name, config in (("a", TINY), ("b", other)):
        app = open_page("explore", view="Live", run=record_run(only_own_runs, config, name).name)
        data = sent(app)
        assert data["dcgan_live"]["weights"] == data["dcgan_live_weights"]["key"]
        sendings.append(data["dcgan_live_weights"])
    assert sendings[0]["id"] == sendings[1]["id"]
    assert sendings[0]["key"] != sendings[1]["key"]


@pytest.mark.slow
def test_only_what_changed_is_sent_again(tiny_run):
    app = open_page("explore", view="Live")
    before = weights_message(app)
    app.number_input(key="a").set_value(5).run()
    assert weights_message(app) == before
    assert link_of(app).seed_a == 5


@pytest.mark.slow
def test_a_conditional_model_offers_labels(only_own_runs):
    record_run(only_own_runs, CONDITIONAL)
    app = open_page("explore", view="Live", label="2")
    assert link_of(app).labels == (2,)
    app.selectbox(key="label").select(1).run()
    assert link_of(app).labels == (1,)


@pytest.mark.slow
def test_the_static_page_has_a_link_where_there_is_one(tiny_run, monkeypatch):
    monkeypatch.setenv("DCGAN_PAGE_URL", "https://example.org/page.html")
    app = open_page("explore", view="Live", t="0.5")
    assert f"(https://example.org/page.html?{link_of(app).to_query()})" in texts(app)


@pytest.mark.slow
def test_a_snapshot_can_be_chosen(tiny_run):
    tiny_run.snapshot_path(4).unlink()
    app = open_page("explore", view="Live", step="2")
    assert app.selectbox(key="step").options == ["0", "2", "4"]
    snapshot = weights_id(load_tensors(tiny_run.snapshot_path(2))[0])
    assert link_of(app).weights_id == snapshot == sent(app)["dcgan_live_weights"]["id"]
    app.selectbox(key="step").select(4).run()
    assert link_of(app).weights_id == weights_id(load_tensors(tiny_run.generator_path)[0])
    assert not app.warning


@pytest.mark.slow
@pytest.mark.parametrize("text", ["nan", "-1", "1.5", "x", ""])
def test_a_position_that_is_not_on_the_path_is_a_warning(tiny_run, text):
    app = open_page("explore", view="Live", t=text)
    assert link_of(app).t == 0
    assert [sentence.split("=")[0] for sentence in warnings(app)] == ["t"]


@pytest.mark.slow
def test_the_address_follows_a_movement_of_the_browser():
    script = (
        "import streamlit as st\n"
        "from dcgan.pages.parts import explore_live\n"
        "st.session_state['live'] = {'moved': st.session_state.pop('movement', None)}\n"
        "explore_live.moved()\n"
        "st.text(explore_live.position())\n"
    )
    app = AppTest.from_string(script)
    for movement, position, address in [(0.375, "0.375", "0.375"), (2, "0.0", None), ("x", "0.0", None)]:
        app.session_state["movement"] = movement
        app.run()
        assert app.text[0].value == position
        assert app.query_params.get("t") == address


@pytest.mark.slow
def test_a_topology_that_the_browser_does_not_draw_has_another_view(only_own_runs):
    run = record_run(only_own_runs, STEP)
    app = open_page("explore", view="Live", a="3")
    assert not sent(app)
    assert f"cannot draw {run.name}, since its topology is step" in texts(app)
    app.button(key="live-elsewhere").click().run()
    assert not app.exception
    assert app.number_input(key="a").value == 3
    assert len(captions(app)) == 3


@pytest.mark.slow
def test_too_many_multiply_adds_have_another_view(tiny_run, monkeypatch):
    monkeypatch.setattr(browser, "MAX_MULTIPLY_ADDS", 1000)
    app = open_page("explore", view="Live")
    assert not sent(app)
    assert "multiply-adds" in texts(app)


@pytest.mark.slow
def test_weights_that_are_too_large_have_another_view(tiny_run, monkeypatch):
    explore_live.packed_weights.clear()
    monkeypatch.setattr(explore_live, "MAX_WEIGHT_BYTES", 1000)
    app = open_page("explore", view="Live")
    explore_live.packed_weights.clear()
    assert not sent(app)
    assert "MiB" in app.info[0].value


@pytest.mark.slow
@pytest.mark.parametrize("data", [None, b"", b"no weights"], ids=["missing", "empty", "damaged"])
def test_snapshots_are_shown_where_the_newest_weights_are_damaged(tiny_run, data):
    if data is None:
        tiny_run.generator_path.unlink()
    else:
        tiny_run.generator_path.write_bytes(data)
    app = open_page("explore", view="Live")
    assert "generator.safetensors" in warnings(app)[0]
    assert link_of(app).weights_id == weights_id(load_tensors(tiny_run.snapshot_path(4))[0])


@pytest.mark.slow
def test_a_run_with_only_damaged_generators_is_a_warning(tiny_run):
    for path in (tiny_run.generator_path, *map(tiny_run.snapshot_path, tiny_run.snapshot_steps())):
        path.write_bytes(b"no weights")
    app = open_page("explore", view="Live")
    assert len(warnings(app)) == 2
    assert not sent(app)


def test_weights_that_were_replaced_meanwhile_are_refused(tiny_run):
    path = str(tiny_run.generator_path)
    with pytest.raises(ValueError, match="reload"):
        explore_live.packed_weights(path, 0, "0123456789ab")


@pytest.mark.slow
def test_the_path_of_a_folder_stays_on_the_server(only_own_runs, tmp_path):
    run = record_run(only_own_runs)
    tensors, metadata = load_tensors(run.generator_path)
    metadata["config"]["data"] |= {"name": f"folder:{tmp_path}/secret/pictures"}
    save_tensors(run.generator_path, tensors, metadata)
    app = open_page("explore", view="Live")
    _, seen = load_tensors(weights_file(app, tmp_path))
    assert DataConfig(**seen["config"]["data"]).name == "folder:pictures"


def test_the_program_of_the_view_has_no_part_of_the_static_page():
    program = bundle(explore_live.WEB, explore_live.ENTRY)
    assert "dcganLive" in program
    assert "QuizView" not in program
