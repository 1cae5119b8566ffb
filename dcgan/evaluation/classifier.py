"""The judge of images: a small classifier whose penultimate layer is what the scores are taken from.

It is trained by this project on one named set of 28x28 grey images, and committed with its accuracy under
`features/`. Scores under one judge do not compare with scores under another, so each carries a hash of its weights.

N images, B batch, F features.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dcgan.checkpoint import load_tensors, save_tensors, weights_id
from dcgan.data.named_sets import NAMED_SETS
from dcgan.files import PROJECT, missing_from_wheel
from dcgan.models.inference import side_by_side

FEATURES = PROJECT / "features"
"""The trained judges, one file a set."""
NUM_FEATURES = 128
NUM_CLASSES = 10
IMAGE_SHAPE = (1, 28, 28)

EPOCHS = 10
MIRRORED = {"fashion-mnist": 25}
"""Sets whose images mean the same in a mirror, as clothes do and digits do not, and the epochs they take: a judge of
them learns from both sides, and needs longer for it."""
BATCH = 128
"""Images a step; the last images of an epoch that are fewer wait for the next."""
_PEAK_LR = 4e-3
_MAX_SHIFT = 2
"""Pixels by which an image is shifted in training, in each direction and at most."""
_CHUNK = 125
"""Images a forward pass: 13 MB in the widest layer, which a cache holds better than more."""


class ClassifierNetwork(nn.Module):
    """Images (B, 1, 28, 28) in [-1, 1] -> logits (B, 10); `features` is what its last, linear layer sees (B, 128)."""

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
    """A trained judge, in eval mode: `name` is the set it knows, `hash` names its weights."""

    def __init__(
        self, name: str, network: ClassifierNetwork, device: str | torch.device = "cpu", test_accuracy: float = 0.0
    ) -> None:
        self.name = name
        self.test_accuracy = test_accuracy
        self.hash = weights_id(network.state_dict())
        self.device = torch.device(device)
        # Batch norm and pooling on a CPU are several times faster where the channels lie side by side.
        self._network = network.eval().to(self.device, memory_format=torch.channels_last)

    def features(self, images: Tensor) -> Tensor:
        """Images (N, 1, 28, 28) in [-1, 1] -> float32 (N, 128) on the CPU. N may be 0.

        Raises ValueError for images of another shape or of whole numbers.
        """
        if images.ndim != 4 or tuple(images.shape[1:]) != IMAGE_SHAPE:
            raise ValueError(
                f"images of shape {tuple(images.shape)} cannot be judged: the {self.name} classifier takes "
                "(N, 1, 28, 28); train with --model.image-size 28 --model.channels 1"
            )
        if not images.is_floating_point():
            raise ValueError(f"images of type {images.dtype} are not floats in [-1, 1]; divide by 127.5, subtract 1")

        @torch.no_grad()  # each thread has its own grad mode
        def look(start: int) -> Tensor:
            chunk = images[start : start + _CHUNK].float().to(self.device)
            return self._network.features(chunk.contiguous(memory_format=torch.channels_last)).cpu()

        starts = range(0, len(images), _CHUNK)
        chunks = side_by_side(look, starts) if self.device.type == "cpu" else list(map(look, starts))
        return torch.cat([torch.empty(0, NUM_FEATURES), *chunks])

    @torch.no_grad()
    def logits(self, features: Tensor) -> Tensor:
        """Features (N, 128), as `features` gives them -> logits (N, 10) on the CPU: one linear layer further."""
        return self._network.head(features.to(self.device)).cpu()

    def accuracy(self, images: Tensor, labels: Tensor) -> float:
        """The share of images (N, 1, 28, 28) that are taken for what their labels (N,) say."""
        return (self.logits(self.features(images)).argmax(1) == labels).double().mean().item()


# On disk


def save_classifier(
    path: Path, network: ClassifierNetwork, name: str, accuracy: float, seed: int, epochs: int
) -> None:
    """Write a judge with what it is: the set, how it was trained, and its accuracy on that set's test images."""
    recipe = {"seed": seed, "epochs": epochs, "test_accuracy": accuracy}
    tensors = network.state_dict()
    save_tensors(path, tensors, {"kind": "features", "name": name, "hash": weights_id(tensors), **recipe})


def load_classifier(name: str = "mnist", device: str | torch.device = "cpu") -> Classifier:
    """The judge of a named set, or of a .safetensors file.

    Raises FileNotFoundError where there is none, ValueError where the file is damaged or holds something else.
    """
    path = Path(name) if name.endswith(".safetensors") else FEATURES / f"{name}.safetensors"
    if not path.is_file():
        there = ", ".join(sorted(each.stem for each in FEATURES.glob("*.safetensors"))) or "none"
        raise FileNotFoundError(
            f"there is no classifier to judge {name} by (there are: {there}); {_remedy(name, path)}"
        )
    tensors, metadata = load_tensors(path)
    network = ClassifierNetwork()
    try:
        if metadata["kind"] != "features":
            raise ValueError(f"it holds a {metadata['kind']}, not a classifier")
        network.load_state_dict(tensors)
        features = Classifier(str(metadata["name"]), network, device, float(metadata["test_accuracy"]))
        if features.hash != metadata["hash"]:
            raise ValueError(f"its weights are {features.hash}, and it says {metadata['hash']}")
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"{path} cannot be used: {error}") from error
    return features


def classifiable_sets() -> list[str]:
    """Return the names of the data sets on which a classifier can be trained: 28x28 gray images in ten classes."""
    shape, classes = IMAGE_SHAPE, NUM_CLASSES
    return [name for name, entry in NAMED_SETS.items() if (entry.shape, entry.num_classes) == (shape, classes)]


def _remedy(name: str, path: Path) -> str:
    """Return what to do without a classifier of that name."""
    train = "python -m dcgan train-classifier"
    if name.endswith(".safetensors"):
        return f"train one with: {train} NAME -o {path}"
    if name in classifiable_sets():
        return missing_from_wheel(path.parent) or f"train one with: {train} {name}"
    held_out = ", of a training with --data.holdout 0.1" if name.startswith("folder:") else ""
    return f"score its generators by FID instead: python -m dcgan evaluate RUN --features inception{held_out}"


# Training


def train_classifier(
    images_u8: Tensor, labels: Tensor, seed: int, epochs: int = EPOCHS, mirror: bool = False
) -> Iterator[ClassifierNetwork]:
    """Train on images (N, 1, 28, 28) uint8 and labels (N,); yields the network after each epoch.

    Adam on a one-cycle schedule (Smith and Topin, arXiv 1708.07120), each image shifted by up to 2 pixels, and with
    `mirror` every second one, by chance, turned left to right. Draws from generators of its own: the same seed gives
    the same network on the same machine.
    """
    device = labels.device
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = ClassifierNetwork().to(device, memory_format=torch.channels_last)
    draws = torch.Generator().manual_seed(seed)
    steps = len(labels) // BATCH
    optimizer = torch.optim.Adam(network.parameters(), weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _PEAK_LR, total_steps=epochs * steps)
    for _ in range(epochs):
        network.train()
        order = torch.randperm(len(labels), generator=draws)[: steps * BATCH].to(device)
        for batch in order.split(BATCH):
            shifts = torch.randint(2 * _MAX_SHIFT + 1, (2, BATCH), generator=draws).to(device)
            images = _shifted(to_float(images_u8[batch]), shifts)
            if mirror:
                images = _mirrored(images, torch.rand(BATCH, generator=draws).to(device) < 0.5)
            logits = network(images.contiguous(memory_format=torch.channels_last))
            optimizer.zero_grad()
            F.cross_entropy(logits, labels[batch]).backward()
            optimizer.step()
            schedule.step()
        yield network  # whoever takes it may put it in eval mode


def to_float(images_u8: Tensor) -> Tensor:
    """uint8 -> float32 in [-1, 1]."""
    return images_u8.float() / 127.5 - 1


def _shifted(images: Tensor, shifts: Tensor) -> Tensor:
    """Each image (B, 1, H, W) moved by its own shifts (2, B) in 0..2*_MAX_SHIFT, black beyond its edge."""
    _, _, height, width = images.shape
    padded = F.pad(images[:, 0], (_MAX_SHIFT,) * 4, value=-1)
    here = torch.arange(len(images), device=images.device)[:, None, None]
    rows = (shifts[0, :, None] + torch.arange(height, device=images.device))[:, :, None]
    columns = (shifts[1, :, None] + torch.arange(width, device=images.device))[:, None, :]
    return padded[here, rows, columns][:, None]


def _mirrored(images: Tensor, turned: Tensor) -> Tensor:
    """Those images (B, 1, H, W) for which `turned` (B,) is true, left to right."""
    return torch.where(turned[:, None, None, None], images.flip(3), images)
