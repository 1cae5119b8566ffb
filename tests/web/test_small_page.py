"""What the static page says and keeps, with networks of a few hundred weights.

The file has more than 250 lines, so that all tests share one page, which takes seconds to make.
"""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from PIL import Image
from recorded import CONDITIONAL, TINY, record_run
from static_files import serving_files
from web_pages import pixels_of, query_of, until

from dcgan.checkpoint import load_generator, save_tensors
from dcgan.config import DataConfig
from dcgan.pixels import grid, to_uint8
from dcgan.publishing.page import page_files, single_page
from dcgan.runs.run import Run
from dcgan.sampling.link import ShareLink
from dcgan.sampling.link_fields import text_of_halves

pytestmark = [pytest.mark.browser, pytest.mark.slow]
CLASSES = ["red fox", "cats, dogs", "Donaudampfschifffahrtsgesellschaftskapitaen" * 5]


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> list[Run]:
    """Return a run of digits, and a conditional one of own images with named classes."""
    root = tmp_path_factory.mktemp("runs")
    named = record_run(root, replace(CONDITIONAL, data=DataConfig(name="folder:/home/me/pics")), "named")
    save_tensors(named.state_path, {}, {"kind": "state", "source": {"classes": CLASSES}})
    return [record_run(root, TINY), named]


@pytest.fixture(scope="module")
def site(runs, tmp_path_factory) -> Path:
    """Return the folder of a page."""
    root = tmp_path_factory.mktemp("site")
    for name, content in page_files(runs).items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


@pytest.fixture
def copied(site, tmp_path) -> Path:
    """Return a copy of the page that a test may damage."""
    return shutil.copytree(site, tmp_path / "copy")


@pytest.fixture(scope="module")
def address(site) -> Iterator[str]:
    with serving_files(site) as address:
        yield f"{address}/"


@pytest.fixture
def visit(browser):
    """Return a function that opens an address, whatever fails there. A script's error fails the test."""
    errors: list[str] = []
    pages = []

    def visit(address: str) -> Any:
        page = browser.new_page()
        pages.append(page)
        page.set_default_timeout(180_000)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(address)
        return page

    yield visit
    for page in pages:
        page.close()
    assert errors == []


# Damage


@pytest.mark.parametrize("damage", ["removed", "cut"])
def test_a_quiz_without_its_digits_is_a_sentence(visit, copied, damage):
    (digits,) = copied.glob("digits-*.png")
    digits.write_bytes(digits.read_bytes()[:-200])
    if damage == "removed":
        digits.unlink()
    with serving_files(copied) as address:
        page = visit(f"{address}/#view=quiz")
        page.locator("#status", has_text=digits.name).wait_for()
        assert page.locator("#left").is_disabled()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_missing_bytes_of_one_file_are_named(visit, runs, tmp_path):
    page_text = single_page(runs[:1]).decode()
    weights = re.findall(r'id="weights-[0-9a-f-]+">([^<]+)<', page_text)[0]
    broken = {
        "cut": weights[: len(weights) // 2 + 1],
        "shorter": weights[: len(weights) // 8 * 4],
        "empty": "",
        "changed": weights.replace(weights[400:404], "AAAA"),
    }
    (model,) = json.loads(page_files(runs[:1])["manifest.json"])["models"]
    for name, text in broken.items():
        file = tmp_path / f"{name}.html"
        file.write_text(page_text.replace(weights, text))
        page = visit(file.as_uri())
        page.locator("#status", has_text=f"{model['weights']['id']} are incomplete").wait_for()


def test_a_damaged_list_of_models_is_a_sentence(visit, copied):
    file = copied / "manifest.json"
    manifest = json.loads(file.read_text())
    manifest["models"][0]["snapshots"] = None
    file.write_text(json.dumps(manifest))
    with serving_files(copied) as address:
        page = visit(f"{address}/")
        page.locator("#status", has_text="models[0].snapshots").wait_for()
        file.write_text("{")
        later = file.stat().st_mtime + 10  # a file of the same second would be the same one to the browser
        os.utime(file, (later, later))
        page.reload()
        page.locator("#status", has_text="not JSON").wait_for()
        file.unlink()
        page.reload()
        page.locator("#status", has_text="404").wait_for()


# The address


def test_the_address_follows_while_the_walk_plays(open_page, address):
    page = open_page(address)
    page.locator("#play").click()
    until(page, "/[?&]t=0\\.[0-9]*[1-9]/.test(location.search)")
    assert page.locator("#play").get_attribute("aria-pressed") == "true"
    page.locator("#play").click()
    until(
        page, "Number(new URLSearchParams(location.search).get('t')) === Number(document.getElementById('t').value)"
    )
    query = query_of(page)
    assert len(query["t"]) <= len("0.1234")
    link, notes = ShareLink.from_query(query)
    assert notes == []
    assert link.to_query() == urlsplit(page.url).query


def test_a_long_position_of_a_link_is_kept(open_page, address, runs):
    page = open_page(f"{address}?{ShareLink(model=runs[0].name, t=1 / 3).to_query()}")
    page.locator("#loop").check()
    until(page, "location.search.includes('loop=1')")
    assert float(query_of(page)["t"]) == 1 / 3


def test_another_address_of_an_open_page_opens(open_page, address, runs):
    page = open_page(f"{address}#view=map&x=9.00&y=3.00")
    until(page, "location.search.includes('model=')")
    page.evaluate("location.hash = '#view=time&snapshot=1'")
    page.locator("#time-caption", has_text="step 2:").wait_for()
    page.evaluate("location.hash = '#view=map&x=5.00&y=1.00'")
    until(page, "document.getElementById('plane').ariaLabel.includes('1005')")
    page.locator("#tab-walk").click()
    page.locator("#loop").check()
    until(page, "location.search.includes('loop=1')")
    page.evaluate(
        "(link) => { history.replaceState(null, '', location.pathname); location.hash = link; }",
        f"#model={runs[1].name}&a=77&n=4",
    )
    until(page, "document.getElementById('seed-a').value === '77'")
    assert page.locator("#model").input_value() == runs[1].name
    assert page.locator("#tab-walk").get_attribute("aria-selected") == "true"


def test_the_way_back_shows_the_query_of_the_address(open_page, address, runs):
    page = open_page(f"{address}?{ShareLink(model=runs[0].name, seed_a=1, frames=4).to_query()}")
    until(page, "location.search.includes('w=')")
    page.evaluate("location.hash = '#view=map'")
    until(page, "!document.getElementById('map').hidden && location.hash === '#view=map'")
    page.locator("#tab-walk").click()
    page.locator("#seed-a").fill("55")
    page.locator("#seed-a").press("Tab")
    until(page, "location.search.includes('a=55') && !location.hash")
    page.go_back()
    until(page, "location.search.includes('a=1&') && document.getElementById('seed-a').value === '1'")
    page.go_forward()
    until(page, "document.getElementById('seed-a').value === '55'")


@pytest.mark.parametrize("change", ["{}.", "{}),", "({})", "{}&utm_source=x", "AMP"])
def test_a_link_to_a_quiz_is_repaired(open_page, address, runs, change):
    model = json.loads(page_files(runs)["manifest.json"])["models"][0]
    source = model["snapshots"][1]["id"]
    place = f"view=quiz&quiz=7&from={source}"
    changed = place.replace("&", "&amp;") if change == "AMP" else change.format(place).removeprefix("(")
    page = open_page(f"{address}?{ShareLink(model=runs[0].name).to_query()}#{changed}")
    page.locator("#quiz-number", has_text="Pair 1 of 10").wait_for()
    assert page.locator("#quiz-source").input_value() == source
    assert page.locator("#notes li").count() == 0
    until(page, f"location.hash === '#{place}'")


@pytest.mark.parametrize(
    ("place", "names"),
    [
        ("view=nonsense", ["view"]),
        ("view=__proto__", ["view"]),
        ("view=time&snapshot=3", ["snapshot"]),
        ("view=time&snapshot=", ["snapshot"]),
        ("view=map&x=a&y=Infinity", ["x", "y"]),
        ("view=quiz&quiz=-4&from=constructor", ["quiz", "from"]),
        ("view=quiz&quiz=4294967296", ["quiz"]),
        ("view=map&other=1", ["other"]),
        ("view=map&x=-7.25&y=1e3", []),
    ],
)
def test_a_place_that_is_not_used_has_a_note(open_page, address, runs, place, names):
    page = open_page(f"{address}?{ShareLink(model=runs[0].name).to_query()}#{place}")
    until(page, "location.search.includes('w=')")
    notes = page.locator("#notes li").all_inner_texts()
    assert len(notes) == len(names)
    assert all(name in note for name, note in zip(names, notes, strict=True))
    assert page.locator("#status").inner_text() == ""


def test_a_place_of_another_model_is_left(open_page, address, runs):
    page = open_page(f"{address}?{ShareLink(model=runs[0].name).to_query()}#view=quiz&quiz=7")
    page.locator("#quiz-number", has_text="Pair 1 of 10").wait_for()
    page.locator("#model").select_option(runs[1].name)
    until(page, "!document.getElementById('walk').hidden")
    until(page, f"new URLSearchParams(location.search).get('model') === {runs[1].name!r}")
    assert "view=" not in urlsplit(page.url).fragment


def test_a_link_behind_the_mark_is_newer_than_the_query(open_page, address, runs):
    first, second = (ShareLink(model=runs[0].name, seed_a=seed).to_query() for seed in (1, 2))
    page = open_page(f"{address}?{first}#{second}&view=map")
    page.locator("#tab-walk").click()
    assert page.locator("#seed-a").input_value() == "2"


def test_reduced_motion_plays_one_image_after_another(open_page, address, runs):
    query = ShareLink(model=runs[0].name, frames=4, t=0.0).to_query()
    page = open_page(f"{address}?{query}", reduced_motion="reduce")
    assert page.evaluate("document.getAnimations().length") == 0
    page.evaluate(
        "() => { const shown = globalThis.shown = new Set(); const look = () => {"
        " shown.add(document.getElementById('t').value); requestAnimationFrame(look); }; look(); }"
    )
    page.wait_for_timeout(200)
    assert page.evaluate("[...shown]") == ["0"], "nothing moves by itself"
    page.locator("#play").click()
    until(page, "shown.size === 4")
    assert page.evaluate("[...shown].map(Number)") == pytest.approx([0, 1 / 3, 2 / 3, 1], abs=1e-3)


# Models with equal weights


def test_equal_weights_are_drawn_with_the_config_of_their_model(open_page, tmp_path):
    other = replace(TINY, model=replace(TINY.model, latent="uniform"))
    pair = [record_run(tmp_path / "runs", config, name) for name, config in (("a", TINY), ("b", other))]
    assert len({load_generator(run).weights_id for run in pair}) == 1
    for name, content in page_files(pair).items():
        (tmp_path / "site" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "site" / name).write_bytes(content)
    with serving_files(tmp_path / "site") as address:
        page = open_page(f"{address}/?model={pair[0].name}#view=time&snapshot=0")
        for run in (pair[0], pair[1], pair[0]):
            page.locator("#model").select_option(run.name)
            generator = load_generator(run.snapshot_path(0))
            expected = grid(to_uint8(generator(generator.latents(range(64))).numpy()), 8)
            page.locator("#grid-caption", has_text="step 0").wait_for()
            give_up = time.monotonic() + 60
            while np.abs(pixels_of(page, "grid").astype(int) - expected).max() > 1:
                assert time.monotonic() < give_up, f"the grid is not that of {run.name}"
                page.wait_for_timeout(50)


# Fields


def test_a_correction_stands_beside_its_field(open_page, address):
    page = open_page(address)
    for field, text, value in (("seed-a", "4294967296", "4294967295"), ("frames", "1", "2"), ("seed-b", "", "42")):
        page.locator(f"#{field}").fill(text)
        page.locator(f"#{field}").press("Tab")
        note = page.locator(f"#{field}-note")
        assert f"; {value} is used" in note.inner_text()
        assert page.locator(f"#{field}").input_value() == value
        page.locator(f"#{field}").fill("16")
        page.locator(f"#{field}").press("Tab")
        assert note.inner_text() == ""
    page.locator("#keys").fill("5, x")
    page.locator("#keys").press("Tab")
    assert "5, x" in page.locator("#keys-note").inner_text()
    assert page.locator("#copied").inner_text() == ""


def test_a_latent_vector_of_the_link_is_named_beside_its_seed(open_page, address, runs):
    size = runs[0].config().model.latent_dim
    link = ShareLink(model=runs[0].name, seed_a=5, z_a=text_of_halves([0.5] * size))
    page = open_page(f"{address}?{link.to_query()}")
    notes = page.locator("#seed-a-note"), page.locator("#seed-b-note")
    assert [bool(note.inner_text()) for note in notes] == [True, False]
    until(page, "document.getElementById('strip').ariaLabel?.includes('latent vector')")
    page.locator("#seed-a").fill("6")
    page.locator("#seed-a").press("Tab")
    until(page, "!document.getElementById('seed-a-note').textContent")
    until(page, "!location.search.includes('za=')")
    until(page, "document.getElementById('strip').ariaLabel.includes('from seed')")


def test_classes_are_typed_by_name_and_long_names_fit(open_page, address, runs):
    page = open_page(
        f"{address}?{ShareLink(model=runs[1].name, labels=(1,)).to_query()}", viewport={"width": 320, "height": 800}
    )
    page.locator("#strip[aria-label]").wait_for()
    field = page.locator("#labels")
    assert field.input_value() == '"cats, dogs"'
    field.fill("Red Fox, owl")
    field.press("Tab")
    assert "owl" in page.locator("#labels-note").inner_text()
    assert field.input_value() == "red fox"
    until(page, "location.search.includes('labels=0')")
    assert f"{CLASSES[2][:64]}..." in page.locator("#labels-hint").inner_text()
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


def test_what_was_copied_is_said_for_a_while(open_page, address):
    page = open_page(address, permissions=["clipboard-read", "clipboard-write"])
    page.clock.install()
    page.locator("#copy").click()
    page.locator("#copied", has_text="copied").wait_for()
    page.clock.fast_forward(6000)
    until(page, "document.getElementById('copied').textContent === ''")
    page.locator("#tab-quiz").click()
    page.locator("#quiz-number", has_text="Pair 1 of 10").wait_for()  # which ends what an earlier pair said
    page.locator("#quiz-copy").click()
    until(page, "document.getElementById('quiz-copied').textContent !== ''")
    parts = urlsplit(page.evaluate("navigator.clipboard.readText()"))
    assert set(parse_qs(parts.fragment)) == {"view", "quiz", "from"}
    assert parse_qs(parts.query)["v"] == ["1"]


# Views


def test_a_second_finger_moves_no_map(open_page, address):
    page = open_page(f"{address}#view=map&x=5.00&y=3.00", has_touch=True)
    box = page.locator("#plane[aria-label]").bounding_box()
    touches = page.context.new_cdp_session(page)
    first, second = (
        {"x": box["x"] + 50, "y": box["y"] + 50, "id": 0},
        {"x": box["x"] + 250, "y": box["y"] + 50, "id": 1},
    )

    def touch(kind: str, *points: dict[str, float]) -> None:
        touches.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": list(points)})

    touch("touchStart", first)
    touch("touchStart", first, second)
    touch("touchMove", {**first, "x": first["x"] + 56}, second)
    touch("touchMove", {**first, "x": first["x"] + 56}, {**second, "x": second["x"] - 40})
    touch("touchEnd", {**second, "x": second["x"] - 40})
    touch("touchEnd")
    until(page, "location.hash.includes('x=4.50')")
    touch("touchStart", first)
    touch("touchStart", first, second)
    touch("touchEnd", second)
    touch("touchEnd")
    assert page.locator("#map-said").inner_text() == "", "two fingers are not a tap"


def test_an_open_quiz_is_not_thrown_away(open_page, address):
    page = open_page(f"{address}#view=quiz&quiz=3")
    page.locator("#quiz-number", has_text="Pair 1 of 10").wait_for()
    assert page.locator("#quiz-again").is_visible()
    for number in range(1, 11):
        page.locator("#quiz-number", has_text=f"Pair {number} of 10").wait_for()
        page.locator("#left").click()
        assert {page.locator(f"#{side}-said").inner_text() for side in ("left", "right")} == {
            "by a person",
            "generated",
        }
        assert page.locator("#quiz-again").is_visible() == (number == 10)
        if number < 10:
            page.locator("#quiz-next").click()
    answered = page.evaluate(
        "() => { document.getElementById('quiz-again').click(); return document.getElementById('left').disabled; }"
    )
    assert answered, "no answer counts before the new pair is shown"
    page.locator("#quiz-number", has_text="Pair 1 of 10").wait_for()


def test_the_time_machine_says_what_it_shows(open_page, address):
    page = open_page(f"{address}?v=1&a=7&b=42&n=4&path=slerp&t=0.5&k=9#view=time&snapshot=1")
    page.locator("#grid-caption", has_text="Epoch 1, step 2").wait_for()
    caption = page.locator("#time-caption").inner_text()
    assert {"1", "2", "42", "9"} <= set(re.findall(r"\d+", caption)), "the second half goes from B to the next seed"
    assert page.locator("#time-image").get_attribute("aria-label") == page.locator("#time-caption").text_content()


def test_pictures_fit_their_room(web):
    body = """
      const { show, stripColumns } = await web("pictures");
      const widths = argument.map(([width, room]) => {
        const canvas = document.createElement("canvas");
        show(canvas, new ImageData(width, 4), room);
        return canvas.style.width;
      });
      const strips = [[16, 28, 296], [16, 28, 928], [6, 28, 928], [16, 64, 366], [64, 1024, 928], [2, 1024, 366]];
      return [widths, ...strips.map((strip) => stripColumns(...strip))];
    """
    widths, *columns = web.call(body, [[512, 296], [28, 296], [28, 100]])
    assert widths == ["296px", "280px", "84px"]
    assert columns == [4, 16, 6, 5, 4, 2]


def test_large_images_are_saved_as_an_animation_of_their_own_size(web):
    body = """
      const { serve } = await web("worker");
      const answers = [];
      const scope = { onmessage: null, postMessage: (answer) => answers.push(answer) };
      serve(scope);
      const images = Uint8Array.from({ length: 3 * 20 * 20 }, (_, index) => index % 251);
      const ask = async (id, factor, loop) => {
        scope.onmessage({ data: { id, kind: "gif", images, size: 20, channels: 1, factor, loop, milliseconds: 80 } });
        while (answers.length < id) await new Promise((resolve) => setTimeout(resolve));
        return [...answers[id - 1].result];
      };
      return [await ask(1, 1, false), await ask(2, 2, true)];
    """
    shapes = []
    for content in web.call(body):
        with Image.open(io.BytesIO(bytes(content))) as animation:
            shapes.append((animation.size, getattr(animation, "n_frames", 1)))
            animation.seek(2)
            last = np.asarray(animation.convert("L"))
    assert shapes == [((20, 20), 4), ((40, 40), 3)]
    assert np.array_equal(last[::2, ::2].ravel(), np.arange(800, 1200) % 251)
