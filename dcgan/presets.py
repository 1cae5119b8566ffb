"""Named trainings, pure data: the tutorials' systems, exactly, and recipes of our own.

What a tutorial does not say is marked (assumed) in the preset's notes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from dcgan.config import DataConfig, ModelConfig, TrainConfig


@dataclass(frozen=True)
class Preset:
    """A TrainConfig with its origin. `notes` says what the tutorial left open and where the preset departs.

    `parameters` counts the trainable parameters of G and of D, so that a page can tell them without building both.
    """

    title: str
    source: str
    config: TrainConfig
    parameters: tuple[int, int]
    notes: str = ""


# A's recipe, shared by B: the generator goes first, against 0.9; the discriminator then sees the same fakes.
_SERIES = TrainConfig(
    epochs=20,
    batch_size=32,
    real_target=0.9,
    generator_target=0.9,
    order="generator-first",
    reuse_fakes=True,
)

_GAN = replace(
    _SERIES,
    model=ModelConfig(topology="mlp", output="sigmoid", norm_g="none", norm_d="none", dropout=0.3),
)

_DCGAN = replace(_SERIES, model=ModelConfig(topology="conv"))

_DCGAN_KERAS = TrainConfig(
    model=ModelConfig(
        topology="keras",
        output="sigmoid",
        width_g=128,
        width_d=64,
        norm_g="none",
        norm_d="none",
        dropout=0.4,
        init="glorot",
    ),
    epochs=100,
    batch_size=128,
    adam_epsilon=1e-7,
    joint_batch=True,
    generator_batch_factor=2,
    sampling="replacement",
    steps_per_epoch=234,
)

_DCGAN_STEP = TrainConfig(
    model=ModelConfig(topology="step", latent_dim=96, latent="uniform", width_g=64, norm_d="none"),
    data=DataConfig(limit=50_000),
    epochs=5,
    batch_size=128,
    lr_g=3e-4,
    lr_d=3e-4,
    reduction="sum",
    reuse_fakes=True,
    # Half-precision generators of 13 MB each would fill a published run's budget twice over.
    snapshots=0,
)

_GAN_BEGINNERS = TrainConfig(
    model=ModelConfig(topology="mlp", norm_g="none", norm_d="none", hidden_d=(512, 256)),
    epochs=200,
    batch_size=64,
)

_DCGAN64 = TrainConfig(
    model=ModelConfig(topology="conv", image_size=64, width_g=64, width_d=64, init="normal"),
    epochs=25,
    batch_size=128,
    reduction="sum",
    reuse_fakes=True,
)

# dcgan's generator and its 1.2 million images. Everything else is chosen for the samples.
_DCGAN_BEST = TrainConfig(
    model=ModelConfig(
        topology="conv", latent="mixture", norm_d="none", minibatch_stddev=True, auxiliary_head=True, width_d=64
    ),
    epochs=20,
    batch_size=16,
    loss="relativistic",
    r1_gamma=0.2,
    r2_gamma=0.2,
    d_reg_interval=4,
    auxiliary_affine=1.0,
    reduction="sum",
    lr_g=5e-4,
    lr_d=5e-4,
    lr_decay=0.5,
    betas=(0.0, 0.99),
    ema_half_life_images=20_000,
    order="generator-first",
    reuse_fakes=True,
)

# Told the label, z needs no kinds. With D this wide a CPU takes hours, and smaller batches a GPU twice the time.
_CDCGAN_BEST = replace(
    _DCGAN_BEST,
    model=replace(_DCGAN_BEST.model, latent="normal", auxiliary_head=False, num_classes=10, width_d=128),
    batch_size=32,
    d_reg_interval=1,
    auxiliary_affine=0.0,
    precision="tf32",
)

_DCGAN_XL = replace(_DCGAN_BEST, model=replace(_DCGAN_BEST.model, width_g=64), precision="tf32")

PRESETS: dict[str, Preset] = {
    "gan": Preset(
        "GAN, fully connected",
        "MNIST GAN, the series' first article",
        _GAN,
        (1_486_352, 1_460_225),
    ),
    "dcgan": Preset(
        "DCGAN",
        "DCGAN on MNIST, the series' second article",
        _DCGAN,
        (312_256, 109_440),
        "The article's notebook feeds real images in [0, 1] to a tanh generator and runs 27 epochs; this preset "
        "follows the DCGAN paper and scales them to [-1, 1], and reports after 20 epochs, as the article does.",
    ),
    "dcgan-keras": Preset(
        "DCGAN in Keras",
        "Deep Convolutional GAN with Keras (2021)",
        _DCGAN_KERAS,
        (1_164_289, 40_705),
        "Adam's epsilon is Keras' default, 1e-7. The losses come from logits, where Keras clips probabilities "
        "at 1e-7.",
    ),
    "dcgan-step": Preset(
        "DCGAN, step by step",
        "GAN Step by Step, step 3",
        _DCGAN_STEP,
        (6_675_009, 1_102_721),
        "(assumed) Adam 3e-4 with betas (0.5, 0.999), batches of 128, the first 50,000 training images, "
        "PyTorch's default initialisation.",
    ),
    "gan-beginners": Preset(
        "GAN for beginners",
        "GAN for beginners in PyTorch",
        _GAN_BEGINNERS,
        (1_486_352, 533_505),
    ),
    "cgan": Preset(
        "Conditional GAN",
        "GAN for beginners in PyTorch, conditional part",
        replace(_GAN_BEGINNERS, model=replace(_GAN_BEGINNERS.model, num_classes=10)),
        (1_488_912, 538_625),
        "(assumed) The labels of fake images are drawn uniformly.",
    ),
    "cdcgan": Preset(
        "Conditional DCGAN",
        "DCGAN Studio: dcgan told the label, as in Mirza and Osindero (2014)",
        replace(_DCGAN, model=replace(_DCGAN.model, num_classes=10), batch_size=128),
        (332_736, 114_560),
        "The one-hot label joins z, and joins the image as one plane a class. Batches of 128, the DCGAN paper's.",
    ),
    "dcgan-best": Preset(
        "DCGAN, best recipe",
        "DCGAN Studio: dcgan's generator and training images, with R3GAN's loss (arXiv 2501.05441)",
        _DCGAN_BEST,
        (312_256, 595_984),
        "z names one of 20 kinds, most of which come to be one digit, without a label (a mixture, arXiv 1808.10356). "
        "D guesses of which kind an image is, which it learns from warped fakes, and judges it as one of that kind. "
        "Real and fake images are compared in pairs (RpGAN), and D's gradient is held small at both (R1 and R2), "
        "so D, of twice dcgan's channels, needs no batch norm; it is told how much the images of a batch differ; "
        "learning rates fall to zero in the second half; one samples from a moving average. Chosen on training "
        "images, not on the test's.",
    ),
    "cdcgan-best": Preset(
        "Conditional DCGAN, best recipe",
        "DCGAN Studio: dcgan-best told the label, as in Mirza and Osindero (2014)",
        _CDCGAN_BEST,
        (332_736, 1_735_440),
        "z is normal, since the label says the kind, and D has four times dcgan's channels. The one-hot label joins "
        "z, and joins the image as one plane a class. For one data-centre GPU, in minutes and in TF32; a CPU takes "
        "hours, and less than one with --model.width-d 32, for somewhat poorer digits.",
    ),
    "dcgan-xl": Preset(
        "DCGAN, extra large",
        "DCGAN Studio: dcgan-best with twice the channels in the generator",
        _DCGAN_XL,
        (837_504, 595_984),
        "In TF32 on a GPU that has it; one core of a CPU takes two hours.",
    ),
    "dcgan64": Preset(
        "DCGAN of the paper",
        "Radford, Metz and Chintala, arXiv 1511.06434",
        _DCGAN64,
        (3_574_656, 2_763_520),
        "The paper's 64x64 network; image_size 32 or 128 builds a level less or more. (assumed) The generator's "
        "update reuses the discriminator's fakes, and the discriminator's loss is a sum, as in PyTorch's example.",
    ),
}


def get_preset(name: str) -> Preset:
    """The preset of that name. Raises ValueError that lists the names."""
    if name not in PRESETS:
        raise ValueError(f"preset {name!r} is unknown; choose one of {', '.join(PRESETS)}")
    return PRESETS[name]
