"""A page in Chromium that can import the modules of dcgan/web."""

from __future__ import annotations

import base64
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from static_files import serving_files

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class Module:
    """The exports of a module of dcgan/web, called from Python."""

    def __init__(self, page: Any, address: str) -> None:
        self.page = page
        self.address = address

    def call(self, body: str, argument: Any = None) -> Any:
        """Return what a function body returns in the page. It may use `web(NAME)`, a module, and `argument`."""
        return self.page.evaluate(
            "async ([address, body, argument]) => {"
            "  const web = (name) => import(`${address}/dcgan/web/${name}.js`);"
            "  const AsyncFunction = (async () => {}).constructor;"
            "  return new AsyncFunction('web', 'address', 'argument', body)(web, address, argument);"
            "}",
            [self.address, body, argument],
        )

    def numbers(self, body: str, dtype: str, argument: Any = None) -> np.ndarray:
        """Return the typed array that a function body returns, flat."""
        text = self.call(
            f"const values = await (async () => {{{body}}})();"
            "const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);"
            "let text = '';"
            "for (let at = 0; at < bytes.length; at += 32768) {"
            "  text += String.fromCharCode(...bytes.subarray(at, at + 32768));"
            "}"
            "return btoa(text);",
            argument,
        )
        return np.frombuffer(base64.b64decode(text), dtype)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    if CHROMIUM is None and not os.environ.get("CI"):
        pytest.skip("no Chromium here: apt install chromium")
    from playwright.sync_api import sync_playwright

    assert CHROMIUM, "no Chromium here: apt install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-sync"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def web(browser) -> Iterator[Module]:
    with serving_files(ROOT) as address:
        page = browser.new_page()
        page.set_default_timeout(600_000)
        page.goto(f"{address}/dcgan/web/tsconfig.json")  # any page of the server: it only has to allow imports
        yield Module(page, address)


@pytest.fixture
def open_page(browser):
    """Return a function that opens an address and returns the page. Errors and foreign requests fail the test."""
    complaints: list[str] = []
    contexts = []

    def open_page(address: str, **options: Any):
        options = {"viewport": {"width": 1280, "height": 900}} | options
        context = browser.new_context(offline=address.startswith("file:"), **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(180_000)
        page.on("console", lambda message: message.type == "error" and complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(dialog.message) or dialog.dismiss())
        local = (address.split("?")[0].rpartition("/")[0], "data:", "blob:")
        page.on("request", lambda request: request.url.startswith(local) or complaints.append(request.url))
        page.goto(address)
        page.locator("#studio").wait_for()
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []
