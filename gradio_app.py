"""The interpolation demo: two seeds, and the digits on the way between them. Start with `python gradio_app.py`.

One file, though long: Gradio is imported nowhere else, and a Space starts it by its name.
"""

from __future__ import annotations

try:  # On a Space with a shared GPU, and before torch; nowhere else is it needed.
    import spaces
except ImportError:
    spaces = None

import base64
import os
import random
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import gradio as gr

from dcgan import export, listing, pixels, plots
from dcgan.checkpoint import TrainedGenerator, load_generator
from dcgan.device import choose_device
from dcgan.explore import MAX_IMAGES
from dcgan.latents import PATHS, parse_seeds
from dcgan.render import Rendering, draw_at, find_model, fitted, has_mp4, render, resolve, verdict
from dcgan.runs import list_runs
from dcgan.share import KEYS, MAX_FRAMES, MAX_KEYS, ShareLink, nearest

DEFAULT = ShareLink()
ENLARGE = 8
"""Screen pixels a pixel of the image, of the pictures shown large."""
FILES_KEPT = 300
DICE_SIDES = 10_000
"""Of the dice; short numbers are easier to tell someone."""

FIRST = replace(DEFAULT, seed_a=62, seed_b=92)
"""What a page opened without a link shows."""

EXAMPLES = {
    "a four becomes a nine": FIRST,
    "the same in a straight line": replace(FIRST, path="lerp"),
    "0 1 2 3 4, and round again": ShareLink(seed_a=29, seed_b=41, keys=(69, 82, 62), loop=True, frames=50),
    "one handwriting, from 3 to 8": ShareLink(model="cdcgan-mnist", seed_a=2, seed_b=2, labels=(3, 8)),
    "the plain GAN": replace(FIRST, model="gan-mnist"),
}

# The address bar follows the page; the box gets the whole address. In a Space the page around is told as well.
FOLLOW = """(text) => {
  const query = text.split('?').slice(1).join('?');
  if (!query) return text;
  history.replaceState(history.state, '', '?' + query);
  if (%s && window.parent !== window) window.parent.postMessage({queryString: query}, 'https://huggingface.co');
  return location.origin + location.pathname + '?' + query;
}""" % ("true" if os.environ.get("SPACE_ID") else "false")


@lru_cache(maxsize=8)
def generator_at(path: str, modified_ns: int) -> TrainedGenerator:
    """Loaded once, kept on the device, and loaded anew when the file has changed."""
    return load_generator(path, choose_device())


def generator_of(path: Path) -> TrainedGenerator:
    return generator_at(str(path), path.stat().st_mtime_ns)


def on_gpu(function: Any) -> Any:
    return spaces.GPU(duration=20)(function) if spaces else function


@on_gpu
def drawn(path: str, link: ShareLink) -> Rendering:
    return render(link, generator_of(Path(path)))


@lru_cache(maxsize=16)
def rendered(path: str, modified_ns: int, link: ShareLink) -> Rendering:
    """The frames of a link, whatever its t: scrubbing asks for them again and again."""
    return drawn(path, link)


def rendering_of(path: Path, link: ShareLink) -> Rendering:
    asked = replace(link, t=0.0, weights_id="", digest="")
    return rendered(str(path), path.stat().st_mtime_ns, asked)


@on_gpu
def frame_at(path: str, link: ShareLink) -> Any:
    """The image at link.t, enlarged."""
    images_u8 = draw_at(link, generator_of(Path(path)), [link.t])[1]
    return pixels.enlarge(pixels.grid(images_u8, 1), ENLARGE)


# What the page and the endpoints call


def interpolate(
    model: str,
    seed_a: float,
    seed_b: float,
    keys: str = "",
    loop: bool = False,
    frames: float = DEFAULT.frames,
    path: str = DEFAULT.path,
    label_a: float | None = None,
    label_b: float | None = None,
    t: float = 0.0,
) -> list[Any]:
    """Draw the way from seed A to seed B.

    Args:
        model: Name of a run: see the endpoint models.
        seed_a: Where the way begins, 0 to 4294967295.
        seed_b: Where it goes.
        keys: Further seeds after B, "5,57,21"; at most 8.
        loop: Whether it goes back to A at the end.
        frames: Images on the way, 2 to 64.
        path: slerp or lerp.
        label_a: What a conditional model draws at A.
        label_b: What it draws at B and after.
        t: The position shown large, 0 to 1.

    Returns:
        The first, the current and the last image, the strip (lossless PNG), the animation (GIF), a plot, a line about
        the render, notes, the link as a query string, and the files to download.
    """
    labels = [label for label in (label_a, label_b) if label is not None]
    values = {"seed_a": seed_a, "seed_b": seed_b, "keys": keys, "loop": loop, "frames": frames, "path": path, "t": t}
    link, notes = nearest(values | {"labels": labels})
    found, weights, more = find_model(model, listing.by_label(list_runs()), DEFAULT.model)
    return show(replace(link, model=found.name), model if not more else found.name, weights, [*notes, *more])


def show(link: ShareLink, label: str, weights: Path | None, notes: Sequence[str]) -> list[Any]:
    """All outputs of the page for a link; a checkpoint that cannot be used is a sentence."""
    try:
        if weights is None:
            raise FileNotFoundError(f"{label} has no weights; train it on, or choose another model")
        generator = generator_of(weights)
        link, more = fitted(link, generator)
        drawing = rendering_of(weights, link)
        current = frame_at(str(weights), link)
    except (OSError, ValueError) as error:
        return [None] * 6 + [""] + [as_notes([*notes, f"{error}."]), "", None, None, None, *label_fields(())]
    made = replace(drawing.link, t=link.t)
    stem = f"{link.model}-{link.seed_a}-{link.seed_b}-{made.digest}"
    strip = saved(f"{stem}.png", drawing.strip_png)
    animation = saved(f"{stem}.gif", drawing.gif)
    film = saved(f"{stem}.mp4", drawing.mp4) if has_mp4() else None
    about = (
        f"{label}, weights {made.weights_id}, on {drawing.device}: seed {link.seed_a} to {link.seed_b}, "
        f"{link.frames} frames drawn in {1000 * drawing.seconds:.0f} ms"
    )
    return [
        drawing.frame(0, ENLARGE),
        current,
        drawing.frame(-1 % len(drawing.images_u8), ENLARGE),
        strip,
        animation,
        plots.way_curves(drawing.norms, drawing.shell, drawing.changes),
        about,
        as_notes([*notes, *more]),
        f"?{made.to_query()}",
        strip,
        animation,
        film,
        *label_fields(link.labels),
    ]


def scrub(*arguments: Any) -> tuple[Any, str]:
    """The image at t and the link of it; the frames are known already."""
    names = ("seed_a", "seed_b", "keys", "loop", "frames", "path")
    model, *values, label_a, label_b, t = arguments
    labels = [label for label in (label_a, label_b) if label is not None]
    link, _ = nearest(dict(zip(names, values, strict=True)) | {"labels": labels, "t": t})
    found, weights, _ = find_model(model, listing.by_label(list_runs()), DEFAULT.model)
    try:
        link, _ = fitted(replace(link, model=found.name), generator_of(weights))
        made = replace(rendering_of(weights, link).link, t=link.t)
        return frame_at(str(weights), link), f"?{made.to_query()}"
    except (OSError, ValueError, TypeError):
        return None, ""  # the page says why already


def sample(model: str, seeds: str = "0-63", labels: str = "") -> dict[str, Any]:
    """A sheet of images, one a seed, as a PNG in base64.

    Args:
        model: Name of a run: see the endpoint models.
        seeds: "42", "0-63" or "1,5,9-12"; at most 1024.
        labels: What a conditional model draws, "7" or "0,1,2", repeated along the seeds; empty: all in turn.
    """
    runs = listing.by_label(list_runs())
    if model not in runs:
        raise gr.Error(f"There is no model {model[:80]!a} here; there are {', '.join(runs)}.")
    try:
        wanted = parse_seeds(seeds)
        if len(wanted) > MAX_IMAGES:
            raise ValueError(f"{len(wanted)} seeds are more than {MAX_IMAGES}; ask for fewer")
        generator = generator_of(runs[model].weights_path)
        classes = parse_seeds(labels) if labels else None
        sheet = export.sample_sheet(generator, wanted, classes)
    except (OSError, ValueError) as error:
        raise gr.Error(f"{error}.") from error
    png = base64.b64encode(pixels.png_bytes(sheet)).decode()
    return {"model": model, "weights_id": generator.weights_id, "png_base64": png}


def models() -> list[dict[str, Any]]:
    """The models that can be drawn from: name, preset, image size, channels and number of labels (0: takes none)."""
    found = []
    for name, run in listing.by_label(list_runs()).items():
        summary = listing.run_summary(run)
        if run.weights_path.exists() and "error" not in summary:
            model = run.config().model
            about = {"image_size": model.image_size, "channels": model.channels, "labels": model.num_classes}
            found.append({"name": name, "preset": summary["preset"], "state": summary["state"]} | about)
    return found


def open_address(query: dict[str, str]) -> list[Any]:
    """The controls and the outputs for the address that the page was opened with."""
    link, notes = ShareLink.from_query(query)
    if not any(key in query for key in KEYS):
        link = FIRST
    labelled = listing.by_label([run for run in list_runs() if run.weights_path.exists()])
    run, weights, more = resolve(link, list(labelled.values()))
    if run is None:
        run, weights, missing = find_model(link.model, labelled, DEFAULT.model)
        more = missing if "model" in query else []
    label = next((name for name, each in labelled.items() if each == run), run.name)
    if weights != run.weights_path and weights is not None:
        label = f"{label}, step {int(weights.stem)}"
    shown = show(replace(link, model=run.name), label, weights, [*notes, *more])
    if shown[3] is not None:
        fit, _ = fitted(replace(link, model=run.name), generator_of(weights))
        said = verdict(link, rendering_of(weights, fit))
        shown[6] += f". {said}" if said else ""
    keys = ",".join(map(str, link.keys))
    choices = gr.Dropdown(sorted({*labelled, label}), value=label)
    return [choices, link.seed_a, link.seed_b, keys, link.loop, link.frames, link.path, link.t, *shown]


# Parts


def label_fields(labels: Sequence[int]) -> list[Any]:
    """The fields for the labels at A and at B: there for models that take some, and empty elsewhere."""
    ends = (labels[0], labels[min(1, len(labels) - 1)]) if labels else (None, None)
    return [gr.Number(label, visible=bool(labels)) for label in ends]


def as_notes(sentences: Sequence[str]) -> Any:
    """As code, so that nothing in an address becomes a link or an image."""
    lines = "\n".join(f"- `{' '.join(sentence.replace('`', '').split())}`" for sentence in sentences)
    return gr.Markdown(lines, visible=bool(sentences))


FOLDER = Path(tempfile.mkdtemp(prefix="dcgan-demo-"))


def saved(name: str, data: bytes) -> str:
    """The path of a file of that name in the demo's folder, from which the oldest are taken away."""
    path = FOLDER / name
    if not path.exists():
        for old in sorted(FOLDER.iterdir(), key=lambda file: file.stat().st_mtime_ns)[:-FILES_KEPT]:
            old.unlink(missing_ok=True)
        path.write_bytes(data)
    return str(path)


def build() -> gr.Blocks:
    """The page. Without any weights it says how to get some."""
    labelled = listing.by_label([run for run in list_runs() if run.weights_path.exists()])
    with gr.Blocks(title="DCGAN Studio: interpolation", analytics_enabled=False, delete_cache=(3600, 3600)) as demo:
        gr.Markdown("# From one digit to another\nTwo seeds, two points in latent space, and what lies between them.")
        gr.api(models, api_name="models")
        if not labelled:
            gr.Markdown("There is no trained model yet: `python -m dcgan train dcgan`, then start this page again.")
            return demo
        gr.api(sample, api_name="sample")
        default = DEFAULT.model if DEFAULT.model in labelled else next(iter(labelled))
        tries = [f"[{name}](?{link.to_query()})" for name, link in EXAMPLES.items() if link.model in labelled]
        if tries:
            gr.Markdown("Try: " + " · ".join(tries))
        notes = gr.Markdown(visible=False)
        with gr.Row():
            # Runs trained since the page was opened can be typed.
            model = gr.Dropdown(list(labelled), value=default, label="Model", allow_custom_value=True)
            with gr.Column(min_width=160):
                seed_a = gr.Number(FIRST.seed_a, label="Seed A")
                dice_a = gr.Button("🎲 another A", size="sm")
            with gr.Column(min_width=160):
                seed_b = gr.Number(FIRST.seed_b, label="Seed B")
                dice_b = gr.Button("🎲 another B", size="sm")
            label_a = gr.Number(label="Label at A", visible=False, precision=0)
            label_b = gr.Number(label="Label at B", visible=False, precision=0)
        with gr.Row():
            frames = gr.Slider(2, MAX_FRAMES, DEFAULT.frames, step=1, label="Frames")
            path = gr.Radio(list(PATHS), value=DEFAULT.path, label="Path")
            keys = gr.Textbox(label="Further seeds", placeholder="5, 57, 21", info=f"After B, at most {MAX_KEYS}.")
            loop = gr.Checkbox(label="Back to A at the end")
        t = gr.Slider(0, 1, 0, step=0.005, label="Position t, from A to the end")
        with gr.Row():
            large = {"format": "png", "interactive": False, "height": ENLARGE * 28 + 60, "buttons": []}
            first = gr.Image(label="A", alt_text="The image of seed A", **large)
            current = gr.Image(label="At t", alt_text="The image at position t", **large)
            last = gr.Image(label="The last frame", alt_text="The last image of the way", **large)
        strip = gr.Image(
            label="All frames", type="filepath", format="png", interactive=False, alt_text="All frames, in order"
        )
        with gr.Row():
            animation = gr.Image(
                label="Animation", type="filepath", interactive=False, height=280, alt_text="The frames as a film"
            )
            with gr.Column():
                plot = gr.Plot(label="What the path does")
                gr.Markdown(
                    "Training draws its z from a thin shell, the grey band. slerp stays in it; lerp cuts through the "
                    "empty inside, where nothing was ever drawn. Even changes from frame to frame are a smooth way."
                )
        about = gr.Markdown()
        link = gr.Textbox(label="Link to this view", elem_id="share-link", buttons=["copy"], interactive=False)
        with gr.Row():
            files = [gr.DownloadButton("Strip (PNG)"), gr.DownloadButton("Animation (GIF)")]
            files.append(gr.DownloadButton("Animation (MP4)", visible=has_mp4()))
        controls = [model, seed_a, seed_b, keys, loop, frames, path, label_a, label_b, t]
        shown = [first, current, last, strip, animation, plot, about, notes, link, *files]
        outputs = [*shown, label_a, label_b]
        triggers = [each.input for each in controls if each is not t]
        events = [gr.on(triggers, interpolate, controls, outputs, trigger_mode="always_last", api_name="interpolate")]
        events.append(
            t.input(
                scrub,
                controls,
                [current, link],
                trigger_mode="always_last",
                api_visibility="private",
                show_progress="hidden",
            )
        )
        for dice, seed in ((dice_a, seed_a), (dice_b, seed_b)):
            rolled = dice.click(lambda: random.randrange(DICE_SIDES), None, seed, api_visibility="private")
            events.append(rolled.then(interpolate, controls, outputs, api_visibility="private"))

        def on_load(request: gr.Request) -> list[Any]:
            return open_address(dict(request.query_params))

        opened = [model, seed_a, seed_b, keys, loop, frames, path, t, *shown, label_a, label_b]
        events.append(demo.load(on_load, None, opened, api_visibility="private"))
        for event in events:
            event.then(None, link, link, js=FOLLOW, api_visibility="private")
    return demo


if __name__ == "__main__":
    build().queue(max_size=32).launch(
        ssr_mode=False, run_history=False, enable_monitoring=False, footer_links=["api"], blocked_paths=["runs"]
    )
