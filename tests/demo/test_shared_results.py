"""Results that visitors share: made once, bounded, and tried again after an error."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from dcgan.demo.shared_results import SharedResults
from dcgan.locale.language import language, speaking


def test_calls_at_the_same_time_make_a_result_once():
    results = SharedResults(4)
    made, gate = [], threading.Event()

    def make() -> str:
        made.append(1)
        gate.wait(10)
        return "result"

    with ThreadPoolExecutor(16) as pool:
        calls = [pool.submit(results.get, "key", make) for _ in range(16)]
        gate.set()
        assert {call.result() for call in calls} == {"result"}
    assert len(made) == 1


def test_different_keys_do_not_wait_for_each_other():
    results = SharedResults(4)
    barrier = threading.Barrier(2, timeout=10)
    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(lambda key: results.get(key, barrier.wait), "ab")) == [0, 1]


def test_the_oldest_results_are_dropped_by_size():
    results = SharedResults(10, len)
    for key in "abc":
        results.get(key, lambda: "xxxx")
    assert len(results) == 2
    results.get("b", lambda: "never made")
    results.get("d", lambda: "xxxx")
    assert results.get("b", lambda: "made again") == "xxxx"
    assert results.get("c", lambda: "made") == "made"
    assert results.get("large", lambda: "x" * 99) == "x" * 99
    assert len(results) == 1


def test_an_error_reaches_all_who_wait_and_is_not_kept():
    results = SharedResults(4)
    gate = threading.Event()

    def fail() -> str:
        gate.wait(10)
        raise ValueError("damaged")

    with ThreadPoolExecutor(4) as pool:
        calls = [pool.submit(results.get, "key", fail) for _ in range(4)]
        gate.set()
        for call in calls:
            with pytest.raises(ValueError, match="damaged"):
                call.result()
    assert results.get("key", lambda: "mended") == "mended"


def test_an_error_is_made_again_for_one_who_waits_in_another_language():
    results = SharedResults(4)
    gate, waits = threading.Event(), threading.Event()

    def fail() -> str:
        waits.set()
        gate.wait(10)
        raise ValueError(language())

    def call(code: str) -> str:
        with speaking(code), pytest.raises(ValueError, match=r"^..$") as error:
            results.get("key", fail)
        return str(error.value)

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(call, "vi")
        waits.wait(10)
        second = pool.submit(call, "zh")
        gate.set()
        assert (first.result(), second.result()) == ("vi", "zh")


def test_a_forked_process_does_not_wait_for_threads_that_it_lacks():
    results = SharedResults(4)
    results.get("finished", lambda: 1)
    gate = threading.Event()
    thread = threading.Thread(target=results.get, args=("unfinished", lambda: gate.wait(10)))
    thread.start()
    results._forget_unfinished()
    assert results.get("unfinished", lambda: 2) == 2
    assert results.get("finished", lambda: 3) == 1
    gate.set()
    thread.join()
