"""The texts of the page "Step by step": for each part of a training step a title, one sentence, and what changes.

Texts are whole sentences with named places, so that they can be translated. Imports no torch.
"""

from __future__ import annotations

from dataclasses import dataclass

from dcgan.config import TrainConfig
from dcgan.figures.step_pictures import Station
from dcgan.locale.language import tr, tr_later, tr_marked
from dcgan.training.losses import logits_are_probabilities, pairs_real_with_fake


@dataclass(frozen=True)
class PartText:
    """How the page explains one part. Its texts are marked for translation."""

    title: str
    sentence: str
    changes: tuple[Station, ...]
    """What is new or changes."""
    computes: tuple[Station, ...] = ()
    """What is used for it."""
    backward: bool = False
    """Whether gradients flow, from the loss back to the weights."""


PART_TEXTS = {
    "latents": PartText(
        tr_later("Latents are drawn"),
        tr_later(
            "Each z is {latent_dim} random numbers, from which G will make one image. Blue is above 0, vermilion "
            "below."
        ),
        ("z",),
    ),
    "fake images": PartText(tr_later("G draws"), tr_later("G turns each z into one image."), ("fake",), ("z", "G")),
    "answers": PartText(
        tr_later("D answers"),
        tr_later("D gives each image one number, the logit: above 0 it means real, below 0 it means fake."),
        ("logits",),
        ("fake", "real", "D"),
    ),
    "loss of D": PartText(
        tr_later("The loss of D"),
        tr_later("The loss of D is low if its logits are high for real images and low for fake ones."),
        ("loss",),
        ("logits",),
    ),
    "gradients of D": PartText(
        tr_later("Gradients of D"),
        tr_later("For each weight of D, the gradient says in which direction the loss of D grows, and how fast."),
        ("D",),
        ("logits", "loss"),
        backward=True,
    ),
    "update of D": PartText(
        tr_later("D learns"),
        tr_later("Adam moves each weight of D a little, so that the loss of D falls."),
        ("D",),
        (),
        backward=True,
    ),
    "loss of G": PartText(
        tr_later("The loss of G"),
        tr_later("The loss of G is low if D takes the fake images for real."),
        ("logits", "loss"),
        ("fake", "D"),
    ),
    "gradient at the images": PartText(
        tr_later("Gradient at the fake images"),
        tr_later("D says how each pixel must change to fool D more: blue is brighter, vermilion is darker."),
        ("fake",),
        ("D", "logits", "loss"),
        backward=True,
    ),
    "gradients of G": PartText(
        tr_later("Gradients of G"),
        tr_later("The gradient at the images goes on through G, to each weight of G."),
        ("G",),
        ("fake", "D", "logits", "loss"),
        backward=True,
    ),
    "update of G": PartText(
        tr_later("G learns"),
        tr_later("Adam moves each weight of G a little, so that the loss of G falls."),
        ("G",),
        (),
        backward=True,
    ),
    "moving average": PartText(
        tr_later("The moving average"),
        tr_later(
            "The average of G's weights follows them slowly, and samples of this training are drawn from that "
            "average."
        ),
        ("G",),
    ),
}
"""Name of a part (slow_motion.PARTS) -> its texts."""

INTRODUCTION = tr_later(
    "A GAN learns in small steps. In each step D learns to tell real images from fake ones. G learns from D what to "
    "draw. Here 8 real and 8 fake images go through one step, part by part. Let only D learn, and D wins. Let only G "
    "learn, and G fools D."
)
NOT_CHANGED = tr_later("The networks are copies in memory. Nothing of {run} changes.")
BEGINNING = tr_later("The step has not begun. Press Next for its first part.")
ADAM_BEGINS = tr_later(
    "Adam begins without its memory of earlier steps, because a run does not keep it. So the first steps are larger."
)
SMALL_BATCH = tr_later(
    "The training of {run} used {batch_size} real images a step. Here it is 8, so the steps are less even."
)
MORE_FAKES = tr_later("It draws {times} times as many fake images for G. Here there are 8.")
LATER_DISCRIMINATOR = tr_later(
    "{run} is an older run, which kept only the last D. G is from step {step}, and D is from step "
    "{discriminator_step}. So D is used to other images than those of this G."
)
IS_AVERAGE = tr_later(
    "A snapshot of {run} has the moving average of G's weights, and not the weights themselves. So the step begins "
    "with the average."
)
NOT_FINITE_AT_FIRST = tr_later("These weights give numbers that are not finite. Choose another run or another start.")
NOT_FINITE = tr_later(
    "The numbers are no longer finite: a learning rate was too large. Press Reset, and try a smaller one."
)
BUDGET_SPENT = tr_later(
    "This public server allows {most} steps a minute, and they are used up. Try again in a minute."
)
WAS_CLOSED = tr_later("Other visitors needed the memory, so your networks were closed. They begin again here.")
NO_DATA = tr_later("The real images of {run} cannot be read: {reason}. Choose another run.")
NOT_PUBLIC = tr_later("this is a public server, which does not show the pictures that a training used")
NO_NETWORKS = tr_later("{run} cannot be trained here: {reason}. Choose another run or another start.")
NO_SOURCE = tr_later("The lines of this part cannot be shown, because the source is not on this machine.")
NO_FORMULA = tr_later("The loss {loss} is {value}. This page has no formula for it, and this function computes it:")
PENALTIES = tr_later("This training adds penalties to the loss of D. The formula leaves them out.")
LOGITS = {
    "real": tr_later("r is the logit of a real image."),
    "fake": tr_later("f is the logit of a fake image."),
    "pairs": tr_later("r is the logit of a real image, and f that of a fake one."),
}
"""By the images that a loss needs; pairs: both kinds."""
SIGMOID = tr_later("\u03c3 is the sigmoid, which makes a logit a probability.")
LETTERS = {
    "real": tr_later("a is what one real image adds."),
    "fake": tr_later("b is what one fake image adds."),
    "pairs": tr_later("c is what one pair of a real and a fake image adds."),
}
"""Images of a term of a loss -> what the letter in the formula is."""
MEAN = tr_later("A line above a letter means the mean.")
READING_COMPARISON = tr_later(
    "How to read it: D(x) is the mean answer to 8 real images. D(G(z)) is the mean answer to what G draws from 8 "
    "seeds. These images and seeds stay the same. Dropout is off here."
)
PROBABILITY = tr_later("D(x) and D(G(z)) are mean probabilities of being real.")
MEAN_LOGIT = tr_later("D(x) and D(G(z)) are mean logits.")
MEAN_DIFFERENCE = tr_later("D(x) and D(G(z)) are mean logits, of which the loss sees only differences.")

HEADING = tr_later("{index} of {count}: {title}")
LINES_HEADING = tr_later("The lines that do it")
LINES = tr_later("`{file}`, line {line}")
LATENT, LATENT_ALT = "z {index}", tr_later("Latent vector {index}")
FAKE, FAKE_ALT = "G(z {index})", tr_later("Fake image {index}")
REAL_IMAGES, FAKE_IMAGES = tr_later("Real images"), tr_later("Fake images")
IMAGE_ALT = tr_later("{kind}: number {index}")
CHANGE, CHANGE_ALT = tr_later("change"), tr_later("How fake image {index} must change to fool D more")
LOGIT, PERCENT = tr_later("logit {logit}"), tr_later("{percent} real")
EQUALS = "= {formula}"
GRADIENT = tr_later("{network} has {count} weights. Their gradient has the length **{norm}**.")
UPDATE = tr_later(
    "All weights of {network} together are a vector of length {length}. It moved by **{step}**, at a learning rate "
    "of {rate}."
)
AVERAGE = tr_later("After {images} real images, half of the average is new.")
BEFORE_ALT = tr_later("What G draws from 8 seeds, {when}")
STEP_BUTTONS = {1: tr_later("1 step"), 10: tr_later("10 steps"), 100: tr_later("100 steps")}
"""Number of steps -> the text of its button."""
STOP_BUTTON = tr_later("Stop, {count} to go")
STEPS_DONE = tr_later("Steps by hand: {count}")


def about_answers(config: TrainConfig) -> str:
    """Return the sentence on what a logit means for the config's loss."""
    if logits_are_probabilities(config.loss):
        return tr("The sigmoid of the logit is the probability that D gives to being real.")
    if pairs_real_with_fake(config.loss):
        return tr("The loss compares each real image with the fake image at its place, so only differences count.")
    return tr("With the loss of this run, a logit is a score and not a probability.")


def measure(config: TrainConfig) -> str:
    """Return the sentence on what D(x) and D(G(z)) are here."""
    if logits_are_probabilities(config.loss):
        return tr_marked(PROBABILITY)
    return tr_marked(MEAN_DIFFERENCE if pairs_real_with_fake(config.loss) else MEAN_LOGIT)
