"""A language that no one speaks: English in which each letter has an accent, and each text is longer.

What a page shows in plain letters did not go through dcgan.locale.language. Source of the idea: pseudolocalization,
as operating systems are tested.
"""

from __future__ import annotations

import re
from pathlib import Path

from babel.messages.catalog import Catalog
from translations import extracted, mo_bytes

CODE = "eo"
"""Babel needs a language that it knows, for the plural forms. Esperanto has those of English."""

_PLAIN = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_ACCENTED = "áƀçđéƒĝħíĵķĺɱñóƥɋŕšţúṽŵẋýžÁƁÇĐÉƑĜĦÍĴĶĹṀÑÓƤɊŔŠŢÚṼŴẊÝŽ"
_LETTERS = str.maketrans(_PLAIN, _ACCENTED)

_KEPT = re.compile(
    r"\{[^{}]*\}"  # a place, with its format
    r"|`[^`]*`"  # code
    r"|\]\([^)]*\)|https?://\S+"  # addresses
    r"|:[a-z_/]+:|:[a-z-]+\[|<[^>]*>|&\w+;"  # icons, colors and HTML
    r"|\$[^$]*\$"  # formulas
)


def pseudo(text: str) -> str:
    """Return a text with accents, about a third longer. Places, code, addresses and markup stay."""
    parts, start = [], 0
    for match in _KEPT.finditer(text):
        parts += [text[start : match.start()].translate(_LETTERS), match.group()]
        start = match.end()
    parts.append(text[start:].translate(_LETTERS))
    return "".join(parts) + "·" * (len(text) // 3)


def write_pseudo_catalog(folder: Path) -> None:
    """Write the compiled catalog of the pseudo-language below a folder, for the environment's DCGAN_LOCALE."""
    catalog = Catalog(locale=CODE)
    for message in extracted():
        if isinstance(message.id, tuple):
            catalog.add(message.id, tuple(pseudo(text) for text in message.id))
        elif message.id:
            catalog.add(message.id, pseudo(message.id))
    path = folder / CODE / "LC_MESSAGES" / "dcgan.mo"
    path.parent.mkdir(parents=True)
    path.write_bytes(mo_bytes(catalog))
