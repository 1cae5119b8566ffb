"""Show one part of a training step: its sentence, what it computed, and the lines that do it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from dcgan import pixels
from dcgan.config import TrainConfig
from dcgan.figures import step_pictures
from dcgan.figures.plots import GENERATOR, REAL
from dcgan.figures.step_pictures import Cell
from dcgan.locale.language import tr_marked
from dcgan.pages.parts import step_texts as texts
from dcgan.pages.parts.address import plain
from dcgan.sampling.class_names import label_text
from dcgan.training.loss_terms import LossTerms, discriminator_terms, generator_terms, number, sigmoid
from dcgan.training.losses import get_loss, logits_are_probabilities

if TYPE_CHECKING:
    from torch import Tensor

    from dcgan.pixels import Bytes
    from dcgan.training.sandbox import Sandbox
    from dcgan.training.slow_motion import Part


def show_part(box: Sandbox, classes: Sequence[str]) -> None:
    """Show the newest part of the sandbox's step."""
    part, config = box.seen[-1], box.config
    text, count = texts.PART_TEXTS[part.name], len(box.names)
    st.subheader(tr_marked(texts.HEADING, index=len(box.seen), count=count, title=tr_marked(text.title)))
    st.html(step_pictures.way(text.changes, text.computes, backward=text.backward, alt=tr_marked(text.title)))
    st.markdown(tr_marked(text.sentence, latent_dim=config.model.latent_dim))
    _SHOWN[part.name](box, part, classes)


def show_lines(part: Part) -> None:
    """Show the functions that computed the part, as they stand in the source."""
    st.subheader(tr_marked(texts.LINES_HEADING))
    for function in part.functions:
        _show_function(function)


def _show_function(function: Callable[..., object]) -> None:
    from dcgan.training.slow_motion import lines_of

    try:
        lines = lines_of(function)
    except OSError:
        st.caption(tr_marked(texts.NO_SOURCE))
        return
    st.caption(tr_marked(texts.LINES, file=lines.file, line=lines.first))
    st.code(lines.text, language="python", wrap_lines=True)


def _latents(box: Sandbox, part: Part, classes: Sequence[str]) -> None:
    drawn = step_pictures.latent_pictures(part.values["z"].numpy())
    _show_drawn(drawn, _fake_labels(box, classes), texts.LATENT, texts.LATENT_ALT)


def _fake_images(box: Sandbox, part: Part, classes: Sequence[str]) -> None:
    drawn = _pictures(part.values["images"], box.config)
    _show_drawn(drawn, _fake_labels(box, classes), texts.FAKE, texts.FAKE_ALT)


def _show_drawn(drawn: Sequence[Bytes], labels: Sequence[str], text: str, alt: str) -> None:
    """Show what is drawn for fake images, with its number and the label of the image below it."""
    cells = [
        Cell(picture, (tr_marked(text, index=index), label), tr_marked(alt, index=index), GENERATOR)
        for index, (picture, label) in enumerate(zip(drawn, labels, strict=True), 1)
    ]
    st.html(step_pictures.image_cells(cells))


def _answers(box: Sandbox, part: Part, classes: Sequence[str]) -> None:
    st.caption(texts.about_answers(box.config))
    values, config = part.values, box.config
    labels = _labels(values.get("labels"), len(values["real"]), config, classes)
    _show_images(texts.REAL_IMAGES, values["real"], values["real_logits"], config, REAL, labels)
    labels = _fake_labels(box, classes)
    _show_images(texts.FAKE_IMAGES, values["fake"], values["fake_logits"], config, GENERATOR, labels)


def _loss_of_d(box: Sandbox, part: Part, classes: Sequence[str]) -> None:
    answers = next(one.values for one in reversed(box.seen) if one.name == "answers")
    real, fake = answers["real_logits"].tolist(), answers["fake_logits"].tolist()
    terms = discriminator_terms(box.config, real, fake)
    _show_terms(box.config, part.network, terms, part.values["loss"].item())
    if terms is not None:
        images = {
            "real": (texts.REAL_IMAGES, answers["real"], REAL),
            "fake": (texts.FAKE_IMAGES, answers["fake"], GENERATOR),
            "pairs": (texts.FAKE_IMAGES, answers["fake"], GENERATOR),
        }
        for term in terms.terms:
            title, tensor, color = images[term.images]
            _show_filled(title, tensor, term.filled, term.values, box.config, color)
    if penalized(box.config):
        st.caption(tr_marked(texts.PENALTIES))


def _loss_of_g(box: Sandbox, part: Part, classes: Sequence[str]) -> None:
    images = next(one.values["images"] for one in reversed(box.seen) if one.name == "fake images")
    fake = part.values["fake_logits"].tolist()
    real = part.values["real_logits"].tolist() if "real_logits" in part.values else []
    terms = generator_terms(box.config, real, fake)
    _show_terms(box.config, part.network, terms, part.values["loss"].item())
    if terms is not None:
        for term in terms.terms:
            _show_filled(texts.FAKE_IMAGES, images, term.filled, term.values, box.config, GENERATOR)


def _gradient_at_images(box: Sandbox, part: Part, classes: Sequence[str]) -> None:
    images = next(one.values["images"] for one in reversed(box.seen) if one.name == "fake images")
    images_u8 = _bytes(images, box.config)
    drawn = (
        step_pictures.pictures(images_u8),
        step_pictures.arrow_pictures(images_u8, part.values["gradient"].numpy()),
    )
    cells = []
    for index, (picture, arrow) in enumerate(zip(*drawn, strict=True), 1):
        cells.append(
            Cell(picture, (tr_marked(texts.FAKE, index=index),), tr_marked(texts.FAKE_ALT, index=index), GENERATOR)
        )
        cells.append(Cell(arrow, (tr_marked(texts.CHANGE),), tr_marked(texts.CHANGE_ALT, index=index)))
    st.html(step_pictures.image_cells(cells))


def _gradients(box: Sandbox, part: Part, classes: Sequence[str]) -> None:
    count, norm = f"{box.num_weights[part.network]:,}", _short(part.values["norm"].item())
    st.markdown(tr_marked(texts.GRADIENT, network=part.network, count=count, norm=norm))


def _update(box: Sandbox, part: Part, classes: Sequence[str]) -> None:
    length, moved = (_short(part.values[name].item()) for name in ("weights", "step"))
    rate = f"{box.learning_rates[part.network]:g}"
    st.markdown(tr_marked(texts.UPDATE, network=part.network, length=length, step=moved, rate=rate))


def _average(box: Sandbox, part: Part, classes: Sequence[str]) -> None:
    st.markdown(tr_marked(texts.AVERAGE, images=f"{part.values['half_life'].item():,.0f}"))


_SHOWN = {
    "latents": _latents,
    "fake images": _fake_images,
    "answers": _answers,
    "loss of D": _loss_of_d,
    "gradients of D": _gradients,
    "update of D": _update,
    "loss of G": _loss_of_g,
    "gradient at the images": _gradient_at_images,
    "gradients of G": _gradients,
    "update of G": _update,
    "moving average": _average,
}


def penalized(config: TrainConfig) -> bool:
    """Return whether the loss of D has other terms than the adversarial ones."""
    return any((config.r1_gamma, config.r2_gamma, config.gradient_penalty, config.model.auxiliary_head))


def _show_images(
    title: str, images: Tensor, logits: Tensor, config: TrainConfig, color: str, labels: Sequence[str]
) -> None:
    """Show images with D's answer and the label below each."""
    title = tr_marked(title)
    st.markdown(f"**{title}**")
    cells = []
    drawn = zip(_pictures(images, config), logits.tolist(), labels, strict=True)
    for index, (picture, logit, label) in enumerate(drawn, 1):
        answer = tr_marked(texts.LOGIT, logit=number(logit))
        percent = (
            tr_marked(texts.PERCENT, percent=f"{sigmoid(logit):.0%}") if logits_are_probabilities(config.loss) else ""
        )
        alt = tr_marked(texts.IMAGE_ALT, kind=title, index=index)
        cells.append(Cell(picture, (answer, percent, label), alt, color))
    st.html(step_pictures.image_cells(cells))


def _show_filled(
    title: str, images: Tensor, filled: Sequence[str], values: Sequence[float], config: TrainConfig, color: str
) -> None:
    """Show images with what each adds to a loss."""
    title = tr_marked(title)
    st.markdown(f"**{title}**")
    drawn = zip(_pictures(images, config), filled, values, strict=True)
    cells = [
        Cell(
            picture,
            (number(value), tr_marked(texts.EQUALS, formula=formula)),
            tr_marked(texts.IMAGE_ALT, kind=title, index=index),
            color,
        )
        for index, (picture, formula, value) in enumerate(drawn, 1)
    ]
    st.html(step_pictures.image_cells(cells))


def _show_terms(config: TrainConfig, network: str, terms: LossTerms | None, value: float) -> None:
    """Show a loss as a formula, then with its numbers. Without a formula, show the function that computes it."""
    if terms is None:
        loss = get_loss(config.loss)
        st.markdown(plain(tr_marked(texts.NO_FORMULA, loss=config.loss, value=number(value))))
        _show_function(loss.generator if network == "G" else loss.discriminator)
        return
    st.latex(rf"\small {terms.rule}")
    sigmoid_text = [texts.SIGMOID] if r"\sigma" in terms.rule else []
    letters = [texts.LETTERS[term.images] for term in terms.terms]
    kinds = {term.images for term in terms.terms}
    logits = texts.LOGITS[kinds.pop() if len(kinds) == 1 else "pairs"]
    st.caption(" ".join(map(tr_marked, [logits, *sigmoid_text, *letters, texts.MEAN])))
    st.latex(rf"\small {terms.in_numbers}")


def _pictures(images: Tensor, config: TrainConfig) -> list[Bytes]:
    """Return images (N, C, H, W) in the model's range as pictures."""
    return step_pictures.pictures(_bytes(images, config))


def _bytes(images: Tensor, config: TrainConfig) -> Bytes:
    """Return images (N, C, H, W) in the model's range as bytes; pixels that are no numbers are gray."""
    low, high = config.model.pixel_range
    finite = np.nan_to_num(images.numpy(), nan=(low + high) / 2, posinf=high, neginf=low)
    return pixels.to_uint8(((finite - low) * (2 / (high - low)) - 1).astype(np.float32))


def _fake_labels(box: Sandbox, classes: Sequence[str]) -> list[str]:
    """Return the label of each fake image that was drawn last."""
    values = next(one.values for one in reversed(box.seen) if one.name == "latents")
    return _labels(values.get("labels"), len(values["z"]), box.config, classes)


def _labels(labels: Tensor | None, count: int, config: TrainConfig, classes: Sequence[str]) -> list[str]:
    """Return the label of each image; empty texts without labels, and for mixture components."""
    if labels is None or not config.model.num_classes:
        return [""] * count
    return [label_text(label, classes) for label in labels.tolist()]


def _short(value: float) -> str:
    return f"{value:.3g}"
