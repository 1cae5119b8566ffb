"""Labels by the names of their classes: names, numbers, ranges, odd names, and what is no class."""

from __future__ import annotations

import pytest

from dcgan.sampling.class_names import label_of, label_text, named_query, parse_labels, with_numbers

CLASSES = ("cats", "Dogs", "red fox", "a, b", "3-4", "<b>")


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("cats", [0]),
        ("dogs,cats", [1, 0]),
        (" Red Fox ; cats", [2, 0]),
        ("a, b", [3]),
        ("<b>", [5]),
        ("3-4", [3, 4]),
        ("5", [5]),
        ("0-2,cats", [0, 1, 2, 0]),
    ],
)
def test_names_and_numbers_are_labels(text, labels):
    assert parse_labels(text, CLASSES) == labels


def test_a_number_is_the_label_s_number_whatever_the_classes_are_called():
    assert parse_labels("1,2", ("1", "2", "3")) == [1, 2]


def test_case_counts_where_two_classes_differ_by_it():
    assert parse_labels("Cats", ("cats", "Cats")) == [1]
    with pytest.raises(ValueError, match="'CATS' are not numbers"):
        parse_labels("CATS", ("cats", "Cats"))


def test_what_is_no_class_is_an_error_with_the_nearest_one():
    with pytest.raises(ValueError, match=r"labels 'cts' are not numbers; did you mean cats\?"):
        parse_labels("cts", CLASSES)
    with pytest.raises(ValueError, match=r"write 0-5, or classes: cats, Dogs"):
        parse_labels("zebra", CLASSES)
    with pytest.raises(ValueError, match=r"labels 'seven' are not numbers; write 7, 0-9 or 0,1,2"):
        parse_labels("seven")


def test_a_query_may_have_typed_names():
    assert named_query({"labels": "dogs,cats", "a": "7"}, CLASSES) == {"labels": "1,0", "a": "7"}
    for query in ({}, {"labels": "3,8"}, {"labels": "unknown"}, {"labels": "x" * 9999}, {"labels": ["cats"]}):
        assert named_query(query, CLASSES) == query
    assert with_numbers("", CLASSES) == ""


def test_a_list_of_choices_shows_the_name_beside_the_number():
    assert [label_text(label, ("cats", "1")) for label in range(3)] == ["0 cats", "1", "2"]


@pytest.mark.parametrize(
    ("text", "label"),
    [
        *(("2", 2), ("red fox", 2), ("2 red fox", 2), ("0", 0), ("DOGS", 1), ("3 a, b", 3)),
        *(("6", None), ("-1", None), ("9" * 5000, None), ("²", None), ("", None), ("wolf", None), ("1 cats", None)),
    ],
)
def test_a_label_of_an_address_is_a_number_a_name_or_as_listed(text, label):
    assert label_of(text, CLASSES, len(CLASSES)) == label
