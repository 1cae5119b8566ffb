"""The first page: what a GAN is, what DCGAN changes, and the other pages. Imports no torch."""

from __future__ import annotations

import streamlit as st

from dcgan import files, pixels
from dcgan.figures import animations, diagrams
from dcgan.locale.language import tr, tr_later, tr_marked
from dcgan.pages.parts import tour
from dcgan.pages.parts.address import plain
from dcgan.pages.parts.catalog import HOME, PAGES
from dcgan.pages.parts.visitor_language import Spinner
from dcgan.runs.run import Run
from dcgan.runs.series import Series
from dcgan.runs.timeline import stops, timeline

GAN, DCGAN = "gan-mnist", "dcgan-mnist"

INTRODUCTION = (
    tr_later(
        "A generative adversarial network (GAN) is two neural networks that play against each other. The "
        "**generator** turns random numbers into images. The **discriminator** sees generated and real images, and "
        "says which ones are real. Each network learns from the mistakes of the other one, until generated images "
        "pass for real ones."
    ),
    tr_later(
        "The layers of the plain GAN connect every number with every other number. They do not know that pixels have "
        "neighbors, and they leave specks. **DCGAN** uses other layers: transposed convolutions grow an image from a "
        "few coarse maps. Each one halves the channels and doubles the size. Batch normalization stands between "
        "them. The DCGAN's generator has a fifth of the plain GAN's parameters, and it draws whole strokes."
    ),
)


def main() -> None:
    st.title("DCGAN Studio")
    for paragraph in INTRODUCTION:
        st.write(tr_marked(paragraph))
    left, right = st.columns([3, 2], gap="large")
    with right:
        st.graphviz_chart(
            diagrams.two_networks(),
            width="stretch",
            alt=tr(
                "Noise z goes into the generator G. Its images and real ones go to the discriminator D. The answer "
                "of D, real or fake, teaches both."
            ),
        )
        st.caption(
            tr("D learns to tell real images from fake ones. G learns, through D, to draw what D believes is real.")
        )
    st.subheader(tr("Where to go next"))
    tour.link(1, tr("Take the guided tour: {count} cards on these pages", count=len(tour.CARDS)))
    others = [entry for entry in PAGES if entry is not HOME]
    for column, entry in zip(st.columns(len(others)), others, strict=True):
        with column.container(border=True, height="stretch"):
            st.page_link(entry.path, label=f"**{tr_marked(entry.title)}**", icon=entry.icon)
            st.caption(tr_marked(entry.summary))
    with left:  # last: the text is there while the animation is made
        recordings()


def recordings() -> None:
    """Show the published GAN and DCGAN from their first step to their last, as an animation or as a picture."""
    left, right = (Run(files.CHECKPOINTS / name) for name in (GAN, DCGAN))
    try:
        steps = pairs(left, right)
        last = animations.frame_caption(steps[-1][1], right.status())
        loop = tr("From before the first step to the last epoch, in a loop.")
        if st.toggle(tr("Play"), True, key="play", help=loop):
            stamp = max(
                run.sample_path(pair[i]).stat().st_mtime_ns for pair in steps for i, run in enumerate((left, right))
            )
            alt = tr("Samples of the plain GAN beside the DCGAN's, from epoch 0")
            st.image(animation(str(left.path), str(right.path), tuple(steps), stamp), alt=alt)
        else:
            sides = [animations.side(run, step) for run, step in zip((left, right), steps[-1], strict=True)]
            still = pixels.png_bytes(pixels.join(sides, animations.SIDE_GAP, 128))
            alt = tr("Samples of the plain GAN beside the DCGAN's, at {epoch}", epoch=last)
            st.image(still, output_format="PNG", alt=alt)
    except (OSError, ValueError) as error:
        st.info(
            plain(
                tr(
                    "The recordings of {left} and {right} cannot be shown: {error}.",
                    left=GAN,
                    right=DCGAN,
                    error=error,
                )
            )
        )
        return
    st.caption(
        tr(
            "The plain GAN is on the left, the DCGAN on the right, from epoch 0 to {epoch}. Both networks draw from "
            "the same 64 random vectors, and every cell keeps its vector. The grids were recorded during the "
            "trainings.",
            epoch=last,
        )
    )


def pairs(left: Run, right: Run) -> list[tuple[int, int]]:
    """Return the steps (left, right) of the grids that belong together, by epoch."""
    lines = [timeline(run, run.status(), Series(run), "epoch") for run in (left, right)]
    return [(lines[0].step_at(epoch), lines[1].step_at(epoch)) for epoch in stops(lines).values()]


@st.cache_data(max_entries=4, show_spinner=Spinner(tr_later("Making the animation ...")))
def animation(left: str, right: str, steps: tuple[tuple[int, int], ...], modified_ns: int) -> bytes:
    """Return the GIF of both runs. It is cached until a grid changes."""
    return animations.side_by_side_gif(Run(left), Run(right), steps)


main()
