"""The command page: a static page that draws generators in the visitor's browser."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from tyro.conf import FlagCreatePairsOff, Positional, arg

from dcgan.cli.draw import Output
from dcgan.files import replacing
from dcgan.runs.listing import find_run

LARGE_RUN_BYTES = 6_000_000
"""A run with its snapshots takes up to so many bytes of a page, as docs/demo.md says. A larger one gets a note."""


def page(
    runs: Annotated[Positional[tuple[str, ...]], arg(metavar="RUN...")],
    *,
    output: Output = "page.html",
    snapshots: FlagCreatePairsOff[bool] = False,
    no_snapshots: FlagCreatePairsOff[bool] = False,
    full: FlagCreatePairsOff[bool] = False,
) -> int:
    """Make a page that draws generators in the visitor's browser, without a server.

    Args:
        runs: Paths or names of runs (see: runs). A page that is opened without a link shows the first one.
        output: A .html file has everything inside. It opens from a disk, without a network. A folder (PATH/, or one
            that exists) gets the files for a static host. There, a visitor loads only the weights that are shown.
            Files of an earlier page in that folder are replaced, and removed if the new page does not need them.
        snapshots: Add the generators along the training, for the page's time machine. Default: for a folder only.
        no_snapshots: Leave the generators along the training out of a folder.
        full: Keep weights in full precision. Half precision takes half the bytes. Few pixels change, by one or two
            gray levels.
    """
    if not runs:
        raise ValueError("a page needs at least one run; name one (see: python -m dcgan runs)")
    if snapshots and no_snapshots:
        raise ValueError("--snapshots and --no-snapshots exclude each other; leave one out")
    in_folder = _is_folder(output)
    selected = [find_run(name) for name in runs]
    from dcgan.publishing.page import manifest_of, page_files, parts_of, single_page
    from dcgan.publishing.page_folder import check_page_folder, write_page_folder

    path = Path(output)
    removed: list[str] = []
    if in_folder:
        check_page_folder(path)
        files = page_files(selected, snapshots=not no_snapshots, half=not full)
        removed = write_page_folder(path, files)
        sizes, manifest = {name: len(content) for name, content in files.items()}, json.loads(files["manifest.json"])
        last = f"bytes in {len(sizes)} files in {output}; any static host can serve them"
    else:
        content = single_page(selected, snapshots=snapshots, half=not full)
        with replacing(path) as temporary:
            temporary.write_bytes(content)
        sizes, manifest = parts_of(content), manifest_of(content)
        last = f"bytes in {output}; a browser opens it from the disk, without a network"
    _print_sizes(sizes, manifest, last)
    if removed:
        print(f"removed {len(removed)} files of the earlier page: {', '.join(removed)}")
    flag = "add --no-snapshots" if in_folder else "leave out --snapshots"
    for note in _notes(sizes, manifest):
        print(f"note: {note}; {flag} for a smaller page", file=sys.stderr)
    return 0


def _is_folder(output: str) -> bool:
    """Return whether the output is a folder. Raises ValueError for an output that cannot be written."""
    path = Path(output)
    in_folder = output.endswith(("/", os.sep)) or path.is_dir()
    if not in_folder and path.suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"output {output!r} is neither a .html file nor a folder; write {output}.html or {output}/")
    place = path if in_folder else path.parent
    place = next(folder for folder in (place, *place.parents) if os.path.lexists(folder) or folder == folder.parent)
    if not place.is_dir():
        raise ValueError(f"output {output!r} cannot be written, since {place} is not a folder; name another place")
    try:
        # Some folders, such as /proc, look like any other. A page takes a while to make, so this comes first.
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as error:
        reason = f"{place} takes no files ({error.strerror})"
        raise ValueError(f"output {output!r} cannot be written, since {reason}; name another place") from error
    return in_folder


def _print_sizes(sizes: Mapping[str, int], manifest: Mapping[str, Any], last: str) -> None:
    """Print the bytes of each part and of all. Weights have the name of their run and their step."""
    owners: dict[str, list[str]] = {}
    for model in manifest["models"]:
        for weights in (model["weights"], *model["snapshots"]):
            owners.setdefault(weights["file"], []).append(f"{model['name']}, step {weights['step']}")
    for name, size in sizes.items():
        owner = "; ".join(dict.fromkeys(owners.get(name, [])))
        print(f"{size:>12,}  {name}{f'  ({owner})' if owner else ''}")
    print(f"{sum(sizes.values()):>12,}  {last}")


def _notes(sizes: Mapping[str, int], manifest: Mapping[str, Any]) -> list[str]:
    """Return a clause about each run whose weights and snapshots take more bytes than LARGE_RUN_BYTES."""
    notes = []
    for model in manifest["models"]:
        files = {weights["file"] for weights in (model["weights"], *model["snapshots"])}
        size = sum(sizes[file] for file in files)
        if model["snapshots"] and size > LARGE_RUN_BYTES:
            notes.append(f"{model['name']} with its snapshots takes {size:,} bytes, more than {LARGE_RUN_BYTES:,}")
    return notes


COMMANDS = {"page": page}
HELP_ORDER = 6
