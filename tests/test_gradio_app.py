"""What the demo's page and endpoints answer, without a server."""

from __future__ import annotations

import base64
import io
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import gradio as gr
import pytest
from conftest import TINY, record_run
from PIL import Image

import gradio_app
from dcgan.checkpoint import load_generator
from dcgan.render import render
from dcgan.share import ShareLink

FIRST, CURRENT, LAST, STRIP, ANIMATION, PLOT, ABOUT, NOTES, LINK = range(9)


@pytest.fixture(autouse=True)
def on_cpu(monkeypatch, tmp_path):
    monkeypatch.setenv("DCGAN_DEVICE", "cpu")
    monkeypatch.setattr("dcgan.runs.CHECKPOINTS", tmp_path / "none")
    monkeypatch.setattr(gradio_app, "FOLDER", tmp_path)


def notes_of(shown) -> str:
    return shown[NOTES].value or ""


def test_the_strip_is_the_renders(tiny_run):
    shown = gradio_app.interpolate(tiny_run.name, 3, 5, frames=6, path="lerp", t=1.0)
    link = ShareLink(model=tiny_run.name, seed_a=3, seed_b=5, frames=6, path="lerp", t=1.0)
    wanted = render(link, load_generator(tiny_run.path))
    assert Path(shown[STRIP]).read_bytes() == wanted.strip_png
    assert shown[LINK] == f"?{wanted.link.to_query()}"
    assert (shown[CURRENT] == shown[LAST]).all()
    assert "seed 3 to 5, 6 frames drawn in" in shown[ABOUT]
    assert notes_of(shown) == ""


def test_scrubbing_draws_the_frame_and_keeps_the_digest(tiny_run):
    shown = gradio_app.interpolate(tiny_run.name, 3, 5, frames=3)
    current, link = gradio_app.scrub(tiny_run.name, 3, 5, "", False, 3, "slerp", None, None, 1.0)
    assert (current == shown[LAST]).all()
    assert link == shown[LINK].replace("t=0.0", "t=1.0")


@pytest.mark.parametrize("seed", [-1, 1e300, 2.5, None, "many"])
def test_a_seed_that_is_none_becomes_the_nearest_with_a_note(tiny_run, seed):
    shown = gradio_app.interpolate(tiny_run.name, seed, 5, frames=10**9)
    assert "seed_a=" in notes_of(shown)
    assert "frames='1000000000'" in notes_of(shown)
    assert "n=64" in shown[LINK]


def test_an_unknown_model_and_unwanted_labels_are_said(tiny_run):
    shown = gradio_app.interpolate("<img src=x>", 1, 2, path="spiral", label_a=3, label_b=4)
    assert f"There is no model '<img src=x>' here; {tiny_run.name} is shown." in notes_of(shown)
    assert "takes no labels" in notes_of(shown)
    assert "path='spiral'" in notes_of(shown)
    assert all(line.startswith("- `") for line in notes_of(shown).splitlines())


def test_a_conditional_model_takes_two_labels(runs_root):
    run = record_run(runs_root, replace(TINY, model=replace(TINY.model, num_classes=10)))
    shown = gradio_app.interpolate(run.name, 1, 1, label_a=3, label_b=80)
    assert "labels=3%2C9" in shown[LINK]
    assert [field.value for field in shown[-2:]] == [3, 9]
    assert "labels end at 9" in notes_of(shown)


@pytest.mark.parametrize("damage", ["missing", "empty", "other"])
def test_a_damaged_checkpoint_is_a_sentence(tiny_run, damage):
    if damage == "missing":
        tiny_run.generator_path.unlink()
    else:
        data = b"" if damage == "empty" else tiny_run.discriminator_path.read_bytes()
        tiny_run.generator_path.write_bytes(data)
    shown = gradio_app.interpolate(tiny_run.name, 1, 2)
    assert shown[STRIP] is None
    assert "generator.safetensors" in notes_of(shown)
    assert gradio_app.scrub(tiny_run.name, 1, 2, "", False, 3, "slerp", None, None, 0.5) == (None, "")


def test_an_address_opens_with_its_verdict(tiny_run):
    link = render(ShareLink(model=tiny_run.name, seed_a=3, keys=(4,), loop=True), load_generator(tiny_run.path)).link
    query = dict(pair.split("=") for pair in link.to_query().split("&"))
    opened = gradio_app.open_address(query)
    assert [control.value if hasattr(control, "value") else control for control in opened[:8]] == [
        tiny_run.name, 3, 42, "4", True, 16, "slerp", 0.0,
    ]  # fmt: skip
    assert opened[8 + ABOUT].endswith("The very same pixels as the link's maker saw.")
    other = gradio_app.open_address(query | {"d": "0" * 12})
    assert "rounded differently by this hardware" in other[8 + ABOUT]
    without = gradio_app.open_address({"model": "nobody", "a": "1" * 500, "n": "1000000000"})
    assert "There is no model" in notes_of(without[8:])
    assert gradio_app.open_address({})[1:3] == [62, 92]


def test_endpoints_tell_models_and_draw_samples(tiny_run):
    (model,) = gradio_app.models()
    assert (model["name"], model["labels"], model["image_size"]) == (tiny_run.name, 0, 28)
    answer = gradio_app.sample(tiny_run.name, "0-3")
    with Image.open(io.BytesIO(base64.b64decode(answer["png_base64"]))) as image:
        assert image.size == (56, 56)
    for arguments in (("nobody",), (tiny_run.name, "x"), (tiny_run.name, "0-4000"), (tiny_run.name, "0", "3")):
        with pytest.raises(gr.Error):
            gradio_app.sample(*arguments)


def test_files_do_not_pile_up(monkeypatch, tmp_path):
    monkeypatch.setattr(gradio_app, "FILES_KEPT", 3)
    for index in range(10):
        gradio_app.saved(f"{index}.png", b"x")
    assert len(list(tmp_path.glob("*.png"))) <= 4


def test_the_page_is_built_without_any_model(runs_root):
    # In a process of its own: Gradio leaves event loops behind, for which the garbage collector warns anywhere.
    code = (
        "import dcgan.runs; from pathlib import Path; dcgan.runs.CHECKPOINTS = Path('none'); "
        "import gradio_app; demo = gradio_app.build(); "
        "print([block.value for block in demo.blocks.values() if hasattr(block, 'value')])"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        cwd=Path(gradio_app.__file__).parent,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "There is no trained model yet" in done.stdout
