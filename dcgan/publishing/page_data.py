"""The data of a static page: weights of runs, a hundred real digits, what discriminators say, and a manifest.

N images, C H W image.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from dcgan import pixels
from dcgan.checkpoint import TrainedGenerator, halved, load_discriminator, load_generator, load_tensors, weights_id
from dcgan.checkpoint import with_data_fields as network_file
from dcgan.config import ModelConfig
from dcgan.data.image_files import fit_array
from dcgan.data.named_sets import PROJECT_DATA, LabeledImages, read_named_set
from dcgan.files import cache_folder
from dcgan.models.browser import why_not_in_browser
from dcgan.models.inference import sample
from dcgan.models.networks import Discriminator
from dcgan.publishing.model_card import public_data
from dcgan.runs import classes
from dcgan.runs.run import Run, RunError

NUM_DIGITS = 100
"""Real digits in a page, and generated ones that discriminators look at: seeds 0 to 99."""
COLUMNS = 10
_DECIMALS = 4


@dataclass(frozen=True)
class PageData:
    """What a page shows. Files have the names of the folder form."""

    manifest: dict[str, Any]
    """The content of manifest.json. dcgan/web/manifest.js describes it."""
    files: dict[str, bytes]
    """Path relative to the page -> content. Equal weights of one config are one file, which is named by both."""

    @property
    def manifest_json(self) -> bytes:
        """The manifest as JSON without spaces."""
        return json.dumps(self.manifest, separators=(",", ":"), allow_nan=False).encode()


def page_data(runs: Sequence[Run], *, snapshots: bool = True, half: bool = True) -> PageData:
    """Return the data of a page with these runs; a page that is opened without a link shows the first one.

    With `half`, weights are rounded to half precision. Raises ValueError for a run that a browser cannot draw, one
    that no link can name, and one without weights.
    """
    _check(runs)
    files: dict[str, bytes] = {}
    digits = mnist_digits() if any(_is_of_digits(run) for run in runs) else None
    models = [_model(run, files, digits, snapshots=snapshots, half=half) for run in runs]
    return PageData({"version": 2, "usual": runs[0].name, "models": models}, files)


def _check(runs: Sequence[Run]) -> None:
    """Raise ValueError for runs that cannot be in one page. Reads no weights."""
    if not runs:
        raise ValueError("a page needs at least one run; name one (see: python -m dcgan runs)")
    names = [run.name for run in runs]
    if repeated := [name for name in names if names.count(name) > 1]:
        raise ValueError(f"two runs of the page are named {repeated[0]!r}; rename one of the folders")
    for run in runs:
        if not run.has_plain_name:
            raise ValueError(f"{run.name!r} is a name that no link can carry; rename the folder")
        if not run.weights_path.exists():
            raise RunError(f"{run.path} has no weights yet; train it first")
        if reason := why_not_in_browser(run.config().model):
            raise ValueError(
                f"{run.name} cannot be in a page, since {reason}; use the demo for it: python gradio_app.py"
            )


def _model(
    run: Run, files: dict[str, bytes], digits: LabeledImages | None, *, snapshots: bool, half: bool
) -> dict[str, Any]:
    """Return the entry of a run in the manifest, and add the files of its weights to `files`."""
    config, status = run.config(), run.status()
    fitting = _fitted(digits, config.model) if _is_of_digits(run) and digits is not None else None
    judge = _judge(run, fitting) if fitting is not None else None
    paths = [run.weights_path, *(run.snapshot_path(step) for step in run.snapshot_steps() if snapshots)]
    entries: list[dict[str, Any]] = []
    fake: dict[str, list[float]] = {}
    for path in paths:
        generator, entry = _weights(path, files, half=half)
        entry["epoch"] = round(status.epochs * entry["step"] / status.steps, _DECIMALS) if status.steps else 0.0
        entries.append(entry)
        if judge is not None:
            fake[entry["id"]] = judge.of_seeds(generator)
    # A training that diverged has logits that JSON cannot hold.
    is_finite = judge is not None and all(np.isfinite(logits).all() for logits in (judge.real, *fake.values()))
    return {
        "name": run.name,
        "preset": run.preset,
        "weights": entries[0],
        "snapshots": entries[1:],
        "classes": class_names(run),
        "epochs": entries[0]["epoch"],
        "data": re.sub("^(folder|table):.*", r"\1", config.data.name),
        "digits": _digits(fitting[0], files) if fitting is not None and is_finite else None,
        "discriminator": {"real": judge.real, "fake": fake} if judge is not None and is_finite else None,
    }


def _fitted(digits: LabeledImages, model: ModelConfig) -> LabeledImages:
    """Return the digits with the size and the channels of the model's images: a quiz compares like with like."""
    images_u8, labels = digits
    return np.stack([fit_array(image, model.image_size, model.channels) for image in images_u8]), labels


def _digits(images_u8: np.ndarray, files: dict[str, bytes]) -> dict[str, Any]:
    """Return the entry of real digits (N, C, H, W) in the manifest, and add their file to `files`."""
    png = pixels.png_bytes(pixels.grid(images_u8, COLUMNS))
    file = f"digits-{hashlib.sha256(png).hexdigest()[:12]}.png"
    files[file] = png
    channels, size, _ = images_u8.shape[1:]
    return {"file": file, "size": size, "channels": channels, "columns": COLUMNS, "count": NUM_DIGITS}


def _weights(path: Path, files: dict[str, bytes], *, half: bool) -> tuple[TrainedGenerator, dict[str, Any]]:
    """Return a generator as a visitor gets it, and its entry without an epoch; add its file to `files`."""
    generator = load_generator(path)
    if reason := why_not_in_browser(generator.config):
        raise ValueError(f"{path} cannot be in a page, since {reason}; use the demo for it: python gradio_app.py")
    tensors, _ = load_tensors(path)
    written = halved(tensors) if half else tensors
    written_id = weights_id(written)
    # The config decides what weights draw. Two recipes begin with equal weights, and differ in their latents.
    config = json.dumps(asdict(generator.config), sort_keys=True)
    file = f"weights/{written_id}-{hashlib.sha256(config.encode()).hexdigest()[:8]}.safetensors"
    if file not in files:
        files[file] = network_file(path, public_data(generator.train_config.data), half=half)
    generator.network.load_state_dict(written)
    entry = {
        "id": generator.weights_id,
        "step": generator.step,
        "file": file,
        "bytes": len(files[file]),
        "half": written_id != generator.weights_id,
        "packed": "",
    }
    return generator, entry


def class_names(run: Run) -> list[str]:
    """Return the names of a run's labels: those of its classes where they are known, else numbers."""
    return list(classes.class_names(run)) or [str(label) for label in range(run.config().model.num_classes)]


def _is_of_digits(run: Run) -> bool:
    return run.config().data.name == "mnist"


def mnist_digits() -> LabeledImages | None:
    """Return the first ten test images of each digit, (100, 1, 28, 28) uint8; image i shows the digit i % 10.

    Returns None where the test set is not on this machine: nothing is downloaded.
    """
    for root in (str(PROJECT_DATA), _cache()):
        try:
            images_u8, labels = read_named_set("mnist", root, "test")
        except FileNotFoundError:
            continue
        rows = [np.flatnonzero(labels == digit)[: NUM_DIGITS // 10] for digit in range(10)]
        if min(map(len, rows)) == NUM_DIGITS // 10:
            order = np.stack(rows, axis=1).ravel()
            return images_u8[order], labels[order]
    return None


def _cache() -> str:
    try:
        return str(cache_folder())
    except FileNotFoundError:  # a user without a home folder
        return str(PROJECT_DATA)


@dataclass(frozen=True)
class _Judge:
    """A run's last discriminator."""

    discriminator: Discriminator
    real: list[float]
    """Its logits for the real digits."""

    def of_seeds(self, generator: TrainedGenerator) -> list[float]:
        """Return the logits for images of the seeds 0 to 99."""
        classes = generator.config.num_classes
        labels = np.arange(NUM_DIGITS) % classes if classes else None
        images = sample(generator.network, generator.latents(range(NUM_DIGITS)), labels)
        return _logits(self.discriminator, images, labels)


def _judge(run: Run, digits: LabeledImages) -> _Judge | None:
    """Return the run's discriminator; None without one, or where it knows fewer classes than there are digits.

    The digits have the size and the channels of its images.
    """
    if not run.discriminator_path.exists():
        return None
    discriminator, _, _ = load_discriminator(run.path)
    # In training, batch norm used the statistics of one batch, real or generated. Its running statistics mix both.
    for module in discriminator.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            module.train()
    model: ModelConfig = discriminator.config
    images_u8, labels = digits
    if model.num_classes and int(labels.max()) >= model.num_classes:
        return None
    images = torch.from_numpy(pixels.from_uint8(images_u8))
    return _Judge(discriminator, _logits(discriminator, images, labels if model.num_classes else None))


@torch.no_grad()
def _logits(discriminator: Discriminator, images: torch.Tensor, labels: np.ndarray | None) -> list[float]:
    """Return the logits for images in [-1, 1], rounded.

    They are one batch, real or generated, as in training. Batch norm and minibatch statistics look at all of it.
    """
    low, high = discriminator.config.pixel_range
    inputs = low + (images + 1) * ((high - low) / 2)
    outputs = discriminator(inputs, None if labels is None else torch.from_numpy(labels))
    return [round(value, _DECIMALS) for value in outputs.tolist()]
