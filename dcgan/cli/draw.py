"""The commands that draw: sample and gif."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

from tyro.conf import FlagCreatePairsOff, Positional, arg

from dcgan.files import replacing
from dcgan.runs.listing import find_run
from dcgan.sampling.class_names import parse_labels

Output = Annotated[str, arg(aliases=["-o"], metavar="PATH")]


def sample(
    checkpoint: Annotated[Positional[str], arg(metavar="CHECKPOINT")],
    *,
    seeds: Annotated[str, arg(metavar="SEEDS")] = "0-63",
    labels: Annotated[str, arg(aliases=["--label"], metavar="LABELS")] = "",
    components: Annotated[str, arg(aliases=["--component"], metavar="COMPONENTS")] = "",
    psi: float = 1.0,
    step: Annotated[int | None, arg(metavar="STEP")] = None,
    reverse: FlagCreatePairsOff[bool] = False,
    enlarge: int = 1,
    columns: int = 0,
    output: Output = "",
    device: Annotated[str, arg(metavar="DEVICE")] = "cpu",
) -> int:
    """Draw images from a trained generator. The data set is not needed.

    A seed gives the same image alone, among others, and every time.

    Args:
        checkpoint: A run's path or name (see: runs), or a .safetensors file.
        seeds: Seeds of the images, one image a seed: 42, 0-63 or 1,5,9-12.
        labels: Classes that a conditional model draws: 7, 0-9 or 0,1,2, or by name: cats,dogs. They repeat along the
            seeds. Default: all classes in turn, 0 for the first seed, 1 for the second.
        components: Mixture components of the latent distribution (dcgan-best has 20): 7, 0-19 or 0,1,2. They repeat
            along the seeds, and replace the components of the seeds. A component has no label.
        psi: Truncation of z, from 0 to 1. A smaller psi makes images more alike and often cleaner.
        step: Use the run's snapshot of that step instead of its last weights.
        reverse: Invert the colors: black on white.
        enlarge: Screen pixels per image pixel.
        columns: Columns of the sheet; 0 gives about as many columns as rows.
        output: A .png file gets all images as one sheet. A folder (PATH/, or one that exists) gets one PNG a seed.
            Default: samples-NAME.png.
        device: cuda, mps, cpu or auto. Devices round differently. On the cpu every machine draws the same image.
    """
    from dcgan.checkpoint import load_generator
    from dcgan.data.image_formats import SOFTWARE
    from dcgan.latents import parse_seeds
    from dcgan.pixels import png_bytes
    from dcgan.runtime.device import choose_device
    from dcgan.sampling import sheets

    seed_list = parse_seeds(seeds)
    component_list = parse_labels(components, what="components") if components else None
    path, name = _weights(checkpoint, step)
    output = output or f"samples-{name}.png"
    single = output.endswith(("/", os.sep)) or Path(output).is_dir()
    if not single and Path(output).suffix.lower() != ".png":
        raise ValueError(f"output {output!r} is neither a .png file nor a folder; write {output}.png or {output}/")
    generator = load_generator(path, choose_device(device)).truncated(psi)
    label_list = parse_labels(labels, generator.classes) if labels else None
    num_images = len(seed_list)
    drawn = {"Software": SOFTWARE}  # so that no training learns from it
    if single:
        stems = set()
        pictures = sheets.sample_pictures(
            generator, seed_list, label_list, reverse=reverse, enlarge=enlarge, components=component_list
        )
        for stem, picture in pictures:
            _write(Path(output) / f"{stem}.png", png_bytes(picture, drawn))
            stems.add(stem)
        num_images = len(stems)  # a repeated seed is one file
    else:
        sheet = sheets.sample_sheet(
            generator,
            seed_list,
            label_list,
            columns=columns,
            reverse=reverse,
            enlarge=enlarge,
            components=component_list,
        )
        _write(Path(output), png_bytes(sheet, drawn))
    count = f"{num_images} images" if num_images > 1 else "1 image"
    print(f"{output}: {count} from weights {generator.weights_id} of step {generator.step}")
    return 0


def gif(
    run: Annotated[Positional[str], arg(metavar="RUN")],
    *,
    milliseconds: int = 200,
    last_hold: int = 2000,
    enlarge: int = 2,
    reverse: FlagCreatePairsOff[bool] = False,
    output: Output = "",
) -> int:
    """Make a GIF of a training from its sample grids; the training may still be running.

    Args:
        run: A run's path or name (see: runs).
        milliseconds: How long each grid is shown, in milliseconds.
        last_hold: How long the last grid is shown, in milliseconds.
        enlarge: Screen pixels per image pixel.
        reverse: Invert the colors: black on white.
        output: The file to write. Default: training-NAME.gif.
    """
    from dcgan.figures.animations import training_gif

    recorded = find_run(run)
    path = Path(output or f"training-{recorded.name}.gif")
    if path.suffix.lower() != ".gif":
        raise ValueError(f"output {output!r} is not a .gif file; write {output}.gif")
    data = training_gif(
        recorded, milliseconds=milliseconds, last_hold_milliseconds=last_hold, enlarge=enlarge, reverse=reverse
    )
    _write(path, data)
    print(f"{path}: {len(data) / 1e6:.1f} MB")
    return 0


def _weights(checkpoint: str, step: int | None) -> tuple[Path, str]:
    """Return the path of the weights, and a name for the pictures that are drawn from them."""
    if checkpoint.endswith(".safetensors"):
        if step is not None:
            raise ValueError(f"--step {step} names a snapshot of a run, and {checkpoint} is a file; name the run")
        return Path(checkpoint), Path(checkpoint).stem
    run = find_run(checkpoint)
    if step is None:
        return run.path, run.name
    if step not in run.snapshot_steps():
        steps = ", ".join(map(str, run.snapshot_steps())) or "none"
        raise ValueError(f"{run.path} has no snapshot of step {step}; there are: {steps}")
    return run.snapshot_path(step), f"{run.name}-{step:07d}"


def _write(path: Path, data: bytes) -> None:
    with replacing(path) as temporary:
        temporary.write_bytes(data)


COMMANDS = {"sample": sample, "gif": gif}
HELP_ORDER = 3
