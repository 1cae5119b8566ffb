"""The view "What D tells G" of the Explore page: D's answer to each image, and how it wants each pixel to change.

The module has more than 250 lines because the texts of the view, which depend on the loss, stand in it too.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import streamlit as st

from dcgan.figures.overlays import advice_overlay, realness_color
from dcgan.latents import MAX_SEED
from dcgan.locale.language import language, tr, tr_later, tr_marked
from dcgan.pages.parts.address import plain
from dcgan.pages.parts.picture_cards import Card, show_cards
from dcgan.pages.parts.turns import one_at_a_time
from dcgan.pages.parts.visitor_language import Spinner
from dcgan.pixels import Bytes, invert
from dcgan.runs import launch
from dcgan.runs.run import Run

if TYPE_CHECKING:
    from dcgan.checkpoint import TrainedGenerator
    from dcgan.models.networks import Discriminator
    from dcgan.training.critique_sheet import Answers, CritiqueSheet, Followed, RealImages

KEYS = ("start", "advice", "steps")

STEPS = (1, 5, 20)
"""Those of dcgan.training.critique_sheet, which imports torch."""

INTRODUCTION = tr_later(
    "G never sees a real image. All that it learns from is the gradient of its loss at its images, which comes back "
    "through D. This view shows that gradient, with the loss {loss} of this training."
)
NUMBERS = {
    "probability": tr_later("The number under an image is D's probability that the image is real."),
    "pair": tr_later(
        "The loss of this training compares each generated image with the real one beside it. The number is the "
        "probability, by D, that the image is the real one of the two. Both numbers add up to 1."
    ),
    "target": tr_later(
        "The number under an image is D's output. This loss pulls it to {fake_target:g} for fake images and to "
        "{real_target:g} for real ones."
    ),
    "logit": tr_later(
        "The number under an image is D's output. It has no scale of its own; a larger number is more real."
    ),
}
FRAMES = tr_later(
    "The frame says the same as a color: blue, as the generator's curves, for an image that D takes for generated; "
    "gray for one that D is not sure about; green for one that D takes for real."
)
READING = tr_later(
    "How to read it: the colors over an image are minus the gradient of G's loss. Blue pixels should be brighter, "
    "and vermilion ones darker, so that D takes the image for real. Each image has a scale of its own. Colors on a "
    "stroke and around it move the stroke. Colors all over the image are of little use to G: D then looks at "
    "something that a person does not see."
)
FOLLOWING = tr_later(
    "How to read it: each step changes the pixels along the colors, and then asks D again. The first step changes "
    "the strongest pixel by {percent:.0%} of the range from black to white. Later steps are smaller where the "
    "gradient has become weaker. The number is D's answer before and after. Where it rises and the digit stays as it "
    "is, D is fooled by changes that people do not see. G cannot change pixels like that: it can only change its "
    "weights, and they draw all images."
)
BATCH_NORM = tr_later(
    "D has batch norm. As in the training, its statistics are those of the images at hand, so an answer also "
    "depends on the other {count} images."
)
SEED = tr_later("seed {seed}")
FAKE_ALT = tr_later("The image of seed {seed}. D's answer is {number}.")
REAL_ALT = tr_later("A real image. D's answer is {number}.")
FOLLOWED_ALT = tr_later("The changed image of seed {seed}. D's answer goes from {before} to {after}.")


class Loaded(NamedTuple):
    """A discriminator from its file."""

    network: Discriminator
    step: int
    weights_id: str
    has_batch_norm: bool


class Question(NamedTuple):
    """What a sheet is computed from. Equal questions have equal answers."""

    weights_id: str
    discriminator_id: str
    config: str
    """It names the loss and the real images."""
    seeds: tuple[int, ...]
    reads_own: bool


def show_view(run: Run, generator: TrainedGenerator | None, *, reverse: bool, enlarge: int) -> None:
    """Show seeds beside real images with D's answers and advice, and the images after steps along the advice."""
    if generator is None:
        return
    st.write(plain(tr_marked(INTRODUCTION, loss=generator.train_config.loss)))
    discriminator = load_discriminator(run)
    if discriminator is None:
        return
    left, right = st.columns([2, 5], vertical_alignment="bottom")
    start = left.number_input(tr("First seed"), 0, MAX_SEED, 0, key="start", bind="query-params")
    advises = right.toggle(tr("Show the advice"), True, key="advice", bind="query-params")
    count = seeds_of(generator)
    if not count:
        st.warning(tr("The discriminator of this run is too large to be asked here. Choose another run."))
        return
    seeds = [(start + offset) % (MAX_SEED + 1) for offset in range(count)]
    reads_own = not launch.forbidden()
    question = Question(
        generator.weights_id, discriminator.weights_id, repr(generator.train_config), tuple(seeds), reads_own
    )
    real = real_beside(repr(generator.train_config), count, language(), generator, reads_own=reads_own)
    sheet = computed(question, generator, discriminator.network, real)
    tell_limits(run, generator, discriminator, sheet, real, count)
    show_answers(sheet, real.images_u8, seeds, advises=advises, reverse=reverse, enlarge=enlarge)
    explain(generator, discriminator, sheet, count)
    st.subheader(tr("Follow the advice"))
    steps = st.select_slider(
        tr("Steps"),
        STEPS,
        5,
        key="steps",
        bind="query-params",
        help=tr("How often the images are changed as the colors say."),
        width=320,
    )
    followed = after_steps(question, steps, sheet, discriminator.network)
    show_followed(sheet, followed, seeds, reverse=reverse, enlarge=enlarge)


# What is computed, and how long it is kept


def load_discriminator(run: Run) -> Loaded | None:
    """Return the run's last discriminator, or None with a warning."""
    path = run.discriminator_path
    try:
        return discriminator_in(str(path), path.stat().st_mtime_ns)
    except FileNotFoundError:
        sentence = tr(
            "{name} has no weights of its discriminator, so nobody can say what it tells. Choose another run.",
            name=run.name,
        )
        st.warning(plain(sentence))
    except (OSError, ValueError) as error:
        st.warning(plain(tr("{error}.", error=error)))
    return None


@st.cache_resource(max_entries=16, show_spinner=Spinner(tr_later("Loading the discriminator ...")))
def discriminator_in(path: str, modified_ns: int) -> Loaded:
    """Load a discriminator once for all sessions and per state of its file."""
    from dcgan.checkpoint import load_discriminator, weights_id
    from dcgan.training.critique import as_in_training

    network, _, step = load_discriminator(Path(path))
    trained = as_in_training(network)
    return Loaded(trained, step, weights_id(network.state_dict()), trained is not network)


@st.cache_data(max_entries=256, show_spinner=False)
def seeds_within(weights_id: str, _generator: TrainedGenerator) -> int:
    from dcgan.training.critique_sheet import seeds_within_bounds

    return seeds_within_bounds(_generator.config)


def seeds_of(generator: TrainedGenerator) -> int:
    """Return how many seeds of this model are shown."""
    return seeds_within(generator.weights_id, generator)


@st.cache_data(max_entries=64, show_spinner=False)
def real_beside(
    config: str, count: int, language_code: str, _generator: TrainedGenerator, *, reads_own: bool
) -> RealImages:
    """Return the real images, read once for all sessions. The reason why there are none is in the language."""
    from dcgan.training.critique_sheet import real_images

    with one_at_a_time:
        return real_images(_generator.train_config, count, read_own=reads_own)


@st.cache_data(max_entries=64, show_spinner=Spinner(tr_later("Asking the discriminator ...")))
def computed(
    question: Question, _generator: TrainedGenerator, _discriminator: Discriminator, _real: RealImages
) -> CritiqueSheet:
    """Return the sheet, computed once for all sessions."""
    from dcgan.training.critique_sheet import critique_sheet

    with one_at_a_time:
        return critique_sheet(_generator, _discriminator, question.seeds, _real)


@st.cache_data(max_entries=64, show_spinner=Spinner(tr_later("Following the advice ...")))
def after_steps(question: Question, steps: int, _sheet: CritiqueSheet, _discriminator: Discriminator) -> Followed:
    """Return the images after so many steps, computed once for all sessions. More steps go on from fewer ones."""
    from dcgan.training.critique_sheet import follow

    fewer = max((earlier for earlier in STEPS if earlier < steps), default=0)
    scene = after_steps(question, fewer, _sheet, _discriminator).scene if fewer else _sheet.scene
    with one_at_a_time:
        return follow(_discriminator, scene, steps - fewer)


# What is shown


def tell_limits(
    run: Run,
    generator: TrainedGenerator,
    discriminator: Loaded,
    sheet: CritiqueSheet,
    real: RealImages,
    count: int,
) -> None:
    """Show a sentence for each thing that is not as one expects."""
    if real.images_u8 is None:
        if sheet.replaced_loss:
            sentence = tr(
                "Real images are not shown: {reason}. The loss {loss} needs them, so the colors show what raises D's "
                "output instead.",
                reason=real.reason,
                loss=generator.train_config.loss,
            )
        else:
            sentence = tr("Real images are not shown: {reason}.", reason=real.reason)
        st.info(plain(sentence))
    if discriminator.step != generator.step:
        sentence = tr(
            "The generator is of step {step:,}, and the discriminator of step {other:,}.",
            step=generator.step,
            other=discriminator.step,
        )
        st.info(sentence)
    from dcgan.training.critique_sheet import NUM_SEEDS

    if count < NUM_SEEDS:
        sentence = tr(
            "The networks of {name} are large, so the view shows {count} seeds and not {most}.",
            name=run.name,
            count=count,
            most=NUM_SEEDS,
        )
        st.info(plain(sentence))


def show_answers(
    sheet: CritiqueSheet,
    real_u8: Bytes | None,
    seeds: Sequence[int],
    *,
    advises: bool,
    reverse: bool,
    enlarge: int,
) -> None:
    """Show each seed, with the advice over it, and the real image beside it."""
    images_u8 = invert(sheet.images_u8) if reverse else sheet.images_u8
    # Where colors are inverted, a brighter pixel is darker on the screen.
    shown_u8 = advice_overlay(images_u8, -sheet.advice if reverse else sheet.advice) if advises else images_u8
    groups = []
    for index, seed in enumerate(seeds):
        number = number_of(sheet, sheet.fake, index)
        alt = tr_marked(FAKE_ALT, seed=seed, number=number)
        frame = realness_color(float(sheet.fake.realness[index]))
        group = [Card(shown_u8[index], number, tr_marked(SEED, seed=seed), alt, frame)]
        if sheet.real is not None and real_u8 is not None:
            number = number_of(sheet, sheet.real, index)
            picture = invert(real_u8[index]) if reverse else real_u8[index]
            alt = tr_marked(REAL_ALT, number=number)
            group.append(Card(picture, number, tr("real"), alt, realness_color(float(sheet.real.realness[index]))))
        groups.append(group)
    show_cards(groups, enlarge=enlarge)


def number_of(sheet: CritiqueSheet, answers: Answers, index: int) -> str:
    """Return the number below an image: a probability, or D's output where that is none."""
    probabilities = sheet.scale in ("probability", "pair")
    return f"{(answers.realness if probabilities else answers.logits)[index]:.2f}"


def explain(generator: TrainedGenerator, discriminator: Loaded, sheet: CritiqueSheet, count: int) -> None:
    """Show how to read the sheet."""
    config = generator.train_config
    numbers = tr_marked(NUMBERS[sheet.scale], fake_target=config.fake_target, real_target=config.real_target)
    st.caption(tr_marked(READING))
    st.caption(f"{numbers} {tr_marked(FRAMES)}")
    if discriminator.has_batch_norm:
        st.caption(tr_marked(BATCH_NORM, count=count - 1))


def show_followed(
    sheet: CritiqueSheet, followed: Followed, seeds: Sequence[int], *, reverse: bool, enlarge: int
) -> None:
    """Show the images after some steps along the advice, with D's answers before and after."""
    from dcgan.training.critique_sheet import STEP_SIZE

    edited_u8, answers = followed.images_u8, followed.answers
    groups = []
    for index, seed in enumerate(seeds):
        before, after = number_of(sheet, sheet.fake, index), number_of(sheet, answers, index)
        picture = invert(edited_u8[index]) if reverse else edited_u8[index]
        card = Card(
            picture,
            f"{before} → {after}",
            tr_marked(SEED, seed=seed),
            tr_marked(FOLLOWED_ALT, seed=seed, before=before, after=after),
            realness_color(float(answers.realness[index])),
        )
        groups.append([card])
    show_cards(groups, enlarge=enlarge)
    st.caption(tr_marked(FOLLOWING, percent=STEP_SIZE))
