"""The command page: a static page that draws generators in the visitor's browser."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

from tyro.conf import FlagCreatePairsOff, Positional, arg

from dcgan.cli.draw import Output
from dcgan.files import replacing
from dcgan.runs.listing import find_run


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
        snapshots: Add the generators along the training, for the page's time machine. Default: for a folder only.
        no_snapshots: Leave the generators along the training out of a folder.
        full: Keep weights in full precision. Half precision takes half the bytes, and few pixels change by one level.
    """
    if not runs:
        raise ValueError("a page needs at least one run; name one (see: python -m dcgan runs)")
    if snapshots and no_snapshots:
        raise ValueError("--snapshots and --no-snapshots exclude each other; leave one out")
    in_folder = output.endswith(("/", os.sep)) or Path(output).is_dir()
    if not in_folder and Path(output).suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"output {output!r} is neither a .html file nor a folder; write {output}.html or {output}/")
    from dcgan.publishing.page import page_files, parts_of, single_page

    selected = [find_run(name) for name in runs]
    if in_folder:
        _check_folder(Path(output))
        files = page_files(selected, snapshots=not no_snapshots, half=not full)
        # What the page refers to comes first, so that a host never serves a page without its files.
        for name, content in reversed(files.items()):
            _write(Path(output) / name, content)
        sizes = {name: len(content) for name, content in files.items()}
        last = f"bytes in {len(sizes)} files in {output}; any static host can serve them"
    else:
        content = single_page(selected, snapshots=snapshots, half=not full)
        _write(Path(output), content)
        sizes = parts_of(content)
        last = f"bytes in {output}; a browser opens it from the disk, without a network"
    for name, size in sizes.items():
        print(f"{size:>12,}  {name}")
    print(f"{sum(sizes.values()):>12,}  {last}")
    return 0


def _check_folder(folder: Path) -> None:
    """Raise ValueError where the folder has a page of somebody else, which would be lost."""
    index = folder / "index.html"
    if index.exists() and not (folder / "manifest.json").exists():
        raise ValueError(f"{index} is another page, which would be lost; name an empty folder")


def _write(path: Path, content: bytes) -> None:
    with replacing(path) as temporary:
        temporary.write_bytes(content)


COMMANDS = {"page": page}
HELP_ORDER = 6
