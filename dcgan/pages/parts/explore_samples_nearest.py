"""Under each image of the Samples view, the nearest training image, so that memorization is seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from dcgan import pixels
from dcgan.locale.language import tr, tr_later, tr_marked
from dcgan.pages.parts.address import plain
from dcgan.pages.parts.addressed import addressed
from dcgan.pages.parts.explore_pictures import download, fitting_zoom, show
from dcgan.pages.parts.visitor_language import Spinner
from dcgan.pixels import Bytes
from dcgan.runs.run import Run

if TYPE_CHECKING:
    from torch import Tensor

    from dcgan.checkpoint import TrainedGenerator
    from dcgan.evaluation.classifier import Classifier
    from dcgan.evaluation.nearest_training import Neighbors

KEYS = ("nearest", "by")

MAX_IMAGES = 256
"""Generated images whose nearest training image is searched for one page."""
VERMILION = (213, 94, 0)
_GAP = 5
"""Pixels between two pairs, more than within one."""
PIXELS, FEATURES = tr_later("pixels"), tr_later("classifier features")

TITLE = tr_later("{run}, images and the nearest training images")
READING = tr_later(
    "How to read it: under each image is the nearest training image. A frame marks an image that is nearer to it "
    "than that training image's own nearest neighbor. A generator that copies has frames everywhere, and both images "
    "look alike."
)
COUNTED = tr_later("{count} of {total} images have a frame.")
COMPARED = tr_later(
    "{count} of {total} images have a frame. Of {num_test} test images, which the training never saw, {expected} "
    "have one."
)


def choose_nearest(generator: TrainedGenerator, *, disabled: bool) -> str:
    """Show the toggle and the kind of distance; return the kind, or an empty text if the toggle is off."""
    from dcgan.evaluation.classifier import has_classifier

    left, right = st.columns([2, 5], vertical_alignment="bottom")
    if not left.toggle(tr("Nearest training images"), key="nearest", bind="query-params", disabled=disabled):
        return ""
    if not has_classifier(generator.train_config):
        return PIXELS
    return addressed(right.radio, tr("Compared by"), [PIXELS, FEATURES], PIXELS, key="by", horizontal=True)


def show_nearest(
    run: Run, generator: TrainedGenerator, images_u8: Bytes, by: str, *, reverse: bool, enlarge: int
) -> None:
    """Show generated images (N, C, H, W) with the nearest training image under each."""
    if len(images_u8) > MAX_IMAGES:
        st.info(tr("The nearest training images of the first {count} images are shown.", count=MAX_IMAGES))
        images_u8 = images_u8[:MAX_IMAGES]
    try:
        train_u8, neighbors = neighbors_of(generator, images_u8, by)
    except (OSError, ValueError) as error:
        st.warning(plain(tr("The training images cannot be shown: {error}.", error=error)))
        return
    enlarge = fitting_zoom(generator.config, 3 * len(images_u8), enlarge)
    framed = neighbors.is_nearer.numpy()
    picture = pairs(images_u8, train_u8[neighbors.indices].numpy(), framed, reverse=reverse)
    picture = pixels.enlarge(picture, enlarge)
    show(
        picture,
        tr_marked(TITLE, run=run.name),
        alt=tr("Images that {run} draws, and under each the nearest training image", run=run.name),
    )
    download(lambda: picture, f"nearest-training-{run.name}.png", TITLE.format(run=run.name), generator)
    expected, num_test = frames_of_test(generator.weights_id, by, len(images_u8), generator)
    text = COMPARED if num_test else COUNTED
    st.markdown(tr_marked(text, count=framed.sum(), total=len(framed), num_test=num_test, expected=expected))
    st.caption(tr_marked(READING))


def pairs(images_u8: Bytes, nearest_u8: Bytes, framed: np.ndarray, *, reverse: bool) -> Bytes:
    """Return a sheet (H', W', 3) of images (N, C, H, W), each above its nearest one. Some of these have a frame."""
    background = 255 if reverse else 0
    tiles = []
    for image_u8, other_u8, has_frame in zip(images_u8, nearest_u8, framed, strict=True):
        upper, lower = (
            np.pad(np.repeat(tile, 3 // len(tile), axis=0), ((0, 0), (1, 1), (1, 1)), constant_values=background)
            for tile in ((255 - tile if reverse else tile) for tile in (image_u8, other_u8))
        )
        if has_frame:
            color = np.array(VERMILION, np.uint8)[:, None]
            lower[:, 0], lower[:, -1], lower[:, :, 0], lower[:, :, -1] = color, color, color, color
        tiles.append(np.concatenate([upper, lower], axis=1))
    columns = max(1, round((2 * len(tiles)) ** 0.5))
    return pixels.grid(np.stack(tiles), columns, gap=_GAP, background=background)


def neighbors_of(generator: TrainedGenerator, images_u8: Bytes, by: str) -> tuple[Tensor, Neighbors]:
    """Return the training images (T, C, H, W) uint8, and the nearest of each image (N, C, H, W)."""
    import torch

    from dcgan.evaluation.nearest_training import nearest_by_features, nearest_by_pixels

    key = repr((generator.train_config.data, generator.config.image_shape, generator.train_config.seed))
    images = torch.from_numpy(pixels.from_uint8(images_u8))
    train_u8 = training_images_of(key, generator)
    if by != FEATURES:
        return train_u8, nearest_by_pixels(images, train_u8)
    features, classifier = features_of(key, generator)
    return train_u8, nearest_by_features(classifier.features(images), features)


@st.cache_resource(max_entries=2, show_spinner=Spinner(tr_later("Reading the training images ...")))
def training_images_of(key: str, _generator: TrainedGenerator) -> Tensor:
    """Return the training images of a generator, read once for all sessions."""
    from dcgan.evaluation.nearest_training import training_images

    return training_images(_generator.train_config)


@st.cache_resource(
    max_entries=2, show_spinner=Spinner(tr_later("Computing the features of the training images, once ..."))
)
def features_of(key: str, _generator: TrainedGenerator) -> tuple[Tensor, Classifier]:
    """Return the features (T, F) of the training images, and the classifier."""
    from dcgan.checkpoint import weights_id
    from dcgan.evaluation.classifier import load_classifier
    from dcgan.evaluation.nearest_training import training_features

    train_u8 = training_images_of(key, _generator)
    classifier = load_classifier(_generator.train_config.data.name)
    return training_features(train_u8, classifier, weights_id({"images": train_u8})), classifier


@st.cache_data(max_entries=32, show_spinner=False)
def frames_of_test(weights_id: str, by: str, count: int, _generator: TrainedGenerator) -> tuple[int, int]:
    """Return how many of at most `count` test images would have a frame, and how many test images there are."""
    from dcgan.evaluation.nearest_training import held_out_images

    images_u8 = held_out_images(_generator.train_config, count).numpy()
    if not len(images_u8):
        return 0, 0
    return int(neighbors_of(_generator, images_u8, by)[1].is_nearer.sum()), len(images_u8)
