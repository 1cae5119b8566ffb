"""Directions of a generator with names: what the images of many seeds show, fitted once for each weights id.

No Streamlit. N images, Z latent, C H W image. The pages have it, because it joins `sampling` and `evaluation`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dcgan.data.named_sets import NAMED_SETS
from dcgan.latents import Vectors
from dcgan.locale.language import tr_later, tr_marked

if TYPE_CHECKING:
    import torch

    from dcgan.checkpoint import TrainedGenerator
    from dcgan.evaluation.classifier import Classifier
    from dcgan.sampling.directions import Direction

VERSION = 1
"""Raise it when the code gives other directions. Then they are measured again."""
NUM_SEEDS = 4000
_CHUNK = 250
"""Images that are in memory at a time."""
_LEAST_SEEDS = 500
TITLES = {
    "slant": tr_later("Slant"),
    "thickness": tr_later("Stroke thickness"),
    "width": tr_later("Width"),
    "height": tr_later("Height"),
}
LIKE_A_DIGIT = tr_later("More like the digit {name}")
LIKE_A_CLASS = tr_later("More like: {name}")
UNNAMED = tr_later("Direction {name}")


@dataclass(frozen=True, eq=False)
class NamedDirection:
    """A direction with its key in the address, and what a page calls it."""

    key: str
    text: str
    """What the page calls it, marked for translation."""
    direction: Direction
    name: str = ""
    """The value of the text's place {name}."""

    @property
    def title(self) -> str:
        """What the page calls it, in the visitor's language."""
        return tr_marked(self.text, name=self.name)


def named_directions(generator: TrainedGenerator) -> list[NamedDirection]:
    """Return the directions that explain enough of their property: slant, thickness, width, height, and the classes.

    They are measured once for each weights id, and cached on the disk.
    """
    from dcgan.evaluation.real_images import cached
    from dcgan.sampling.directions import MIN_R2, Direction

    classifier = _classifier(generator)
    stored = f"directions-{generator.weights_id}-{classifier.hash if classifier else 'none'}-v{VERSION}"
    tensors = cached(stored, lambda: _measured(generator, classifier), what="the images of many seeds")
    titles = {key: (text, "") for key, text in TITLES.items()} | _class_titles(generator)
    named = []
    for key, (text, name) in titles.items():
        if f"{key}.vector" in tensors:
            r2, slope = tensors[f"{key}.numbers"].tolist()
            direction = Direction(tensors[f"{key}.vector"].numpy(), r2, slope)
            if r2 >= MIN_R2:
                named.append(NamedDirection(key, text, direction, name))
    return named


def unnamed_directions(generator: TrainedGenerator) -> list[NamedDirection]:
    """Return the directions that change the first layer most, at most eight."""
    from dcgan.sampling.directions import first_layer_directions

    directions = first_layer_directions(generator)
    return [
        NamedDirection(f"unnamed{number}", UNNAMED, direction, str(number))
        for number, direction in enumerate(directions, 1)
    ]


def moved(z: Vectors, directions: Mapping[NamedDirection, float]) -> Vectors:
    """Return z (N, Z) after a step of each length along its direction."""
    result = np.asarray(z, np.float64).copy()
    for named, length in directions.items():
        result += length * named.direction.vector
    return result.astype(np.float32)


def _classifier(generator: TrainedGenerator) -> Classifier | None:
    from dcgan.evaluation.classifier import has_classifier, load_classifier

    if not has_classifier(generator.train_config):
        return None
    try:
        return load_classifier(generator.train_config.data.name)
    except (OSError, ValueError):  # it is not trained, or not in this installation
        return None


def _class_titles(generator: TrainedGenerator) -> dict[str, tuple[str, str]]:
    """Return the text of each class's direction and the class's name, by the key."""
    named_set = NAMED_SETS.get(generator.train_config.data.name)
    if named_set is None:
        return {}
    names = named_set.classes or tuple(map(str, range(named_set.num_classes)))
    text = LIKE_A_CLASS if named_set.classes else LIKE_A_DIGIT
    return {f"like{label}": (text, name) for label, name in enumerate(names)}


def _measured(generator: TrainedGenerator, classifier: Classifier | None) -> dict[str, torch.Tensor]:
    """Return what `cached` stores: the vector, R2 and slope of each property, by its key."""
    import torch

    from dcgan.sampling.directions import fit_directions, shapes
    from dcgan.sampling.nearest_image import images_for_visitors
    from dcgan.sampling.sheets import labels_along

    count = min(NUM_SEEDS, max(_LEAST_SEEDS, images_for_visitors(generator.config)))
    z = generator.latents(range(count))
    labels = labels_along(count, generator.config.num_classes)
    parts: dict[str, list[np.ndarray]] = {}
    for start in range(0, count, _CHUNK):
        part = slice(start, start + _CHUNK)
        images = generator(z[part], None if labels is None else labels[part])
        values = shapes(images.numpy())
        if classifier:
            logits = classifier.logits(classifier.features(images)).numpy()
            values |= {f"like{label}": column for label, column in enumerate(logits.T)}
        for key, column in values.items():
            parts.setdefault(key, []).append(column)
    properties = {key: _without_labels(np.concatenate(columns), labels) for key, columns in parts.items()}
    found = fit_directions(z, properties, distribution=generator.config.latent)
    tensors = {}
    for key, direction in found.items():
        tensors[f"{key}.vector"] = torch.from_numpy(direction.vector)
        tensors[f"{key}.numbers"] = torch.tensor([direction.r2, direction.slope], dtype=torch.float64)
    return tensors


def _without_labels(values: np.ndarray, labels: np.ndarray | None) -> np.ndarray:
    """Return values (N,) minus the mean of their label: z does not decide the label."""
    values = np.asarray(values, np.float64).copy()
    for label in np.unique(labels) if labels is not None else ():
        values[labels == label] -= values[labels == label].mean()
    return values
