"""Own pictures as a training will show them to the discriminator, and how long the training will take.

Imports torch only where the training augments its images.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from dcgan import pixels
from dcgan.config import TrainConfig
from dcgan.data.folder import num_held_out
from dcgan.data.folder_walk import REMEDY_OF
from dcgan.data.image_files import UnreadableImageError, read_all, read_image
from dcgan.data.image_formats import ImageSource
from dcgan.data.random_streams import random_state
from dcgan.data.survey import Survey
from dcgan.locale.language import tr, tr_later, tr_marked
from dcgan.pixels import Bytes
from dcgan.runs.classes import shown_names
from dcgan.sampling.class_names import label_text

_MAX_LISTED = 10
"""Labels and kinds of files that are listed; other labels are counted."""
NUM_PICTURES = 64
COLUMNS = 8


@dataclass(frozen=True)
class Plan:
    """The length of a training on own pictures."""

    training_images: int
    held_out: int
    steps: int
    images_shown: int
    """Real images that the discriminator sees in all steps."""


def plan(found: Survey, config: TrainConfig) -> Plan:
    """Return the length of a training on these pictures, if all of them can be read."""
    data = config.data
    held_out = num_held_out(found.num_images, data.holdout, least=data.min_holdout)
    count = found.num_images - held_out
    count = min(count, data.limit or count)
    batch_size = min(config.batch_size, max(2, count))
    whole, rest = divmod(max(2, count), batch_size)  # as in data/order.py, which imports torch
    steps = config.epochs * (config.steps_per_epoch or whole + (rest > 1))
    return Plan(count, held_out, steps, steps * batch_size)


def facts(found: Survey) -> list[str]:
    """Return lines on what there is: pictures, sizes, colors, labels, and files that are passed over."""
    total = found.num_looked_at
    low, high = found.side_range
    if found.is_whole:
        lines = [tr("{count:,} pictures in {source}", count=found.num_images, source=found.source)]
    else:
        lines = [
            tr(
                "{count:,} pictures in {source}; what follows is of {sample:,} of them",
                count=found.num_images,
                source=found.source,
                sample=total,
            )
        ]
    lines += [
        tr(
            "sides: {low} to {high} pixels; the median of the shorter side is {median}",
            low=low,
            high=high,
            median=found.median_side,
        ),
        tr_marked(
            _COLORS[found.ground if found.num_transparent else ""],
            colored=_percent(found.num_colored, total),
            transparent=_percent(found.num_transparent, total),
        ),
    ]
    names = shown_names([name for name, _ in found.labels])
    labels = [
        label_text(label, names) + ("" if count is None else f" ({count:,})")
        for label, (_, count) in enumerate(found.labels)
    ]
    listed = ", ".join(labels[:_MAX_LISTED])
    if len(labels) > _MAX_LISTED:
        lines.append(tr("labels: {labels} and {count} more", labels=listed, count=len(labels) - _MAX_LISTED))
    elif labels:
        lines.append(tr("labels: {labels}", labels=listed))
    passed = [_passed_text(kind, count) for kind, count in found.passed[:_MAX_LISTED]]
    if passed:
        lines.append(tr("passed over: {files}", files=", ".join(passed)))
    if found.unreadable:
        share = _percent(len(found.unreadable), total + len(found.unreadable))
        lines.append(tr("unreadable: {share}", share=share))
    return lines


_COLORS = {
    "": tr_later("colors: {colored}; transparent: {transparent}"),
    "white": tr_later("colors: {colored}; transparent: {transparent}, on white"),
    "black": tr_later("colors: {colored}; transparent: {transparent}, on black"),
}
"""What is behind transparent pictures; empty where there are none -> line."""


def _passed_text(kind: str, count: int) -> str:
    if kind not in REMEDY_OF:
        return f"{count:,} {tr_marked(kind)}"
    return tr("{count:,} {kind} ({remedy})", count=count, kind=kind, remedy=tr_marked(REMEDY_OF[kind]))


def _percent(count: int, total: int) -> str:
    return f"{100 * count / max(1, total):.0f} %"


def sheet(found: Survey, config: TrainConfig) -> Bytes:
    """Return 64 of the pictures as the discriminator will see them, (H, W) or (H, W, 3) uint8, 8 in a row.

    They are from all over the folder or table. Crop, ground, mirror and augmentation are those of the config. Raises
    ValueError where none of them can be read.
    """
    model = config.model

    def read(source: ImageSource) -> Bytes:
        return read_image(source, model.image_size, model.channels, fit=config.data.fit, ground=found.ground)

    results = read_all(found.sample(NUM_PICTURES), read, max(1, config.data.workers))
    images = [image for image in results if not isinstance(image, UnreadableImageError)]
    if not images:
        raise ValueError(
            tr("none of the first images in {source} can be read; convert them to PNG or JPEG", source=found.source)
        )
    images_u8 = np.stack(images)  # (N, C, H, W)
    if config.data.mirror and len(images_u8) > 1:
        mirrored = random_state([config.seed, 0, 2]).randint(0, 2, len(images_u8)).astype(bool)  # as step 0
        images_u8 = np.where(mirrored[:, None, None, None], images_u8[..., ::-1], images_u8)
    if config.augmentations:
        images_u8 = _augmented(images_u8, config)
    return pixels.grid(images_u8, COLUMNS)


def _augmented(images_u8: Bytes, config: TrainConfig) -> Bytes:
    import torch

    from dcgan.training.diff_augment import NUM_PARAMETERS, augment

    drawn = torch.rand(len(images_u8), NUM_PARAMETERS, generator=torch.Generator().manual_seed(config.seed))
    images = torch.from_numpy(pixels.from_uint8(np.ascontiguousarray(images_u8)))
    changed = augment(images, drawn, config.augmentations, config.augment_p)
    return pixels.to_uint8(changed.numpy())


def advice(found: Survey, config: TrainConfig) -> tuple[str, ...]:
    """Return what is to expect of so many pictures, and what could be changed, in sentences."""
    count, model = found.num_images, config.model
    sentences = [next(tr_marked(text, count=count) for least, text in _BY_COUNT if count >= least)]
    if not config.augmentations:
        length = plan(found, config)
        used = length.training_images + length.held_out
        images, text = next(row[1:] for row in _AUGMENTATION if used <= row[0])
        if length.images_shown * (1 - config.lr_decay) >= images:
            sentences.append(tr_marked(text, images=images))
    if found.num_colored and model.channels == 3:
        sentences.append(tr("these are colors: channels is 3"))
    elif found.num_colored:
        sentences.append(tr("these are colors: --model.channels 3 keeps them"))
    elif model.channels == 3:
        sentences.append(tr("these are grays: --model.channels 1 trains faster"))
    if found.labels and not model.num_classes:
        sentences.append(
            tr("the {count} subfolders can be labels: train cpictures learns them", count=len(found.labels))
        )
    return tuple(sentences)


_BY_COUNT = (
    (20_000, tr_later("{count:,} pictures are many, and the training can be long: --images 1000000 and more")),
    (2_000, tr_later("{count:,} pictures are enough for varied samples")),
    (500, tr_later("{count:,} pictures are enough for a first try; more of them give more varied samples")),
    (100, tr_later("{count:,} pictures are few: expect copies of them, or rough forms")),
    (0, tr_later("{count:,} pictures are very few: expect copies of them, or rough forms")),
)
"""The least number of pictures -> what to expect; the first that fits counts."""

_COPIES_LATER = tr_later(
    "from about {images:,} images on the samples are copies of your pictures: --augment translate,mirror --augment-p "
    "auto prevents copies, and the forms are then rough"
)
_BETTER_LATER = tr_later(
    "from about {images:,} images on --augment translate,mirror --augment-p auto gives better samples; leave out "
    "mirror where left and right matter"
)
_AUGMENTATION = (
    (200, 16_000, _COPIES_LATER),
    (1_000, 40_000, _BETTER_LATER),
    (10_000, 60_000, _BETTER_LATER),
    (math.inf, math.inf, _BETTER_LATER),
)
"""The most pictures, from how many images on augmentation pays, and what it does. Measured at constant learning rates
with 50 and 100, with 351 and 500, and with 3,786 emoji; see docs/own-images.md. So only images before the rates fall
count. With more pictures it was not measured."""
