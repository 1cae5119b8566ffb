"""Both apps in a real browser: they load, they answer, they ask nothing of the outside."""

from __future__ import annotations

import base64
import io
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import numpy as np
import pytest
from PIL import Image
from recorded import TINY, record_run
from servers import CHROMIUM, CHROMIUM_ARGUMENTS, free_port, served, studio_command

from dcgan.checkpoint import load_generator, load_tensors, weights_id, with_data_fields
from dcgan.files import CHECKPOINTS
from dcgan.runs.listing import list_runs
from dcgan.sampling.link import ShareLink
from dcgan.sampling.rendering import SAME_PIXELS, draw_at, render

ROOT = Path(__file__).resolve().parent.parent

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        CHROMIUM is None and not os.environ.get("CI"), reason="no Chromium here: apt install chromium"
    ),
]


@contextmanager
def serving(command: list[str], port: int, environment: dict[str, str]) -> Iterator[str]:
    """Start a server on this machine until the block ends; yield its address."""
    with served(command, port, environment) as (url, _):
        yield url


@pytest.fixture(scope="module")
def chromium():
    from playwright.sync_api import sync_playwright

    assert CHROMIUM, "no Chromium here: apt install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium):
    """Return a page that fails the test for console errors and for requests to other machines."""
    page = chromium.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(180_000)  # other tests share the cores
    complaints: list[str] = []
    # Opened below a page's own address, Streamlit first looks for its server there: a 404 by design.
    probes = ("/_stcore/health", "/_stcore/host-config")
    # And a picture of a live view may be replaced before a busy browser has asked for it; both the browser and
    # Streamlit's page complain.
    replaced = "/media/"
    # On a busy machine the page may lose its server for a moment. It connects again by itself, or the test fails.
    lost = "when disconnected from server"
    page.on(
        "console",
        lambda message: (
            complaints.append(f"console: {message.text} {message.location}")
            if message.type == "error"
            and lost not in message.text
            and not message.location["url"].endswith(probes)
            and not (replaced in message.location["url"] and "404" in message.text)
            and not (replaced in message.text and "Image source error" in message.text)
            else None
        ),
    )
    page.on("pageerror", lambda error: complaints.append(f"page error: {error}"))
    local = ("http://127.0.0.1", "ws://127.0.0.1", "data:", "blob:")
    page.on("request", lambda r: None if r.url.startswith(local) else complaints.append(f"request: {r.url}"))
    yield page
    page.close()
    assert complaints == []


def test_streamlit_compares_two_recordings(page, tmp_path):
    runs = [record_run(tmp_path / "runs"), record_run(tmp_path / "runs")]
    port = free_port()
    command = studio_command(port)
    with serving(command, port, {"DCGAN_RUNS": str(tmp_path / "runs")}) as url:
        page.goto(f"{url}compare?left={runs[0].name}&right={runs[1].name}&at=1")
        page.get_by_text(f"{runs[1].name}, epoch 1").wait_for()
        assert page.locator("img").count() == 2
        page.get_by_role("slider", name="Epoch").press("ArrowRight")
        page.get_by_text(f"{runs[0].name}, epoch 2").wait_for()
        assert "at=2" in page.url or "at=" not in page.url  # the default value is left out
        page.set_viewport_size({"width": 390, "height": 800})
        page.wait_for_timeout(500)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        page.goto("about:blank")  # before the server goes, or the page complains of that


def test_the_studio_trains_stops_resumes_and_compares(page, tmp_path):
    """A visitor starts a training, stops it, resumes it to its end, and shares a comparison."""
    port = free_port()
    command = studio_command(port)
    environment = {"DCGAN_RUNS": str(tmp_path / "runs"), "DCGAN_DEVICE": "cpu", "SPACE_ID": ""}
    with serving(command, port, environment) as url:
        page.goto(url)
        page.get_by_role("img", name="Samples of the plain GAN beside the DCGAN's, from epoch 0").wait_for()
        page.get_by_test_id("stSidebarNav").get_by_role("link", name="Train").click()
        choose(page, "Preset", "dcgan")
        fill(page, "Epochs", "4")
        page.get_by_text("Everything else").click()
        fill(page, "data.limit", "3200")
        page.get_by_text("python -m dcgan train dcgan --data.limit 3200 --epochs 4").wait_for()
        page.get_by_role("button", name="Start training").click()
        page.get_by_text("images/s ·").wait_for()  # the bar
        bar, points = bar_text(page), curve_points(page)
        wait_until(page, lambda: bar_text(page) != bar and curve_points(page) > points)
        (run,) = list_runs(tmp_path / "runs")

        page.reload()
        page.get_by_text("images/s ·").wait_for()
        assert run.is_locked()
        page.get_by_test_id("stMain").get_by_role("button", name="Stop").click()
        page.get_by_text("stopped; resume continues from here").wait_for()
        step = run.status().step
        assert (run.status().state, 0 < step < 400) == ("stopped", True)
        page.get_by_role("button", name="Resume").click()
        page.get_by_text("epoch 4 of 4 · step 400 of 400").wait_for(timeout=180_000)  # two cores, maybe busy
        page.get_by_role("button", name="Replay").wait_for()
        assert run.status().state == "finished"

        page.get_by_test_id("stSidebarNav").get_by_role("link", name="Compare").click()
        choose(page, "Left", run.name)
        page.get_by_text(f"{run.name}, epoch 4: 12,800 images seen").wait_for()
        page.get_by_role("slider", name="Epoch").press("Home")
        page.get_by_text("dcgan-mnist, epoch 0: 0 images seen").wait_for()
        page.get_by_test_id("stCode").get_by_text("at=0").wait_for()
        link = page.get_by_test_id("stCode").inner_text().strip()
        page.goto("about:blank")
        page.goto(link)
        page.get_by_text(f"{run.name}, epoch 0: 0 images seen").wait_for()
        page.get_by_text("dcgan-mnist, epoch 0: 0 images seen").wait_for()
        page.goto("about:blank")


def choose(page, label: str, option: str) -> None:
    page.get_by_role("combobox", name=re.compile(label)).click()
    page.get_by_role("option", name=option, exact=True).click()


def fill(page, label: str, text: str) -> None:
    page.get_by_role("spinbutton", name=label, exact=True).fill(text)
    page.keyboard.press("Enter")


def bar_text(page) -> str:
    return page.get_by_text("images/s ·").inner_text()


def curve_points(page) -> int:
    """Return the number of points of the first curve on the page."""
    return page.evaluate("document.querySelector('.js-plotly-plot')?._fullData?.[0]?.x?.length ?? 0")


def wait_until(page, condition, seconds: float = 60) -> None:
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up, "waited in vain"
        page.wait_for_timeout(200)


@pytest.mark.parametrize("width", [1280, 390])
def test_every_page_fits_and_requests_nothing_from_other_machines(page, tmp_path, width):
    port = free_port()
    command = studio_command(port)
    page.set_viewport_size({"width": width, "height": 850})
    with serving(command, port, {"DCGAN_RUNS": str(tmp_path / "runs"), "SPACE_ID": "someone/space"}) as url:
        for path, text in (
            ("", "Where to go next"),
            ("train", "Healthy."),
            ("compare", "Details"),
            ("explore", "How to read it"),
            ("step", "The step has not begun"),
            ("architectures", "do not count as parameters"),
        ):
            page.goto(url + path)
            page.get_by_text(text).first.wait_for()
            page.wait_for_timeout(500)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path
            nameless = "[...document.querySelectorAll('[data-testid=stMain] img')].filter(e => !e.alt).length"
            assert page.evaluate(nameless) == 0, path
        if sys.platform == "linux":
            assert folders_watched(port) == 0  # thousands, were .venv among them
        page.goto("about:blank")


@pytest.mark.slow
def test_the_browser_draws_what_follows_the_pointer_in_explore(page, tmp_path):
    """A visitor drags an image along a path. The address and the link follow, and Python draws the same image."""
    port = free_port()
    command = [sys.executable, "-m", "streamlit", "run", "streamlit_app.py", "--server.headless=true"]
    command += [f"--server.port={port}", "--server.address=127.0.0.1"]
    with serving(command, port, {"DCGAN_RUNS": str(tmp_path / "runs"), "SPACE_ID": ""}) as url:
        page.goto(f"{url}explore?run=cdcgan-mnist&view=Live&a=3&b=9&n=6&path=lerp&label=8&t=0.25")
        page.get_by_text("drawn by your browser").wait_for()
        image = page.locator("canvas.image")
        image.scroll_into_view_if_needed()
        wait_until(page, lambda: canvas_pixels(image).shape == (28, 28))
        before = canvas_pixels(image)
        box = image.bounding_box()
        assert box
        side = box["width"]
        assert side % 28 == 0  # pixels are enlarged by a whole factor
        image.hover(position={"x": side / 4, "y": side / 2})  # once it lies still
        box = image.bounding_box()
        page.mouse.down()
        page.mouse.move(box["x"] + side / 2, box["y"] + side / 2, steps=5)
        wait_until(page, lambda: image.get_attribute("aria-valuenow") == "0.5")
        wait_until(page, lambda: not np.array_equal(canvas_pixels(image), before))
        assert "t=0.25" in page.url  # the server does not know of a drag that has not ended
        page.mouse.up()
        wait_until(page, lambda: "t=0.5" in page.url)
        shared = page.get_by_text("Open this position in the interpolation demo")
        wait_until(page, lambda: "t=0.5" in (shared.get_attribute("href") or ""))
        link, notes = ShareLink.from_query(dict(parse_qsl(urlsplit(shared.get_attribute("href")).query)))
        assert (link.model, link.seed_a, link.seed_b, link.labels, notes) == ("cdcgan-mnist", 3, 9, (8,), [])
        half = tmp_path / "half.safetensors"
        half.write_bytes(with_data_fields(CHECKPOINTS / "cdcgan-mnist" / "generator.safetensors", {}, half=True))
        _, images_u8 = draw_at(link, load_generator(half), [link.t])
        differences = np.abs(canvas_pixels(image).astype(int) - images_u8[0, 0])
        assert differences.max() <= 1
        image.focus()
        image.press("End")
        wait_until(page, lambda: "t=1" in page.url)
        page.set_viewport_size({"width": 390, "height": 900})
        page.wait_for_timeout(500)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert image.bounding_box()["width"] % 28 == 0
        page.goto("about:blank")


def canvas_pixels(canvas) -> np.ndarray:
    """Return the gray levels of a canvas (H, W)."""
    rows = canvas.evaluate(
        "canvas => {"
        "  const { width, height } = canvas;"
        "  if (!width || !height) return [];"
        "  const { data } = canvas.getContext('2d').getImageData(0, 0, width, height);"
        "  return Array.from({ length: height }, (_, y) => "
        "    Array.from({ length: width }, (_, x) => data[4 * (y * width + x)]));"
        "}"
    )
    return np.array(rows, np.uint8)


def folders_watched(port: int) -> int:
    """Return the folders that the server on that port watches; its command line names the port."""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it may have ended since it was listed
            if f"--server.port={port}\0".encode() in (process / "cmdline").read_bytes():
                return sum(info.read_text().count("inotify wd:") for info in (process / "fdinfo").iterdir())
    raise AssertionError(f"no process names port {port}")


def demo(root: Path, port: int) -> tuple[list[str], int, dict[str, str]]:
    """Return the arguments of `serving` for the interpolation demo, with runs under root."""
    environment = {"DCGAN_RUNS": str(root), "GRADIO_SERVER_PORT": str(port), "DCGAN_DEVICE": "cpu", "SPACE_ID": ""}
    return [sys.executable, "gradio_app.py"], port, environment


def strip_bytes(page) -> bytes:
    """Return the PNG that the page shows as its strip."""
    return page.request.get(strip_address(page)).body()


def strip_address(page) -> str:
    """Return the whole address of the strip on a page or in a frame."""
    return page.get_by_alt_text("All frames, in order").evaluate("element => element.src")


def shared_link(page) -> str:
    return page.locator("#share-link textarea, #share-link input").input_value()


def test_a_shared_link_shows_the_same_pixels_in_another_browser(page, chromium, tmp_path):
    run = record_run(tmp_path / "runs")
    with serving(*demo(tmp_path / "runs", free_port())) as url:
        page.goto(f"{url}?v=1&model={run.name}&a=3&b=5&n=6&path=lerp&t=0.5")
        page.get_by_text("seed 3 to 5, 6 frames").wait_for()
        page.get_by_label("Seed B").fill("1000")
        page.get_by_text("seed 3 to 1000, 6 frames").wait_for()
        wait_until(page, lambda: "b=1000" in page.evaluate("location.href"))
        link = shared_link(page)
        assert link == page.evaluate("location.href")
        assert "n=6&path=lerp&t=0.5" in link
        mine = strip_bytes(page)
        opened = ShareLink.from_query(dict(parse_qsl(urlsplit(link).query)))[0]
        assert mine == render(opened, load_generator(run.path)).strip_png

        other = chromium.new_context().new_page()
        other.set_default_timeout(180_000)
        other.goto(link)
        other.get_by_text(SAME_PIXELS).wait_for()
        assert strip_bytes(other) == mine
        other.set_content(f'<iframe src="{link}" width="1200" height="900"></iframe>')
        frame = other.frame_locator("iframe")
        frame.get_by_text(SAME_PIXELS).wait_for()
        framed = other.request.get(strip_address(frame)).body()
        assert framed == mine
        other.context.close()

        page.get_by_role("slider", name="Position t").fill("0.25")
        wait_until(page, lambda: "t=0.25" in shared_link(page))
        page.set_viewport_size({"width": 390, "height": 850})
        page.wait_for_timeout(500)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        page.goto("about:blank")


def test_labels_stay_as_they_are_typed(page, tmp_path):
    root = tmp_path / "runs"
    plain = record_run(root)
    conditional = record_run(root, replace(TINY, model=replace(TINY.model, num_classes=10)))
    with serving(*demo(root, free_port())) as url:
        page.goto(f"{url}?v=1&model={conditional.name}&a=3&b=5&n=4&labels=7&path=slerp&t=0")
        page.get_by_text("seed 3 to 5, 4 frames").wait_for()
        field = page.get_by_label("Labels")
        assert field.input_value() == "7"
        field.fill("")
        wait_until(page, lambda: "labels=3&" in shared_link(page))  # what is drawn where none are named
        assert field.input_value() == ""
        for typed, labels in (("3", "3"), ("3,", "3"), ("3, ", "3"), ("3, 8", "3%2C8"), ("3, 88", "3%2C9")):
            field.press_sequentially(typed[-1])
            wait_until(page, lambda labels=labels: f"labels={labels}&" in shared_link(page))
            page.wait_for_timeout(500)  # an answer that wrote into the field would be there by now
            assert field.input_value() == typed
        page.get_by_text("Labels above 9 are not available for this model").wait_for()
        page.get_by_label("Seed B").fill("6")
        page.get_by_text("seed 3 to 6, 4 frames").wait_for()
        assert field.input_value() == "3, 88"
        field.press("Backspace")
        wait_until(page, lambda: "labels=3%2C8&" in shared_link(page))
        further = page.get_by_label("Further seeds")
        further.fill("57")  # as pasted, in one go
        wait_until(page, lambda: "k=57&" in shared_link(page))
        further.press("Backspace")
        further.press("Backspace")
        wait_until(page, lambda: "k=" not in shared_link(page))
        page.goto(f"{url}?v=1&model={plain.name}&a=3&b=5&n=4&path=slerp&t=0")
        page.get_by_text("seed 3 to 5, 4 frames").wait_for()
        assert not page.get_by_label("Labels").is_visible()
        page.goto("about:blank")


def test_the_demo_opens_a_snapshot_and_notes_each_bad_value(page, tmp_path):
    run = record_run(tmp_path / "runs")
    early = weights_id(load_tensors(run.snapshot_path(2))[0])
    link = ShareLink(model=run.name, weights_id=early, seed_a=3, seed_b=5, frames=4, path="lerp")
    with serving(*demo(tmp_path / "runs", free_port())) as url:
        page.goto(f"{url}?{link.to_query()}")
        # A snapshot's weights are stored in half precision: the same id at every step of a run that never trained.
        page.get_by_text(f"{run.name}, step 0, weights {early}, on cpu: seed 3 to 5").wait_for()
        page.get_by_label("Seed A").fill("4")  # the snapshot is a choice of this page from now on
        page.get_by_text(f"{run.name}, step 0, weights {early}, on cpu: seed 4 to 5").wait_for()
        page.get_by_label("Seed A").fill("-5")
        page.get_by_text("seed_a='-5' is not a whole number in 0..4294967295; 0 is used").wait_for()
        page.goto(f"{url}?model={run.name}&w=0123456789ab&a=-1&b=![](http://192.0.2.1/x.png)")
        page.get_by_text("made with other weights, 0123456789ab").wait_for()
        page.get_by_text("b='![](http://192.0.2.1/x.png)' is not a whole number").wait_for()
        page.goto(f"{url}?model=nobody")
        page.get_by_text("There is no model 'nobody' here; dcgan-mnist is shown.").wait_for()
        page.goto("about:blank")


def test_a_page_around_the_demo_hands_it_a_query(page, tmp_path):
    """The page of a Space shows the demo in a frame, whose address has the query of its own."""
    run = record_run(tmp_path / "runs")
    with serving(*demo(tmp_path / "runs", free_port())) as url:
        around = f'<iframe src="/?model={run.name}&a=3&b=5" width="1200" height="800"></iframe>'
        page.route(f"{url}around", lambda route: route.fulfill(body=around, content_type="text/html"))
        page.goto(f"{url}around")
        frame = page.frame_locator("iframe")
        frame.get_by_text("seed 3 to 5, 16 frames").wait_for()
        frame.get_by_label("Seed B").fill("9")
        box = frame.locator("#share-link textarea")
        wait_until(page, lambda: "b=9&" in box.input_value())
        assert box.input_value().startswith(f"{url}?")
        page.goto("about:blank")


def test_programs_get_the_same_bytes_as_the_page(page, tmp_path):
    from gradio_client import Client

    run = record_run(tmp_path / "runs")
    with serving(*demo(tmp_path / "runs", free_port())) as url:

        def call(endpoint, *arguments, **named):
            # A session a call: between two calls of one session the client can lose the second's answer.
            client = Client(url, verbose=False, download_files=str(tmp_path / "downloads"))
            return client.submit(*arguments, api_name=f"/{endpoint}", **named).result(timeout=60)

        assert {run.name, "dcgan-mnist"} <= {model["name"] for model in call("models")}
        answer = call("interpolate", run.name, 3, 5, 6, "lerp", 0.5, keys="8, 9", loop=True)
        link = ShareLink(model=run.name, seed_a=3, seed_b=5, keys=(8, 9), loop=True, frames=6, path="lerp", t=0.5)
        expected = render(link, load_generator(run.path))
        assert base64.b64decode(answer["strip_png"]) == expected.strip_png
        assert answer["link"] == f"?{expected.link.to_query()}"
        page.goto(url + answer["link"])
        page.get_by_text(SAME_PIXELS).wait_for()
        assert strip_bytes(page) == expected.strip_png
        with page.expect_download() as downloading:
            page.get_by_role("button", name="Strip (PNG)").click()
        assert Path(downloading.value.path()).read_bytes() == expected.strip_png
        output = tmp_path / "opened.png"
        command = [sys.executable, "-m", "dcgan", "open", page.url, "-o", str(output)]
        environment = os.environ | {"DCGAN_RUNS": str(tmp_path / "runs")}
        process = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
        assert SAME_PIXELS in process.stdout, process.stderr
        assert output.read_bytes() == expected.strip_png

        page.get_by_label("number input for Frames").fill("1000000000")
        page.get_by_text("frames='1000000000' is not a whole number in 2..64; 64 is used.").wait_for()
        page.goto("about:blank")
        sheet = call("sample", run.name, "0-3", "")
        with Image.open(io.BytesIO(base64.b64decode(sheet["sheet_png"]))) as image:
            assert image.size == (56, 56)
        with pytest.raises(Exception, match="There is no model"):
            call("sample", "nobody")
        documented = set(re.findall(r'"(\w+)":', (ROOT / "docs" / "demo.md").read_text().split("event: complete")[1]))
        assert documented == set(answer)


def test_a_digit_drawn_with_the_mouse_is_an_end_of_a_walk_in_another_window(page, chromium, tmp_path):
    record_run(tmp_path / "runs", TINY)
    port = free_port()
    with serving(studio_command(port), port, {"DCGAN_RUNS": str(tmp_path / "runs")}) as url:
        page.goto(f"{url}explore?view=Draw+a+digit&run=dcgan-mnist")
        find = page.get_by_role("button", name="Find the nearest image")
        find.wait_for()
        assert find.is_disabled()
        paper = page.locator("canvas.paper")
        draw_a_seven(page, paper)
        page.get_by_role("button", name="Clear").focus()
        page.keyboard.press("Enter")
        assert find.is_disabled()
        assert paper.evaluate(BRIGHTEST) == 0
        draw_a_seven(page, paper)
        assert paper.evaluate(BRIGHTEST) == 255
        find.click()
        page.get_by_role("img", name="The nearest digit that this generator knows").wait_for()
        page.get_by_role("button", name="Use as A").click()
        page.get_by_text("is now A of the walk").wait_for()
        page.get_by_role("button", name="Open the walk").click()
        page.get_by_text("A is your own image").wait_for()
        link = page.url
        page.goto("about:blank")

        other = chromium.new_context().new_page()
        other.set_default_timeout(180_000)
        other.goto(link)
        other.get_by_text("A is your own image").wait_for()
        image = other.locator("canvas.image")
        wait_until(other, lambda: image.evaluate("canvas => canvas.width") == 28)
        shown = image.evaluate(PIXELS)
        other.context.close()
    query = dict(parse_qsl(urlsplit(link).query))
    assert set(query) == {"view", "run", "za"}
    generator = load_generator(CHECKPOINTS / "dcgan-mnist")
    expected = draw_at(ShareLink(z_a=query["za"]), generator, [0.0])[1].flatten()
    # The browser has weights in half precision.
    assert np.abs(np.array(shown) - expected).max() <= 4


PIXELS = """canvas => Array.from(
  canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.filter((_, index) => index % 4 === 0)
)"""
BRIGHTEST = f"canvas => Math.max(...({PIXELS})(canvas))"


def draw_a_seven(page, paper) -> None:
    """Draw with the mouse: along the top, then down."""
    (first, *others) = [(70, 70), (185, 70), (150, 130), (115, 200)]
    paper.hover(position={"x": first[0], "y": first[1]})  # once it lies still
    box = paper.bounding_box()
    page.mouse.down()
    for x, y in others:
        page.mouse.move(box["x"] + x, box["y"] + y, steps=8)
    page.mouse.up()


def test_a_tap_switches_a_channel_off_and_another_one_chooses_a_pixel(page, tmp_path):
    """By mouse, by keyboard, and in quick succession; the address then opens the same view."""
    run = record_run(tmp_path / "runs", replace(TINY, model=replace(TINY.model, width_g=4)))
    port = free_port()
    with serving(studio_command(port), port, {"DCGAN_RUNS": str(tmp_path / "runs"), "SPACE_ID": ""}) as url:
        page.goto(f"{url}explore?run={run.name}&view=Inside+the+generator&order=number")
        maps = page.get_by_role("group", name="The maps of this layer").get_by_role("button")
        maps.nth(3).click()
        page.get_by_text("1 of 16 channels are off").wait_for()
        for place in (4, 5, 6):
            maps.nth(place).click()
        page.get_by_text("4 of 16 channels are off").wait_for()
        maps.nth(4).press("Enter")
        page.get_by_text("3 of 16 channels are off").wait_for()
        pixels = page.get_by_role("group", name="The output. Tap a pixel to see its sum.").get_by_role("button")
        assert pixels.count() == 49
        pixels.nth(24).click()
        page.get_by_text("Output (3, 3) =").wait_for()
        wait_until(page, lambda: "row=3" in page.url and "off=3" in page.url)
        page.set_viewport_size({"width": 390, "height": 800})
        page.reload()
        page.get_by_text("3 of 16 channels are off").wait_for()
        assert [maps.nth(place).get_attribute("aria-pressed") for place in range(3, 7)] == [
            "true",
            "false",
            "true",
            "true",
        ]
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        page.goto("about:blank")
