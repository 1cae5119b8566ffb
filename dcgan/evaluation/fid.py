"""Measure FID: the Fréchet distance of the features of the Inception network that published FIDs use.

Its weights (Inception of December 2015, ported from TensorFlow by pytorch-fid, about 95 MB) are downloaded once, on
request. All other scores work without them. torchvision's own Inception has other weights and another shape, so its
distances are not FID.

An FID compares with a published one only if three things are the same: the network, the number of images, and the
real images. Here these are the test images, as for all scores. Many papers use the training images.

N images, B batch, C H W image.
"""

from __future__ import annotations

import hashlib
import logging
import pickle
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dcgan.checkpoint import TrainedGenerator, weights_id
from dcgan.data.loading import load_images
from dcgan.evaluation import metrics
from dcgan.evaluation.images import draw
from dcgan.evaluation.real_images import cached, draw_real
from dcgan.evaluation.score_row import Scores
from dcgan.files import cache_folder
from dcgan.pixels import from_uint8, to_uint8

WEIGHTS_URL = (
    "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/pt_inception-2015-12-05-6726825d.pth"
)
_SHA256 = "6726825d"
"""The first digits of the file's SHA-256. Its name ends with them."""
NUM_FEATURES = 2048
NUM_IMAGES = 10_000
_SIZE = 299
_CHUNK = 32
"""Images in a forward pass: 34 MB at the network's size."""

logger = logging.getLogger(__name__)


class Inception:
    """FID's network with its weights, in eval mode. `hash` names the weights."""

    name = "Inception (FID)"

    def __init__(self, network: nn.Module, device: str | torch.device = "cpu") -> None:
        self.hash = weights_id(network.state_dict())
        self.device = torch.device(device)
        self._network = network.eval().to(self.device)

    @torch.no_grad()
    def features(self, images: Tensor) -> Tensor:
        """Return features (N, 2048) float32 on the CPU of images (N, 1 or 3, H, W) in [-1, 1] of any size.

        Images are resized to 299x299 by bilinear interpolation, as in pytorch-fid. Gray is copied to three channels.
        """
        features = [torch.empty(0, NUM_FEATURES)]
        for chunk in images.split(_CHUNK):
            chunk = chunk.to(self.device).expand(-1, 3, -1, -1)
            resized = F.interpolate(chunk, (_SIZE, _SIZE), mode="bilinear", align_corners=False)
            features.append(self._network(resized).cpu())
        return torch.cat(features)


def evaluate_inception(
    generator: TrainedGenerator, *, classifier: Inception | None = None, num_images: int = NUM_IMAGES, seed: int = 0
) -> Scores:
    """Draw images from the seeds `seed`, `seed` + 1, ..., each class in turn, and return their FID and KID.

    Both compare with the test images of the generator's data. As many real training images (of each class) are scored
    too. This is slow on a CPU, because a large network sees all three sets of images. Raises FileNotFoundError if the
    weights are missing and cannot be downloaded. Raises ValueError for a count that the training images do not have,
    and for pixels that are not numbers.
    """
    inception = classifier or load_inception(generator.device)
    config = generator.train_config
    train, test = (load_images(config.data, config.model, config.seed, split) for split in ("train", "test"))
    if not 2 <= num_images <= len(train.images_u8):
        raise ValueError(f"num_images={num_images} is not in 2..{len(train.images_u8)}, which the data has")
    labels = torch.arange(num_images) % config.model.num_classes if config.model.num_classes else None
    drawn = draw_real(train, num_images, labels)
    real = {"test": test.images_u8, "train": train.images_u8[drawn]}

    def measure() -> dict[str, Tensor]:
        return {name: inception.features(from_uint8(images_u8)) for name, images_u8 in real.items()}

    features = cached(f"inception-{inception.hash}-{weights_id(real)}", measure)
    chunks = draw(generator, num_images, seed=seed, labels=labels, chunk=_CHUNK)
    # FIDs are measured on images in files, so pixels are rounded to bytes.
    generated = torch.cat([inception.features(from_uint8(to_uint8(images))) for images in chunks])

    def scores_of(images: Tensor) -> dict[str, float]:
        return metrics.compute(metrics.FeatureSample(features=images, real=features["test"]), "Inception")

    return Scores(
        classifier=inception.name,
        classifier_hash=inception.hash,
        num_images=num_images,
        values=scores_of(generated),
        real=scores_of(features["train"]),
        weights_id=generator.weights_id,
        step=generator.step,
        seed=seed,
    )


# The network


def build_network() -> nn.Module:
    """Build the network with random weights: images (B, 3, 299, 299) in [-1, 1] -> logits (B, 1008).

    It is torchvision's Inception except for the branches that pool, as in pytorch-fid: an average leaves out the
    padding, and the last branch takes the maximum.
    """
    from torchvision.models import inception_v3

    # Without torchvision's initial weights: drawing them is slow, and they are replaced.
    network = inception_v3(weights=None, num_classes=1008, aux_logits=False, init_weights=False)
    mean = partial(F.avg_pool2d, kernel_size=3, stride=1, padding=1, count_include_pad=False)
    largest = partial(F.max_pool2d, kernel_size=3, stride=1, padding=1)
    for name in ("5b", "5c", "5d", "6b", "6c", "6d", "6e", "7b", "7c"):
        block = getattr(network, f"Mixed_{name}")
        block.register_forward_hook(partial(_replace_pooling, pool=largest if name == "7c" else mean))
    return network


def _replace_pooling(
    block: nn.Module, inputs: tuple[Tensor], output: Tensor, pool: Callable[[Tensor], Tensor]
) -> Tensor:
    """Return the block's output with its last channels, the pooling branch, computed by another `pool`."""
    pooled = block.get_submodule("branch_pool")(pool(inputs[0]))
    return torch.cat([output[:, : -pooled.shape[1]], pooled], 1)


def load_inception(device: str | torch.device = "cpu") -> Inception:
    """Load the network with FID's weights; download them into the user's cache if they are missing.

    Raises FileNotFoundError if they cannot be downloaded, and ValueError if the file is damaged.
    """
    path = cache_folder() / "inception" / WEIGHTS_URL.rpartition("/")[2]
    if not path.is_file():
        _download(path)
    try:
        if not hashlib.sha256(path.read_bytes()).hexdigest().startswith(_SHA256):
            raise ValueError("its SHA-256 is not the published one")
        network = build_network()
        # The file is a pickle. With weights_only PyTorch reads tensors and runs no code, and the hash is known.
        network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    except (ValueError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise ValueError(f"{path} is damaged ({error}); delete it to download it again") from error
    network.fc = nn.Identity()  # the features are the inputs of the last layer
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
