"""Looking around in the latent space of a trained generator: sheets, the time machine, arithmetic on seeds.

N images, Z latent, C H W image. A picture is (H, W) grey or (H, W, 3) RGB, uint8.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dcgan import pixels
from dcgan.checkpoint import TrainedGenerator, load_tensors, weights_id
from dcgan.config import NUM_COMPONENTS, ModelConfig
from dcgan.latents import Vectors, interpolate, latents_from_seeds, rms_norm
from dcgan.pixels import Bytes
from dcgan.runs.run import Run, RunError
from dcgan.sampling import sheets

MAX_IMAGES = 2048
"""On one sheet: a page draws it on a CPU while its reader waits."""

MAX_PIXELS = 2**25
"""Of one picture: its PNG takes a moment. Five times as many, and Pillow refuses to read it, as an attack."""

MAX_OPERAND_SEEDS = 16
"""That one operand of the arithmetic averages."""

NEIGHBOUR_NOISE = 0.25
"""Scale of the uniform noise around a result (Radford et al., section 6.3.2)."""


def largest_size(config: ModelConfig, num_images: int) -> int:
    """Screen pixels a pixel that so many of the model's images may have on one picture: 1, even where that is not
    little enough for MAX_PIXELS."""
    image_pixels = math.prod(config.image_shape[1:])
    return max(1, math.isqrt(MAX_PIXELS // (max(1, num_images) * image_pixels)))


def crossed(config: ModelConfig, labels: Sequence[int] = ()) -> int:
    """The images that `sheet` draws of one seed where it crosses; 1 where the model has nothing to cross."""
    return len(labels) or config.num_classes or (NUM_COMPONENTS if config.latent == "mixture" else 1)


def sheet(
    generator: TrainedGenerator,
    seeds: Sequence[int],
    labels: Sequence[int] = (),
    psi: float = 1.0,
    cross: bool = False,
    numbers: bool = False,
    reverse: bool = False,
    enlarge: int = 1,
) -> Bytes:
    """A picture of one image a seed, row by row. No labels: all classes of a conditional model, over and over.
    `psi` truncates z (TrainedGenerator.truncated).

    `cross` draws every seed, one a row, with every label, one a column; of an unconditional model whose z names a
    kind, with every kind. `numbers` writes the seed below each image. Raises ValueError for more than MAX_IMAGES
    images or MAX_PIXELS pixels of them, or an image too narrow for its number.
    """
    generator, config, columns, components = generator.truncated(psi), generator.config, 0, None
    classes = list(labels) or list(range(config.num_classes))
    if cross and (classes or config.latent == "mixture"):
        columns = len(classes) or NUM_COMPONENTS
        if not classes:
            components = list(range(NUM_COMPONENTS))
        seeds = np.repeat(np.asarray(seeds, np.int64), columns).tolist()
    if len(seeds) > MAX_IMAGES:
        raise ValueError(f"{len(seeds):,} images are more than {MAX_IMAGES:,}; name fewer seeds or labels")
    _, height, width = config.image_shape
    if len(seeds) * height * width * enlarge**2 > MAX_PIXELS:
        most = MAX_PIXELS // (height * width)
        remedy = f"enlarge={largest_size(config, len(seeds))}" if len(seeds) <= most else f"at most {most:,} images"
        raise ValueError(
            f"{len(seeds):,} images of {width}x{height}, enlarged {enlarge} times, have more than {MAX_PIXELS:,} "
            f"pixels; try {remedy}"
        )
    if not numbers:
        return sheets.sample_sheet(generator, seeds, classes or None, columns, reverse, enlarge, components)
    background = 255 if reverse else 0
    images_u8 = sheets.draw(generator, seeds, classes or None, reverse, components)
    tiles = [
        pixels.caption(pixels.enlarge(pixels.grid(image_u8[None], 1), enlarge), str(seed), background=background)
        for seed, image_u8 in zip(seeds, images_u8, strict=True)
    ]
    return pixels.grid(_as_batch(tiles), columns or math.ceil(math.sqrt(len(seeds))), background=background)


# The time machine


@dataclass(frozen=True)
class Station:
    """A generator on the way: its file, and when it was kept."""

    path: Path
    step: int
    label: str


def stations(run: Run, newest_step: int | None) -> list[Station]:
    """The run's snapshots, oldest first, then its newest weights where no snapshot is of their step.

    `newest_step` is that of the newest weights, None where they cannot be used. Loads nothing.
    """
    steps = run.snapshot_steps()
    paths = {step: run.snapshot_path(step) for step in steps}
    if newest_step is not None and newest_step not in paths:
        paths[newest_step] = run.weights_path
    return [Station(paths[step], step, time_label(run, step)) for step in sorted(paths)]


def time_label(run: Run, step: int) -> str:
    """ "epoch 0.31 (step 586)"; the step alone where the run does not say how long it is."""
    try:
        status = run.status()
        return f"epoch {status.epochs * step / status.steps:.3g} (step {step:,})"
    except (RunError, TypeError, ZeroDivisionError):  # TypeError: JSON, but not what we write
        return f"step {step:,}"


def walk(
    generator: TrainedGenerator,
    seeds: tuple[int, int],
    columns: int,
    path: str = "slerp",
    label: int | None = None,
    reverse: bool = False,
    enlarge: int = 1,
) -> Bytes:
    """The way from the first seed to the second as a strip of `columns` images, both ends included."""
    z_a, z_b = latents_from_seeds(seeds, generator.config.latent_dim, generator.config.latent)
    images_u8 = sheets.draw_latents(generator, interpolate(z_a, z_b, columns, path), _one(label), reverse)
    return pixels.enlarge(pixels.grid(images_u8, columns), enlarge)


def find_weights(run: Run, wanted_id: str) -> Path | None:
    """The file of the run whose weights have that id: its newest or one of its snapshots. Reads them one by one."""
    for path in (run.weights_path, *map(run.snapshot_path, run.snapshot_steps())):
        try:
            if weights_id(load_tensors(path)[0]) == wanted_id:
                return path
        except (OSError, ValueError):
            continue  # damaged or gone: not the one that was meant
    return None


# Arithmetic


@dataclass(frozen=True)
class Arithmetic:
    """The pictures of a - b + c."""

    seeds_u8: tuple[Bytes, Bytes, Bytes]
    """The images of a's, b's and c's seeds, a strip each."""
    means_u8: tuple[Bytes, Bytes, Bytes]
    """The image of each one's mean z."""
    result_u8: Bytes
    neighbours_u8: Bytes
    """3x3: the result in the middle, and eight points near it."""
    length: float
    """Euclidean length of the result."""
    rms_norm: float
    """Root mean square length of a z of the prior."""


def arithmetic(
    generator: TrainedGenerator,
    a: Sequence[int],
    b: Sequence[int],
    c: Sequence[int],
    label: int | None = None,
    reverse: bool = False,
    enlarge: int = 1,
) -> Arithmetic:
    """The mean z of a's seeds, minus b's, plus c's, and what it looks like.

    Radford, Metz and Chintala (arXiv 1511.06434), section 6.3.2: single samples were unstable, means of three were
    not; the neighbours are the result plus uniform noise of scale 0.25. Their seeds here are 0 to 7. Raises
    ValueError for an operand of more than MAX_OPERAND_SEEDS seeds.
    """
    for name, seeds in zip("abc", (a, b, c), strict=True):
        if len(seeds) > MAX_OPERAND_SEEDS:
            raise ValueError(f"{name} names {len(seeds):,} seeds, more than {MAX_OPERAND_SEEDS}; try three")
    config = generator.config
    latents = [latents_from_seeds(seeds, config.latent_dim, config.latent) for seeds in (a, b, c)]
    means = np.stack([z.mean(axis=0, dtype=np.float64) for z in latents])
    result = means[0] - means[1] + means[2]

    def strip(z: Vectors, columns: int) -> Bytes:
        images_u8 = sheets.draw_latents(generator, np.asarray(z, np.float32), _one(label), reverse)
        return pixels.enlarge(pixels.grid(images_u8, columns), enlarge)

    return Arithmetic(
        seeds_u8=tuple(strip(z, len(z)) for z in latents),
        means_u8=tuple(strip(mean[None], 1) for mean in means),
        result_u8=strip(result[None], 1),
        neighbours_u8=strip(neighbors(result), 3),
        length=float(np.linalg.norm(result)),
        rms_norm=rms_norm(config.latent_dim, config.latent),
    )


def neighbors(z: Vectors) -> Vectors:
    """z (Z,) amid eight points near it, row by row with z in the middle: (9, Z) float32."""
    around = z + NEIGHBOUR_NOISE * latents_from_seeds(range(8), len(z), "uniform")
    return np.concatenate([around[:4], z[None], around[4:]]).astype(np.float32)


def _one(label: int | None) -> list[int] | None:
    return None if label is None else [label]


def _as_batch(pictures_u8: Sequence[Bytes]) -> Bytes:
    """Pictures (H, W) or (H, W, 3) of one shape -> (N, C, H, W)."""
    stacked = np.stack(pictures_u8)
    return stacked[:, None] if stacked.ndim == 3 else stacked.transpose(0, 3, 1, 2)
