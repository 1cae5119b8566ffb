"""Runs of their own for tests of pages."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from babel.messages.catalog import Catalog
from translations import extracted, mo_bytes

from dcgan import pixels
from dcgan.locale import language
from dcgan.training import time_estimate


@pytest.fixture
def only_own_runs(runs_root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Hide published models and the variables of a server, and time no steps; return the folder of the runs."""
    monkeypatch.setattr("dcgan.files.CHECKPOINTS", runs_root.parent / "no-checkpoints")
    monkeypatch.setattr("dcgan.files.FAILURES", runs_root.parent / "no-failures")
    monkeypatch.setattr(time_estimate, "measure_in_background", lambda configs: None)
    for name in ("SPACE_ID", "DCGAN_ALLOW_TRAINING", "DCGAN_MAX_RUNNING", "DCGAN_DEMO_URL", "DCGAN_PAGE_URL"):
        monkeypatch.delenv(name, raising=False)
    return runs_root


@pytest.fixture
def polish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Add a language with translations of some options; return its code."""
    catalog = Catalog(locale="pl")
    for text, translation in {
        "Live": "Na żywo",
        "Samples": "Próbki",
        "Test image": "Obraz testowy",
        "effect on the pixels": "wpływ na piksele",
        "number": "numer",
        "{channels} maps of {size}": "map {size}: {channels}",
        "only D": "tylko D",
        "new networks": "nowe sieci",
        "seed {seed}": "ziarno {seed}",
        "{data} is not on this machine": "{data}: brak",
    }.items():
        catalog.add(text, translation)
    path = tmp_path / "locale" / "pl" / "LC_MESSAGES" / "dcgan.mo"
    path.parent.mkdir(parents=True)
    path.write_bytes(mo_bytes(catalog))
    monkeypatch.setenv("DCGAN_LOCALE", str(tmp_path / "locale"))
    language._translations.cache_clear()
    return "pl"


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[np.ndarray]:
    """Record every picture that the page shows from now on, before it becomes a file."""
    pictures = []
    png_bytes = pixels.png_bytes

    def recording(picture, metadata=None):
        if metadata is None:  # with metadata it is the download
            pictures.append(picture)
        return png_bytes(picture, metadata)

    monkeypatch.setattr(pixels, "png_bytes", recording)
    return pictures


@pytest.fixture(scope="session")
def bracketed_catalog() -> bytes:
    """Return a catalog in which each text of the code is itself, in brackets."""
    catalog = Catalog(locale="eo")
    for message in extracted():
        if message.id:
            in_brackets = [f"⟦{form}⟧" for form in ([message.id] if isinstance(message.id, str) else message.id)]
            catalog.add(message.id, in_brackets[0] if isinstance(message.id, str) else tuple(in_brackets))
    return mo_bytes(catalog)


@pytest.fixture
def brackets(bracketed_catalog: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Add a language whose texts are English in brackets, and return its code."""
    path = tmp_path / "locale" / "eo" / "LC_MESSAGES" / "dcgan.mo"
    path.parent.mkdir(parents=True)
    path.write_bytes(bracketed_catalog)
    monkeypatch.setenv("DCGAN_LOCALE", str(tmp_path / "locale"))
    language._translations.cache_clear()
    return "eo"
