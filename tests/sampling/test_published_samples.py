"""The bytes of a few samples of every published generator, pinned in published_samples.json.

Where the processor and PyTorch are those of a pin, the bytes are equal. Elsewhere kernels round differently, and no
pixel differs by more than one gray level. After a model was published or trained again, this command adds its pin:

    python tests/sampling/test_published_samples.py NAME
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import platform
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from dcgan.checkpoint import load_generator
from dcgan.files import CHECKPOINTS
from dcgan.pixels import grid, png_bytes, to_uint8
from dcgan.runtime.host import cpu_name

PINS = Path(__file__).with_name("published_samples.json")
SEEDS = range(8)
NAMES = sorted(path.parent.name for path in CHECKPOINTS.glob("*/config.json"))
MAX_DIFFERENCE = 1
"""Gray levels, from 0 to 255."""


def system() -> dict[str, str]:
    """Return what decides how kernels round."""
    import torch

    return {
        "machine": platform.machine().lower(),
        "processor": cpu_name(),
        "kernels": torch.backends.cpu.get_cpu_capability(),
        "torch": torch.__version__.partition("+")[0],
    }


def drawn(name: str) -> tuple[np.ndarray, str]:
    """Return images (8, C, H, W) uint8 of a published generator on the CPU, and the id of its weights."""
    generator = load_generator(CHECKPOINTS / name)
    classes = generator.config.num_classes
    labels = np.arange(len(SEEDS)) % classes if classes else None
    return to_uint8(generator(generator.latents(SEEDS), labels).numpy()), generator.weights_id


def pin(images_u8: np.ndarray, weights_id: str, where: dict[str, str]) -> dict[str, Any]:
    """Return what is kept of some samples: a sheet as PNG, and the digest of their bytes."""
    sheet = png_bytes(grid(images_u8, len(images_u8)))
    return {
        "weights": weights_id,
        "digest": hashlib.sha256(images_u8.tobytes()).hexdigest()[:16],
        **where,
        "sheet": base64.b64encode(sheet).decode(),
    }


def difference(images_u8: np.ndarray, pinned: dict[str, Any]) -> int:
    """Return the largest difference from the pin, in gray levels."""
    from PIL import Image

    sheet = np.asarray(Image.open(io.BytesIO(base64.b64decode(pinned["sheet"]))), np.int64)
    return int(abs(sheet - grid(images_u8, len(images_u8))).max())


def problem(images_u8: np.ndarray, weights_id: str, pinned: dict[str, Any], where: dict[str, str]) -> str:
    """Return how the samples differ from their pin; empty where they do not."""
    if pinned["weights"] != weights_id:
        return f"its weights are {weights_id}, and {pinned['weights']} are pinned"
    digest = hashlib.sha256(images_u8.tobytes()).hexdigest()[:16]
    is_same_system = all(pinned[key] == value for key, value in where.items())
    if is_same_system and digest != pinned["digest"]:
        return f"its bytes have the digest {digest}, and {pinned['digest']} is pinned for this system"
    most = difference(images_u8, pinned)
    return f"a pixel differs by {most} gray levels" if most > MAX_DIFFERENCE else ""


def read_pins() -> dict[str, dict[str, Any]]:
    return json.loads(PINS.read_text(encoding="utf-8")) if PINS.exists() else {}


@pytest.mark.parametrize("name", NAMES)
def test_a_published_generator_draws_its_pinned_bytes(name):
    pins = read_pins()
    command = f"python tests/sampling/test_published_samples.py {name}"
    assert name in pins, f"{name} has no pin; add it with: {command}"
    assert not problem(*drawn(name), pins[name], system()), f"if its weights were to change, pin them with: {command}"


def test_every_pin_is_of_a_published_model():
    assert sorted(read_pins()) == NAMES


def test_a_difference_is_found_where_it_counts():
    images_u8 = np.arange(8 * 16, dtype=np.uint8).reshape(8, 1, 4, 4)
    here, other = {"torch": "1"}, {"torch": "2"}
    pinned = pin(images_u8, "a", here)
    off_by_one, off_by_two = images_u8.copy(), images_u8.copy()
    off_by_one[3, 0, 2, 1] += 1
    off_by_two[3, 0, 2, 1] += 2
    assert not problem(images_u8, "a", pinned, here)
    assert "digest" in problem(off_by_one, "a", pinned, here)
    assert not problem(off_by_one, "a", pinned, other)
    assert "differs by 2" in problem(off_by_two, "a", pinned, other)
    assert "weights" in problem(images_u8, "b", pinned, here)


def main(names: list[str]) -> int:
    """Pin the samples of these published models."""
    pins = {name: entry for name, entry in read_pins().items() if name in NAMES}
    for name in names:
        pins[name] = pin(*drawn(name), system())
    lines = [f"{json.dumps(name)}: {json.dumps(pins[name])}" for name in sorted(pins)]
    PINS.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
