"""The scores of one generator, as a row of evals.jsonl."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dcgan.evaluation import metrics
from dcgan.runs.scores import REAL, draws_copies


@dataclass(frozen=True)
class Scores:
    """The scores of one generator's images, and everything that they depend on.

    `scores["cfd"]` is one score. docs/results.md#how-to-read-a-score defines all keys. `to_json` returns a row of
    evals.jsonl, which `run.append_eval` saves.

    Example:
        >>> import dcgan
        >>> scores = dcgan.Scores(
        ...     classifier="mnist classifier",
        ...     classifier_hash="0123456789ab",
        ...     num_images=100,
        ...     values={"cfd": 4.5},
        ...     real={"cfd": 0.25},
        ... )
        >>> scores["cfd"], scores.real["cfd"], scores.to_json()["real_cfd"]
        (4.5, 0.25, 0.25)
    """

    classifier: str
    """Name of the network whose features were compared."""
    classifier_hash: str
    """The first hex digits of the SHA-256 of its weights."""
    num_images: int
    """The number of generated images."""
    values: dict[str, float]
    """The scores by key of dcgan.runs.scores.SCORES."""
    real: dict[str, float]
    """The same scores of as many real training images, except those that only generated images have."""
    levels: tuple[float, ...] = ()
    """The sliced Wasserstein distance of each level, from the finest; empty if this was not measured."""
    real_levels: tuple[float, ...] = ()
    class_histogram: tuple[float, ...] = ()
    """The share of each class among the generated images (K,), by the classifier; empty if this was not counted."""
    real_class_histogram: tuple[float, ...] = ()
    """The share of each class among the real images (K,)."""
    num_labeled: int = 0
    """The number of images that classifiers learned from (see label_scores); 0 if this was not requested."""
    num_projected: int = 0
    """The number of test images whose nearest generated image was searched; 0 if this was not requested."""
    weights_id: str = ""
    """The first 12 hex digits of the SHA-256 of the generator's weights."""
    step: int = 0
    """The training step of the weights."""
    seed: int = 0
    """The seed of the first image. The others have the next seeds."""

    def __getitem__(self, key: str) -> float:
        """Return the score of this key. Raises KeyError for a score that was not measured."""
        return self.values[key]

    @property
    def memorizes(self) -> bool | None:
        """Whether most images are copies of training images; None if this was not measured."""
        if "copy_share" in self.values:  # blank images are near to training pictures too, and are not copies
            return draws_copies(self.values["copy_share"], self.real["copy_share"])
        ratio = self.values.get("memorization_ratio")
        return None if ratio is None else ratio < metrics.MEMORIZES_BELOW

    def to_json(self) -> dict[str, Any]:
        """Return a row of evals.jsonl: flat, rounded to six digits, scores of real images as real_NAME."""
        names = ("weights_id", "step", "seed", "num_images", "classifier", "classifier_hash")
        row: dict[str, Any] = {name: getattr(self, name) for name in names}
        for key, value in self.values.items():
            row[key] = value
            if key in self.real:
                row[REAL + key] = self.real[key]
        if self.levels:
            row |= {"swd_levels": self.levels, "real_swd_levels": self.real_levels}
        if self.class_histogram:
            row |= {"class_histogram": self.class_histogram, "real_class_histogram": self.real_class_histogram}
        if self.memorizes is not None:
            row["memorizes"] = self.memorizes
        if self.num_labeled:
            row["num_labeled"] = self.num_labeled
        if self.num_projected:
            row["num_projected"] = self.num_projected
        return {name: _rounded(value) for name, value in row.items()}


def _rounded(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_rounded(part) for part in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value
