"""The interpolation demo: two seeds, and the digits on the way between them. Start with `python gradio_app.py`.

One file, though long: Gradio is imported nowhere else, and a Space starts it by its name.
"""

from __future__ import annotations

try:  # On a Space with a shared GPU, and before torch; nowhere else is it needed.
    import spaces
except ImportError:
    spaces = None

import atexit
import base64
import contextlib
import os
import random
import shutil
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import gradio as gr

from dcgan import pixels
from dcgan.checkpoint import TrainedGenerator, load_generator
from dcgan.config import NUM_COMPONENTS
from dcgan.figures import plots
from dcgan.latents import PATHS, parse_seeds
from dcgan.pixels import Bytes
from dcgan.runs import listing, tables
from dcgan.runs.listing import list_runs
from dcgan.runtime.device import choose_device
from dcgan.sampling import exploration
from dcgan.sampling.link import KEYS, MAX_FRAMES, MAX_KEYS, ShareLink, nearest, shown
from dcgan.sampling.rendering import Rendering, draw_at, find_model, fitted, has_mp4, render, resolve, verdict

DEFAULT = ShareLink()
LARGE = 224
"""Screen pixels that the pictures shown large may have, a whole number of them a pixel of the image."""
FILES_KEPT = 300
DICE_SIDES = 10_000
"""Of the dice; short numbers are easier to tell someone."""

FIRST = replace(DEFAULT, model=listing.BEST[0], seed_a=84, seed_b=18)
"""What a page opened without a link shows."""

EXAMPLES = {
    "a four becomes a nine": FIRST,
    "the same in a straight line": replace(FIRST, path="lerp"),
    "0 1 2 3 4, and round again": replace(FIRST, seed_a=34, seed_b=20, keys=(47, 73, 105), loop=True, frames=50),
    "one handwriting, from 3 to 8": ShareLink(model=listing.BEST[1], seed_a=35, seed_b=35, labels=(3, 8)),
    "the plain GAN": ShareLink(model="gan-mnist", seed_a=62, seed_b=92),
}

READINGS = {
    "normal": "Training draws its z from a thin shell, the grey band. slerp stays in it; lerp cuts through the empty "
    "inside, where nothing was ever drawn.",
    "uniform": "Training draws its z from a cube, nearly always at a length within the grey band. slerp keeps to the "
    "band and may leave the cube; lerp stays in the cube and leaves the band.",
    "mixture": f"Training draws its z from {NUM_COMPONENTS} components, at lengths within the grey band. slerp "
    "keeps to the band, lerp leaves it. Between two components both pass through "
    "points of neither, where nothing was ever drawn.",
}
"""How to read the plot of a way, by the latent distribution of its model."""

BLUE = gr.themes.Color(
    *("#f0f8fc", "#d9edf7", "#b3dbef", "#80c2e3", "#3d9bd1", "#0072b2", "#0067a1", "#00568a", "#00466d", "#003655"),
    c950="#00253a",
)
"""The generator's blue in the shades that a theme asks for, from light to dark."""

# The address bar follows the page; the box gets the whole address. In a Space the page around is told as well.
FOLLOW = """(text) => {
  const query = text.split('?').slice(1).join('?');
  if (!query) return text;
  history.replaceState(history.state, '', '?' + query);
  if (%s && window.parent !== window) window.parent.postMessage({queryString: query}, 'https://huggingface.co');
  return location.origin + location.pathname + '?' + query;
}""" % ("true" if os.environ.get("SPACE_ID") else "false")


@lru_cache(maxsize=8)
def generator_at(path: str, modified_ns: int, device: str) -> TrainedGenerator:
    """Loaded once, kept on the device, and loaded anew when the file has changed."""
    return load_generator(path, choose_device(device))


def generator_of(path: Path) -> TrainedGenerator:
    return generator_at(str(path), path.stat().st_mtime_ns, "auto")


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
def sheet_of(path: str, seeds: Sequence[int], labels: Sequence[int] | None) -> Bytes:
    return exploration.sheet(generator_of(Path(path)), seeds, labels or ())


def frame_at(path: Path, link: ShareLink) -> Bytes:
    """The image at link.t, enlarged.

    On a shared GPU, every use of which costs its visitor quota, it comes from the CPU: one image takes a moment.
    """
    generator = generator_at(str(path), path.stat().st_mtime_ns, "cpu") if spaces else generator_of(path)
    images_u8 = draw_at(link, generator, [link.t])[1]
    return pixels.enlarge(pixels.grid(images_u8, 1), enlarged(images_u8))


# What the page calls

WAY = ("seed_a", "seed_b", "keys", "loop", "frames", "path", "t", "labels")
"""The fields of a ShareLink that the page's controls are, in their order after the model."""


def read_controls(*controls: Any) -> tuple[ShareLink, str, Path, list[str]]:
    """The link that the page's controls spell, its model's label and weights, and a note for each change.

    Raises ValueError where there is no model at all.
    """
    model, *values = controls
    link, notes = nearest(dict(zip(WAY, values, strict=True)))
    found, weights, more = find_model(model, listing.by_label(list_runs()), DEFAULT.model)
    return replace(link, model=found.name), found.name if more else model, weights, [*notes, *more]


def show_model(*controls: Any) -> list[Any]:
    """All outputs of the page for its controls, once another model was chosen."""
    try:
        return show(*read_controls(*controls))
    except ValueError as error:
        return nothing_shown([f"{error}."])


def show_way(*controls: Any) -> list[Any]:
    """The outputs for another way of the same model: the labels stay as they are being typed."""
    return show_model(*controls)[:-OF_THE_MODEL]


def show_typed(*inputs: Any) -> Any:
    """The outputs for other texts in the fields, the last of the inputs being the link that is shown.

    Nothing changes where the texts are that link's own: they were written for it, with notes that are to stay, and
    the other controls may not be there yet. Nor where nothing is shown: then it is the model that cannot be drawn.
    """
    *controls, text = inputs
    typed = dict(zip(WAY, controls[1:], strict=True))
    link, _ = ShareLink.from_query(dict(parse_qsl(urlsplit(text).query)))
    if not text or (typed["keys"], typed["labels"]) == (keys_text(link.keys), labels_text(link.labels)):
        return gr.skip()
    return show_way(*controls)


OF_THE_MODEL = 2
"""How many of the outputs, the last ones, only another model changes."""


def show(link: ShareLink, label: str, weights: Path | None, notes: Sequence[str]) -> list[Any]:
    """All outputs of the page for a link; a checkpoint that cannot be used is a sentence."""
    try:
        if weights is None:
            raise FileNotFoundError(f"{label} has no weights; train it on, or choose another model")
        generator = generator_of(weights)
        link, more = fitted(link, generator)
        drawing = rendering_of(weights, link)
        current = frame_at(weights, link)
        made = replace(drawing.link, t=link.t)
        stem = f"{link.model}-{link.seed_a}-{link.seed_b}-{made.digest}"
        strip = FILES.save(f"{stem}.png", drawing.strip_png)
        animation = FILES.save(f"{stem}.gif", drawing.gif)
        film = FILES.save(f"{stem}.mp4", drawing.mp4) if has_mp4() else None
    except (OSError, ValueError) as error:
        return nothing_shown([*notes, f"{error}."])
    factor = enlarged(drawing.images_u8)
    about = (
        f"{label}, weights {made.weights_id}, on {drawing.device}: seed {link.seed_a} to {link.seed_b}, "
        f"{link.frames} frames drawn in {1000 * drawing.seconds:.0f} ms"
    )
    return [
        drawing.frame(0, factor),
        current,
        drawing.frame(link.frames - 1, factor),
        strip,
        animation,
        plots.path_curves(drawing.norms, drawing.norm_interval, drawing.changes),
        about,
        as_notes([*notes, *more]),
        f"?{made.to_query()}",
        strip,
        animation,
        film,
        f"{READINGS[generator.config.latent]} Even changes from frame to frame are a smooth way.",
        labels_field(link.labels),
    ]


def nothing_shown(notes: Sequence[str]) -> list[Any]:
    """What `show` returns where nothing can be drawn."""
    return [None] * 6 + ["", as_notes(notes), "", None, None, None, "", labels_field(())]


def scrub(*controls: Any) -> tuple[Bytes | None, str]:
    """The image at t and the link of it; the frames are known already."""
    try:
        link, _, weights, _ = read_controls(*controls)
        link, _ = fitted(link, generator_of(weights))
        made = replace(rendering_of(weights, link).link, t=link.t)
        return frame_at(weights, link), f"?{made.to_query()}"
    except (OSError, ValueError):
        return None, ""  # the page says why already


# What programs call


def interpolate(
    model: str = DEFAULT.model,
    seed_a: int = DEFAULT.seed_a,
    seed_b: int = DEFAULT.seed_b,
    frames: int = DEFAULT.frames,
    path: str = DEFAULT.path,
    t: float = DEFAULT.t,
    keys: str = "",
    loop: bool = False,
    labels: str = "",
    animation: str = "",
) -> dict[str, Any]:
    """Draw the way from seed A to seed B. A value out of range becomes the nearest, and a note says so.

    Args:
        model: Name of a run: see the endpoint models.
        seed_a: Where the way begins, 0 to 4294967295.
        seed_b: Where it goes.
        frames: Images on the way, 2 to 64.
        path: slerp turns at constant speed; lerp is the straight line.
        t: The position whose image is returned alone, 0 to 1.
        keys: Further seeds after B, "5,57,21"; at most 8.
        loop: Whether the way goes back to A at the end.
        labels: What a conditional model draws at A, at B and at each key, "3,8"; the last holds for those after it.
        animation: "gif" or "mp4" for the film of the frames; empty for none.

    Returns:
        model, weights_id, device and milliseconds of the render
        link: a query string that opens it on the page; digest: the id of its pixels
        norms: the length of z at each frame
        changes: the mean difference of each frame to the one before it, in grey levels of 255
        strip_png, image_png and animation: all frames, the image at t, and the film, in base64
        notes: a sentence for each value that was changed
    """
    values = {"seed_a": seed_a, "seed_b": seed_b, "keys": keys, "loop": loop, "frames": frames, "path": path, "t": t}
    link, notes = nearest(values | {"labels": labels})
    if animation not in ("", "gif", "mp4"):
        notes.append(f"animation={shown(animation)} is not gif or mp4; none is made.")
    try:
        found, weights, more = find_model(model, listing.by_label(list_runs()), DEFAULT.model)
        link, unfit = fitted(replace(link, model=found.name), generator_of(weights))
        drawing = rendering_of(weights, link)
        film = getattr(drawing, animation) if animation in ("gif", "mp4") else b""
    except (OSError, ValueError) as error:
        raise gr.Error(f"{error}.") from error
    made = replace(drawing.link, t=link.t)
    return {
        "model": made.model,
        "weights_id": made.weights_id,
        "digest": made.digest,
        "device": drawing.device,
        "milliseconds": round(1000 * drawing.seconds, 1),
        "link": f"?{made.to_query()}",
        "norms": [round(float(norm), 3) for norm in drawing.norms],
        "changes": [round(float(change), 3) for change in drawing.changes],
        "strip_png": in_base64(drawing.strip_png),
        "image_png": in_base64(pixels.png_bytes(frame_at(weights, link))),
        "animation": in_base64(film),
        "notes": [*notes, *more, *unfit],
    }


def sample(model: str = DEFAULT.model, seeds: str = "0-63", labels: str = "") -> dict[str, Any]:
    """Draw a sheet of images, one a seed.

    Args:
        model: Name of a run: see the endpoint models.
        seeds: "42", "0-63" or "1,5,9-12"; at most 2048.
        labels: What a conditional model draws, "7" or "0,1,2", repeated along the seeds; empty: all in turn.

    Returns:
        model, weights_id, and sheet_png in base64
    """
    runs = listing.by_label(list_runs())
    if model not in runs:
        raise gr.Error(f"There is no model {shown(model)} here; there are {', '.join(runs)}.")
    try:
        wanted = parse_seeds(seeds)
        if len(wanted) > exploration.MAX_IMAGES:  # before a shared GPU is asked for
            raise ValueError(f"{len(wanted)} seeds are more than {exploration.MAX_IMAGES}; ask for fewer")
        weights = runs[model].weights_path
        sheet = sheet_of(str(weights), wanted, parse_seeds(labels) if labels else None)
    except (OSError, ValueError) as error:
        raise gr.Error(f"{error}.") from error
    return {
        "model": model,
        "weights_id": generator_of(weights).weights_id,
        "sheet_png": in_base64(pixels.png_bytes(sheet)),
    }


def models() -> list[dict[str, Any]]:
    """List the models that can be drawn from.

    Returns:
        name, preset, state of its training, image_size, channels, and labels, the number of classes or 0, of each
    """
    found = []
    for name, run in listing.by_label(list_runs()).items():
        summary = tables.run_summary(run)
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
    outputs = show(replace(link, model=run.name), label, weights, [*notes, *more])
    if outputs[3] is not None:
        fit, _ = fitted(replace(link, model=run.name), generator_of(weights))
        said = verdict(link, rendering_of(weights, fit))
        outputs[6] = f"**{said}** {outputs[6]}" if said else outputs[6]
    choices, keys = gr.Dropdown(list(dict.fromkeys([*labelled, label])), value=label), keys_text(link.keys)
    return [choices, link.seed_a, link.seed_b, keys, link.loop, link.frames, link.path, link.t, *outputs]


# Parts


def enlarged(images_u8: Bytes) -> int:
    """Screen pixels a pixel of images (F, C, H, W) that are shown large."""
    return max(1, LARGE // images_u8.shape[-1])


def in_base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def labels_field(labels: Sequence[int]) -> Any:
    """The field for labels: there for models that take some, and empty elsewhere."""
    return gr.Textbox(labels_text(labels), visible=bool(labels))


def labels_text(labels: Sequence[int]) -> str:
    """As the field for labels has them."""
    return ", ".join(map(str, labels))


def keys_text(keys: Sequence[int]) -> str:
    """As the field for further seeds has them."""
    return ",".join(map(str, keys))


def as_notes(sentences: Sequence[str]) -> Any:
    """As code, so that nothing in an address becomes a link or an image."""
    lines = "\n".join(f"- `{' '.join(sentence.replace('`', '').split())}`" for sentence in sentences)
    return gr.Markdown(lines, visible=bool(sentences))


class TemporaryFiles:
    """Files in a temporary folder, which the page serves; all visitors share them, and the oldest go first.

    The folder is made at the first file, made again where it was removed meanwhile (systemd-tmpfiles), and removed
    when the process ends.
    """

    def __init__(self, keep: int = FILES_KEPT) -> None:
        self._keep = keep
        self._folder: Path | None = None
        self._lock = threading.Lock()

    def save(self, name: str, data: bytes) -> str:
        """Return the path of the file `name`, which holds `data` whole. Raises OSError with a sentence."""
        try:
            with self._lock:
                path = self._open() / name
                if path.is_file():
                    os.utime(path)  # shown again, so not among the oldest
                else:
                    self._write(path, data)
                    self._remove_oldest()
                return str(path)
        except OSError as error:
            raise OSError(
                f"{name} could not be saved in {tempfile.gettempdir()} ({error.strerror or error}); "
                "free some space there, or set TMPDIR to another folder"
            ) from error

    def _open(self) -> Path:
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="dcgan-demo-"))
            atexit.register(shutil.rmtree, self._folder, ignore_errors=True)
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self._folder

    def _write(self, path: Path, data: bytes) -> None:
        # Renamed when it is whole: what a full disk cuts off must not be served. Not synced: it is a temporary file.
        part = path.with_name(f"{path.name}.part")
        try:
            part.write_bytes(data)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)

    def _remove_oldest(self) -> None:
        ages = []
        for path in self._open().iterdir():
            with contextlib.suppress(FileNotFoundError):  # removed by someone else meanwhile
                ages.append((path.stat().st_mtime_ns, path))
        for _, path in sorted(ages)[: -self._keep]:
            path.unlink(missing_ok=True)


FILES = TemporaryFiles()


def build() -> gr.Blocks:
    """The page. Without any weights it says how to get some."""
    labelled = listing.by_label([run for run in list_runs() if run.weights_path.exists()])
    with gr.Blocks(title="DCGAN Studio: interpolation", analytics_enabled=False, delete_cache=(3600, 3600)) as demo:
        gr.Markdown("# From one digit to another\nTwo seeds, two points in latent space, and what lies between them.")
        gr.api(models, api_name="models")
        if not labelled:
            gr.Markdown("There is no trained model yet: `python -m dcgan train dcgan`, then start this page again.")
            return demo
        gr.api(interpolate, api_name="interpolate")
        gr.api(sample, api_name="sample")
        default = FIRST.model if FIRST.model in labelled else next(iter(labelled))
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
            labels = gr.Textbox("", label="Labels", info="Drawn at A, at B and at each further seed.", visible=False)
        with gr.Row():
            frames = gr.Slider(2, MAX_FRAMES, DEFAULT.frames, step=1, label="Frames")
            path = gr.Radio(list(PATHS), value=DEFAULT.path, label="Path")
            keys = gr.Textbox(
                "", label="Further seeds", placeholder="5, 57, 21", info=f"After B, at most {MAX_KEYS}."
            )
            loop = gr.Checkbox(label="Back to A at the end")
        t = gr.Slider(0, 1, 0, step=0.005, label="Position t, from A to the end")
        with gr.Row():
            large = {"format": "png", "interactive": False, "height": LARGE + 60, "buttons": []}
            first = gr.Image(label="A", alt_text="The image of seed A", **large)
            current = gr.Image(label="At t", alt_text="The image at position t", **large)
            last = gr.Image(label="The last frame", alt_text="The last image of the way", **large)
        strip = gr.Image(
            show_label=False, format="png", interactive=False, buttons=["fullscreen"], alt_text="All frames, in order"
        )
        with gr.Row():
            animation = gr.Image(
                label="Animation", interactive=False, height=LARGE + 60, buttons=[], alt_text="The frames as a film"
            )
            with gr.Column():
                plot = gr.Plot(label="What the path does")
                reading = gr.Markdown()
        about = gr.Markdown()
        link = gr.Textbox(label="Link to this view", elem_id="share-link", buttons=["copy"], interactive=False)
        with gr.Row():
            files = [gr.DownloadButton("Strip (PNG)"), gr.DownloadButton("Animation (GIF)")]
            files.append(gr.DownloadButton("Animation (MP4)", visible=has_mp4()))
        controls = [model, seed_a, seed_b, keys, loop, frames, path, t, labels]
        outputs = [first, current, last, strip, animation, plot, about, notes, link, *files]
        of_the_model = [reading, labels]
        typed = [keys, labels]
        triggers = [each.input for each in controls if each not in (model, t, *typed)]
        # `nearest` is who says what a control may hold: Gradio's own checks end in an error where it finds a value.
        private = {"api_visibility": "private", "preprocess": False}
        # In turn, or an earlier way of another model may be the last to come.
        in_turn = private | {"trigger_mode": "always_last", "concurrency_id": "ways"}
        events = [model.input(show_model, controls, [*outputs, *of_the_model], **in_turn)]
        events.append(gr.on(triggers, show_way, controls, outputs, **in_turn))
        # A textbox tells of no letter that is taken away, nor of what is pasted, but by `change`.
        events.append(gr.on([each.change for each in typed], show_typed, [*controls, link], outputs, **in_turn))
        scrubbed = t.input(
            scrub, controls, [current, link], trigger_mode="always_last", show_progress="hidden", **private
        )
        events.append(scrubbed)
        for dice, seed in ((dice_a, seed_a), (dice_b, seed_b)):
            rolled = dice.click(lambda: random.randrange(DICE_SIDES), None, seed, **private)
            events.append(rolled.then(show_way, controls, outputs, **private))

        def on_load(request: gr.Request) -> list[Any]:
            return open_address(dict(request.query_params))

        opened = [model, seed_a, seed_b, keys, loop, frames, path, t, *outputs, *of_the_model]
        events.append(demo.load(on_load, None, opened, **private))
        for event in events:
            event.then(None, link, link, js=FOLLOW, **private)
    return demo


if __name__ == "__main__":
    build().queue(max_size=32).launch(
        theme=gr.themes.Default(primary_hue=BLUE),
        ssr_mode=False,
        run_history=False,
        enable_monitoring=False,
        footer_links=["api"],
        blocked_paths=["runs"],
    )
