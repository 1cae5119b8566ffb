"""What one field of a share link can be: its key, its text, its range, and the notes about it.

Every function that returns a dataclass field makes one kind of row of `link.ShareLink`. Standard library only.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

MAX_TEXT = 1000
"""Characters of one value; a longer text is not read."""

NUMBER = "[0-9]{1,10}"  # not \d, which takes the digits of every script

Nearest = tuple[Any, list[str]]
"""A valid value, and a sentence for each change."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """How one field of the link is read, written, checked and described."""

    key: str
    """In the query."""
    expected: str
    """What the value has to be: the end of the sentence "KEY=VALUE is not ..."."""
    is_valid: Callable[[Any], bool]
    pattern: str = ".*"
    """What the whole text matches before it is read, which bounds the work."""
    read: Callable[[str], Any] = str
    write: Callable[[Any], str] = str
    optional: bool = False
    """Whether the key is left out of the query where the value is the default."""
    nearest: Callable[[str, Any, Any], Nearest] | None = None
    """(name, value from a form or a program, default) -> the valid value nearest to it; None: not for forms."""

    def parse(self, text: Any) -> Any:
        """Return the value, or None where the text does not spell one."""
        if not isinstance(text, str) or len(text) > MAX_TEXT or re.fullmatch(self.pattern, text) is None:
            return None
        value = self.read(text)
        return value if self.is_valid(value) else None

    def name_default(self, default: Any) -> str:
        """Return the end of a note: what happens instead of what was sent."""
        return f"{text} is used" if (text := self.write(default)) else "it is ignored"


def link_field(*, default: Any, **options: Any) -> Any:
    """Return a dataclass field with this default and the Row of these options."""
    return dataclasses.field(default=default, metadata={"row": Row(**options)})


def whole_number(key: str, default: int, low: int, high: int, *, optional: bool = False) -> Any:
    """Return the row of a whole number in low..high."""
    return link_field(
        default=default,
        key=key,
        expected=f"a whole number in {low}..{high}",
        is_valid=lambda value: _is_whole(value, low, high),
        pattern=NUMBER,
        read=int,
        optional=optional,
        nearest=lambda name, value, default: _nearest_whole(name, value, low, high, default),
    )


def whole_numbers(key: str, high: int, most: int) -> Any:
    """Return the row of at most `most` whole numbers in 0..high, none by default."""
    return link_field(
        default=(),
        key=key,
        expected=f"at most {most} whole numbers in 0..{high}",
        is_valid=lambda value: (
            type(value) is tuple and len(value) <= most and all(_is_whole(number, 0, high) for number in value)
        ),
        pattern=rf"({NUMBER}(,{NUMBER}){{0,{most - 1}}})?",
        read=lambda text: tuple(map(int, filter(None, text.split(",")))),
        write=lambda value: ",".join(map(str, value)),
        optional=True,
        nearest=lambda name, value, _: _nearest_wholes(name, value, high, most),
    )


def hex_digits(key: str) -> Any:
    """Return the row of an id of 12 hex digits, empty by default."""
    return link_field(
        default="",
        key=key,
        expected="12 hex digits",
        is_valid=lambda value: isinstance(value, str) and re.fullmatch("([0-9a-f]{12})?", value) is not None,
        pattern="([0-9A-Fa-f]{12})?",
        read=str.lower,
        optional=True,
    )


def choice(key: str, names: tuple[str, ...]) -> Any:
    """Return the row of one of the names, the first by default."""
    expected = f"one of {', '.join(names)}"

    def nearest(name: str, value: Any, default: str) -> Nearest:
        if value in names:
            return value, []
        return default, [f"{name}={shown(value)} is not {expected}; {default} is used."]

    return link_field(
        default=names[0], key=key, expected=expected, is_valid=lambda value: value in names, nearest=nearest
    )


def fraction(key: str) -> Any:
    """Return the row of a number in [0, 1], 0 by default."""

    def nearest(name: str, value: Any, default: float) -> Nearest:
        number = _number(value)
        result = default if number is None else min(1.0, max(0.0, number))
        notes = [] if number == result else [f"{name}={shown(value)} is not in 0..1; {result:g} is used."]
        return result, notes

    return link_field(
        default=0.0,
        key=key,
        expected="a number in 0..1",
        is_valid=lambda value: type(value) is float and math.isfinite(value) and 0 <= value <= 1,
        pattern=r"[0-9]{1,3}(\.[0-9]{1,30})?(e-[0-9]{1,3})?",
        read=float,
        write=lambda value: repr(value + 0.0),  # the shortest text that reads back exactly; -0.0 becomes 0.0
        nearest=nearest,
    )


def switch(key: str) -> Any:
    """Return the row of a switch, off by default: its key is 1 or left out."""
    return link_field(
        default=False,
        key=key,
        expected="1",
        is_valid=lambda value: type(value) is bool,
        pattern="1?",
        read=bool,
        write=lambda value: "1" if value else "",
        optional=True,
        nearest=lambda name, value, default: (bool(value), []),
    )


def _is_whole(value: Any, low: int, high: int) -> bool:
    return type(value) is int and low <= value <= high


def _nearest_whole(name: str, value: Any, low: int, high: int, default: int) -> Nearest:
    number = _number(value)
    result = default if number is None else low if number < low else high if number > high else round(number)
    if number == result:
        return result, []
    return result, [f"{name}={shown(value)} is not a whole number in {low}..{high}; {result} is used."]


def _nearest_wholes(name: str, value: Any, high: int, most: int) -> Nearest:
    value = value or ()
    items = re.findall(r"[^\s,;]+", value[:MAX_TEXT]) if isinstance(value, str) else value
    items = items if isinstance(items, list | tuple) else [items]
    notes = [f"{len(items)} {name} are more than {most}; the first {most} are used."] if len(items) > most else []
    numbers = []
    for item in items[:most]:
        number, changes = _nearest_whole(name, item, 0, high, 0)
        numbers.append(number)
        notes += changes
    return tuple(numbers), notes


def _number(value: Any) -> float | None:
    """Return the value as a float, infinite or not; None where it is not a number."""
    if isinstance(value, str):
        value = value[:50]
    try:
        number = float(value)
    except OverflowError:  # an int beyond the range of floats
        return math.inf if value > 0 else -math.inf
    except (TypeError, ValueError):
        return None
    return None if math.isnan(number) else number


def shown(value: Any) -> str:
    """Return at most 40 characters of what was sent, quoted, fit for a sentence."""
    if isinstance(value, int) and abs(value) >= 10**40:
        return f"a number of {value.bit_length()} bits"  # Python refuses to print the longest ones
    return ascii(str(value)[:40]) if isinstance(value, str | int | float) else f"a {type(value).__name__}"
