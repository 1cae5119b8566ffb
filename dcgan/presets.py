"""Named configs, pure data: the tutorials' systems and recipes of our own.

A preset of a tutorial has exactly its networks and its recipe. Its notes mark with (assumed) what the tutorial does
not say. docs/tutorials.md has the facts.

The module has more than 250 lines, because each preset has its source and its notes beside it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from dcgan.config import DataConfig, ModelConfig, TrainConfig
from dcgan.locale.language import tr, tr_later


@dataclass(frozen=True)
class Preset:
    """A TrainConfig with its origin. `notes` says what is assumed and where the preset departs from its source.

    `parameters` counts the trainable parameters of G and of D, so that a page shows them without building both.
    Title, source and notes are in English; `tr_marked` translates them.
    """

    title: str
    source: str
    config: TrainConfig
    parameters: tuple[int, int]
    notes: str = ""
    for_pictures: bool = False
    """Whether a training adapts the config to its pictures and its device: see dcgan/data/pictures.py."""


# The recipe of the series' two articles: G goes first, against 0.9, and D then sees the same fakes.
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
    # Eight half-precision generators of 13 MB each are more than a published run may have.
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

# The generator of dcgan and its 1.2 million images. Everything else is chosen for the quality of the samples.
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

# For two cores of a CPU: 48,000 images, and a D with a quarter of the channels.
_DCGAN_QUICK = replace(
    _DCGAN_BEST,
    model=replace(_DCGAN_BEST.model, width_d=16),
    epochs=6,
    steps_per_epoch=500,
    lr_g=2e-3,
    lr_d=2e-3,
    lr_decay=0.7,
    d_reg_interval=8,
    auxiliary_affine_interval=2,
    patch_whitening=True,
    ema_half_life_images=2000,
)

# With the label, z needs no mixture. With a D this wide a CPU takes hours. Smaller batches double the time on a GPU.
_CDCGAN_BEST = replace(
    _DCGAN_BEST,
    model=replace(_DCGAN_BEST.model, latent="normal", auxiliary_head=False, num_classes=10, width_d=128),
    batch_size=32,
    d_reg_interval=1,
    auxiliary_affine=0.0,
    precision="tf32",
)

_DCGAN_XL = replace(_DCGAN_BEST, model=replace(_DCGAN_BEST.model, width_g=64), precision="tf32")

# For any pictures. 80,000 images are about a quarter of an hour on two cores of a CPU.
_PICTURES = TrainConfig(
    model=ModelConfig(
        topology="conv",
        latent="mixture",
        image_size=64,
        channels=3,
        norm_d="none",
        minibatch_stddev=True,
        auxiliary_head=True,
    ),
    epochs=20,
    steps_per_epoch=250,
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
    ema_ramp=0.1,
    order="generator-first",
    reuse_fakes=True,
)

_CPICTURES = replace(
    _PICTURES,
    model=replace(_PICTURES.model, latent="normal", auxiliary_head=False, num_classes=10),
    auxiliary_affine=0.0,
)

PRESETS: dict[str, Preset] = {
    "gan": Preset(
        tr_later("GAN, fully connected"),
        tr_later("MNIST GAN, the series' first article"),
        _GAN,
        (1_486_352, 1_460_225),
    ),
    "dcgan": Preset(
        tr_later("DCGAN"),
        tr_later("DCGAN on MNIST, the series' second article"),
        _DCGAN,
        (312_256, 109_440),
        tr_later(
            "The article's notebook feeds real images in [0, 1] to a generator that ends with tanh. This preset "
            "follows the DCGAN paper and scales them to [-1, 1]. The notebook runs 27 epochs. This preset runs "
            "20, after which the article reports its results."
        ),
    ),
    "dcgan-keras": Preset(
        tr_later("DCGAN in Keras"),
        tr_later("Deep Convolutional GAN with Keras (2021)"),
        _DCGAN_KERAS,
        (1_164_289, 40_705),
        tr_later(
            "Adam's epsilon is Keras' default, 1e-7. The losses are computed from logits; Keras clips "
            "probabilities at 1e-7. The tutorial trains for 100 epochs. The published recording was trained on a "
            "CPU and ends after 20."
        ),
    ),
    "dcgan-step": Preset(
        tr_later("DCGAN, step by step"),
        tr_later("GAN Step by Step, step 3"),
        _DCGAN_STEP,
        (6_675_009, 1_102_721),
        tr_later(
            "(assumed) Adam 3e-4 with betas (0.5, 0.999), batches of 128, the first 50,000 training images, "
            "PyTorch's default initialization. The article's printed losses come from settings that it does not "
            "give."
        ),
    ),
    "gan-beginners": Preset(
        tr_later("GAN for beginners"),
        tr_later("GAN for beginners in PyTorch"),
        _GAN_BEGINNERS,
        (1_486_352, 533_505),
    ),
    "cgan": Preset(
        tr_later("Conditional GAN"),
        tr_later("GAN for beginners in PyTorch, conditional part"),
        replace(_GAN_BEGINNERS, model=replace(_GAN_BEGINNERS.model, num_classes=10)),
        (1_488_912, 538_625),
        tr_later("(assumed) The labels of fake images are drawn uniformly."),
    ),
    "cdcgan": Preset(
        tr_later("Conditional DCGAN"),
        tr_later("DCGAN Studio: dcgan with labels, as in Mirza and Osindero (2014)"),
        replace(_DCGAN, model=replace(_DCGAN.model, num_classes=10), batch_size=128),
        (332_736, 114_560),
        tr_later(
            "The one-hot label is joined to z, and to the image as one plane for each class. The batch size is "
            "that of the DCGAN paper, 128."
        ),
    ),
    "dcgan-best": Preset(
        tr_later("DCGAN, best recipe"),
        tr_later("DCGAN Studio: dcgan's generator and training images, with R3GAN's loss (arXiv 2501.05441)"),
        _DCGAN_BEST,
        (312_256, 595_984),
        tr_later(
            "z is drawn from a mixture of 20 components (arXiv 1808.10356). Most components become one digit, "
            "without labels. D has an auxiliary head that learns the component of fake images after a random "
            "affine. D uses its prediction as a label. The loss compares real and fake images in pairs (RpGAN), "
            "with R1 and R2 penalties. So D needs no batch norm. Its channels are twice those of dcgan. D also "
            "sees the minibatch standard deviation. The learning rates fall to zero in the second half. Samples "
            "come from a moving average of G. The recipe was chosen on training images, not on test images."
        ),
    ),
    "dcgan-quick": Preset(
        tr_later("DCGAN, quick recipe"),
        tr_later(
            "DCGAN Studio: dcgan-best for one or two minutes of a CPU, with whitening kernels (arXiv 2404.00498)"
        ),
        _DCGAN_QUICK,
        (312_256, 69_616),
        tr_later(
            "The networks of dcgan-best, with a quarter of the channels in D. The training sees 48,000 images, which "
            "is less than one pass over MNIST, at high learning rates. An epoch is 500 steps here. D begins with "
            "whitening kernels, which are principal components of patches of real images. The penalties and the "
            "random affine are computed at some steps only. The recipe was chosen on training images, not on test "
            "images."
        ),
    ),
    "cdcgan-best": Preset(
        tr_later("Conditional DCGAN, best recipe"),
        tr_later("DCGAN Studio: dcgan-best with labels, as in Mirza and Osindero (2014)"),
        _CDCGAN_BEST,
        (332_736, 1_735_440),
        tr_later(
            "z is normal, and D has four times the channels of dcgan. The one-hot label is joined to z, and to "
            "the image as one plane for each class. The recipe is for a data-center GPU, which takes minutes in "
            "TF32. A CPU takes hours. With --model.width-d 32 it takes less than one hour, and the digits are "
            "somewhat poorer."
        ),
    ),
    "dcgan-xl": Preset(
        tr_later("DCGAN, extra large"),
        tr_later("DCGAN Studio: dcgan-best with twice the channels in the generator"),
        _DCGAN_XL,
        (837_504, 595_984),
        tr_later("It trains in TF32 on a GPU that has it. One core of a CPU takes two hours."),
    ),
    "dcgan64": Preset(
        tr_later("DCGAN of the paper"),
        tr_later("Radford, Metz and Chintala, arXiv 1511.06434"),
        _DCGAN64,
        (3_574_656, 2_763_520),
        tr_later(
            "This is the paper's 64x64 network. An image_size of 32 or 128 removes or adds a level. (assumed) The "
            "generator's update uses the discriminator's fakes again, and the discriminator's loss is a sum, as "
            "in PyTorch's example."
        ),
    ),
    "pictures": Preset(
        tr_later("DCGAN for your own pictures"),
        tr_later("DCGAN Studio: dcgan64's networks with the loss of dcgan-best (arXiv 2501.05441)"),
        _PICTURES,
        (1_100_224, 858_704),
        tr_later(
            "z is drawn from a mixture of 20 components, and D has an auxiliary head, as in dcgan-best. So kinds of "
            "pictures separate early. The channels follow from the pictures. The networks are 32 wide on a CPU and "
            "64 wide on a GPU. An epoch is 4,000 images, however many pictures there are, and --images sets the "
            "length. The learning rates fall to zero in the second half. The penalties grow with the square of the "
            "image's side. Samples come from a moving average whose half-life is at most a tenth of the images seen. "
            "Of 100 pictures or more, a tenth is held out to measure overfitting."
        ),
        for_pictures=True,
    ),
    "cpictures": Preset(
        tr_later("Conditional DCGAN for your own pictures"),
        tr_later("DCGAN Studio: pictures with labels, as in Mirza and Osindero (2014)"),
        _CPICTURES,
        (1_141_184, 699_344),
        tr_later(
            "Its classes are the subfolders of your folder. z is normal, and D has no auxiliary head, because the "
            "labels do their work. Everything else is that of pictures."
        ),
        for_pictures=True,
    ),
}


def get_preset(name: str) -> Preset:
    """Return the preset with this name. Raises ValueError that lists the names."""
    if name not in PRESETS:
        raise ValueError(
            tr("preset {name!r} is unknown; choose one of {choices}", name=name, choices=", ".join(PRESETS))
        )
    return PRESETS[name]
