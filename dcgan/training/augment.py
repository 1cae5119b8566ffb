"""Images turned, slanted, stretched and moved a little: another picture of the same thing.

N images, C H W image.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

MAX_ROTATION = 0.35
"""In radians, so 20 degrees."""
MAX_SHEAR = 0.35
"""How far the top of an image moves against its middle, in halves of its side."""
MAX_LOG_SCALE = 0.2
"""The natural logarithm of either side's factor: 0.82 to 1.22."""
MAX_TRANSLATION = 0.15
"""In halves of a side: 2 of 28 pixels."""
NUM_PARAMETERS = 6
"""Drawn for each image."""


def random_affine(images: Tensor, drawn: Tensor, strength: float = 1.0) -> Tensor:
    """Images (N, C, H, W) by affine maps of their own, which are given by numbers (N, 6) uniform on [0, 1).

    Each is turned, slanted, stretched along both sides and moved along both, by at most `strength` times the bounds
    above. What comes in from beyond an edge is the edge's. Between pixels it is linear, so strokes get softer.
    """
    if not len(images):  # on a rank that has none; PyTorch samples no grid of nothing
        return images
    turn, slant, stretch_x, stretch_y, shift_x, shift_y = (strength * (2 * drawn - 1)).unbind(1)
    cosine, sine, slant = (MAX_ROTATION * turn).cos(), (MAX_ROTATION * turn).sin(), MAX_SHEAR * slant
    factor_x, factor_y = (MAX_LOG_SCALE * stretch_x).exp(), (MAX_LOG_SCALE * stretch_y).exp()
    # A rotation times a shear times a scaling, then the shift; of where to look, so the inverse of what is done.
    row_x = [cosine * factor_x, (slant * cosine - sine) * factor_y, MAX_TRANSLATION * shift_x]
    row_y = [sine * factor_x, (slant * sine + cosine) * factor_y, MAX_TRANSLATION * shift_y]
    maps = torch.stack([torch.stack(row_x, 1), torch.stack(row_y, 1)], 1)  # (N, 2, 3)
    grid = F.affine_grid(maps, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, padding_mode="border", align_corners=False)
