"""The commands around links: link makes one, open draws one, without a server."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import parse_qsl, urlsplit

from tyro.conf import FlagCreatePairsOff, Positional, arg

from dcgan.cli.draw import Output, parse_labels
from dcgan.files import replacing
from dcgan.runs.listing import find_run, list_runs
from dcgan.sampling.link import ShareLink, demo_url


def link(
    model: Annotated[Positional[str], arg(metavar="RUN")] = "dcgan-mnist",
    *,
    seed_a: Annotated[int, arg(aliases=["-a"])] = 7,
    seed_b: Annotated[int, arg(aliases=["-b"])] = 42,
    keys: Annotated[str, arg(metavar="SEEDS")] = "",
    loop: FlagCreatePairsOff[bool] = False,
    frames: Annotated[int, arg(aliases=["-n"])] = 16,
    path: Literal["slerp", "lerp"] = "slerp",
    t: float = 0.0,
    labels: Annotated[str, arg(metavar="LABELS")] = "",
    device: Annotated[str, arg(metavar="DEVICE")] = "cpu",
) -> int:
    """Make a link to a way between two seeds, which the interpolation demo opens.

    It carries the id of the weights and of the pixels, so that whoever opens it learns whether they see the same.

    Args:
        model: A run's name (see: runs).
        seed_a: Where the way begins.
        seed_b: Where it goes.
        keys: Further seeds after B: 1,5,9.
        loop: Go back to A at the end.
        frames: Images on the way, 2 to 64.
        path: slerp turns at constant speed; lerp is the straight line.
        t: The position looked at, from 0 to 1.
        labels: What a conditional model draws at A, at B and at each key: 3,8.
        device: The device that draws the pixels whose id the link carries: cuda, mps, cpu or auto.
    """
    from dcgan.checkpoint import load_generator
    from dcgan.latents import parse_seeds
    from dcgan.runtime.device import choose_device
    from dcgan.sampling.rendering import render

    run = find_run(model)
    wanted = ShareLink(
        model=run.name,
        seed_a=seed_a,
        seed_b=seed_b,
        frames=frames,
        path=path,
        t=float(t),
        labels=tuple(parse_labels(labels)) if labels else (),
        keys=tuple(parse_seeds(keys)) if keys else (),
        loop=loop,
    )
    made = render(wanted, load_generator(run.weights_path, choose_device(device))).link
    print(demo_url(made) or f"?{made.to_query()}")
    return 0


def open_link(
    link: Annotated[Positional[str], arg(metavar="LINK")],
    *,
    output: Output = "strip.png",
    device: Annotated[str, arg(metavar="DEVICE")] = "cpu",
) -> int:
    """Draw what a link shows, as the demo would.

    Args:
        link: The whole address, or its part after the question mark.
        output: A .png file gets all frames; a .gif or .mp4 file the animation (MP4 needs PyAV).
        device: cuda, mps, cpu or auto.
    """
    from dcgan.checkpoint import load_generator
    from dcgan.runtime.device import choose_device
    from dcgan.sampling.rendering import fitted, render, resolve, verdict

    kinds = {".png": "strip_png", ".gif": "gif", ".mp4": "mp4"}
    suffix = Path(output).suffix.lower()
    if suffix not in kinds:
        raise ValueError(f"output {output!r} is no {', '.join(kinds)} file; write {output}.png")
    query = urlsplit(link).query or link.rpartition("?")[2]
    asked, notes = ShareLink.from_query(dict(parse_qsl(query, keep_blank_values=True)))
    run, weights, more = resolve(asked, list_runs())
    if run is None:
        raise ValueError(f"{more[0]} See: python -m dcgan runs")
    generator = load_generator(weights, choose_device(device))
    for note in [*notes, *fitted(asked, generator)[1]]:
        print(f"note: {note}", file=sys.stderr)
    drawn = render(asked, generator)
    with replacing(Path(output)) as temporary:
        temporary.write_bytes(getattr(drawn, kinds[suffix]))
    print(f"{output}: {len(drawn.images_u8)} frames of {run.name}, weights {generator.weights_id}")
    if said := verdict(asked, drawn):
        print(said)
    return 0


COMMANDS = {"link": link, "open": open_link}
HELP_ORDER = 5
