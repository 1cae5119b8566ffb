"""The view "Draw an image" of the Explore page: targets, the nearest image, and ends of a walk."""

from __future__ import annotations

import base64
import io
import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from recorded import CONDITIONAL, MIXED, TINY, record_run, write_idx
from streamlit.testing.v1 import AppTest
from studio import checked, open_page, texts, warnings

from dcgan.checkpoint import load_generator
from dcgan.config import DataConfig
from dcgan.pages.parts import explore_draw
from dcgan.sampling import projection
from dcgan.sampling.link_fields import halves_of, text_of_halves
from dcgan.sampling.nearest_image import find_nearest, picture_target

pytestmark = pytest.mark.usefixtures("only_own_runs", "few_steps")

COLORED = replace(TINY, model=replace(TINY.model, channels=3))
MLP = replace(TINY, model=replace(TINY.model, topology="mlp", hidden_g=(8,), hidden_d=(8,)))
VIEW = "Draw an image"


@pytest.fixture
def few_steps(monkeypatch):
    """Searches that take a moment, and none of an earlier test."""
    explore_draw.nearest_of.clear()
    for name, value in {"NUM_SEEDS": 32, "NUM_STARTS": 2, "ADAM_STEPS": 4, "NEWTON_STEPS": 3}.items():
        monkeypatch.setattr(projection, name, value)


@pytest.fixture
def drawing() -> bytes:
    """Return a slanted stroke, as the browser's paper has it."""
    picture = np.zeros((256, 256), np.uint8)
    for row in range(40, 216):
        picture[row, 180 - row // 2 : 202 - row // 2] = 255
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG")
    return buffer.getvalue()


def address(data: bytes) -> str:
    """Return the picture as the browser sends it."""
    return f"data:image/png;base64,{base64.b64encode(data).decode()}"


def draw(app: AppTest, text: str) -> AppTest:
    """Put a picture on the paper, as the browser does when a visitor asks for the nearest image."""
    app.session_state[explore_draw._PICTURE] = text
    return checked(app.run())


def pictures(app: AppTest) -> list[str]:
    """Return the captions of the pictures; each has a text for screen readers."""
    shown = [image.proto.imgs[0] for image in app.get("image")]
    assert all(picture.alt for picture in shown)
    return [picture.caption for picture in shown]


@pytest.mark.slow
def test_the_paper_comes_first_and_says_how_to_begin(tiny_run):
    app = open_page("explore", view=VIEW)
    (paper,) = [component.proto for component in app.get("bidi_component")]
    data = json.loads(paper.json)
    assert data == {"texts": explore_draw.TEXTS, "reverse": False, "picture": "", "language": "en"}
    assert not pictures(app)
    assert not app.button


@pytest.mark.slow
@pytest.mark.parametrize("config", [TINY, MIXED, COLORED, MLP], ids=["normal", "mixture", "rgb", "mlp"])
def test_a_drawing_has_a_nearest_image_that_becomes_an_end_of_the_walk(config, only_own_runs, drawing):
    generator = load_generator(record_run(only_own_runs, config).path)
    app = draw(open_page("explore", view=VIEW), address(drawing))
    assert not app.warning
    assert len(pictures(app)) == 4
    target, _ = picture_target(drawing, generator)
    expected = find_nearest(generator, target).projection
    assert app.button(key="open-walk").disabled
    checked(app.button(key="use-zb").click().run())
    assert app.query_params["zb"] == text_of_halves([float(number) for number in expected.z])
    checked(app.button(key="open-walk").click().run())
    (sent,) = [c.proto for c in app.get("bidi_component") if c.proto.component_name == "dcgan_live"]
    assert f"zb={app.query_params['zb']}" in json.loads(sent.json)["link"]
    assert "za=" not in json.loads(sent.json)["link"]


@pytest.mark.slow
def test_the_result_is_named_by_what_the_generator_draws(tiny_run, only_own_runs, drawing):
    app = draw(open_page("explore", view=VIEW), address(drawing))
    assert explore_draw.NEAREST_DIGIT in pictures(app)
    own = record_run(only_own_runs, replace(TINY, data=DataConfig(name="folder:/nowhere")))
    app = draw(open_page("explore", view=VIEW, run=own.name), address(drawing))
    assert explore_draw.NEAREST_IMAGE in pictures(app)


@pytest.mark.slow
def test_a_conditional_model_searches_all_labels_or_one(only_own_runs, drawing):
    generator = load_generator(record_run(only_own_runs, CONDITIONAL).path)
    target, _ = picture_target(drawing, generator)
    app = draw(open_page("explore", view=VIEW), address(drawing))
    free = find_nearest(generator, target).projection
    assert f"The label is {free.label}." in texts(app)
    for label in (0, 2):
        checked(app.selectbox(key="among").select(label).run())
        assert f"The label is {label}." in texts(app)
    checked(app.button(key="use-za").click().run())
    checked(app.button(key="open-walk").click().run())
    assert app.selectbox(key="label").value == 2
    assert app.selectbox(key="labelb").value is None


@pytest.mark.slow
def test_both_ends_keep_their_labels(only_own_runs, drawing):
    record_run(only_own_runs, CONDITIONAL)
    app = draw(open_page("explore", view=VIEW, among="2"), address(drawing))
    checked(app.button(key="use-za").click().run())
    checked(app.selectbox(key="among").select(1).run())
    checked(app.button(key="use-zb").click().run())
    checked(app.button(key="open-walk").click().run())
    (sent,) = [c.proto for c in app.get("bidi_component") if c.proto.component_name == "dcgan_live"]
    assert "labels=2%2C1" in json.loads(sent.json)["link"]


@pytest.mark.slow
def test_a_topology_that_no_browser_draws_walks_in_the_time_machine(only_own_runs, drawing):
    record_run(only_own_runs, replace(TINY, model=replace(TINY.model, topology="step")))
    app = draw(open_page("explore", view=VIEW), address(drawing))
    checked(app.button(key="use-za").click().run())
    checked(app.button(key="open-walk").click().run())
    assert app.session_state["view"] == "Time machine"
    assert "A is your own image" in texts(app)


@pytest.mark.slow
def test_a_test_digit_is_a_target(only_own_runs, tmp_path):
    digits = np.random.RandomState(0).randint(0, 256, (5, 28, 28)).astype(np.uint8)
    write_idx(tmp_path, "t10k", digits, np.arange(5))
    record_run(only_own_runs, replace(TINY, data=DataConfig(root=str(tmp_path))))
    app = open_page("explore", view=VIEW, source=explore_draw.TEST, digit="3")
    assert app.number_input(key="digit").value == 3
    assert len(pictures(app)) == 4
    assert not app.warning
    checked(app.number_input(key="digit").set_value(77).run())
    assert "the nearest is 4" in texts(app)
    for text in ("nan", "-1", "10000", "1e999"):
        app = open_page("explore", view=VIEW, source=explore_draw.TEST, digit=text)
        assert [sentence.split("=")[0] for sentence in warnings(app)] == ["digit"]


@pytest.mark.slow
def test_missing_test_images_are_a_sentence(only_own_runs):
    record_run(only_own_runs, replace(TINY, data=DataConfig(name="folder:/nowhere")))
    app = open_page("explore", view=VIEW, source=explore_draw.TEST)
    assert len(warnings(app)) == 1
    assert not pictures(app)


@pytest.mark.slow
@pytest.mark.parametrize("text", ["x", "data:image/png;base64,", "data:image/png;base64,QQ==", "data:text/html,QQ=="])
def test_what_is_no_picture_is_a_sentence(tiny_run, text):
    app = draw(open_page("explore", view=VIEW), text)
    assert len(warnings(app)) == 1
    assert not pictures(app)


@pytest.mark.slow
def test_an_empty_paper_is_a_sentence(tiny_run):
    buffer = io.BytesIO()
    Image.new("L", (256, 256)).save(buffer, "PNG")
    app = draw(open_page("explore", view=VIEW), address(buffer.getvalue()))
    assert "one color" in warnings(app)[0]


@pytest.mark.slow
def test_a_picture_from_a_browser_is_kept_within_its_bound():
    script = (
        "import streamlit as st\n"
        "from dcgan.pages.parts import explore_draw\n"
        "st.session_state['paper'] = {'picture': st.session_state.pop('sent', None)}\n"
        "explore_draw.keep_picture()\n"
        "st.text(st.session_state.get(explore_draw._PICTURE))\n"
    )
    app = AppTest.from_string(script)
    for sent, kept in [("data:image/png;base64,QQ==",) * 2, (5, "data:image/png;base64,QQ=="), (None, None)]:
        app.session_state["sent"] = sent
        app.run()
        assert app.text[0].value == (kept or "data:image/png;base64,QQ==")
    app.session_state["sent"] = "A" * 2**20
    app.run()
    assert len(app.text[0].value) < 100


# Latent vectors of the address


@pytest.mark.slow
@pytest.mark.parametrize("view", ["Live", "Time machine"])
def test_another_seed_replaces_the_latent_vector(tiny_run, view):
    text = text_of_halves([0.5] * 6)
    app = open_page("explore", view=view, za=text, zb=text)
    assert "A is your own image" in texts(app)
    assert not app.warning
    checked(app.number_input(key="a").set_value(3).run())
    assert "za" not in app.query_params
    assert "A is your own image" not in texts(app)
    checked(app.button(key="zb-off").click().run())
    assert "zb" not in app.query_params


@pytest.mark.slow
@pytest.mark.parametrize("view", ["Live", "Time machine"])
@pytest.mark.parametrize(
    "text", ["x", "AAAB", "_____w", "\0", "A" * 2000, text_of_halves([1.0]), "%%%"], ids=lambda text: text[:6]
)
def test_damaged_latent_vectors_are_a_warning(tiny_run, view, text):
    app = open_page("explore", view=view, za=text)
    (sentence,) = set(warnings(app))
    assert sentence.startswith("za")
    assert sentence.endswith("seed is used.") == (halves_of(text) is not None)


@pytest.mark.slow
def test_the_time_machine_draws_the_latent_vector(tiny_run, drawn):
    z = np.linspace(-1, 1, 6).astype(np.float16).astype(np.float32)
    app = open_page("explore", view="Time machine", za=text_of_halves(z.tolist()), n="4", size="1")
    assert not app.warning
    generator = load_generator(tiny_run.snapshot_path(0))
    from dcgan import pixels

    assert np.array_equal(drawn[0][:, :28], pixels.to_uint8(generator(z[None]).numpy())[0, 0])
