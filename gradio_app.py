"""The interpolation demo: two seeds, and the digits on the way between them. Start with `python gradio_app.py`."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from dcgan import pixels
from dcgan.checkpoint import TrainedGenerator, load_generator
from dcgan.device import choose_device
from dcgan.explore import find_weights
from dcgan.latents import MAX_SEED, PATHS, interpolate, latents_from_seeds
from dcgan.runs import Run, list_runs
from dcgan.share import MAX_FRAMES, ShareLink

DEFAULT_LABEL = 3
ENLARGE = 4
GIF_MILLISECONDS = 80


@lru_cache(maxsize=4)
def generator_of(path: str) -> TrainedGenerator:
    """The run's generator, kept on the device."""
    return load_generator(path, choose_device())


def render(
    model: str, seed_a: float, seed_b: float, label: float, frames: int, path: str
) -> tuple[np.ndarray, str, str]:
    """A strip (H, frames * W) for the eye, the file of a GIF that goes there and back, and a line about the model."""
    generator = generator_of(model)
    seeds = [_seed(seed_a), _seed(seed_b)]
    z_a, z_b = latents_from_seeds(seeds, generator.config.latent_dim, generator.config.latent)
    z = interpolate(z_a, z_b, int(np.clip(frames, 2, MAX_FRAMES)), path)
    labels = None
    if generator.config.num_classes:
        labels = np.full(len(z), int(np.clip(label, 0, generator.config.num_classes - 1)))
    images_u8 = pixels.to_uint8(generator(z, labels).numpy())
    strip = pixels.enlarge(pixels.grid(images_u8, columns=min(len(z), 16)), 2)
    cells = [pixels.enlarge(pixels.grid(image[None], 1), ENLARGE) for image in images_u8]
    with tempfile.NamedTemporaryFile(suffix=".gif", delete=False) as file:
        file.write(pixels.gif_bytes([*cells, *cells[-2:0:-1]], GIF_MILLISECONDS))
    about = f"{model_name(Path(model))}, weights {generator.weights_id}, on {generator.device}: "
    about += f"seed {seeds[0]} to {seeds[1]}"
    return strip, file.name, about


def _seed(value: float) -> int:
    """The nearest valid seed to what was typed; an empty field counts as 0."""
    return int(np.clip(value or 0, 0, MAX_SEED))


def model_name(path: Path) -> str:
    """A run's name, with the step where the path is one of its snapshots."""
    return f"{path.parent.parent.name}, step {int(path.stem)}" if path.suffix == ".safetensors" else path.name


def open_link(query: Mapping[str, str], runs: Sequence[Run], default: Run) -> tuple[ShareLink, Path, list[str]]:
    """The link in the address, the weights it means, and what could not be followed, a sentence each.

    A model that is not here, or weights that are not its, are replaced by what is.
    """
    link, notes = ShareLink.from_query(query)
    run = next((run for run in runs if run.name == link.model), None)
    if run is None:
        if "model" in query:
            notes.append(f"There is no model {link.model!a} here; {default.name} is shown.")
        return link, default.path, notes
    path = find_weights(run, link.weights_id) if link.weights_id else run.weights_path
    if path is None:
        notes.append(f"The link was made with weights {link.weights_id}, which are not here; its images may differ.")
    return link, run.path if path in (None, run.weights_path) else path, notes


def build() -> gr.Blocks:
    """The page. Without any weights it says how to get some."""
    runs = [run for run in list_runs() if run.weights_path.exists()]
    with gr.Blocks(title="DCGAN Studio: interpolation", analytics_enabled=False) as demo:
        gr.Markdown("# From one digit to another\nTwo seeds, two points in latent space, and what lies between them.")
        if not runs:
            gr.Markdown("There is no trained model yet: `python -m dcgan train dcgan`, then start this page again.")
            return demo
        choices = [(run.name, str(run.path)) for run in runs]
        default = next((run for run in runs if run.name == ShareLink().model), runs[0])
        notes = gr.Markdown(visible=False)
        with gr.Row():
            model = gr.Dropdown(choices, value=str(default.path), label="Model")
            seed_a = gr.Number(ShareLink().seed_a, label="Seed A", precision=0)
            seed_b = gr.Number(ShareLink().seed_b, label="Seed B", precision=0)
            label = gr.Number(DEFAULT_LABEL, label="Digit (conditional models)", precision=0)
        with gr.Row():
            frames = gr.Slider(2, MAX_FRAMES, ShareLink().frames, step=1, label="Frames")
            path = gr.Radio(list(PATHS), value="slerp", label="Path")
        strip = gr.Image(label="Frames", format="png", interactive=False)
        animation = gr.Image(label="Animation", interactive=False, type="filepath", width=ENLARGE * 28 * 2)
        about = gr.Markdown()
        inputs = [model, seed_a, seed_b, label, frames, path]
        outputs = [strip, animation, about]
        for trigger in (model.input, seed_a.input, seed_b.input, label.input, frames.input, path.input):
            trigger(render, inputs, outputs, trigger_mode="always_last", api_name="interpolate")

        def on_load(request: gr.Request) -> list[Any]:
            link, weights, sentences = open_link(dict(request.query_params), runs, default)
            chosen = gr.Dropdown(sorted({*choices, (model_name(weights), str(weights))}), value=str(weights))
            label_of_link = link.labels[0] if link.labels else DEFAULT_LABEL
            # As code, so that nothing in an address becomes a link or an image.
            quoted = "\n".join(f"- `{sentence.replace('`', '')}`" for sentence in sentences)
            controls = [chosen, link.seed_a, link.seed_b, label_of_link, link.frames, link.path]
            return [*controls, gr.Markdown(quoted, visible=bool(sentences))]

        loaded = demo.load(on_load, None, [*inputs, notes], api_visibility="private")
        loaded.then(render, inputs, outputs, api_visibility="private")
    return demo


if __name__ == "__main__":
    build().queue(max_size=32).launch(
        ssr_mode=False, run_history=False, enable_monitoring=False, footer_links=["api"], blocked_paths=["runs"]
    )
