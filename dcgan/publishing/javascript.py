"""Read JavaScript just far enough to join modules: where code is, and where comments and text are.

It knows comments, strings, templates and regular expressions. It builds no syntax tree. No dependency.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

Kind = Literal["comment", "text"]

_STRING = re.compile(r"""'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*\"""", re.DOTALL)
_REGULAR = re.compile(r"/(?![*/])(?:[^/\\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+/[a-z]*")
_LINE_COMMENT = re.compile(r"//[^\n]*")
_BLOCK_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_BEFORE_OPERAND = re.compile(r"(?:^|[(,=:\[!&|?{};+\-*%<>~^]|\b(?:return|typeof|case|in|of|do|else|void|throw))\s*\Z")
"""What stands before a regular expression. After a name, a number or a bracket that closes, a slash divides."""
_OPENING, _CLOSING = "([{", ")]}"


class Span(NamedTuple):
    """A part of a source that is not code: source[start:end]."""

    kind: Kind
    """`text` is a string, a template or a regular expression."""
    start: int
    end: int


def spans(source: str) -> Iterator[Span]:
    """Yield the comments and texts of a source, in order. Raises ValueError for one that does not end."""
    at, code = 0, ""  # `code` is what stands before, without comments
    while at < len(source):
        span = _span_at(source, at, code)
        if span is None:
            code = (code + source[at])[-40:]
            at += 1
            continue
        yield span
        code = code + " " if span.kind == "comment" else code + "x"
        at = span.end


def _span_at(source: str, at: int, code: str) -> Span | None:
    """Return the comment or the text that begins at a position; None where code goes on."""
    character = source[at]
    if character == "`":
        return Span("text", at, _template_end(source, at))
    if character in "'\"":
        match = _STRING.match(source, at)
        if match is None:
            raise ValueError(f"line {line_of(source, at)} has a string that does not end; close it")
        return Span("text", at, match.end())
    if character != "/":
        return None
    if source.startswith("/*", at):
        match = _BLOCK_COMMENT.match(source, at)
        if match is None:
            raise ValueError(f"line {line_of(source, at)} has a comment that does not end; close it")
        return Span("comment", at, match.end())
    if match := _LINE_COMMENT.match(source, at):
        return Span("comment", at, match.end())
    match = _REGULAR.match(source, at) if _BEFORE_OPERAND.search(code) else None
    return Span("text", at, match.end()) if match else None


def _template_end(source: str, start: int) -> int:
    """Return where a template ends. The expressions in it may have templates and strings of their own."""
    at = start + 1
    while at < len(source):
        if source[at] == "\\":
            at += 2
        elif source[at] == "`":
            return at + 1
        elif source.startswith("${", at):
            at = _expression_end(source, at + 2)
        else:
            at += 1
    raise ValueError(f"line {line_of(source, start)} has a template that does not end; close it")


def _expression_end(source: str, at: int) -> int:
    """Return where the expression of a template ends, behind its brace."""
    start, depth, code = at, 1, "("
    while at < len(source):
        span = _span_at(source, at, code)
        if span:
            at, code = span.end, code + ("x" if span.kind == "text" else " ")
            continue
        depth += (source[at] == "{") - (source[at] == "}")
        code = (code + source[at])[-40:]
        at += 1
        if not depth:
            return at
    raise ValueError(f"line {line_of(source, start)} has a template that does not end; close it")


def line_of(source: str, at: int) -> int:
    """Return the number of the line of a position, from 1."""
    return source.count("\n", 0, at) + 1


def without_comments(source: str) -> str:
    """Return the source without comments. A line that has nothing else is removed whole."""
    parts, at = [], 0
    for span in spans(source):
        if span.kind != "comment":
            continue
        parts.append(source[at : span.start])
        parts.append(_instead(source, span))
        at = span.end
    parts.append(source[at:])
    return without_empty_lines("".join(parts))


def _instead(source: str, comment: Span) -> str:
    """Return what a comment leaves. It separates words, and one of several lines ends a statement."""
    if "\n" in source[comment.start : comment.end]:
        return "\n"
    before, after = source[comment.start - 1 : comment.start], source[comment.end : comment.end + 1]
    return "" if before in " \n([{,;" or after in " \n" else " "


def without_empty_lines(source: str) -> str:
    """Return the source without empty lines and without spaces at ends of lines, except within templates."""
    parts, at = [], 0
    for span in [*spans(source), Span("text", len(source), len(source))]:
        code = re.sub(r"[ \t]+(?=\n)", "", source[at : span.start])
        parts.append(re.sub(r"\n{2,}", "\n", code) + source[span.start : span.end])
        at = span.end
    return "".join(parts).strip() + "\n"


def masked(source: str) -> str:
    """Return the source with spaces for each character of comments and texts. Positions and lines stay."""
    characters = list(source)
    for span in spans(source):
        for at in range(span.start, span.end):
            if characters[at] != "\n":
                characters[at] = " "
    return "".join(characters)


def top_level(code: str) -> str:
    """Return masked code with spaces for what stands within brackets. The brackets stay."""
    characters, depth = list(code), 0
    for at, character in enumerate(code):
        depth -= character in _CLOSING
        if depth > 0 and character != "\n":
            characters[at] = " "
        depth += character in _OPENING
        if depth < 0:
            raise ValueError(f"line {line_of(code, at)} closes a bracket that is not open; open it")
    if depth:
        raise ValueError("a bracket is not closed; close it")
    return "".join(characters)
