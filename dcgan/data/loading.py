"""Real images: from a set's name to images in memory and batches on the device.

named_sets.py reads the named sets, folder.py the user's images, decoded_cache.py keeps those decoded, batches.py
makes the batches.

Shapes: N images, C H W image.
"""

from __future__ import annotations

import math
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
    check_header,
    class_note,
    find_images,
    fit_array,
    keep_readable,
    read_image,
    require_classes,
    source_of,
    split_files,
)
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
    """A whole set in memory, at the model's size and channels.

    The training part is cut to its first `data.limit` images; the test part is always whole. It is the
    standard one of a named set, and the `data.holdout` that the seed draws of a folder.

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
    config: TrainConfig, device: torch.device, ranks: Ranks = ALONE, began: Source | None = None
) -> Batches:
    """The training's batches: resident on the device where the set fits, else decoded on the way, or once before.

    A rank among several gets its share of each. It holds a resident set whole, and decodes its share only.

    began: the files that a resumed training began with, Source() where nobody knows; None of a new training.

    Raises ValueError or FileNotFoundError that names the set and the remedy.
    """
    data, model = config.data, config.model
    check_data(data, model)
    whole = _find_files(data, model, began) if data.is_folder else None
    if began is None:
        _check_classes(data, model, whole)
    files = split_files(whole, data.holdout, config.seed, "train") if whole else None
    num_train = len(files.paths) if files else get_named_set(data.name).num_train
    num_images = min(num_train, data.limit or num_train)
    mebibytes = math.ceil(num_images * math.prod(model.image_shape) / 2**20)
    if mebibytes <= data.resident_limit_mib:
        if not files:
            return ResidentBatches(load_images(data, model), config, device, ranks)
        images, files = _load_files(whole, files, data, model, data.limit)
        return ResidentBatches(images, config, device, ranks, source_of(files, bool(model.num_classes)))
    if files and data.cache:
        decoded, files = _decoded(whole, files, data, model, data.limit)
        return DecodedBatches(decoded, files, config, device, ranks)
    if files:
        files = _note_classes(keep_readable(files, check_header, data.limit, data.workers), model)
        return StreamedBatches(files, config, device, ranks)
    raise ValueError(
        f"{data.name} takes {mebibytes} MiB at this size, more than data.resident_limit_mib="
        f"{data.resident_limit_mib}, and only folders stream; set --data.resident-limit-mib {mebibytes}, or "
        "lower --model.image-size or --data.limit"
    )


def _find_files(data: DataConfig, model: ModelConfig, began: Source | None = None) -> ImageFiles:
    files = find_images(Path(data.name.removeprefix("folder:")).expanduser())
    if began:
        require_classes(files, began)
    _check_labels(data, model, files.labels)
    return files


def _load_files(
    whole: ImageFiles, files: ImageFiles, data: DataConfig, model: ModelConfig, limit: int
) -> tuple[ImageSet, ImageFiles]:
    """The first `limit` (0: all) of these files of the whole folder, and which they are."""
    if data.cache:
        decoded, files = _decoded(whole, files, data, model, limit)
        images_u8 = decoded.read(decoded.rows(files))
    else:
        num_images = min(len(files.paths), limit or len(files.paths))
        images_u8 = np.empty((num_images, *model.image_shape), np.uint8)
        read = partial(read_image, size=model.image_size, channels=model.channels)
        files = _note_classes(keep_readable(files, read, limit, data.workers, images_u8), model)
    labels = None if files.labels is None else torch.from_numpy(files.labels)
    return ImageSet(torch.from_numpy(images_u8[: len(files.paths)]), labels, files.notes), files


def _decoded(
    whole: ImageFiles, files: ImageFiles, data: DataConfig, model: ModelConfig, limit: int
) -> tuple[DecodedFolder, ImageFiles]:
    """The whole folder decoded, and which of these files to train on."""
    decoded = DecodedFolder(whole, model.image_size, model.channels, data.workers)
    return decoded, _note_classes(decoded.keep_readable(files, limit), model)


def _note_classes(files: ImageFiles, model: ModelConfig) -> ImageFiles:
    return files._replace(notes=(*files.notes, class_note(files))) if model.num_classes else files


def _convert(name: str, images_u8: np.ndarray, model: ModelConfig) -> tuple[np.ndarray, tuple[str, ...]]:
    """A named set at the model's size and channels, by the rule for files."""
    own, wanted = images_u8.shape[1:], model.image_shape
    if own == wanted:
        return images_u8, ()
    converted = np.empty((len(images_u8), *wanted), np.uint8)
    for i, image_u8 in enumerate(images_u8):  # one by one: nothing beside the result is held
        converted[i] = fit_array(image_u8, model.image_size, model.channels)
    flags = [f"--model.image-size {own[1]}"] if own[1] != wanted[1] else []
    flags += [f"--model.channels {own[0]}"] if own[0] != wanted[0] else []
    colors = {1: "grey", 3: "RGB"}
    before, after = (f"{height}x{width} {colors[channels]}" for channels, height, width in (own, wanted))
    note = f"{name}: {before} images were made {after}; {' '.join(flags)} keeps them"
    return converted, (note,)


def _check_labels(data: DataConfig, model: ModelConfig, labels: np.ndarray | None) -> None:
    """A conditional model needs a label for every image, and a class for every label."""
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
    """A new training has an image for every class. Models that were trained otherwise are still read and resumed."""
    num_labels = len(files.classes) if files else get_named_set(data.name).num_classes
    if model.num_classes > num_labels:
        raise ValueError(
            f"model.num_classes={model.num_classes} is more than the {num_labels} labels of {data.name}, and a "
            f"class without images is never learnt; set --model.num-classes {num_labels}"
        )
