"""The static page in Chromium: from a disk without a network, and from a host below a path."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from static_files import serving_files
from web_pages import pixels_of, query_of, until

from dcgan.checkpoint import load_generator
from dcgan.files import CHECKPOINTS
from dcgan.pixels import grid, to_uint8
from dcgan.publishing.page import page_files, single_page
from dcgan.runs.run import Run
from dcgan.sampling.link import ShareLink
from dcgan.sampling.rendering import render

pytestmark = [pytest.mark.browser, pytest.mark.slow]
NAMES = ("dcgan-mnist", "cdcgan-mnist", "gan-mnist")
LINK = ShareLink(model="cdcgan-mnist", seed_a=3, seed_b=11, frames=12, t=0.25, labels=(2, 7), keys=(5,))


def runs() -> list[Run]:
    return [Run(CHECKPOINTS / name) for name in NAMES]


@pytest.fixture(scope="module")
def file(tmp_path_factory) -> Path:
    """Return the page as one file."""
    path = tmp_path_factory.mktemp("page") / "a page.html"
    path.write_bytes(single_page(runs()))
    return path


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """Return a folder that has the page, with snapshots, in its folder lessons/gan."""
    root = tmp_path_factory.mktemp("site")
    for name, content in page_files(runs()[:1]).items():
        path = root / "lessons" / "gan" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root


def test_a_link_opens_from_a_disk_without_a_network(open_page, file):
    drawn = render(LINK, load_generator(CHECKPOINTS / LINK.model))
    page = open_page(f"{file.as_uri()}?{drawn.link.to_query()}")
    page.locator("#strip[aria-label]").wait_for()
    strip = pixels_of(page, "strip")
    expected = drawn.strip()
    assert strip.shape == expected.shape
    assert np.abs(strip.astype(int) - expected).max() <= 1
    assert page.locator("#notes li").count() == 1
    assert page.locator("#model").input_value() == LINK.model
    assert page.locator("#labels").input_value() == "2, 7"


def test_the_address_follows_and_opens_the_same_view(open_page, file):
    page = open_page(file.as_uri())
    page.locator("#seed-a").fill("123")
    page.locator("#seed-a").press("Tab")
    page.locator("#keys").fill("8, 4294967296")
    page.locator("#keys").press("Tab")
    page.locator("#loop").check()
    until(page, "location.search.includes('loop=1')")
    query = query_of(page)
    assert query["a"] == "123"
    assert query["k"] == f"8,{2**32 - 1}"
    assert query["w"] == load_generator(CHECKPOINTS / "dcgan-mnist").weights_id
    link, notes = ShareLink.from_query(query)
    assert notes == []
    again = open_page(page.url)
    again.locator("#strip[aria-label]").wait_for()
    page.locator("#strip[aria-label]").wait_for()
    assert again.locator("#seed-a").input_value() == "123"
    assert np.array_equal(pixels_of(again, "strip"), pixels_of(page, "strip"))
    assert link.loop


def test_the_image_follows_keys_and_the_pointer(open_page, file):
    page = open_page(file.as_uri())
    image = page.locator("#image[aria-label]")
    image.wait_for()
    first = pixels_of(page, "image")
    image.focus()
    page.keyboard.press("End")
    until(page, "document.getElementById('image').ariaLabel.includes('t = 1.00')")
    assert not np.array_equal(pixels_of(page, "image"), first)
    page.locator("#strip[aria-label]").wait_for()  # after it the page moves no more
    until(page, "/[?&]t=1/.test(location.search)")  # the address follows late
    image.hover(position={"x": 150, "y": 50})
    box = image.bounding_box()
    page.mouse.down()
    page.mouse.move(box["x"] + 50, box["y"] + 50, steps=4)
    page.mouse.up()
    until(page, "location.search.includes('t=0.')")
    assert 0.4 < float(query_of(page)["t"]) < 0.9


def test_strip_and_animation_are_saved(open_page, file):
    page = open_page(f"{file.as_uri()}?{LINK.to_query()}")
    page.locator("#strip[aria-label]").wait_for()
    drawn = render(LINK, load_generator(CHECKPOINTS / LINK.model))
    with page.expect_download() as download:
        page.locator("#save-strip").click()
    with Image.open(download.value.path()) as image:
        saved = np.asarray(image.convert("RGB"))[..., 0].astype(int)
    assert np.abs(saved - drawn.strip(2)).max() <= 1
    with page.expect_download() as download:
        page.locator("#save-animation").click()
    assert download.value.suggested_filename == "cdcgan-mnist-3-11.gif"
    with Image.open(download.value.path()) as animation:
        frames = []
        for index in range(animation.n_frames):
            animation.seek(index)
            frames.append(np.asarray(animation.convert("L")).astype(int))
            assert animation.info["duration"] == 80
    assert len(frames) == 22, "to the end and back"
    for frame, index in zip(frames, [*range(12), *range(10, 0, -1)], strict=True):
        assert np.abs(frame - drawn.frame(index, 4)).max() <= 1


def test_what_is_saved_right_after_a_change_is_the_change(open_page, file):
    page = open_page(f"{file.as_uri()}?{LINK.to_query()}")
    page.locator("#strip[aria-label]").wait_for()
    with page.expect_download() as download:
        page.evaluate(
            """() => {
              const field = document.getElementById("seed-a");
              field.value = 99;
              field.dispatchEvent(new Event("change"));
              document.getElementById("save-strip").click();
            }"""
        )
    assert download.value.suggested_filename == "cdcgan-mnist-99-11.png"
    with Image.open(download.value.path()) as image:
        saved = np.asarray(image.convert("RGB"))[..., 0].astype(int)
    drawn = render(replace(LINK, seed_a=99), load_generator(CHECKPOINTS / LINK.model))
    assert np.abs(saved - drawn.strip(2)).max() <= 1
    with page.expect_download() as download:
        page.evaluate(
            """() => {
              const field = document.getElementById("model");
              field.value = "dcgan-mnist";
              field.dispatchEvent(new Event("change"));
              document.getElementById("save-strip").click();
            }"""
        )
    assert download.value.suggested_filename == "dcgan-mnist-99-11.png"
    with Image.open(download.value.path()) as image:
        saved = np.asarray(image.convert("RGB"))[..., 0].astype(int)
    drawn = render(replace(LINK, seed_a=99, labels=()), load_generator(CHECKPOINTS / "dcgan-mnist"))
    assert np.abs(saved - drawn.strip(2)).max() <= 2, "half precision and another order of sums"


def test_the_time_machine_draws_earlier_weights(open_page, site):
    with serving_files(site) as address:
        page = open_page(
            f"{address}/lessons/gan/?v=1&model=dcgan-mnist&a=7&b=42&n=16&path=slerp&t=0#view=time&snapshot=2"
        )
        page.locator("#grid[aria-label]").wait_for()
        run = runs()[0]
        for index, key in ((2, ""), (1, "ArrowLeft")):
            step = run.snapshot_steps()[index]
            if key:
                page.locator("#snapshot").press(key)
            until(page, f"document.getElementById('grid').ariaLabel.includes('{step} steps')")
            generator = load_generator(run.snapshot_path(step))
            expected = grid(to_uint8(generator(generator.latents(range(64))).numpy()), 8)
            assert np.abs(pixels_of(page, "grid").astype(int) - expected).max() <= 1
        until(page, "location.hash.includes('snapshot=1')")  # the address follows a moment later


def test_a_conditional_model_has_a_quiz_and_an_early_grid(open_page, tmp_path):
    run = Run(CHECKPOINTS / "cdcgan-mnist")
    for name, content in page_files([run]).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    with serving_files(tmp_path) as address:
        page = open_page(f"{address}/#view=time&snapshot=1")
        page.locator("#grid[aria-label]").wait_for()
        step = run.snapshot_steps()[1]
        until(page, f"document.getElementById('grid').ariaLabel.includes('{step} steps')")
        generator = load_generator(run.snapshot_path(step))
        images = generator(generator.latents(range(64)), np.arange(64) % 10)
        assert np.abs(pixels_of(page, "grid").astype(int) - grid(to_uint8(images.numpy()), 8)).max() <= 1
        page.locator("#tab-quiz").click()
        page.locator("#quiz-number", has_text="Pair 1 of 10").wait_for()
        until(page, "document.getElementById('left').disabled === false")
        page.locator("#left").click()
        said = page.locator("#quiz-said").inner_text()
        page.locator("#tab-walk").click()
        page.locator("#tab-quiz").click()
        assert page.locator("#quiz-said").inner_text() == said, "an answer counts once"
        assert pixels_of(page, "left-image").max() == pixels_of(page, "right-image").max() == 255
        assert page.locator("#status").inner_text() == ""


def test_weights_of_another_host_are_not_requested(browser, site, tmp_path):
    shutil.copytree(site / "lessons" / "gan", tmp_path / "gan")
    requests: list[str] = []
    with serving_files(site) as other, serving_files(tmp_path) as address:
        manifest = tmp_path / "gan" / "manifest.json"
        manifest.write_text(manifest.read_text().replace('"weights/', f'"{other}/lessons/gan/weights/'))
        page = browser.new_page()
        page.on("request", lambda request: requests.append(request.url))
        page.goto(f"{address}/gan/")
        page.locator("#status", has_text="another host").wait_for()
        page.close()
    assert not [url for url in requests if url.startswith(other)]


def test_the_id_of_the_pixels_is_left_out_after_a_change(open_page, file):
    page = open_page(f"{file.as_uri()}?{LINK.to_query()}&d=0123456789ab")
    page.locator("#strip[aria-label]").wait_for()
    page.locator("#seed-a").fill("4")
    page.locator("#seed-a").press("Tab")
    until(page, "location.search.includes('a=4')")
    assert "d" not in query_of(page)


def test_a_tap_on_the_map_takes_a_seed(open_page, file):
    page = open_page(f"{file.as_uri()}#view=map")
    plane = page.locator("#plane[aria-label]")
    plane.wait_for()
    box = plane.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.locator("#map-said", has_text="2004").wait_for()
    plane.hover()
    box = plane.bounding_box()
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2 - 112, box["y"] + box["height"] / 2, steps=5)
    page.mouse.up()
    page.locator('input[name="tap"][value="b"]').check()
    plane.focus()
    page.keyboard.press("Enter")
    page.locator("#map-said", has_text="2005").wait_for()
    until(page, "location.search.includes('b=2005')")
    assert query_of(page)["a"] == "2004"
    until(page, "location.hash.includes('x=5.00')")


def test_the_quiz_counts_and_is_the_same_for_a_class(open_page, site):
    with serving_files(site) as address:
        url = f"{address}/lessons/gan/#view=quiz&quiz=3"
        pages = [open_page(url), open_page(url)]
        for page in pages:
            for number in range(1, 11):
                page.locator("#quiz-number", has_text=f"Pair {number} of 10").wait_for()
                page.locator("#left").click()
                if number < 10:
                    page.locator("#quiz-next").click()
        results = [page.locator("#quiz-said").inner_text() for page in pages]
        assert results[0] == results[1]
        right, machine = (int(count) for count in re.findall(r"(?:found|finds) (\d+)", results[0])[::2])
        assert 0 <= right <= 10
        assert machine >= 5, "the discriminator of a finished training tells most pairs apart"


@pytest.mark.parametrize(
    "query",
    [
        "?v=1&model=%3Cscript%3Ealert(1)%3C/script%3E&a=7&b=42&n=16&path=slerp&t=0",
        "?a=%00&b=-1&n=1e9&t=NaN&k=,,&labels=x&path=%22%3E%3Cimg%20src=x%20onerror=alert(1)%3E",
        "?model=cdcgan-mnist&labels=9999&w=000000000000&v=1&a=1&b=2&n=2&path=lerp&t=1",
        "?" + "&".join(f"x{index}={'y' * 500}" for index in range(100)),
        "#view=__proto__&quiz=-5&snapshot=99&x=NaN&y=1e308&from=%3Cb%3E",
        "#view=map&x=1e300&y=-1e300",
    ],
)
def test_hostile_addresses_open_a_page_with_notes(open_page, file, query):
    page = open_page(f"{file.as_uri()}{query}")
    page.locator("#model").wait_for()
    assert page.locator("#status").inner_text() == ""
    assert page.locator("#notes script, #notes img, #notes b").count() == 0
    page.locator("#tab-walk").click()
    page.locator("#strip[aria-label]").wait_for()
    assert page.locator("#notes li").count() <= 15


def test_damaged_weights_are_a_sentence(browser, site, tmp_path):
    shutil.copytree(site / "lessons" / "gan", tmp_path / "gan")
    for weights in (tmp_path / "gan" / "weights").iterdir():
        weights.write_bytes(weights.read_bytes()[:-100])
    with serving_files(tmp_path) as address:
        page = browser.new_page()
        page.goto(f"{address}/gan/")
        page.locator("#status", has_text="is damaged").wait_for()
        page.close()


def test_a_model_that_cannot_be_loaded_leaves_the_one_before(browser, tmp_path):
    for name, content in page_files(runs()[:2], snapshots=False).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    (tmp_path / manifest["models"][1]["weights"]["file"]).unlink()
    with serving_files(tmp_path) as address:
        page = browser.new_page()
        page.goto(f"{address}/")
        page.locator("#strip[aria-label]").wait_for()
        page.locator("#model").select_option("cdcgan-mnist")
        page.locator("#status", has_text="404").wait_for()
        assert page.locator("#model").input_value() == "dcgan-mnist"
        page.locator("#seed-a").fill("5")
        page.locator("#seed-a").press("Tab")
        until(page, "location.search.includes('a=5')")
        assert query_of(page)["model"] == "dcgan-mnist"
        page.close()


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wider_than_the_window(open_page, file, width, scheme):
    page = open_page(file.as_uri(), viewport={"width": width, "height": 844}, color_scheme=scheme)
    page.locator("#strip[aria-label]").wait_for()
    for name in ("walk", "map", "quiz"):
        page.locator(f"#tab-{name}").click()
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_every_control_has_a_name(open_page, file):
    page = open_page(file.as_uri())
    page.locator("#image[aria-label]").wait_for()
    page.locator("#strip[aria-label]").wait_for()
    unnamed = page.evaluate(
        """() => [...document.querySelectorAll("input, select, button, canvas[role]")].filter((element) => {
          const label = element.closest("label")?.textContent ?? element.ariaLabel ?? element.textContent;
          return !element.closest("[hidden]") && !label.trim();
        }).map((element) => element.id)"""
    )
    assert unnamed == []


def test_all_images_of_a_page_are_drawn_in_the_worker(open_page, file):
    page = open_page(file.as_uri())
    page.locator("#strip[aria-label]").wait_for()
    (worker,) = page.workers
    # The policy of the page holds in the worker too, and lets it use vectors.
    assert worker.evaluate("new WebAssembly.Module(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0)) !== null")
