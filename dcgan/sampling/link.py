"""Links to one view of the interpolation demo: a pure query string, so that nothing is stored and nothing expires.

A field of the link is one row: an attribute of ShareLink with its key, default, range and text. Reading, writing,
checking and the notes follow from it. Reading accepts whatever the web may send: it never raises, and its work is
bounded. Imports no NumPy.
"""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Self
from urllib.parse import urlencode

from dcgan.locale.language import tr
from dcgan.sampling.link_fields import (
    MAX_TEXT,
    NUMBER,
    Row,
    choice,
    fraction,
    hex_digits,
    latent_vector,
    link_field,
    shown,
    switch,
    whole_number,
    whole_numbers,
)

VERSION = 1
MAX_SEED = 2**32 - 1
MAX_FRAMES = 64
MAX_LABELS = 64
MAX_LABEL = 9999
MAX_KEYS = 8
PATHS = ("slerp", "lerp")
"""The names of latents.PATHS, which needs NumPy."""


def _is_name(value: Any) -> bool:
    """Return whether a folder can have this name: never a path, never invisible."""
    return (
        isinstance(value, str)
        and 0 < len(value) <= 255
        and value.isprintable()
        and not set(value) & set("/\\")
        and value not in (".", "..")
    )


_FOREIGN = ("__", "utm_", "fbclid", "gclid", "dclid", "msclkid", "igshid", "mc_cid", "mc_eid")
"""Beginnings of keys that others add. Hugging Face adds a theme; social sites and mail programs add the sender."""

LANGUAGE = "lang"
"""The key of the language in the address of every app. It says nothing about the view, so a ShareLink has none."""

_PUNCTUATION = ".,;:!?'\"<>)]}"
"""What may follow a link in a sentence."""


def is_foreign(key: Any) -> bool:
    """Return whether this key of an address says nothing about the view: others added it, or it is the language."""
    return key == LANGUAGE or str(key).lower().startswith(_FOREIGN)


def repaired(query: Mapping[str, Any]) -> dict[str, Any]:
    """Return a parsed query as it was made: mail programs write `&amp;`, and sentences end with punctuation."""
    fixed: dict[str, Any] = {}
    for key, value in query.items():
        fixed.setdefault(re.sub("^(amp;)+", "", key) if isinstance(key, str) else key, value)
    last = next((key for key in reversed(fixed) if key == LANGUAGE or not is_foreign(key)), None)
    if last is not None and isinstance(fixed[last], str):
        fixed[last] = _without_punctuation(fixed[last])
    return fixed


def _without_punctuation(text: str) -> str:
    """Return the text without punctuation at its end; a bracket that the text opens stays."""
    for _ in range(MAX_TEXT):
        if not text or text[-1] not in _PUNCTUATION or (text[-1] == ")" and "(" in text):
            break
        text = text[:-1]
    return text


@dataclass(frozen=True)
class ShareLink:
    """What the interpolation demo shows. Raises ValueError for values that a link cannot carry.

    To add a field, add a row at the end; make it optional, so that earlier links open without a note.
    """

    v: int = link_field(
        default=VERSION,
        key="v",
        problem=lambda name, value: tr(
            "{name}={value} is not {version}, the version of links that this demo knows",
            name=name,
            value=value,
            version=VERSION,
        ),
        is_valid=lambda value: type(value) is int and value == VERSION,
        pattern=NUMBER,
        read=int,
    )
    model: str = link_field(
        default="dcgan-mnist",
        key="model",
        problem=lambda name, value: tr("{name}={value} is not the name of a run", name=name, value=value),
        is_valid=_is_name,
    )
    """Name of a run."""
    weights_id: str = hex_digits("w")
    """The 12 hex digits of the weights that the link was made with; empty: the model's newest."""
    seed_a: int = whole_number("a", 7, 0, MAX_SEED)
    seed_b: int = whole_number("b", 42, 0, MAX_SEED)
    frames: int = whole_number("n", 16, 2, MAX_FRAMES)
    path: str = choice("path", PATHS)
    t: float = fraction("t")
    """Position on the path, from 0 to 1."""
    labels: tuple[int, ...] = whole_numbers("labels", MAX_LABEL, MAX_LABELS)
    """What a conditional model draws at seed A, at seed B and at each key; the last holds for the points after it.
    Between two points the label is blended. Empty: the demo's choice."""
    keys: tuple[int, ...] = whole_numbers("k", MAX_SEED, MAX_KEYS)
    """Further seeds, which the path passes after B."""
    loop: bool = switch("loop")
    """Whether the path ends at A."""
    digest: str = hex_digits("d")
    """12 hex digits of the frames' pixels as the author of the link saw them; empty: unknown."""

    z_a: str = latent_vector("za")
    """A latent vector for A that no seed gives, see `text_of_halves`; empty: that of seed A."""
    z_b: str = latent_vector("zb")

    def __post_init__(self) -> None:
        for name, row in self.rows().items():
            value = getattr(self, name)
            if not row.is_valid(value):
                raise ValueError(row.problem(name, shown(value)))

    @classmethod
    def rows(cls) -> dict[str, Row]:
        """Return attribute -> row, in the order of writing."""
        return {field.name: field.metadata["row"] for field in dataclasses.fields(cls)}

    def to_query(self) -> str:
        """Return the query string, without its question mark; equal links give equal strings."""
        values = {name: getattr(self, name) for name in self.rows()}
        return urlencode(
            {
                row.key: row.write(values[name])
                for name, row in self.rows().items()
                if not row.optional or values[name] != getattr(type(self), name)
            }
        )

    @classmethod
    def from_query(cls, query: Mapping[str, Any]) -> tuple[Self, list[str]]:
        """Return the link that a parsed query string spells, and a sentence for each value that was not used.

        The default replaces a value that is missing, damaged or out of range. Unknown keys are ignored, and those of
        others (`is_foreign`) are not mentioned. A query without any key of a link is a page opened without one, and
        gives no notes about missing keys. The query may have changed on its way (`repaired`).
        """
        query = repaired(query)
        values: dict[str, Any] = {}
        notes = []
        rows = cls.rows()
        keys = {row.key for row in rows.values()}
        any_known = not keys.isdisjoint(query)
        for name, row in rows.items():
            default = getattr(cls, name)
            if row.key not in query:
                if any_known and not row.optional:
                    notes.append(row.note_without(default))
                continue
            value = row.parse(query[row.key])
            if value is None:
                notes.append(row.note(query[row.key], default))
            else:
                values[name] = value
        unknown = [shown(key) for key in islice(query, 100) if key not in keys and not is_foreign(key)]
        if unknown:
            notes.append(_unknown_keys(unknown))
        return cls(**values), notes

    @classmethod
    def nearest(cls, values: Mapping[str, Any]) -> tuple[Self, list[str]]:
        """Return the valid link nearest to what a form or a program sent, and a sentence for each change.

        `values` has any of the attributes; those without `Row.nearest` are not looked at. Numbers out of range
        become the end of the range and fractions the nearest whole number; the default replaces any other value.
        `keys` and `labels` are a text with commas, a list or a tuple.
        """
        fitting: dict[str, Any] = {}
        notes: list[str] = []
        for name, row in cls.rows().items():
            if row.nearest is not None and name in values:
                fitting[name], changes = row.nearest(name, values[name], getattr(cls, name))
                notes += changes
        return cls(**fitting), notes


def _unknown_keys(keys: list[str]) -> str:
    if len(keys) > 3:
        return tr("The link has unknown keys, which are ignored: {names}, ...", names=", ".join(keys[:3]))
    return tr("The link has unknown keys, which are ignored: {names}.", names=", ".join(keys))


KEYS = {row.key: name for name, row in ShareLink.rows().items()}
"""Key in the query -> attribute, in the order of writing."""

CONTROLS = tuple(name for name, row in ShareLink.rows().items() if row.nearest is not None)
"""The attributes that a form sets, in the order of writing."""


def demo_url(link: ShareLink) -> str:
    """Return the address that opens the link in the interpolation demo: $DCGAN_DEMO_URL, else this machine's.

    Empty in a Space that does not set the variable: its visitors have no demo on their machines.
    """
    return _opened(
        os.environ.get("DCGAN_DEMO_URL") or ("" if os.environ.get("SPACE_ID") else "http://localhost:7860/"), link
    )


def page_url(link: ShareLink, base: str = "") -> str:
    """Return the address that opens the link in a static page: that of `base`, else of $DCGAN_PAGE_URL.

    Empty without either. The page draws in the visitor's browser, see dcgan.models.browser.
    """
    return _opened(base or os.environ.get("DCGAN_PAGE_URL", ""), link)


def with_language(address: str, code: str) -> str:
    """Return the address of a view with a language in it, for a visitor who chose one; code: empty for none."""
    if not (address and code):
        return address
    address, mark, fragment = address.partition("#")
    return f"{address}{'&' if '?' in address else '?'}{LANGUAGE}={code}{mark}{fragment}"


def _opened(base: str, link: ShareLink) -> str:
    address, mark, fragment = base.partition("#")
    return f"{address}{'&' if '?' in address else '?'}{link.to_query()}{mark}{fragment}" if base else ""
