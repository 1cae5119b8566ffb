"""Random affine transforms of images: rotation, shear, scale and translation.

N images, C H W image.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

MAX_ROTATION = 0.35
"""Radians: 20 degrees."""
MAX_SHEAR = 0.35
"""Horizontal shift of the top edge relative to the center, in halves of the side."""
MAX_LOG_SCALE = 0.2
"""Natural logarithm of the factor of each side: 0.82 to 1.22."""
MAX_TRANSLATION = 0.15
"""In halves of the side: 2 of 28 pixels."""
NUM_PARAMETERS = 6
"""Random numbers for one image."""


def random_affine(images: Tensor, drawn: Tensor, strength: float = 1.0) -> Tensor:
    """Return the images (N, C, H, W), each under its own affine map, given by numbers (N, 6) uniform on [0, 1).

    The six numbers are rotation, shear, two scales and two translations, each up to `strength` times the bounds
    above. Pixels from outside of the image repeat its edge. Interpolation is bilinear, so strokes get softer.
    """
    if not len(images):  # a rank without images: PyTorch samples no empty grid
        return images
    rotation, shear, scale_x, scale_y, shift_x, shift_y = (strength * (2 * drawn - 1)).unbind(1)
    cosine, sine, shear = (MAX_ROTATION * rotation).cos(), (MAX_ROTATION * rotation).sin(), MAX_SHEAR * shear
    factor_x, factor_y = (MAX_LOG_SCALE * scale_x).exp(), (MAX_LOG_SCALE * scale_y).exp()
    # Rotation x shear x scale, then translation. The grid says where to look, so this is the inverse map.
    row_x = [cosine * factor_x, (shear * cosine - sine) * factor_y, MAX_TRANSLATION * shift_x]
    row_y = [sine * factor_x, (shear * sine + cosine) * factor_y, MAX_TRANSLATION * shift_y]
    maps = torch.stack([torch.stack(row_x, 1), torch.stack(row_y, 1)], 1)  # (N, 2, 3)
    grid = F.affine_grid(maps, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, padding_mode="border", align_corners=False)
