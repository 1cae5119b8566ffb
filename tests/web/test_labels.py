"""Labels as the page's field writes and reads them."""

from __future__ import annotations

import random

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]
DIGITS = [str(label) for label in range(10)]
NUMBERED = ["0", "1", "10", "11", "2"]
ANIMALS = ["red fox", "red", "fox", "cats, dogs", '5" ruler', " owl", "Cat", "cat", "a;b"]


def test_every_list_of_labels_is_read_as_it_was_written(web):
    choose = random.Random(0)
    cases = [
        (classes, [choose.randrange(len(classes)) for _ in range(choose.randrange(1, 12))])
        for classes in (DIGITS, NUMBERED, ANIMALS)
        for _ in range(200)
    ]
    body = """
      const { readLabels, writeLabels } = await web("labels");
      return argument.map(([classes, labels]) => readLabels(writeLabels(labels, classes), classes));
    """
    assert web.call(body, cases) == [{"labels": labels, "unknown": []} for _, labels in cases]


@pytest.mark.parametrize(
    ("classes", "text", "labels", "unknown"),
    [
        (DIGITS, "3 8;2,,7 ", [3, 8, 2, 7], []),
        (DIGITS, "3, 12, x", [3], ["12", "x"]),
        (NUMBERED, "2, 10, 11", [4, 2, 3], []),
        (NUMBERED, "4", [], ["4"]),
        (ANIMALS, "red fox fox red", [0, 2, 1], []),
        (ANIMALS, '"cats, dogs", RED FOX, 3', [3, 0, 3], []),
        (ANIMALS, 'CAT, cat, Cat, "red', [7, 7, 6], ['"red']),
        (ANIMALS, "", [], []),
        (ANIMALS, "9", [], ["9"]),
    ],
)
def test_a_text_is_read_as_names_and_then_as_numbers(web, classes, text, labels, unknown):
    body = 'return (await web("labels")).readLabels(argument.text, argument.classes);'
    assert web.call(body, {"text": text, "classes": classes}) == {"labels": labels, "unknown": unknown}


def test_a_long_text_is_read_up_to_a_bound(web):
    body = 'return (await web("labels")).readLabels(argument, ["a b"]).unknown.length;'
    assert web.call(body, "x " * 100_000) == 200
