"""TUTORIALS.md, line by line, against the presets: what each system's text says, written down once more."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from dcgan.data.batches import ImageSet, ResidentBatches
from dcgan.models.gan import build_gan, count_parameters
from dcgan.presets import PRESETS, get_preset

RECIPES = {
    # A. "z ~ N(0,1). Real images in [0,1]. Batch 32. Adam 2e-4, betas (.5, .999), both nets. Per step: G first
    # (BCE against target 0.9), then D on the same fakes: (BCE(real, 0.9) + BCE(fake, 0)) / 2. 20 epochs."
    "gan": {
        "topology": "mlp",
        "latent_dim": 100,
        "latent": "normal",
        "pixel_range": (0, 1),
        "num_classes": 0,
        "dropout": 0.3,
        "init": "torch",
        "limit": 0,
        "batch_size": 32,
        "epochs": 20,
        "lr_g": 2e-4,
        "lr_d": 2e-4,
        "betas": (0.5, 0.999),
        "adam_epsilon": 1e-8,
        "real_target": 0.9,
        "fake_target": 0,
        "generator_target": 0.9,
        "reduction": "mean",
        "order": "generator-first",
        "reuse_fakes": True,
        "joint_batch": False,
        "generator_batch": 32,
        "sampling": "shuffle",
        "steps_per_epoch": 1875,
    },
    # B. "Training is the one of A, unchanged: batch 32, targets 0.9 / 0, G first, Adam 2e-4 (.5, .999), PyTorch's
    # default initialisation. Results are reported after 20 epochs. The preset scales [real images] to [-1,1]."
    "dcgan": {
        "topology": "conv",
        "latent_dim": 100,
        "latent": "normal",
        "pixel_range": (-1, 1),
        "num_classes": 0,
        "dropout": 0,
        "init": "torch",
        "limit": 0,
        "batch_size": 32,
        "epochs": 20,
        "lr_g": 2e-4,
        "lr_d": 2e-4,
        "betas": (0.5, 0.999),
        "adam_epsilon": 1e-8,
        "real_target": 0.9,
        "fake_target": 0,
        "generator_target": 0.9,
        "reduction": "mean",
        "order": "generator-first",
        "reuse_fakes": True,
        "joint_batch": False,
        "generator_batch": 32,
        "sampling": "shuffle",
        "steps_per_epoch": 1875,
    },
    # C. "Glorot-uniform weights, zero biases. z ~ N(0,1). Images in [0,1]. Adam 2e-4, beta1 .5 (beta2 .999), BCE. Per
    # step: D once on 128 real (drawn with replacement) and 128 fake images in one batch of 256; then G on 256 fresh z
    # against target 1. 234 steps an epoch, 100 epochs." Keras' Adam has epsilon 1e-7; one batch of 256 is a mean.
    "dcgan-keras": {
        "topology": "keras",
        "latent_dim": 100,
        "latent": "normal",
        "pixel_range": (0, 1),
        "num_classes": 0,
        "dropout": 0.4,
        "init": "glorot",
        "limit": 0,
        "batch_size": 128,
        "epochs": 100,
        "lr_g": 2e-4,
        "lr_d": 2e-4,
        "betas": (0.5, 0.999),
        "adam_epsilon": 1e-7,
        "real_target": 1,
        "fake_target": 0,
        "generator_target": 1,
        "reduction": "mean",
        "order": "discriminator-first",
        "reuse_fakes": False,
        "joint_batch": True,
        "generator_batch": 256,
        "sampling": "replacement",
        "steps_per_epoch": 234,
    },
    # D. "Z=96. z ~ U(-1,1). Images in [-1,1]. D loss = real + fake (a sum). G's update reuses the z of D's update.
    # 5 epochs. Adam 3e-4 (.5, .999), batch 128, first 50,000 training images (assumed)."
    "dcgan-step": {
        "topology": "step",
        "latent_dim": 96,
        "latent": "uniform",
        "pixel_range": (-1, 1),
        "num_classes": 0,
        "dropout": 0,
        "init": "torch",
        "limit": 50_000,
        "batch_size": 128,
        "epochs": 5,
        "lr_g": 3e-4,
        "lr_d": 3e-4,
        "betas": (0.5, 0.999),
        "adam_epsilon": 1e-8,
        "real_target": 1,
        "fake_target": 0,
        "generator_target": 1,
        "reduction": "sum",
        "order": "discriminator-first",
        "reuse_fakes": True,
        "joint_batch": False,
        "generator_batch": 128,
        "sampling": "shuffle",
        "steps_per_epoch": 391,
    },
    # E. "No dropout. Images in [-1,1]. Batch 64, Adam 2e-4 (.5, .999). D first: (BCE(real,1) + BCE(fake,0)) / 2; then
    # G on fresh z against 1. 200 epochs (a pass over the data each)."
    "gan-beginners": {
        "topology": "mlp",
        "latent_dim": 100,
        "latent": "normal",
        "pixel_range": (-1, 1),
        "num_classes": 0,
        "dropout": 0,
        "init": "torch",
        "limit": 0,
        "batch_size": 64,
        "epochs": 200,
        "lr_g": 2e-4,
        "lr_d": 2e-4,
        "betas": (0.5, 0.999),
        "adam_epsilon": 1e-8,
        "real_target": 1,
        "fake_target": 0,
        "generator_target": 1,
        "reduction": "mean",
        "order": "discriminator-first",
        "reuse_fakes": False,
        "joint_batch": False,
        "generator_batch": 64,
        "sampling": "shuffle",
        "steps_per_epoch": 938,
    },
}
# F. "Recipe of E", with ten labels.
RECIPES["cgan"] = RECIPES["gan-beginners"] | {"num_classes": 10}
# This project's: B with labels, in the paper's batches of 128.
RECIPES["cdcgan"] = RECIPES["dcgan"] | {"num_classes": 10, "batch_size": 128, "generator_batch": 128}
RECIPES["cdcgan"] |= {"steps_per_epoch": 469}
# The paper: "weights from N(0, .02), Adam 2e-4 beta1 .5, batch 128"; the rest from PyTorch's example of it.
RECIPES["dcgan64"] = RECIPES["gan-beginners"] | {"topology": "conv", "init": "normal", "batch_size": 128}
RECIPES["dcgan64"] |= {"epochs": 25, "reduction": "sum", "reuse_fakes": True, "generator_batch": 128}
RECIPES["dcgan64"] |= {"steps_per_epoch": 469}

# This project's: B's generator and its 1.2 million images in batches of 16, by R3GAN's loss; with labels; and larger.
RECIPES["dcgan-best"] = RECIPES["dcgan"] | {"real_target": 1, "generator_target": 1, "reduction": "sum"}
RECIPES["dcgan-best"] |= {"lr_g": 5e-4, "lr_d": 5e-4, "betas": (0, 0.99), "loss": "relativistic", "lr_decay": 0.5}
RECIPES["dcgan-best"] |= {"r1_gamma": 0.2, "r2_gamma": 0.2, "ema_half_life_images": 20_000, "precision": "tf32"}
RECIPES["dcgan-best"] |= {"d_reg_interval": 1, "width_d": 128, "auxiliary_affine": 0}
RECIPES["cdcgan-best"] = RECIPES["dcgan-best"] | {"num_classes": 10}
RECIPES["dcgan-best"] |= {"latent": "mixture", "auxiliary_head": False}
RECIPES["dcgan-best"] |= {"batch_size": 16, "generator_batch": 16, "steps_per_epoch": 3750, "precision": "fp32"}
RECIPES["dcgan-best"] |= {"auxiliary_head": True, "d_reg_interval": 4, "width_d": 64, "auxiliary_affine": 1}
RECIPES["dcgan-xl"] = RECIPES["dcgan-best"] | {"precision": "tf32"}
# For a CPU: 48,000 images, a narrow D, high rates.
RECIPES["dcgan-quick"] = RECIPES["dcgan-best"] | {"epochs": 6, "steps_per_epoch": 500, "width_d": 16}
RECIPES["dcgan-quick"] |= {"lr_g": 2e-3, "lr_d": 2e-3, "lr_decay": 0.7, "d_reg_interval": 8}
RECIPES["dcgan-quick"] |= {"auxiliary_affine_interval": 2, "patch_whitening": True, "ema_half_life_images": 2000}
# For any pictures: 80,000 images in intervals of 4,000, by the loss of dcgan-best, with a constant rate.
RECIPES["pictures"] = RECIPES["dcgan-best"] | {"width_d": 32, "steps_per_epoch": 250}
RECIPES["cpictures"] = RECIPES["pictures"] | {"num_classes": 10, "latent": "normal", "auxiliary_head": False}
RECIPES["cpictures"] |= {"auxiliary_affine": 0}
CHOSEN_FOR_SAMPLES = ("dcgan-best", "cdcgan-best", "dcgan-xl", "dcgan-quick", "pictures", "cpictures")
OF_ANY_PICTURES = ("dcgan64", "pictures", "cpictures")

IMAGES_IN_MNIST = 60_000


def steps_per_epoch(name: str) -> int:
    """Return the steps that the training counts on MNIST; images of one pixel save memory."""
    config = PRESETS[name].config
    images_u8 = torch.zeros(IMAGES_IN_MNIST, 1, 1, 1, dtype=torch.uint8)[: config.data.limit or None]
    labels = torch.zeros(len(images_u8), dtype=torch.int64)
    return ResidentBatches(ImageSet(images_u8, labels, ()), config, torch.device("cpu")).steps_per_epoch


def test_every_preset_has_its_recipe_in_this_file():
    assert set(RECIPES) == set(PRESETS)


@pytest.mark.parametrize("name", RECIPES)
def test_the_recipe_is_that_of_the_tutorial(name):
    config = PRESETS[name].config
    computed = {
        "pixel_range": config.model.pixel_range,
        "generator_batch": config.batch_size * config.generator_batch_factor,
        "steps_per_epoch": steps_per_epoch(name),
        "limit": config.data.limit,
    }
    of_the_model = ("topology", "latent_dim", "latent", "num_classes", "auxiliary_head", "width_d", "dropout", "init")
    found = {
        key: computed[key] if key in computed else getattr(config.model if key in of_the_model else config, key)
        for key in RECIPES[name]
    }
    assert found == RECIPES[name]


@pytest.mark.parametrize("name", PRESETS)
def test_only_presets_chosen_for_their_samples_add_to_the_tutorials(name):
    config = PRESETS[name].config
    if name not in CHOSEN_FOR_SAMPLES:
        assert config.loss == "bce"
        assert (config.r1_gamma, config.r2_gamma, config.lr_decay) == (0, 0, 0)
        assert config.ema_half_life_images == 0
        assert not config.model.minibatch_stddev
        assert not config.model.auxiliary_head
        assert not config.patch_whitening
    assert config.gradient_penalty == 0
    assert config.data.name == "mnist"
    assert config.model.channels == (3 if PRESETS[name].for_pictures else 1)
    assert config.data.holdout == 0


def test_the_best_recipe_keeps_the_generator_and_the_number_of_images_of_dcgan():
    best, dcgan = PRESETS["dcgan-best"].config, PRESETS["dcgan"].config
    assert PRESETS["dcgan-best"].parameters[0] == PRESETS["dcgan"].parameters[0]
    for field in ("topology", "latent_dim", "width_g", "norm_g", "output", "init", "image_size"):
        assert getattr(best.model, field) == getattr(dcgan.model, field)
    assert (best.epochs, best.data) == (dcgan.epochs, dcgan.data)


def test_the_quick_recipe_keeps_the_generator_of_dcgan_too():
    quick, best = PRESETS["dcgan-quick"], PRESETS["dcgan-best"]
    assert quick.parameters[0] == PRESETS["dcgan"].parameters[0]
    assert replace(quick.config.model, width_d=best.config.model.width_d) == best.config.model


@pytest.mark.parametrize("name", PRESETS)
def test_only_presets_for_any_pictures_have_larger_images(name):
    assert PRESETS[name].config.model.image_size == (64 if name in OF_ANY_PICTURES else 28)


def fc(inputs: int, outputs: int) -> int:
    return inputs * outputs + outputs


PARAMETERS = {
    # preset: (generator, discriminator), summed by hand over the tutorial's layers; batch norm has 2 a channel
    "gan": (
        fc(100, 256) + fc(256, 512) + fc(512, 1024) + fc(1024, 784),
        fc(784, 1024) + fc(1024, 512) + fc(512, 256) + fc(256, 1),
    ),
    "dcgan": (312_256, 109_440),
    "dcgan-keras": (1_164_289, 40_705),
    "dcgan-step": (
        fc(96, 1024) + 2 * 1024 + fc(1024, 6272) + 2 * 6272 + (128 * 64 * 16 + 64) + 2 * 64 + (64 * 16 + 1),
        (32 * 25 + 32) + (32 * 64 * 25 + 64) + fc(1024, 1024) + fc(1024, 1),
    ),
    "gan-beginners": (
        fc(100, 256) + fc(256, 512) + fc(512, 1024) + fc(1024, 784),
        fc(784, 512) + fc(512, 256) + fc(256, 1),
    ),
    "cgan": (
        fc(110, 256) + fc(256, 512) + fc(512, 1024) + fc(1024, 784),
        fc(794, 512) + fc(512, 256) + fc(256, 1),
    ),
    # ten more inputs to the first layer of each
    "cdcgan": (312_256 + 10 * 128 * 16, 109_440 + 10 * 32 * 16),
    # no batch norm in D, but a bias instead; one more 4x4 map before the last layer, which gives 41 numbers
    "dcgan-best": (312_256, 64 * 16 + (64 * 128 * 16 + 128) + (128 * 256 * 9 + 256) + (256 + 1) * 16 * 41),
    "dcgan-quick": (312_256, 16 * 16 + (16 * 32 * 16 + 32) + (32 * 64 * 9 + 64) + (64 + 1) * 16 * 41),
    "cdcgan-best": (
        312_256 + 10 * 128 * 16,
        11 * 128 * 16 + (128 * 256 * 16 + 256) + (256 * 512 * 9 + 512) + (512 + 1) * 16,
    ),
    "dcgan-xl": (
        100 * 256 * 16 + 256 * 128 * 9 + 128 * 64 * 16 + 64 * 16 + 2 * (256 + 128 + 64),
        64 * 16 + (64 * 128 * 16 + 128) + (128 * 256 * 9 + 256) + (256 + 1) * 16 * 41,
    ),
    # four halvings of 32 channels, RGB; no norm in D, but biases; one more map before its last layer, of 41 numbers
    "pictures": (
        100 * 256 * 16 + 16 * (256 * 128 + 128 * 64 + 64 * 32 + 32 * 3) + 2 * (256 + 128 + 64 + 32),
        16 * (3 * 32 + 32 * 64 + 64 * 128 + 128 * 256) + 64 + 128 + 256 + (256 + 1) * 16 * 41,
    ),
    "cpictures": (1_100_224 + 10 * 256 * 16, 694_224 + 10 * 32 * 16),
    # PyTorch's example counts 3,576,704 and 2,765,568 with three channels; two channels less in a layer of 64
    "dcgan64": (3_576_704 - 2 * 64 * 16, 2_765_568 - 2 * 64 * 16),
}


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameter_counts_are_those_of_the_tutorials(name):
    assert tuple(map(count_parameters, build_gan(PRESETS[name].config.model))) == PARAMETERS[name]
    assert PRESETS[name].parameters == PARAMETERS[name]


def test_every_preset_names_its_source():
    assert len({preset.title for preset in PRESETS.values()}) == len(PRESETS)
    sources = {
        "gan": "first article",
        "dcgan": "second article",
        "dcgan-keras": "Keras",
        "dcgan-step": "GAN Step by Step, step 3",
        "gan-beginners": "GAN for beginners in PyTorch",
        "cgan": "GAN for beginners in PyTorch",
        "cdcgan": "DCGAN Studio",
        "dcgan64": "1511.06434",
        "dcgan-best": "2501.05441",
        "dcgan-quick": "2404.00498",
        "cdcgan-best": "DCGAN Studio",
        "dcgan-xl": "DCGAN Studio",
        "pictures": "2501.05441",
        "cpictures": "DCGAN Studio",
    }
    for name, source in sources.items():
        assert source in PRESETS[name].source


def test_notes_name_assumptions_and_departures():
    """TUTORIALS.md: where the tutorial does not say a value, 'say so in the preset too'; B: 'the card says so'."""
    step = PRESETS["dcgan-step"].notes
    for words in ("(assumed)", "3e-4", "128", "50,000"):
        assert words in step
    for words in ("[0, 1]", "[-1, 1]", "27", "20"):
        assert words in PRESETS["dcgan"].notes
    assert "1e-7" in PRESETS["dcgan-keras"].notes
    assert "(assumed)" in PRESETS["cgan"].notes
    assert "(assumed)" in PRESETS["dcgan64"].notes


def test_an_unknown_preset_lists_the_known_ones():
    assert get_preset("dcgan") is PRESETS["dcgan"]
    with pytest.raises(
        ValueError, match="preset 'dcgam' is unknown; choose one of gan, dcgan, dcgan-keras, dcgan-step"
    ):
        get_preset("dcgam")
