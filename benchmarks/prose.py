"""Measure the sentences of the README and of docs/: how many, how long, and which are the longest.

`python benchmarks/prose.py [FILE ...]` exits with 1 if the mean of all files is above 16 words. Front matter, code
blocks, tables, headings, HTML comments and the bold name that begins a paragraph are left out. A code span is one
word.
"""

from __future__ import annotations

import argparse
import re
import statistics
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MAX_MEAN = 16
"""Words a sentence may have in the mean over all files."""
LONG = 20
"""Words that a single sentence should not exceed."""

_FRONT_MATTER = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)
_FENCE = re.compile(r"^ *(```|~~~).*?^ *\1 *$", re.DOTALL | re.MULTILINE)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_LEFT_OUT = re.compile(r"^ *(\||#|    )")
_NAME = re.compile(r"^\*\*[^*]+\.\*\* +")
_ITEM = re.compile(r"^ *(?:[-*+]|\d+\.) +")
_IMAGE = re.compile(r"!\[[^\]]*\]\([^)]*\)")
_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")
_CODE = re.compile(r"`([^`]*)`")
_END = re.compile(r"(?<=[.!?])[\"')*_]*\s+")
_ABBREVIATION = re.compile(r"(?:\be\.g|\bi\.e|\bet al|\bvs)\.$")


def default_files() -> list[Path]:
    """Return the README and every page under docs/, in order."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def paragraphs(text: str) -> Iterator[str]:
    """Yield each paragraph and each list item of a Markdown text as one line of plain words."""
    for pattern in (_FRONT_MATTER, _FENCE, _COMMENT):
        text = pattern.sub("\n", text)
    lines: list[str] = []
    for line in [*text.splitlines(), ""]:
        starts_item = _ITEM.match(line)
        if not line.strip() or starts_item or (_LEFT_OUT.match(line) and not lines):
            if lines:
                yield " ".join(lines)
            lines = []
        if line.strip() and (lines or not _LEFT_OUT.match(line)):
            lines.append(_ITEM.sub("", line).strip())


def sentences(text: str) -> list[str]:
    """Return the sentences of a Markdown text, in order, as they are read."""
    result: list[str] = []
    for paragraph in paragraphs(text):
        plain = _LINK.sub(r"\1", _IMAGE.sub("", _NAME.sub("", paragraph)))
        # A code span is one word, and a stop inside of it ends no sentence.
        plain = _CODE.sub(lambda match: re.sub(r"\s+", "·", match[1]).rstrip("."), plain)
        start = ""
        for part in _END.split(plain):
            start = f"{start} {part}".strip()
            if not _ABBREVIATION.search(start):
                result.append(start)
                start = ""
        result.append(start)
    return [sentence for sentence in result if re.search(r"\w", sentence)]


def num_words(sentence: str) -> int:
    """Return the number of words; a dash between spaces is not one."""
    return sum(bool(re.search(r"\w", word)) for word in sentence.split())


def main(arguments: Sequence[str] | None = None) -> int:
    """Print one row a file, the longest sentences of each, and the mean over all. Return 1 if that is above 16."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path, help="Markdown files; default: README.md and docs/*.md")
    parser.add_argument("--longest", type=int, default=3, help="how many of each file's longest sentences to print")
    options = parser.parse_args(arguments)
    texts = {path: sentences(path.read_text(encoding="utf-8")) for path in options.files or default_files()}
    lengths = {path: [num_words(sentence) for sentence in text] for path, text in texts.items()}
    print(f"| file | sentences | mean words | over {LONG} words |\n|---|---:|---:|---:|")
    for path, counts in lengths.items():
        print(_row(path.name, counts))
    everything = [count for counts in lengths.values() for count in counts]
    print(_row("all", everything))
    for path, text in texts.items():
        for sentence in sorted(text, key=num_words, reverse=True)[: options.longest]:
            if num_words(sentence) > LONG:
                print(f"\n{path.name}, {num_words(sentence)} words: {sentence}")
    return int(bool(everything) and statistics.fmean(everything) > MAX_MEAN)


def _row(name: str, counts: Sequence[int]) -> str:
    if not counts:
        return f"| {name} | 0 | - | - |"
    share = sum(count > LONG for count in counts) / len(counts)
    return f"| {name} | {len(counts)} | {statistics.fmean(counts):.1f} | {share:.0%} |"


if __name__ == "__main__":
    sys.exit(main())
