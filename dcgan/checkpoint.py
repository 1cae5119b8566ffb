"""Save and load weights with their config inside, as safetensors. No weights are unpickled.

All metadata is one JSON string under one key: safetensors orders several keys randomly, and equal weights should be
equal files.

The module has more than 250 lines, because what is written and what is checked when it is read stand together.
"""

from __future__ import annotations

import copy
import hashlib
import json
import math
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from dcgan import files
from dcgan.config import RENAMED, ModelConfig, TrainConfig
from dcgan.files import printable, replacing, runs_root
from dcgan.latents import Vectors, latents_from_seeds, truncate
from dcgan.locale.language import tr
from dcgan.models.gan import build_discriminator, build_generator, discriminator_tensors, generator_tensors
from dcgan.models.inference import sample
from dcgan.models.networks import Discriminator, Generator
from dcgan.runs.classes import fitting_names
from dcgan.runs.headers import METADATA_KEY, TensorEntry, metadata_of, tensor_entries
from dcgan.runs.rows import MAX_COUNT
from dcgan.runs.run import Run

FULL_PRECISION_LIMIT_BYTES = {"generator": 10_000_000, "discriminator": 2_000_000}
"""Weights that are larger in float32 are stored in half precision, so that they can be published. A discriminator's
file is never used to draw or to resume."""


def save_generator(
    path: Path,
    generator: Generator,
    config: TrainConfig,
    step: int,
    *,
    half: bool = False,
    classes: Sequence[str] = (),
) -> None:
    """Write a generator's weights with its config: in float16 with `half`, or if they are above 10 MB.

    `classes` are the names of its labels, where it learned those of a folder.
    """
    _save_network(path, generator, config, step, kind="generator", half=half, classes=classes)


def save_discriminator(
    path: Path, discriminator: Discriminator, config: TrainConfig, step: int, *, half: bool = False
) -> None:
    """Write a discriminator's weights with its config: in float16 with `half`, or if they are above 2 MB."""
    _save_network(path, discriminator, config, step, kind="discriminator", half=half)


def _save_network(
    path: Path,
    network: nn.Module,
    config: TrainConfig,
    step: int,
    *,
    kind: str,
    half: bool,
    classes: Sequence[str] = (),
) -> None:
    tensors = network.state_dict()
    size = sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
    if half or size > FULL_PRECISION_LIMIT_BYTES[kind]:
        tensors = halved(tensors)
    metadata = {"kind": kind, "step": step, "config": config.to_json()}
    save_tensors(path, tensors, metadata | ({"classes": list(classes)} if classes else {}))


def halved(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors in half precision; those of whole numbers stay."""
    return {name: _halved(value) if value.is_floating_point() else value for name, value in tensors.items()}


def _halved(value: Tensor) -> Tensor:
    """Return float16; but a tensor with a number above 65504, as a variance may have, stays as it is."""
    half = value.half()
    return value if (half.isinf() & value.isfinite()).any() else half


def save_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, Any]) -> None:
    """Write tensors and metadata atomically. Raises OSError if the disk refuses."""
    ready = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    # safetensors' save_file makes a second temporary file, whose name is random: a kill would leave it for ever.
    content = save(ready, _packed(metadata))
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def _packed(metadata: Mapping[str, Any]) -> dict[str, str]:
    return {METADATA_KEY: json.dumps(metadata, sort_keys=True)}


def with_data_fields(path: Path, fields: Mapping[str, Any], *, half: bool = False) -> bytes:
    """Return a network's file with these fields of its config's data changed.

    Weights and their id are the same, except with `half`: then the weights are rounded to half precision.
    """
    tensors, metadata = load_tensors(path)
    metadata["config"]["data"] |= fields
    return save(halved(tensors) if half else tensors, _packed(metadata))


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the tensors on the CPU and the metadata that save_tensors wrote.

    Raises FileNotFoundError or ValueError that names the file.
    """
    if not path.is_file():
        raise _missing(path)
    try:
        metadata = metadata_of(path)
        with safe_open(path, framework="pt") as file:
            return {_current(name): file.get_tensor(name) for name in file.keys()}, metadata  # noqa: SIM118
    except (SafetensorError, ValueError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> ValueError:
    return ValueError(
        tr("{path} is damaged or was not written by DCGAN Studio: {reason}", path=path, reason=printable(str(error)))
    )


def _current(name: str) -> str:
    """Return today's name of a tensor, also of one that an earlier version stored, as in discriminator.crowding."""
    owner, dot, last = name.rpartition(".")
    return owner + dot + RENAMED.get(last, last)


class TrainedGenerator:
    """A generator from disk, in eval mode. Call it with z (N, Z) for images (N, C, H, W) in [-1, 1].

    `config` is its ModelConfig and `train_config` the config of its training. `step` is the training step of the
    weights, and `weights_id` the first 12 hex digits of their SHA-256. `classes` are the names of its labels, or
    empty where they were not recorded.
    """

    def __init__(
        self,
        generator: Generator,
        config: TrainConfig,
        step: int,
        weights_id: str,
        device: torch.device,
        *,
        classes: tuple[str, ...] = (),
    ) -> None:
        self.network = generator.eval().requires_grad_(False).to(device)
        self.config: ModelConfig = config.model
        self.train_config = config
        self.step = step
        self.weights_id = weights_id
        self.classes = classes
        self.device = device
        self.psi = 1.0
        """Truncation of every z that is drawn, see `truncated`."""

    def latents(self, seeds: Sequence[int]) -> Vectors:
        """Return a latent vector for each seed, (N, Z) float32, from the distribution that the generator learned.

        A seed gives the same vector on every machine. Raises ValueError for a seed that is not in 0..2**32-1.
        """
        return latents_from_seeds(seeds, self.config.latent_dim, self.config.latent)

    def truncated(self, psi: float) -> TrainedGenerator:
        """Return this generator with the truncation psi: it moves each z toward its mean (latents.truncate).

        A psi set before is replaced. Raises ValueError for psi outside [0, 1].
        """
        truncate(np.zeros(self.config.latent_dim), psi, self.config.latent)  # refuses a wrong psi now
        other = copy.copy(self)
        other.psi = psi
        return other

    def __call__(self, z: np.ndarray | Tensor, labels: np.ndarray | Tensor | None = None) -> Tensor:
        """Return images (N, C, H, W) float32 in [-1, 1] on the CPU for z (N, Z) and labels (N,) or None.

        The same z gives the same image alone and in any batch.
        """
        if self.psi != 1:
            z = truncate(torch.as_tensor(z).detach().cpu(), self.psi, self.config.latent)
        return sample(self.network, z, labels)


def load_generator(path: str | os.PathLike[str], device: str | torch.device = "cpu") -> TrainedGenerator:
    """Load a generator: the moving average of the run's weights where the run keeps one.

    Args:
        path: A run, its directory or name, a .safetensors file, or "hub:USER/NAME" on the Hugging Face Hub. A model
            from the Hub is downloaded once.
        device: Where it computes: "cpu", "cuda", "cuda:1" or "mps". Images are returned on the CPU.

    Returns:
        The generator. `generator(generator.latents(seeds))` draws images (N, C, H, W) in [-1, 1].

    Raises:
        FileNotFoundError: There are no weights at the path.
        ValueError: The file is damaged, is not a generator, or does not fit its own config.

    Example:
        >>> import dcgan, numpy as np
        >>> generator = dcgan.load_generator("checkpoints/cdcgan-mnist")
        >>> images = generator(generator.latents(range(10)), labels=np.arange(10))  # one image of each digit
        >>> images.shape, bool(images.min() >= -1), bool(images.max() <= 1)
        (torch.Size([10, 1, 28, 28]), True, True)
    """
    if isinstance(path, str) and path.startswith("hub:"):
        path = from_hub(path.removeprefix("hub:"))
    file = _weights_file(path)
    config, step = _described(file, "generator")
    tensors, metadata = load_tensors(file)
    generator = build_generator(config.model)
    _fill(generator, tensors, file)
    classes = fitting_names(config, metadata.get("classes"))
    return TrainedGenerator(generator, config, step, weights_id(tensors), torch.device(device), classes=classes)


def _weights_file(path: str | os.PathLike[str]) -> Path:
    """Return the file with a generator's weights: of a run by its directory or by its name, or the path itself."""
    for folder in (Path(path), runs_root() / path, files.CHECKPOINTS / path):
        if os.path.isdir(folder):
            return Run(folder).weights_path
    return Path(path)


MAX_DOWNLOAD_MB = 200
"""Megabytes that one model from the Hub may have; $DCGAN_MAX_DOWNLOAD_MB names another number."""


def from_hub(repo: str) -> Path:
    """Download a published model into huggingface_hub's cache, if it is not there yet, and return its folder.

    The Hub names the sizes of the files first. Raises FileNotFoundError if the repository or the network is missing,
    and ValueError for a bad name or too large files.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        DryRunError,
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
    )

    options: dict[str, Any] = {
        "allow_patterns": ["generator*.safetensors", "config.json"],
        "endpoint": os.environ.get("HF_ENDPOINT") or None,
    }
    reason: BaseException | None = None
    try:
        try:
            planned = snapshot_download(repo, dry_run=True, **options)
        except DryRunError as error:
            # Without the Hub's answer nothing is downloaded, but an earlier download may be there.
            reason = error.__cause__
            return Path(snapshot_download(repo, local_files_only=True, **options))
        _check_download(repo, [file.file_size for file in planned])
        return Path(snapshot_download(repo, **options))
    except HFValidationError as error:
        sentence = tr("hub:{repo} is not a name on the Hub; write hub:USER/NAME", repo=repo)
        raise ValueError(sentence) from error
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        text = " ".join(str(reason or error).split())[:200]
        sentence = tr("hub:{repo} cannot be downloaded: {reason}; check name and network", repo=repo, reason=text)
        raise FileNotFoundError(sentence) from error


def _check_download(repo: str, sizes: Sequence[int | None]) -> None:
    """Raise ValueError for more bytes than the largest download, or of unknown number, and for a wrong variable."""
    text = os.environ.get("DCGAN_MAX_DOWNLOAD_MB") or str(MAX_DOWNLOAD_MB)
    if not re.fullmatch("[0-9]{1,9}", text):
        raise ValueError(
            tr(
                "DCGAN_MAX_DOWNLOAD_MB={value} is not a whole number; try {usual}",
                value=printable(text, 40),
                usual=MAX_DOWNLOAD_MB,
            )
        )
    num_bytes = sum(math.inf if size is None else size for size in sizes)
    if num_bytes > int(text) * 1_000_000:
        raise ValueError(
            tr(
                "hub:{repo} has {megabytes:,.1f} MB of weights, more than DCGAN_MAX_DOWNLOAD_MB={most}; set that "
                "variable to a larger number if you trust the repository",
                repo=repo,
                megabytes=num_bytes / 1e6,
                most=text,
            )
        )


def load_discriminator(
    path: str | os.PathLike[str], device: str | torch.device = "cpu"
) -> tuple[Discriminator, TrainConfig, int]:
    """Load a discriminator in eval mode from a run directory or a file; return it with its config and step."""
    file = Run(path).discriminator_path if Path(path).is_dir() else Path(path)
    config, step = _described(file, "discriminator")
    tensors, _ = load_tensors(file)
    discriminator = build_discriminator(config.model)
    _fill(discriminator, tensors, file)
    return discriminator.eval().to(device), config, step


def _described(file: Path, kind: Literal["generator", "discriminator"]) -> tuple[TrainConfig, int]:
    """Return the config and the step that the file claims. Reads its header only, and builds nothing.

    Raises ValueError where its tensors are not those of the config. So a small file costs little memory.
    """
    if not file.is_file():
        raise _missing(file)
    try:
        metadata, entries = metadata_of(file), tensor_entries(file)
    except ValueError as error:
        raise _damaged(file, error) from error
    try:
        if metadata["kind"] != kind:
            raise ValueError(
                tr("it holds a {kind}, not a {required}", kind=printable(str(metadata["kind"])), required=kind)
            )
        config, step = TrainConfig.from_json(metadata["config"]), metadata["step"]
        if type(step) is not int or not 0 <= step <= MAX_COUNT:
            raise ValueError(tr("its step is {step!r}", step=step))
    except (KeyError, TypeError, ValueError) as error:
        sentence = tr("{path} cannot be used: {reason}", path=file, reason=printable(str(error)))
        raise ValueError(sentence) from error
    required = (generator_tensors if kind == "generator" else discriminator_tensors)(config.model)
    if difference := _difference({_current(name): entry for name, entry in entries.items()}, required):
        raise _unfit(file, difference)
    return config, step


_FLOATS = ("F16", "BF16", "F32", "F64")


def _difference(entries: Mapping[str, TensorEntry], required: Mapping[str, Tensor]) -> str:
    """Return how the tensors in a file differ from the required ones, the first of them; empty if they fit."""
    if missing := [name for name in required if name not in entries]:
        return tr("{count} tensors are missing, as {name}", count=len(missing), name=missing[0])
    if unknown := [name for name in entries if name not in required]:
        return tr("{count} tensors are unknown, as {name}", count=len(unknown), name=printable(unknown[0], 80))
    for name, tensor in required.items():
        dtypes = _FLOATS if tensor.is_floating_point() else ("I64",)
        dtype, shape = entries[name]
        if shape != tuple(tensor.shape) or dtype not in dtypes:
            return tr(
                "{name} is {type} {shape}, and not {required_type} {required_shape}",
                name=name,
                type=printable(dtype, 8),
                shape=shape,
                required_type=dtypes[-1],
                required_shape=tuple(tensor.shape),
            )
    return ""


def _missing(path: Path) -> FileNotFoundError:
    return FileNotFoundError(tr("{path} does not exist; name a run directory or a .safetensors file", path=path))


def _unfit(path: Path, reason: str) -> ValueError:
    return ValueError(tr("{path} does not fit its own config: {reason}", path=path, reason=reason))


def _fill(network: nn.Module, tensors: dict[str, Tensor], file: Path) -> None:
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        raise _unfit(file, printable(str(error))) from error


def weights_id(tensors: Mapping[str, Tensor]) -> str:
    """Return the first 12 hex digits of the SHA-256 of names, types, shapes and bytes, ordered by name."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        value = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:12]
