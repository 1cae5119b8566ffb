"""Take the README's screenshot of the studio, docs/studio.png. `python benchmarks/screenshot.py`.

It shows the Compare page with gan-mnist beside dcgan-mnist. Needs Chromium (apt install chromium) and playwright
(requirements-dev.txt).
"""

from __future__ import annotations

import argparse
import io
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from app_servers import free_port, started, studio_command
from startup import CHROMIUM, ROOT, wait_for_answer

ADDRESS = "compare?left=gan-mnist&right=dcgan-mnist"
WINDOW = (1600, 1000)
"""Pixels of the browser's window: both grids fit into it."""
SIZE = (1280, 800)
"""Pixels of the picture."""
COLORS = 128
"""A palette of so many colors makes the file a third as large."""


def main() -> None:
    parser = argparse.ArgumentParser(description="Take the README's screenshot of the studio.")
    parser.add_argument("output", nargs="?", type=Path, default=ROOT / "docs" / "studio.png")
    output = parser.parse_args().output
    with tempfile.TemporaryDirectory() as runs:  # empty, so that the page shows the published runs only
        shot = Image.open(io.BytesIO(take(runs)))
    picture = shot.convert("RGB").resize(SIZE, Image.Resampling.LANCZOS).quantize(COLORS)
    picture.save(output, optimize=True)
    print(f"{output}: {SIZE[0]} x {SIZE[1]} pixels, {output.stat().st_size / 1000:.0f} kB")


def take(runs: str) -> bytes:
    """Return a PNG of the page, from a server that lists only the published runs and those in the folder `runs`."""
    port = free_port()
    command = [*studio_command(port), "--client.toolbarMode=viewer"]
    environment = os.environ | {"DCGAN_RUNS": runs, "DCGAN_ALLOW_TRAINING": "0"}
    with started(command, ROOT, environment, subprocess.DEVNULL) as process:
        wait_for_answer(process, port)
        return photograph(f"http://127.0.0.1:{port}/{ADDRESS}")


def photograph(url: str) -> bytes:
    """Return a PNG of the top of the page, after its pictures and curves are drawn."""
    from playwright.sync_api import sync_playwright

    assert CHROMIUM is not None, "Chromium is missing; apt install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": WINDOW[0], "height": WINDOW[1]}, color_scheme="light")
        page.set_default_timeout(120_000)
        page.goto(url)
        page.locator(".js-plotly-plot").nth(1).wait_for()
        page.get_by_text("Details").wait_for()
        page.wait_for_function("[...document.images].length > 1 && [...document.images].every(e => e.complete)")
        page.wait_for_timeout(2000)  # fonts and fades
        picture = page.screenshot()
        browser.close()
    return picture


if __name__ == "__main__":
    main()
