"""One training step in slow motion: what each part of it computes, in the order of the config.

The parts call the functions of step.py, and add up to `train_step` bit for bit. Each part names the functions that it
has just called, so that a reader sees their lines.

B real images, F fake images, Z latent, C H W image.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn

from dcgan.config import TrainConfig
from dcgan.data.loading import Batch
from dcgan.training import step
from dcgan.training.state import TrainState, begin_step, count_step

Network = Literal["G", "D"]
Players = Literal["both", "G", "D"]


@dataclass(frozen=True)
class Part:
    """One part of a step, after it was computed."""

    name: str
    """One of PARTS."""
    network: Network
    """The network that is computing or that changes."""
    functions: tuple[Callable[..., Any], ...]
    """The functions of step.py that computed it."""
    values: Mapping[str, Tensor] = field(default_factory=dict)
    """What is new, detached and on the CPU, by name."""


PARTS = {
    "latents": "z: one random vector for each fake image",
    "fake images": "G draws an image from each z",
    "answers": "D's logit for each real and each fake image",
    "loss of D": "how wrong D's answers are",
    "gradients of D": "in which direction each weight of D lowers its loss",
    "update of D": "Adam moves D's weights",
    "loss of G": "how little D is fooled",
    "gradient at the images": "how each pixel of a fake image must change to fool D more",
    "gradients of G": "the same, carried back through G to its weights",
    "update of G": "Adam moves G's weights",
    "moving average": "the average of G's weights, from which samples are drawn, follows",
}
"""Name of a part -> what it is. A config without a moving average has no such part."""


_DRAWN = ("latents", "fake images")
_OF_D = ("answers", "loss of D", "gradients of D", "update of D")
_OF_G = ("loss of G", "gradient at the images", "gradients of G", "update of G")


def part_names(config: TrainConfig, players: Players = "both") -> tuple[str, ...]:
    """Return the names of a step's parts, in their order."""
    of_d = _OF_D if players != "G" else ()
    of_g = _OF_G if players != "D" else ()
    first, second = (of_g, of_d) if config.order == "generator-first" else (of_d, of_g)
    again = () if config.reuse_fakes else _DRAWN
    average = ("moving average",) if config.ema_half_life_images and players != "D" else ()
    return (*_DRAWN, *first, *again, *second, *average)


class Lines(NamedTuple):
    """A function's lines of the source."""

    file: str
    """As in dcgan/training/step.py."""
    first: int
    """Number of the first line, from 1."""
    text: str


def lines_of(function: Callable[..., Any]) -> Lines:
    """Return the lines of a function, without its docstring. They come from the module's file.

    Raises OSError where there is no such file, as in an archive.
    """
    lines, first = inspect.getsourcelines(function)
    text = "".join(lines)
    if function.__doc__ is not None:
        opening = text.index('"""')
        begin, end = text.rindex("\n", 0, opening), text.index('"""', opening + 3) + 3
        text = text[:begin] + text[end:]
    return Lines(function.__module__.replace(".", "/") + ".py", first, text.rstrip("\n"))


def slow_step(state: TrainState, batch: Batch, players: Players = "both") -> Iterator[Part]:
    """Take a step on a batch of real images (B, C, H, W), and yield after each of its parts.

    players: which network learns. With both, the state is then that after `train_step`. With one of them, the other
    network and its optimizer stay as they are, except for batch norm's running statistics.

    The state has changed only by the parts that were taken from the iterator. Take all of them, or throw the state
    away.
    """
    config = state.config
    begin_step(state)
    batch = step.augmented_batch(state, batch)
    count = batch.size * config.generator_batch_factor
    if config.order == "generator-first":
        fakes = step.draw_fakes(state, count)
        yield from _drawn(fakes)
        if players != "D":
            yield from _generator_learns(state, batch, fakes)
        if not config.reuse_fakes:
            with torch.no_grad():
                fakes = step.draw_fakes(state, batch.size)
            yield from _drawn(fakes)
        if players != "G":
            yield from _discriminator_learns(state, batch, fakes)
    else:
        with torch.set_grad_enabled(config.reuse_fakes):
            fakes = step.draw_fakes(state, batch.size)
        yield from _drawn(fakes)
        if players != "G":
            yield from _discriminator_learns(state, batch, fakes)
        if not config.reuse_fakes:
            fakes = step.draw_fakes(state, count)
            yield from _drawn(fakes)
        if players != "D":
            yield from _generator_learns(state, batch, fakes)
    if state.ema is not None and players != "D":
        step.update_average(state, batch)
        half_life = torch.as_tensor(state.ema_half_life)
        yield Part("moving average", "G", (step.update_average,), _values(half_life=half_life))
    count_step(state, batch.size)


def _drawn(fakes: step.Fakes) -> Iterator[Part]:
    labels = {} if fakes.labels is None else {"labels": fakes.labels}
    yield Part("latents", "G", (step.fill_latents,), _values(z=fakes.z, **labels))
    yield Part("fake images", "G", (step.draw_fakes,), _values(images=fakes.images))


def _discriminator_learns(state: TrainState, batch: Batch, fakes: step.Fakes) -> Iterator[Part]:
    discriminator = state.gan.discriminator
    outputs = step.discriminate_both(state, batch, fakes)
    logits = {"real_logits": outputs.real_logits, "fake_logits": outputs.fake_logits}
    labels = {} if batch.labels is None else {"labels": batch.labels}
    answers = _values(real=outputs.real, fake=outputs.fake, **logits, **labels)
    yield Part("answers", "D", (step.discriminate_both, step.discriminate), answers)
    loss = step.discriminator_gradients(state, batch, outputs)
    yield Part("loss of D", "D", (step.discriminator_loss, step.penalty_terms), _values(loss=loss))
    norm = step.grad_norm(discriminator)
    yield Part("gradients of D", "D", (step.discriminator_gradients,), _values(norm=norm))
    before = _copies(discriminator)
    step.step_discriminator(state, batch, loss, outputs)
    yield Part("update of D", "D", (step.step_discriminator,), _moved(discriminator, before))


def _generator_learns(state: TrainState, batch: Batch, fakes: step.Fakes) -> Iterator[Part]:
    generator = state.gan.generator
    fakes.images.retain_grad()
    with _outputs(state.accelerated.discriminator) as logits:
        loss = step.generator_gradients(state, batch, fakes)
    answers = dict(zip(("fake_logits", "real_logits"), reversed(logits), strict=False))
    yield Part("loss of G", "G", (step.generator_gradients,), _values(loss=loss, **answers))
    gradient = fakes.images.grad
    assert gradient is not None, "the loss of G has a gradient at its images"
    yield Part("gradient at the images", "D", (step.generator_gradients,), _values(gradient=gradient))
    yield Part("gradients of G", "G", (step.generator_gradients,), _values(norm=step.grad_norm(generator)))
    before = _copies(generator)
    step.step_generator(state, fakes, loss)
    yield Part("update of G", "G", (step.step_generator,), _moved(generator, before))


@contextmanager
def _outputs(network: nn.Module) -> Iterator[list[Tensor]]:
    """Collect what the network returns in each of its calls."""
    outputs: list[Tensor] = []

    def keep(module: nn.Module, inputs: Any, output: Tensor) -> None:
        outputs.append(output)

    hook = network.register_forward_hook(keep)
    try:
        yield outputs
    finally:
        hook.remove()


def _copies(network: nn.Module) -> list[Tensor]:
    return [parameter.detach().clone() for parameter in network.parameters()]


def _moved(network: nn.Module, before: list[Tensor]) -> dict[str, Tensor]:
    """Return the length of the step, and that of the weights, both Euclidean over all weights."""
    after = [parameter.detach() for parameter in network.parameters()]
    moves = [new - old for new, old in zip(after, before, strict=True)]
    return _values(step=torch.nn.utils.get_total_norm(moves), weights=torch.nn.utils.get_total_norm(after))


def _values(**values: Tensor) -> dict[str, Tensor]:
    return {name: value.detach().cpu().clone() for name, value in values.items()}
