"""Show what the networks do before and after the steps, for the same 8 seeds and the same 8 real images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from dcgan import pixels
from dcgan.figures import plots
from dcgan.locale.language import tr, tr_later, tr_marked
from dcgan.pages.parts.curves import show
from dcgan.pages.parts.step_texts import BEFORE_ALT, READING_COMPARISON, measure
from dcgan.training.loss_terms import number, sigmoid
from dcgan.training.losses import logits_are_probabilities

if TYPE_CHECKING:
    from dcgan.training.sandbox import Answers, Sandbox

_COLUMNS = 4
_LEAST_PIXELS = 232
"""About the width of a block of images."""


def show_comparison(box: Sandbox) -> None:
    """Show the numbers, the images and the course of D's answers."""
    st.subheader(tr("Before and after"))
    probabilities = logits_are_probabilities(box.config.loss)
    before, after = (_numbers(answers, probabilities=probabilities) for answers in (box.before, box.now))
    st.table(
        [
            {
                "": tr_marked(name),
                tr("before"): _text(old),
                tr("after"): _text(after[name]),
                tr("change"): _change(old, after[name]),
            }
            for name, old in before.items()
        ],
        hide_index=True,
        border="horizontal",
        alt=tr("D's answers and both losses before and after"),
    )
    st.caption(f"{measure(box.config)} {tr_marked(READING_COMPARISON)}")
    with st.container(horizontal=True):
        for title, answers in ((tr("before"), box.before), (tr("after"), box.now)):
            _show_sheet(answers, title)
    if len(box.history) > 1:
        steps = [point.step for point in box.history]
        if probabilities:
            real, fake = [p.d_real for p in box.history], [p.d_fake for p in box.history]
        else:
            real, fake = [p.real_logit for p in box.history], [p.fake_logit for p in box.history]
        figure = plots.answer_curves(steps, real, fake, probabilities=probabilities)
        show(figure, "step-history", tr("D(x) and D(G(z)) after each step by hand"))


def _numbers(answers: Answers, *, probabilities: bool) -> dict[str, float]:
    return {
        "D(x)": _mean(answers.real_logits, probabilities=probabilities),
        "D(G(z))": _mean(answers.fake_logits, probabilities=probabilities),
        tr_later("loss of D"): answers.d_loss,
        tr_later("loss of G"): answers.g_loss,
    }


def _mean(logits: Sequence[float], *, probabilities: bool) -> float:
    return sum(map(sigmoid, logits) if probabilities else logits) / len(logits)


def _text(value: float) -> str:
    return number(value, 3)


def _change(old: float, new: float) -> str:
    """Return the change with an arrow; nothing where it is shown as 0."""
    if _text(abs(new - old)) == _text(0.0):
        return ""
    arrow = ":material/arrow_upward:" if new > old else ":material/arrow_downward:"
    return f"{arrow} {_text(abs(new - old))}"


def _show_sheet(answers: Answers, title: str) -> None:
    sheet = pixels.grid(answers.images_u8, _COLUMNS, gap=1)
    picture = pixels.png_bytes(pixels.enlarge(sheet, max(1, _LEAST_PIXELS // sheet.shape[1])))
    st.image(picture, title, output_format="PNG", alt=tr_marked(BEFORE_ALT, when=title))
