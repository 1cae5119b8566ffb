"""Real images: from a data set's name to images in memory and batches on the device.

named_sets.py reads the named sets, and folder.py the user's folders. table_loading.py reads tables of images.
decoded_cache.py stores decoded images, and batches.py makes the batches.

The module has more than 250 lines, because each way to read images ends in the same checks.

Shapes: N images, C H W image.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Literal, get_args

import numpy as np
import torch

from dcgan.config import DataConfig, ModelConfig, ShownGround, TrainConfig
from dcgan.data.batches import Batch, Batches, DecodedBatches, ImageSet, ResidentBatches, StreamedBatches
from dcgan.data.decoded_cache import DecodedFolder
from dcgan.data.folder import (
    ImageFiles,
    Source,
    class_note,
    find_images,
    first_names,
    log_left_out,
    readable_files,
    some_files,
    source_of,
    split_files,
    with_classes_of,
)
from dcgan.data.glance import shown_ground
from dcgan.data.image_files import check_header, fit_array, read_image
from dcgan.data.named_sets import check_data, get_named_set, read_named_set
from dcgan.data.picture_notes import notes_on
from dcgan.data.survey import TRAINING_SAMPLE, folder_of, survey
from dcgan.data.table_loading import check_classes, ground_of, load_table, table_batches
from dcgan.data.tables import Table
from dcgan.locale.language import tr
from dcgan.runtime.distributed import ALONE, Ranks

__all__ = [
    "Batch",
    "Batches",
    "DecodedBatches",
    "ImageSet",
    "ResidentBatches",
    "StreamedBatches",
    "load_images",
    "make_batches",
]

Split = Literal["train", "test"]


def load_images(
    data: DataConfig, model: ModelConfig, seed: int = 0, split: Split = "train", *, at_most: int = 0
) -> ImageSet:
    """Return a whole data set in memory, at the model's size and channels.

    The training part is cut to its first `data.limit` images. The test part is always whole: the standard one of a
    named set, and the share `data.holdout` of a folder, which the seed draws. With `at_most`, only so many images of
    a larger part are returned. A fixed seed draws them, and no other file of a folder is read.

    Raises ValueError or FileNotFoundError that names the set and the remedy.
    """
    if data.is_table:
        table = Table(data, seed)
        check_classes(table, model, Source())
        return load_table(table, data, model, split, ground=ground_of(table), at_most=at_most)
    if data.is_folder:
        whole = _find_files(data, model)
        files = some_files(split_files(whole, data.holdout, seed, split, least=data.min_holdout), at_most)
        return _load_files(whole, files, data, model, data.limit if split == "train" else 0)[0]
    check_data(data, model)
    images_u8, labels = read_named_set(data.name, data.root, split)
    if data.limit and split == "train":
        images_u8, labels = images_u8[: data.limit], labels[: data.limit]
    if 0 < at_most < len(images_u8):
        drawn = np.sort(np.random.RandomState(0).permutation(len(images_u8))[:at_most])
        images_u8, labels = images_u8[drawn], labels[drawn]
    _check_labels(data, model, labels)
    images_u8, notes = _convert(data.name, images_u8, model)
    return ImageSet(torch.from_numpy(images_u8), torch.from_numpy(labels), notes)


def make_batches(
    config: TrainConfig, device: torch.device, ranks: Ranks = ALONE, *, source: Source | None = None
) -> Batches:
    """Return the training's batches: resident on the device where the set fits, else decoded before or during it.

    A rank among several gets its share of every batch. It holds a resident set whole, and decodes only its share.

    source: the files that a resumed training began with, Source() where they are unknown; None for a new training.

    Raises ValueError or FileNotFoundError that names the set and the remedy.
    """
    data, model = config.data, config.model
    check_data(data, model)
    if data.is_table:
        return _table_batches(config, device, ranks, source)
    files = _find_files(data, model, source) if data.is_folder else None
    if source is None:
        _check_classes(data, model, files)
    if files:
        found = survey(files, most=TRAINING_SAMPLE, threads=max(1, data.workers))
        files = files._replace(notes=(*files.notes, *notes_on(found, data, model)))
        return _folder_batches(files, config, device, ranks)
    mebibytes = _mebibytes(get_named_set(data.name).num_train, config)
    if mebibytes <= data.resident_limit_mib:
        return ResidentBatches(load_images(data, model), config, device, ranks)
    raise ValueError(
        tr(
            "{data} takes {mebibytes} MiB at this size, more than data.resident_limit_mib={limit}, and only own "
            "images stream; set --data.resident-limit-mib {mebibytes}, or lower --model.image-size or --data.limit",
            data=data.name,
            mebibytes=mebibytes,
            limit=data.resident_limit_mib,
        )
    )


def _table_batches(config: TrainConfig, device: torch.device, ranks: Ranks, source: Source | None) -> Batches:
    table = Table(config.data, config.seed, source=source)
    check_classes(table, config.model, source)
    record = table.source(conditional=bool(config.model.num_classes), ground=ground_of(table, source))
    return table_batches(table, config, device, ranks, record)


def _folder_batches(whole: ImageFiles, config: TrainConfig, device: torch.device, ranks: Ranks) -> Batches:
    data, model = config.data, config.model
    files = split_files(whole, data.holdout, config.seed, "train", least=data.min_holdout)
    if _mebibytes(len(files.paths), config) <= data.resident_limit_mib:
        images, files = _load_files(whole, files, data, model, data.limit)
        source = source_of(files, conditional=bool(model.num_classes))
        return ResidentBatches(images, config, device, ranks, source)
    if data.cache:
        decoded, files = _decode_folder(whole, files, data, model, data.limit)
        rows, source = decoded.rows(files), source_of(files, conditional=bool(model.num_classes))
        return DecodedBatches(decoded, rows, files.labels, config, device, ranks, source=source, notes=files.notes)
    files = _note_classes(
        readable_files(files, partial(check_header, size=model.image_size), data.limit, data.workers), model
    )
    return StreamedBatches(files, config, device, ranks)


def _mebibytes(num_train: int, config: TrainConfig) -> int:
    """Return the size of the training images in memory, rounded up."""
    num_images = min(num_train, config.data.limit or num_train)
    return math.ceil(num_images * math.prod(config.model.image_shape) / 2**20)


def _find_files(data: DataConfig, model: ModelConfig, source: Source | None = None) -> ImageFiles:
    files = find_images(folder_of(data), report=log_left_out)
    if source:
        files = with_classes_of(files, source)
    if model.num_classes and files.labels is None and len(files.strays) < len(files.paths):
        raise ValueError(
            tr(
                "model.num_classes={num_classes} needs labels, and {count} images of {data} lie beside its "
                "subfolders: {names}; move them into the subfolder of their class, or set --model.num-classes 0",
                num_classes=model.num_classes,
                count=len(files.strays),
                data=data.name,
                names=first_names(files.strays),
            )
        )
    _check_labels(data, model, files.labels)
    ground = source.ground if source and source.ground in get_args(ShownGround) else data.ground
    return files._replace(fit=data.fit, ground=shown_ground(files) if ground == "auto" else ground)


def _load_files(
    whole: ImageFiles, files: ImageFiles, data: DataConfig, model: ModelConfig, limit: int
) -> tuple[ImageSet, ImageFiles]:
    """Return the images of the first `limit` (0: all) of these files, and which files those are."""
    if data.cache:
        decoded, files = _decode_folder(whole, files, data, model, limit)
        images_u8 = decoded.read(decoded.rows(files))
    else:
        num_images = min(len(files.paths), limit or len(files.paths))
        images_u8 = np.empty((num_images, *model.image_shape), np.uint8)
        read = partial(read_image, size=model.image_size, channels=model.channels, fit=files.fit, ground=files.ground)
        files = _note_classes(readable_files(files, read, limit, data.workers, images_u8), model)
    labels = None if files.labels is None else torch.from_numpy(files.labels)
    return ImageSet(torch.from_numpy(images_u8[: len(files.paths)]), labels, files.notes), files


def _decode_folder(
    whole: ImageFiles, files: ImageFiles, data: DataConfig, model: ModelConfig, limit: int
) -> tuple[DecodedFolder, ImageFiles]:
    """Return the whole folder decoded, and which of these files to train on."""
    decoded = DecodedFolder(whole, model.image_size, model.channels, data.workers)
    return decoded, _note_classes(decoded.readable_files(files, limit), model)


def _note_classes(files: ImageFiles, model: ModelConfig) -> ImageFiles:
    return files._replace(notes=(*files.notes, class_note(files))) if model.num_classes else files


def _convert(name: str, images_u8: np.ndarray, model: ModelConfig) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return a named set at the model's size and channels, by the rule for files, and notes on what was changed."""
    own, required = images_u8.shape[1:], model.image_shape
    if own == required:
        return images_u8, ()
    converted = np.empty((len(images_u8), *required), np.uint8)
    for i, image_u8 in enumerate(images_u8):  # one by one: nothing beside the result is held
        converted[i] = fit_array(image_u8, model.image_size, model.channels)
    flags = [f"--model.image-size {own[1]}"] if own[1] != required[1] else []
    flags += [f"--model.channels {own[0]}"] if own[0] != required[0] else []
    note = tr(
        "{data}: {before} images were made {after}; {flags} keeps them",
        data=name,
        before=_kind(*own),
        after=_kind(*required),
        flags=" ".join(flags),
    )
    return converted, (note,)


def _kind(channels: int, height: int, width: int) -> str:
    if channels == 1:
        return tr("{height}x{width} gray", height=height, width=width)
    return f"{height}x{width} RGB"


def _check_labels(data: DataConfig, model: ModelConfig, labels: np.ndarray | None) -> None:
    """Raise ValueError for a conditional model without a label for every image, and a class for every label."""
    if not model.num_classes:
        return
    if labels is None:
        raise ValueError(
            tr(
                "model.num_classes={num_classes} needs labels and {data} has none; put the images of each class in a "
                "subfolder of its own, or set --model.num-classes 0",
                num_classes=model.num_classes,
                data=data.name,
            )
        )
    top = int(labels.max(initial=0))
    if top >= model.num_classes:
        raise ValueError(
            tr(
                "model.num_classes={num_classes} is too few for {data}, whose labels go up to {top}; set "
                "--model.num-classes {required}",
                num_classes=model.num_classes,
                data=data.name,
                top=top,
                required=top + 1,
            )
        )


def _check_classes(data: DataConfig, model: ModelConfig, files: ImageFiles | None) -> None:
    """Raise ValueError for a new training that has classes without images.

    Recorded models with more classes than their data set are still read and resumed.
    """
    num_labels = len(files.classes) if files else get_named_set(data.name).num_classes
    if model.num_classes > num_labels:
        raise ValueError(
            tr(
                "model.num_classes={num_classes} is more than the {count} labels of {data}, and a class without "
                "images is never learned; set --model.num-classes {count}",
                num_classes=model.num_classes,
                count=num_labels,
                data=data.name,
            )
        )
