"""The classifier: a small network whose penultimate layer gives the features that scores compare.

This project trains one on each named set of 28x28 gray images, and commits it with its accuracy under `features/`.
Scores by different classifiers do not compare, so each score has the hash of its classifier's weights.

N images, B batch, F features.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dcgan.checkpoint import load_tensors, save_tensors, weights_id
from dcgan.config import OWN_PREFIXES, TrainConfig
from dcgan.data.named_sets import NAMED_SETS
from dcgan.files import PROJECT, missing_from_wheel, printable
from dcgan.locale.language import tr
from dcgan.models.inference import side_by_side
from dcgan.pixels import from_uint8

FEATURES = PROJECT / "features"
"""The trained classifiers, one file for each set."""
NUM_FEATURES = 128
NUM_CLASSES = 10
IMAGE_SHAPE = (1, 28, 28)

EPOCHS = 10
MIRRORED = {"fashion-mnist": 25}
"""Sets whose images keep their meaning in a mirror, as clothes do and digits do not, and their training epochs.

Their classifier also learns from mirrored images, which takes longer."""
BATCH = 128
"""Images in a training step. An epoch leaves out an incomplete last batch."""
_PEAK_LR = 4e-3
_MAX_SHIFT = 2
"""Largest shift of an image in training, in pixels, in each direction."""
_CHUNK = 125
"""Images in a forward pass: 13 MB in the widest layer, which fits a processor's cache better than more."""


class ClassifierNetwork(nn.Module):
    """Images (B, 1, 28, 28) in [-1, 1] -> logits (B, 10). The input of the last layer is the features (B, 128)."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *_convolution(1, 32),
            nn.MaxPool2d(2),  # (B, 32, 14, 14)
            *_convolution(32, 64),
            nn.MaxPool2d(2),  # (B, 64, 7, 7)
            *_convolution(64, 64),
            nn.Flatten(),
            nn.Linear(64 * 7 * 7, NUM_FEATURES, bias=False),
            nn.BatchNorm1d(NUM_FEATURES),
            nn.ReLU(),
        )
        self.head = nn.Linear(NUM_FEATURES, NUM_CLASSES)

    def features(self, images: Tensor) -> Tensor:
        return self.body(images)

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.features(images))


def _convolution(channels_in: int, channels_out: int) -> tuple[nn.Module, ...]:
    convolution = nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False)
    return convolution, nn.BatchNorm2d(channels_out), nn.ReLU()


class Classifier:
    """A trained classifier in eval mode: `name` is its data set, and `hash` names its weights."""

    def __init__(
        self, name: str, network: ClassifierNetwork, device: str | torch.device = "cpu", *, test_accuracy: float = 0.0
    ) -> None:
        self.name = name
        self.test_accuracy = test_accuracy
        self.hash = weights_id(network.state_dict())
        self.device = torch.device(device)
        # Batch norm and pooling on a CPU are several times faster where the channels lie side by side.
        self._network = network.eval().to(self.device).to(memory_format=torch.channels_last)

    def features(self, images: Tensor) -> Tensor:
        """Return features (N, 128) float32 on the CPU of images (N, 1, 28, 28) in [-1, 1]. N may be 0.

        Raises ValueError for images of another shape, and for integers.
        """
        if images.ndim != 4 or tuple(images.shape[1:]) != IMAGE_SHAPE:
            raise ValueError(
                tr(
                    "images of shape {shape} cannot be scored: the {name} classifier takes (N, 1, 28, 28); train "
                    "with --model.image-size 28 --model.channels 1",
                    shape=tuple(images.shape),
                    name=self.name,
                )
            )
        if not images.is_floating_point():
            raise ValueError(f"images of type {images.dtype} are not floats in [-1, 1]; divide by 127.5, subtract 1")

        @torch.no_grad()  # each thread has its own grad mode
        def features_of(start: int) -> Tensor:
            chunk = images[start : start + _CHUNK].float().to(self.device)
            return self._network.features(chunk.contiguous(memory_format=torch.channels_last)).cpu()

        starts = range(0, len(images), _CHUNK)
        chunks = side_by_side(features_of, starts) if self.device.type == "cpu" else list(map(features_of, starts))
        return torch.cat([torch.empty(0, NUM_FEATURES), *chunks])

    @torch.no_grad()
    def logits(self, features: Tensor) -> Tensor:
        """Return logits (N, 10) on the CPU of `features` (N, 128): the last, linear layer."""
        return self._network.head(features.to(self.device)).cpu()

    def accuracy(self, images: Tensor, labels: Tensor) -> float:
        """Return the share of images (N, 1, 28, 28) whose class is their label (N,)."""
        return (self.logits(self.features(images)).argmax(1) == labels).double().mean().item()


# On disk


def save_classifier(
    path: Path, network: ClassifierNetwork, *, name: str, accuracy: float, seed: int, epochs: int
) -> None:
    """Write a classifier with its data set, its training, and its accuracy on the test images."""
    recipe = {"seed": seed, "epochs": epochs, "test_accuracy": accuracy}
    tensors = network.state_dict()
    save_tensors(path, tensors, {"kind": "features", "name": name, "hash": weights_id(tensors), **recipe})


def load_classifier(name: str = "mnist", device: str | torch.device = "cpu") -> Classifier:
    """Load the classifier of a named set, or from a .safetensors file.

    Raises FileNotFoundError if there is none, and ValueError if the file is damaged or is not a classifier.
    """
    path = Path(name) if name.endswith(".safetensors") else FEATURES / f"{name}.safetensors"
    if not path.is_file():
        names = ", ".join(sorted(file.stem for file in FEATURES.glob("*.safetensors"))) or tr("none")
        raise FileNotFoundError(
            tr(
                "there is no classifier for {name}, only for: {names}; {remedy}",
                name=name,
                names=names,
                remedy=_remedy(name, path),
            )
        )
    tensors, metadata = load_tensors(path)
    network = ClassifierNetwork()
    try:
        if metadata["kind"] != "features":
            raise ValueError(f"it holds a {metadata['kind']}, not a classifier")
        network.load_state_dict(tensors)
        accuracy = float(metadata["test_accuracy"])
        classifier = Classifier(str(metadata["name"]), network, device, test_accuracy=accuracy)
        if classifier.hash != metadata["hash"]:
            raise ValueError(f"its weights have the hash {classifier.hash}, not {metadata['hash']}")
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        reason = printable(str(error))
        raise ValueError(tr("{path} cannot be used: {reason}", path=path, reason=reason)) from error
    return classifier


def classifiable_sets() -> list[str]:
    """Return the names of the data sets on which a classifier can be trained: 28x28 gray images in ten classes."""
    shape, classes = IMAGE_SHAPE, NUM_CLASSES
    return [name for name, entry in NAMED_SETS.items() if (entry.shape, entry.num_classes) == (shape, classes)]


def has_classifier(config: TrainConfig) -> bool:
    """Return whether images of this training have a classifier's shape, and their data can have a classifier."""
    return config.data.name in classifiable_sets() and config.model.image_shape == IMAGE_SHAPE


def _remedy(name: str, path: Path) -> str:
    """Return what to do without a classifier of that name."""
    if name.endswith(".safetensors"):
        return tr("train one with: python -m dcgan train-classifier NAME -o {path}", path=path)
    if name in classifiable_sets():
        by_hand = tr("train one with: python -m dcgan train-classifier {name}", name=name)
        return missing_from_wheel(path.parent) or by_hand
    if name.startswith(OWN_PREFIXES):
        return tr(
            "score its generators by FID instead: python -m dcgan evaluate RUN --features inception, of a training "
            "with --data.holdout 0.1"
        )
    return tr("score its generators by FID instead: python -m dcgan evaluate RUN --features inception")


# Training


def train_classifier(
    images_u8: Tensor, labels: Tensor, *, seed: int, epochs: int = EPOCHS, mirror: bool = False
) -> Iterator[ClassifierNetwork]:
    """Train on images (N, 1, 28, 28) uint8 with labels (N,), and yield the network after each epoch.

    Adam follows a one-cycle schedule (Smith and Topin, arXiv 1708.07120). Each image is shifted by up to 2 pixels.
    With `mirror`, each is flipped left to right with probability 1/2. No global random number is drawn: the same seed
    gives the same network on the same machine.
    """
    device = labels.device
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = ClassifierNetwork().to(device).to(memory_format=torch.channels_last)
    draws = torch.Generator().manual_seed(seed)
    steps = len(labels) // BATCH
    optimizer = torch.optim.Adam(network.parameters(), weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _PEAK_LR, total_steps=epochs * steps)
    for _ in range(epochs):
        network.train()
        order = torch.randperm(len(labels), generator=draws)[: steps * BATCH].to(device)
        for batch in order.split(BATCH):
            shifts = torch.randint(2 * _MAX_SHIFT + 1, (2, BATCH), generator=draws).to(device)
            images = _shifted(from_uint8(images_u8[batch]), shifts)
            if mirror:
                images = _mirrored(images, torch.rand(BATCH, generator=draws).to(device) < 0.5)
            logits = network(images.contiguous(memory_format=torch.channels_last))
            optimizer.zero_grad()
            F.cross_entropy(logits, labels[batch]).backward()
            optimizer.step()
            schedule.step()
        yield network  # the caller may put it in eval mode


def _shifted(images: Tensor, shifts: Tensor) -> Tensor:
    """Move each image (B, 1, H, W) by its own shifts (2, B) in 0..2*_MAX_SHIFT; new pixels are black."""
    _, _, height, width = images.shape
    padded = F.pad(images[:, 0], (_MAX_SHIFT,) * 4, value=-1)
    here = torch.arange(len(images), device=images.device)[:, None, None]
    rows = (shifts[0, :, None] + torch.arange(height, device=images.device))[:, :, None]
    columns = (shifts[1, :, None] + torch.arange(width, device=images.device))[:, None, :]
    return padded[here, rows, columns][:, None]


def _mirrored(images: Tensor, turned: Tensor) -> Tensor:
    """Flip the images (B, 1, H, W) for which `turned` (B,) is true, left to right."""
    return torch.where(turned[:, None, None, None], images.flip(3), images)
