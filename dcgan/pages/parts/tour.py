"""The guided tour: cards on the real pages, each with something to read and something to do. Imports no torch.

`tour=3` in an address shows the third card at the top of its page. Each card opens the right view with the right
address. A card whose run or view is missing says so on its page, as for any address.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import streamlit as st

from dcgan.locale.language import tr, tr_later, tr_marked
from dcgan.pages.parts.address import address_link, plain
from dcgan.sampling.link_fields import shown

KEY = "tour"


@dataclass(frozen=True)
class TourCard:
    """One card of the tour. Its texts are in English, and `tr_marked` translates them where they are shown."""

    page: str
    """The name of its page: dcgan/pages/NAME.py."""
    title: str
    read: str
    """What to know here, in a few sentences."""
    do: str
    """What to do, and what one sees then."""
    query: Mapping[str, str] = field(default_factory=dict)
    """The address of its view."""


def show_card(page: str) -> None:
    """Show the card that the address asks for, with links to the ones before and after.

    For the card of another page, there is a link to it. For a number that no card has, there is a note and the first.
    """
    text = st.query_params.get(KEY, "")
    if not text:
        return
    number = card_number(text)
    if number is None:
        number = 1
        st.warning(
            plain(
                tr(
                    "{key}={text} in the address cannot be shown; {value} is used instead.",
                    key=KEY,
                    text=shown(text),
                    value=number,
                )
            )
        )
    card = CARDS[number - 1]
    if card.page != page:
        title = tr("{number} of {count}: {title}", number=number, count=len(CARDS), title=tr_marked(card.title))
        link(number, tr("Guided tour, {title} →", title=title))
        return
    with st.container(border=True, key="tour-card"):
        title = tr("{number} of {count}: {title}", number=number, count=len(CARDS), title=tr_marked(card.title))
        st.markdown(f"**{title}**")
        st.markdown(tr("**Read this.** {text}", text=tr_marked(card.read)))
        st.markdown(tr("**Do that.** {text}", text=tr_marked(card.do)))
        with st.container(horizontal=True):
            if number > 1:
                link(number - 1, tr("← Back"))
            if number < len(CARDS):
                link(number + 1, tr("Next: {title} →", title=tr_marked(CARDS[number].title)))
            address_link(card.page, card.query, tr("End the tour"))


def link(number: int, text: str) -> None:
    """Show a link to a card."""
    card = CARDS[number - 1]
    address_link(card.page, {**card.query, KEY: str(number)}, text)


def card_number(text: str) -> int | None:
    """Return the number of a card; None for other text."""
    if not (text.isascii() and text.isdecimal() and len(text) <= 3):
        return None
    return int(text) if 1 <= int(text) <= len(CARDS) else None


CARDS = (
    TourCard(
        "home",
        tr_later("What is a GAN?"),
        tr_later(
            "Two networks learn together. The generator G draws images from random numbers. The discriminator D "
            "looks at real images and at those of G, and says which are real. G never sees a real image. It learns "
            "only from what D says."
        ),
        tr_later(
            "Watch the animation. Both networks begin with noise. Which side draws whole strokes first? Which one "
            "keeps specks to the end?"
        ),
    ),
    TourCard(
        "architectures",
        tr_later("The two networks"),
        tr_later(
            "G turns a latent vector z of 100 numbers into 28x28 pixels. Each layer makes a larger image from fewer "
            "maps. D goes the other way: from pixels to one number, its answer."
        ),
        tr_later(
            "Follow the sizes from 4x4 to 28x28. Then choose the plain GAN: its layers know no neighbors, and it has "
            "five times as many parameters."
        ),
        {"left": "gan", "right": "dcgan"},
    ),
    TourCard(
        "compare",
        tr_later("A training, step by step"),
        tr_later(
            "Both trainings were recorded. Every cell of a grid keeps its z, so you see how the answer to the same "
            "random numbers changes."
        ),
        tr_later(
            "Move the slider from the first epoch to the last one. At which epoch do you read the first digits on "
            "each side?"
        ),
        {"left": "gan-mnist", "right": "dcgan-mnist", "at": "1"},
    ),
    TourCard(
        "compare",
        tr_later("What the curves say"),
        tr_later(
            "The loss of a GAN does not fall as it does for a classifier. D(x) is what D thinks of real images, and "
            "D(G(z)) what it thinks of fake ones. If D could only guess, both would be 0.5. CFD is the distance of "
            "the images from real ones: that is the curve that falls."
        ),
        tr_later(
            "Find the CFD of both trainings. Then look for the place where D(G(z)) is near 0. Does G still learn "
            "there?"
        ),
        {"left": "gan-mnist", "right": "dcgan-mnist", "at": "20"},
    ),
    TourCard(
        "step",
        tr_later("One step in slow motion"),
        tr_later(
            "A training is the same step, thousands of times. G draws, D answers, and each network changes its "
            "weights a little against its own loss."
        ),
        tr_later("Press Next until the step is done. Which parts change D, and which change G?"),
        {"run": "dcgan-mnist"},
    ),
    TourCard(
        "step",
        tr_later("A game of two"),
        tr_later("What one network gains, the other one loses. So neither loss goes to 0 while both learn."),
        tr_later(
            'Choose "only D" and take 10 steps. What happens to D(G(z))? Then choose "only G" and take 10 more.'
        ),
        {"run": "dcgan-mnist", "learns": "only D"},
    ),
    TourCard(
        "explore",
        tr_later("What D tells G"),
        tr_later(
            "G learns from the gradient of its loss at its images. It is an arrow for every pixel: brighter here, "
            "darker there."
        ),
        tr_later(
            "Find the image that D likes least. Where does the arrow want to change it? Then follow the arrow for 5 "
            "steps."
        ),
        {"run": "dcgan-mnist", "view": "What D tells G"},
    ),
    TourCard(
        "explore",
        tr_later("Inside the generator"),
        tr_later(
            "Each layer holds feature maps. A map of a late layer is often an edge or a stroke; one of an early "
            "layer is a coarse place."
        ),
        tr_later("Switch off the channel with the largest effect. What is missing in the images now?"),
        {"run": "dcgan-mnist", "view": "Inside the generator"},
    ),
    TourCard(
        "explore",
        tr_later("A walk through latent space"),
        tr_later(
            "Points that lie near each other give images that look alike. So a walk from one seed to another one is "
            "a film in which a digit turns into another."
        ),
        tr_later("Drag the marker from A to B. Do you see digits in between that no class has?"),
        {"run": "dcgan-best-mnist", "view": "Live"},
    ),
    TourCard(
        "compare",
        tr_later("When it goes wrong"),
        tr_later(
            "GANs fail in a few typical ways. These recordings have one fault each, beside the same training without "
            "it."
        ),
        tr_later(
            "Read the diagnosis of the left training. Would you have seen the fault in the curves before you saw it "
            "in the images?"
        ),
        {"left": "mode-collapse", "right": "sound-dcgan", "align": "images"},
    ),
    TourCard(
        "explore",
        tr_later("Your own digit"),
        tr_later(
            "A generator knows only what its latent space holds. For any picture one can look for the point whose "
            "image is nearest."
        ),
        tr_later("Draw a digit. Does the generator know it? Use it as A, and walk from it to a seed."),
        {"run": "dcgan-best-mnist", "view": "Draw an image"},
    ),
)
