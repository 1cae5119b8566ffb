"""Time what the pages that look into networks compute. `python benchmarks/see_inside.py`.

A view should answer within a second on two cores. The first table has the work behind an answer that no visitor has
asked for before, model by model: nothing of it is cached. The second one has whole pages, by Streamlit's AppTest: the
first visit, and an answer to a changed control.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import logging
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch
from timing import alternate, machine_line, print_table, spread

from dcgan.checkpoint import load_discriminator, load_generator
from dcgan.evaluation.classifier import load_classifier
from dcgan.figures import by_hand
from dcgan.files import CHECKPOINTS
from dcgan.pages.parts.explore_inside import probabilities
from dcgan.sampling.inside import Anatomy
from dcgan.training import critique_sheet as sheets
from dcgan.training.critique import as_in_training

ROOT = Path(__file__).resolve().parent.parent
MODELS = ("dcgan-mnist", "dcgan-best-mnist", "cdcgan-best-mnist", "dcgan-xl-mnist")

PAGES: dict[str, tuple[str, dict[str, str], Callable[[Any, int], object]]] = {
    "What D tells G, other seeds": (
        "explore",
        {"view": "What D tells G"},
        lambda app, turn: app.number_input(key="start").set_value(100 * turn),
    ),
    "Inside the generator, another channel": (
        "explore",
        {"view": "Inside the generator"},
        lambda app, turn: app.text_input(key="off").set_value(str(turn)),
    ),
    "By hand, another kernel": (
        "explore",
        {"view": "Inside the generator"},
        lambda app, turn: app.number_input(key="kernel").set_value(1 + turn % by_hand.MAX_KERNEL),
    ),
    "Draw a digit, another test digit": (
        "explore",
        {"view": "Draw a digit", "source": "Test image"},
        lambda app, turn: app.number_input(key="digit").set_value(turn),
    ),
    "Named sliders, another slant": (
        "explore",
        {"view": "Named sliders"},
        lambda app, turn: app.slider(key="slant").set_value(round(-4 + 0.1 * (turn % 80), 1)),
    ),
    "Nearest training images, other seeds": (
        "explore",
        {"view": "Samples", "nearest": "true"},
        lambda app, turn: app.number_input(key="first").set_value(64 * turn),
    ),
    "Step by step, the next part": ("step", {}, lambda app, turn: app.button(key="next").click()),
    "Step by step, 10 steps": ("step", {}, lambda app, turn: app.button(key="take-10").click()),
}
"""Name -> a page, its address, and what a visitor changes in a turn."""


# The work behind an answer


def work_of(model: str) -> dict[str, Callable[[], object]]:
    """Return calls by name; each call computes for other seeds than the call before."""
    path = CHECKPOINTS / model
    generator, discriminator = load_generator(path), as_in_training(load_discriminator(path)[0])
    anatomy, classifier = Anatomy(generator), load_classifier("mnist")
    real = sheets.real_images(generator.train_config, sheets.NUM_SEEDS, read_own=False)
    turns = itertools.count()
    labels = [0] * 12 if generator.config.num_classes else None

    def seeds(count: int) -> range:
        start = 100 * next(turns)
        return range(start, start + count)

    def sheet() -> sheets.CritiqueSheet:
        return sheets.critique_sheet(generator, discriminator, seeds(sheets.NUM_SEEDS), real)

    scene = sheet().scene
    calls: dict[str, Callable[[], object]] = {
        "D's answers and advice": sheet,
        "5 steps along the advice": lambda: sheets.follow(discriminator, scene, 5),
        "from 5 steps to 20": lambda: sheets.follow(discriminator, scene, 15),
    }
    for layer in anatomy.layers:
        count = anatomy.seeds_for_effects(layer)
        calls[f"effects of {layer.title}"] = functools.partial(
            anatomy.effects,
            layer,
            range(count),
            labels and labels[:count],
            classify=functools.partial(probabilities, classifier),
        )
    calls["a sheet without a channel"] = lambda: anatomy.draw(anatomy.layers[0], [1], seeds(12), labels)
    return calls


# Pages


def visits(
    page: str, query: dict[str, str], change: Callable[[Any, int], object]
) -> tuple[float, Callable[[], object]]:
    """Open a page for a new visitor. Return the seconds, and a call that changes a control until it is answered."""
    from streamlit.testing.v1 import AppTest

    app = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=120)
    for key, value in ({"run": MODELS[0]} | query).items():
        app.query_params[key] = value
    app.switch_page(f"dcgan/pages/{page}.py")
    started = time.perf_counter()
    app.run()
    seconds = time.perf_counter() - started
    turns: Iterator[int] = itertools.count(1)

    def answer() -> None:
        change(app, next(turns))
        app.run()
        assert not app.exception, app.exception[0].stack_trace

    return seconds, answer


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5, help="measured rounds (default: 5)")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads (default: 2)")
    parser.add_argument(
        "--cpu-time", action="store_true", help="for a busy machine: use one thread, and count its processor time"
    )
    parser.add_argument("--quick", action="store_true", help="one round and one model, to test that everything runs")
    options = parser.parse_args()
    rounds = 1 if options.quick else options.rounds
    torch.set_num_threads(1 if options.quick or options.cpu_time else options.threads)
    clock = time.process_time if options.cpu_time else time.perf_counter
    print(machine_line())
    for model in MODELS[:1] if options.quick else MODELS:
        seconds = alternate(work_of(model), rounds, clock)
        rows = [[name, spread((1000 * t for t in times), 0)] for name, times in seconds.items()]
        print_table(f"{model}, {rounds} rounds, in turn", ["work", "ms"], rows)
    with tempfile.TemporaryDirectory() as empty:  # so that the pages show the published runs
        os.environ["DCGAN_RUNS"] = empty
        print_pages(rounds, clock)


def print_pages(rounds: int, clock: Callable[[], float]) -> None:
    """Print how long the first visit of each page takes, and the answer to a changed control."""
    # This logger would warn for every page that there is no server.
    logging.getLogger("streamlit.runtime.scriptrunner_utils.script_run_context").disabled = True
    first, answers = {}, {}
    for name, visit in PAGES.items():
        first[name], answers[name] = visits(*visit)
    times = alternate(answers, rounds, clock)
    rows = [[name, f"{1000 * first[name]:,.0f}", spread((1000 * t for t in times[name]), 0)] for name in PAGES]
    print_table(f"Pages of {MODELS[0]}, {rounds} rounds, in turn", ["view", "first visit, ms", "answer, ms"], rows)


if __name__ == "__main__":
    main()
