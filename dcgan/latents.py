"""Draw latent vectors from seeds, and interpolate between them.

N vectors, Z latent, F frames, P points of a path. A seed gives the same vector on every device and in every release:
NumPy's policy (NEP 19) freezes the stream of RandomState. The streams of torch and CUDA are not frozen.

The module has a few more than 250 lines, so that seeds and paths stay together.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dcgan.config import COMPONENT_SCALE, NUM_COMPONENTS
from dcgan.locale.language import tr

Vectors = NDArray[np.float32]

MAX_SEED = 2**32 - 1
MAX_SEEDS = 4096
"""The most seeds that parse_seeds returns: a text like 0-4294967295 must not fill the memory."""


def _mixture(stream: np.random.RandomState, count: int) -> NDArray[np.float64]:
    """Draw one vector. The largest of a normal vector's first numbers selects the component, each equally likely."""
    z = stream.standard_normal(count)
    component = z[:NUM_COMPONENTS].argmax()
    z[:NUM_COMPONENTS] = 0
    z[component] = COMPONENT_SCALE
    return z


DISTRIBUTIONS: dict[str, Callable[[np.random.RandomState, int], NDArray[np.float64]]] = {
    "normal": lambda stream, count: stream.standard_normal(count),
    "uniform": lambda stream, count: stream.uniform(-1, 1, count),
    "mixture": _mixture,
}


def latents_from_seeds(seeds: Sequence[int], latent_dim: int, distribution: str = "normal") -> Vectors:
    """Draw one vector per seed, (N, Z) float32: standard normal, uniform on [-1, 1], or a mixture of 20 normals.

    Of a mixture's first 20 numbers one is 6 and selects the component; the others are 0. The rest are standard normal
    (after Ben-Yosef and Weinshall 2018, arXiv 1808.10356; no label is used). A vector depends on its own seed alone,
    not on the other seeds or their order.
    Raises ValueError for a seed that is not an int in 0..2**32-1, for an unknown distribution, and for a mixture of
    20 numbers or fewer. Bools and floats are not valid seeds; NumPy's ints are.
    """
    if distribution not in DISTRIBUTIONS:
        names = ", ".join(DISTRIBUTIONS)
        raise ValueError(
            tr("distribution={value!r} is not one of {names}; try normal", value=distribution, names=names)
        )
    if distribution == "mixture" and latent_dim <= NUM_COMPONENTS:
        raise ValueError(
            tr(
                "latent_dim={latent_dim} has no room beside the {count} components of mixture; try 100",
                latent_dim=latent_dim,
                count=NUM_COMPONENTS,
            )
        )
    latents = np.empty((len(seeds), latent_dim), np.float32)
    for row, seed in zip(latents, seeds, strict=True):
        whole = isinstance(seed, int | np.integer) and not isinstance(seed, bool)
        if not (whole and 0 <= seed <= MAX_SEED):
            raise ValueError(tr("seed={seed!r} is not a whole number in 0..{last}; try 0", seed=seed, last=MAX_SEED))
        row[:] = DISTRIBUTIONS[distribution](np.random.RandomState(seed), latent_dim)
    return latents


def with_components(z: ArrayLike, components: ArrayLike) -> Vectors:
    """Return z (N, Z) of a mixture, moved to the given components (N,): (N, Z) float32.

    Raises ValueError for a component that is not in 0..19.
    """
    z, components = np.array(z, np.float32), np.asarray(components)
    outside = components[~((components >= 0) & (components < NUM_COMPONENTS))]
    if outside.size:
        raise ValueError(
            tr("component={value} is not in 0..{last}; try 0", value=outside[0], last=NUM_COMPONENTS - 1)
        )
    z[:, :NUM_COMPONENTS] = COMPONENT_SCALE * np.eye(NUM_COMPONENTS)[components]
    return z


def truncate(z: ArrayLike, psi: float, distribution: str = "normal") -> Vectors:
    """Move z (..., Z) toward the mean of its prior, as float32: psi = 1 leaves it, psi = 0 gives the mean.

    The mean of `normal` and `uniform` is 0, so the result is z * psi. In a mixture z moves toward the mean of its own
    component: the mean of all components belongs to none. This is StyleGAN's truncation (Karras et al. 2019, arXiv
    1812.04948, appendix B), applied to z itself because these generators have no mapping network.
    Raises ValueError for psi outside [0, 1].
    """
    if not 0 <= psi <= 1:
        raise ValueError(tr("psi={psi} is not in [0, 1]; try 0.7", psi=psi))
    truncated = np.asarray(z, np.float32) * np.float32(psi)
    if distribution == "mixture":
        truncated[..., :NUM_COMPONENTS] = np.asarray(z)[..., :NUM_COMPONENTS]
    return truncated


def rms_norm(latent_dim: int, distribution: str = "normal") -> float:
    """Return the root mean square norm of a z of the prior."""
    return math.sqrt(_squared_norm(latent_dim, distribution)[0])


def norm_interval(latent_dim: int, distribution: str = "normal") -> tuple[float, float]:
    """Return the norms between which about 95 % of the prior's samples lie, by a normal approximation of squares."""
    mean, variance = _squared_norm(latent_dim, distribution)
    spread = 1.96 * math.sqrt(variance)
    return math.sqrt(max(0.0, mean - spread)), math.sqrt(mean + spread)


def _squared_norm(latent_dim: int, distribution: str) -> tuple[float, float]:
    """Return the mean and the variance of z's squared norm.

    The square of a standard normal number has 1 and 2, that of a uniform one on [-1, 1] has 1/3 and 4/45. A mixture's
    component adds the same to all.
    """
    if distribution == "uniform":
        return latent_dim / 3, 4 * latent_dim / 45
    free = latent_dim - NUM_COMPONENTS if distribution == "mixture" else latent_dim
    return free + (COMPONENT_SCALE**2 if distribution == "mixture" else 0.0), 2.0 * free


def parse_seeds(text: str) -> list[int]:
    """Return the seeds of a text like "3", "0-63" or "1,5,9-12", in the order of the text; repeats stay.

    Raises ValueError for other text, a range that runs backwards, a seed over 2**32-1, or over MAX_SEEDS
    seeds.
    """
    seeds: list[int] = []
    for part in text.split(","):
        # [0-9], because \d takes digits of every script; 20 of them, because int() is slow on many thousands.
        match = re.fullmatch(r"\s*([0-9]{1,20})\s*(?:-\s*([0-9]{1,20})\s*)?", part)
        if match is None:
            raise ValueError(
                tr("{text!r} is not a seed or a range of seeds; write 3, 0-63 or 1,5,9-12", text=part[:40])
            )
        first, last = int(match[1]), int(match[2] or match[1])
        if max(first, last) > MAX_SEED:
            raise ValueError(
                tr("seed={seed} is not in 0..{last}; choose a smaller one", seed=max(first, last), last=MAX_SEED)
            )
        if last < first:
            raise ValueError(tr("range {first}-{last} runs backwards; write {last}-{first}", first=first, last=last))
        if len(seeds) + last - first + 1 > MAX_SEEDS:
            raise ValueError(
                tr("{text!r} names more than {most} seeds; name fewer at a time", text=text[:40], most=MAX_SEEDS)
            )
        seeds.extend(range(first, last + 1))
    return seeds


# Paths


def lerp(a: ArrayLike, b: ArrayLike, t: ArrayLike) -> Vectors:
    """Interpolate on the straight line from a to b. Between normal vectors it passes nearer to 0 than samples lie.

    a, b: (Z,) or (N, Z); t: scalar or (F,), in [0, 1]. Returns float32 of shape t.shape + a.shape; t = 0
    gives a and t = 1 gives b, bit for bit. Raises ValueError for unequal shapes or t outside [0, 1].
    """
    a, b, t = _checked(a, b, t)
    return _with_exact_ends((1 - t) * a + t * b, a, b, t)


def slerp(a: ArrayLike, b: ArrayLike, t: ArrayLike) -> Vectors:
    """Interpolate on the great arc from a to b: the direction turns at constant speed, the norm changes linearly.

    Shapes, ends and errors are those of lerp. Sources: Shoemake 1985; White 2016 (arXiv 1609.04468). The norms stay
    typical of the prior, unlike those of lerp. Near parallel vectors the result approaches lerp. Opposite vectors
    have no unique great arc: the path turns through the coordinate axis most nearly perpendicular to a, the first of
    equal ones. In one dimension it passes through 0. A zero vector takes the direction of the other one.
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
    """Return the path from z_a (Z,) to z_b (Z,) in equal steps, both ends included bit for bit: (F, Z) float32.

    Raises ValueError for an unknown path or fewer than 2 frames.
    """
    if path not in PATHS:
        raise _unknown_path(path)
    if frames < 2:
        raise ValueError(tr("frames={frames} cannot show both ends; try 2 or more", frames=frames))
    return PATHS[path](z_a, z_b, np.linspace(0, 1, frames))


def _unknown_path(path: str) -> ValueError:
    return ValueError(tr("path={path!r} is not one of {names}; try slerp", path=path, names=", ".join(PATHS)))


def segments(num_points: int, t: ArrayLike) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return the segment (F,) from 0, and the position on it (F,) in [0, 1], for positions t (F,) on a whole path.

    The path passes the points one after another, and each segment takes equally long. Raises ValueError for t outside
    [0, 1] and for fewer than 2 points.
    """
    t = np.asarray(t, np.float64)
    if num_points < 2:
        raise ValueError(tr("{count} points make no path; give 2 or more", count=num_points))
    if t.size and not (t.min() >= 0 and t.max() <= 1):  # so written, NaN is outside too
        raise ValueError(tr("t={t} is not in [0, 1]; try 0.5", t=t[~((t >= 0) & (t <= 1))][0]))
    position = t * (num_points - 1)
    segment = np.minimum(position.astype(np.intp), num_points - 2)
    return segment, position - segment


def piecewise(points: ArrayLike, t: ArrayLike, path: str = "slerp") -> Vectors:
    """Return the positions t (F,) in [0, 1] of the path through points (P, Z): (F, Z) float32.

    Each segment takes equally long. Two points give the result of `interpolate`, bit for bit. Raises ValueError as
    `segments` does, and for an unknown path.
    """
    if path not in PATHS:
        raise _unknown_path(path)
    points = np.asarray(points, np.float32)
    segment, local = segments(len(points), t)
    z = np.empty((len(segment), points.shape[1]), np.float32)
    for index in np.unique(segment):
        here = segment == index
        z[here] = PATHS[path](points[index], points[index + 1], local[here])
    return z


def _checked(a: ArrayLike, b: ArrayLike, t: ArrayLike) -> tuple[NDArray[np.float64], ...]:
    """Return a and b rounded to float32, then all three in float64 for calculation; t has axes to broadcast."""
    a, b = (np.asarray(vector, np.float32).astype(np.float64) for vector in (a, b))
    t = np.asarray(t, np.float64)
    if a.shape != b.shape:
        raise ValueError(tr("shapes {a} and {b} have no path between them; use one latent_dim", a=a.shape, b=b.shape))
    outside = t[~((t >= 0) & (t <= 1))]  # so written, NaN is outside too
    if outside.size:
        raise ValueError(tr("t={t} is not in [0, 1]; try 0.5", t=outside[0]))
    return a, b, t.reshape(t.shape + (1,) * a.ndim)


def _with_exact_ends(
    path: NDArray[np.float64], a: NDArray[np.float64], b: NDArray[np.float64], t: NDArray[np.float64]
) -> Vectors:
    """Return the path in float32, with the exact ends at t = 0 and 1: arithmetic rounds and loses -0."""
    return np.where(t == 0, a, np.where(t == 1, b, path)).astype(np.float32)


def _perpendicular(u: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return, of the axis least aligned with unit vectors u (..., Z), the part perpendicular to u; 0 if Z = 1."""
    axis = np.eye(u.shape[-1])[np.abs(u).argmin(-1)]
    return axis - (axis * u).sum(-1, keepdims=True) * u


def _unit(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    norm = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.divide(vectors, norm, out=np.zeros_like(vectors), where=norm > 0)
