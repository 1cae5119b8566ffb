"""The adversarial losses in numbers: each loss as a rule, and what each image adds to it. Imports no torch.

losses.py computes the losses, and a test compares both. r is the logit of a real image, and f that of a fake image.
Rules are LaTeX.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from dcgan.config import TrainConfig

SIGMA = "\u03c3"
"""The Greek letter of the sigmoid."""


class Term(NamedTuple):
    """A mean over images, as a part of a loss."""

    images: str
    """"real" or "fake": the images that it is a mean over; "pairs" of a real and a fake one."""
    rule: str
    """What one image adds, as LaTeX in its logit."""
    filled: tuple[str, ...]
    """The same for each image with its numbers, as text."""
    values: tuple[float, ...]
    """The values of `filled`."""

    @property
    def mean(self) -> float:
        """The mean of the values."""
        return math.fsum(self.values) / len(self.values)


@dataclass(frozen=True)
class LossTerms:
    """A loss, made of its terms."""

    symbol: str
    """As LaTeX."""
    terms: tuple[Term, ...]
    divisor: int = 1
    """The sum of the terms is divided by it: 2 where the config's reduction is the mean of both terms."""

    @property
    def value(self) -> float:
        """The loss."""
        return math.fsum(term.mean for term in self.terms) / self.divisor

    @property
    def rule(self) -> str:
        """The loss in symbols, as LaTeX: what one image adds to each term, then the means together."""
        lines = [rf"{_LETTERS[term.images]} &= {term.rule}" for term in self.terms]
        means = " + ".join(_mean(term) for term in self.terms)
        return _aligned([*lines, rf"{self.symbol} &= {self._divided(means)}"])

    @property
    def in_numbers(self) -> str:
        """The loss in numbers, as LaTeX: the sums over the images, then the means, then the value."""
        lines = []
        for term in self.terms:
            count, half = len(term.values), -(-len(term.values) // 2)
            rows = [" + ".join(map(_in_text, term.values[at : at + half])) for at in range(0, count, half)]
            total = r" \\ &\quad {} + ".join(rows)
            lines.append(rf"{_mean(term)} &= \tfrac{{1}}{{{count}}} \big( {total} \big) = {number(term.mean)}")
        means = self._divided(" + ".join(_in_text(term.mean) for term in self.terms))
        value = number(self.value)
        return _aligned([*lines, rf"{self.symbol} &= {value if means == value else f'{means} = {value}'}"])

    def _divided(self, text: str) -> str:
        return text if self.divisor == 1 else rf"\tfrac{{1}}{{{self.divisor}}} \big( {text} \big)"


_LETTERS = {"real": "a", "fake": "b", "pairs": "c"}
"""Images of a term -> the letter for what one of them adds."""


def _mean(term: Term) -> str:
    return rf"\overline{{{_LETTERS[term.images]}}}"


def _aligned(lines: Sequence[str]) -> str:
    return r"\begin{aligned}" + r" \\ ".join(lines) + r"\end{aligned}"


Logits = Sequence[float]


def discriminator_terms(config: TrainConfig, real: Logits, fake: Logits) -> LossTerms | None:
    """Return D's adversarial loss of these logits; None for a loss that has no row in this module."""
    make = _DISCRIMINATOR.get(config.loss)
    if make is None:
        return None
    return LossTerms("L_D", make(config, real, fake), 2 if config.reduction == "mean" else 1)


def generator_terms(config: TrainConfig, real: Logits, fake: Logits) -> LossTerms | None:
    """Return G's loss of these logits, as `discriminator_terms`. Only a loss that pairs reads the real ones."""
    make = _GENERATOR.get(config.loss)
    return LossTerms("L_G", make(config, real, fake)) if make else None


def sigmoid(logit: float) -> float:
    """Return 1 / (1 + exp(-logit)), in [0, 1]."""
    return math.exp(-_softplus(-logit))


def number(value: float, decimals: int = 2) -> str:
    """Return the number as a reader sees it: with so many decimals, or four digits of a large one."""
    return f"{value:.{decimals}f}" if not abs(value) >= 1000 else f"{value:.3e}"


# What one image adds


def _cross_entropy(images: str, letter: str, logits: Logits, target: float) -> Term:
    parts = [
        (target, rf"\log \sigma({letter})", f"log {SIGMA}({{1}})"),
        (1 - target, rf"\log(1-\sigma({letter}))", f"log(1-{SIGMA}({{1}}))"),
    ]
    used = [part for part in parts if part[0]]
    weights = ["" if weight == 1 else f"{weight:g} " for weight, _, _ in used]
    rule = " + ".join(weight + symbols for weight, (_, symbols, _) in zip(weights, used, strict=True))
    text = " + ".join(weight + words for weight, (_, _, words) in zip(weights, used, strict=True))
    rule, text = (f"-{rule}", f"-{text}") if len(used) == 1 else (f"-({rule})", f"-({text})")
    return _term(
        images, rule, text, lambda logit: target * _softplus(-logit) + (1 - target) * _softplus(logit), logits
    )


def _square(images: str, letter: str, logits: Logits, target: float) -> Term:
    rule, text = rf"\tfrac{{1}}{{2}}({letter}-{target:g})^2", f"½({{0}} - {target:g})²"
    return _term(images, rule, text, lambda logit: (logit - target) ** 2 / 2, logits)


def _real(rule: str, text: str, value: Callable[[float], float], logits: Logits) -> Term:
    return _term("real", rule, text, value, logits)


def _fake(rule: str, text: str, value: Callable[[float], float], logits: Logits) -> Term:
    return _term("fake", rule, text, value, logits)


def _term(images: str, rule: str, text: str, value: Callable[[float], float], logits: Logits) -> Term:
    filled = tuple(text.format(_in_text(logit), number(logit)) for logit in logits)
    return Term(images, rule, filled, tuple(map(value, logits)))


def _pairs(first: str, second: str, of_first: Logits, of_second: Logits) -> tuple[Term]:
    """Return the mean of log(1 + exp(first - second)) over pairs."""
    assert len(of_first) == len(of_second), f"{len(of_first)} logits have no pairs in {len(of_second)}"
    pairs = list(zip(of_first, of_second, strict=True))
    filled = tuple(f"log(1 + exp({number(one)} - {_in_text(other)}))" for one, other in pairs)
    values = tuple(_softplus(one - other) for one, other in pairs)
    return (Term("pairs", rf"\log(1 + e^{{{first}-{second}}})", filled, values),)


def _softplus(value: float) -> float:
    """Return log(1 + exp(value)), finite where exp is not."""
    return max(value, 0.0) + math.log1p(math.exp(-abs(value)))


def _in_text(value: float) -> str:
    """Return the number, in parentheses where it is negative."""
    text = number(value)
    return f"({text})" if text.startswith("-") else text


# The losses


def _bce_discriminator(config: TrainConfig, real: Logits, fake: Logits) -> tuple[Term, ...]:
    return (
        _cross_entropy("real", "r", real, config.real_target),
        _cross_entropy("fake", "f", fake, config.fake_target),
    )


def _squares_discriminator(config: TrainConfig, real: Logits, fake: Logits) -> tuple[Term, ...]:
    return _square("real", "r", real, config.real_target), _square("fake", "f", fake, config.fake_target)


def _hinge_discriminator(config: TrainConfig, real: Logits, fake: Logits) -> tuple[Term, ...]:
    return (
        _real(r"\max(0, 1-r)", "max(0, 1 - {0})", lambda logit: max(0.0, 1 - logit), real),
        _fake(r"\max(0, 1+f)", "max(0, 1 + {0})", lambda logit: max(0.0, 1 + logit), fake),
    )


def _wasserstein_discriminator(config: TrainConfig, real: Logits, fake: Logits) -> tuple[Term, ...]:
    return _real("-r", "-{0}", lambda logit: -logit, real), _fake("f", "{0}", lambda logit: logit, fake)


def _negative_mean(config: TrainConfig, real: Logits, fake: Logits) -> tuple[Term, ...]:
    return (_fake("-f", "-{0}", lambda logit: -logit, fake),)


_Maker = Callable[[TrainConfig, Logits, Logits], tuple[Term, ...]]
_DISCRIMINATOR: dict[str, _Maker] = {
    "bce": _bce_discriminator,
    "minimax": _bce_discriminator,
    "least-squares": _squares_discriminator,
    "hinge": _hinge_discriminator,
    "wasserstein": _wasserstein_discriminator,
    "relativistic": lambda config, real, fake: _pairs("f", "r", fake, real),
}
_GENERATOR: dict[str, _Maker] = {
    "bce": lambda config, real, fake: (_cross_entropy("fake", "f", fake, config.generator_target),),
    "minimax": lambda config, real, fake: (
        _fake(r"\log(1-\sigma(f))", f"log(1-{SIGMA}({{1}}))", lambda logit: -_softplus(logit), fake),
    ),
    "least-squares": lambda config, real, fake: (_square("fake", "f", fake, config.generator_target),),
    "hinge": _negative_mean,
    "wasserstein": _negative_mean,
    "relativistic": lambda config, real, fake: _pairs("r", "f", real, fake),
}
