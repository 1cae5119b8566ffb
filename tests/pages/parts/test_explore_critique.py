"""The view "What D tells G" of the Explore page."""

from __future__ import annotations

import re
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from recorded import MIXED, TINY, record_run
from streamlit.testing.v1 import AppTest
from studio import checked, open_page, texts, warnings

from dcgan.checkpoint import load_tensors, save_tensors
from dcgan.config import DataConfig
from dcgan.figures.overlays import realness_color
from dcgan.locale.language import language, speaking, tr
from dcgan.pages.parts import explore_critique
from dcgan.training import critique_sheet

pytestmark = pytest.mark.usefixtures("only_own_runs")

VIEW = "What D tells G"
RGB = replace(TINY, model=replace(TINY.model, channels=3, output="sigmoid"))
LARGER = replace(TINY, model=replace(TINY.model, image_size=32))
PAIRED = replace(MIXED, model=replace(MIXED.model, auxiliary_head=True, minibatch_stddev=True), loss="relativistic")
MLP = replace(TINY, model=replace(TINY.model, topology="mlp", hidden_g=(4,), hidden_d=(4,)))
KERAS = replace(TINY, model=replace(TINY.model, topology="keras"))
STEP = replace(TINY, model=replace(TINY.model, topology="step"))
ALL = {
    "plain": TINY,
    "conditional": replace(TINY, model=replace(TINY.model, num_classes=10)),
    "RGB": RGB,
    "32 pixels": LARGER,
    "paired": PAIRED,
    "mlp": MLP,
    "keras": KERAS,
    "step": STEP,
    "wasserstein": replace(TINY, loss="wasserstein"),
    "least squares": replace(TINY, loss="least-squares"),
}


def cards(app: AppTest) -> list[list[tuple[str, str, str]]]:
    """Return the title, the note and the color of the frame of each card, for each sheet of cards."""
    pattern = r'<img src="data:image/png;base64,[^"]+" alt="[^"]+" style="border: 4px solid (#\w{6})">'
    pattern += r"<figcaption>(.*?)<small>(.*?)</small>"
    sheets = [element.proto.body for element in app.get("html")]
    return [[(title, note, color) for color, title, note in re.findall(pattern, sheet)] for sheet in sheets]


@pytest.mark.slow
@pytest.mark.parametrize("config", ALL.values(), ids=ALL)
def test_every_kind_of_run_shows_16_seeds_and_real_images(config, only_own_runs):
    record_run(only_own_runs, config)
    app = open_page("explore", view=VIEW)
    assert not app.warning
    assert not app.info
    answers, followed = cards(app)
    assert [note for _, note, _ in answers[::2]] == [f"seed {seed}" for seed in range(16)]
    assert len(answers) == 32
    assert len(followed) == 16
    for (before, *_), (both, *_) in zip(answers[::2], followed, strict=True):
        assert both.split(" → ")[0] == before


@pytest.mark.slow
def test_numbers_and_frames_are_ds_probabilities(tiny_run):
    answers, _ = cards(open_page("explore", view=VIEW, start="5"))
    for number, _, color in answers:
        lower, upper = (realness_color(float(number) + change) for change in (-0.005, 0.005))
        for channel in (1, 3, 5):
            first, last = sorted(int(end[channel : channel + 2], 16) for end in (lower, upper))
            assert first - 1 <= int(color[channel : channel + 2], 16) <= last + 1


@pytest.mark.slow
def test_the_slider_changes_the_followed_images_only(tiny_run):
    app = open_page("explore", view=VIEW)
    answers, followed = cards(app)
    app.select_slider(key="steps").set_value(20)
    after, changed = cards(checked(app.run()))
    assert answers == after
    assert changed != followed


@pytest.mark.slow
def test_the_sheet_is_computed_once_for_all_sessions(tiny_run, monkeypatch):
    open_page("explore", view=VIEW, start="77")
    monkeypatch.setattr(critique_sheet, "critique_sheet", None)
    app = open_page("explore", view=VIEW, start="77", steps="1", advice="false", reverse="true")
    assert len(cards(app)) == 2


@pytest.mark.slow
def test_two_weights_share_nothing(only_own_runs):
    first, second = (record_run(only_own_runs, replace(TINY, seed=seed)) for seed in (0, 1))
    shown = [cards(open_page("explore", view=VIEW, run=run.name)) for run in (first, second)]
    assert shown[0] != shown[1]


@pytest.mark.slow
@pytest.mark.parametrize(
    "query",
    [
        {"start": "NaN"},
        {"start": "-4", "steps": "7"},
        {"start": "4294967296"},
        {"start": "inf", "steps": "nan", "advice": "maybe"},
        {"start": "\0", "steps": "'><script>", "advice": ""},
    ],
)
def test_nonsense_in_the_address_is_a_sentence_and_the_default(tiny_run, query):
    app = open_page("explore", view=VIEW, **query)
    assert len(warnings(app)) == len(query)
    assert (app.number_input(key="start").value, app.select_slider(key="steps").value) == (0, 5)
    assert len(cards(app)) == 2


@pytest.mark.slow
def test_the_last_seeds_are_followed_by_the_first(tiny_run):
    answers, _ = cards(open_page("explore", view=VIEW, start=str(2**32 - 1)))
    assert [note for _, note, _ in answers[:4:2]] == ["seed 4294967295", "seed 0"]


@pytest.mark.slow
@pytest.mark.parametrize("data", [None, b"", b"no weights"], ids=["missing", "empty", "damaged"])
def test_without_a_sound_discriminator_there_is_one_sentence(tiny_run, data):
    if data is None:
        tiny_run.discriminator_path.unlink()
    else:
        tiny_run.discriminator_path.write_bytes(data)
    app = open_page("explore", view=VIEW)
    (sentence,) = warnings(app)
    assert "discriminator" in sentence
    assert not cards(app)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["generator_path", "discriminator_path"])
def test_weights_that_diverged_are_one_sentence(tiny_run, name):
    path = getattr(tiny_run, name)
    tensors, metadata = load_tensors(path)
    broken = {key: value * float("nan") if value.is_floating_point() else value for key, value in tensors.items()}
    save_tensors(path, broken, metadata)
    app = open_page("explore", view=VIEW)
    assert len(warnings(app)) == 1
    assert not cards(app)


@pytest.mark.slow
def test_a_discriminator_of_another_model_is_one_sentence(tiny_run):
    other = record_run(tiny_run.path.parent, LARGER)
    tiny_run.discriminator_path.write_bytes(other.discriminator_path.read_bytes())
    app = open_page("explore", view=VIEW, run=tiny_run.name)
    assert len(warnings(app)) == 1
    assert not cards(app)


@pytest.mark.slow
@pytest.mark.parametrize("config", [TINY, PAIRED], ids=["plain", "paired"])
def test_without_real_images_the_seeds_are_alone(config, only_own_runs):
    record_run(only_own_runs, replace(config, data=DataConfig(name="folder:/nowhere")))
    app = open_page("explore", view=VIEW)
    (info,) = app.info
    assert ("relativistic" in info.value) == (config is PAIRED)
    assert [len(sheet) for sheet in cards(app)] == [16, 16]


@pytest.mark.slow
def test_a_public_server_reads_no_folder(only_own_runs, monkeypatch, tmp_path):
    monkeypatch.setenv("SPACE_ID", "someone/space")
    record_run(only_own_runs, replace(TINY, data=DataConfig(name=f"folder:{tmp_path}")))
    app = open_page("explore", view=VIEW)
    (info,) = app.info
    assert str(tmp_path) not in texts(app)
    assert "folder" in info.value


@pytest.mark.slow
@pytest.mark.parametrize(("count", "shown"), [(0, []), (3, [6, 3])])
def test_a_large_network_gets_fewer_seeds(tiny_run, monkeypatch, count, shown):
    monkeypatch.setattr(explore_critique, "seeds_of", lambda generator: count)
    app = open_page("explore", view=VIEW)
    assert [len(sheet) for sheet in cards(app)] == shown
    assert len(app.info) + len(app.warning) == 1


@pytest.mark.slow
def test_inverted_colors_exchange_brighter_and_darker(tiny_run, monkeypatch):
    seen = []
    monkeypatch.setattr(explore_critique, "advice_overlay", lambda images, advice: seen.append(advice) or images)
    for reverse in ("false", "true"):
        open_page("explore", view=VIEW, reverse=reverse)
    np.testing.assert_array_equal(seen[0], -seen[1])


def test_the_reason_for_missing_real_images_follows_the_language(polish, monkeypatch):
    def none(*arguments, **settings):
        return critique_sheet.RealImages(None, None, tr("{data} is not on this machine", data="mnist"))

    monkeypatch.setattr(critique_sheet, "real_images", none)
    generator: Any = SimpleNamespace(train_config=TINY)
    for code, reason in (("en", "mnist is not on this machine"), (polish, "mnist: brak")):
        with speaking(code):
            real = explore_critique.real_beside("config", 1, language(), generator, reads_own=True)
        assert real.reason == reason
