"""What one field of a share link can be: its key, its text, its range, and the notes about it.

Every function that returns a dataclass field makes one kind of row of `link.ShareLink`. It imports nothing but the
standard library and the texts of other languages.

The module has more than 250 lines, because each kind of field stands here as a whole, with its sentences.
"""

from __future__ import annotations

import base64
import dataclasses
import math
import re
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from dcgan.locale.language import tr

MAX_TEXT = 1000
"""Characters of one value; a longer text is not read."""

MAX_LATENT = MAX_TEXT * 6 // 16
"""Numbers of a latent vector in a link."""
_BASE64 = "[A-Za-z0-9_-]"

NUMBER = "[0-9]{1,10}"  # not \d, which takes the digits of every script

Nearest = tuple[Any, list[str]]
"""A valid value, and a sentence for each change."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """How one field of the link is read, written, checked and described."""

    key: str
    """In the query."""
    problem: Callable[[str, str], str]
    """(name, value as `shown`) -> a clause that says what the value is not, in the visitor's language."""
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

    def note(self, value: Any, default: Any) -> str:
        """Return a sentence about a value of the query that was not used."""
        problem = self.problem(self.key, shown(value))
        if text := self.write(default):
            return _used(problem, text)
        return tr("{problem}; it is ignored.", problem=problem)

    def note_without(self, default: Any) -> str:
        """Return a sentence about a key that the query does not have."""
        return tr("The link has no {key}; {default} is used.", key=self.key, default=self.write(default))


def link_field(*, default: Any, **options: Any) -> Any:
    """Return a dataclass field with this default and the Row of these options."""
    return dataclasses.field(default=default, metadata={"row": Row(**options)})


def whole_number(key: str, default: int, low: int, high: int, *, optional: bool = False) -> Any:
    """Return the row of a whole number in low..high."""
    return link_field(
        default=default,
        key=key,
        problem=lambda name, value: _not_whole(name, value, low, high),
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
        problem=lambda name, value: tr(
            "{name}={value} is not at most {most} whole numbers in 0..{high}",
            name=name,
            value=value,
            most=most,
            high=high,
        ),
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
        problem=lambda name, value: tr("{name}={value} is not 12 hex digits", name=name, value=value),
        is_valid=lambda value: isinstance(value, str) and re.fullmatch("([0-9a-f]{12})?", value) is not None,
        pattern="([0-9A-Fa-f]{12})?",
        read=str.lower,
        optional=True,
    )


def latent_vector(key: str) -> Any:
    """Return the row of a latent vector, none by default: half floats, little-endian, as base64 for addresses.

    100 numbers take 267 characters.
    """
    return link_field(
        default="",
        key=key,
        problem=lambda name, value: tr(
            "{name}={value} is not a latent vector of at most {most} half floats in base64",
            name=name,
            value=value,
            most=MAX_LATENT,
        ),
        is_valid=lambda value: isinstance(value, str) and (value == "" or halves_of(value) is not None),
        pattern=f"({_BASE64}{{2,{MAX_TEXT}}})?",
        optional=True,
    )


def halves_of(text: str) -> tuple[float, ...] | None:
    """Return the numbers of a latent vector's text; None where it spells none, or one that is not finite."""
    if len(text) > MAX_TEXT or re.fullmatch(f"{_BASE64}+", text) is None or len(text) % 4 == 1:
        return None
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if not data or len(data) % 2:
        return None
    numbers = struct.unpack(f"<{len(data) // 2}e", data)
    return numbers if all(map(math.isfinite, numbers)) else None


def text_of_halves(numbers: Sequence[float]) -> str:
    """Return the text of a latent vector, rounded to half floats. Raises ValueError for what no link carries."""
    if not 1 <= len(numbers) <= MAX_LATENT:
        raise ValueError(
            tr(
                "{count} numbers do not fit a link; a latent vector has 1 to {most}",
                count=len(numbers),
                most=MAX_LATENT,
            )
        )
    try:
        data = struct.pack(f"<{len(numbers)}e", *numbers)
    except OverflowError as error:
        sentence = tr("a number of the latent vector is larger than 65504, which no half float is")
        raise ValueError(sentence) from error
    text = base64.urlsafe_b64encode(data).decode().rstrip("=")
    if halves_of(text) is None:
        raise ValueError(tr("the latent vector has values that are no numbers"))
    return text


def choice(key: str, names: tuple[str, ...]) -> Any:
    """Return the row of one of the names, the first by default."""

    def problem(name: str, value: str) -> str:
        return tr("{name}={value} is not one of {names}", name=name, value=value, names=", ".join(names))

    def nearest(name: str, value: Any, default: str) -> Nearest:
        if value in names:
            return value, []
        return default, [_used(problem(name, shown(value)), default)]

    return link_field(
        default=names[0], key=key, problem=problem, is_valid=lambda value: value in names, nearest=nearest
    )


def fraction(key: str) -> Any:
    """Return the row of a number in [0, 1], 0 by default."""

    def nearest(name: str, value: Any, default: float) -> Nearest:
        number = _number(value)
        result = default if number is None else min(1.0, max(0.0, number))
        if number == result:
            return result, []
        return result, [
            tr("{name}={value} is not in 0..1; {result:g} is used.", name=name, value=shown(value), result=result)
        ]

    return link_field(
        default=0.0,
        key=key,
        problem=lambda name, value: tr("{name}={value} is not a number in 0..1", name=name, value=value),
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
        problem=lambda name, value: tr("{name}={value} is not 1", name=name, value=value),
        is_valid=lambda value: type(value) is bool,
        pattern="1?",
        read=bool,
        write=lambda value: "1" if value else "",
        optional=True,
        nearest=lambda name, value, default: (bool(value), []),
    )


def _not_whole(name: str, value: str, low: int, high: int) -> str:
    return tr("{name}={value} is not a whole number in {low}..{high}", name=name, value=value, low=low, high=high)


def _used(problem: str, default: Any) -> str:
    """Return the sentence that says which value replaces a wrong one."""
    return tr("{problem}; {default} is used.", problem=problem, default=default)


def _is_whole(value: Any, low: int, high: int) -> bool:
    return type(value) is int and low <= value <= high


def _nearest_whole(name: str, value: Any, low: int, high: int, default: int) -> Nearest:
    number = _number(value)
    result = default if number is None else low if number < low else high if number > high else round(number)
    if number == result:
        return result, []
    return result, [_used(_not_whole(name, shown(value), low, high), result)]


def _nearest_wholes(name: str, value: Any, high: int, most: int) -> Nearest:
    value = value or ()
    items = re.findall(r"[^\s,;]+", value[:MAX_TEXT]) if isinstance(value, str) else value
    items = items if isinstance(items, list | tuple) else [items]
    notes = []
    if len(items) > most:
        values = {"count": len(items), "name": name, "most": most}
        notes.append(tr("{count} {name} are more than {most}; the first {most} are used.", **values))
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
        return tr("a number of {bits} bits", bits=value.bit_length())  # Python refuses to print the longest ones
    if isinstance(value, str | int | float):
        return ascii(str(value)[:40])
    return tr("a {type}", type=type(value).__name__)
