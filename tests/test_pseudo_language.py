"""Each page and view in the pseudo-language: plain English is a text that cannot be translated."""

from __future__ import annotations

import json
import os
import re
from urllib.parse import quote_plus

import pytest
from nightly.browser import studio_is_ready
from pseudo_language import CODE, pseudo, write_pseudo_catalog
from servers import CHROMIUM, CHROMIUM_ARGUMENTS, free_port, served, studio_command

from dcgan.config import TrainConfig
from dcgan.fields import config_fields
from dcgan.pages.parts.hidden import CONTROLS
from dcgan.presets import PRESETS
from dcgan.runs.listing import list_runs
from dcgan.runs.scores import SCORES

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        CHROMIUM is None and not os.environ.get("CI"), reason="no Chromium here: apt install chromium"
    ),
]

VIEWS = (
    *("Samples", "Live", "Time machine", "Vector arithmetic"),
    *("What D tells G", "Draw an image", "Named sliders", "Inside the generator"),
)
"""Of the page Explore."""

STUDIO = {
    "home": "?tour=1",
    "train": "train?run=dcgan-mnist",
    "compare": "compare?left=gan-mnist&right=dcgan-mnist",
    "compare with details": "compare?left=mode-collapse&right=cdcgan-mnist&inspect=true",
    **{f"explore {view}": f"explore?run=dcgan-mnist&view={quote_plus(view)}" for view in VIEWS},
    "explore a conditional run": "explore?run=cdcgan-mnist&view=Samples",
    "step": "step?run=dcgan-mnist",
    "architectures": "architectures",
    "an address with mistakes": "explore?run=nothing&view=none&a=-1&unknown=1&hide=nothing",
}

VISIBLE_TEXTS = """() => {
  const texts = [];
  const skipped = "script, style, code, pre, kbd, .katex, [data-testid=stIconMaterial], [data-testid=stToolbar], "
    + "[data-testid=stStatusWidget], [data-testid=stFileUploaderDropzone], .modebar, footer, "
    + "[role=img][aria-label$=' icon'], [translate=no], [data-testid=stWidgetLabel] + *[aria-hidden]";
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const parent = node.parentElement;
    if (!parent || parent.closest(skipped)) continue;
    const box = parent.getBoundingClientRect();
    if (box.width > 1 && box.height > 1 && node.data.trim()) texts.push(node.data.trim());
  }
  for (const element of document.querySelectorAll("img[alt]")) texts.push(element.alt);
  for (const element of document.querySelectorAll("input[placeholder], textarea[placeholder]")) {
    if (!element.value && !element.closest("[data-baseweb=select]")) texts.push(element.placeholder);
  }
  return texts;
}"""


def names() -> set[str]:
    """Return the words that are names: they are the same in each language."""
    recorded = list_runs()
    runs = [name for run in recorded for name in (run.name, run.preset)]
    fields = [word for name in config_fields() for word in re.split(r"[._-]", name)]
    configs = [TrainConfig(), *(preset.config for preset in PRESETS.values()), *(run.config() for run in recorded)]
    values = re.findall(r"\w+", repr(configs))
    words = [*runs, *PRESETS, *SCORES, *fields, *values, *(key for keys in CONTROLS.values() for key in keys)]
    return {word.lower() for text in words for word in re.findall(r"[A-Za-z]+", text)} | set(NAMES)


NAMES = (
    *(
        "dcgan",
        "gan",
        "studio",
        "mnist",
        "github",
        "pytorch",
        "adam",
        "python",
        "language",
        "csv",
        "png",
        "gif",
        "cfd",
    ),
    *("lerp", "slerp", "psi", "lang", "sigmoid", "tanh", "relu", "leakyrelu", "conv", "convtranspose", "batchnorm"),
    *("flatten", "unflatten", "dropout", "maxpool", "avgpool", "upsample"),
    *("linear", "deploy", "keras", "cpu", "cuda", "torch", "numpy", "linux", "amd", "epyc", "swd", "kid", "fid"),
    *("rgb", "html", "hub", "hugging", "face", "space", "spaces", "gradio", "streamlit", "unnamed"),
    # Streamlit itself writes it beside a box that must not be empty.
    *("required",),
)


def plain_english(texts: list[str], known: set[str]) -> list[str]:
    """Return the texts with words in plain letters that are not names, and those with three such words in a row."""
    found = []
    for text in texts:
        words = re.findall(r"(?<![\w.+/=?&:#-])[A-Za-z]{3,}(?![\w.+/=?&:#-])", text)
        unknown = [word for word in words if word.lower() not in known]
        accented = re.search(r"[^\x00-\x7f\u2060\u00b7\u00d7\u2192]", text)
        if unknown and (not accented or len(unknown) >= 3):
            found.append(text)
    return found


def test_pseudo_language_keeps_what_is_not_a_word():
    assert pseudo("Seed {name:.2f} of `a b` [x](?v=1)").startswith("Šééđ {name:.2f} óƒ `a b` [ẋ](?v=1)")


def test_plain_english_is_recognized():
    assert plain_english(["Šééđ A", "Seed A", "dcgan-mnist", "Óñé two three four"], {"dcgan", "mnist"}) == [
        "Seed A",
        "Óñé two three four",
    ]


@pytest.fixture(scope="module")
def pseudo_environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("locale")
    write_pseudo_catalog(folder)
    return {"DCGAN_LOCALE": str(folder), "DCGAN_RUNS": str(tmp_path_factory.mktemp("runs")), "OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="module")
def browser_page():
    from playwright.sync_api import sync_playwright

    assert CHROMIUM, "no Chromium here: apt install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
        page = browser.new_page(viewport={"width": 1280, "height": 3000})
        page.set_default_timeout(180_000)
        yield page
        browser.close()


def test_pages_show_no_plain_english(pseudo_environment: dict[str, str], browser_page):
    known, port = names(), free_port()
    found = {}
    with served(studio_command(port), port, pseudo_environment) as (url, _):
        for name, address in STUDIO.items():
            browser_page.goto(f"{url}{address}{'&' if '?' in address else '?'}lang={CODE}")
            studio_is_ready(browser_page)
            if name.startswith("explore"):
                assert browser_page.get_by_role("tab").count() == len(VIEWS)
            if english := plain_english(browser_page.evaluate(VISIBLE_TEXTS), known):
                found[name] = english
    assert not found, json.dumps(found, ensure_ascii=False, indent=1)
