"""The Time machine of the Explore page: one path, drawn by every generator that a training has saved."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from dcgan.models.browser import why_not_in_browser
from dcgan.pages.parts import explore_path
from dcgan.pages.parts.explore_path import choose_path
from dcgan.pages.parts.explore_pictures import download, fitting_zoom, label_choice, load, show
from dcgan.pixels import Bytes
from dcgan.runs.run import Run
from dcgan.sampling.link import ShareLink, demo_url, page_url

if TYPE_CHECKING:
    from dcgan.checkpoint import TrainedGenerator

KEYS = explore_path.KEYS

READING = (
    "How to read it: at first every point gives the same gray noise. Soon images change along the row, but few "
    "are plausible. The latent space is smooth if one image turns into the other in small steps and every "
    "column could be a real image. Such a generator has not memorized its training images. A jump between two "
    "columns, or a smear, means that the generator has not learned the images between."
)


def show_view(run: Run, newest: TrainedGenerator | None, *, reverse: bool, enlarge: int) -> None:
    """Show the path from seed A to seed B, drawn by each generator that the training has saved."""
    from dcgan.sampling.exploration import path_strip, saved_generators

    st.write("Every row is the same path from seed A to seed B, drawn by the generator as it was at that time.")
    chosen = choose_path()
    if not run.snapshot_steps():
        st.info(f"{run.name} has no snapshots, so its final weights are the only row.")
    label: int | None = None
    rows: list[Bytes] = []
    saved = saved_generators(run, newest and newest.step)
    for entry in saved:
        generator = load(entry.path)
        if generator is None:
            continue
        if not rows:
            enlarge = fitting_zoom(generator.config, len(saved) * chosen.columns, enlarge)
            if generator.config.num_classes:
                label = label_choice(generator.config.num_classes)
        strip = path_strip(
            generator,
            (chosen.seed_a, chosen.seed_b),
            chosen.columns,
            path=chosen.path,
            label=label,
            reverse=reverse,
            enlarge=enlarge,
        )
        link = ShareLink(
            model=run.name,
            weights_id=generator.weights_id,
            seed_a=chosen.seed_a,
            seed_b=chosen.seed_b,
            frames=chosen.columns,
            path=chosen.path,
            labels=() if label is None else (label,),
        )
        address = demo_url(link)
        text = entry.label + (f" · [open in the interpolation demo]({address})" if address else "")
        if (in_browser := page_url(link)) and not why_not_in_browser(generator.config):
            text += f" · [open in the static page]({in_browser})"
        alt = f"From seed {chosen.seed_a} to seed {chosen.seed_b} at {entry.label}"
        show(strip, text, alt, link=address or None)
        rows.append(strip)
    if not rows:
        st.warning(f"{run.name} has no generator that can be loaded. Train it again, or choose another run.")
        return
    title = f"{run.name}, seed {chosen.seed_a} to {chosen.seed_b}, {chosen.path}"
    download(lambda: np.concatenate(rows), f"time-machine-{run.name}.png", title, newest)
    st.caption(READING)
