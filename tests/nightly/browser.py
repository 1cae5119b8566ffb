"""Show markup from outside, and open hostile addresses, in a real browser.

Runs on the disk have names, notes and errors that would be a script, a picture from elsewhere or a link if a page
read them as markup. Addresses have such values too. No script may run, no request may leave this machine, and each
page must still work.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from nightly.apps import App, Apps, planted_apps, traces
from nightly.attack import Row, Setting
from recorded import record_run, score_row
from servers import CHROMIUM, CHROMIUM_ARGUMENTS

from dcgan.runs.run import Run

OUTSIDE = "192.0.2.1"
"""An address that belongs to nobody (RFC 5737)."""
MARKUP = (
    "<script>window.attacked=1;alert(1)</script>",
    '<img src=x onerror="window.attacked=1;alert(1)">',
    "<svg onload=window.attacked=1>",
    f"<img src=//{OUTSIDE}/x.png>",
    f"![picture](http://{OUTSIDE}/x.png)",
    f"[link](http://{OUTSIDE}/) <http://{OUTSIDE}/> https://{OUTSIDE}/ www.{OUTSIDE}.example",
    "[link](javascript:window.attacked=1)",
    '<a href="javascript:window.attacked=1">link</a>',
    "javascript:window.attacked=1",
    "data:text/html,<script>parent.attacked=1</script>",
    f'<iframe src="http://{OUTSIDE}/"></iframe><link rel=stylesheet href="http://{OUTSIDE}/x">',
    f"<style>@import url(http://{OUTSIDE}/x.css);</style>",
    '"><script>window.attacked=1</script>',
    "';window.attacked=1;'",
    "{{constructor.constructor('window.attacked=1')()}} ${window.attacked=1}",
    f"$\\href{{javascript:window.attacked=1}}{{x}}$ $\\includegraphics{{http://{OUTSIDE}/x}}$",
    ":material/home: :red[text] :smile: # heading\n- list\n\n```\ncode",
    "\u202egnp.exe\u2066\u200b\ufeff\u2069",
    "\x1b[31m\x00\x07",
    "A" * 10_000,
    "<b>" * 3_000,
    "\U0001f469\u200d\U0001f4bb" * 200,
)
NUMBERS = ("-1", "1e999", "nan", "9" * 400, "0x10", "\u0663", "1.5", "true", "null", "[]", "")
"""Values for widgets with a number."""
EXPLORE_KEYS = (
    "seeds",
    "count",
    "first",
    "psi",
    "labels",
    "cross",
    "numbers",
    "va",
    "vb",
    "vc",
    "label",
    "a",
    "b",
    "n",
    "path",
    *("za", "zb", "labelb", "nearest", "by", "start", "advice", "steps", "one", "layer", "order", "off"),
    *("inputs", "kernel", "stride", "padding", "row", "column", "source", "digit", "among", "origin"),
    *("slant", "thickness", "width", "height", "hide", "tour"),
    *(f"like{digit}" for digit in range(10)),
    *(f"unnamed{number}" for number in range(1, 9)),
)
STUDIO_PAGES = {
    "": ("play",),
    "train": ("run", "preset"),
    "compare": ("left", "right", "align", "at", "inspect", "seed", "size", "reverse", "smoothing", "log"),
    "explore": ("run", "size", "reverse", "view", *EXPLORE_KEYS),
    "step": ("run", "from", "learns", "lr_g", "lr_d"),
    "architectures": ("left", "right"),
}
"""Page of the studio -> keys of its address."""
DEMO_KEYS = ("model", "w", "a", "b", "n", "k", "labels", "path", "t", "loop", "v")
FORBIDDEN = (
    f"a[href*='{OUTSIDE}'], img[src*='{OUTSIDE}'], iframe[src*='{OUTSIDE}'], link[href*='{OUTSIDE}'], "
    "a[href^='javascript:' i], [onerror], [onload]"
)
LOAD_SECONDS = 300.0
"""Other work may share the cores."""


@dataclass
class Watch:
    """What the browser did that it must not do."""

    complaints: list[str] = field(default_factory=list)

    def take(self) -> list[str]:
        """Return the complaints so far, and forget them."""
        taken, self.complaints = self.complaints, []
        return taken


def attack(setting: Setting) -> Iterator[Row]:
    """Yield a row for each app: markup in runs, and hostile addresses."""
    if CHROMIUM is None:
        yield Row("markup and addresses in a browser", 0, skipped="there is no Chromium here")
        return
    with setting.using(planted_apps) as apps, browser_page() as (page, watch):
        names = hostile_runs(apps.place.runs, setting.random("runs"), count=setting.cases(quick=3, long=len(MARKUP)))
        yield attack_studio(setting, apps, names, page, watch)
        yield attack_demo(setting, apps, names, page, watch)


def attack_studio(setting: Setting, apps: Apps, names: Sequence[str], page: Any, watch: Watch) -> Row:
    """Open each page of the studio with hostile runs and addresses."""
    app, chance = apps.start("studio"), setting.random("studio")
    addresses = [f"train?{urlencode({'run': name})}" for name in names]
    addresses += [f"compare?{urlencode({'left': names[0], 'right': names[-1]})}", "train", "explore"]
    addresses += [quote(chance.choice(MARKUP), safe="") for _ in range(setting.cases(quick=1, long=20))]
    pages = list(STUDIO_PAGES)
    for index in range(setting.cases(quick=5, long=300)):
        name = pages[index % len(pages)]
        addresses.append(f"{name}?{hostile_query(STUDIO_PAGES[name], chance)}")
    start = app.log.stat().st_size
    failures = opened(page, watch, app.url, addresses, ready=studio_is_ready)
    failures += left_by(app, page, start)
    return Row("markup and addresses, studio in a browser", len(addresses), tuple(failures))


def attack_demo(setting: Setting, apps: Apps, names: Sequence[str], page: Any, watch: Watch) -> Row:
    """Open the demo with hostile runs and addresses."""
    app, chance = apps.start("demo"), setting.random("demo")
    addresses = ["?", *(f"?{urlencode({'model': name, 'a': 3})}" for name in names)]
    addresses += [f"?{hostile_query(DEMO_KEYS, chance)}" for _ in range(setting.cases(quick=3, long=200))]
    start = app.log.stat().st_size
    failures = opened(page, watch, app.url, addresses, ready=demo_is_ready)
    failures += typed(page, watch, chance, count=setting.cases(quick=1, long=len(MARKUP)))
    failures += left_by(app, page, start)
    return Row("markup and addresses, demo in a browser", len(addresses), tuple(failures))


def hostile_query(keys: Sequence[str], chance: random.Random) -> str:
    """Return a query with hostile values for some of the keys, and for a key that is itself hostile."""
    values: list[tuple[str, str]] = []
    for key in chance.sample(keys, min(len(keys), chance.randint(1, 4))):
        values.append((key, chance.choice(MARKUP + NUMBERS)))
    if chance.random() < 0.3:
        values.append((chance.choice(MARKUP)[:200], chance.choice(MARKUP)))
    return urlencode(values)


def hostile_runs(root: Path, chance: random.Random, *, count: int) -> list[str]:
    """Record runs whose names and files are markup; return their names."""
    names = []
    for index, text in enumerate([MARKUP[1], MARKUP[2], *chance.sample(MARKUP, count)][:count]):
        run = record_run(root)
        name = text.replace("/", "\u2215").replace("\x00", "")[:60].strip() or "x"
        run = Run(run.path.rename(run.path.with_name(f"{name}{index}")))
        fill(run, text)
        names.append(run.path.name)
    return names


def fill(run: Run, text: str) -> None:
    """Write the text wherever a run's files have a text that a page shows."""
    status = json.loads(run.status_path.read_text())
    status |= {"state": "failed", "error": text, "notes": [text, f"not scored: {text}"]}
    status["environment"] = {"device": text, "threads": text, "torch": text}
    run.write_text("status.json", json.dumps(status))
    config = json.loads(run.config_path.read_text())
    config |= {"preset": text, "created": text}
    config["config"]["data"]["name"] = f"folder:{text}"
    run.write_text("config.json", json.dumps(config))
    run.process_log_path.write_text(text, encoding="utf-8")
    run.log_path.write_text(text, encoding="utf-8")
    for step in (2, 4):
        run.append_score(score_row(step, classifier=text, classifier_hash=text))
    scores = {"classifier": text, "classifier_hash": text, "num_images": 100, "step": 4, "seed": 0, "cfd": 3.5}
    run.append_eval(scores | {"weights_id": text, "coverage": 0.5})


@contextmanager
def browser_page() -> Iterator[tuple[Any, Watch]]:
    """Yield a page of a browser that notes scripts, dialogs, errors and requests to other machines."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
        try:
            page = browser.new_page(viewport={"width": 1000, "height": 700})
            page.set_default_timeout(1000 * LOAD_SECONDS)
            yield page, watched(page)
        finally:
            browser.close()


def watched(page: Any) -> Watch:
    """Return what a page of a browser does from now on that it must not do."""
    watch = Watch()

    def route(route: Any) -> None:
        if is_here(route.request.url):
            route.continue_()
        else:
            watch.complaints.append(f"a request to {route.request.url[:200]}")
            route.abort()

    def dialog(dialog: Any) -> None:
        watch.complaints.append(f"a dialog: {dialog.message[:200]}")
        dialog.dismiss()

    def console(message: Any) -> None:
        if message.type == "error" and ("Uncaught" in message.text or "TypeError" in message.text):
            watch.complaints.append(f"the console: {message.text[:300]}")

    page.context.route("**/*", route)
    page.on("dialog", dialog)
    page.on("pageerror", lambda error: watch.complaints.append(f"an error of the page: {str(error)[:300]}"))
    page.on("console", console)
    return watch


def is_here(url: str) -> bool:
    """Return whether an address is on this machine or within the page."""
    return url.startswith(("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:", "about:"))


def opened(page: Any, watch: Watch, url: str, addresses: Sequence[str], *, ready: Any) -> list[str]:
    """Open each address, and return a sentence for each thing that must not happen."""
    failures = []
    for address in addresses:
        try:
            page.goto(url + address, wait_until="domcontentloaded")
            ready(page)
            found = problems(page)
        except Exception as error:  # the browser's own error type, which is imported with it
            found = [f"the page does not work: {str(error)[:300]}"]
        failures += [f"{address[:200]}: {text}" for text in [*found, *watch.take()]]
    return failures


def problems(page: Any) -> list[str]:
    """Return a sentence for each script that ran, each element that markup made, and each trace on the page."""
    found = []
    for frame in page.frames:
        if frame.evaluate("typeof window.attacked !== 'undefined'"):
            found.append("a script ran")
    elements = page.evaluate(
        "selector => [...document.querySelectorAll(selector)].map(one => one.outerHTML.slice(0, 200))", FORBIDDEN
    )
    found += [f"markup became {element}" for element in elements]
    text = page.inner_text("body")
    if "Traceback (most recent call last)" in text:
        found.append("a traceback is on the page")
    if page.locator("[data-testid=stException]").count():
        found.append(f"an exception is on the page: {page.locator('[data-testid=stException]').first.inner_text()}")
    return found


def studio_is_ready(page: Any) -> None:
    """Wait until the script of the page has ended, and check that its title is there."""
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()
    page.locator("h1").first.wait_for()


def demo_is_ready(page: Any) -> None:
    """Wait until the demo shows frames."""
    page.get_by_alt_text("All frames, in order").wait_for()


def typed(page: Any, watch: Watch, chance: random.Random, *, count: int) -> list[str]:
    """Type markup into a field of the demo, and return a sentence for each thing that must not happen."""
    failures = []
    for text in chance.sample(MARKUP, count):
        page.get_by_label("Further seeds").fill(text.replace("\x00", "")[:2000])
        page.wait_for_timeout(1500)
        failures += [f"typed {text[:100]!r}: {problem}" for problem in [*problems(page), *watch.take()]]
    return failures


def left_by(app: App, page: Any, start: int) -> list[str]:
    """Leave the app, and return a sentence if it ended, or its output has a traceback from byte `start` on."""
    page.goto("about:blank")
    code = app.process.poll()
    return [*([] if code is None else [f"the {app.name} ended with {code}"]), *traces(app.log, start)]
