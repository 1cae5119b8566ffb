"""The Time machine of the Explore page: one path, drawn by every generator that a training has saved."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from dcgan.locale.language import ENGLISH, speaking, tr, tr_later, tr_marked
from dcgan.models.browser import why_not_in_browser
from dcgan.pages.parts import explore_path
from dcgan.pages.parts.address import plain
from dcgan.pages.parts.explore_path import choose_labels, choose_path, in_chosen_language
from dcgan.pages.parts.explore_pictures import download, fitting_zoom, load, show
from dcgan.pixels import Bytes
from dcgan.runs.run import Run
from dcgan.sampling.link import demo_url, page_url

if TYPE_CHECKING:
    from dcgan.checkpoint import TrainedGenerator

KEYS = explore_path.KEYS

READING = tr_later(
    "How to read it: at first every point gives the same gray noise. Soon images change along the row, but few "
    "are plausible. The latent space is smooth if one image turns into the other in small steps and every "
    "column could be a real image. Such a generator has not memorized its training images. A jump between two "
    "columns, or a smear, means that the generator has not learned the images between."
)


def show_view(run: Run, newest: TrainedGenerator | None, *, reverse: bool, enlarge: int) -> None:
    """Show the path from A to B, drawn by each generator that the training has saved."""
    from dcgan.sampling.exploration import saved_generators
    from dcgan.sampling.rendering import path_strip

    st.write(tr("Every row is the same path from A to B, drawn by the generator as it was at that time."))
    chosen = choose_path()
    if not run.snapshot_steps():
        st.info(tr("{run} has no snapshots, so its final weights are the only row.", run=run.name))
    labels: tuple[int, ...] = ()
    rows: list[Bytes] = []
    saved = saved_generators(run, newest and newest.step)
    for entry in saved:
        generator = load(entry.path)
        if generator is None:
            continue
        if not rows:
            enlarge = fitting_zoom(generator.config, len(saved) * chosen.columns, enlarge)
            labels = choose_labels(generator)
        link, notes = chosen.link(run, generator, labels)
        if not rows:
            for note in notes:
                st.warning(plain(note))
        strip = path_strip(link, generator, reverse=reverse, enlarge=enlarge)
        address, texts = in_chosen_language(demo_url(link)), [entry.label]
        if address:
            text = tr("open in the interpolation demo")
            texts.append(f"[{text}]({address})")
        if (in_browser := page_url(link)) and not why_not_in_browser(generator.config):
            text = tr("open in the static page")
            texts.append(f"[{text}]({in_chosen_language(in_browser)})")
        alt = tr("From {start} to {end} at {when}", start=chosen.name_a, end=chosen.name_b, when=entry.label)
        show(strip, " · ".join(texts), alt, link=address or None)
        rows.append(strip)
    if not rows:
        st.warning(
            tr("{run} has no generator that can be loaded. Train it again, or choose another run.", run=run.name)
        )
        return
    with speaking(ENGLISH):  # it goes into the file
        title = f"{run.name}, {chosen.name_a} to {chosen.name_b}, {chosen.path}"
    download(lambda: np.concatenate(rows), f"time-machine-{run.name}.png", title, newest)
    st.caption(tr_marked(READING))
