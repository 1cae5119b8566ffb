"""Latent vectors: from seeds, and on paths between them.

N vectors, Z latent, F frames. A seed names the same vector on every device and in every release:
RandomState's stream is frozen by NumPy's own policy (NEP 19), which torch's and CUDA's streams are not.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dcgan.config import COMPONENT_SCALE, NUM_COMPONENTS

Vectors = NDArray[np.float32]

MAX_SEED = 2**32 - 1
MAX_SEEDS = 4096
"""parse_seeds gives at most so many: a text like 0-4294967295 must not fill the memory."""


def _mixture(stream: np.random.RandomState, count: int) -> NDArray[np.float64]:
    """The largest of a normal vector's first numbers is the kind: each is as likely, and one seed has one normal."""
    z = stream.standard_normal(count)
    kind = z[:NUM_COMPONENTS].argmax()
    z[:NUM_COMPONENTS] = 0
    z[kind] = COMPONENT_SCALE
    return z


DISTRIBUTIONS: dict[str, Callable[[np.random.RandomState, int], NDArray[np.float64]]] = {
    "normal": lambda stream, count: stream.standard_normal(count),
    "uniform": lambda stream, count: stream.uniform(-1, 1, count),
    "mixture": _mixture,
}


def latents_from_seeds(seeds: Sequence[int], latent_dim: int, distribution: str = "normal") -> Vectors:
    """One vector a seed, (N, Z) float32: standard normal, uniform on [-1, 1], or a mixture of 20 normals.

    The mixture's first 20 numbers are 0 but for one, which is 6 and names the kind; the rest are standard normal
    (after Ben-Yosef and Weinshall 2018, arXiv 1808.10356; no label is used). A vector depends on its own seed alone,
    not on the others or their order.
    Raises ValueError for a seed that is not an int in 0..2**32-1 (bools and floats are refused, NumPy's ints are
    not), an unknown distribution, or a mixture of 20 numbers or fewer.
    """
    if distribution not in DISTRIBUTIONS:
        names = ", ".join(DISTRIBUTIONS)
        raise ValueError(f"distribution={distribution!r} is not one of {names}; try normal")
    if distribution == "mixture" and latent_dim <= NUM_COMPONENTS:
        raise ValueError(
            f"latent_dim={latent_dim} has no room beside the {NUM_COMPONENTS} components of mixture; try 100"
        )
    latents = np.empty((len(seeds), latent_dim), np.float32)
    for row, seed in zip(latents, seeds, strict=True):
        whole = isinstance(seed, int | np.integer) and not isinstance(seed, bool)
        if not (whole and 0 <= seed <= MAX_SEED):
            raise ValueError(f"seed={seed!r} is not a whole number in 0..{MAX_SEED}; try 0")
        row[:] = DISTRIBUTIONS[distribution](np.random.RandomState(seed), latent_dim)
    return latents


def with_components(z: ArrayLike, components: ArrayLike) -> Vectors:
    """z (N, Z) of a mixture, as if each were of the kind (N,) that is given for it: (N, Z) float32.

    Raises ValueError for a kind that is not in 0..19.
    """
    z, components = np.array(z, np.float32), np.asarray(components)
    outside = components[~((components >= 0) & (components < NUM_COMPONENTS))]
    if outside.size:
        raise ValueError(f"kind={outside[0]} is not in 0..{NUM_COMPONENTS - 1}; try 0")
    z[:, :NUM_COMPONENTS] = COMPONENT_SCALE * np.eye(NUM_COMPONENTS)[components]
    return z


def truncate(z: ArrayLike, psi: float, distribution: str = "normal") -> Vectors:
    """z (..., Z) moved toward the mean of its prior: psi = 1 leaves it, psi = 0 gives the mean. float32.

    The mean of `normal` and `uniform` is 0, so this is z * psi. Of a mixture it is the mean of its own kind: that of
    all would be of no kind, and what z says of the kind stays. It is StyleGAN's truncation (Karras et al. 2019,
    arXiv 1812.04948, appendix B) applied to z itself, since these generators map z to nothing before they draw.
    Raises ValueError for psi outside [0, 1].
    """
    if not 0 <= psi <= 1:
        raise ValueError(f"psi={psi} is not in [0, 1]; try 0.7")
    truncated = np.asarray(z, np.float32) * np.float32(psi)
    if distribution == "mixture":
        truncated[..., :NUM_COMPONENTS] = np.asarray(z)[..., :NUM_COMPONENTS]
    return truncated


def rms_norm(latent_dim: int, distribution: str = "normal") -> float:
    """Root mean square length of a z of the prior."""
    return math.sqrt(_squared_length(latent_dim, distribution)[0])


def norm_interval(latent_dim: int, distribution: str = "normal") -> tuple[float, float]:
    """Between which lengths about 95 % of the prior's samples lie, by the normal approximation of their square."""
    mean, variance = _squared_length(latent_dim, distribution)
    spread = 1.96 * math.sqrt(variance)
    return math.sqrt(max(0.0, mean - spread)), math.sqrt(mean + spread)


def _squared_length(latent_dim: int, distribution: str) -> tuple[float, float]:
    """Mean and variance of z's squared length: of a standard normal number they are 1 and 2, of a uniform one on
    [-1, 1] 1/3 and 4/45; the kind of a mixture adds the same to all."""
    if distribution == "uniform":
        return latent_dim / 3, 4 * latent_dim / 45
    free = latent_dim - NUM_COMPONENTS if distribution == "mixture" else latent_dim
    return free + (COMPONENT_SCALE**2 if distribution == "mixture" else 0.0), 2.0 * free


def parse_seeds(text: str) -> list[int]:
    """Seeds from text like "3", "0-63" or "1,5,9-12", in the order written; repeats are kept.

    Raises ValueError for other text, a range that runs backwards, a seed over 2**32-1, or over MAX_SEEDS
    seeds.
    """
    seeds: list[int] = []
    for part in text.split(","):
        # [0-9], because \d takes digits of every script; 20 of them, because int() is slow on many thousands.
        match = re.fullmatch(r"\s*([0-9]{1,20})\s*(?:-\s*([0-9]{1,20})\s*)?", part)
        if match is None:
            raise ValueError(f"{part[:40]!r} is not a seed or a range of seeds; write 3, 0-63 or 1,5,9-12")
        first, last = int(match[1]), int(match[2] or match[1])
        if max(first, last) > MAX_SEED:
            raise ValueError(f"seed={max(first, last)} is not in 0..{MAX_SEED}; choose a smaller one")
        if last < first:
            raise ValueError(f"range {first}-{last} runs backwards; write {last}-{first}")
        if len(seeds) + last - first + 1 > MAX_SEEDS:
            raise ValueError(f"{text[:40]!r} names more than {MAX_SEEDS} seeds; name fewer at a time")
        seeds.extend(range(first, last + 1))
    return seeds


# Paths


def lerp(a: ArrayLike, b: ArrayLike, t: ArrayLike) -> Vectors:
    """The straight line from a to b. Between normal vectors it passes nearer to 0 than any sample does.

    a, b: (Z,) or (N, Z); t: scalar or (F,), in [0, 1]. Returns float32 of shape t.shape + a.shape; t = 0
    gives a and t = 1 gives b, bit for bit. Raises ValueError for unequal shapes or t outside [0, 1].
    """
    a, b, t = _checked(a, b, t)
    return _with_exact_ends((1 - t) * a + t * b, a, b, t)


def slerp(a: ArrayLike, b: ArrayLike, t: ArrayLike) -> Vectors:
    """The great arc from a to b: the direction turns at constant speed, the norm changes linearly.

    Shapes, ends and errors as lerp's. Shoemake 1985; White 2016 (arXiv 1609.04468): norms stay typical of the
    prior, which lerp's do not. Parallel vectors give lerp, reached smoothly. Opposite ones have no one great
    arc: the path then turns through the coordinate axis most nearly perpendicular to a (the first of equals);
    in one dimension, where there is none, it passes through 0. A zero vector takes the direction of the
    other one.
    """
    a, b, t = _checked(a, b, t)
    norm_a, norm_b = (np.linalg.norm(vector, axis=-1, keepdims=True) for vector in (a, b))
    v = _unit(b)  # where b is 0 so is v, and with it sine, cosine and the angle: the direction stays u
    u = np.where(norm_a > 0, _unit(a), v)
    cosine = (u * v).sum(-1, keepdims=True)
    away = v - cosine * u  # the part of v perpendicular to u; its length is the sine of the angle
    sine = np.linalg.norm(away, axis=-1, keepdims=True)
    # From sine and cosine the angle is exact near 0 and pi too, where arccos loses half of its digits; and w
    # is harmless where it is rounding noise near angle 0, since sin(t * angle) then weighs it with nothing.
    angle = np.arctan2(sine, cosine)
    w = _unit(np.where((sine < 1e-12) & (cosine < 0), _perpendicular(u), away))
    direction = np.cos(t * angle) * u + np.sin(t * angle) * w
    return _with_exact_ends(((1 - t) * norm_a + t * norm_b) * direction, a, b, t)


PATHS: dict[str, Callable[[ArrayLike, ArrayLike, ArrayLike], Vectors]] = {"slerp": slerp, "lerp": lerp}


def interpolate(z_a: ArrayLike, z_b: ArrayLike, frames: int, path: str = "slerp") -> Vectors:
    """The path from z_a (Z,) to z_b (Z,) in equal steps, both ends included bit for bit: (F, Z) float32.

    Raises ValueError for an unknown path or fewer than 2 frames.
    """
    if path not in PATHS:
        raise ValueError(f"path={path!r} is not one of {', '.join(PATHS)}; try slerp")
    if frames < 2:
        raise ValueError(f"frames={frames} cannot show both ends; try 2 or more")
    return PATHS[path](z_a, z_b, np.linspace(0, 1, frames))


def segments(num_points: int, t: ArrayLike) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """For positions t (F,) in [0, 1] on the way through points in turn, each leg taking equally long: the leg (F,),
    from 0, and the position on it (F,) in [0, 1]. Raises ValueError for t outside, or fewer than 2 points."""
    t = np.asarray(t, np.float64)
    if num_points < 2:
        raise ValueError(f"{num_points} points make no way; give 2 or more")
    if t.size and not (t.min() >= 0 and t.max() <= 1):  # so written, NaN is outside too
        raise ValueError(f"t={t[~((t >= 0) & (t <= 1))][0]} is not in [0, 1]; try 0.5")
    position = t * (num_points - 1)
    segment = np.minimum(position.astype(np.intp), num_points - 2)
    return segment, position - segment


def piecewise(points: ArrayLike, t: ArrayLike, path: str = "slerp") -> Vectors:
    """Positions t (F,) in [0, 1] on the way through points (P, Z), each leg taking equally long: (F, Z) float32.

    Two points give what interpolate gives, bit for bit. Raises ValueError as `legs` does, and for an unknown path.
    """
    if path not in PATHS:
        raise ValueError(f"path={path!r} is not one of {', '.join(PATHS)}; try slerp")
    points = np.asarray(points, np.float32)
    segment, local = segments(len(points), t)
    z = np.empty((len(segment), points.shape[1]), np.float32)
    for index in np.unique(segment):
        here = segment == index
        z[here] = PATHS[path](points[index], points[index + 1], local[here])
    return z


def _checked(a: ArrayLike, b: ArrayLike, t: ArrayLike) -> tuple[NDArray[np.float64], ...]:
    """a and b rounded to float32, then all three in float64 to calculate with, t with axes to broadcast."""
    a, b = (np.asarray(vector, np.float32).astype(np.float64) for vector in (a, b))
    t = np.asarray(t, np.float64)
    if a.shape != b.shape:
        raise ValueError(f"shapes {a.shape} and {b.shape} have no path between them; use one latent_dim")
    outside = t[~((t >= 0) & (t <= 1))]  # so written, NaN is outside too
    if outside.size:
        raise ValueError(f"t={outside[0]} is not in [0, 1]; try 0.5")
    return a, b, t.reshape(t.shape + (1,) * a.ndim)


def _with_exact_ends(
    path: NDArray[np.float64], a: NDArray[np.float64], b: NDArray[np.float64], t: NDArray[np.float64]
) -> Vectors:
    """The path in float32; at t = 0 and 1 the ends as they are, since arithmetic rounds and loses -0."""
    return np.where(t == 0, a, np.where(t == 1, b, path)).astype(np.float32)


def _perpendicular(u: NDArray[np.float64]) -> NDArray[np.float64]:
    """The part, perpendicular to unit vectors u (..., Z), of the axis least aligned with u; 0 if Z = 1."""
    axis = np.eye(u.shape[-1])[np.abs(u).argmin(-1)]
    return axis - (axis * u).sum(-1, keepdims=True) * u


def _unit(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    norm = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.divide(vectors, norm, out=np.zeros_like(vectors), where=norm > 0)
