"""The command project: the nearest image that a generator knows."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from dcgan.files import replacing
from dcgan.runs.listing import find_run

SUFFIXES = (".png", ".gif")


def project(
    image: Annotated[Positional[str], arg(metavar="IMAGE")],
    checkpoint: Annotated[Positional[str], arg(metavar="CHECKPOINT")],
    *,
    label: Annotated[int | None, arg(metavar="LABEL")] = None,
    enlarge: int = 4,
    output: Annotated[str, arg(aliases=["-o"], metavar="PATH")] = "",
    device: Annotated[str, arg(metavar="DEVICE")] = "cpu",
) -> int:
    """Find the image that a generator can draw and that is nearest to a picture of yours.

    The search compares pixels. What the generator cannot draw is left in the difference.

    Args:
        image: A picture: a drawing, a photo or a digit.
        checkpoint: A run's path or name (see: runs), or a .safetensors file.
        label: The class that a conditional model draws. Default: the class of the nearest image.
        enlarge: Screen pixels per image pixel.
        output: A .png file shows the picture, the nearest image and their difference. A .gif file shows the search.
            Default: nearest-NAME.png.
        device: cuda, mps, cpu or auto.
    """
    from dcgan import pixels
    from dcgan.checkpoint import load_generator
    from dcgan.data.image_formats import SOFTWARE
    from dcgan.runtime.device import choose_device
    from dcgan.sampling.nearest_image import find_nearest, picture_target

    is_file = checkpoint.endswith(".safetensors")
    path = Path(checkpoint) if is_file else find_run(checkpoint).path
    output = output or f"nearest-{path.stem}.png"
    suffix = Path(output).suffix.lower()
    if suffix not in SUFFIXES:
        raise ValueError(f"output {output!r} is neither a .png nor a .gif file; write {output}.png")
    if not 1 <= enlarge <= 32:
        raise ValueError(f"enlarge={enlarge} is not in 1..32; try 4")
    if not Path(image).is_file():
        raise FileNotFoundError(f"{image} is not a file; name a picture")
    generator = load_generator(path, choose_device(device))
    target_u8, notes = picture_target(Path(image), generator)
    for note in notes:
        print(note, file=sys.stderr)
    nearest = find_nearest(generator, target_u8, label=label)
    if suffix == ".gif":
        data = nearest.rows_gif(enlarge=enlarge)
    else:
        data = pixels.png_bytes(nearest.row(enlarge=enlarge), {"Software": SOFTWARE})
    found = nearest.projection
    with replacing(Path(output)) as temporary:
        temporary.write_bytes(data)
    low, high = found.usual_length
    of_label = "" if found.label is None else f", label {found.label}"
    print(
        f"{output}: mean squared error {found.error:.2g} of pixels in 0..1, length {found.length:.1f} (usual: "
        f"{low:.1f} to {high:.1f}){of_label}, weights {generator.weights_id}"
    )
    return 0


COMMANDS = {"project": project}
HELP_ORDER = 5
