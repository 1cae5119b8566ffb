"""Time the commands, the start of both apps, and every page of the studio. `python benchmarks/startup.py`.

Commands and apps are whole processes, timed from their start, in turn. An unmeasured first round fills the disk's
cache. Chromium opens each app's page with an empty profile; without a browser that column stays empty. The second
part computes the pages in this process with Streamlit's AppTest, without server and browser.

The script has more than 250 lines because it starts, watches and ends servers and a browser, and then times them.
"""

from __future__ import annotations

import argparse
import functools
import http.client
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from app_servers import DEMO, free_port, started
from timing import alternate, in_turn, machine_line, print_table, spread

from dcgan.pages.parts import catalog

ROOT = Path(__file__).resolve().parent.parent
COMMANDS = {
    'python -c "import dcgan"': [sys.executable, "-c", "import dcgan"],
    "python -m dcgan runs": [sys.executable, "-m", "dcgan", "runs"],
}
PAGES = tuple(entry.name for entry in catalog.PAGES)
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
GIVE_UP_SECONDS = 120
SAMPLE_SECONDS = 0.02


class App(NamedTuple):
    """A server. {port} in its environment is replaced; `image` begins its main content's alt text."""

    command: list[str]
    environment: dict[str, str]
    image: str


APPS = {
    "streamlit_app.py": App(
        [sys.executable, "-m", "streamlit", "run", "streamlit_app.py", "--server.headless=true"],
        {"STREAMLIT_SERVER_PORT": "{port}", "STREAMLIT_SERVER_ADDRESS": "127.0.0.1"},
        "Samples of the plain GAN beside the DCGAN's",
    ),
    "gradio_app.py": App([*DEMO], {"GRADIO_SERVER_PORT": "{port}"}, "All frames, in order"),
}


class Started(NamedTuple):
    """Seconds since the start of the process until the first answer and until the page is painted (None without a
    browser), and the peak memory in MiB."""

    answered: float
    painted: float | None
    mib: float


# Memory


def tree_mib(pid: int) -> float:
    """Return the resident memory of a process and its children, from /proc. Shared pages count for each process."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        children = [child for task in tasks for child in (task / "children").read_text().split()]
    except OSError:
        return 0.0  # the process has ended, or /proc does not exist
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20 + sum(tree_mib(int(child)) for child in children)


@contextmanager
def watching(pid: int) -> Iterator[list[float]]:
    """Yield a list with one number, which grows to the peak memory (MiB) until the block ends."""
    peak, ended = [0.0], threading.Event()

    def look() -> None:
        while not ended.wait(SAMPLE_SECONDS):
            peak[0] = max(peak[0], tree_mib(pid))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield peak
    finally:
        ended.set()
        thread.join()


# Processes


def run(command: list[str]) -> Started:
    """Run a command until it ends."""
    started = time.perf_counter()
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) as process, watching(process.pid) as peak:
        code = process.wait()
        seconds = time.perf_counter() - started
    assert code == 0, f"{command} ended with {code}"
    return Started(seconds, None, peak[0])


def serve(app: App, browser: Any) -> Started:
    """Run an app until its page is painted, then end it."""
    port = free_port()
    environment = {name: value.format(port=port) for name, value in app.environment.items()}
    log = subprocess.DEVNULL
    start = time.perf_counter()
    with started(app.command, ROOT, os.environ | environment, log) as process, watching(process.pid) as peak:
        wait_for_answer(process, port)
        answered = time.perf_counter() - start
        painted = None
        if browser is not None:
            see(browser, f"http://127.0.0.1:{port}/", app.image)
            painted = time.perf_counter() - start
    return Started(answered, painted, peak[0])


def wait_for_answer(process: subprocess.Popen, port: int) -> None:
    """Wait until the server answers with 200."""
    started = time.perf_counter()
    while True:
        assert process.poll() is None, f"{process.args} ended with {process.returncode}"
        assert time.perf_counter() - started < GIVE_UP_SECONDS, f"{process.args} does not answer"
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=GIVE_UP_SECONDS)
        try:
            connection.request("GET", "/")
            if connection.getresponse().status == 200:
                return
        except (OSError, http.client.HTTPException):
            time.sleep(0.01)  # the server does not listen yet
        finally:
            connection.close()


def see(browser: Any, url: str, image: str) -> None:
    """Open the address with an empty profile, and wait until the picture of that alt text is decoded."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(1000 * GIVE_UP_SECONDS)
    page = context.new_page()
    page.goto(url)
    picture = page.get_by_alt_text(image).first
    picture.wait_for()
    page.wait_for_function("e => e.complete && e.naturalWidth > 0", arg=picture.element_handle())
    context.close()


@contextmanager
def chromium() -> Iterator[Any]:
    """Yield the browser, or None without one. Its own start is not part of any time."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        sync_playwright = None
    if CHROMIUM is None or sync_playwright is None:
        print("No Chromium or no playwright here (apt install chromium; requirements-dev.txt): no page is opened.")
        yield None
        return
    arguments = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield browser
        browser.close()


# Pages


def render_page(name: str) -> None:
    """Compute a page for a new visitor."""
    from streamlit.testing.v1 import AppTest

    app = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=GIVE_UP_SECONDS)
    app.switch_page(f"dcgan/pages/{name}.py").run()
    assert not app.exception, app.exception[0].stack_trace


def main() -> None:
    parser = argparse.ArgumentParser(description="Time the commands, both apps and every page.")
    parser.add_argument("--rounds", type=int, default=5, help="measured rounds (default: 5)")
    parser.add_argument("--quick", action="store_true", help="one round and two pages, to test that everything runs")
    options = parser.parse_args()
    rounds = 1 if options.quick else options.rounds
    print(machine_line())
    with ExitStack() as stack:
        # The folder of runs is empty, so the pages show the published runs.
        os.environ["DCGAN_RUNS"] = stack.enter_context(tempfile.TemporaryDirectory())
        os.environ.pop("SPACE_ID", None)
        browser = stack.enter_context(chromium())
        calls = {name: functools.partial(run, command) for name, command in COMMANDS.items()}
        calls |= {f"{name}, server": functools.partial(serve, app, browser) for name, app in APPS.items()}
        if not options.quick:
            in_turn(calls, 1)
        print_processes(in_turn(calls, rounds), rounds)
        print_pages(PAGES[:2] if options.quick else PAGES, rounds)


def print_processes(results: dict[str, list[Started]], rounds: int) -> None:
    rows = []
    for name, starts in results.items():
        painted = [start.painted for start in starts if start.painted is not None]
        answered = spread((start.answered for start in starts), 2)
        peak = max(start.mib for start in starts)
        rows.append([name, answered, spread(painted, 2) if painted else "-", f"{peak:,.0f}"])
    title = f"Whole processes, {rounds} rounds, in turn"
    print_table(title, ["process", "done, or first answer, s", "page painted, s", "memory, MiB"], rows)
    print("\nMemory: the peak resident memory of the process and its children (from /proc, on Linux only).")


def print_pages(pages: Sequence[str], rounds: int) -> None:
    # This logger would warn for every page that there is no server.
    logging.getLogger("streamlit.runtime.scriptrunner_utils.script_run_context").disabled = True
    from dcgan.training import time_estimate

    time_estimate.measure_in_background = lambda configs: None  # the Train page's estimates would take processor time
    first = {}
    for name in pages:
        started = time.perf_counter()
        render_page(name)
        first[name] = time.perf_counter() - started
    again = alternate({name: functools.partial(render_page, name) for name in pages}, rounds)
    rows = [[n, f"{1000 * first[n]:,.0f}", spread((1000 * t for t in again[n]), 0)] for n in pages]
    print_table(
        f"Pages, computed in this process, {rounds} rounds, in turn", ["page", "first, ms", "again, ms"], rows
    )
    print("\nFirst: the first visitor of the process, in this order, with the imports of that page.")


if __name__ == "__main__":
    main()
