"""What the demo answers to programs, without a server."""

from __future__ import annotations

import base64
import io
import time
from concurrent.futures import ThreadPoolExecutor

import gradio as gr
import pytest
from PIL import Image

from dcgan.checkpoint import load_generator
from dcgan.demo import drawing
from dcgan.demo.endpoints import interpolate, models, sample
from dcgan.sampling.link import ShareLink
from dcgan.sampling.rendering import render


def test_models_are_listed_and_sampled(tiny_run):
    (model,) = models()
    assert (model["name"], model["labels"], model["image_size"]) == (tiny_run.name, 0, 28)
    answer = sample(tiny_run.name, "0-3")
    with Image.open(io.BytesIO(base64.b64decode(answer["sheet_png"]))) as image:
        assert image.size == (56, 56)


def test_equal_calls_at_one_time_load_and_draw_once(tiny_run, monkeypatch):
    made: list[str] = []
    for name in ("load_generator", "draw_frames", "draw_sheet"):
        make = getattr(drawing, name)
        monkeypatch.setattr(
            drawing,
            name,
            lambda *values, name=name, make=make: (made.append(name), time.sleep(0.1), make(*values))[2],
        )

    def call(_):
        return interpolate(tiny_run.name, 123, 456, animation="gif"), sample(tiny_run.name, "123-124")

    with ThreadPoolExecutor(16) as pool:
        first, *others = pool.map(call, range(16))
    assert sorted(made) == ["draw_frames", "draw_sheet", "load_generator"]
    assert all(other == first for other in others)


@pytest.mark.parametrize("arguments", [("{run}", "x"), ("{run}", "0-4000"), ("{run}", "0", "3"), ("nobody",)])
def test_samples_of_bad_input_are_an_error(tiny_run, arguments):
    with pytest.raises(gr.Error):
        sample(*(argument.format(run=tiny_run.name) for argument in arguments))


def test_the_endpoint_answers_what_the_page_shows(tiny_run):
    answer = interpolate(tiny_run.name, 3, 5, frames=6, path="lerp", t=0.5, animation="gif")
    link = ShareLink(model=tiny_run.name, seed_a=3, seed_b=5, frames=6, path="lerp", t=0.5)
    expected = render(link, load_generator(tiny_run.path))
    assert base64.b64decode(answer["strip_png"]) == expected.strip_png
    assert base64.b64decode(answer["animation"]) == expected.gif
    assert answer["link"] == f"?{expected.link.to_query()}"
    assert (answer["digest"], answer["weights_id"]) == (expected.link.digest, expected.link.weights_id)
    assert answer["norms"] == [pytest.approx(norm, abs=1e-3) for norm in expected.norms]
    assert (len(answer["changes"]), answer["notes"]) == (5, [])
    with Image.open(io.BytesIO(base64.b64decode(answer["image_png"]))) as image:
        assert image.size == (224, 224)


@pytest.mark.parametrize(
    ("bad", "note"),
    [
        ({"model": "nobody"}, "'nobody'"),
        ({"model": ["a"]}, " is shown."),
        ({"seed_a": -1}, "seed_a='-1'"),
        ({"seed_a": 10**400}, "4294967295 is used"),
        ({"seed_b": 2.6}, "3 is used"),
        ({"seed_b": {"a": 1}}, "seed_b=a dict"),
        ({"frames": 10**9}, "64 is used"),
        ({"frames": None}, "16 is used"),
        ({"path": ["slerp"]}, "path=a list"),
        ({"t": "x"}, "t='x'"),
        ({"keys": ",".join(map(str, range(500)))}, "more than 8"),
        ({"keys": 5.5}, "6 is used"),
        ({"labels": "3"}, "takes no labels"),
        ({"labels": 3}, "takes no labels"),
        ({"animation": "exe"}, "animation='exe' is not gif or mp4"),
    ],
    ids=str,
)
def test_the_nearest_value_replaces_bad_input_with_a_note(tiny_run, bad, note):
    answer = interpolate(**({"model": tiny_run.name} | bad))
    assert any(note in sentence for sentence in answer["notes"]), answer["notes"]
    assert 2 <= len(answer["norms"]) <= 64


@pytest.mark.parametrize("damage", ["missing", "damaged"])
@pytest.mark.parametrize("endpoint", [interpolate, sample])
def test_an_unusable_checkpoint_is_an_error_that_names_it(tiny_run, endpoint, damage):
    tiny_run.generator_path.write_bytes(b"") if damage == "damaged" else tiny_run.generator_path.unlink()
    with pytest.raises(gr.Error, match=r"generator.safetensors|no trained model"):
        endpoint(tiny_run.name)
