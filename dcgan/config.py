"""The config of a training: frozen dataclasses, checked when they are made, that JSON can hold.

A config decides every number a training produces. Two runs with equal configs, on the same device, the same
number of threads and the same version of PyTorch, are equal bit for bit.

The module has more than 250 lines because every field has its help text and its bounds beside it.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import os
import re
import sys
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

NUM_COMPONENTS = 20
"""Components of the latent distribution `mixture`, all equally likely (Ben-Yosef and Weinshall 2018)."""
COMPONENT_SCALE = 6.0
"""Distance of each component's mean from 0, along an axis of its own."""

FORMAT = 2
"""Version of the JSON that to_json writes. from_json reads earlier versions and refuses newer ones."""

_SCORES_BESIDE_REAL = (
    *("cfd", "kernel_distance", "kernel_deviation", "inception_score", "precision", "recall", "density", "coverage"),
    *("class_distance", "class_histogram", "classification_accuracy", "modes", "kl", "fid", "kid"),
)
RENAMED = {
    # Fields of a config in format 1, and the command-line flags of the time.
    "batch_deviation": "minibatch_stddev",
    "guessed_kinds": "auxiliary_head",
    "guess_warp": "auxiliary_affine",
    "penalty_every": "d_reg_interval",
    # A tensor of the discriminator.
    "crowding": "balance_bias",
    # Keys of scores.jsonl and evals.jsonl.
    "extractor": "classifier",
    "extractor_hash": "classifier_hash",
    "memorisation_ratio": "memorization_ratio",
    "memorises": "memorizes",
    "num_labelled": "num_labeled",
    "nearest_error": "nearest_neighbor_error",
    "nearest_error_floor": "real_nearest_neighbor_error",
    **{f"{name}_floor": f"real_{name}" for name in _SCORES_BESIDE_REAL},
}
"""The names that earlier versions stored, and today's: all readers of configs, rows and tensors use it."""


def with_current_names(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values under today's names; a value that is there under both keeps the new one's."""
    earlier = {RENAMED[name]: value for name, value in values.items() if name in RENAMED}
    return earlier | {name: value for name, value in values.items() if name not in RENAMED}


MAX_WIDTH = 1_000_000
"""The largest latent_dim and layer width: more than any machine trains, and small enough to multiply."""
MAX_IMAGE_SIZE = {"mlp": 1024, "conv": 1024, "keras": 512, "step": 1024}
"""By topology. With widths of 32, the maps of a larger image would exceed MAX_MAP_NUMBERS."""
MAX_CLASSES = 10_000
MAX_HIDDEN_LAYERS = 64
MAX_MAP_NUMBERS = 2**23
"""Numbers in the largest feature maps of one image. Bounds the memory that a small file of a stranger can ask for."""
MAX_THREADS = 4096

Topology = Literal["mlp", "conv", "keras", "step"]
Norm = Literal["batch", "none"]


@dataclass(frozen=True)
class ModelConfig:
    """The two networks. Fields that only some topologies use begin with their names."""

    topology: Topology = "conv"
    """Network family. mlp: fully connected; conv: DCGAN; keras: the Keras tutorial's; step: 'GAN Step by Step', step
    3."""
    latent_dim: int = 100
    """Size Z of the latent vector."""
    latent: Literal["normal", "uniform", "mixture"] = "normal"
    """Distribution of z: standard normal; uniform on [-1, 1]; or a mixture of 20 normal components. In a mixture the
    first 20 numbers of z are 6 for its component and 0 for the others. The rest are standard normal."""
    image_size: int = 28
    """Height and width in pixels. conv: 28 or a power of two from 8; keras, step: a multiple of four."""
    channels: int = 1
    """1 for gray, 3 for RGB."""
    num_classes: int = 0
    """Number of labels of a conditional model, whose networks both see the label; 0 for an unconditional model."""
    output: Literal["tanh", "sigmoid"] = "tanh"
    """Last activation of the generator. It sets the pixel range of real images too: [-1, 1] or [0, 1]."""
    hidden_g: tuple[int, ...] = (256, 512, 1024)
    """mlp: widths of the generator's hidden layers."""
    hidden_d: tuple[int, ...] = (1024, 512, 256)
    """mlp: widths of the discriminator's hidden layers."""
    width_g: int = 32
    """conv, keras, step: channels of the generator's feature maps nearest the image. conv doubles them inwards."""
    width_d: int = 32
    """conv, keras, step: the same for the discriminator."""
    norm_g: Norm = "batch"
    """Batch norm in the generator's hidden layers, or none."""
    norm_d: Norm = "batch"
    """Batch norm in the discriminator's hidden layers (never its first), or none."""
    minibatch_stddev: bool = False
    """conv: the discriminator's last layer sees one more map, the standard deviation over the images of its batch.
    Source: Progressive GAN, StyleGAN."""
    auxiliary_head: bool = False
    """conv with latent mixture: the discriminator assigns each image to one of the 20 components (a pseudo-label),
    and has a logit for each component. Its auxiliary head learns from fake images, whose components are known. Each
    component has a bias, subtracted from its auxiliary logit. After every step the bias moves by 0.01 x (share of
    real images assigned to the component / (1/20) - 1)."""
    dropout: float = 0.0
    """Dropout after the discriminator's hidden layers."""
    init: Literal["torch", "glorot", "normal"] = "torch"
    """Initial weights: the defaults of PyTorch; Glorot uniform with zero biases (Keras); or N(0, 0.02) (DCGAN
    paper)."""

    def __post_init__(self) -> None:
        _check_types(self)
        _at_least(self, latent_dim=1, num_classes=0, width_g=1, width_d=1)
        _at_most("num_classes", self.num_classes, MAX_CLASSES, 10)
        for name, usual in (("latent_dim", 100), ("width_g", 32), ("width_d", 32)):
            _at_most(name, getattr(self, name), MAX_WIDTH, usual)
        _require(
            self.latent != "mixture" or self.latent_dim > NUM_COMPONENTS,
            f"latent_dim={self.latent_dim} is too small for the {NUM_COMPONENTS} components and noise; try 100",
        )
        _require(self.channels in (1, 3), f"channels={self.channels} is not 1 (gray) or 3 (RGB)")
        _require(0 <= self.dropout < 1, f"dropout={self.dropout} is not in [0, 1); try 0.3")
        _require(
            self.topology == "conv" or not self.minibatch_stddev,
            f"minibatch_stddev=True needs topology conv, not {self.topology}; set it to False",
        )
        _require(
            self.topology == "conv" or not self.auxiliary_head,
            f"auxiliary_head=True needs topology conv, not {self.topology}; set it to False",
        )
        _require(
            self.latent == "mixture" or not self.auxiliary_head,
            f"auxiliary_head=True needs latent mixture, not {self.latent}; set it to False",
        )
        _require(
            not (self.num_classes and self.auxiliary_head),
            f"num_classes={self.num_classes} does not go with auxiliary_head=True; set one of them to 0 or False",
        )
        for name in ("hidden_g", "hidden_d"):
            widths = getattr(self, name)
            _require(bool(widths) and min(widths) > 0, f"{name}={widths} needs at least one width of 1 or more")
            _at_most(name, max(widths), MAX_WIDTH, 256)
            count = len(widths)
            _require(
                count <= MAX_HIDDEN_LAYERS, f"{name} has {count} layers, more than {MAX_HIDDEN_LAYERS}; try three"
            )
        _check_image_size(self.topology, self.image_size)
        _check_map_size(self)
        _check_readable(self)

    @property
    def pixel_range(self) -> tuple[float, float]:
        """The range both networks work in: that of the generator's last activation."""
        return (0.0, 1.0) if self.output == "sigmoid" else (-1.0, 1.0)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(C, H, W)."""
        return (self.channels, self.image_size, self.image_size)


@dataclass(frozen=True)
class DataConfig:
    """The real images."""

    name: str = "mnist"
    """Name of a data set, or folder:PATH for own images."""
    root: str = ""
    """Folder that holds the named set; empty: the project's own data, else a download into the user's cache."""
    limit: int = 0
    """Train on the first images only, up to this number; 0: all images."""
    holdout: float = 0.0
    """folder: fraction of the images for evaluation only. The seed draws them, and training never sees them."""
    resident_limit_mib: int = 2048
    """Data sets up to this size (MiB as uint8) stay on the device; larger ones are read from disk."""
    workers: int = 2
    """Processes that decode the images of a folder that does not stay on the device."""
    cache: bool = False
    """folder: decode all images once into a file in the user's cache, and read that file from then on."""

    def __post_init__(self) -> None:
        _check_types(self)
        _at_least(self, limit=0, resident_limit_mib=0, workers=0)
        _require(0 <= self.holdout < 1, f"holdout={self.holdout} is not in [0, 1); try 0.1")
        folder = self.is_folder
        _require(
            folder or not self.holdout,
            f"holdout={self.holdout} has no effect with {self.name}, which has test images of its own; set it to 0",
        )
        _require(
            folder or not self.cache, f"cache=True has no effect with {self.name}, only folders do; set it to False"
        )
        _require(
            not (folder and self.root),
            f"root={self.root!r} has no effect with {self.name}, which says itself where it lies; leave it empty",
        )
        _check_readable(self)

    @property
    def is_folder(self) -> bool:
        """Whether these are the user's own images; data/named_sets.py checks all other names."""
        return self.name.startswith("folder:") and self.name != "folder:"

    def with_absolute_paths(self) -> DataConfig:
        """Return the same data, named so that it is found from any working directory."""
        kind, folder, path = self.name.partition("folder:")
        name = self.name if kind or not folder else folder + os.path.abspath(os.path.expanduser(path))
        root = os.path.abspath(os.path.expanduser(self.root)) if self.root else ""
        return replace(self, name=name, root=root)


@dataclass(frozen=True)
class TrainConfig:
    """One training: the networks, the data and the recipe."""

    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    epochs: int = 20
    """Passes over the data, or blocks of steps_per_epoch steps if that is set."""
    batch_size: int = 32
    """Real images in a step."""
    lr_g: float = 2e-4
    """Learning rate of the generator's Adam."""
    lr_d: float = 2e-4
    """Learning rate of the discriminator's Adam."""
    lr_decay: float = 0.0
    """Share of the steps, at the end, in which both learning rates fall to 0 along half a cosine; 0: no decay."""
    betas: tuple[float, float] = (0.5, 0.999)
    """Adam's betas, for both networks."""
    adam_epsilon: float = 1e-8
    """Adam's epsilon (Keras' default is 1e-7)."""
    loss: str = "bce"
    """Adversarial loss. It sees the logits of the discriminator."""
    real_target: float = 1.0
    """Target of the discriminator for real images. 0.9 is one-sided label smoothing."""
    fake_target: float = 0.0
    """Target of the discriminator for fake images."""
    generator_target: float = 1.0
    """Target that the generator wants from the discriminator for fake images."""
    reduction: Literal["mean", "sum"] = "mean"
    """Whether the discriminator's loss is the mean or the sum of its real and its fake term."""
    order: Literal["generator-first", "discriminator-first"] = "discriminator-first"
    """Which network a step updates first."""
    reuse_fakes: bool = False
    """Use the fake images of the first update in the second one. Otherwise each update draws its own."""
    joint_batch: bool = False
    """Pass real and fake images through the discriminator in one batch. This changes batch norm only."""
    generator_batch_factor: int = 1
    """Fake images in the generator's update, as a multiple of batch_size."""
    sampling: Literal["shuffle", "replacement"] = "shuffle"
    """shuffle: each real image once an epoch, in a new order. replacement: each batch is drawn from all images."""
    steps_per_epoch: int = 0
    """Steps that count as an epoch; 0: one pass over the data."""
    r1_gamma: float = 0.0
    """Weight of R1, the zero-centered gradient penalty on real images."""
    r2_gamma: float = 0.0
    """Weight of R2, the zero-centered gradient penalty on fake images."""
    d_reg_interval: int = 1
    """Steps between two computations of R1 and R2, whose weights are multiplied by this number. Source: the lazy
    regularization of StyleGAN2."""
    auxiliary_affine: float = 0.0
    """Strength of the random affine transform of the fake images that the auxiliary head learns from: 1 is up to 20
    degrees of rotation and a translation by 2 of 28 pixels; 0 is none."""
    auxiliary_affine_interval: int = 1
    """Steps between two uses of the random affine transform. At the steps between, the auxiliary head learns from the
    fake images themselves."""
    patch_whitening: bool = False
    """conv: begin with whitening kernels in the discriminator's first layer: the principal components of patches of
    real images, divided by their standard deviations, and their negatives."""
    gradient_penalty: float = 0.0
    """Weight of WGAN-GP's gradient penalty between real and fake images. Its paper uses 10."""
    ema_half_life_images: int = 0
    """Half-life of the generator's moving average, in real images; 0: no moving average."""
    seed: int = 0
    """Seed of the initial weights, the order of the images, the noise and the dropout."""
    engine: Literal["fast", "plain"] = "fast"
    """plain: the step as written down. fast: the same mathematics in fewer and larger operations; on a GPU a step is
    one CUDA graph. The two round differently."""
    precision: Literal["fp32", "tf32", "bf16"] = "fp32"
    """Precision of matrix products and convolutions in training: fp32; tf32 on NVIDIA GPUs; bf16 by autocast, with
    norms in fp32."""
    threads: int = 0
    """CPU threads; 0: PyTorch's choice. Results are equal bit for bit only with the same number of threads."""
    log_every: int = 25
    """Steps that one row of progress.jsonl averages over."""
    snapshots: int = 8
    """Number of generators kept during the training: the first, the last, and one at each halving of the steps; 0:
    none."""
    score_images: int = 2000
    """Images that are scored at the end of each epoch, if there is a classifier for the data; 0: none. Scores do not
    change the training."""

    def __post_init__(self) -> None:
        _check_types(self)
        _at_least(self, epochs=1, batch_size=2, generator_batch_factor=1, steps_per_epoch=0, ema_half_life_images=0)
        _at_least(self, r1_gamma=0, r2_gamma=0, d_reg_interval=1, auxiliary_affine=0, gradient_penalty=0)
        _at_least(self, auxiliary_affine_interval=1)
        _at_least(self, threads=0, log_every=1, snapshots=0)
        _at_most("threads", self.threads, MAX_THREADS, 0)
        _require(
            self.score_images == 0 or self.score_images >= 2,
            f"score_images={self.score_images} is neither 0 nor 2 or more; try 2000, or 0 for no scores",
        )
        _require(0 <= self.seed < 2**32, f"seed={self.seed} is not in 0..4294967295")
        for name, usual in (("lr_g", "2e-4"), ("lr_d", "2e-4"), ("adam_epsilon", "1e-8")):
            _require(getattr(self, name) > 0, f"{name}={getattr(self, name)} is not positive; try {usual}")
        _require(0 <= self.lr_decay <= 1, f"lr_decay={self.lr_decay} is not in [0, 1]; try 0.5 for the second half")
        _require(all(0 <= b < 1 for b in self.betas), f"betas={self.betas} are not in [0, 1); try (0.5, 0.999)")
        for name in ("real_target", "fake_target", "generator_target"):
            target = getattr(self, name)
            _require(0 <= target <= 1, f"{name}={target} is not in [0, 1]; try 0.9 for smoothed real labels")
        _require(
            self.d_reg_interval == 1 or self.r1_gamma > 0 or self.r2_gamma > 0,
            f"d_reg_interval={self.d_reg_interval} has no effect without r1_gamma or r2_gamma; set it to 1",
        )
        _require(
            self.auxiliary_affine == 0 or self.model.auxiliary_head,
            f"auxiliary_affine={self.auxiliary_affine} has no effect without auxiliary_head; set it to 0",
        )
        _require(self.auxiliary_affine <= 2, f"auxiliary_affine={self.auxiliary_affine} is above 2; try 1")
        _require(
            self.auxiliary_affine_interval == 1 or self.auxiliary_affine > 0,
            f"auxiliary_affine_interval={self.auxiliary_affine_interval} has no effect without auxiliary_affine; "
            "set it to 1",
        )
        _require(
            not self.patch_whitening or self.model.topology == "conv",
            f"patch_whitening=True needs topology conv, not {self.model.topology}; set it to False",
        )
        _require(
            not (self.patch_whitening and self.model.num_classes),
            f"patch_whitening=True does not go with labels, num_classes={self.model.num_classes}; set it to False",
        )
        _require(
            not (self.joint_batch and self.model.minibatch_stddev),
            "joint_batch=True would measure minibatch_stddev over real and fake images together; "
            "set one of them to False",
        )
        _require(
            not (self.model.auxiliary_head and (self.joint_batch or self.gradient_penalty)),
            "auxiliary_head=True goes with neither joint_batch=True nor a gradient_penalty; set it to False",
        )
        if self.reuse_fakes:
            _require(
                self.generator_batch_factor == 1,
                f"generator_batch_factor={self.generator_batch_factor} needs fresh fakes; set reuse_fakes to False",
            )
        _check_readable(self)

    def decay_factor(self, step: int, steps: int) -> float:
        """Return the factor, in [0, 1], of both learning rates at a step of 0..steps - 1, of a training of `steps`.

        It is 1 until the last `lr_decay` of the steps, and falls there along half a cosine to 0. Source: Loshchilov
        and Hutter 2017, SGDR, equation 5, without restarts.
        """
        assert 0 <= step < steps, f"step {step} is not one of {steps}"
        if not self.lr_decay:
            return 1.0
        progress = max(0.0, 1 - (1 - step / steps) / self.lr_decay)
        return (1 + math.cos(math.pi * progress)) / 2

    def to_json(self) -> dict[str, Any]:
        """A JSON-ready dictionary; from_json makes an equal config of it."""
        return {"format": FORMAT, **dataclasses.asdict(self)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> TrainConfig:
        """Read what to_json wrote. Raises ValueError that names the field, also for a newer format.

        Options of the data without effect, which earlier versions let pass, are read as if they had not been given.
        """
        _require(isinstance(values, Mapping), f"{cls.__name__} is {values!r}, not an object")
        values = dict(values)
        version = values.pop("format", 1)  # what has no format is older than formats, or written by hand
        _require(
            version in range(1, FORMAT + 1),
            f"config format {version!r} is not 1 to {FORMAT}; update DCGAN Studio to read it",
        )
        if version == 1:
            values = _with_current_fields(cls, values)
            if isinstance(values.get("model"), Mapping):
                values["model"] = _with_current_fields(ModelConfig, values["model"])
        if isinstance(values.get("data"), Mapping):
            values["data"] = _without_idle(values["data"])
        return _from_json(cls, values)


def check_new(config: TrainConfig) -> None:
    """Raise ValueError for what no new training should have, but recorded ones may, and can be read and resumed."""
    _require(
        not (config.gradient_penalty and config.model.norm_d == "batch"),
        f"gradient_penalty={config.gradient_penalty:g} is taken of each image, and batch norm in the discriminator "
        "mixes images, which its paper rules out; set model.norm_d to none",
    )


def _without_idle(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a DataConfig. Fields without effect get their defaults; invalid values stay."""
    read = dict(data)
    if str(read.get("name", "")).startswith("folder:"):
        if isinstance(read.get("root"), str):
            read["root"] = ""
        return read
    if _is_a(read.get("holdout"), float) and 0 <= read["holdout"] < 1:
        read["holdout"] = 0.0
    if read.get("cache") is True:
        read["cache"] = False
    return read


def _with_current_fields(cls: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values with the earlier names of the class's fields replaced; other names stay, for the error."""
    fields = {field.name for field in dataclasses.fields(cls)}
    renamed = {name: value for name, value in values.items() if RENAMED.get(name) in fields}
    return with_current_names(renamed) | {name: value for name, value in values.items() if name not in renamed}


@functools.cache
def _kinds(cls: type) -> dict[str, Any]:
    """Return the type of each field by name. Pages make hundreds of configs, so this is not computed for each."""
    return typing.get_type_hints(cls)


def _from_json(cls: type, values: Any) -> Any:
    _require(isinstance(values, Mapping), f"{cls.__name__} is {values!r}, not an object")
    kinds = _kinds(cls)
    unknown = sorted(set(values) - set(kinds))
    _require(not unknown, f"config field {', '.join(unknown)} is unknown to this version; update DCGAN Studio")
    read = {}
    for name, value in values.items():
        if dataclasses.is_dataclass(kinds[name]):
            read[name] = _from_json(kinds[name], value)
        else:
            read[name] = tuple(value) if isinstance(value, list) else value
    return cls(**read)


def _check_types(config: Any) -> None:
    """Every field has the type it declares; JSON and Python callers get no type checker."""
    for name, kind in _kinds(type(config)).items():
        value = getattr(config, name)
        if not _is_a(value, kind):
            choices = typing.get_args(kind) if typing.get_origin(kind) is Literal else ()
            wanted = f"one of {', '.join(choices)}" if choices else getattr(kind, "__name__", str(kind))
            raise ValueError(f"{name}={value!r} is not {wanted}")


def _check_readable(config: Any) -> None:
    """What is written must be readable: JSON holds UTF-8, and its readers refuse integers beyond 64 bits."""
    for name in _kinds(type(config)):
        value = getattr(config, name)
        if isinstance(value, int):
            _require(abs(value) < 2**63, f"{name} does not fit 64 bits; try a smaller number")
        if isinstance(value, str):
            surrogate = re.search("[\ud800-\udfff]", value)
            _require(not surrogate, f"{name}={value!a} is not UTF-8; rename what it names")


def _is_a(value: Any, kind: Any) -> bool:
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if origin is Literal:
        return isinstance(value, str) and value in args
    if origin is tuple:
        kinds = [args[0]] * len(value) if args[-1:] == (...,) and isinstance(value, tuple) else args
        return isinstance(value, tuple) and len(value) == len(kinds) and all(map(_is_a, value, kinds))
    if kind is float:
        # Compared, not converted: JSON's integers know no limit, floats do. NaN compares false.
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return number and abs(value) <= sys.float_info.max
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, kind)


def _at_least(config: Any, **bounds: int) -> None:
    for name, low in bounds.items():
        value = getattr(config, name)
        _require(value >= low, f"{name}={value} is below {low}; try {max(low, 1)}")


def _at_most(name: str, value: int, high: int, usual: int) -> None:
    _require(value <= high, f"{name}={value} is above {high}; try {usual}")


def _check_image_size(topology: str, size: int) -> None:
    largest = MAX_IMAGE_SIZE[topology]
    if topology == "conv":
        nearest = min(largest, 2 ** max(3, round(math.log2(max(size, 1)))))
        power = size >= 8 and size & (size - 1) == 0
        _require(size == 28 or power, f"image_size={size} is not 28 or a power of two from 8; try {nearest}")
    elif topology == "mlp":
        _require(size >= 1, f"image_size={size} is below 1; try 28")
    else:
        nearest = min(largest, max(16, round(size / 4) * 4))
        _require(
            size >= 16 and size % 4 == 0,
            f"image_size={size} is not a multiple of four from 16; try {nearest}",
        )
    _at_most("image_size", size, largest, 28)


def _check_map_size(model: ModelConfig) -> None:
    """Keras' widest maps are as large as the image, and those of the others half as wide and high."""
    if model.topology == "mlp":
        return
    size = model.image_size if model.topology == "keras" else model.image_size // 2
    for name in ("width_g", "width_d"):
        _at_most(name, getattr(model, name), MAX_MAP_NUMBERS // size**2, 32)


def _require(condition: object, message: str) -> None:
    if not condition:
        raise ValueError(message)
