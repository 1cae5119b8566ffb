"""The interpolation demo: two seeds, and the images on the path between them. Start with `python gradio_app.py`.

A thin entry point, because a Space and its users start it by this name; the demo is in `dcgan/demo/`.
"""

from __future__ import annotations

import contextlib

with contextlib.suppress(ImportError):  # Spaces with a shared GPU need it, imported before torch
    import spaces  # noqa: F401  # pyright: ignore[reportMissingImports]  (it exists on Spaces only)

from dcgan.demo.layout import build, launch_options
from dcgan.demo.limits import queue_options

if __name__ == "__main__":
    build().queue(**queue_options()).launch(**launch_options())
