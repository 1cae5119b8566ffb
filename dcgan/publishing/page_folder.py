"""Write a page into a folder: files of others are never lost, and files of the earlier page there do not pile up."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dcgan import bounded_json
from dcgan.files import replacing

MANIFEST = "manifest.json"
_NAMED_BY_CONTENT = re.compile(r"weights/[0-9a-f]{12}(-[0-9a-f]{8})?\.safetensors|digits-[0-9a-f]{12}\.png")
"""The names of files that only a page writes."""


def check_page_folder(folder: Path, names: tuple[str, ...] = ("index.html", MANIFEST)) -> None:
    """Raise ValueError where the folder has files of somebody else under these names, which would be lost."""
    if _earlier_manifest(folder) is not None:
        return
    if others := [name for name in names if (folder / name).exists()]:
        raise ValueError(
            f"{folder / others[0]} is not of a page of this program, and would be lost; name an empty folder"
        )


def write_page_folder(folder: Path, files: Mapping[str, bytes]) -> list[str]:
    """Write the files of a page, and return the names of the files of the earlier page that were removed.

    Only files that the earlier page's manifest lists are removed. Raises ValueError as `check_page_folder` does.
    """
    check_page_folder(folder, tuple(name for name in files if "/" not in name))
    before = _listed_files(_earlier_manifest(folder) or {})
    # What the page refers to comes first, so that a host never serves a page without its files.
    for name in reversed(list(files)):
        with replacing(folder / name) as temporary:
            temporary.write_bytes(files[name])
    old = sorted(name for name in before - set(files) if (folder / name).is_file())
    for name in old:
        (folder / name).unlink()
    return old


def _earlier_manifest(folder: Path) -> dict[str, Any] | None:
    """Return the manifest of a page in the folder. None without one, and for another program's file of that name."""
    try:
        manifest = bounded_json.read_object(folder / MANIFEST)
    except (OSError, ValueError):
        return None
    return manifest if isinstance(manifest.get("models"), list) and isinstance(manifest.get("usual"), str) else None


def _listed_files(manifest: Mapping[str, Any]) -> set[str]:
    """Return the files that a manifest lists, if a page gives such names. The manifest is not trusted."""
    models = [model for model in manifest.get("models", []) if isinstance(model, dict)]
    entries: list[Any] = [manifest.get("digits")]  # pages of version 1 had these once for all models
    for model in models:
        snapshots = model.get("snapshots")
        entries += [model.get("digits"), model.get("weights"), *(snapshots if isinstance(snapshots, list) else [])]
    names = [entry.get("file") for entry in entries if isinstance(entry, dict)]
    return {name for name in names if isinstance(name, str) and _NAMED_BY_CONTENT.fullmatch(name)}
