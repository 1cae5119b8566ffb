"""Image files to read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image


def save_image(path: Path, pixels: Any, mode: str = "L", **options: Any) -> Path:
    """Write an image and return its path. `pixels`: an array, or one color for an 8x8 image of the given mode."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(pixels) if isinstance(pixels, np.ndarray) else Image.new(mode, (8, 8), pixels)
    image.save(path, **options)
    return path
