"""Labels by the names of their classes: one parser for commands, pages and links. Imports no torch.

A number is always the label's number. So a link keeps its meaning, whatever the classes are called.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence

_NUMBERS = re.compile(r"[0-9]+(-[0-9]+)?")


def with_numbers(text: str, classes: Sequence[str]) -> str:
    """Return the text with the number of its label for each class name; other words stay.

    Names stand between commas or semicolons. Upper and lower case are the same where that leaves one class.
    """
    if (number := _number(text, classes)) is not None:
        return str(number)
    words = [word.strip() for word in re.split("[,;]", text)]
    numbers = [_number(word, classes) for word in words]
    if all(number is None for number in numbers):
        return text
    return ",".join(word if number is None else str(number) for word, number in zip(words, numbers, strict=True))


def _number(word: str, classes: Sequence[str]) -> int | None:
    """Return the label of a class name; None for a number, and for other words."""
    word = word.strip()
    if not word or _NUMBERS.fullmatch(word):
        return None
    if word in classes:
        return classes.index(word)
    alike = [label for label, name in enumerate(classes) if name.casefold() == word.casefold()]
    return alike[0] if len(alike) == 1 else None


def label_of(text: str, classes: Sequence[str], count: int) -> int | None:
    """Return the label below `count` that the text is: "3", "cats" or, as `label_text` says, "3 cats". Else None."""
    listed = {label_text(label, classes): label for label in range(count)}
    if text in listed:
        return listed[text]
    if text.isascii() and text.isdecimal() and len(text) <= 10:
        return int(text) if int(text) < count else None
    return _number(text, classes[:count])


def parse_labels(text: str, classes: Sequence[str] = (), what: str = "labels") -> list[int]:
    """Return labels or components from text like "7", "0-9", "0,1,2" or, of these classes, "cats,dogs".

    Raises ValueError for other text, and names the nearest class.
    """
    from dcgan.latents import parse_seeds  # it imports NumPy

    numbered = with_numbers(text, classes)
    try:
        return parse_seeds(numbered)  # the same way of writing
    except ValueError as error:
        raise ValueError(f"{what} {text[:40]!r} are not numbers; {_advice(numbered, classes)}") from error


def _advice(text: str, classes: Sequence[str]) -> str:
    if not classes:
        return "write 7, 0-9 or 0,1,2"
    unknown = next((word for word in re.split("[,;]", text) if not _NUMBERS.fullmatch(word.strip())), text)
    near = difflib.get_close_matches(unknown[:80].strip(), classes, n=1)
    if near:
        return f"did you mean {near[0]}?"
    more = f" and {len(classes) - 10} more" if len(classes) > 10 else ""
    return f"write 0-{len(classes) - 1}, or classes: {', '.join(classes[:10])}{more}"


def named_query(query: Mapping[str, object], classes: Sequence[str]) -> dict[str, object]:
    """Return a link's parsed query with numbers for the names among its labels."""
    labels = query.get("labels")
    if not isinstance(labels, str) or len(labels) > 1000:
        return dict(query)
    return {**query, "labels": with_numbers(labels, classes)}


def label_text(label: int, classes: Sequence[str]) -> str:
    """Return what a list of choices shows of a label: "3 cats", or "3" where the name says no more."""
    name = classes[label] if label < len(classes) else ""
    return str(label) if name in ("", str(label)) else f"{label} {name}"
