"""A link and a generator -> frames, and all that is shown, saved or written about them, from one render.

F frames, P points, Z latent, K classes, C H W image. The demo and the command line draw by these functions. So
one link gives the same bytes in both, on the same kind of hardware.

The module has more than 250 lines, so that a link has one place where it becomes pixels.
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
from dcgan.latents import norm_interval, piecewise, segments
from dcgan.locale.language import tr, tr_later, tr_marked
from dcgan.pixels import Bytes
from dcgan.runs.run import Run
from dcgan.sampling.exploration import find_weights
from dcgan.sampling.link import ShareLink
from dcgan.sampling.link_fields import halves_of, shown

DEFAULT_LABEL = 3
STRIP_COLUMNS = 16
FRAME_MILLISECONDS = 80
ENLARGE = 4
"""Screen pixels per image pixel in animations."""

SAME_PIXELS = tr_later("The pixels are identical to those of the link's author.")
SAME_MODEL = tr_later("The model is the one of the link.")
OTHER_PIXELS = tr_later("The pixels differ from those of the link's author.")
EDITED_OR_ROUNDED = tr_later(
    "The model is the one of the link, but the pixels differ: the link was edited, or this hardware rounds a few "
    "pixels differently."
)
"""The digest is of the pixels alone: it cannot distinguish an edited address from another machine's rounding."""


@dataclass(frozen=True)
class Rendering:
    """The frames of a link, and what was measured on its path."""

    link: ShareLink
    """With the weights' id, the labels and the digest of this render."""
    images_u8: Bytes  # (F, C, H, W)
    z: NDArray[np.float32]  # (F, Z)
    norm_interval: tuple[float, float]
    """Between these norms lie about 95 % of the latents that training drew."""
    device: str
    seconds: float

    @property
    def norms(self) -> NDArray[np.float64]:
        """Return the norm of z at each frame (F,)."""
        return np.linalg.norm(self.z.astype(np.float64), axis=1)

    @property
    def changes(self) -> NDArray[np.float64]:
        """Return the mean absolute difference of each frame to the one before it, in gray levels of 255: (F - 1,)."""
        return np.abs(np.diff(self.images_u8.astype(np.int16), axis=0)).mean(axis=(1, 2, 3))

    def frame(self, index: int, enlarge: int = 1) -> Bytes:
        """Return one frame as a picture."""
        return pixels.enlarge(pixels.grid(self.images_u8[index : index + 1], 1), enlarge)

    def strip(self, enlarge: int = 1) -> Bytes:
        """Return all frames as one picture, in rows of 16."""
        return pixels.enlarge(pixels.grid(self.images_u8, min(len(self.images_u8), STRIP_COLUMNS)), enlarge)

    @cached_property
    def strip_png(self) -> bytes:
        """Return the strip as PNG with its link inside, as of t = 0: equal paths and pixels give equal bytes."""
        return pixels.png_bytes(
            self.strip(2), {"Title": "DCGAN Studio", "Source": f"?{replace(self.link, t=0.0).to_query()}"}
        )

    @cached_property
    def gif(self) -> bytes:
        """Return an animation to the end and back; a loop does not turn back."""
        return pixels.gif_bytes(self._animation_frames(), FRAME_MILLISECONDS)

    @cached_property
    def mp4(self) -> bytes:
        """Return the same animation as H.264. Raises ValueError where PyAV is not installed."""
        return mp4_bytes(self._animation_frames(), FRAME_MILLISECONDS)

    def _animation_frames(self) -> list[Bytes]:
        frames = [self.frame(index, ENLARGE) for index in range(len(self.images_u8))]
        return frames if self.link.loop else [*frames, *frames[-2:0:-1]]


def render(link: ShareLink, generator: TrainedGenerator) -> Rendering:
    """Draw the link's frames, with latent vectors and labels that fit the generator (`fit_link`)."""
    started = time.perf_counter()
    link, _ = fit_link(link, generator)
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
    """Return the frames' positions on the path (F,): from 0 to 1, or in a loop to the last one before 1."""
    return np.linspace(0, 1, link.frames, endpoint=not link.loop)


def draw_at(
    link: ShareLink, generator: TrainedGenerator, t: Sequence[float] | NDArray[np.float64]
) -> tuple[NDArray[np.float32], Bytes]:
    """Return z (F, Z) and images (F, C, H, W) at positions t in [0, 1] of the link's path."""
    config = generator.config
    seeds = [link.seed_a, link.seed_b, *link.keys]
    labels = [link.labels[min(index, len(link.labels) - 1)] for index in range(len(seeds))] if link.labels else []
    points = generator.latents(seeds)
    for index, text in enumerate((link.z_a, link.z_b)):
        numbers = halves_of(text) if text else None
        if numbers is not None:
            points[index] = numbers
    if link.loop:
        points, labels = np.concatenate([points, points[:1]]), [*labels, *labels[:1]]
    z = piecewise(points, t, link.path)
    weights = None
    if config.num_classes:
        segment, local = segments(len(points), t)
        hot = np.eye(config.num_classes, dtype=np.float32)[labels]  # (P, K)
        local = local[:, None].astype(np.float32)
        weights = (1 - local) * hot[segment] + local * hot[segment + 1]
    return z, pixels.to_uint8(generator(z, weights).numpy())


def path_strip(link: ShareLink, generator: TrainedGenerator, *, reverse: bool = False, enlarge: int = 1) -> Bytes:
    """Draw the frames of a link that fits the generator as one row."""
    images_u8 = draw_at(link, generator, positions(link))[1]
    return pixels.enlarge(pixels.grid(pixels.invert(images_u8) if reverse else images_u8, len(images_u8)), enlarge)


def fit_link(link: ShareLink, generator: TrainedGenerator) -> tuple[ShareLink, list[str]]:
    """Return the link with latent vectors and labels that fit the generator, and a sentence for each change."""
    link, notes = fit_latents(link, generator)
    link, label_notes = _fit_labels(link, generator)
    return link, [*notes, *label_notes]


def fit_latents(link: ShareLink, generator: TrainedGenerator) -> tuple[ShareLink, list[str]]:
    """Return the link without latent vectors of another size, and a sentence for each."""
    notes = []
    for name, key in (("z_a", "za"), ("z_b", "zb")):
        numbers = halves_of(getattr(link, name)) if getattr(link, name) else None
        if numbers is not None and len(numbers) != generator.config.latent_dim:
            size = generator.config.latent_dim
            notes.append(
                tr(
                    "{key} has {count} numbers, and this model takes {size}; the seed is used.",
                    key=key,
                    count=len(numbers),
                    size=size,
                )
            )
            link = replace(link, **{name: ""})
    return link, notes


def _fit_labels(link: ShareLink, generator: TrainedGenerator) -> tuple[ShareLink, list[str]]:
    num_classes = generator.config.num_classes
    if not num_classes:
        if not link.labels:
            return link, []
        return replace(link, labels=()), [tr("This model takes no labels; they are ignored.")]
    if not link.labels:
        return replace(link, labels=(min(DEFAULT_LABEL, num_classes - 1),)), []
    labels = tuple(min(label, num_classes - 1) for label in link.labels)
    if labels == link.labels:
        return link, []
    note = tr("Labels above {last} are not available for this model; {last} is used instead.", last=num_classes - 1)
    return replace(link, labels=labels), [note]


def verdict(link: ShareLink, rendering: Rendering) -> str:
    """Return a sentence that compares the pixels with those of the link's author; empty where the link has no ids."""
    if link.weights_id and link.weights_id != rendering.link.weights_id:
        return tr(
            "The link was made with other weights, {others}; these are {own}. So the images differ.",
            others=link.weights_id,
            own=rendering.link.weights_id,
        )
    if not link.digest:
        return tr_marked(SAME_MODEL) if link.weights_id else ""
    if link.digest == rendering.link.digest:
        return tr_marked(SAME_PIXELS)
    return tr_marked(EDITED_OR_ROUNDED if link.weights_id else OTHER_PIXELS)


def resolve(link: ShareLink, runs: Sequence[Run]) -> tuple[Run | None, Path | None, list[str]]:
    """Return the run that a link names, its weights file, and a sentence for what is not there.

    The file is the snapshot of the run that has the link's weights, else its newest weights. Run and file are None
    where no run has the name.
    """
    named = [run for run in runs if run.name == link.model]
    if not named:
        return None, None, [tr("There is no model {model} here.", model=ascii(link.model))]
    if not link.weights_id:
        return named[0], named[0].weights_path, []
    for run in named:  # a run of the user may have the name of a published one
        if path := find_weights(run, link.weights_id):
            return run, path, []
    return named[0], named[0].weights_path, []


def label_of_snapshot(label: str, step: int) -> str:
    """Return the label of a run's snapshot, which `find_model` reads. It is the same in all languages."""
    return f"{label}, step {step}"


def text_of_label(label: str) -> str:
    """Return the label of a run or of a snapshot in the visitor's language."""
    name, separator, step = label.rpartition(", step ")
    return tr("{name}, step {step}", name=name, step=step) if separator and step.isdecimal() else label


def find_model(label: str, runs: Mapping[str, Run], default: str) -> tuple[Run, Path, list[str]]:
    """Return the run with that label and its weights; for "LABEL, step N" those of a snapshot.

    Another label gives the default run, or else the first run, with a sentence. Raises ValueError for no runs.
    """
    if not runs:
        raise ValueError(tr("there is no trained model; run: python -m dcgan train dcgan"))
    label = str(label)
    name, _, step = label.rpartition(", step ")
    if name in runs and step.isdecimal() and len(step) < 12 and int(step) in runs[name].snapshot_steps():
        return runs[name], runs[name].snapshot_path(int(step)), []
    if label in runs:
        return runs[label], runs[label].weights_path, []
    run = runs[default] if default in runs else next(iter(runs.values()))
    note = tr("There is no model {model} here; {other} is shown.", model=shown(label), other=run.name)
    return run, run.weights_path, [note]


def has_mp4() -> bool:
    """Return whether PyAV is installed."""
    try:
        import av  # noqa: F401
    except ImportError:
        return False
    return True


def mp4_bytes(frames_u8: Sequence[Bytes], milliseconds: int) -> bytes:
    """Return pictures of one shape as H.264 in MP4. Raises ValueError where PyAV is not installed."""
    if not has_mp4():
        raise ValueError(tr("MP4 needs PyAV, which is not installed; run: pip install av"))
    import av

    height, width = frames_u8[0].shape[:2]
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=Fraction(1000, milliseconds))
        # H.264 needs an even width and height, so an odd one gets one more column or row.
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
