"""JSON from strangers: what is read is bounded, and everything else is one ValueError."""

from __future__ import annotations

import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcgan.bounded_json import MAX_BYTES, MAX_DEPTH, parse, parse_object, read_object

SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text()
VALUES = st.recursive(
    SCALARS.filter(lambda value: value not in (float("inf"), float("-inf"))),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_what_json_writes_is_read(value):
    assert parse(json.dumps(value)) == value
    assert parse(json.dumps(value, ensure_ascii=False).encode()) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "NaN",
        "[-Infinity]",
        "1e400",
        "1" + "0" * 400,
        "1" + "0" * 5000,
        str(2**63),
        str(-(2**63) - 1),
        '"\\ud800"',
        '{"\\udfff": 1}',
        '["\\ude00\\ud83d"]',
        "[" * 100_000,
        "[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1),
        '{"a":' * (MAX_DEPTH + 1) + "1" + "}" * (MAX_DEPTH + 1),
        b"\xff\xfe",
        b'"\xed\xa0\x80"',
        " " * (MAX_BYTES + 1),
    ],
    ids=lambda text: repr(text[:20]),
)
def test_what_is_beyond_the_bounds_is_one_error(text):
    with pytest.raises(ValueError, match=r"\w+") as caught:
        parse(text)
    assert len(str(caught.value)) < 200


def test_the_bounds_themselves_are_read():
    deepest = "[" * MAX_DEPTH + "]" * MAX_DEPTH
    assert json.dumps(parse(deepest)) == deepest
    assert parse(f"[{2**63 - 1}, {-(2**63)}, 1.7e308]") == [2**63 - 1, -(2**63), 1.7e308]
    assert parse('"\\ud83d\\ude00"') == "\N{GRINNING FACE}"
    assert parse("[" + "[]," * 5000 + "[]]") == [[]] * 5001


@pytest.mark.parametrize("text", ["[]", "1", "null", '"text"'])
def test_another_value_is_not_an_object(text):
    with pytest.raises(ValueError, match="it does not hold an object"):
        parse_object(text)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes on this system")
def test_a_pipe_is_an_error_and_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "config.json")
    with pytest.raises(OSError, match="it is not a regular file"):
        read_object(tmp_path / "config.json")
