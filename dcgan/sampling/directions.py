"""Directions in latent space along which one property of the images changes.

Named directions come from least squares: a property of many drawn images, as a linear function of z. Unnamed ones are
those that change the generator's first layer most (SeFa: Shen and Zhou 2021, arXiv 2007.06600).

N images, Z latent, C H W image.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dcgan.checkpoint import TrainedGenerator
from dcgan.config import NUM_COMPONENTS
from dcgan.latents import Vectors
from dcgan.locale.language import tr

NUM_SEEDS = 4000
MIN_R2 = 0.3
"""Directions that explain less of a property are not shown."""
_HELD_OUT = 4
"""Every fourth image measures R2, and the others give the direction."""
_RIDGE = 1e-3
"""Added to the covariance of z, in shares of its mean: z may have fewer images than numbers."""
NUM_UNNAMED = 8

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Direction:
    """One direction in latent space."""

    vector: Vectors
    """(Z,) float32, of length 1. Its first numbers are 0 in a mixture: they are the component."""
    r2: float
    """Share of the property's variance that it explains in images that it was not fitted to; 0 if unnamed."""
    slope: float = 0.0
    """Change of the property for a step of length 1; 0 if unnamed."""


def shapes(images: NDArray) -> dict[str, Floats]:
    """Return slant, stroke thickness, width and height of drawings (N, C, H, W) in [-1, 1], each (N,).

    The drawing is what differs from the color of the image's border. Slant is the shift to the right, in pixels, for
    each pixel upwards. The others are in pixels too: thickness is twice the area over the length of the outline, and
    width and height are four standard deviations. An image without a drawing has zeros.
    """
    images = np.asarray(images, np.float64)
    gray = images.mean(1)
    border = np.concatenate([gray[:, 0], gray[:, -1], gray[:, :, 0], gray[:, :, -1]], axis=1)
    ink = np.abs(gray - np.median(border, axis=1)[:, None, None]) / 2  # (N, H, W), in [0, 1]
    rows, columns = np.arange(ink.shape[1])[:, None], np.arange(ink.shape[2])[None]
    mass = ink.sum((1, 2))
    safe = np.maximum(mass, 1e-9)

    def mean(values: Floats) -> Floats:
        return (ink * values).sum((1, 2)) / safe

    x = columns - mean(np.broadcast_to(columns, ink.shape))[:, None, None]
    y = rows - mean(np.broadcast_to(rows, ink.shape))[:, None, None]
    spread_x, spread_y, shear = mean(x**2), mean(y**2), mean(x * y)
    down, right = np.diff(ink, axis=1), np.diff(ink, axis=2)
    outline = np.hypot(down[:, :, :-1], right[:, :-1]).sum((1, 2))
    return {
        "slant": -shear / np.maximum(spread_y, 1e-9),
        "thickness": 2 * mass / np.maximum(outline, 1e-9) * (outline > 0),
        "width": 4 * np.sqrt(spread_x),
        "height": 4 * np.sqrt(spread_y),
    }


def fit_directions(
    z: NDArray, properties: Mapping[str, NDArray], *, distribution: str = "normal"
) -> dict[str, Direction]:
    """Return the direction of each property (N,) of the images of z (N, Z), by least squares.

    In a mixture, and where a property differs between components, only differences within a component count. Raises
    ValueError for fewer images than four, or properties of other lengths.
    """
    z = np.asarray(z, np.float64)
    if len(z) < _HELD_OUT or any(len(values) != len(z) for values in properties.values()):
        raise ValueError(
            tr("{count} latent vectors do not fit the properties; give four or more of each", count=len(z))
        )
    free, groups = _free_part(z, distribution)
    test = np.arange(len(z)) % _HELD_OUT == 0
    centered = _centered(free, groups, ~test)
    covariance = centered[~test].T @ centered[~test] / (~test).sum()
    covariance += _RIDGE * np.trace(covariance) / len(covariance) * np.eye(len(covariance))
    directions = {}
    for name, values in properties.items():
        property_ = _centered(np.asarray(values, np.float64)[:, None], groups, ~test)[:, 0]
        weights = np.linalg.solve(covariance, centered[~test].T @ property_[~test] / (~test).sum())
        length = float(np.linalg.norm(weights))
        error = float(np.square(property_[test] - centered[test] @ weights).sum())
        total = float(np.square(property_[test]).sum())
        vector = np.zeros(z.shape[1], np.float32)
        vector[z.shape[1] - free.shape[1] :] = weights / length if length > 0 else 0
        directions[name] = Direction(vector, max(0.0, 1 - error / total) if total > 0 else 0.0, length)
    return directions


def _free_part(z: Floats, distribution: str) -> tuple[Floats, NDArray[np.intp]]:
    """Return the numbers of z that may change (N, F), and the component of each z (N,)."""
    if distribution != "mixture":
        return z, np.zeros(len(z), np.intp)
    return z[:, NUM_COMPONENTS:], z[:, :NUM_COMPONENTS].argmax(1)


def _centered(values: Floats, groups: NDArray[np.intp], fitted: NDArray[np.bool_]) -> Floats:
    """Return values (N, F) minus the mean of their group, which the fitted rows give."""
    centered = values - values[fitted].mean(0)
    for group in np.unique(groups):
        of_group = groups == group
        if (of_group & fitted).any():
            centered[of_group] = values[of_group] - values[of_group & fitted].mean(0)
    return centered


def first_layer_directions(generator: TrainedGenerator) -> list[Direction]:
    """Return the directions that change the first layer most, at most eight, the strongest first.

    They are eigenvectors of the matrix of the first layer's weights with itself, each with its largest number
    positive, so that the same weights always give the same directions.
    """
    config = generator.config
    # The first parameter is the first layer's weight, in every topology.
    weight = next(generator.network.parameters()).detach().cpu().double().numpy()
    # A transposed convolution has (inputs, outputs, K, K), and a linear layer (outputs, inputs).
    rows = weight.reshape(len(weight), -1) if weight.ndim == 4 else weight.T
    first = NUM_COMPONENTS if config.latent == "mixture" else 0
    rows = rows[first : config.latent_dim]
    _, vectors = np.linalg.eigh(rows @ rows.T)
    directions = []
    for vector in vectors.T[::-1][:NUM_UNNAMED]:
        whole = np.zeros(config.latent_dim, np.float32)
        whole[first:] = vector * np.sign(vector[np.abs(vector).argmax()])
        directions.append(Direction(whole, 0.0))
    return directions
