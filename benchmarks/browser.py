"""Time the generators in the browser, and the static page while a visitor drags. `python benchmarks/browser.py`.

The first table has the milliseconds of one image and of a strip of 64 frames, on the thread of the page. The second
has what a visitor sees of the built page, opened from a file: frames a second, the longest frame, images a second.
Chromium runs without a window.
"""

from __future__ import annotations

import argparse
import functools
import http.server
import shutil
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from timing import machine_line, print_table, spread

from dcgan.publishing.page import single_page
from dcgan.runs.run import Run

ROOT = Path(__file__).resolve().parent.parent
MODELS = ("dcgan-mnist", "dcgan-best-mnist", "cdcgan-mnist", "gan-mnist")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

DRAW = """
async ([address, file, rounds]) => {
  const { TrainedGenerator, readLink, drawAt } = await import(`${address}/dcgan/web/generator.js`);
  const { positions } = await import(`${address}/dcgan/web/latents.js`);
  const generator = TrainedGenerator.read(await (await fetch(`${address}/${file}`)).arrayBuffer());
  const label = generator.weightsOfLabel(3);
  const { link } = readLink("?v=1&model=x&a=7&b=42&n=64&path=slerp&t=0&labels=3");
  const [one, strip] = [[], []];
  const timed = (times, call) => {
    const start = performance.now();
    call();
    times.push(performance.now() - start);
  };
  for (let round = 0; round < rounds + 30; round += 1) {
    const z = generator.latent(round);
    timed(one, () => generator.draw([z], label && [label]));
  }
  const rows = positions(64, false);
  for (let round = 0; round < rounds / 10 + 3; round += 1) timed(strip, () => drawAt(link, generator, rows));
  return [one.slice(30), strip.slice(3)];
}
"""
"""The first calls are left out: the engine compiles what runs often."""

DRAG = """
async (frames) => {
  const slider = document.getElementById("t");
  let images = 0;
  new MutationObserver(() => { images += 1; }).observe(document.getElementById("image"), { attributes: true });
  const next = () => new Promise(requestAnimationFrame);
  const times = [await next()];
  for (let frame = 1; frame <= frames; frame += 1) {
    slider.value = frame / frames;
    slider.dispatchEvent(new Event("input"));
    times.push(await next());
  }
  const gaps = times.slice(1).map((time, index) => time - times[index]);
  return [frames / (times[frames] - times[0]) * 1000, Math.max(...gaps), images / (times[frames] - times[0]) * 1000];
}
"""


class QuietFiles(http.server.SimpleHTTPRequestHandler):
    """Plain files without a log."""

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Serve a folder on this machine and yield its address."""
    handler = functools.partial(QuietFiles, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--quick", action="store_true", help="few rounds, to see that it works")
    options = parser.parse_args(arguments)
    rounds = 20 if options.quick else options.rounds
    if CHROMIUM is None:
        sys.exit("no Chromium here: apt install chromium")
    from playwright.sync_api import sync_playwright

    print(machine_line())
    runs = [Run(ROOT / "checkpoints" / name) for name in MODELS]
    with sync_playwright() as playwright, serving(ROOT) as address, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-sync"])
        page = browser.new_page()
        page.set_default_timeout(600_000)
        page.goto(f"{address}/dcgan/web/tsconfig.json")
        rows = []
        for run in runs:
            one, strip = page.evaluate(DRAW, [address, str(run.weights_path.relative_to(ROOT)), rounds])
            rows.append([run.name, spread(one, 2), spread(strip, 1)])
        print_table(f"{browser.version}, milliseconds", ["model", "one image", "64 frames"], rows)
        rows = []
        for run in runs[:2]:
            file = Path(folder) / "page.html"
            file.write_bytes(single_page([run]))
            page.goto(file.as_uri())
            page.locator("#strip[aria-label]").wait_for()
            drags = [page.evaluate(DRAG, 30 if options.quick else 180) for _ in range(3)]
            rows.append([run.name, *(spread(values, 1) for values in zip(*drags, strict=True))])
        print_table("Dragging", ["page", "frames/s", "longest frame (ms)", "images/s"], rows)
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
