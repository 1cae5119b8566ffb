"""Read the texts of dcgan/web, and those that a visitor of the page sees or hears."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

WEB = Path(__file__).resolve().parents[1] / "dcgan" / "web"
FILES = {"en": "texts.js", "vi": "texts.vi.js", "zh": "texts.zh.js"}
"""Code of a language -> the file with its texts."""
_ENTRY = re.compile(r'^  (\w+):\s+("(?:[^"\\]|\\.)*"),$', re.MULTILINE)

_SEEN = """
() => {
  const attributes = ["aria-label", "aria-valuetext", "title", "placeholder", "alt"];
  const texts = [document.title];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const { data, parentElement } = walker.currentNode;
    const shown = parentElement.closest("select") ?? parentElement;
    if (data.trim() && !parentElement.closest("script, noscript") && shown.checkVisibility()) texts.push(data.trim());
  }
  for (const element of document.body.querySelectorAll("*")) {
    if (!element.checkVisibility()) continue;
    for (const name of attributes) if (element.hasAttribute(name)) texts.push(element.getAttribute(name));
  }
  return texts;
}
"""


def texts_of(code: str) -> dict[str, str]:
    """Return name -> text of one language, in the order of its file."""
    source = (WEB / FILES[code]).read_text(encoding="utf-8")
    return {name: json.loads(text) for name, text in _ENTRY.findall(source)}


def places(text: str) -> list[str]:
    """Return the names of the values in a text, sorted."""
    return sorted(re.findall(r"\{(\w+)\}", text))


def seen_texts(page: Any) -> list[str]:
    """Return what is visible on a page, its title, and what screen readers say about it."""
    return page.evaluate(_SEEN)
