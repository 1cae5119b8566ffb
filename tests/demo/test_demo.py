"""What the demo's page and endpoints answer, without a server."""

from __future__ import annotations

import base64
import errno
import io
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import gradio as gr
import pytest
import torch
from PIL import Image
from recorded import TINY, record_run

import gradio_app
from dcgan import pixels
from dcgan.checkpoint import load_generator
from dcgan.evaluation.classifier import load_classifier
from dcgan.files import CHECKPOINTS, PROJECT
from dcgan.sampling.link import ShareLink
from dcgan.sampling.rendering import render

FIRST, CURRENT, LAST, STRIP, ANIMATION, PLOT, ABOUT, NOTES, LINK = range(9)


@pytest.fixture(autouse=True)
def on_cpu(monkeypatch, tmp_path):
    monkeypatch.setenv("DCGAN_DEVICE", "cpu")
    monkeypatch.setattr("dcgan.files.CHECKPOINTS", tmp_path / "none")
    monkeypatch.setattr(gradio_app, "FILES", gradio_app.TemporaryFiles())


def printed_by(code: str, *arguments: str) -> str:
    """What the code prints, in a process of its own: a page that is built leaves event loops behind, for which the
    garbage collector warns anywhere."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, *arguments],
        cwd=PROJECT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def notes_of(shown) -> str:
    return shown[NOTES].value or ""


def show(model, seed_a=7, seed_b=42, keys="", loop=False, frames=16, path="slerp", t=0.0, labels=""):
    """The page's outputs for its controls, by name."""
    return gradio_app.show_model(model, seed_a, seed_b, keys, loop, frames, path, t, labels)


def test_the_strip_is_the_renders(tiny_run):
    shown = show(tiny_run.name, 3, 5, frames=6, path="lerp", t=1.0)
    link = ShareLink(model=tiny_run.name, seed_a=3, seed_b=5, frames=6, path="lerp", t=1.0)
    wanted = render(link, load_generator(tiny_run.path))
    assert Path(shown[STRIP]).read_bytes() == wanted.strip_png
    assert shown[LINK] == f"?{wanted.link.to_query()}"
    assert (shown[CURRENT] == shown[LAST]).all()
    assert "seed 3 to 5, 6 frames drawn in" in shown[ABOUT]
    assert notes_of(shown) == ""


def test_scrubbing_draws_the_frame_and_keeps_the_digest(tiny_run):
    shown = show(tiny_run.name, 3, 5, frames=3)
    current, link = gradio_app.scrub(tiny_run.name, 3, 5, "", False, 3, "slerp", 1.0, "")
    assert (current == shown[LAST]).all()
    assert link == shown[LINK].replace("t=0.0", "t=1.0")


@pytest.mark.parametrize("seed", [-1, 1e300, 2.5, None, "many"])
def test_a_seed_that_is_none_becomes_the_nearest_with_a_note(tiny_run, seed):
    shown = show(tiny_run.name, seed, 5, frames=10**9)
    assert "seed_a=" in notes_of(shown)
    assert "frames='1000000000'" in notes_of(shown)
    assert "n=64" in shown[LINK]


def test_an_unknown_model_and_unwanted_labels_are_said(tiny_run):
    shown = show("<img src=x>", 1, 2, path="spiral", labels="3, 4")
    assert f"There is no model '<img src=x>' here; {tiny_run.name} is shown." in notes_of(shown)
    assert "takes no labels" in notes_of(shown)
    assert "path='spiral'" in notes_of(shown)
    assert all(line.startswith("- `") for line in notes_of(shown).splitlines())


def test_texts_that_were_written_for_the_link_change_nothing_and_others_draw(runs_root):
    run = record_run(runs_root, replace(TINY, model=replace(TINY.model, num_classes=10)))
    opened = gradio_app.open_address({"model": run.name, "a": "1", "b": "2", "k": "5,7", "labels": "3,8", "x": "1"})
    keys, link, labels = opened[3], opened[8 + LINK], opened[-1].value
    assert (keys, labels) == ("5,7", "3, 8")

    def typed(keys, labels, link):
        return gradio_app.show_typed(run.name, 1, 2, keys, False, 16, "slerp", 0.0, labels, link)

    for shown_link in (link, f"http://localhost:7860/{link}"):  # as the page's address, once the browser has it
        assert typed(keys, labels, shown_link) == gr.skip()
    for others in (("5", labels), ("", labels), (keys, "3, "), (keys, "")):
        shown = typed(*others, link)
        assert len(shown) == len(opened) - 8 - gradio_app.OF_THE_MODEL
        assert Path(shown[STRIP]).is_file()
    assert "k=" not in typed("", labels, link)[LINK]
    assert typed("9", labels, "") == gr.skip()  # nothing is shown, so nothing can be


def test_a_conditional_model_takes_two_labels(runs_root):
    run = record_run(runs_root, replace(TINY, model=replace(TINY.model, num_classes=10)))
    shown = show(run.name, 1, 1, labels="3, 80")
    assert "labels=3%2C9" in shown[LINK]
    assert shown[-1].value == "3, 9"
    assert "labels end at 9" in notes_of(shown)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, "lerp cuts through the empty inside"),
        ({"latent": "uniform"}, "slerp keeps to the band and may leave the cube"),
        ({"latent": "mixture", "latent_dim": 24}, "from one kind to another both pass through points of no kind"),
    ],
)
def test_what_is_said_of_the_paths_is_true_of_the_models_latent(runs_root, change, words):
    run = record_run(runs_root, replace(TINY, model=replace(TINY.model, **change)))
    reading = show(run.name)[-2]
    assert words in reading
    assert [words in each for each in gradio_app.READINGS.values()].count(True) == 1


WHO_WRITES_THE_LABELS = """
import gradio_app
config = gradio_app.build().get_config_file()
ids = {block["props"].get("label"): block["id"] for block in config["components"]}
for event in config["dependencies"]:
    for target, name in event["targets"]:
        if name in ("input", "change", "load", "click"):
            label = next((label for label, each in ids.items() if each == target), "page")
            print(f"{label}: {ids['Labels'] in event['outputs']}")
"""


def test_the_labels_are_written_by_another_model_and_never_while_they_are_typed():
    printed = printed_by(WHO_WRITES_THE_LABELS)
    written = dict(line.split(": ") for line in printed.splitlines())
    assert (written.pop("Model"), written.pop("page")) == ("True", "True")
    assert set(written.values()) == {"False"}
    assert {"Labels", "Seed A", "Frames"} <= set(written)


PROMISED = {
    "a four becomes a nine": (4, 9),
    "the same in a straight line": (4, 9),
    "0 1 2 3 4, and round again": (0, 1, 2, 3, 4),
    "one handwriting, from 3 to 8": (3, 8),
}


def test_the_examples_draw_what_their_names_promise():
    assert set(gradio_app.EXAMPLES) == {*PROMISED, "the plain GAN"}
    judge = load_classifier("mnist")
    for name, digits in PROMISED.items():
        link = gradio_app.EXAMPLES[name]
        stops = render(replace(link, frames=len(digits)), load_generator(CHECKPOINTS / link.model))
        assert stops.link.loop or len(digits) == 2 + len(link.keys)
        images = torch.from_numpy(pixels.from_uint8(stops.images_u8))
        assert tuple(judge.logits(judge.features(images)).argmax(1).tolist()) == digits, name


@pytest.mark.parametrize("damage", ["missing", "empty", "other"])
def test_a_damaged_checkpoint_is_a_sentence(tiny_run, damage):
    if damage == "missing":
        tiny_run.generator_path.unlink()
    else:
        data = b"" if damage == "empty" else tiny_run.discriminator_path.read_bytes()
        tiny_run.generator_path.write_bytes(data)
    shown = show(tiny_run.name, 1, 2)
    assert shown[STRIP] is None
    assert "generator.safetensors" in notes_of(shown)
    assert gradio_app.scrub(tiny_run.name, 1, 2, "", False, 3, "slerp", 0.5, "") == (None, "")


def test_an_address_opens_with_its_verdict(tiny_run):
    link = render(ShareLink(model=tiny_run.name, seed_a=3, keys=(4,), loop=True), load_generator(tiny_run.path)).link
    query = dict(pair.split("=") for pair in link.to_query().split("&"))
    opened = gradio_app.open_address(query)
    assert [control.value if hasattr(control, "value") else control for control in opened[:8]] == [
        tiny_run.name, 3, 42, "4", True, 16, "slerp", 0.0,
    ]  # fmt: skip
    assert opened[8 + ABOUT].startswith("**The very same pixels as the link's maker saw.** ")
    other = gradio_app.open_address(query | {"d": "0" * 12})
    assert "the link was changed since, or this hardware rounds differently" in other[8 + ABOUT]
    without = gradio_app.open_address({"model": "nobody", "a": "1" * 500, "n": "1000000000"})
    assert "There is no model" in notes_of(without[8:])
    first = gradio_app.open_address({})
    assert first[1:3] == [gradio_app.FIRST.seed_a, gradio_app.FIRST.seed_b] == [84, 18]


def test_endpoints_tell_models_and_draw_samples(tiny_run):
    (model,) = gradio_app.models()
    assert (model["name"], model["labels"], model["image_size"]) == (tiny_run.name, 0, 28)
    answer = gradio_app.sample(tiny_run.name, "0-3")
    with Image.open(io.BytesIO(base64.b64decode(answer["sheet_png"]))) as image:
        assert image.size == (56, 56)
    for arguments in (("nobody",), (tiny_run.name, "x"), (tiny_run.name, "0-4000"), (tiny_run.name, "0", "3")):
        with pytest.raises(gr.Error):
            gradio_app.sample(*arguments)


def test_the_endpoint_answers_what_the_page_shows(tiny_run):
    answer = gradio_app.interpolate(tiny_run.name, 3, 5, frames=6, path="lerp", t=0.5, animation="gif")
    link = ShareLink(model=tiny_run.name, seed_a=3, seed_b=5, frames=6, path="lerp", t=0.5)
    wanted = render(link, load_generator(tiny_run.path))
    assert base64.b64decode(answer["strip_png"]) == wanted.strip_png
    assert base64.b64decode(answer["animation"]) == wanted.gif
    assert answer["link"] == f"?{wanted.link.to_query()}"
    assert (answer["digest"], answer["weights_id"]) == (wanted.link.digest, wanted.link.weights_id)
    assert answer["norms"] == [pytest.approx(norm, abs=1e-3) for norm in wanted.norms]
    assert (len(answer["changes"]), answer["notes"]) == (5, [])
    with Image.open(io.BytesIO(base64.b64decode(answer["image_png"]))) as image:
        assert image.size == (224, 224)


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        ({"model": "nobody"}, "There is no model 'nobody' here"),
        ({"model": ["a"]}, "There is no model"),
        ({"seed_a": -1}, "seed_a='-1' is not a whole number in 0..4294967295; 0 is used."),
        ({"seed_a": 10**400}, "4294967295 is used"),
        ({"seed_b": 2.6}, "3 is used"),
        ({"seed_b": {"a": 1}}, "seed_b=a dict"),
        ({"frames": 10**9}, "64 is used"),
        ({"frames": None}, "16 is used"),
        ({"path": ["slerp"]}, "path=a list is not one of slerp, lerp"),
        ({"t": "x"}, "t='x' is not in 0..1"),
        ({"keys": ",".join(map(str, range(500)))}, "more than 8"),
        ({"keys": 5.5}, "6 is used"),
        ({"labels": "3"}, "takes no labels"),
        ({"labels": 3}, "takes no labels"),
        ({"animation": "exe"}, "animation='exe' is not gif or mp4"),
    ],
    ids=str,
)
def test_bad_input_to_the_endpoint_becomes_the_nearest_with_a_note(tiny_run, bad, sentence):
    answer = gradio_app.interpolate(**({"model": tiny_run.name} | bad))
    assert any(sentence in note for note in answer["notes"]), answer["notes"]
    assert 2 <= len(answer["norms"]) <= 64


@pytest.mark.parametrize("damage", ["missing", "damaged"])
def test_the_endpoints_name_a_checkpoint_that_cannot_be_used(tiny_run, damage):
    tiny_run.generator_path.write_bytes(b"") if damage == "damaged" else tiny_run.generator_path.unlink()
    for endpoint in (gradio_app.interpolate, gradio_app.sample):
        with pytest.raises(gr.Error, match=r"generator.safetensors|no trained model"):
            endpoint(tiny_run.name)


def test_large_images_are_shown_in_whole_pixels(runs_root):
    run = record_run(runs_root, replace(TINY, model=replace(TINY.model, image_size=64)))
    assert show(run.name)[CURRENT].shape[:2] == (192, 192)


SHARED_GPU = """
import sys, types
calls = []
def gpu(duration):
    def decorate(function):
        def called(*arguments):
            calls.append(function.__name__)
            return function(*arguments)
        return called
    return decorate
sys.modules["spaces"] = types.SimpleNamespace(GPU=gpu)
assert "torch" not in sys.modules
import gradio_app
run = sys.argv[1]
gradio_app.interpolate(run, frames=3)
gradio_app.sample(run, "0-3")
gradio_app.scrub(run, 7, 42, "", False, 3, "slerp", 0.5, "")
gradio_app.scrub(run, 7, 42, "", False, 3, "slerp", 0.6, "")
print(calls)
"""


def test_on_a_shared_gpu_only_renders_cost_quota(tiny_run):
    printed = printed_by(SHARED_GPU, tiny_run.name)
    assert printed.split("\n")[-2] == "['drawn', 'sheet_of']"


@pytest.fixture
def temporary_folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def test_files_do_not_pile_up_and_what_is_shown_again_stays(temporary_folder):
    files = gradio_app.TemporaryFiles(keep=3)
    first = files.save("0.png", b"x")
    for index in range(1, 10):
        time.sleep(0.002)
        files.save(f"{index}.png", b"x")
        time.sleep(0.002)
        assert files.save("0.png", b"x") == first
    (folder,) = temporary_folder.iterdir()
    assert sorted(path.name for path in folder.iterdir()) == ["0.png", "8.png", "9.png"]


def test_visitors_share_the_files_without_races(temporary_folder):
    files = gradio_app.TemporaryFiles(keep=2)

    def visit(visitor: int) -> None:
        for index in range(50):
            name = f"{index % 7}-{visitor % 2}.png"
            files.save(name, name.encode() * 1000)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(visit, range(8))) == [None] * 8
    (folder,) = temporary_folder.iterdir()
    kept = list(folder.iterdir())
    assert len(kept) == 2
    assert all(path.read_bytes() == path.name.encode() * 1000 for path in kept)


def test_a_folder_that_was_removed_is_made_again(temporary_folder):
    files = gradio_app.TemporaryFiles()
    path = Path(files.save("a.png", b"a"))
    shutil.rmtree(path.parent)
    assert Path(files.save("a.png", b"a")).read_bytes() == b"a"


def test_a_full_temporary_disk_is_a_sentence_and_leaves_no_part_of_a_file(tiny_run, temporary_folder, monkeypatch):
    def write_some(path, data):
        with open(path, "wb") as file:
            file.write(data[:10])
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    with monkeypatch.context() as full:
        full.setattr(Path, "write_bytes", write_some)
        shown = show(tiny_run.name, 3, 5, frames=3)
    assert shown[STRIP] is None
    assert "No space left on device" in notes_of(shown)
    assert f"saved in {temporary_folder}" in notes_of(shown)
    assert [path for path in temporary_folder.rglob("*") if path.is_file() and "dcgan-demo" in str(path)] == []
    assert show(tiny_run.name, 3, 5, frames=3)[STRIP] is not None


def test_the_page_is_built_without_any_model(runs_root):
    code = (
        "import dcgan.files; from pathlib import Path; dcgan.files.CHECKPOINTS = Path('none'); "
        "import gradio_app; demo = gradio_app.build(); "
        "print([block.value for block in demo.blocks.values() if hasattr(block, 'value')])"
    )
    printed = printed_by(code)
    assert "There is no trained model yet" in printed
