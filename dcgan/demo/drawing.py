"""What the page and the endpoints draw: shared generators and renderings, on a Space's shared GPU where it has one.

F frames, C H W image.
"""

from __future__ import annotations

try:  # Spaces with a shared GPU need it, imported before torch.
    import spaces  # pyright: ignore[reportMissingImports]  (it exists on Spaces only)
except ImportError:
    spaces = None

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ParamSpec, TypeVar

import numpy as np

from dcgan import files, pixels
from dcgan.checkpoint import TrainedGenerator, load_generator
from dcgan.demo.shared_results import SharedResults
from dcgan.pixels import Bytes
from dcgan.runs import listing
from dcgan.runs.listing import list_runs
from dcgan.runs.run import Run
from dcgan.runtime.device import choose_device
from dcgan.sampling import exploration
from dcgan.sampling.link import ShareLink
from dcgan.sampling.nearest_image import Nearest, find_for_visitor
from dcgan.sampling.rendering import Rendering, draw_at, positions, render

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

LARGE_PIXELS = 224
"""Screen pixels of a picture that is shown large; each image pixel gets a whole number of them."""

GPU_SECONDS = 20
"""The longest that one call may hold a shared GPU."""

LISTING_SECONDS = 1.0
"""How long a list of runs is used again: with many visitors, reading it takes longer than drawing."""

FILE_KINDS = {"strip.png": "strip_png", "animation.gif": "gif", "animation.mp4": "mp4"}
"""Name of a file that the page offers -> the property of a Rendering that makes it."""


def _rendering_bytes(rendering: Rendering) -> int:
    # An animation has 16 times the pixels. It is at most as large as these pixels, even if nothing can be compressed.
    return 17 * rendering.images_u8.nbytes + rendering.z.nbytes


_listings: SharedResults[dict[str, Run]] = SharedResults(4)
_generators: SharedResults[TrainedGenerator] = SharedResults(8)
_renderings: SharedResults[Rendering] = SharedResults(2**27, _rendering_bytes)
_files: SharedResults[bytes] = SharedResults(2**26, len)
_sheets: SharedResults[Bytes] = SharedResults(2**25, lambda sheet: sheet.nbytes)
_nearest: SharedResults[Nearest] = SharedResults(2**24, lambda nearest: nearest.path_u8.nbytes + 2**13)


def labeled_runs() -> dict[str, Run]:
    """Return label -> run, of all runs that a link can name.

    The list is read again after a second, and when a run was added or removed.
    """
    roots = (files.CHECKPOINTS, files.runs_root())
    key = (roots, tuple(map(_modified, roots)), int(time.monotonic() / LISTING_SECONDS))
    return _listings.get(key, lambda: listing.by_label([run for run in list_runs() if run.has_plain_name]))


def runs_with_weights() -> dict[str, Run]:
    """Return label -> run, of the runs that have weights."""
    return {label: run for label, run in labeled_runs().items() if os.path.exists(run.weights_path)}


def _modified(path: Path) -> int | None:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return None


def on_gpu(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Return the function as a Space with a shared GPU needs it; elsewhere the function itself."""
    return spaces.GPU(duration=GPU_SECONDS)(function) if spaces else function


def load(path: Path, device: str = "auto") -> TrainedGenerator:
    """Return the generator in the file. It is loaded once for each state of the file."""
    key = (str(path), path.stat().st_mtime_ns, device)
    return _generators.get(key, lambda: load_generator(path, choose_device(device)))


@on_gpu
def draw_frames(path: str, link: ShareLink) -> Rendering:
    """Return the link's frames."""
    return render(link, load(Path(path)))


@on_gpu
def draw_sheet(path: str, seeds: Sequence[int], labels: Sequence[int]) -> Bytes:
    """Return a sheet of one image a seed."""
    return exploration.sheet(load(Path(path)), seeds, labels)


def sheet_of(path: Path, seeds: Sequence[int], labels: Sequence[int]) -> Bytes:
    """Return a sheet of one image a seed, which is drawn once."""
    key = (str(path), path.stat().st_mtime_ns, tuple(seeds), tuple(labels))
    return _sheets.get(key, lambda: draw_sheet(str(path), seeds, labels))


@on_gpu
def search_nearest(path: str, target_u8: Bytes, label: int | None) -> Nearest:
    """Return the nearest image to a target (C, H, W)."""
    return find_for_visitor(load(Path(path)), target_u8, label=label)


def nearest_in(path: Path, target_u8: Bytes, label: int | None) -> Nearest:
    """Return the nearest image to a target (C, H, W), which is searched once."""
    key = (str(path), path.stat().st_mtime_ns, target_u8.shape, target_u8.tobytes(), label)
    return _nearest.get(key, lambda: search_nearest(str(path), target_u8, label))


def frames_of(path: Path, link: ShareLink) -> Rendering:
    """Return the link's frames, drawn once: they are the same at every t, which a visitor moves often."""
    same_frames = replace(link, t=0.0, weights_id="", digest="")
    key = (str(path), path.stat().st_mtime_ns, same_frames)
    return _renderings.get(key, lambda: draw_frames(str(path), same_frames))


def file_of(rendering: Rendering, kind: str) -> bytes:
    """Return a file of the rendering, made once. `kind` is one of FILE_KINDS.

    Raises ValueError for an MP4 where PyAV is not installed.
    """
    return _files.get((rendering.link, kind), lambda: getattr(rendering, FILE_KINDS[kind]))


def frame_at(path: Path, link: ShareLink) -> Bytes:
    """Return the image at link.t, enlarged. At the t of a frame it is that frame, bit for bit.

    Where the GPU is shared, the CPU draws the others: one image takes a moment, and every use of the GPU costs the
    visitor quota.
    """
    rendering = frames_of(path, link)
    (same,) = np.nonzero(positions(rendering.link) == link.t)
    if same.size:
        images_u8 = rendering.images_u8[same[:1]]
    else:
        images_u8 = draw_at(link, load(path, "cpu" if spaces else "auto"), [link.t])[1]
    return pixels.enlarge(pixels.grid(images_u8, 1), large_factor(images_u8))


def large_factor(images_u8: Bytes) -> int:
    """Return the screen pixels per pixel of images (F, C, H, W) that are shown large."""
    return max(1, LARGE_PIXELS // images_u8.shape[-1])
