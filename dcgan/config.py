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

from dcgan.locale.language import tr, tr_later, tr_marked

NUM_COMPONENTS = 20
"""Components of the latent distribution `mixture`, all equally likely (Ben-Yosef and Weinshall 2018)."""
COMPONENT_SCALE = 6.0
"""Distance of each component's mean from 0, along an axis of its own."""

FORMAT = 3
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
MAX_EPOCHS, MAX_STEPS_PER_EPOCH = 10**7, 10**8
"""More than any training has. Their product is MAX_COUNT of `runs/rows.py`, which bounds what rows count."""
MAX_SHUFFLE_BUFFER = 1_000_000

TABLE_PREFIXES = ("table:", "hub:")
OWN_PREFIXES = ("folder:", *TABLE_PREFIXES)
"""How the names of own images begin."""

AUGMENTATIONS = ("translate", "mirror", "cutout", "color")
"""Random changes of real and fake images; dcgan/training/diff_augment.py has them."""

_INTERVAL_IMAGES = 4000
"""Images of an epoch where a training has a length in images."""
_MAX_INTERVALS = 100

Topology = Literal["mlp", "conv", "keras", "step"]
Norm = Literal["batch", "none"]
Fit = Literal["crop", "pad"]
Ground = Literal["auto", "white", "black"]
ShownGround = Literal["white", "black"]


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
            tr_later("latent_dim={value} is too small for the {count} components and noise; try 100"),
            value=self.latent_dim,
            count=NUM_COMPONENTS,
        )
        _require(
            self.channels in (1, 3), tr_later("channels={value} is not 1 (gray) or 3 (RGB)"), value=self.channels
        )
        _require(0 <= self.dropout < 1, tr_later("dropout={value} is not in [0, 1); try 0.3"), value=self.dropout)
        _require(
            self.topology == "conv" or not self.minibatch_stddev,
            tr_later("minibatch_stddev=True needs topology conv, not {topology}; set it to False"),
            topology=self.topology,
        )
        _require(
            self.topology == "conv" or not self.auxiliary_head,
            tr_later("auxiliary_head=True needs topology conv, not {topology}; set it to False"),
            topology=self.topology,
        )
        _require(
            self.latent == "mixture" or not self.auxiliary_head,
            tr_later("auxiliary_head=True needs latent mixture, not {latent}; set it to False"),
            latent=self.latent,
        )
        _require(
            not (self.num_classes and self.auxiliary_head),
            tr_later("num_classes={value} does not go with auxiliary_head=True; set one of them to 0 or False"),
            value=self.num_classes,
        )
        for name in ("hidden_g", "hidden_d"):
            widths = getattr(self, name)
            _require(
                bool(widths) and min(widths) > 0,
                tr_later("{name}={value} needs at least one width of 1 or more"),
                name=name,
                value=widths,
            )
            _at_most(name, max(widths), MAX_WIDTH, 256)
            _require(
                len(widths) <= MAX_HIDDEN_LAYERS,
                tr_later("{name} has {count} layers, more than {most}; try three"),
                name=name,
                count=len(widths),
                most=MAX_HIDDEN_LAYERS,
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
    """Name of a data set. Own images: folder:PATH, table:PATH for Parquet, Arrow or WebDataset files, or
    hub:USER/DATASET for a set on the Hugging Face Hub."""
    root: str = ""
    """Folder that holds the named set; empty: the project's own data, else a download into the user's cache."""
    limit: int = 0
    """Train on the first images only, up to this number; 0: all images."""
    holdout: float = 0.0
    """Own images: fraction for evaluation only. The seed draws them, and training never sees them."""
    min_holdout: int = 0
    """Own images: the fewest that holdout keeps, and it keeps none of fewer than 100 images; 0: no such bounds."""
    resident_limit_mib: int = 2048
    """Data sets up to this size (MiB as uint8) stay on the device; larger ones are read from disk."""
    workers: int = 2
    """Processes that decode the images of a folder that does not stay on the device; threads for a table."""
    cache: bool = False
    """Own images: decode all once into a file in the user's cache, and read that file from then on."""
    image_column: str = ""
    """table, hub: the column of the images; empty: the only one."""
    label_column: str = ""
    """table, hub: the column of the labels; empty: the only one with classes, or one that is named label."""
    shuffle_buffer: int = 4096
    """table, hub: images that are shuffled with each other where the set is read in shards during the training. They
    are in memory decoded."""
    fit: Fit = "crop"
    """Own images: how one becomes a square. crop: its middle; pad: all of it, on the mean color of its border."""
    ground: Ground = "auto"
    """Own images: what is behind transparent ones. auto: white, or black where that shows more of the drawings. It is
    decided once for the whole set."""
    mirror: bool = False
    """Mirror each real image of a batch with probability 1/2, left for right. Evaluations mirror no image."""

    def __post_init__(self) -> None:
        _check_types(self)
        _at_least(self, limit=0, min_holdout=0, resident_limit_mib=0, workers=0)
        _require(0 <= self.holdout < 1, tr_later("holdout={value} is not in [0, 1); try 0.1"), value=self.holdout)
        own = self.is_own
        _at_least(self, shuffle_buffer=1)
        _at_most("shuffle_buffer", self.shuffle_buffer, MAX_SHUFFLE_BUFFER, 4096)
        _require(
            own or not self.holdout,
            tr_later("holdout={value} has no effect with {data}, which has test images of its own; set it to 0"),
            value=self.holdout,
            data=self.name,
        )
        _require(
            own or not self.cache,
            tr_later("cache=True has no effect with {data}, only with own images; set it to False"),
            data=self.name,
        )
        for name, default in (("fit", "crop"), ("ground", "auto")):
            value = getattr(self, name)
            _require(
                own or value == default,
                tr_later("{name}={value} has no effect with {data}, only with own images; set it to {default}"),
                name=name,
                value=value,
                data=self.name,
                default=default,
            )
        for name, default in (("image_column", ""), ("label_column", ""), ("shuffle_buffer", 4096)):
            value = getattr(self, name)
            _require(
                self.is_table or value == default,
                tr_later(
                    "{name}={value} has no effect with {data}, only with table:PATH and hub:USER/DATASET; "
                    "leave it out"
                ),
                name=name,
                value=value,
                data=self.name,
            )
        _require(
            not (own and self.root),
            tr_later("root={value!r} has no effect with {data}, which says itself where it lies; leave it empty"),
            value=self.root,
            data=self.name,
        )
        _check_readable(self)

    @property
    def is_folder(self) -> bool:
        """Whether these are image files in a folder."""
        return _is_prefixed(self.name, "folder:")

    @property
    def is_table(self) -> bool:
        """Whether these are the rows of a table: local files, or a set on the Hugging Face Hub."""
        return _is_prefixed(self.name, *TABLE_PREFIXES)

    @property
    def is_own(self) -> bool:
        """Whether these are the user's own images; data/named_sets.py checks all other names."""
        return self.is_folder or self.is_table

    def with_absolute_paths(self) -> DataConfig:
        """Return the same data, named so that it is found from any working directory."""
        kind, colon, path = self.name.partition(":")
        is_local = colon and kind in ("folder", "table")
        name = f"{kind}:{os.path.abspath(os.path.expanduser(path))}" if is_local else self.name
        root = os.path.abspath(os.path.expanduser(self.root)) if self.root else ""
        return replace(self, name=name, root=root)


@dataclass(frozen=True)
class TrainConfig:
    """One training: the networks, the data and the recipe."""

    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    init: str = ""
    """Begin with the networks of this run, given by name or path; empty: with new networks. A recorded config has the
    ids of their weights behind an @."""
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
    augment: str = ""
    """Random changes of real and fake images before D sees them: translate, mirror, cutout, color, with commas
    between them; empty: none. For few images, which D would learn by heart. Source: DiffAugment."""
    augment_p: float = 0.5
    """Probability of each change in `augment`, for each image; also where a training with augment_target begins."""
    augment_target: float = 0.0
    """The mean sign of D's logits on real images that the probability is steered to, between 0 and 0.8. Where a loss
    compares real with fake logits, it is the sign of their difference. 0: a constant probability. Source:
    StyleGAN2-ADA, which uses 0.6."""
    patch_whitening: bool = False
    """conv: begin with whitening kernels in the discriminator's first layer: the principal components of patches of
    real images, divided by their standard deviations, and their negatives."""
    gradient_penalty: float = 0.0
    """Weight of WGAN-GP's gradient penalty between real and fake images. Its paper uses 10."""
    ema_half_life_images: int = 0
    """Half-life of the generator's moving average, in real images; 0: no moving average."""
    ema_ramp: float = 0.0
    """Largest half-life of the moving average, as a share of the real images seen so far; 0: no such bound. With 0.1
    hardly anything of the initial weights is left in the average of a short training. Source: StyleGAN2-ADA's EMA
    ramp-up."""
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
    d_snapshot_parameters: int = 2_000_000
    """The discriminator is kept beside each of these generators, in half precision, if it has at most so many
    parameters. 2,000,000 take 4 MB. 0: never."""
    keep_states: int = 1
    """Saved states that a finished training keeps. 1: the last one, so that `resume --epochs` can train it longer. 0:
    none, which saves most of a run's disk space."""
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
        _at_most("epochs", self.epochs, MAX_EPOCHS, 20)
        _at_most("steps_per_epoch", self.steps_per_epoch, MAX_STEPS_PER_EPOCH, 0)
        _at_least(self, keep_states=0, d_snapshot_parameters=0)
        _at_most("keep_states", self.keep_states, 1, 1)
        _require(
            self.score_images == 0 or self.score_images >= 2,
            tr_later("score_images={value} is neither 0 nor 2 or more; try 2000, or 0 for no scores"),
            value=self.score_images,
        )
        _require(0 <= self.ema_ramp <= 1, tr_later("ema_ramp={value} is not in [0, 1]; try 0.1"), value=self.ema_ramp)
        _require(
            self.ema_ramp == 0 or self.ema_half_life_images > 0,
            tr_later("ema_ramp={value} has no effect without ema_half_life_images; set it to 0"),
            value=self.ema_ramp,
        )
        _require(0 <= self.seed < 2**32, tr_later("seed={value} is not in 0..4294967295"), value=self.seed)
        for name, usual in (("lr_g", "2e-4"), ("lr_d", "2e-4"), ("adam_epsilon", "1e-8")):
            value = getattr(self, name)
            _require(
                value > 0,
                tr_later("{name}={value} is not positive; try {usual}"),
                name=name,
                value=value,
                usual=usual,
            )
        _require(
            0 <= self.lr_decay <= 1,
            tr_later("lr_decay={value} is not in [0, 1]; try 0.5 for the second half"),
            value=self.lr_decay,
        )
        _require(
            all(0 <= b < 1 for b in self.betas),
            tr_later("betas={value} are not in [0, 1); try (0.5, 0.999)"),
            value=self.betas,
        )
        for name in ("real_target", "fake_target", "generator_target"):
            target = getattr(self, name)
            _require(
                0 <= target <= 1,
                tr_later("{name}={value} is not in [0, 1]; try 0.9 for smoothed real labels"),
                name=name,
                value=target,
            )
        _require(
            self.d_reg_interval == 1 or self.r1_gamma > 0 or self.r2_gamma > 0,
            tr_later("d_reg_interval={value} has no effect without r1_gamma or r2_gamma; set it to 1"),
            value=self.d_reg_interval,
        )
        _require(
            self.auxiliary_affine == 0 or self.model.auxiliary_head,
            tr_later("auxiliary_affine={value} has no effect without auxiliary_head; set it to 0"),
            value=self.auxiliary_affine,
        )
        _require(
            self.auxiliary_affine <= 2,
            tr_later("auxiliary_affine={value} is above 2; try 1"),
            value=self.auxiliary_affine,
        )
        _require(
            self.auxiliary_affine_interval == 1 or self.auxiliary_affine > 0,
            tr_later("auxiliary_affine_interval={value} has no effect without auxiliary_affine; set it to 1"),
            value=self.auxiliary_affine_interval,
        )
        kinds = self.augmentations
        _require(
            set(kinds) <= set(AUGMENTATIONS) and len(set(kinds)) == len(kinds),
            tr_later("augment={value!r} is not a list of {choices}, each once; try translate,mirror"),
            value=self.augment,
            choices=", ".join(AUGMENTATIONS),
        )
        _require(
            0 <= self.augment_p <= 1, tr_later("augment_p={value} is not in [0, 1]; try 0.5"), value=self.augment_p
        )
        _require(
            0 <= self.augment_target < 1,
            tr_later("augment_target={value} is not in [0, 1); try 0.6"),
            value=self.augment_target,
        )
        _require(
            self.augment_target == 0 or bool(kinds),
            tr_later("augment_target={value} has no effect without augment; set it to 0"),
            value=self.augment_target,
        )
        _require(
            not self.patch_whitening or self.model.topology == "conv",
            tr_later("patch_whitening=True needs topology conv, not {topology}; set it to False"),
            topology=self.model.topology,
        )
        _require(
            not (self.patch_whitening and self.init),
            tr_later("patch_whitening=True has no effect with the networks of init={init}; set it to False"),
            init=self.init,
        )
        _require(
            not (self.patch_whitening and self.model.num_classes),
            tr_later("patch_whitening=True does not go with labels, num_classes={count}; set it to False"),
            count=self.model.num_classes,
        )
        _require(
            not (self.joint_batch and self.model.minibatch_stddev),
            tr_later(
                "joint_batch=True would measure minibatch_stddev over real and fake images together; "
                "set one of them to False"
            ),
        )
        _require(
            not (self.model.auxiliary_head and (self.joint_batch or self.gradient_penalty)),
            tr_later(
                "auxiliary_head=True goes with neither joint_batch=True nor a gradient_penalty; set it to False"
            ),
        )
        if self.reuse_fakes:
            _require(
                self.generator_batch_factor == 1,
                tr_later("generator_batch_factor={value} needs fresh fakes; set reuse_fakes to False"),
                value=self.generator_batch_factor,
            )
        _check_readable(self)

    @property
    def augmentations(self) -> tuple[str, ...]:
        """The names in `augment`."""
        return tuple(name.strip() for name in self.augment.split(",")) if self.augment else ()

    def with_images(self, images: int) -> TrainConfig:
        """Return the config of a training on about `images` real images (1 or more).

        The steps are counted in full batches, and the last batch of a pass over the data may have fewer images. Its
        epochs are intervals of about 4,000 images, and at most 100.
        """
        _require(images >= 1, tr_later("images={value} is below 1; try 80000"), value=images)
        epochs = min(_MAX_INTERVALS, max(1, round(images / _INTERVAL_IMAGES)))
        return replace(self, epochs=epochs, steps_per_epoch=math.ceil(images / (epochs * self.batch_size)))

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

    def ema_half_life(self, images_seen: int) -> float:
        """Return the half-life of the moving average, in real images, at the step after `images_seen` (0 or more)."""
        ramp = self.ema_ramp * (images_seen + self.batch_size) if self.ema_ramp else math.inf
        return min(self.ema_half_life_images, ramp)

    def to_json(self) -> dict[str, Any]:
        """A JSON-ready dictionary; from_json makes an equal config of it."""
        return {"format": FORMAT, **dataclasses.asdict(self)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> TrainConfig:
        """Read what to_json wrote. Raises ValueError that names the field, also for a newer format.

        Options of the data without effect, which earlier versions let pass, are read as if they had not been given.
        """
        _require_object(cls, values)
        values = dict(values)
        version = values.pop("format", 1)  # what has no format is older than formats, or written by hand
        _require(
            version in range(1, FORMAT + 1),
            tr_later("config format {version!r} is not 1 to {newest}; update DCGAN Studio to read it"),
            version=version,
            newest=FORMAT,
        )
        if version == 1:
            values = _with_current_fields(cls, values)
            if isinstance(values.get("model"), Mapping):
                values["model"] = _with_current_fields(ModelConfig, values["model"])
        if isinstance(values.get("data"), Mapping):
            if version < 3 and str(values["data"].get("name", "")).startswith("folder:"):
                values["data"] = {"ground": "white", **values["data"]}  # no other one was known
            values["data"] = _without_idle(values["data"])
        return _from_json(cls, values)


def check_new(config: TrainConfig) -> None:
    """Raise ValueError for what no new training should have, but recorded ones may, and can be read and resumed."""
    for name in ("r1_gamma", "r2_gamma"):
        _require(
            not getattr(config, name) or config.model.norm_d == "none",
            tr_later(
                "{name}={value:g} is taken of each image, and batch norm in the discriminator mixes images; "
                "set model.norm_d to none"
            ),
            name=name,
            value=getattr(config, name),
        )
    _require(
        not (config.gradient_penalty and config.model.norm_d == "batch"),
        tr_later(
            "gradient_penalty={value:g} is taken of each image, and batch norm in the discriminator mixes images, "
            "which its paper rules out; set model.norm_d to none"
        ),
        value=config.gradient_penalty,
    )


def _without_idle(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a DataConfig. Fields without effect get their defaults; invalid values stay."""
    read = dict(data)
    if str(read.get("name", "")).startswith(OWN_PREFIXES):
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
    _require_object(cls, values)
    kinds = _kinds(cls)
    unknown = sorted(set(values) - set(kinds))
    _require(
        not unknown,
        tr_later("config field {names} is unknown to this version; update DCGAN Studio"),
        names=", ".join(unknown),
    )
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
            if choices:
                raise ValueError(
                    tr("{name}={value!r} is not one of {choices}", name=name, value=value, choices=", ".join(choices))
                )
            kind_name = getattr(kind, "__name__", str(kind))
            raise ValueError(tr("{name}={value!r} is not {kind}", name=name, value=value, kind=kind_name))


def _check_readable(config: Any) -> None:
    """What is written must be readable: JSON holds UTF-8, and its readers refuse integers beyond 64 bits."""
    for name in _kinds(type(config)):
        value = getattr(config, name)
        if isinstance(value, int):
            _require(abs(value) < 2**63, tr_later("{name} does not fit 64 bits; try a smaller number"), name=name)
        if isinstance(value, str):
            surrogate = re.search("[\ud800-\udfff]", value)
            _require(
                not surrogate, tr_later("{name}={value!a} is not UTF-8; rename what it names"), name=name, value=value
            )


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
        _require(
            value >= low,
            tr_later("{name}={value} is below {low}; try {usual}"),
            name=name,
            value=value,
            low=low,
            usual=max(low, 1),
        )


def _at_most(name: str, value: int, high: int, usual: int) -> None:
    _require(
        value <= high,
        tr_later("{name}={value} is above {high}; try {usual}"),
        name=name,
        value=value,
        high=high,
        usual=usual,
    )


def _check_image_size(topology: str, size: int) -> None:
    largest = MAX_IMAGE_SIZE[topology]
    if topology == "conv":
        nearest = min(largest, 2 ** max(3, round(math.log2(max(size, 1)))))
        power = size >= 8 and size & (size - 1) == 0
        _require(
            size == 28 or power,
            tr_later("image_size={size} is not 28 or a power of two from 8; try {nearest}"),
            size=size,
            nearest=nearest,
        )
    elif topology == "mlp":
        _require(size >= 1, tr_later("image_size={size} is below 1; try 28"), size=size)
    else:
        nearest = min(largest, max(16, round(size / 4) * 4))
        _require(
            size >= 16 and size % 4 == 0,
            tr_later("image_size={size} is not a multiple of four from 16; try {nearest}"),
            size=size,
            nearest=nearest,
        )
    _at_most("image_size", size, largest, 28)


def _check_map_size(model: ModelConfig) -> None:
    """Keras' widest maps are as large as the image, and those of the others half as wide and high."""
    if model.topology == "mlp":
        return
    size = model.image_size if model.topology == "keras" else model.image_size // 2
    for name in ("width_g", "width_d"):
        _at_most(name, getattr(model, name), MAX_MAP_NUMBERS // size**2, 32)


def _is_prefixed(name: str, *prefixes: str) -> bool:
    return any(name.startswith(prefix) and name != prefix for prefix in prefixes)


def _require_object(cls: type, values: Any) -> None:
    _require(
        isinstance(values, Mapping),
        tr_later("{name} is {value!r}, not an object"),
        name=cls.__name__,
        value=values,
    )


def _require(condition: object, message: str, /, **values: Any) -> None:
    """Raise ValueError with a text that `tr_later` marked. It is translated only then: most configs are valid."""
    if not condition:
        raise ValueError(tr_marked(message, **values))
