"""The view "Inside the generator" of the Explore page."""

from __future__ import annotations

import base64
import io
import json
import re
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from recorded import CONDITIONAL, MIXED, TINY, record_run
from streamlit.testing.v1 import AppTest
from studio import button, checked, open_page, texts, warnings

from dcgan.checkpoint import load_generator, load_tensors, save_tensors
from dcgan.config import DataConfig
from dcgan.files import CHECKPOINTS
from dcgan.pages.parts import explore_inside, tiles
from dcgan.sampling import inside
from dcgan.sampling.inside import Anatomy

pytestmark = pytest.mark.usefixtures("only_own_runs")

VIEW = "Inside the generator"
RGB = replace(TINY, model=replace(TINY.model, channels=3, output="sigmoid"))
LARGER = replace(TINY, model=replace(TINY.model, image_size=64))
MLP = replace(TINY, model=replace(TINY.model, topology="mlp", hidden_g=(4,), hidden_d=(4,)))
KERAS = replace(TINY, model=replace(TINY.model, topology="keras"))
STEP = replace(TINY, model=replace(TINY.model, topology="step"))
OWN = replace(TINY, data=DataConfig(name="folder:/nowhere"))
WITH_MAPS = {
    "plain": (TINY, 3),
    "conditional": (CONDITIONAL, 3),
    "RGB": (RGB, 3),
    "64 pixels": (LARGER, 4),
    "mixture": (MIXED, 3),
    "keras": (KERAS, 2),
    "step": (STEP, 1),
    "own pictures": (OWN, 3),
}


def sent(app: AppTest, name: str = "maps") -> dict:
    """Return what the page sends to the tiles: of the maps, or of the output by hand."""
    components = [component.proto for component in app.get("bidi_component")]
    (data,) = [json.loads(proto.json) for proto in components if ("The maps" in proto.json) == (name == "maps")]
    return data


def tapped(app: AppTest, ids: list[int]) -> list[int]:
    """Tap until these tiles are pressed, as the browser reports it, and return the channels that are then off."""
    shown = [tile["id"] for tile in sent(app)["tiles"]]
    app.session_state["off"] = _after_taps(app.session_state["off"], shown, ids)
    return [tile["id"] for tile in sent(checked(app.run()))["tiles"] if tile["pressed"]]


def _after_taps(text: str, shown: list[int], ids: list[int]) -> str:
    state = {"off": text}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(explore_inside.st, "session_state", state)
        explore_inside.switch(shown, ids)
    return state["off"]


def sheet_cards(app: AppTest) -> list[tuple[bytes, str, str]]:
    """Return the picture, the title and the note of each card of the sheet."""
    pattern = r'base64,([^"]+)" alt="[^"]+"><figcaption>(.*?)<small>(.*?)</small>'
    (sheet,) = [element.proto.body for element in app.get("html") if "dcgan-cards" in element.proto.body]
    return [(base64.b64decode(picture), title, note) for picture, title, note in re.findall(pattern, sheet)]


def pixels_of(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)))


@pytest.mark.slow
@pytest.mark.parametrize(("config", "layers"), WITH_MAPS.values(), ids=WITH_MAPS)
def test_every_convolutional_run_shows_its_layers(config, layers, only_own_runs):
    run = record_run(only_own_runs, config)
    app = open_page("explore", view=VIEW)
    assert not app.warning
    anatomy = Anatomy(load_generator(run.path))
    titles = [layer.title for layer in anatomy.layers]
    assert app.selectbox(key="layer").options == titles
    assert len(titles) == layers
    for layer in anatomy.layers:
        shown = sent(open_page("explore", view=VIEW, layer=layer.title, off="1"))
        assert sorted(tile["id"] for tile in shown["tiles"]) == list(range(layer.channels))
        assert [tile["id"] for tile in shown["tiles"] if tile["pressed"]] == [1]


@pytest.mark.slow
def test_a_fully_connected_run_has_a_sentence_and_the_part_by_hand(only_own_runs):
    run = record_run(only_own_runs, MLP)
    app = open_page("explore", view=VIEW)
    (info,) = app.info
    assert run.name in texts(app)
    assert "fully connected" in info.value
    assert not app.warning
    assert sent(app, "output")["columns"] == 7


@pytest.mark.slow
def test_the_tiles_are_the_maps_of_the_seed(tiny_run):
    app = open_page("explore", view=VIEW, one="5", order="number")
    data = sent(app)
    maps = Anatomy(load_generator(tiny_run.path)).maps(Anatomy(load_generator(tiny_run.path)).layers[0], [5])[0]
    picture = pixels_of(base64.b64decode(data["sprite"].partition(",")[2]))
    assert data["side"] == maps.shape[-1] == 4
    for channel, values in enumerate(maps):
        shown = picture[:4, 4 * channel : 4 * channel + 4]
        assert np.abs(shown - 255 * (values / maps.max()) ** explore_inside.GAMMA).max() <= 0.51


@pytest.mark.slow
def test_the_sheet_shows_the_seeds_without_the_channels_that_are_off(tiny_run):
    app = open_page("explore", view=VIEW, one="7", off="0,2", size="1")
    anatomy = Anatomy(load_generator(tiny_run.path))
    layer = anatomy.layers[0]
    whole, without = (anatomy.draw(layer, off, range(7, 19)) for off in ([], [0, 2]))
    cards = sheet_cards(app)
    assert len(cards) == 36
    for place in range(12):
        np.testing.assert_array_equal(pixels_of(cards[3 * place][0]), whole[place, 0])
        np.testing.assert_array_equal(pixels_of(cards[3 * place + 1][0]), without[place, 0])
        level = np.abs(whole[place].astype(int) - without[place]).mean()
        assert cards[3 * place + 2][2] == f"{level:.1f} levels"
    assert [title for _, title, _ in cards[::3]] == [f"seed {seed}" for seed in range(7, 19)]


@pytest.mark.slow
def test_channels_are_ordered_by_their_effects(tiny_run):
    anatomy = Anatomy(load_generator(tiny_run.path))
    layer = anatomy.layers[1]
    count = anatomy.seeds_for_effects(layer)
    effects = anatomy.effects(layer, range(count)).pixels
    app = open_page("explore", view=VIEW, layer=layer.title)
    shown = [tile["id"] for tile in sent(app)["tiles"]]
    assert shown == np.argsort(-effects, kind="stable").tolist()
    assert [float(tile["note"].split(" · ")[0]) for tile in sent(app)["tiles"]] == [
        pytest.approx(effects[channel], abs=0.06) for channel in shown
    ]
    by_number = sent(open_page("explore", view=VIEW, layer=layer.title, order="number"))["tiles"]
    assert [tile["id"] for tile in by_number] == list(range(layer.channels))
    moves = [float(tile["note"].split(" · ")[1].rstrip("%")) for tile in by_number]
    by_class = sent(open_page("explore", view=VIEW, layer=layer.title, order="effect on the class"))["tiles"]
    assert [moves[tile["id"]] for tile in by_class] == sorted(moves, reverse=True)


@pytest.mark.slow
def test_without_a_classifier_there_is_no_class(only_own_runs):
    record_run(only_own_runs, OWN)
    app = open_page("explore", view=VIEW, off="0", order="effect on the class")
    assert "effect on the class" not in app.selectbox(key="order").options
    assert len(warnings(app)) == 1
    assert "classifier" not in texts(app)


@pytest.mark.slow
def test_the_published_dcgan_tells_which_digits_change(monkeypatch):
    monkeypatch.setattr("dcgan.files.CHECKPOINTS", CHECKPOINTS)
    app = open_page("explore", view=VIEW, run="dcgan-mnist", layer="64 maps of 7x7", off="0-31")
    assert app.selectbox(key="layer").options == ["128 maps of 4x4", "64 maps of 7x7", "32 maps of 14x14"]
    assert "32 of 64 channels are off" in texts(app)
    notes = [note for _, _, note in sheet_cards(app)]
    changed = sum(before != after for before, after in zip(notes[::3], notes[1::3], strict=True))
    assert changed > 0
    assert f"reads {changed} of 12 images" in texts(app)


@pytest.mark.slow
def test_a_tap_switches_a_channel_off_and_a_second_one_on(tiny_run):
    app = open_page("explore", view=VIEW, order="number")
    assert len(sheet_cards(app)) == 12
    assert tapped(app, [3]) == [3]
    assert tapped(app, [3, 4, 5]) == [3, 4, 5]
    assert app.text_input(key="off").value == "3-5"
    assert len(sheet_cards(app)) == 36
    assert tapped(app, [4]) == [4]
    button(app, "all-on").click()
    checked(app.run())
    assert app.text_input(key="off").value == ""
    assert not any(tile["pressed"] for tile in sent(app)["tiles"])


@pytest.mark.slow
def test_another_layer_begins_with_all_channels_on(tiny_run):
    app = open_page("explore", view=VIEW, off="1")
    app.selectbox(key="layer").set_value("2 maps of 14x14")
    checked(app.run())
    assert app.text_input(key="off").value == ""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("query", "pressed"),
    [
        ({"off": "NaN"}, []),
        ({"off": "1e3"}, []),
        ({"off": "'\"><script>"}, []),
        ({"off": "1,9999"}, [1]),
        ({"off": "-1"}, []),
        ({"one": "nan"}, []),
        ({"one": "inf"}, []),
        ({"layer": "5 maps of 3x3"}, []),
        ({"order": "beauty"}, []),
        ({"one": "\0"}, []),
    ],
)
def test_nonsense_in_the_address_is_one_sentence(tiny_run, query, pressed):
    app = open_page("explore", view=VIEW, **query)
    assert len(warnings(app)) == 1
    assert [tile["id"] for tile in sent(app)["tiles"] if tile["pressed"]] == pressed
    assert sheet_cards(app)


@pytest.mark.slow
def test_a_long_list_of_channels_is_bounded(tiny_run):
    app = open_page("explore", view=VIEW, off="0-4294967295")
    assert len(warnings(app)) == 1
    assert len(sheet_cards(app)) in (12, 36)


@pytest.mark.slow
def test_weights_that_diverged_are_one_sentence(tiny_run):
    tensors, metadata = load_tensors(tiny_run.generator_path)
    broken = {key: value * float("nan") if value.is_floating_point() else value for key, value in tensors.items()}
    save_tensors(tiny_run.generator_path, broken, metadata)
    app = open_page("explore", view=VIEW)
    assert len(warnings(app)) == 1


@pytest.mark.slow
def test_effects_are_measured_once_for_all_sessions(tiny_run, monkeypatch):
    open_page("explore", view=VIEW, layer="4 maps of 7x7")
    monkeypatch.setattr(inside.Anatomy, "effects", None)
    assert sent(open_page("explore", view=VIEW, layer="4 maps of 7x7", one="9"))["tiles"][0]["note"]


@pytest.mark.slow
def test_a_layer_that_is_too_much_work_has_no_effects(only_own_runs, monkeypatch):
    record_run(only_own_runs, replace(TINY, seed=12))
    monkeypatch.setattr(inside, "MAX_MULTIPLICATIONS", 0)
    app = open_page("explore", view=VIEW, off="1")
    assert len(app.info) == 1
    assert {tile["note"] for tile in sent(app)["tiles"]} == {""}
    assert len(sheet_cards(app)) == 36


@pytest.mark.slow
def test_only_so_many_tiles_are_shown_and_the_others_stay_off(tiny_run, monkeypatch):
    monkeypatch.setattr(explore_inside, "MAX_TILES", 3)
    app = open_page("explore", view=VIEW, order="number", off="1,7")
    assert [tile["id"] for tile in sent(app)["tiles"]] == [0, 1, 2]
    assert len(app.info) == 1
    tapped(app, [0, 1])
    assert app.text_input(key="off").value == "0-1,7"


@pytest.mark.slow
def test_maps_of_large_images_are_shown_smaller(only_own_runs):
    record_run(only_own_runs, replace(TINY, model=replace(TINY.model, image_size=256)))
    app = open_page("explore", view=VIEW, layer="2 maps of 128x128")
    assert sent(app)["side"] <= explore_inside.MAX_MAP_SIDE


@pytest.mark.slow
def test_the_label_is_that_of_the_maps_and_the_sheet(only_own_runs):
    run = record_run(only_own_runs, CONDITIONAL)
    app = open_page("explore", view=VIEW, label="2", one="3")
    anatomy = Anatomy(load_generator(run.path))
    expected = anatomy.draw(anatomy.layers[0], [], range(3, 15), [2] * 12)
    for (picture, _, _), image in zip(sheet_cards(app), expected, strict=True):
        np.testing.assert_array_equal(pixels_of(picture), image[0])


@pytest.mark.parametrize(
    ("channels", "text"), [([], ""), ([3], "3"), ([3, 17, 40, 41, 42, 43], "3,17,40-43"), ([0, 1], "0-1")]
)
def test_channels_are_spelled_with_ranges(channels, text):
    assert explore_inside.spelled(channels) == text


@pytest.mark.parametrize(
    ("values", "arriving"),
    [([1, 2], [1, 2]), ([2, 2, 99, -1], [2]), (["1", None, 1.5, True, [1]], []), (None, []), ([], [])],
)
def test_only_ids_of_tiles_arrive_from_a_browser(monkeypatch, values, arriving):
    mounted = {}
    monkeypatch.setattr(tiles, "tiles_component", lambda: lambda **options: mounted.update(options))
    monkeypatch.setattr(tiles.st, "session_state", {"some": {"pressed": values}})
    arrived = []
    shown = [tiles.Tile(number, str(number), f"tile {number}") for number in (1, 2)]
    tiles.show_tiles("some", shown, arrived.append, label="tiles")
    mounted["on_pressed_change"]()
    assert arrived == [arriving]
