"""Two recorded trainings side by side, from the same 64 seeds, at the same epoch. Reads runs; imports no torch."""

from __future__ import annotations

from bisect import bisect_right

import numpy as np
import streamlit as st
from PIL import Image, UnidentifiedImageError

from dcgan import pixels, plots
from dcgan.presets import PRESETS
from dcgan.runs import Run, RunError, list_runs
from dcgan.series import Series

DEFAULTS = ("gan-mnist", "dcgan-mnist")


def main() -> None:
    st.title("GAN beside DCGAN")
    st.write(
        "Two recordings of real trainings. Every cell of a grid keeps its seed, so you watch the same 64 points of "
        "the latent space learn to be digits. Move the slider: the DCGAN finds strokes where the plain GAN, which "
        "does not know that pixels have neighbours, leaves specks."
    )
    runs = {run.name: run for run in list_runs() if run.sample_steps()}
    if not runs:
        st.info("There is no recording yet. Make one with `python -m dcgan train dcgan --epochs 1`, then reload.")
        return
    names = list(runs)
    columns = st.columns(2)
    chosen = []
    for column, side, default in zip(columns, ("left", "right"), DEFAULTS, strict=True):
        index = names.index(default) if default in names else 0
        name = column.selectbox(side.capitalize(), names, index, key=side, bind="query-params")
        chosen.append(runs[name])
    last = max(1, *(_epochs(run) for run in chosen))
    epoch = st.slider("Epoch", 0, last, last, key="at", bind="query-params")
    for column, side, run in zip(columns, ("left", "right"), chosen, strict=True):
        with column:
            show(run, epoch, side)


def show(run: Run, epoch: int, side: str) -> None:
    """One side: the grid nearest below the epoch, the facts, the curves. A damaged run shows a sentence."""
    try:
        status, config, preset = run.status(), run.config(), run.preset
        steps = run.sample_steps()
        step = steps[max(0, bisect_right(steps, epoch * status.steps / status.epochs) - 1)]
        sheet_u8 = np.asarray(Image.open(run.sample_path(step)))
    except (RunError, OSError, UnidentifiedImageError, ZeroDivisionError) as error:
        st.warning(f"{run.name} cannot be shown: {error}")
        return
    shown = step * status.epochs / status.steps
    st.image(
        pixels.png_bytes(pixels.enlarge(sheet_u8, 2)),
        caption=f"{run.name}, epoch {shown:.3g}: {step * config.batch_size:,} images seen",
        output_format="PNG",  # the default recompresses to JPEG
    )
    title = PRESETS[preset].title if preset in PRESETS else preset
    done = "" if status.state == "finished" else f" ({status.state} at epoch {status.epoch:.1f})"
    st.caption(f"{title}: {status.epochs} epochs of {config.data.name}, batches of {config.batch_size}{done}")
    series = Series(run).update()
    if len(series):
        st.plotly_chart(plots.loss_curves(series), key=f"losses-{side}", config={"displayModeBar": False})
        st.caption(
            "How to read it: a GAN's losses do not fall to zero, they are a balance. A discriminator loss that "
            "sticks at zero leaves the generator nothing to learn from."
        )


def _epochs(run: Run) -> int:
    try:
        return run.status().epochs
    except RunError:
        return 1


main()
