"""Make a static page that draws generators in the visitor's browser: a folder for any host, or one file.

dcgan/web has the page's parts. index.html marks four places, and each form of the page fills them in its own way.
"""

from __future__ import annotations

import base64
import copy
import hashlib
import json
import re
import tempfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from dcgan.files import PROJECT
from dcgan.models.browser import why_not_in_browser
from dcgan.publishing.page_bundle import ENTRY, bundle
from dcgan.publishing.page_data import PageData, page_data
from dcgan.publishing.space_files import space_files
from dcgan.runs.listing import BEST, list_runs
from dcgan.runs.run import Run

WEB = PROJECT / "dcgan" / "web"
PLACES = ("policy", "style", "data", "program")
SPLIT_DEFLATE = "split-deflate"
"""How the single file packs weights, see `split_deflate`."""


def page_files(
    runs: Sequence[Run], *, snapshots: bool = True, half: bool = True, web: Path = WEB
) -> dict[str, bytes]:
    """Return the files of a page for a static host: path -> content.

    Weights are named by their id and that of their config, so a cache may keep them for ever. The first run is what a
    page without a link shows. `snapshots` adds the generators along each training. With `half`, weights are in half
    precision.

    Raises ValueError for a run that a browser cannot draw.
    """
    data = page_data(runs, snapshots=snapshots, half=half)
    page = _filled(
        web,
        {
            "policy": _policy(scripts="'self'", styles="'self'", images="'self' data: blob:", connections="'self'"),
            "style": '<link rel="stylesheet" href="style.css">',
            "data": "",
            "program": f'<script type="module" src="{ENTRY}"></script>',
        },
    )
    return {
        "index.html": page,
        "style.css": _style(web).encode(),
        ENTRY: bundle(web).encode(),
        "manifest.json": data.manifest_json,
        **data.files,
    }


def single_page(runs: Sequence[Run], *, snapshots: bool = False, half: bool = True, web: Path = WEB) -> bytes:
    """Return a page as one HTML file with everything inside, which opens from a disk without a network.

    The arguments and errors are those of `page_files`.
    """
    data = _within_a_page(page_data(runs, snapshots=snapshots, half=half))
    program, style = f"\n{bundle(web)}", f"\n{_style(web)}"
    if "</style" in style.lower():
        raise ValueError(f"{web / 'style.css'} has </style, which ends a style in HTML; split the text")
    # As \u003c a tag cannot end the script that it stands in.
    manifest = data.manifest_json.decode().replace("<", "\\u003c")
    scripts = [f'<script type="application/json" id="manifest">{manifest}</script>']
    scripts += [
        f'<script type="text/plain" id="{name}">{base64.b64encode(content).decode()}</script>'
        for name, content in data.files.items()
    ]
    return _filled(
        web,
        {
            "policy": _policy(
                scripts=_hash_of(program), styles=_hash_of(style), images="data: blob:", connections="'none'"
            ),
            "style": f"<style>{style}</style>",
            "data": "\n".join(scripts),
            "program": f'<script type="module" id="program">{program}</script>',
        },
    )


def static_space_files() -> dict[str, bytes]:
    """Return the files of a static Space: a page with the published models that a browser draws, and their README.

    It is made of the files that `space_files` allows: with git, of tracked files only. The best models come first.
    """
    sources = space_files("static")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for path, source in sources.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(source.read_bytes())
        runs = [run for run in list_runs(folder / "checkpoints") if not why_not_in_browser(run.config().model)]
        runs.sort(key=lambda run: BEST.index(run.name) if run.name in BEST else len(BEST))
        files = page_files(runs, web=folder / "dcgan" / "web")
    return files | {name: source.read_bytes() for name, source in sources.items() if "/" not in name}


def parts_of(page: bytes) -> dict[str, int]:
    """Return part -> bytes of a page that is one file: its scripts by their ids, and `page`, which is all else."""
    scripts = re.findall(rb'<script [^>]*\bid="([^"]+)">(.*?)</script>', page, re.DOTALL)
    sizes = {name.decode(): len(content) for name, content in scripts}
    return {"page": len(page) - sum(sizes.values())} | sizes


def manifest_of(page: bytes) -> dict[str, Any]:
    """Return the manifest of a page that is one file. Its models refer to the parts by their ids."""
    match = re.search(rb'<script type="application/json" id="manifest">(.*?)</script>', page, re.DOTALL)
    assert match is not None, "a page has a manifest"
    return json.loads(match[1])


def _within_a_page(data: PageData) -> PageData:
    """Return the same data for one file: files have the ids of elements as names, and weights are packed."""
    manifest: dict[str, Any] = copy.deepcopy(data.manifest)
    files: dict[str, bytes] = {}

    def move(entry: dict[str, Any], prefix: str, pack: Callable[[bytes], bytes]) -> None:
        name = f"{prefix}{Path(entry['file']).stem}"
        if name not in files:
            files[name] = pack(data.files[entry["file"]])
        entry["file"] = name

    for model in manifest["models"]:
        for weights in (model["weights"], *model["snapshots"]):
            move(weights, "weights-", split_deflate)
            weights["packed"] = SPLIT_DEFLATE
        if model["digits"]:
            move(model["digits"], "", bytes)
    return PageData(manifest, files)


def split_deflate(file: bytes) -> bytes:
    """Return a safetensors file packed by zlib: its header, then all even bytes of its data, then all odd ones.

    The two bytes of half floats are then apart, which makes them a fifth smaller than deflate alone.
    """
    start = 8 + int.from_bytes(file[:8], "little")
    data = file[start:]
    packer = zlib.compressobj(9, strategy=zlib.Z_FILTERED)  # which saves another hundredth
    return packer.compress(file[:start] + data[::2] + data[1::2]) + packer.flush()


def _policy(*, scripts: str, styles: str, images: str, connections: str) -> str:
    """Return the element that forbids the page everything else: no host but its own gets a request."""
    rules = {
        "default-src": "'none'",
        "script-src": f"{scripts} 'wasm-unsafe-eval'",  # for the vectors of dcgan/web/multiplier.js
        "style-src": styles,
        "img-src": images,
        "worker-src": "blob: 'self'",
        "connect-src": connections,
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    content = "; ".join(f"{name} {sources}" for name, sources in rules.items())
    return f'<meta http-equiv="Content-Security-Policy" content="{content}">'


def _hash_of(text: str) -> str:
    """Return the source of a policy that allows one inline script or style."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _style(web: Path) -> str:
    return (web / "style.css").read_text(encoding="utf-8")


def _filled(web: Path, texts: Mapping[str, str]) -> bytes:
    """Return index.html with the texts at its marked places. Raises ValueError where a place is missing."""
    page = (web / "index.html").read_text(encoding="utf-8")
    for place in PLACES:
        if len(re.findall(_mark(place), page)) != 1:
            raise ValueError(f"{web / 'index.html'} needs one line <!-- {place} -->; add it, or remove further ones")
    marks = re.compile("|".join(map(_mark, PLACES)))
    return marks.sub(lambda match: f"{text}\n" if (text := texts[match[0].split()[1]]) else "", page).encode()


def _mark(place: str) -> str:
    return rf"(?m:^[ \t]*<!-- {place} -->[ \t]*\n)"
