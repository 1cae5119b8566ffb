"""The Vector arithmetic of the Explore page: a - b + c, each the mean of several seeds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dcgan.latents import parse_seeds
from dcgan.locale.language import tr, tr_later, tr_marked
from dcgan.pages.parts.explore_pictures import download, fitting_zoom, label_choice, show
from dcgan.runs import listing
from dcgan.runs.run import Run

if TYPE_CHECKING:
    from dcgan.checkpoint import TrainedGenerator

KEYS = ("va", "vb", "vc", "label")

OPERANDS_OF = listing.BEST[0]
OPERANDS = {"a": "3,14,768", "b": "112,400,943", "c": "26,162,727"}
"""Of OPERANDS_OF: leaning eights, upright eights, upright ones."""

READING = tr_later(
    "How to read it: the mean is of z, not of pixels. The neighbors add uniform noise of up to 0.25. If all nine "
    "show "
    "the trait, it belongs to a region of latent space and not to one point. The result has a norm of {norm:.1f}; "
    "samples have about {typical:.1f}."
)
NORMS = tr_later(
    "With three seeds per letter the two agree on average. With one seed per letter the result has a larger norm "
    "than the training's points."
)
NORMS_OF_MIXTURE = tr_later(
    "With three seeds per letter, all of a and b in one component, the two agree on average. Components that do not "
    "cancel add up: the result then lies between components or has a larger norm than the training's points."
)


def show_view(run: Run, generator: TrainedGenerator | None, *, reverse: bool, enlarge: int) -> None:
    """Show a - b + c, each the mean of several seeds."""
    if generator is None:
        return
    from dcgan.sampling.exploration import arithmetic

    st.write(
        tr(
            "In the DCGAN paper, *smiling woman* minus *neutral woman* plus *neutral man* is a smiling man. Find "
            "seeds "
            "that share a trait on the Samples view (turn on their numbers). Then write about three for each letter."
        )
    )
    if run.name == OPERANDS_OF:
        st.write(tr("The first seeds here are: leaning eights, minus upright eights, plus the upright digit 1."))
    operands = {}
    for column, (name, seeds) in zip(st.columns(3), OPERANDS.items(), strict=True):
        text = column.text_input(name, seeds, key=f"v{name}", bind="query-params", max_chars=200)
        operands[name] = parse_seeds(text)
    label = label_choice(generator) if generator.config.num_classes else None
    num_images = sum(map(len, operands.values())) + 13  # three means, the result, and the 3x3 around it
    enlarge = fitting_zoom(generator.config, num_images, enlarge)
    sums = arithmetic(generator, **operands, label=label, reverse=reverse, enlarge=enlarge)
    for column, name, seeds_u8, mean_u8 in zip(st.columns(3), OPERANDS, sums.seeds_u8, sums.means_u8, strict=True):
        with column:
            show(
                seeds_u8,
                tr("{letter}: its seeds", letter=name),
                alt=tr("The images of the seeds of {letter}", letter=name),
            )
            show(
                mean_u8,
                tr("{letter}: their mean", letter=name),
                alt=tr("The image of the mean of {letter}", letter=name),
            )
    left, right = st.columns([1, 2])
    with left:
        show(sums.result_u8, "a - b + c", alt=tr("The image of a - b + c"))
    with right:
        show(
            sums.neighbors_u8,
            tr("and eight points near it"),
            alt=tr("The image of a - b + c and of eight points near it"),
        )
    download(lambda: sums.neighbors_u8, f"arithmetic-{run.name}.png", f"{run.name}, a - b + c", generator)
    reading = tr_marked(READING, norm=sums.norm, typical=sums.rms_norm)
    st.caption(f"{reading} {tr_marked(NORMS_OF_MIXTURE if generator.config.latent == 'mixture' else NORMS)}")
