"""The Explore page: the choice of a run, damaged runs, and addresses."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from recorded import TINY, record_run
from streamlit.testing.v1 import AppTest
from studio import captions, checked, choices, open_page, warnings

from dcgan import files
from dcgan.checkpoint import load_generator, load_tensors, save_tensors
from dcgan.locale.language import speaking
from dcgan.sampling import exploration

PAGE = str(files.PROJECT / "dcgan" / "pages" / "explore.py")

pytestmark = pytest.mark.usefixtures("only_own_runs")


VIEWS = ("Samples", "Time machine", "Vector arithmetic")
"""The views that the server draws."""
DRAWING_VIEWS = (*VIEWS, "Live")
ALL_VIEWS = (*DRAWING_VIEWS, "What D tells G", "Draw an image", "Inside the generator", "Named sliders")


@pytest.mark.slow
def test_without_runs_the_page_names_the_command():
    app = open_page("explore")
    (info,) = app.info
    assert "python -m dcgan train" in info.value
    assert not choices(app)


@pytest.mark.slow
def test_runs_without_weights_are_no_choice(tiny_run):
    tiny_run.generator_path.unlink()
    for step in tiny_run.snapshot_steps():
        tiny_run.snapshot_path(step).unlink()
    app = open_page("explore")
    assert "1 runs" in app.info[0].value
    assert not choices(app)
    other = record_run(tiny_run.path.parent, replace(TINY, seed=1))
    app = open_page("explore", run=tiny_run.name)
    assert app.selectbox(key="run").options == [other.name]
    assert warnings(app) == [f"run='{tiny_run.name}' in the address cannot be shown; {other.name} is used instead."]


@pytest.mark.slow
def test_the_moving_average_is_shown_where_there_is_one(only_own_runs):
    run = record_run(only_own_runs, ema=True)
    expected = load_generator(run.ema_path).weights_id
    assert expected in open_page("explore").caption[0].value


@pytest.mark.slow
@pytest.mark.parametrize("view", ALL_VIEWS)
@pytest.mark.parametrize("data", [None, b"", b"no weights"], ids=["missing", "empty", "damaged"])
def test_damaged_weights_are_a_warning(tiny_run, view, data):
    if data is None:
        tiny_run.generator_path.unlink()
    else:
        tiny_run.generator_path.write_bytes(data)
    app = open_page("explore", view=view)
    assert "generator.safetensors" in warnings(app)[0]
    assert len(captions(app)) == (3 if view == "Time machine" else 0)  # the snapshots are sound


@pytest.mark.slow
@pytest.mark.parametrize("view", VIEWS)
def test_weights_that_diverged_are_a_warning(tiny_run, view):
    tensors, metadata = load_tensors(tiny_run.generator_path)
    broken = {name: value * float("nan") if value.is_floating_point() else value for name, value in tensors.items()}
    save_tensors(tiny_run.generator_path, broken, metadata)
    tiny_run.snapshot_path(4).unlink()
    app = open_page("explore", view=view)
    assert any("non-finite" in sentence for sentence in warnings(app))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["config.json", "status.json", "progress.jsonl"])
@pytest.mark.parametrize("text", ["{", '{"state": "running"}', '{"config": {"format": 99}}'])
@pytest.mark.parametrize("view", DRAWING_VIEWS)
def test_weights_need_no_other_file_of_the_run(tiny_run, name, text, view):
    (tiny_run.path / name).write_text(text)
    app = open_page("explore", view=view)
    assert not app.warning
    assert captions(app) or app.get("bidi_component")


@pytest.mark.slow
def test_weights_that_a_training_replaces_are_read_again(tiny_run, drawn):
    app = open_page("explore", size="1", seeds="0-8")
    other = record_run(tiny_run.path.parent, replace(TINY, seed=1))
    tiny_run.generator_path.unlink()
    other.generator_path.rename(tiny_run.generator_path)
    app.run()
    assert np.array_equal(drawn[-1], exploration.sheet(load_generator(tiny_run.path), range(9)))
    assert not np.array_equal(drawn[0], drawn[-1])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("view", "query"), [("Time machine", {"n": "24"}), ("Vector arithmetic", {"va": "0-15"}), ("Samples", {})]
)
def test_every_view_keeps_within_the_pixels_that_a_page_can_draw(tiny_run, drawn, monkeypatch, view, query):
    monkeypatch.setattr(exploration, "MAX_PIXELS", 300_000)
    app = open_page("explore", view=view, size="8", **query)
    assert "zoom 8" in warnings(app)[0]
    assert 0 < sum(picture.size for picture in drawn) <= 300_000


@pytest.mark.slow
def test_the_default_replaces_a_refused_value_with_a_warning(tiny_run):
    app = open_page(
        "explore", run="../../etc", size="99", psi="nan", reverse="maybe", first="-3", count="x", view="None"
    )
    keys = sorted(sentence.split("=")[0] for sentence in warnings(app))
    assert keys == ["count", "first", "psi", "reverse", "run", "size", "view"]
    assert captions(app) == [f"{tiny_run.name}, seeds 0-63, psi 1"]
    app.run()
    assert not app.warning  # shown once


@pytest.mark.slow
@pytest.mark.parametrize(("key", "view"), [("first", "Samples"), ("size", "Samples"), ("a", "Time machine")])
@pytest.mark.parametrize("text", ["inf", "-1e999", "9" * 400])
def test_infinite_numbers_are_no_error(tiny_run, key, view, text):
    app = open_page("explore", view=view, **{key: text})
    (sentence,) = warnings(app)
    assert sentence.startswith(f"{key}=")
    assert captions(app)


@pytest.mark.slow
def test_unknown_keys_are_a_warning(tiny_run):
    app = open_page("explore", run=tiny_run.name, labels="7", seed="5", a="3")
    (warning,) = warnings(app)
    assert warning == "This page does not use 'labels', 'seed' of the address."
    app.run()
    assert not app.warning


@pytest.mark.slow
def test_defaults_in_the_address_give_no_warning(tiny_run):
    app = open_page(
        "explore", run=tiny_run.name, size="3", psi="1.0", reverse="false", first="0", count="64", view="Samples"
    )
    assert not app.warning


@pytest.mark.slow
@pytest.mark.parametrize("view", ALL_VIEWS)
def test_noise_in_the_address_is_no_error(tiny_run, view):
    noise = [
        "\0",
        "'\"><script>",
        "9" * 400,
        "-1",
        "NaN",
        "[x](http://192.0.2.1)",
        "漢",
        "",
        "1,2,3",
        "inf",
        "-1e308",
    ]
    keys = ["run", "size", "reverse", "first", "count", "seeds", "psi", "labels", "cross", "a", "b", "n", "path"]
    keys += ["t", "step", "label", "va", "vb", "vc", "unknown", "explored", "za", "zb", "labelb", "nearest", "by"]
    keys += [
        "start",
        "advice",
        "steps",
        "one",
        "layer",
        "order",
        "off",
        "inputs",
        "kernel",
        "stride",
        "padding",
        "row",
    ]
    keys += ["column", "source", "digit", "among", "origin", "slant", "width", "unnamed1", "hide", "tour"]
    for shift in range(len(noise)):
        query = {key: noise[(index + shift) % len(noise)] for index, key in enumerate(keys)}
        app = open_page("explore", view=view, **query)
        assert not any("[x](" in warning.value for warning in app.warning)


@pytest.mark.slow
def test_the_page_imports_no_torch_before_it_draws():
    code = (
        "import sys; from streamlit.testing.v1 import AppTest; "
        f"app = AppTest.from_file({PAGE!r}, default_timeout=30).run(); "
        "sys.exit(bool(app.exception) or 'torch' in sys.modules)"
    )
    environment = {"DCGAN_RUNS": "/nonexistent", "PATH": "/usr/bin"}
    assert run_python(code, environment) == 0


def run_python(code: str, environment: dict[str, str]) -> int:
    """Return the exit code of the code in an interpreter of its own, without published models."""
    code = f"import dcgan.files, pathlib; dcgan.files.CHECKPOINTS = pathlib.Path('/nonexistent'); {code}"
    process = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], env=environment, capture_output=True, text=True
    )
    assert process.returncode in (0, 1), process.stderr
    return process.returncode


def test_an_address_that_changed_on_its_way_opens_the_same_view(tiny_run):
    app = open_page("explore", **{"run": tiny_run.name, "amp;reverse": "true", "utm_source": "mail", "size": "2)."})
    assert warnings(app) == []
    assert (app.slider(key="size").value, app.toggle(key="reverse").value) == (2, True)


@pytest.mark.slow
def test_the_address_keeps_english_views_in_other_languages(tiny_run, polish):
    app = open_page("explore", lang=polish, view="live")
    assert app.session_state["view"] == "Na żywo"
    assert (warnings(app), app.query_params["view"]) == ([], "Live")
    app.session_state["view"] = "Samples"  # as a button opens a view
    checked(app.run())
    assert (app.session_state["view"], "view" in app.query_params) == ("Próbki", False)


@pytest.mark.slow
def test_another_language_keeps_the_view_and_its_choices(tiny_run, polish):
    view, layer = "Inside the generator", "4 maps of 7x7"
    app = open_page("explore", view=view, order="number", layer=layer)
    switch_language(app, "en", polish)
    assert [app.query_params[key] for key in ("view", "order", "layer")] == [view, "number", layer]
    assert (app.selectbox(key="order").value, app.selectbox(key="layer").value) == ("number", layer)
    assert "Na żywo" in [tab.label for tab in app.tabs]
    assert "numer" in app.selectbox(key="order").options
    assert "map 4x4: 8" in app.selectbox(key="layer").options
    switch_language(app, polish, "en")
    assert [app.query_params[key] for key in ("view", "order", "layer")] == [view, "number", layer]
    assert app.selectbox(key="layer").options[0] == "8 maps of 4x4"


def switch_language(app: AppTest, before: str, after: str) -> None:
    """Choose a language in the sidebar. The test's browser still has the texts of the language before."""
    with speaking(before):
        checked(app.sidebar.selectbox("language-switch").set_value(after).run())


@pytest.mark.slow
@pytest.mark.parametrize("name", ["Draw a digit", "draw a digit"])
def test_a_view_opens_by_its_earlier_name_too(tiny_run, name):
    app = open_page("explore", view=name)
    assert app.session_state["view"] == "Draw an image"
    assert app.query_params["view"] == "Draw an image"
    assert not warnings(app)
