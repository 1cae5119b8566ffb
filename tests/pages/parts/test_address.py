"""Text from outside on a page: it is shown letter by letter."""

from __future__ import annotations

import re

import pytest
from studio import unescaped

from dcgan.pages.parts.address import plain

# What the page turns into a link or an icon after it has read Markdown, so that an escape does not help:
# mdast-util-gfm-autolink-literal's two expressions, names of emoji, and Streamlit's names of icons.
TRANSFORMED = [
    r"(?i)(https?:\/\/|www(?=\.))([-.\w]+)([^ \t\r\n]*)",
    r"(?<![\w.+-])([-.\w+]+)@([-\w]+(?:\.[-\w]+)+)",
    r":[\w+-]+:",
    r":material/\w+:",
]


@pytest.mark.parametrize(
    "text",
    [
        "http://192.0.2.1/x",
        "see HTTPS://example.org.",
        "www.example.org",
        "(WWW.example.org/a)",
        "someone@example.org",
        ":smile: and :material/delete: and :+1:",
        "[a](https://example.org) ![b](http://example.org/c.png) <https://example.org>",
    ],
)
def test_addresses_and_names_of_icons_stay_text(text):
    shown = re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", plain(text))  # as Markdown reads it
    assert not any(re.search(pattern, shown) for pattern in TRANSFORMED)
    assert shown.replace("\u2060", "") == text
    assert unescaped(plain(text)) == text


@pytest.mark.parametrize(
    "text", ["--data folder:/photos/a_b", "12:30, a@b", "seed_a='-1' is not in 0..9; 0 is used."]
)
def test_text_that_a_reader_copies_has_no_invisible_characters(text):
    assert "\u2060" not in plain(text)
    assert unescaped(plain(text)) == text
