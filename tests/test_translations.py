"""The catalogs: every text of the code is translated, with the same placeholders, and the compiled files are current.

And the code: a text that a visitor sees goes through dcgan.locale.language, as a literal.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest
from babel.messages.catalog import Catalog, Message
from translations import (
    ROOT,
    catalog_paths,
    extracted,
    is_complete,
    mo_bytes,
    po_bytes,
    read_catalog,
    sources,
    updated,
)

from dcgan.locale.language import ENGLISH, LANGUAGES

CATALOGS = dict(catalog_paths())
REMEDY = "run python tests/translations.py, and translate what is new"


@pytest.fixture(scope="module", params=sorted(CATALOGS))
def catalog(request: pytest.FixtureRequest) -> Catalog:
    return read_catalog(CATALOGS[request.param], request.param)


def messages(catalog: Catalog) -> list[Message]:
    """Return the texts without the header."""
    return [message for message in catalog if message.id]


def places(text: str) -> list[str]:
    """Return the places of a text with their formats, sorted. A text without values may hold braces of its own."""
    try:
        parts = list(Formatter().parse(text))
    except ValueError:
        return []
    return sorted({f"{name}!{conversion}:{spec}" for _, name, spec, conversion in parts if name is not None})


def as_forms(texts: str | tuple[str, ...]) -> tuple[str, ...]:
    return (texts,) if isinstance(texts, str) else tuple(texts)


def test_every_language_has_a_catalog():
    assert set(CATALOGS) == set(LANGUAGES) - {ENGLISH}


def test_catalogs_have_the_texts_of_the_code(catalog: Catalog):
    in_code = {message.id for message in messages(extracted())}
    in_catalog = {message.id for message in messages(catalog)}
    assert in_catalog == in_code, REMEDY


def test_every_text_is_translated(catalog: Catalog):
    missing = [message.id for message in messages(catalog) if message.fuzzy or not is_complete(message.string)]
    assert missing == [], REMEDY
    for message in messages(catalog):
        assert message.pluralizable == isinstance(message.string, tuple)
        assert len(as_forms(message.string)) == (catalog.num_plurals if message.pluralizable else 1)


def test_placeholders_are_those_of_the_english_text(catalog: Catalog):
    for message in messages(catalog):
        # Some languages have one form for all numbers, which must name the number.
        english = as_forms(message.id)[-1]
        for text in as_forms(message.string):
            assert places(text) == places(english), message.id


def test_code_and_addresses_in_a_text_stay(catalog: Catalog):
    kept = re.compile(r"`[^`]+`|https?://[^\s)]+|\]\([^)]+\)|:material/\w+:|</?\w+")
    for message in messages(catalog):
        english = as_forms(message.id)[-1]
        for text in as_forms(message.string):
            assert sorted(kept.findall(text)) == sorted(kept.findall(english)), message.id


def test_compiled_catalogs_are_current():
    for code, path in CATALOGS.items():
        catalog = read_catalog(path, code)
        assert path.with_suffix(".mo").read_bytes() == mo_bytes(catalog), REMEDY
        assert path.read_bytes() == po_bytes(updated(catalog)), REMEDY


# The code

MARKING = ("tr", "tr_later", "tr_plural")


def calls(tree: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def is_literal(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def test_marked_texts_are_literals():
    for path in sources():
        if path.name == "language.py":
            continue
        for call in calls(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(call.func, ast.Name) and call.func.id in MARKING:
                texts = call.args[: 2 if call.func.id == "tr_plural" else 1]
                assert all(map(is_literal, texts)), f"{path.relative_to(ROOT)}:{call.lineno}"


ELEMENTS = {
    *("title", "header", "subheader", "markdown", "caption", "write", "info", "warning", "error", "success", "text"),
    *("button", "selectbox", "radio", "slider", "select_slider", "number_input", "text_input", "text_area", "toggle"),
    *("checkbox", "multiselect", "pills", "segmented_control", "file_uploader", "download_button", "link_button"),
    *("expander", "metric", "spinner", "popover", "toast", "page_link", "form_submit_button", "status"),
    *("Markdown", "Button", "Dropdown", "Textbox", "Number", "Slider", "Radio", "Checkbox", "Image", "Plot", "Tab"),
    *("Accordion", "DownloadButton", "Sketchpad", "Label", "Info", "Warning", "Error", "HTML"),
}
"""Functions of Streamlit and Gradio that show their first argument."""
SHOWN = {"label", "help", "placeholder", "info", "caption", "alt_text", "alt", "title", "show_spinner"}
"""Arguments that they show."""


def in_english(node: ast.expr) -> bool:
    """Return whether the argument is a text with words that no language can replace."""
    parts = node.values if isinstance(node, ast.JoinedStr) else [node]
    letters = "".join(part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str))
    letters = re.sub(r"`[^`]*`|:material/\w+:|\$.*?\$|<[^>]*>|https?://\S+", "", letters)
    return re.search(r"[A-Za-z]{2,}", letters) is not None


def test_pages_and_demo_show_marked_texts():
    folders = [ROOT / "dcgan" / "pages", ROOT / "dcgan" / "demo"]
    found = []
    for path in [ROOT / "streamlit_app.py", *(path for folder in folders for path in sorted(folder.rglob("*.py")))]:
        for call in calls(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(call.func, ast.Attribute) or call.func.attr not in ELEMENTS:
                continue
            arguments = [*call.args[:1], *(keyword.value for keyword in call.keywords if keyword.arg in SHOWN)]
            found += [
                f"{path.relative_to(ROOT)}:{argument.lineno}: {ast.unparse(argument)}"
                for argument in arguments
                if in_english(argument) and ast.unparse(argument) not in NAMES
            ]
    assert found == []


NAMES = {"'DCGAN Studio'", "'/home/me/photos'", "'Language · Ngôn ngữ · 语言'"}
"""Texts that are the same in each language."""


def test_sources_are_all_python_files_of_the_apps():
    assert {Path("streamlit_app.py"), Path("gradio_app.py"), Path("dcgan/config.py")} <= {
        path.relative_to(ROOT) for path in sources()
    }
