"""What a run directory records: its status, and the rows of progress.jsonl and scores.jsonl."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, get_args

UNSCORED = "not scored along the way: "
"""Begins the note of a run whose data nobody can judge; the reason follows."""


State = Literal["running", "finished", "stopped", "interrupted", "failed"]


@dataclass(frozen=True)
class Status:
    """status.json. `interrupted` is never written: it is a `running` whose process is gone."""

    state: State
    step: int
    steps: int
    epochs: int
    error: str = ""
    notes: tuple[str, ...] = ()
    environment: dict[str, str] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        # Pages compute with these and show them: text for a step, or a number for a word, would be an error far from
        # its cause.
        numbers = (self.step, self.steps, self.epochs)
        if self.state not in get_args(State) or not all(type(number) is int for number in numbers):
            raise TypeError(f"state {self.state!r} and numbers {numbers} are no status")
        if not (isinstance(self.notes, tuple) and isinstance(self.environment, dict)):
            raise TypeError(f"notes {self.notes!r} and environment {self.environment!r} are no status")
        words = (self.error, *self.notes, *self.environment, *self.environment.values())
        if wrong := [word for word in words if not isinstance(word, str)]:
            raise TypeError(f"{wrong[0]!r} is no text, as error, notes and environment are")

    @property
    def epoch(self) -> float:
        """Epochs done, with their fraction."""
        return self.epochs * self.step / self.steps if self.steps else 0.0


@dataclass(frozen=True)
class ProgressRow:
    """One row of progress.jsonl: means over the steps since the row before."""

    step: int
    epoch: float
    images_seen: int
    wall_seconds: float
    images_per_second: float
    d_loss: float
    g_loss: float
    d_real: float
    """Mean sigmoid of D's logits on real images."""
    d_fake: float
    """Mean sigmoid of D's logits on the fake images it was trained on."""
    d_grad_norm: float
    g_grad_norm: float

    def __post_init__(self) -> None:
        _check_numbers(self.__dict__.values())


@dataclass(frozen=True)
class ScoreRow:
    """One row of scores.jsonl: a light evaluation at the end of an epoch, of images of fixed seeds.

    Compares with rows of the same classifier and count only. A `real_` value is what as many real images get.
    """

    step: int
    epoch: float
    images_seen: int
    wall_seconds: float
    """Of training until then; scoring is not counted."""
    num_images: int
    cfd: float
    """Classifier Fréchet distance; 0 is best."""
    real_cfd: float
    coverage: float
    """Share of the real test images with a generated one near them."""
    real_coverage: float
    class_histogram: tuple[float, ...]
    """The share of each class among the images, as the classifier sees them."""
    real_class_histogram: tuple[float, ...]
    classifier: str
    classifier_hash: str
    scoring_seconds: float
    """What this row has cost."""

    @property
    def scale(self) -> tuple[str, int]:
        """Rows of one scale compare."""
        return self.classifier_hash, self.num_images

    def __post_init__(self) -> None:
        words, shares = ("classifier", "classifier_hash"), ("class_histogram", "real_class_histogram")
        values = dict(self.__dict__)
        texts, histograms = [values.pop(name) for name in words], [values.pop(name) for name in shares]
        if not all(isinstance(text, str) for text in texts):
            raise TypeError(f"{texts} are no words")
        if not all(isinstance(each, tuple) and each for each in histograms) or len(set(map(len, histograms))) > 1:
            raise TypeError(f"{histograms} are no two histograms of the same classes")
        _check_numbers([*values.values(), *histograms[0], *histograms[1]])


def _check_numbers(values: Iterable[Any]) -> None:
    # Compared, not converted: JSON's integers know no limit, floats do. NaN compares false.
    limit = sys.float_info.max
    values = list(values)
    if not all(type(value) in (int, float) and abs(value) <= limit for value in values):
        raise TypeError(f"{values} is no row of numbers")
