"""What the page and the endpoints draw: cached generators and renderings, on a Space's shared GPU where it has one.

F frames, C H W image.
"""

from __future__ import annotations

try:  # Spaces with a shared GPU need it, imported before torch.
    import spaces  # pyright: ignore[reportMissingImports]  (it exists on Spaces only)
except ImportError:
    spaces = None

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import ParamSpec, TypeVar

from dcgan import pixels
from dcgan.checkpoint import TrainedGenerator, load_generator
from dcgan.pixels import Bytes
from dcgan.runs import listing
from dcgan.runs.listing import list_runs
from dcgan.runs.run import Run
from dcgan.runtime.device import choose_device
from dcgan.sampling import exploration
from dcgan.sampling.link import ShareLink
from dcgan.sampling.rendering import Rendering, draw_at, render

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

LARGE_PIXELS = 224
"""Screen pixels of a picture that is shown large; each image pixel gets a whole number of them."""

GPU_SECONDS = 20
"""The longest that one call may hold a shared GPU."""


def runs_with_weights() -> dict[str, Run]:
    """Return label -> run, of the runs that have weights."""
    return listing.by_label([run for run in list_runs() if os.path.exists(run.weights_path)])


def on_gpu(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Return the function as a Space with a shared GPU needs it; elsewhere the function itself."""
    return spaces.GPU(duration=GPU_SECONDS)(function) if spaces else function


@lru_cache(maxsize=8)
def _load(path: str, modified_ns: int, device: str) -> TrainedGenerator:
    """Load a generator once per state of its file."""
    return load_generator(path, choose_device(device))


def load(path: Path, device: str = "auto") -> TrainedGenerator:
    """Return the generator in the file, from the cache unless the file has changed."""
    return _load(str(path), path.stat().st_mtime_ns, device)


@on_gpu
def draw_frames(path: str, link: ShareLink) -> Rendering:
    """Return the link's frames."""
    return render(link, load(Path(path)))


@on_gpu
def draw_sheet(path: str, seeds: Sequence[int], labels: Sequence[int]) -> Bytes:
    """Return a sheet of one image a seed."""
    return exploration.sheet(load(Path(path)), seeds, labels)


@lru_cache(maxsize=16)
def _cached_frames(path: str, modified_ns: int, link: ShareLink) -> Rendering:
    return draw_frames(path, link)


def frames_of(path: Path, link: ShareLink) -> Rendering:
    """Return the link's frames from the cache: they are the same at every t, which a visitor moves often."""
    same_frames = replace(link, t=0.0, weights_id="", digest="")
    return _cached_frames(str(path), path.stat().st_mtime_ns, same_frames)


def frame_at(path: Path, link: ShareLink) -> Bytes:
    """Return the image at link.t, enlarged.

    Where the GPU is shared, the CPU draws it: one image takes a moment, and every use of the GPU costs the visitor
    quota.
    """
    images_u8 = draw_at(link, load(path, "cpu" if spaces else "auto"), [link.t])[1]
    return pixels.enlarge(pixels.grid(images_u8, 1), large_factor(images_u8))


def large_factor(images_u8: Bytes) -> int:
    """Return the screen pixels per pixel of images (F, C, H, W) that are shown large."""
    return max(1, LARGE_PIXELS // images_u8.shape[-1])
