"""Links to one view of the interpolation demo: a pure query string, so that nothing is stored and nothing expires.

Standard library only. Reading is for anything that the web may send: it never raises and its work is bounded.
"""

from __future__ import annotations

import dataclasses
import math
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any
from urllib.parse import urlencode

VERSION = 1
MAX_SEED = 2**32 - 1
MAX_FRAMES = 64
MAX_LABELS = 64
MAX_KEYS = 8
PATHS = ("slerp", "lerp")
"""The names of latents.PATHS, which needs NumPy."""


@dataclass(frozen=True)
class ShareLink:
    """What the interpolation demo shows. Raises ValueError for values that a link cannot carry."""

    v: int = VERSION
    model: str = "dcgan-mnist"
    """Name of a run."""
    weights_id: str = ""
    """The 12 hex digits of the weights the link was made with; empty: whichever the model has."""
    seed_a: int = 7
    seed_b: int = 42
    frames: int = 16
    path: str = "slerp"
    t: float = 0.0
    """Where between the two seeds, from 0 to 1."""
    labels: tuple[int, ...] = ()
    """What a conditional model draws at seed A, at seed B and at each key; the last holds for those after it. Between
    two of them the label turns from one into the other. Empty: the demo's choice."""
    keys: tuple[int, ...] = ()
    """Further seeds, which the way passes after B."""
    loop: bool = False
    """Back to A at the end."""
    digest: str = ""
    """12 hex digits of the frames' pixels as their maker saw them; empty: not told."""

    def __post_init__(self) -> None:
        for name, check in _CHECKS.items():
            value = getattr(self, name)
            if not check(value):
                raise ValueError(f"{name}={shown(value)} is not {_WANTED[name]}")

    def to_query(self) -> str:
        """The query string, without its question mark; equal links give equal strings."""
        values = {key: _WRITERS.get(name, str)(getattr(self, name)) for key, name in KEYS.items()}
        return urlencode({key: text for key, text in values.items() if text or key not in OPTIONAL})

    @classmethod
    def from_query(cls, query: Mapping[str, Any]) -> tuple[ShareLink, list[str]]:
        """The link that a parsed query string spells, and a sentence for each value that is not as it was sent.

        A value that is missing, damaged or out of range is the default's. Keys of other versions are passed over;
        those that begin with two underscores belong to the server of the page, and are not mentioned. A query
        without any key of a link is a page opened without one, and gives no notes about what is missing.
        """
        values: dict[str, Any] = {}
        notes = []
        any_known = any(key in query for key in KEYS)
        for key, name in KEYS.items():
            if key not in query:
                if any_known and key not in OPTIONAL:
                    notes.append(f"The link has no {key}; {_default(name)} is used.")
                continue
            value = _read(name, query[key])
            if value is None:
                notes.append(f"{key}={shown(query[key])} is not {_WANTED[name]}; {_default(name)} is used.")
            else:
                values[name] = value
        unknown = [shown(key) for key in islice(query, 100) if key not in KEYS and str(key)[:2] != "__"]
        if unknown:
            more = ", ..." if len(unknown) > 3 else ""
            notes.append(f"The link also holds {', '.join(unknown[:3])}{more}, unknown here and passed over.")
        return cls(**values), notes


KEYS = {
    "v": "v",
    "model": "model",
    "w": "weights_id",
    "a": "seed_a",
    "b": "seed_b",
    "n": "frames",
    "path": "path",
    "t": "t",
    "labels": "labels",
    "k": "keys",
    "loop": "loop",
    "d": "digest",
}
"""Key in the query -> field, in the order of writing."""

OPTIONAL = ("w", "labels", "k", "loop", "d")
"""Left out where they are empty."""


def nearest(values: Mapping[str, Any]) -> tuple[ShareLink, list[str]]:
    """The valid link nearest to what a form or a program sent, by field, and a sentence for each change.

    Numbers out of range become the range's end and fractions the nearest whole; what is no number is the default's.
    `keys` and `labels` are text with commas, or a list or tuple. The model is not looked at.
    """
    fitting: dict[str, Any] = {}
    notes: list[str] = []
    for name, (low, high) in (("seed_a", (0, MAX_SEED)), ("seed_b", (0, MAX_SEED)), ("frames", (2, MAX_FRAMES))):
        if name in values:
            fitting[name] = _nearest_whole(name, values[name], low, high, getattr(ShareLink, name), notes)
    for name, high, count in (("keys", MAX_SEED, MAX_KEYS), ("labels", 9999, MAX_LABELS)):
        given = values.get(name) or ()
        items = re.findall(r"[^\s,;]+", given[:1000]) if isinstance(given, str) else given
        items = items if isinstance(items, list | tuple) else [items]
        if len(items) > count:
            notes.append(f"{len(items)} {name} are more than {count}; the first {count} are used.")
        fitting[name] = tuple(_nearest_whole(name, item, 0, high, 0, notes) for item in items[:count])
    path = values.get("path", PATHS[0])
    if path not in PATHS:
        notes.append(f"path={shown(path)} is not one of {', '.join(PATHS)}; {PATHS[0]} is used.")
        path = PATHS[0]
    t = _number(values.get("t", 0.0))
    fitting["t"] = 0.0 if t is None else min(1.0, max(0.0, t))
    if t != fitting["t"]:
        notes.append(f"t={shown(values.get('t'))} is not in 0..1; {fitting['t']:g} is used.")
    return ShareLink(path=path, loop=bool(values.get("loop")), **fitting), notes


def _nearest_whole(name: str, value: Any, low: int, high: int, default: int, notes: list[str]) -> int:
    number = _number(value)
    found = default if number is None else low if number < low else high if number > high else round(number)
    if number != found:
        notes.append(f"{name}={shown(value)} is not a whole number in {low}..{high}; {found} is used.")
    return found


def _number(value: Any) -> float | None:
    """The value as a float, infinite or not; None for what is no number."""
    try:
        number = float(value[:50] if isinstance(value, str) else value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
    except (TypeError, ValueError):
        return None
    return None if math.isnan(number) else number


def demo_url(link: ShareLink) -> str:
    """The address that opens the link in the interpolation demo: $DCGAN_DEMO_URL, else this machine's.

    Empty in a Space that does not set the variable: its visitors have no demo on their machines.
    """
    base = os.environ.get("DCGAN_DEMO_URL") or ("" if os.environ.get("SPACE_ID") else "http://localhost:7860/")
    if not base:
        return ""
    return f"{base}{'&' if '?' in base else '?'}{link.to_query()}"


def shown(value: Any) -> str:
    """At most 40 characters of what was sent, quoted, fit for a sentence."""
    return ascii(str(value)[:40]) if isinstance(value, str | int | float) else f"a {type(value).__name__}"


# One table a question: how a field is written, how it is read, what it may be, and how to say so.


def _is_whole(value: Any, low: int, high: int) -> bool:
    return type(value) is int and low <= value <= high


def _is_name(value: Any) -> bool:
    """A name that a folder can have: never a path, never invisible."""
    return (
        isinstance(value, str)
        and 0 < len(value) <= 255
        and value.isprintable()
        and not set(value) & set("/\\")
        and value not in (".", "..")
    )


_CHECKS: dict[str, Callable[[Any], bool]] = {
    "v": lambda value: type(value) is int and value == VERSION,
    "model": _is_name,
    "weights_id": lambda value: isinstance(value, str) and re.fullmatch("([0-9a-f]{12})?", value) is not None,
    "seed_a": lambda value: _is_whole(value, 0, MAX_SEED),
    "seed_b": lambda value: _is_whole(value, 0, MAX_SEED),
    "frames": lambda value: _is_whole(value, 2, MAX_FRAMES),
    "path": lambda value: value in PATHS,
    "keys": lambda value: (
        type(value) is tuple and len(value) <= MAX_KEYS and all(_is_whole(seed, 0, MAX_SEED) for seed in value)
    ),
    "loop": lambda value: type(value) is bool,
    "digest": lambda value: isinstance(value, str) and re.fullmatch("([0-9a-f]{12})?", value) is not None,
    "t": lambda value: type(value) is float and math.isfinite(value) and 0 <= value <= 1,
    "labels": lambda value: (
        type(value) is tuple and len(value) <= MAX_LABELS and all(_is_whole(label, 0, 9999) for label in value)
    ),
}

_WANTED = {
    "v": f"{VERSION}, the version of links that this demo knows",
    "model": "the name of a run",
    "weights_id": "12 hex digits",
    "seed_a": f"a whole number in 0..{MAX_SEED}",
    "seed_b": f"a whole number in 0..{MAX_SEED}",
    "frames": f"a whole number in 2..{MAX_FRAMES}",
    "path": f"one of {', '.join(PATHS)}",
    "t": "a number in 0..1",
    "keys": f"at most {MAX_KEYS} whole numbers in 0..{MAX_SEED}",
    "loop": "1, or left out",
    "digest": "12 hex digits",
    "labels": f"at most {MAX_LABELS} whole numbers in 0..9999",
}

_WRITERS: dict[str, Callable[[Any], str]] = {
    "t": lambda value: repr(value + 0.0),  # as short as it reads back exactly; -0.0 becomes 0.0
    "labels": lambda value: ",".join(map(str, value)),
    "keys": lambda value: ",".join(map(str, value)),
    "loop": lambda value: "1" if value else "",
}

_NUMBER = "[0-9]{1,10}"  # not \d, which takes the digits of every script
_READERS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "v": (_NUMBER, int),
    "seed_a": (_NUMBER, int),
    "seed_b": (_NUMBER, int),
    "frames": (_NUMBER, int),
    "t": (r"[0-9]{1,3}(\.[0-9]{1,30})?(e-[0-9]{1,3})?", float),
    "keys": (
        rf"({_NUMBER}(,{_NUMBER}){{0,{MAX_KEYS - 1}}})?",
        lambda text: tuple(map(int, filter(None, text.split(",")))),
    ),
    "loop": ("1?", bool),
    "labels": (
        rf"({_NUMBER}(,{_NUMBER}){{0,{MAX_LABELS - 1}}})?",
        lambda text: tuple(map(int, filter(None, text.split(",")))),
    ),
}
"""Field -> the text it may be, which bounds the work before any of it is done, and what turns it into a value."""


def _read(name: str, text: Any) -> Any:
    """The field's value, or None where the text is none."""
    if not isinstance(text, str) or len(text) > 1000:
        return None
    pattern, read = _READERS.get(name, (".*", str))
    if re.fullmatch(pattern, text) is None:
        return None
    value = read(text)
    return value if _CHECKS[name](value) else None


def _default(name: str) -> str:
    return _DEFAULTS[name] or "none"


_DEFAULTS = {field.name: _WRITERS.get(field.name, str)(field.default) for field in dataclasses.fields(ShareLink)}
