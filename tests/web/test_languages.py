"""The static page in Vietnamese, in Chinese, and in a language whose texts are all marked."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from page_texts import FILES, WEB, seen_texts, texts_of
from recorded import CONDITIONAL, TINY, record_run
from static_files import serving_files
from web_pages import query_of, until

from dcgan.config import DataConfig
from dcgan.publishing.page import page_files, single_page
from dcgan.runs.run import Run
from dcgan.sampling.link import ShareLink

pytestmark = [pytest.mark.browser, pytest.mark.slow]
TAGS = {"en": "en", "vi": "vi", "zh": "zh-Hans"}
NAMES = {"English", "Tiếng Việt", "简体中文", "Language · Ngôn ngữ · 语言"}
"""Names of languages, which stay as they are."""


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> list[Run]:
    root = tmp_path_factory.mktemp("runs")
    other = replace(CONDITIONAL, data=DataConfig(name="folder:/home/me/pics"))
    return [record_run(root, TINY), record_run(root, other, "named")]


def written(folder: Path, runs: list[Run], web: Path = WEB) -> Path:
    """Write a page into a folder, and return the folder."""
    for name, content in page_files(runs, web=web).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture(scope="module")
def address(runs, tmp_path_factory) -> Iterator[str]:
    with serving_files(written(tmp_path_factory.mktemp("site"), runs)) as address:
        yield f"{address}/"


@pytest.fixture(scope="module")
def marked_site(runs, tmp_path_factory) -> Path:
    """Return the folder of a page whose Vietnamese texts are long, accented and in brackets."""
    web = shutil.copytree(WEB, tmp_path_factory.mktemp("marked") / "web")
    accented = str.maketrans("aeiouAEIOU", "ầễịộựẨỄỈỖỮ")
    rows = []
    for name, text in texts_of("en").items():
        # Values stay: they are names in braces.
        parts = [part if part[:1] == "{" else part.translate(accented) for part in re.split(r"(\{\w+\})", text)]
        marked = f"⟦{''.join(parts)}{' ộự' * (len(text) // 8)}⟧"
        rows.append(f"  {name}: {json.dumps(marked, ensure_ascii=False)},\n")
    (web / FILES["vi"]).write_text(f"export const VIETNAMESE = {{\n{''.join(rows)}}};\n", encoding="utf-8")
    return written(tmp_path_factory.mktemp("marked-site"), runs, web)


def visit_views(page: Any, other: str) -> Iterator[str]:
    """Show one view after another, with captions, notes and answers; yield the name of each.

    The last one shows the model `other`, which is conditional.
    """
    page.locator("#strip[aria-label]").wait_for()
    page.locator("#frames").fill("1")
    page.locator("#frames").press("Tab")
    page.locator("#keys").fill("x")
    page.locator("#keys").press("Tab")
    page.locator("#copy").click()
    until(page, "document.getElementById('copied').textContent !== ''")
    yield "walk"
    page.locator("#tab-time").click()
    page.locator("#grid[aria-label]").wait_for()
    page.locator("#play-time").click()
    yield "time"
    page.locator("#tab-map").click()
    page.locator("#plane[aria-label]").focus()
    page.keyboard.press("Enter")
    yield "map"
    page.locator("#tab-quiz").click()
    page.locator("#left:enabled").click()
    yield "quiz"
    page.locator("#model").select_option(other)
    page.locator("#tab-walk").click()
    page.locator("#labels").fill("9, x")
    page.locator("#labels").press("Tab")
    until(page, "document.getElementById('labels-note').textContent !== ''")
    yield "labels"


def is_name(text: str, runs: list[Run]) -> bool:
    return text in NAMES or text in {run.name for run in runs} or re.fullmatch(r"[\d.]+", text) is not None


@pytest.mark.parametrize("code", ["vi", "zh"])
def test_every_text_of_all_views_is_in_the_language(open_page, address, runs, code):
    patterns = [re.sub(r"\\\{\w+\\\}", ".+", re.escape(text)) for text in texts_of(code).values()]
    known = re.compile("|".join(patterns), re.DOTALL)
    page = open_page(f"{address}?{ShareLink(model=runs[0].name, labels=(3,)).to_query()}&n=x&more=1&lang={code}")
    assert page.locator("#notes li").count() == 3
    for view in visit_views(page, runs[1].name):
        others = [text for text in seen_texts(page) if not known.fullmatch(text) and not is_name(text, runs)]
        assert others == [], view


def test_no_text_of_the_page_is_hard_coded(open_page, marked_site, runs):
    query = f"{ShareLink(model=runs[0].name, weights_id='0' * 12, labels=(3,)).to_query()}&t=x&more=1&lang=vi"
    with serving_files(marked_site) as address:
        page = open_page(f"{address}/?{query}#view=x&x=y", viewport={"width": 390, "height": 844})
        for view in visit_views(page, runs[1].name):
            others = [text for text in seen_texts(page) if text[0] + text[-1] != "⟦⟧" and not is_name(text, runs)]
            assert others == [], view
            assert page.evaluate("document.documentElement.scrollWidth") <= 390, view


def test_an_error_of_the_worker_is_in_the_language(browser, marked_site, tmp_path):
    copy = shutil.copytree(marked_site, tmp_path / "copy")
    for file in (copy / "weights").iterdir():
        file.write_bytes(file.read_bytes()[:-50])
    with serving_files(copy) as address:
        page = browser.new_page(locale="vi-VN")
        page.set_default_timeout(180_000)
        page.goto(f"{address}/")
        page.locator("#status", has_text="(⟦").wait_for()
        assert [text for text in seen_texts(page) if text[0] + text[-1] != "⟦⟧" and text not in NAMES] == []
        page.close()


@pytest.mark.parametrize(
    ("locale", "query", "code"),
    [("en-US", "", "en"), ("vi-VN", "", "vi"), ("zh-TW", "", "zh"), ("fr-FR", "", "en"), ("vi-VN", "lang=zh", "zh")],
)
def test_the_address_chooses_and_then_the_browser(open_page, address, locale, query, code):
    page = open_page(f"{address}?{query}", locale=locale)
    assert page.evaluate("document.documentElement.lang") == TAGS[code]
    assert page.title() == texts_of(code)["title"]
    page.locator("#loop").check()
    until(page, "location.search.includes('loop=1')")
    assert query_of(page).get("lang") == (code if query else None), "an address has a language that was chosen"
    assert page.locator("#notes li").count() == 0


def test_an_unknown_language_has_one_note(open_page, address, runs):
    page = open_page(f"{address}?{ShareLink(model=runs[0].name).to_query()}&lang=constructor.")
    (note,) = page.locator("#notes li").all_inner_texts()
    assert "lang=" in note
    assert page.evaluate("document.documentElement.lang") == "en"
    until(page, "location.search.includes('w=')")
    assert "lang" not in query_of(page)


def test_the_switch_changes_all_texts_and_keeps_the_view(open_page, address):
    page = open_page(f"{address}#view=quiz&quiz=7", permissions=["clipboard-read", "clipboard-write"])
    page.locator("#left:enabled").click()
    english = page.locator("#quiz-said").inner_text()
    page.locator("#languages button[value=zh]").click()
    chinese = texts_of("zh")
    answers = {texts_of("en")[name]: chinese[name] for name in ("quizRightAnswer", "quizWrongAnswer")}
    assert page.locator("#quiz-said").inner_text() == answers[english]
    assert page.locator("#left-said").inner_text() in (chinese["quizReal"], chinese["quizFake"])
    assert page.locator("#languages button[aria-pressed=true]").all_inner_texts() == ["简体中文"]
    until(page, "location.search.includes('lang=zh')")
    page.locator("#quiz-copy").click()
    until(page, "document.getElementById('quiz-copied').textContent !== ''")
    copied = urlsplit(page.evaluate("navigator.clipboard.readText()"))
    assert parse_qs(copied.query)["lang"] == ["zh"]
    assert set(parse_qs(copied.fragment)) == {"view", "quiz", "from"}
    page.evaluate("location.hash = '#view=walk&lang=vi'")
    until(page, "document.documentElement.lang === 'vi'")


def test_the_address_of_one_file_keeps_the_language(open_page, runs, tmp_path):
    file = tmp_path / "page.html"
    file.write_bytes(single_page(runs[:1]))
    page = open_page(f"{file.as_uri()}?lang=vi")
    assert page.title() == texts_of("vi")["title"]
    page.locator("#languages button[value=zh]").click()
    until(page, "location.href.includes('lang=zh')")
    # Browsers that do not change the query of a file have all of it behind the mark, which is newer.
    for address in (page.url, f"{file.as_uri()}?lang=vi#{urlsplit(page.url).query}"):
        again = open_page(address)
        assert again.title() == texts_of("zh")["title"]
        verdicts = {texts_of("zh")[name] for name in ("sameWeights", "sameWeightsHalf")}
        assert set(again.locator("#notes li").all_inner_texts()) <= verdicts


def test_the_live_view_speaks_the_language_of_the_studio(web):
    body = """
      await web("live");
      const root = document.createElement("div");
      root.innerHTML = argument;
      const spoken = (language) => {
        const data = { link: "", weights: "none", reverse: false, enlarge: 3, language };
        globalThis.dcganLive.showLive({ parentElement: root, data, setTriggerValue: () => {} });
        const stage = root.querySelector(".stage");
        return [stage.lang, root.querySelector(".position").textContent, root.querySelector(".status").textContent];
      };
      return ["vi", "zh", "toString", undefined].map(spoken);
    """
    html = (WEB / "live.html").read_text(encoding="utf-8")
    expected = [[TAGS[code], texts_of(code)["position"], texts_of(code)["loading"]] for code in ("vi", "zh", "en")]
    assert web.call(body, html) == [*expected, expected[-1]]
