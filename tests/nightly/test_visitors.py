"""What the attacks with visitors report: each test plants one fault and finds it in the report."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from nightly import browser, viewers
from nightly.attack import Setting
from recorded import TINY
from servers import CHROMIUM
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from benchmarks.studio_client import Seen, Visitor
from dcgan.config import TrainConfig
from dcgan.pages.parts import (
    explore_arithmetic,
    explore_critique,
    explore_draw,
    explore_inside,
    explore_samples,
    explore_sliders,
    explore_time_machine,
)
from dcgan.pages.parts.catalog import HOME, PAGES
from dcgan.pages.parts.pair import ADDRESS
from dcgan.runs.listing import list_runs
from dcgan.runs.rows import Status
from dcgan.runs.tables import run_summary

FINISHED = Status("finished", 180, 180, 60)
SOUND = Seen(bars={(0, 1): "epoch 60 of 60 · step 180 of 180"})


def test_viewers_who_see_the_end_are_no_problem():
    assert viewers.problems([SOUND, SOUND], FINISHED, 2e8) == []


@pytest.mark.parametrize(
    ("seen", "status", "peak", "text"),
    [
        (replace(SOUND, exceptions=["KeyError: 3"]), FINISHED, 2e8, "KeyError: 3"),
        (Seen(bars={(0,): "epoch 1 of 60 · step 179 of 180"}), FINISHED, 2e8, "does not see step 180"),
        (Seen(), FINISHED, 2e8, "does not see step 180"),
        (SOUND, replace(FINISHED, state="failed", error="disk full"), 2e8, "disk full"),
        (SOUND, FINISHED, 2e9, "MiB"),
    ],
)
def test_what_a_viewer_must_not_see_is_reported(seen, status, peak, text):
    (sentence,) = viewers.problems([seen], status, peak)
    assert text in sentence


def test_a_visitor_notes_exceptions_and_bars():
    visitor = Visitor(1, "train")
    message = ForwardMsg()
    message.delta.new_element.exception.type = "ValueError"
    message.delta.new_element.exception.message = "planted"
    asyncio.run(visitor._take(message, 10))
    message = ForwardMsg()
    message.metadata.delta_path.extend([0, 3])
    message.delta.new_element.progress.text = "step 3 of 4"
    asyncio.run(visitor._take(message, 10))
    assert visitor.seen.exceptions == ["ValueError: planted"]
    assert visitor.seen.bars == {(0, 3): "step 3 of 4"}
    assert (visitor.seen.messages, visitor.seen.received_bytes) == (2, 20)


def test_a_server_that_ends_is_an_exception():
    visitor = Visitor(1, "train")  # nobody listens there
    assert "connection ended" in asyncio.run(visitor.watch(5)).exceptions[0]


def test_hostile_runs_are_markup_wherever_a_page_shows_text(tmp_path):
    names = browser.hostile_runs(tmp_path, Setting(tmp_path).random("runs"), count=2)
    runs = list_runs(tmp_path)
    assert sorted(names) == sorted(run.path.name for run in runs)
    for run in runs:
        config = run.config()
        assert isinstance(config, TrainConfig)
        assert config.model == TINY.model
        assert run.preset in browser.MARKUP
        assert run.status().error in browser.MARKUP
        assert len(run.scores()) == 2
        assert "error" not in run_summary(run)


def test_queries_depend_on_the_seed_and_have_known_keys(tmp_path):
    first, again, other = (
        [browser.hostile_query(browser.STUDIO_PAGES["compare"], chance) for _ in range(5)]
        for chance in (
            Setting(tmp_path).random("a"),
            Setting(tmp_path).random("a"),
            Setting(tmp_path, seed=1).random("a"),
        )
    )
    assert first == again != other


def test_all_keys_of_addresses_are_attacked():
    assert set(browser.STUDIO_PAGES) == {"" if entry is HOME else entry.name for entry in PAGES}
    assert browser.STUDIO_PAGES["compare"] == ADDRESS
    views = (
        explore_samples,
        explore_time_machine,
        explore_arithmetic,
        explore_critique,
        explore_inside,
        explore_draw,
    )
    views = (*views, explore_sliders)
    assert {key for view in views for key in view.KEYS} <= set(browser.STUDIO_PAGES["explore"])


def test_a_trace_in_the_log_is_reported(tmp_path):
    log = tmp_path / "log"
    log.write_text("fine\n")
    assert browser.traces(log) == []
    log.write_text("fine\nTraceback (most recent call last):\n  KeyError: 7\n")
    assert "KeyError: 7" in browser.traces(log)[0]


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here")
def test_what_a_page_must_not_do_is_reported():
    planted = {
        "<script>window.attacked=1</script>": "a script ran",
        "<script>alert('planted')</script>": "a dialog: planted",
        f"<img src='http://{browser.OUTSIDE}/x.png'>": "a request to",
        f"<a href='http://{browser.OUTSIDE}/'>x</a>": "markup became",
        "<a href='JavaScript:x'>x</a>": "markup became",
        "<script>undefined.x</script>": "an error of the page",
        "<p>Traceback (most recent call last)</p>": "a traceback",
        "<p data-testid='stException'>KeyError</p>": "an exception",
    }
    with browser.browser_page() as (page, watch):
        for text, complaint in planted.items():
            page.set_content(f"<h1>page</h1>{text}")
            page.wait_for_timeout(200)
            assert complaint in str([*browser.problems(page), *watch.take()]), text
            page.goto("about:blank")
        page.set_content("<h1>page</h1><a href='/other'>x</a>")
        assert [*browser.problems(page), *watch.take()] == []
