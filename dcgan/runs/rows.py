"""What a run directory records: its status, and the rows of progress.jsonl and scores.jsonl."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, get_args

from dcgan.config import with_current_names
from dcgan.locale.language import tr

UNSCORED = "not scored along the way: "
"""Begins the note of a run that is not scored; the reason follows."""
WITHOUT_CLASSIFIER = "scored by its patches, without a classifier: "
"""Begins the note of a run on a named set that is scored as any pictures are; the reason follows."""

MAX_COUNT = 10**15
"""Of steps, images or epochs: more than any training has. A browser counts to 9 times as many exactly."""
MAX_NUMBER = 1e39
"""Trainings compute in float32, whose numbers end below. Pages multiply a few of these without an overflow."""

State = Literal["running", "finished", "stopped", "interrupted", "failed"]


@dataclass(frozen=True)
class Status:
    """How far a training is and how it ended: the content of status.json.

    `interrupted` is never written: a reader gets it for a `running` whose process is gone.

    >>> import dcgan
    >>> dcgan.Status("running", step=500, steps=2000, epochs=4).epoch
    1.0
    """

    state: State
    step: int
    """Steps done."""
    steps: int
    """Steps of the whole training."""
    epochs: int
    """Epochs of the whole training."""
    error: str = ""
    """Why the training failed and what to do; empty otherwise."""
    notes: tuple[str, ...] = ()
    """What a reader of the results must know, such as files that were left out."""
    environment: dict[str, str] = dataclasses.field(default_factory=dict)
    """What besides the config decides the numbers and the speed: device, threads, versions."""
    num_images: int = 0
    """Images that the training learns from; 0 in recordings of earlier versions."""
    classes: tuple[str, ...] = ()
    """The names of the labels 0, 1, ... of a folder; empty without labels, for named sets and earlier versions."""

    def __post_init__(self) -> None:
        # Pages compute with these and show them. A wrong type would be an error far from its cause.
        numbers = (self.step, self.steps, self.epochs, self.num_images)
        if self.state not in get_args(State) or not all(map(_is_count, numbers)):
            raise TypeError(
                tr("state {state!r} and numbers {numbers} are not a status", state=self.state, numbers=numbers)
            )
        tuples = isinstance(self.notes, tuple) and isinstance(self.classes, tuple)
        if not (tuples and isinstance(self.environment, dict)):
            raise TypeError(
                tr(
                    "notes {notes!r} and environment {environment!r} are not a status",
                    notes=self.notes,
                    environment=self.environment,
                )
            )
        words = (self.error, *self.notes, *self.classes, *self.environment, *self.environment.values())
        if wrong := [word for word in words if not isinstance(word, str)]:
            raise TypeError(tr("{value!r} is not text, as error, notes and environment are", value=wrong[0]))

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Status:
        """Read the known keys; newer versions may write others. Raises TypeError for missing and wrong values."""
        known = {field.name for field in dataclasses.fields(cls)}
        return cls(**{key: _with_tuples(value) for key, value in values.items() if key in known})

    @property
    def epoch(self) -> float:
        """Return the epochs done: 1.5 in the middle of the second epoch."""
        return self.epochs * self.step / self.steps if self.steps else 0.0


_OPTIONAL = ("d_real_accuracy", "d_fake_accuracy")
"""The values that a ProgressRow of an earlier version lacks."""


@dataclass(frozen=True)
class ProgressRow:
    """One row of progress.jsonl: means over the steps since the row before.

    Every value is a number up to MAX_NUMBER; only the accuracies may be None. Raises TypeError for any other value.
    """

    step: int
    """The last step of the row, counted from 1."""
    epoch: float
    """Epochs done after that step, with their fraction."""
    images_seen: int
    """Real images trained on so far, repeats included."""
    wall_seconds: float
    """Seconds of training so far, in all processes of the run, without scoring."""
    images_per_second: float
    """Real images a second since the row before."""
    d_loss: float
    """The discriminator's adversarial loss, without penalties."""
    g_loss: float
    """The generator's adversarial loss."""
    d_real: float
    """Mean sigmoid of D's logits on real images."""
    d_fake: float
    """Mean sigmoid of D's logits on the fake images it was trained on."""
    d_grad_norm: float
    """L2 norm of the discriminator's gradient."""
    g_grad_norm: float
    """L2 norm of the generator's gradient."""
    d_real_accuracy: float | None = None
    """Share of the real images with a logit above 0; None in recordings of earlier versions."""
    d_fake_accuracy: float | None = None
    """Share of the fake images with a logit below 0; None in recordings of earlier versions."""

    def __post_init__(self) -> None:
        _check_numbers(value for name, value in self.__dict__.items() if value is not None or name not in _OPTIONAL)
        _check_times(self)


@dataclass(frozen=True, kw_only=True)
class ScoreRow:
    """One row of scores.jsonl: a light evaluation at the end of an epoch, with images of fixed seeds.

    Compare only rows of the same `scale`. A `real_` value is the score of as many real images. A row has either the
    scores by a classifier or, for data without one, those of pictures; the others are None or empty.
    """

    step: int
    epoch: float
    images_seen: int
    wall_seconds: float
    """Seconds of training so far, without scoring."""
    num_images: int
    cfd: float | None = None
    """Classifier Fréchet distance; 0 is best."""
    real_cfd: float | None = None
    coverage: float | None = None
    """Share of the real test images with a generated one near them."""
    real_coverage: float | None = None
    class_histogram: tuple[float, ...] = ()
    """The share of each class among the images, as the classifier sees them."""
    real_class_histogram: tuple[float, ...] = ()
    classifier: str
    """What the images were compared with: a classifier, or the patches of so many pictures."""
    classifier_hash: str
    scoring_seconds: float
    """Seconds that this evaluation took."""
    swd: float | None = None
    """Sliced Wasserstein distance of patches, the mean over the levels; 0 is best."""
    real_swd: float | None = None
    swd_levels: tuple[float, ...] = ()
    """The distance of each level, from the finest."""
    real_swd_levels: tuple[float, ...] = ()
    memorization_ratio: float | None = None
    """Distance from the nearest training picture, divided by that of unseen pictures."""
    copy_share: float | None = None
    """Share of the images that are twice as near to one training picture as to any other."""
    real_copy_share: float | None = None
    num_held_out: int | None = None
    """Held-out pictures that D was shown, and as many training pictures and generated images."""
    d_train_logit: float | None = None
    """D's mean logit for training pictures, in evaluation mode."""
    d_held_out_logit: float | None = None
    d_fake_logit: float | None = None
    overfitting: float | None = None
    """r_v: (D(train) - D(held out)) / (D(train) - D(fake)); None also where D does not tell real from generated."""

    @property
    def scale(self) -> tuple[str, int]:
        """Return the classifier's hash and the number of images. Scores compare if both are equal."""
        return self.classifier_hash, self.num_images

    def __post_init__(self) -> None:
        values = dict(self.__dict__)
        texts = [values.pop(name) for name in ("classifier", "classifier_hash")]
        if not all(isinstance(text, str) for text in texts):
            raise TypeError(f"{texts} are not names")
        pairs = [(values.pop(name), values.pop(f"real_{name}")) for name in ("class_histogram", "swd_levels")]
        for pair in pairs:
            if not all(isinstance(numbers, tuple) for numbers in pair) or len(pair[0]) != len(pair[1]):
                raise TypeError(f"{pair} are not two tuples of the same length")
        by_classifier = (self.cfd, self.real_cfd, self.coverage, self.real_coverage, *pairs[0])
        if len({value is None or value == () for value in by_classifier}) > 1:
            raise TypeError(f"{by_classifier} is not a row of numbers by a classifier, and not one without them")
        if self.cfd is None and self.swd is None:
            raise TypeError("it has neither the scores by a classifier nor those of pictures")
        present = [value for name, value in values.items() if value is not None or name not in _OPTIONAL_SCORES]
        _check_numbers([*present, *(number for pair in pairs for numbers in pair for number in numbers)])
        _check_times(self)


_OPTIONAL_SCORES = frozenset(field.name for field in dataclasses.fields(ScoreRow) if field.default is None)
"""The values that a ScoreRow may lack."""

Row = TypeVar("Row", ProgressRow, ScoreRow)


def row_json(row: ProgressRow | ScoreRow) -> dict[str, Any]:
    """Return a row as an object of its file, without the values that it lacks."""
    return {name: value for name, value in dataclasses.asdict(row).items() if value is not None and value != ()}


def rows_of(kind: type[Row], objects: Iterable[Mapping[str, Any]]) -> list[Row]:
    """Return the objects as rows, read by today's names. An object with other keys or values is left out."""
    rows = []
    for values in objects:
        # An object that is not a row is disk damage, which is no reason to hide the other rows.
        with contextlib.suppress(TypeError):
            rows.append(kind(**{key: _with_tuples(value) for key, value in with_current_names(values).items()}))
    return rows


def _with_tuples(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _check_numbers(values: Iterable[Any]) -> None:
    values = list(values)
    # NaN compares false.
    if not all(type(value) in (int, float) and abs(value) <= MAX_NUMBER for value in values):
        raise TypeError(f"{values} is not a row of numbers")


def _check_times(row: ProgressRow | ScoreRow) -> None:
    """Raise TypeError where the row cannot be placed in a training."""
    counts_are_counts = _is_count(row.step) and _is_count(row.images_seen)
    if not counts_are_counts or not 0 <= row.epoch <= MAX_COUNT or not 0 <= row.wall_seconds <= MAX_COUNT:
        raise TypeError(f"step {row.step!r}, epoch {row.epoch!r} and {row.wall_seconds!r} s are not a row's place")


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value <= MAX_COUNT
