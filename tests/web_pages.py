"""Read the static page in a browser: its canvases, its address, and whether something has come true."""

from __future__ import annotations

import base64
import io
import time
from urllib.parse import parse_qsl, urlsplit

import numpy as np
from PIL import Image


def pixels_of(page, canvas: str) -> np.ndarray:
    """Return the gray levels (H, W) of a canvas."""
    url = page.evaluate("(id) => document.getElementById(id).toDataURL()", canvas)
    with Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))) as image:
        return np.asarray(image.convert("RGB"))[..., 0]


def until(page, condition: str) -> None:
    """Wait for a condition in JavaScript. The page's policy forbids what `wait_for_function` evaluates."""
    give_up = time.monotonic() + 180
    while not page.evaluate(condition):
        assert time.monotonic() < give_up, f"{condition} did not come true"
        page.wait_for_timeout(50)


def query_of(page) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(page.url).query))
