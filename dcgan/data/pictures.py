"""The presets for own pictures, adapted to the pictures and to the device."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from dcgan.config import DataConfig, TrainConfig
from dcgan.data.folder import find_images
from dcgan.data.glance import Glance, glance_at
from dcgan.data.image_files import read_all
from dcgan.data.named_sets import get_named_set
from dcgan.data.survey import TRAINING_SAMPLE, folder_of, survey
from dcgan.data.tables import Table
from dcgan.locale.language import tr

WIDTH_ON_CPU, WIDTH_ON_GPU = 32, 64
PENALTY = 0.2
"""Weight of R1 and R2 at 64 pixels."""
HOLDOUT = 0.1
MIN_HELD_OUT = 16
"""Held-out pictures: fewer say nothing about overfitting."""
MIN_WITH_HOLDOUT = 100
"""Pictures of a folder from which on some are held out: of fewer, none can be spared."""


class Pictures(NamedTuple):
    """What the presets must know of a data set."""

    count: int
    channels: int
    """3 where any of the pictures has colors, else 1."""
    num_classes: int
    """Class subfolders of a folder, or labels of another set; 0 without."""
    is_own: bool = True


def pictures_of(data: DataConfig) -> Pictures:
    """Return what the presets must know of a data set. Of own pictures, 64 decide whether they have colors.

    Raises ValueError or FileNotFoundError where there is no such data, or a folder without pictures.
    """
    if data.is_table:
        table = Table(data)
        looks = read_all(table.sample(TRAINING_SAMPLE), glance_at, 1)
        channels = 3 if any(isinstance(look, Glance) and look.has_color for look in looks) else 1
        return Pictures(min(len(table), data.limit or len(table)), channels, len(table.classes))
    if not data.is_folder:
        named_set = get_named_set(data.name)
        count = min(named_set.num_train, data.limit or named_set.num_train)
        return Pictures(count, named_set.shape[0], named_set.num_classes, is_own=False)
    files = find_images(folder_of(data))
    channels = survey(files, most=TRAINING_SAMPLE).channels
    return Pictures(min(len(files.paths), data.limit or len(files.paths)), channels, len(files.classes))


def adapted(
    config: TrainConfig, pictures: Pictures, *, image_size: int | None = None, on_gpu: bool = False
) -> TrainConfig:
    """Return a preset's config with the channels, classes, widths, penalties and held-out share for these pictures.

    image_size: the side in pixels; None: the preset's. A conditional preset gets the number of classes of the
    pictures.

    The weight of R1 and R2 grows with the square of the side, because the norm of an image's gradient is a sum over
    its pixels. Source: StyleGAN2-ADA's `auto` configuration, which is proportional to the square of the side.

    Raises ValueError for a conditional preset and pictures without classes.
    """
    size = config.model.image_size if image_size is None else image_size
    if config.model.num_classes and not pictures.num_classes:
        raise ValueError(
            tr(
                "these pictures have no classes to learn; put those of each class in a subfolder of its own, or "
                "train the preset without classes: pictures"
            )
        )
    width = WIDTH_ON_GPU if on_gpu else WIDTH_ON_CPU
    gamma = round(PENALTY * (size / 64) ** 2, 6)
    return replace(
        config,
        model=replace(
            config.model,
            image_size=size,
            channels=pictures.channels,
            num_classes=pictures.num_classes if config.model.num_classes else 0,
            width_g=width,
            width_d=width,
        ),
        r1_gamma=gamma,
        r2_gamma=gamma,
    )


def adapted_to(
    config: TrainConfig, data: DataConfig, *, image_size: int | None = None, on_gpu: bool = False
) -> TrainConfig:
    """Return a preset's config with these data, adapted to their pictures. Of own pictures some are held out.

    Raises ValueError or FileNotFoundError, as `pictures_of` and `adapted` do.
    """
    pictures = pictures_of(data)
    config = adapted(config, pictures, image_size=image_size, on_gpu=on_gpu)
    return replace(config, data=replace(data, holdout=holdout_for(pictures)))


def holdout_for(pictures: Pictures) -> float:
    """Return the share of the pictures to hold out: a tenth and at least 16 pictures, from 100 pictures on."""
    if not pictures.is_own or pictures.count < MIN_WITH_HOLDOUT:
        return 0.0
    return max(HOLDOUT, round(MIN_HELD_OUT / pictures.count, 3))
