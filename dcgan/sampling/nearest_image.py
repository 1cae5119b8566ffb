"""The nearest image to a picture of one's own: reads the picture, bounds the search, and draws what it found.

The studio, the demo and the command line use these functions. `targets` prepares the picture, and `projection`
searches. N images, C H W image; S the side of a square picture.
"""

from __future__ import annotations

import base64
import binascii
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from dcgan import pixels
from dcgan.checkpoint import TrainedGenerator
from dcgan.config import DataConfig, ModelConfig
from dcgan.data.image_files import fit_array, read_image
from dcgan.data.loading import load_images
from dcgan.data.named_sets import read_named_set
from dcgan.locale.language import tr, tr_later, tr_marked
from dcgan.models.browser import multiply_adds
from dcgan.pixels import Bytes
from dcgan.sampling.projection import Projection, project
from dcgan.sampling.targets import target_of

PICTURE_SIDE = 256
"""Pixels at which a picture is read, before it gets the model's size."""
MAX_PICTURE_TEXT = 2**19
"""Characters of a picture that a browser sends as an address. Its paper has 256 x 256 pixels."""
MIN_CONTRAST = 16
"""Levels of 255. A picture with less between its darkest and its lightest pixel is empty."""
MAX_OWN_IMAGES = 256
"""Held-out images of a folder that have a number."""
MAX_MULTIPLY_ADDS = 2 * 10**11
"""Of one search for a visitor. The search of a generator of MNIST stays below a third of it."""
_USUAL_MULTIPLY_ADDS = 10**7
"""Of an image of a topology that is not counted. These draw 28x28 pixels."""
MAX_SEARCHES = 2
"""Searches for visitors that run at one time."""
MAX_WAITING = 8
"""Searches that wait. Further ones are refused with BUSY."""
FRAME_MILLISECONDS = 80
HOLD_MILLISECONDS = 1200
"""How long an animation shows the result."""

BUSY = tr_later("the server is busy with other searches; try again in a moment")
EMPTY = tr_later("the picture has one color only; draw a digit, or choose another picture")

_running = threading.BoundedSemaphore(MAX_SEARCHES)
_places = threading.BoundedSemaphore(MAX_SEARCHES + MAX_WAITING)


@dataclass(frozen=True)
class Nearest:
    """A target, and the nearest image that a generator draws."""

    target_u8: Bytes  # (C, H, W)
    path_u8: Bytes  # (N, C, H, W)
    """The images along the search. The last one is the nearest."""
    projection: Projection

    @property
    def image_u8(self) -> Bytes:
        """Return the nearest image (C, H, W)."""
        return self.path_u8[-1]

    def difference_u8(self, index: int = -1) -> Bytes:
        """Return how far an image of the path is from the target, pixel by pixel: (C, H, W)."""
        return np.abs(self.path_u8[index].astype(np.int16) - self.target_u8).astype(np.uint8)

    def row(self, index: int = -1, *, enlarge: int = 1, reverse: bool = False) -> Bytes:
        """Return the target, an image of the path and their difference as one picture."""
        images_u8 = np.stack([self.target_u8, self.path_u8[index], self.difference_u8(index)])
        return picture_of(images_u8, enlarge=enlarge, reverse=reverse)

    def rows_gif(self, *, enlarge: int = 1) -> bytes:
        """Return the search as an animation of rows."""
        return self._animation([self.row(index, enlarge=enlarge) for index in range(len(self.path_u8))])

    def images_gif(self, *, enlarge: int = 1, reverse: bool = False) -> bytes:
        """Return the search as an animation of the image alone."""
        return self._animation([picture_of(image[None], enlarge=enlarge, reverse=reverse) for image in self.path_u8])

    @staticmethod
    def _animation(frames: Sequence[Bytes]) -> bytes:
        return pixels.gif_bytes(frames, [FRAME_MILLISECONDS] * (len(frames) - 1) + [HOLD_MILLISECONDS])

    @cached_property
    def gray_levels(self) -> float:
        """Return the root of the mean squared error, in levels of 255."""
        return 255 * self.projection.error**0.5


def picture_of(images_u8: Bytes, *, enlarge: int = 1, reverse: bool = False) -> Bytes:
    """Return images (N, C, H, W) side by side as one picture."""
    images_u8 = pixels.invert(images_u8) if reverse else images_u8
    return pixels.enlarge(pixels.grid(images_u8, len(images_u8), gap=int(len(images_u8) > 1)), enlarge)


# Targets


def picture_target(source: Path | bytes, generator: TrainedGenerator) -> tuple[Bytes, list[str]]:
    """Return a picture as an image that the generator could draw (C, H, W), and a sentence for each change.

    source: an image file of any size and shape, or its bytes. Raises UnreadableImageError for what is not an image,
    and ValueError for a picture of one color.
    """
    picture_u8 = read_image(source, PICTURE_SIDE, generator.config.channels, for_training=False)
    _check_contrast(picture_u8)
    target_u8, notes = target_of(picture_u8, generator)
    _check_contrast(target_u8)
    return target_u8, notes


def _check_contrast(picture_u8: Bytes) -> None:
    if int(picture_u8.max()) - int(picture_u8.min()) < MIN_CONTRAST:
        raise ValueError(tr_marked(EMPTY))


def bytes_of_address(text: object) -> bytes:
    """Return the picture of a `data:` address that a browser has sent. Raises ValueError for anything else."""
    refusal = tr("the browser sent no picture; clear the paper and draw again")
    if not isinstance(text, str) or len(text) > MAX_PICTURE_TEXT:
        raise ValueError(refusal)
    head, comma, body = text.partition(",")
    if not comma or not head.startswith("data:image/") or not head.endswith(";base64"):
        raise ValueError(refusal)
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError(refusal) from error


def num_test_images(generator: TrainedGenerator) -> int:
    """Return how many test images of the generator's data have a number, without reading them."""
    from dcgan.data.named_sets import NAMED_SETS

    name = generator.train_config.data.name
    return NAMED_SETS[name].num_test if name in NAMED_SETS else MAX_OWN_IMAGES


def target_of_test(number: int, generator: TrainedGenerator) -> tuple[Bytes, list[str]]:
    """Return test image `number` of the generator's data (C, H, W), and a sentence for each change.

    A number beyond the last image gives the last one. Nothing is downloaded. Raises ValueError or FileNotFoundError
    where the data is not here, or has no test images.
    """
    images_u8 = _test_images(generator.train_config.data, generator.config, generator.train_config.seed)
    if not len(images_u8):
        raise ValueError(tr("this training held no images out; draw something, or choose a picture"))
    last = len(images_u8) - 1
    notes = []
    if not 0 <= number <= last:
        notes.append(tr("There is no test image {number:,}; the nearest is {last:,}.", number=number, last=last))
    image_u8 = images_u8[min(max(number, 0), last)]
    if image_u8.shape != generator.config.image_shape:
        image_u8 = fit_array(image_u8, generator.config.image_size, generator.config.channels)
    _check_contrast(image_u8)
    return image_u8, notes


def _test_images(data: DataConfig, model: ModelConfig, seed: int) -> Bytes:
    """Return test images (N, C, H, W) at any size: those of a named set, or some of own pictures."""
    if not data.is_own:
        return read_named_set(data.name, data.root, "test", download=False)[0]
    if data.name.startswith("hub:"):
        raise ValueError(tr("these pictures are on the Hugging Face Hub, and are not fetched here; choose a picture"))
    images = load_images(replace(data, cache=False), model, seed, "test", at_most=MAX_OWN_IMAGES)
    return images.images_u8.numpy()


# Searches


def find_nearest(
    generator: TrainedGenerator,
    target_u8: Bytes,
    *,
    label: int | None = None,
    max_images: int | None = None,
    on_point: Callable[[int, float], None] | None = None,
) -> Nearest:
    """Return the image of the generator that is nearest to a target (C, H, W), with the images of the search.

    label: the class that a conditional model draws; None: that of the nearest image. max_images and on_point: see
    `project`. Raises ValueError as `project` does.
    """
    found = project(
        generator,
        pixels.from_uint8(target_u8),
        labels=None if label is None else [label],
        max_images=max_images,
        on_point=on_point,
    )
    labels = None if found.label is None else np.full(len(found.path), found.label)
    return Nearest(target_u8, pixels.to_uint8(generator(found.path, labels).numpy()), found)


def find_for_visitor(generator: TrainedGenerator, target_u8: Bytes, *, label: int | None = None) -> Nearest:
    """Return the same within a bound of work, and with few searches at a time.

    Raises ValueError where too many searches wait, and as `find_nearest` does.
    """
    with _a_place():
        return find_nearest(generator, target_u8, label=label, max_images=images_for_visitors(generator.config))


def images_for_visitors(model: ModelConfig) -> int:
    """Return how many images one search for a visitor draws at most."""
    try:
        cost = multiply_adds(model)
    except ValueError:  # a topology that is not counted
        cost = _USUAL_MULTIPLY_ADDS
    return max(1, MAX_MULTIPLY_ADDS // cost)


@contextmanager
def _a_place() -> Iterator[None]:
    if not _places.acquire(blocking=False):
        raise ValueError(tr_marked(BUSY))
    try:
        with _running:
            yield
    finally:
        _places.release()
