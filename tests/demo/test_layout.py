"""The page itself: which event writes which component, and how it is started.

A page that is built leaves event loops behind, for which the garbage collector warns in any later test. So each page
is built in a process of its own.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from dcgan import pixels
from dcgan.checkpoint import load_generator
from dcgan.demo.layout import EXAMPLES, launch_options
from dcgan.evaluation.classifier import load_classifier
from dcgan.files import CHECKPOINTS, PROJECT
from dcgan.sampling.rendering import render


def output_of(code: str, *arguments: str) -> str:
    """Return what the code prints, in a process of its own."""
    process = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, *arguments], cwd=PROJECT, capture_output=True, text=True
    )
    assert process.returncode == 0, process.stderr
    return process.stdout


EVENTS = """
from dcgan.demo.layout import build
config = build().get_config_file()
ids = {block["props"].get("label"): block["id"] for block in config["components"]}
for event in config["dependencies"]:
    for target, name in event["targets"]:
        if name in ("input", "change", "load", "click"):
            label = next((label for label, number in ids.items() if number == target), "page")
            print(f"{label}: {ids['Labels'] in event['outputs']}")
"""


@pytest.mark.slow
def test_no_event_of_the_page_needs_a_session():
    code = "from dcgan.demo.layout import build; page = build(); print([e.name for e in page.fns.values() if e.fn])"
    assert output_of(code).split("\n")[-2] == "['models', 'interpolate', 'sample', 'nearest']"


@pytest.mark.slow
def test_another_model_writes_the_labels_and_typing_does_not():
    written = dict(line.split(": ") for line in output_of(EVENTS).splitlines())
    assert (written.pop("Model"), written.pop("page")) == ("True", "True")
    assert set(written.values()) == {"False"}
    assert {"Labels", "Seed A", "Frames"} <= set(written)


NAMES = """
from dcgan.demo import layout
from dcgan.demo.handlers import Update
from gradio import Blocks
with Blocks():
    controls, buttons = layout._controls(["a"])
    outputs = layout._outputs()
print(set(Update.__annotations__) ^ {*controls, *outputs, "notes"}, set(buttons) - set(controls))
"""


@pytest.mark.slow
def test_every_name_of_an_update_has_a_component():
    assert output_of(NAMES).split("\n")[-2] == "set() set()"


WORDS = """
from dcgan.demo.layout import build
for block in build().blocks.values():
    for text in (getattr(block, "label", None), getattr(block, "value", None)):
        if isinstance(text, str):
            print(text)
"""


@pytest.mark.slow
def test_the_page_needs_no_emoji_font():
    words = output_of(WORDS)
    assert "Random A" in words
    # Letters of any language are no pictographs: the switch has the names of the languages.
    assert not [letter for letter in words if letter >= "\u2600" and not letter.isalpha()]


PROMISED = {
    "a 4 becomes a 9": (4, 9),
    "the same seeds in a straight line": (4, 9),
    "0, 1, 2, 3, 4 and back to 0": (0, 1, 2, 3, 4),
    "one handwriting, from 3 to 8": (3, 8),
}


def test_the_examples_draw_what_their_names_promise():
    assert set(EXAMPLES) == {*PROMISED, "the plain GAN"}
    classifier = load_classifier("mnist")
    for name, digits in PROMISED.items():
        link = EXAMPLES[name]
        stops = render(replace(link, frames=len(digits)), load_generator(CHECKPOINTS / link.model))
        assert stops.link.loop or len(digits) == 2 + len(link.keys)
        images = torch.from_numpy(pixels.from_uint8(stops.images_u8))
        labels = classifier.logits(classifier.features(images)).argmax(1)
        assert tuple(labels.tolist()) == digits, name


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
class Spaces(types.ModuleType):
    GPU = staticmethod(gpu)
sys.modules["spaces"] = Spaces("spaces")
class Watch:
    def find_spec(self, name, path=None, target=None):
        if name == "torch":
            assert "spaces" in imported, "torch is imported before spaces"
imported = []
import builtins
original = builtins.__import__
def record(name, *arguments, **options):
    if name == "spaces":
        imported.append(name)
    return original(name, *arguments, **options)
builtins.__import__ = record
sys.meta_path.insert(0, Watch())
assert "torch" not in sys.modules
import gradio_app
assert "torch" in sys.modules
from dcgan.demo.endpoints import interpolate, sample
from dcgan.demo.handlers import scrub
run = sys.argv[1]
interpolate(run, frames=3)
sample(run, "0-3")
controls = {"model": run, "seed_a": 7, "seed_b": 42, "frames": 3}
scrub(controls | {"t": 0.5})
scrub(controls | {"t": 0.6})
print(calls)
"""


@pytest.mark.slow
def test_on_a_shared_gpu_only_renders_cost_quota(tiny_run):
    assert output_of(SHARED_GPU, tiny_run.name).split("\n")[-2] == "['draw_frames', 'draw_sheet']"


@pytest.mark.slow
def test_without_any_model_the_page_says_how_to_train_one(runs_root):
    code = (
        "import dcgan.files; from pathlib import Path; dcgan.files.CHECKPOINTS = Path('none'); "
        "from dcgan.demo.layout import build; page = build(); "
        "print([block.value for block in page.blocks.values() if hasattr(block, 'value')])"
    )
    assert "python -m dcgan train" in output_of(code)


def test_sessions_and_uploads_are_bounded():
    options = launch_options()
    assert 1 <= options["state_session_capacity"] <= 1_000
    assert options["max_file_size"] <= 2**20
