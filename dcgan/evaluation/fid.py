"""FID: the Fréchet distance of the features of the Inception network that published FIDs are taken with.

Its weights (Inception of December 2015, ported from TensorFlow by pytorch-fid, about 95 MB) are downloaded once,
where they are asked for and where that is possible: everything else scores without them. torchvision's own Inception
is of other weights and another shape, and what it gives is no FID.

What compares with a published FID is the network. The count of images and the real images must be the same too: here
the test images, as for all scores, where many papers take the training images.

N images, B batch, C H W image.
"""

from __future__ import annotations

import dataclasses
import hashlib
import logging
import pickle
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dcgan.checkpoint import TrainedGenerator, weights_id
from dcgan.data.loading import load_images
from dcgan.evaluation import metrics
from dcgan.evaluation.cache import draw_real, kept
from dcgan.evaluation.classifier import to_float
from dcgan.evaluation.scores import rounded
from dcgan.files import cache_folder
from dcgan.latents import latents_from_seeds
from dcgan.pixels import to_uint8

WEIGHTS_URL = (
    "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/pt_inception-2015-12-05-6726825d.pth"
)
_SHA256 = "6726825d"
"""The first digits, which its name ends with."""
NUM_FEATURES = 2048
NUM_IMAGES = 10_000
_SIZE = 299
_CHUNK = 32
"""Images a forward pass: 34 MB at the network's size."""
_VERSION = 1
"""Raise it when real images get other figures than before."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class InceptionScores:
    """What one generator's images get by Inception's features, and all that it depends on."""

    classifier: str
    classifier_hash: str
    num_images: int
    fid: float
    """Fréchet distance from the test images; 0 is best."""
    real_fid: float
    """Of as many real training images."""
    kid: float
    """Kernel distance of the same features: unbiased, unlike FID; see metrics.kernel_distance."""
    real_kid: float
    weights_id: str = ""
    step: int = 0
    seed: int = 0
    """Of the first image; the others have those that follow."""

    def to_json(self) -> dict[str, Any]:
        """Flat, rounded to six digits: a row of evals.jsonl."""
        return {name: rounded(value) for name, value in dataclasses.asdict(self).items()}


class Inception:
    """FID's network with its weights, in eval mode; `hash` names them."""

    name = "Inception (FID)"

    def __init__(self, network: nn.Module, device: str | torch.device = "cpu") -> None:
        self.hash = weights_id(network.state_dict())
        self.device = torch.device(device)
        self._network = network.eval().to(self.device)

    @torch.no_grad()
    def features(self, images: Tensor) -> Tensor:
        """Images (N, 1 or 3, H, W) in [-1, 1], of any size -> float32 (N, 2048) on the CPU.

        Made 299x299 by bilinear interpolation, as pytorch-fid does; grey is shown to all three channels.
        """
        found = []
        for chunk in images.split(_CHUNK):
            chunk = chunk.to(self.device).expand(-1, 3, -1, -1)
            found.append(
                self._network(F.interpolate(chunk, (_SIZE, _SIZE), mode="bilinear", align_corners=False)).cpu()
            )
        return torch.cat([torch.empty(0, NUM_FEATURES), *found])


def evaluate_inception(
    generator: TrainedGenerator, classifier: Inception | None = None, num_images: int = NUM_IMAGES, seed: int = 0
) -> InceptionScores:
    """Draw images from the seeds `seed`, `seed` + 1, ..., each class in turn, and measure them by FID and KID against
    the test images of the generator's data, beside as many real training images (of each class).

    Slow on a CPU: three times as many images as are asked for pass a large network. Raises FileNotFoundError where
    the weights cannot be had, and ValueError for a count that the training images do not have, and for pixels that
    are no numbers.
    """
    classifier = classifier or load_inception(generator.device)
    config = generator.train_config
    train, test = (load_images(config.data, config.model, config.seed, split) for split in ("train", "test"))
    if not 2 <= num_images <= len(train.images_u8):
        raise ValueError(f"num_images={num_images} is not in 2..{len(train.images_u8)}, which the data has")
    labels = torch.arange(num_images) % config.model.num_classes if config.model.num_classes else None
    drawn = draw_real(train, num_images, labels)
    real = {"test": test.images_u8, "train": train.images_u8[drawn]}

    def measure() -> dict[str, Tensor]:
        return {name: classifier.features(to_float(images_u8)) for name, images_u8 in real.items()}

    known = kept(f"inception-{classifier.hash}-{weights_id(real)}-v{_VERSION}", measure)
    found = torch.cat([classifier.features(images) for images in _draw(generator, num_images, seed, labels)])
    return InceptionScores(
        classifier.name,
        classifier.hash,
        num_images,
        fid=metrics.frechet_distance(known["test"], found),
        real_fid=metrics.frechet_distance(known["test"], known["train"]),
        kid=metrics.kernel_distance(known["test"], found).mean,
        real_kid=metrics.kernel_distance(known["test"], known["train"]).mean,
        weights_id=generator.weights_id,
        step=generator.step,
        seed=seed,
    )


def _draw(generator: TrainedGenerator, num_images: int, seed: int, labels: Tensor | None) -> Iterator[Tensor]:
    """Images (B, C, H, W) in [-1, 1], some at a time, as files of bytes would hold them: so FIDs are taken."""
    config = generator.config
    for start in range(0, num_images, _CHUNK):
        stop = min(start + _CHUNK, num_images)
        z = latents_from_seeds(range(seed + start, seed + stop), config.latent_dim, config.latent)
        asked = None if labels is None else labels[start:stop]
        yield to_float(torch.from_numpy(to_uint8(generator(z, asked).numpy())))


# The network


def build_network() -> nn.Module:
    """Images (B, 3, 299, 299) in [-1, 1] -> (B, 2048), with random weights.

    torchvision's Inception but for its branches that pool: FID's leave the padding out of an average, and the last
    one takes the maximum, as in pytorch-fid.
    """
    from torchvision.models import inception_v3

    # Not torchvision's first weights: drawing them is slow, and they are replaced.
    network = inception_v3(weights=None, num_classes=1008, aux_logits=False, init_weights=False)
    mean = partial(F.avg_pool2d, kernel_size=3, stride=1, padding=1, count_include_pad=False)
    largest = partial(F.max_pool2d, kernel_size=3, stride=1, padding=1)
    for name in ("5b", "5c", "5d", "6b", "6c", "6d", "6e", "7b", "7c"):
        block = getattr(network, f"Mixed_{name}")
        block.register_forward_hook(partial(_pool_anew, pool=largest if name == "7c" else mean))
    return network


def _pool_anew(block: nn.Module, inputs: tuple[Tensor], output: Tensor, pool: Callable[[Tensor], Tensor]) -> Tensor:
    """The block's output with that of its pooling branch, its last channels, from another way of pooling."""
    pooled = block.branch_pool(pool(inputs[0]))
    return torch.cat([output[:, : -pooled.shape[1]], pooled], 1)


def load_inception(device: str | torch.device = "cpu") -> Inception:
    """The network with FID's weights, downloaded into the user's cache where they are not there yet.

    Raises FileNotFoundError where they cannot be downloaded, ValueError where the file is damaged.
    """
    path = cache_folder() / "inception" / WEIGHTS_URL.rpartition("/")[2]
    if not path.is_file():
        _download(path)
    try:
        if not hashlib.sha256(path.read_bytes()).hexdigest().startswith(_SHA256):
            raise ValueError("its SHA-256 is another")
        network = build_network()
        # A pickle, and the only one: PyTorch reads tensors from it and runs nothing, and its hash is known.
        network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    except (ValueError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise ValueError(f"{path} is damaged ({error}); delete it to download it again") from error
    network.fc = nn.Identity()  # what comes before the classes are the features
    return Inception(network, device)


def _download(path: Path) -> None:
    logger.info("downloading %s into %s", WEIGHTS_URL, path.parent)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(WEIGHTS_URL, str(path), hash_prefix=_SHA256, progress=False)
    except (OSError, RuntimeError) as error:  # URLError is an OSError; another hash is a RuntimeError
        reason = " ".join(str(error).split()) or type(error).__name__
        raise FileNotFoundError(
            f"FID's Inception weights are not in {path.parent} and could not be downloaded ({reason}); connect to "
            f"the network, put {WEIGHTS_URL} there, or leave out --features inception"
        ) from error
