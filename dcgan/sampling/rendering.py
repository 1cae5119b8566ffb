"""A link and a generator -> frames, and everything that is shown, saved or said of them, from one render.

F frames, P points, Z latent, K classes, C H W image. The demo and the command line draw by these functions, so the
same link gives the same bytes wherever it is opened on the same kind of hardware.
"""

from __future__ import annotations

import hashlib
import io
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dcgan import pixels
from dcgan.checkpoint import TrainedGenerator
from dcgan.latents import latents_from_seeds, norm_interval, piecewise, segments
from dcgan.pixels import Bytes
from dcgan.runs.run import Run
from dcgan.sampling.exploration import find_weights
from dcgan.sampling.link import ShareLink, shown

DEFAULT_LABEL = 3
STRIP_COLUMNS = 16
FRAME_MILLISECONDS = 80
ENLARGE = 4
"""Screen pixels a pixel of the image in animations."""


@dataclass(frozen=True)
class Rendering:
    """The frames of a link, and what was measured on the way."""

    link: ShareLink
    """With the weights' id, the labels and the digest of this very render."""
    images_u8: Bytes  # (F, C, H, W)
    z: NDArray[np.float32]  # (F, Z)
    norm_interval: tuple[float, float]
    """The lengths between which about 95 % of the latents lie that training drew."""
    device: str
    seconds: float

    @property
    def norms(self) -> NDArray[np.float64]:
        """The length of z at each frame (F,)."""
        return np.linalg.norm(self.z.astype(np.float64), axis=1)

    @property
    def changes(self) -> NDArray[np.float64]:
        """Mean absolute difference of each frame to the one before it, in grey levels of 255: (F - 1,)."""
        return np.abs(np.diff(self.images_u8.astype(np.int16), axis=0)).mean(axis=(1, 2, 3))

    def frame(self, index: int, enlarge: int = 1) -> Bytes:
        """One frame as a picture."""
        return pixels.enlarge(pixels.grid(self.images_u8[index : index + 1], 1), enlarge)

    def strip(self, enlarge: int = 1) -> Bytes:
        """All frames as one picture, in rows of 16."""
        return pixels.enlarge(pixels.grid(self.images_u8, min(len(self.images_u8), STRIP_COLUMNS)), enlarge)

    @cached_property
    def strip_png(self) -> bytes:
        """The strip, lossless, with its own link inside, as of t = 0: the same bytes for the same way and pixels."""
        return pixels.png_bytes(
            self.strip(2), {"Title": "DCGAN Studio", "Source": f"?{replace(self.link, t=0.0).to_query()}"}
        )

    @cached_property
    def gif(self) -> bytes:
        """There and back; a loop goes round."""
        return pixels.gif_bytes(self._film(), FRAME_MILLISECONDS)

    @cached_property
    def mp4(self) -> bytes:
        """The same film as H.264. Raises ValueError where PyAV is not installed."""
        return mp4_bytes(self._film(), FRAME_MILLISECONDS)

    def _film(self) -> list[Bytes]:
        there = [self.frame(index, ENLARGE) for index in range(len(self.images_u8))]
        return there if self.link.loop else [*there, *there[-2:0:-1]]


def render(link: ShareLink, generator: TrainedGenerator) -> Rendering:
    """Draw the link's frames. Its labels must fit the generator: see `fitted`."""
    started = time.perf_counter()
    link, _ = fitted(link, generator)
    t = positions(link)
    z, images_u8 = draw_at(link, generator, t)
    digest = hashlib.sha256(repr(images_u8.shape).encode() + images_u8.tobytes()).hexdigest()[:12]
    link = replace(link, weights_id=generator.weights_id, digest=digest)
    seconds = time.perf_counter() - started
    config = generator.config
    return Rendering(
        link, images_u8, z, norm_interval(config.latent_dim, config.latent), str(generator.device), seconds
    )


def positions(link: ShareLink) -> NDArray[np.float64]:
    """Where the frames lie on the way, (F,) from 0: its end is the last, or in a loop the first again."""
    return np.linspace(0, 1, link.frames, endpoint=not link.loop)


def draw_at(
    link: ShareLink, generator: TrainedGenerator, t: Sequence[float] | NDArray[np.float64]
) -> tuple[NDArray[np.float32], Bytes]:
    """z (F, Z) and images (F, C, H, W) at positions t in [0, 1] of the link's way."""
    config = generator.config
    seeds = [link.seed_a, link.seed_b, *link.keys]
    labels = [link.labels[min(index, len(link.labels) - 1)] for index in range(len(seeds))] if link.labels else []
    if link.loop:
        seeds, labels = [*seeds, seeds[0]], [*labels, *labels[:1]]
    z = piecewise(latents_from_seeds(seeds, config.latent_dim, config.latent), t, link.path)
    weights = None
    if config.num_classes:
        segment, local = segments(len(seeds), t)
        hot = np.eye(config.num_classes, dtype=np.float32)[labels]  # (P, K)
        local = local[:, None].astype(np.float32)
        weights = (1 - local) * hot[segment] + local * hot[segment + 1]
    return z, pixels.to_uint8(generator(z, weights).numpy())


def fitted(link: ShareLink, generator: TrainedGenerator) -> tuple[ShareLink, list[str]]:
    """The link with labels that the generator takes, and a sentence for what was changed."""
    num_classes = generator.config.num_classes
    if not num_classes:
        if not link.labels:
            return link, []
        return replace(link, labels=()), ["This model takes no labels; they are left out."]
    if not link.labels:
        return replace(link, labels=(min(DEFAULT_LABEL, num_classes - 1),)), []
    labels = tuple(min(label, num_classes - 1) for label in link.labels)
    notes = [] if labels == link.labels else [f"This model's labels end at {num_classes - 1}; larger ones become it."]
    return replace(link, labels=labels), notes


def verdict(link: ShareLink, rendering: Rendering) -> str:
    """Whether what is drawn is what the link's maker saw, in plain words; empty where the link does not say."""
    if link.weights_id and link.weights_id != rendering.link.weights_id:
        return (
            f"This link was made with other weights, {link.weights_id}; these are {rendering.link.weights_id}, so "
            "the images differ."
        )
    if not link.digest:
        return "The same model as the link's." if link.weights_id else ""
    if link.digest == rendering.link.digest:
        return "The very same pixels as the link's maker saw."
    if link.weights_id:
        # The digest is of the pixels alone: it cannot tell an edited address from another machine's rounding.
        return (
            "The same model, but not the very pixels that the link's maker saw: the link was changed since, or this "
            "hardware rounds differently, by a shade of a few pixels."
        )
    return "The pixels are not those the link's maker saw."


def resolve(link: ShareLink, runs: Sequence[Run]) -> tuple[Run | None, Path | None, list[str]]:
    """The run a link names, its weights file, and a sentence for what could not be followed.

    Where the link's weights are one of the run's snapshots, that is the file. None where no run has the name.
    """
    named = [run for run in runs if run.name == link.model]
    if not named:
        return None, None, [f"There is no model {link.model!a} here."]
    if not link.weights_id:
        return named[0], named[0].weights_path, []
    for run in named:  # a run of the user's may have a published one's name
        if found := find_weights(run, link.weights_id):
            return run, found, []
    return named[0], named[0].weights_path, []


def find_model(label: str, runs: Mapping[str, Run], default: str) -> tuple[Run, Path, list[str]]:
    """The run of that label and its weights, or of "LABEL, step N" a snapshot's; else the default, or the first there
    is, with a sentence. Raises ValueError where there are no runs."""
    if not runs:
        raise ValueError("there is no trained model; run: python -m dcgan train dcgan")
    label = str(label)
    name, _, step = label.rpartition(", step ")
    if name in runs and step.isdecimal() and len(step) < 12 and int(step) in runs[name].snapshot_steps():
        return runs[name], runs[name].snapshot_path(int(step)), []
    if label in runs:
        return runs[label], runs[label].weights_path, []
    run = runs[default] if default in runs else next(iter(runs.values()))
    return run, run.weights_path, [f"There is no model {shown(label)} here; {run.name} is shown."]


def has_mp4() -> bool:
    """Whether PyAV is installed."""
    try:
        import av  # noqa: F401
    except ImportError:
        return False
    return True


def mp4_bytes(frames_u8: Sequence[Bytes], milliseconds: int) -> bytes:
    """H.264 in MP4 of pictures of one shape. Raises ValueError where PyAV is not installed."""
    if not has_mp4():
        raise ValueError("MP4 needs PyAV, which is not installed; run: pip install av")
    import av

    height, width = frames_u8[0].shape[:2]
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=Fraction(1000, milliseconds))
        # The format counts in pairs of pixels; a row more is better than a picture that cannot be coded.
        stream.width, stream.height = width + width % 2, height + height % 2
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": "18"}
        for frame_u8 in frames_u8:
            color = frame_u8 if frame_u8.ndim == 3 else np.repeat(frame_u8[..., None], 3, axis=2)
            padded = np.pad(color, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
            for packet in stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(padded), format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return buffer.getvalue()
