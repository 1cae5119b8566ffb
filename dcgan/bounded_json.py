"""The one reader of JSON: every file may come from a stranger, so that size, depth, numbers and text are bounded.

What it returns has integers of 64 bits, finite floats and text that UTF-8 can hold. The reader is the standard
library's.
"""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

from dcgan.files import open_regular
from dcgan.locale.language import tr

MAX_BYTES = 4 * 2**20
"""Bytes of one text. Python's objects take about twenty times as much memory."""
MAX_DEPTH = 32
"""Objects and lists inside each other."""

_HALF = re.compile("[\ud800-\udfff]")
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]|[\ud800-\udfff]")
"""Half of a pair that spells one character; alone it is not text."""


def parse(text: bytes | str) -> Any:
    """Return the value that the text spells. Raises ValueError, also for what `json` lets pass.

    That is text above MAX_BYTES or MAX_DEPTH, integers beyond 64 bits, NaN, infinities, and lone surrogates.
    """
    if len(text) > MAX_BYTES:
        raise ValueError(tr("its JSON has {count:,} characters, more than {most:,}", count=len(text), most=MAX_BYTES))
    text = text.decode() if isinstance(text, bytes) else text
    try:
        value = _DECODER.decode(text)
    except RecursionError:
        raise _too_deep() from None
    # Most texts are rows, which need no closer look: a training has a hundred thousand.
    if text.count("{") + text.count("[") > MAX_DEPTH or _SURROGATE.search(text):
        _check_depth_and_text(value)
    return value


def parse_object(text: bytes | str) -> dict[str, Any]:
    """Return the object that the text spells. Raises ValueError as `parse` does, and for any other value."""
    value = parse(text)
    if not isinstance(value, dict):
        raise ValueError(tr("it does not hold an object"))
    return value


def read_object(path: Path) -> dict[str, Any]:
    """Return the object in a file. Raises OSError where it cannot be read, and ValueError as `parse_object` does."""
    with open_regular(path) as file:
        return parse_object(file.read(MAX_BYTES + 1))


def _integer(text: str) -> int:
    if len(text) > 20 or not -(2**63) <= (number := int(text)) < 2**63:
        raise ValueError(tr("the number {number} does not fit 64 bits", number=_shortened(text)))
    return number


def _float(text: str) -> float:
    if math.isinf(number := float(text)):
        raise ValueError(tr("the number {number} is too large", number=_shortened(text)))
    return number


def _refuse(name: str) -> float:
    raise ValueError(tr("{name} is not a number of JSON", name=name))


_DECODER = json.JSONDecoder(parse_int=_integer, parse_float=_float, parse_constant=_refuse)


def _check_depth_and_text(value: Any) -> None:
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        for item in level:
            if isinstance(item, str) and _HALF.search(item):
                raise ValueError(tr("its text has half of a character"))
        outer = [item for item in level if isinstance(item, dict | list)]
        if not outer:
            return
        level = [inner for item in outer for inner in ([*item, *item.values()] if isinstance(item, dict) else item)]
    raise _too_deep()


def _too_deep() -> ValueError:
    return ValueError(tr("its JSON is nested more than {most} deep", most=MAX_DEPTH))


def _shortened(text: str) -> str:
    return text if len(text) <= 24 else f"{text[:20]}..."
