"""A cache folder of its own, and downloads that fail."""

from __future__ import annotations

import urllib.error
from pathlib import Path

import pytest


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Set $DCGAN_CACHE to a folder that does not exist yet, and return the folder."""
    monkeypatch.setenv("DCGAN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Make every download fail at once, and return the requested addresses."""
    addresses = []

    def refuse(request, *args, **kwargs):
        addresses.append(request.full_url)
        raise urllib.error.URLError("no network here")

    monkeypatch.setattr("urllib.request.urlopen", refuse)
    return addresses
