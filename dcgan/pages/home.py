"""The first page: what a GAN is, what DCGAN changes, and where to go next. Imports no torch."""

from __future__ import annotations

import streamlit as st

from dcgan import files, pixels
from dcgan.figures import animations, diagrams
from dcgan.pages.parts.address import plain
from dcgan.runs.run import Run
from dcgan.runs.series import Series
from dcgan.runs.timeline import stops, timeline

GAN, DCGAN = "gan-mnist", "dcgan-mnist"

NEXT = {
    "dcgan/pages/train.py": ("🏃", "Train", "Start a training of your own, and read its curves as they grow."),
    "dcgan/pages/compare.py": ("🔢", "Compare", "Put two trainings side by side, at any point of either."),
    "dcgan/pages/explore.py": ("🧭", "Explore", "Walk through what a trained generator has learnt."),
    "dcgan/pages/architectures.py": ("🏗️", "Architectures", "Take the networks apart, layer by layer."),
}


def main() -> None:
    st.title("DCGAN Studio")
    st.write(
        "Two neural networks play against each other. The **generator** turns random numbers into images. The "
        "**discriminator** sees those and real ones, and tells which are which. Each learns from the other's "
        "mistakes, until what the generator draws passes for real. That is a generative adversarial network, a GAN."
    )
    st.write(
        "The plain GAN's layers connect everything with everything: they do not know that pixels have neighbours, "
        "and leave specks. **DCGAN** changes the layers and little else: convolutions that grow an image from a "
        "few coarse maps, each half as many channels and twice as large, and batch normalisation between them. Its "
        "generator has a fifth of the plain GAN's parameters, and draws whole strokes."
    )
    left, right = st.columns([3, 2], gap="large")
    with right:
        st.graphviz_chart(
            diagrams.two_networks(),
            width="stretch",
            alt="Noise z goes into the generator G, whose images and real ones go to the discriminator D; its "
            "answer, real or fake, teaches both.",
        )
        st.caption("D learns to tell real from fake; G learns, through D, to draw what D takes for real.")
    st.subheader("Where to go next")
    for column, (page, (icon, title, text)) in zip(st.columns(len(NEXT)), NEXT.items(), strict=True):
        with column.container(border=True, height="stretch"):
            st.page_link(page, label=f"**{title}**", icon=icon)
            st.caption(text)
    with left:  # last: the text is there while the film is made
        recordings()


def recordings() -> None:
    """The published GAN and DCGAN from their first step to their last, playing or still."""
    left, right = (Run(files.CHECKPOINTS / name) for name in (GAN, DCGAN))
    try:
        steps = pairs(left, right)
        last = animations.frame_caption(steps[-1][1], right.status())
        playing = st.toggle("Play", True, help="From before the first step to the last epoch, again and again.")
        if playing:
            stamp = max(
                run.sample_path(pair[i]).stat().st_mtime_ns for pair in steps for i, run in enumerate((left, right))
            )
            st.image(film(str(left.path), str(right.path), tuple(steps), stamp), alt=_alt("from epoch 0"))
        else:
            sides = [animations.side(run, step) for run, step in zip((left, right), steps[-1], strict=True)]
            still = pixels.png_bytes(pixels.join(sides, animations.SIDE_GAP, 128))
            st.image(still, output_format="PNG", alt=_alt(f"at {last}"))
    except (OSError, ValueError) as error:
        st.info(plain(f"The recordings of {GAN} and {DCGAN} cannot be shown: {error}."))
        return
    st.caption(
        f"The plain GAN (left) and the DCGAN (right), from epoch 0 to {last}. Every cell keeps its seed, so both "
        "networks draw from the same 64 random vectors. Real recordings: every grid was drawn while they trained."
    )


def pairs(left: Run, right: Run) -> list[tuple[int, int]]:
    """The grids of both that belong together, by epoch."""
    lines = [timeline(run, run.status(), Series(run), "epoch") for run in (left, right)]
    return [(lines[0].step_at(at), lines[1].step_at(at)) for at in stops(lines).values()]


@st.cache_data(max_entries=4, show_spinner="Making the film ...")
def film(left: str, right: str, steps: tuple[tuple[int, int], ...], modified_ns: int) -> bytes:
    """Made once, and anew when a grid has changed."""
    return animations.side_by_side_gif(Run(left), Run(right), steps)


def _alt(when: str) -> str:
    return f"Samples of the plain GAN beside the DCGAN's, {when}"


main()
