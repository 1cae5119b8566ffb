"""Views of a trained generator's latent space: sheets, the time machine, arithmetic on seeds.

The module has more than 250 lines, because its views share one way to draw seeds and labels.

N images, Z latent, C H W image. A picture is (H, W) gray or (H, W, 3) RGB, uint8.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dcgan import pixels
from dcgan.checkpoint import TrainedGenerator, load_tensors, weights_id
from dcgan.config import NUM_COMPONENTS, ModelConfig
from dcgan.latents import Vectors, latents_from_seeds, rms_norm
from dcgan.locale.language import tr
from dcgan.pixels import Bytes
from dcgan.runs.run import Run, RunError
from dcgan.sampling import sheets

MAX_IMAGES = 2048
"""Images of one sheet: a page draws it on a CPU while its reader waits."""

MAX_PIXELS = 2**25
"""Pixels of one picture: its PNG takes a moment. Pillow refuses to read five times as many, as an attack."""

MAX_OPERAND_SEEDS = 16
"""Seeds whose mean is one operand of the arithmetic."""

NEIGHBOR_NOISE = 0.25
"""Scale of the uniform noise around a result (Radford et al., section 6.3.2)."""


# Sheets


def largest_zoom(config: ModelConfig, num_images: int) -> int:
    """Return the most screen pixels per image pixel at which a picture of so many images fits MAX_PIXELS.

    The smallest result is 1, which may be too many still.
    """
    image_pixels = math.prod(config.image_shape[1:])
    return max(1, math.isqrt(MAX_PIXELS // (max(1, num_images) * image_pixels)))


def images_per_seed(config: ModelConfig, labels: Sequence[int] = ()) -> int:
    """Return how many images `sheet` draws of one seed if it crosses; 1 for a model without labels or components."""
    return len(labels) or config.num_classes or (NUM_COMPONENTS if config.latent == "mixture" else 1)


def sheet(
    generator: TrainedGenerator,
    seeds: Sequence[int],
    labels: Sequence[int] = (),
    *,
    psi: float = 1.0,
    cross: bool = False,
    numbers: bool = False,
    reverse: bool = False,
    enlarge: int = 1,
) -> Bytes:
    """Draw one image per seed, row by row, as one picture.

    Without labels a conditional model draws all its classes in turn. `psi` truncates z (TrainedGenerator.truncated).
    `cross` draws every seed, one per row, with every label, one per column; an unconditional model of a mixture draws
    it with every component. `numbers` writes the seed below each image. Raises ValueError for more than MAX_IMAGES
    images, for more than MAX_PIXELS pixels, and for an image too narrow for its number.
    """
    generator, columns, components = generator.truncated(psi), 0, None
    config = generator.config
    classes = list(labels) or list(range(config.num_classes))
    if cross and (classes or config.latent == "mixture"):
        columns = len(classes) or NUM_COMPONENTS
        if not classes:
            components = list(range(NUM_COMPONENTS))
        seeds = np.repeat(np.asarray(seeds, np.int64), columns).tolist()
    check_size(config, len(seeds), enlarge)
    if not numbers:
        return sheets.sample_sheet(
            generator,
            seeds,
            classes or None,
            columns=columns,
            reverse=reverse,
            enlarge=enlarge,
            components=components,
        )
    background = 255 if reverse else 0
    images_u8 = sheets.draw(generator, seeds, classes or None, reverse=reverse, components=components)
    tiles = [
        pixels.caption(pixels.enlarge(pixels.grid(image_u8[None], 1), enlarge), str(seed), background=background)
        for seed, image_u8 in zip(seeds, images_u8, strict=True)
    ]
    return pixels.grid(_as_batch(tiles), columns or math.ceil(math.sqrt(len(seeds))), background=background)


def check_size(config: ModelConfig, num_images: int, enlarge: int) -> None:
    """Raise ValueError for more images or pixels than one picture may have."""
    if num_images > MAX_IMAGES:
        raise ValueError(
            tr(
                "{count:,} images are more than {most:,}; name fewer seeds or labels",
                count=num_images,
                most=MAX_IMAGES,
            )
        )
    _, height, width = config.image_shape
    if num_images * height * width * enlarge**2 > MAX_PIXELS:
        most = MAX_PIXELS // (height * width)
        values = {"count": num_images, "width": width, "height": height, "enlarge": enlarge, "pixels": MAX_PIXELS}
        if num_images > most:
            raise ValueError(
                tr(
                    "{count:,} images of {width}x{height}, enlarged {enlarge} times, have more than {pixels:,} "
                    "pixels; try at most {most:,} images",
                    most=most,
                    **values,
                )
            )
        raise ValueError(
            tr(
                "{count:,} images of {width}x{height}, enlarged {enlarge} times, have more than {pixels:,} pixels; "
                "try enlarge={zoom}",
                zoom=largest_zoom(config, num_images),
                **values,
            )
        )


# The time machine


@dataclass(frozen=True)
class SavedGenerator:
    """A generator that a run has saved: its file, its step, and when that was."""

    path: Path
    step: int
    label: str


def saved_generators(run: Run, newest_step: int | None) -> list[SavedGenerator]:
    """Return the run's snapshots, oldest first, then its newest weights if no snapshot is of their step.

    `newest_step` is the step of the newest weights; None where they cannot be used. Loads nothing.
    """
    steps = run.snapshot_steps()
    paths = {step: run.snapshot_path(step) for step in steps}
    if newest_step is not None and newest_step not in paths:
        paths[newest_step] = run.weights_path
    return [SavedGenerator(paths[step], step, time_label(run, step)) for step in sorted(paths)]


def time_label(run: Run, step: int) -> str:
    """Return "epoch 0.31 (step 586)" in the visitor's language.

    It is the step alone where the run does not record its length.
    """
    try:
        status = run.status()
        return tr("epoch {epoch:.3g} (step {step:,})", epoch=status.epochs * step / status.steps, step=step)
    except (RunError, TypeError, ZeroDivisionError):  # TypeError: JSON with values of other types
        return tr("step {step:,}", step=step)


def find_weights(run: Run, target_id: str) -> Path | None:
    """Return the file of the run whose weights have that id: the newest or a snapshot.

    Reads one after another. The id of a file is remembered until the file changes: a server with many visitors opens
    the same links again and again.
    """
    try:
        snapshots = list(map(run.snapshot_path, run.snapshot_steps()))
    except RunError:
        snapshots = []
    for path in (run.weights_path, *snapshots):
        try:
            state = path.stat()
            if _id_of_file(str(path), state.st_mtime_ns, state.st_size) == target_id:
                return path
        except (OSError, ValueError):
            continue  # a damaged or missing file has no id
    return None


@functools.lru_cache(maxsize=1024)
def _id_of_file(path: str, modified_ns: int, num_bytes: int) -> str:
    """Return the id of the weights in a file, read once for each state of the file."""
    return weights_id(load_tensors(Path(path))[0])


# Arithmetic


@dataclass(frozen=True)
class Arithmetic:
    """The pictures of a - b + c."""

    seeds_u8: tuple[Bytes, Bytes, Bytes]
    """A strip of the images of a's seeds, of b's and of c's."""
    means_u8: tuple[Bytes, Bytes, Bytes]
    """The image of a's mean z, of b's and of c's."""
    result_u8: Bytes
    neighbors_u8: Bytes
    """3x3: the result in the middle, and eight points near it."""
    norm: float
    """Euclidean norm of the result."""
    rms_norm: float
    """Root mean square norm of a z of the prior."""


def arithmetic(
    generator: TrainedGenerator,
    a: Sequence[int],
    b: Sequence[int],
    c: Sequence[int],
    *,
    label: int | None = None,
    reverse: bool = False,
    enlarge: int = 1,
) -> Arithmetic:
    """Draw the mean z of a's seeds, minus that of b's, plus that of c's.

    Radford, Metz and Chintala (arXiv 1511.06434), section 6.3.2: results of single samples were unstable, those of
    means of three were not. The neighbors are the result plus uniform noise of scale 0.25, from the seeds 0 to 7.
    Raises ValueError for an operand of more than MAX_OPERAND_SEEDS seeds.
    """
    for name, seeds in zip("abc", (a, b, c), strict=True):
        if len(seeds) > MAX_OPERAND_SEEDS:
            raise ValueError(
                tr(
                    "{name} names {count:,} seeds, more than {most}; try three",
                    name=name,
                    count=len(seeds),
                    most=MAX_OPERAND_SEEDS,
                )
            )
    config = generator.config

    def strip(z: Vectors, columns: int) -> Bytes:
        images_u8 = sheets.draw_latents(generator, np.asarray(z, np.float32), _as_list(label), reverse=reverse)
        return pixels.enlarge(pixels.grid(images_u8, columns), enlarge)

    z_a, z_b, z_c = (generator.latents(seeds) for seeds in (a, b, c))
    mean_a, mean_b, mean_c = (z.mean(axis=0, dtype=np.float64) for z in (z_a, z_b, z_c))
    result = mean_a - mean_b + mean_c
    return Arithmetic(
        seeds_u8=(strip(z_a, len(z_a)), strip(z_b, len(z_b)), strip(z_c, len(z_c))),
        means_u8=(strip(mean_a[None], 1), strip(mean_b[None], 1), strip(mean_c[None], 1)),
        result_u8=strip(result[None], 1),
        neighbors_u8=strip(neighbors(result), 3),
        norm=float(np.linalg.norm(result)),
        rms_norm=rms_norm(config.latent_dim, config.latent),
    )


def neighbors(z: Vectors) -> Vectors:
    """Return z (Z,) and eight points near it, row by row with z in the middle: (9, Z) float32."""
    around = z + NEIGHBOR_NOISE * latents_from_seeds(range(8), len(z), "uniform")
    return np.concatenate([around[:4], z[None], around[4:]]).astype(np.float32)


def _as_list(label: int | None) -> list[int] | None:
    return None if label is None else [label]


def _as_batch(pictures_u8: Sequence[Bytes]) -> Bytes:
    """Pictures (H, W) or (H, W, 3) of one shape -> (N, C, H, W)."""
    stacked = np.stack(pictures_u8)
    return stacked[:, None] if stacked.ndim == 3 else stacked.transpose(0, 3, 1, 2)
