"""The commands for links: link makes one, open draws one, without a server."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import parse_qsl, urlsplit

from tyro.conf import FlagCreatePairsOff, Positional, arg

from dcgan.cli.draw import Output
from dcgan.files import replacing
from dcgan.runs.classes import class_names
from dcgan.runs.listing import find_run, list_runs
from dcgan.sampling.class_names import named_query, parse_labels
from dcgan.sampling.link import ShareLink, demo_url, page_url


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
    page: Annotated[str, arg(metavar="URL")] = "",
    device: Annotated[str, arg(metavar="DEVICE")] = "cpu",
) -> int:
    """Make a link to a path between two seeds, which the interpolation demo opens.

    The link has the ids of the weights and of the pixels. So the demo, and the command `open`, can compare both.

    Args:
        model: A run's name (see: runs).
        seed_a: Seed A, where the path begins.
        seed_b: Seed B, where the path goes.
        keys: Further seeds after B: 1,5,9.
        loop: Return to A at the end.
        frames: Number of images on the path, 2 to 64.
        path: slerp rotates at constant speed. lerp is the straight line.
        t: Position on the path, from 0 to 1.
        labels: Classes that a conditional model draws at A, at B and at each further seed: 3,8 or cats,dogs.
        page: The address of a static page (see: page), which opens the link instead of the demo. It can be a file
            here, such as page.html. If DCGAN_PAGE_URL is set, the link to that page is printed too.
        device: The device that draws the pixels of the id: cuda, mps, cpu or auto.
    """
    from dcgan.checkpoint import load_generator
    from dcgan.latents import parse_seeds
    from dcgan.models.browser import why_not_in_browser
    from dcgan.runtime.device import choose_device
    from dcgan.sampling.rendering import render

    page = _address_of(page) if page else ""
    run = find_run(model)
    reason = why_not_in_browser(run.config().model)
    if page and reason:
        raise ValueError(f"{run.name} cannot be in a page, since {reason}; leave out --page, and use the demo")
    selected = ShareLink(
        model=run.name,
        seed_a=seed_a,
        seed_b=seed_b,
        frames=frames,
        path=path,
        t=float(t),
        labels=tuple(parse_labels(labels, class_names(run))) if labels else (),
        keys=tuple(parse_seeds(keys)) if keys else (),
        loop=loop,
    )
    made = render(selected, load_generator(run.weights_path, choose_device(device))).link
    if not page:
        print(demo_url(made) or f"?{made.to_query()}")
    if not reason and (address := page_url(made, page)):
        print(address)
    return 0


def _address_of(page: str) -> str:
    """Return the address of a page: itself, or that of a file here. Raises ValueError for any other text."""
    if Path(page).is_file():
        return Path(page).resolve().as_uri()
    try:
        parts = urlsplit(page)
        is_address = bool(
            parts.netloc if parts.scheme in ("http", "https") else parts.scheme == "file" and parts.path
        )
    except ValueError:  # half of the brackets of an IPv6 address
        is_address = False
    if not is_address or any(character.isspace() for character in page):
        raise ValueError(f"page={page!r} is neither an address nor a file here; write https://HOST/PATH")
    return page


def open_link(
    link: Annotated[Positional[str], arg(metavar="LINK")],
    *,
    output: Output = "strip.png",
    device: Annotated[str, arg(metavar="DEVICE")] = "cpu",
) -> int:
    """Draw what a link shows, as the demo does.

    Args:
        link: The whole address, or its part after the question mark.
        output: A .png file gets all frames. A .gif or .mp4 file gets the animation. MP4 needs PyAV.
        device: cuda, mps, cpu or auto.
    """
    from dcgan.checkpoint import load_generator
    from dcgan.runtime.device import choose_device
    from dcgan.sampling.rendering import fit_link, render, resolve, verdict

    formats = {".png": "strip_png", ".gif": "gif", ".mp4": "mp4"}
    suffix = Path(output).suffix.lower()
    if suffix not in formats:
        raise ValueError(f"output {output!r} is not a {', '.join(formats)} file; write {output}.png")
    query = urlsplit(link).query or link.rpartition("?")[2]
    values = dict(parse_qsl(query, keep_blank_values=True))
    named = next((run for run in list_runs() if run.name == values.get("model")), None)
    opened, notes = ShareLink.from_query(named_query(values, class_names(named) if named else ()))
    run, weights, more = resolve(opened, list_runs())
    if run is None or weights is None:
        raise ValueError(f"{more[0]} See: python -m dcgan runs")
    generator = load_generator(weights, choose_device(device))
    for note in [*notes, *fit_link(opened, generator)[1]]:
        print(f"note: {note}", file=sys.stderr)
    rendering = render(opened, generator)
    with replacing(Path(output)) as temporary:
        temporary.write_bytes(getattr(rendering, formats[suffix]))
    print(f"{output}: {len(rendering.images_u8)} frames of {run.name}, weights {generator.weights_id}")
    if sentence := verdict(opened, rendering):
        print(sentence)
    return 0


COMMANDS = {"link": link, "open": open_link}
HELP_ORDER = 5
