"""Keep the catalogs in dcgan/locale/ up to date: python tests/translations.py

It extracts the texts from the code, adds new ones to each catalog, removes unused ones, and compiles. It never
changes a translation. The translation of a text that was changed a little is marked as fuzzy, to be read again.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_file
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from dcgan.fields import config_fields

ROOT = Path(__file__).parents[1]
LOCALE = ROOT / "dcgan" / "locale"
KEYWORDS = {"tr": None, "tr_later": None, "tr_plural": (1, 2)}
"""Functions of dcgan.locale.language -> which arguments are texts."""
OF_A_PERSON = {
    f'"{name}'.encode()
    for name in (
        *("Project-Id-Version", "Report-Msgid-Bugs-To", "POT-Creation-Date", "PO-Revision-Date"),
        *("Last-Translator", "Language-Team", "Generated-By"),
    )
}
"""Lines of a catalog's header that change although no text does."""


def sources() -> list[Path]:
    """Return the files whose texts are extracted."""
    return [ROOT / "streamlit_app.py", ROOT / "gradio_app.py", *sorted((ROOT / "dcgan").rglob("*.py"))]


def extracted() -> Catalog:
    """Return all texts of the code, with the files in which they are."""
    catalog = Catalog(charset="utf-8")
    for path in sources():
        for _, message, comments, context in extract_from_file("python", path, KEYWORDS, ["Translators:"]):
            location = path.relative_to(ROOT).as_posix()
            catalog.add(message, None, [(location, None)], auto_comments=comments, context=context)
    for field in config_fields().values():  # a page shows the docstrings of the config's fields
        catalog.add(field.help, None, [("dcgan/config.py", None)])
    return catalog


def catalog_paths() -> Iterator[tuple[str, Path]]:
    """Yield the code and the .po file of each translated language."""
    for path in sorted(LOCALE.glob("*/LC_MESSAGES/dcgan.po")):
        yield path.parts[-3], path


def read_catalog(path: Path, code: str) -> Catalog:
    """Return a catalog as it is on the disk."""
    with path.open("rb") as file:
        return read_po(file, locale=code, domain="dcgan")


def updated(catalog: Catalog) -> Catalog:
    """Return the catalog with exactly the texts of the code."""
    catalog.update(extracted(), update_header_comment=False)
    catalog.obsolete.clear()
    return catalog


def po_bytes(catalog: Catalog) -> bytes:
    """Return a catalog as a .po file: sorted, without line numbers and dates, so that small changes stay small."""
    out = io.BytesIO()
    write_po(out, catalog, width=118, sort_output=True, include_lineno=False)
    header, end, entries = out.getvalue().partition(b"\n\n")
    kept = (line for line in header.splitlines() if line.partition(b":")[0] not in OF_A_PERSON)
    return b"\n".join(kept) + end + entries


def mo_bytes(catalog: Catalog) -> bytes:
    """Return a catalog as a .mo file, without fuzzy translations. Equal catalogs give equal bytes."""
    catalog.creation_date = catalog.revision_date = datetime(2026, 1, 1)
    out = io.BytesIO()
    write_mo(out, catalog)
    return out.getvalue()


def main() -> int:
    """Update and compile each catalog, and print what is missing."""
    for code, path in catalog_paths():
        catalog = updated(read_catalog(path, code))
        missing = [text for text in catalog if text.id and (text.fuzzy or not is_complete(text.string))]
        path.write_bytes(po_bytes(catalog))
        path.with_suffix(".mo").write_bytes(mo_bytes(catalog))
        print(f"{code}: {len(catalog)} texts, {len(missing)} to translate")
    return 0


def is_complete(string: str | tuple[str, ...] | None) -> bool:
    """Return whether a translation has all its plural forms."""
    return bool(string) and (isinstance(string, str) or all(string))


if __name__ == "__main__":
    sys.exit(main())
