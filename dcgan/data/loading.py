"""Real images: from a data set's name to images in memory and batches on the device.

named_sets.py reads the named sets and folder.py the user's images. decoded_cache.py stores those decoded, and
batches.py makes the batches.

Shapes: N images, C H W image.
"""

from __future__ import annotations

import math
import os
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from dcgan.config import DataConfig, ModelConfig, TrainConfig
from dcgan.data.batches import Batch, Batches, DecodedBatches, ImageSet, ResidentBatches, StreamedBatches
from dcgan.data.decoded_cache import DecodedFolder
from dcgan.data.folder import (
    ImageFiles,
    Source,
    class_note,
    find_images,
    readable_files,
    require_classes,
    source_of,
    split_files,
)
from dcgan.data.image_files import check_header, fit_array, read_image
from dcgan.data.named_sets import check_data, get_named_set, read_named_set
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


def load_images(data: DataConfig, model: ModelConfig, seed: int = 0, split: Split = "train") -> ImageSet:
    """Return a whole data set in memory, at the model's size and channels.

    The training part is cut to its first `data.limit` images. The test part is always whole: the standard one of a
    named set, and the share `data.holdout` of a folder, which the seed draws.

    Raises ValueError or FileNotFoundError that names the set and the remedy.
    """
    if data.is_folder:
        whole = _find_files(data, model)
        files = split_files(whole, data.holdout, seed, split)
        return _load_files(whole, files, data, model, data.limit if split == "train" else 0)[0]
    check_data(data, model)
    images_u8, labels = read_named_set(data.name, data.root, split)
    if data.limit and split == "train":
        images_u8, labels = images_u8[: data.limit], labels[: data.limit]
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
    files = _find_files(data, model, source) if data.is_folder else None
    if source is None:
        _check_classes(data, model, files)
    if files:
        return _folder_batches(files, config, device, ranks)
    mebibytes = _mebibytes(get_named_set(data.name).num_train, config)
    if mebibytes <= data.resident_limit_mib:
        return ResidentBatches(load_images(data, model), config, device, ranks)
    raise ValueError(
        f"{data.name} takes {mebibytes} MiB at this size, more than data.resident_limit_mib="
        f"{data.resident_limit_mib}, and only folders stream; set --data.resident-limit-mib {mebibytes}, or "
        "lower --model.image-size or --data.limit"
    )


def _folder_batches(whole: ImageFiles, config: TrainConfig, device: torch.device, ranks: Ranks) -> Batches:
    data, model = config.data, config.model
    files = split_files(whole, data.holdout, config.seed, "train")
    if _mebibytes(len(files.paths), config) <= data.resident_limit_mib:
        images, files = _load_files(whole, files, data, model, data.limit)
        source = source_of(files, conditional=bool(model.num_classes))
        return ResidentBatches(images, config, device, ranks, source)
    if data.cache:
        decoded, files = _decode_folder(whole, files, data, model, data.limit)
        return DecodedBatches(decoded, files, config, device, ranks)
    files = _note_classes(readable_files(files, check_header, data.limit, data.workers), model)
    return StreamedBatches(files, config, device, ranks)


def _mebibytes(num_train: int, config: TrainConfig) -> int:
    """Return the size of the training images in memory, rounded up."""
    num_images = min(num_train, config.data.limit or num_train)
    return math.ceil(num_images * math.prod(config.model.image_shape) / 2**20)


def _find_files(data: DataConfig, model: ModelConfig, source: Source | None = None) -> ImageFiles:
    files = find_images(Path(os.path.expanduser(data.name.removeprefix("folder:"))))
    if source:
        require_classes(files, source)
    _check_labels(data, model, files.labels)
    return files


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
        read = partial(read_image, size=model.image_size, channels=model.channels)
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
    colors = {1: "gray", 3: "RGB"}
    before, after = (f"{height}x{width} {colors[channels]}" for channels, height, width in (own, required))
    note = f"{name}: {before} images were made {after}; {' '.join(flags)} keeps them"
    return converted, (note,)


def _check_labels(data: DataConfig, model: ModelConfig, labels: np.ndarray | None) -> None:
    """Raise ValueError for a conditional model without a label for every image, and a class for every label."""
    if not model.num_classes:
        return
    if labels is None:
        raise ValueError(
            f"model.num_classes={model.num_classes} needs labels and {data.name} has none; put the images of "
            "each class in a subfolder of its own, or set --model.num-classes 0"
        )
    top = int(labels.max(initial=0))
    if top >= model.num_classes:
        raise ValueError(
            f"model.num_classes={model.num_classes} is too few for {data.name}, whose labels go up to {top}; "
            f"set --model.num-classes {top + 1}"
        )


def _check_classes(data: DataConfig, model: ModelConfig, files: ImageFiles | None) -> None:
    """Raise ValueError for a new training that has classes without images.

    Recorded models with more classes than their data set are still read and resumed.
    """
    num_labels = len(files.classes) if files else get_named_set(data.name).num_classes
    if model.num_classes > num_labels:
        raise ValueError(
            f"model.num_classes={model.num_classes} is more than the {num_labels} labels of {data.name}, and a "
            f"class without images is never learned; set --model.num-classes {num_labels}"
        )
