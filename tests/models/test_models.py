"""The networks against the tutorials, layer by layer; every size and override; the same z, the same image."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from dcgan.config import ModelConfig, TrainConfig
from dcgan.latents import latents_from_seeds
from dcgan.models.gan import build_discriminator, build_gan, build_generator
from dcgan.models.inference import sample, side_by_side
from dcgan.models.layers import FlattenChannelsLast, MinibatchStddev, UnflattenChannelsLast
from dcgan.presets import PRESETS


def describe(network: nn.Module) -> list[str]:
    """One phrase a layer, with everything of it that could be wrong."""
    return [_describe(layer) for layer in network.layers]


def _describe(layer: nn.Module) -> str:
    match layer:
        case nn.Conv2d() | nn.ConvTranspose2d():
            assert layer.dilation == (1, 1)
            assert layer.groups == 1
            assert layer.padding_mode == "zeros"
            assert set(getattr(layer, "output_padding", (0, 0))) == {0}
            sizes = [layer.kernel_size, layer.stride, layer.padding]
            assert all(height == width for height, width in sizes)
            kernel, stride, padding = (size[0] for size in sizes)
            kind = "convT" if isinstance(layer, nn.ConvTranspose2d) else "conv"
            bias = "" if layer.bias is None else " bias"
            return f"{kind} {layer.in_channels}->{layer.out_channels} {kernel} {stride} {padding}{bias}"
        case nn.Linear():
            return f"FC {layer.in_features}->{layer.out_features}" + (" bias" if layer.bias is not None else "")
        case nn.BatchNorm1d() | nn.BatchNorm2d():
            defaults = (layer.eps, layer.momentum, layer.affine, layer.track_running_stats)
            assert defaults == (1e-5, 0.1, True, True)
            return f"BN {layer.num_features}"
        case nn.LeakyReLU():
            return f"LReLU {layer.negative_slope}"
        case nn.Dropout():
            return f"dropout {layer.p}"
        case nn.MaxPool2d():
            assert (layer.padding, layer.dilation, layer.ceil_mode) == (0, 1, False)
            assert layer.stride == layer.kernel_size
            return f"max-pool {layer.kernel_size}"
        case nn.ZeroPad2d():
            left, right, top, bottom = layer.padding
            return f"pad left {left} right {right} top {top} bottom {bottom}"
        case nn.Unflatten():
            assert layer.dim == 1
            return "-> " + "x".join(map(str, layer.unflattened_size))
        case UnflattenChannelsLast():
            return "channels last -> {2}x{0}x{1}".format(*layer.shape)
        case MinibatchStddev():
            return f"deviation of {layer.group}"
        case FlattenChannelsLast():
            return "flatten channels last"
        case nn.Flatten():
            assert (layer.start_dim, layer.end_dim) == (1, -1)
            return "flatten"
        case nn.ReLU() | nn.Tanh() | nn.Sigmoid():
            return type(layer).__name__
    raise AssertionError(f"{layer} is in no tutorial")


def lines(text: str) -> list[str]:
    return [line.strip() for line in text.strip().splitlines()]


# TUTORIALS.md, A to F, and PyTorch's DCGAN example with one channel.

GENERATORS = {
    "gan": """
        FC 100->256 bias
        LReLU 0.2
        FC 256->512 bias
        LReLU 0.2
        FC 512->1024 bias
        LReLU 0.2
        FC 1024->784 bias
        Sigmoid
        -> 1x28x28
    """,
    "dcgan": """
        -> 100x1x1
        convT 100->128 4 2 0
        BN 128
        ReLU
        convT 128->64 3 2 1
        BN 64
        ReLU
        convT 64->32 4 2 1
        BN 32
        ReLU
        convT 32->1 4 2 1
        Tanh
    """,
    "dcgan-keras": """
        FC 100->6272 bias
        LReLU 0.2
        channels last -> 128x7x7
        convT 128->128 4 2 1 bias
        LReLU 0.2
        convT 128->128 4 2 1 bias
        LReLU 0.2
        conv 128->1 7 1 3 bias
        Sigmoid
    """,
    "dcgan-step": """
        FC 96->1024 bias
        ReLU
        BN 1024
        FC 1024->6272 bias
        ReLU
        BN 6272
        -> 128x7x7
        convT 128->64 4 2 1 bias
        ReLU
        BN 64
        convT 64->1 4 2 1 bias
        Tanh
    """,
    "gan-beginners": """
        FC 100->256 bias
        LReLU 0.2
        FC 256->512 bias
        LReLU 0.2
        FC 512->1024 bias
        LReLU 0.2
        FC 1024->784 bias
        Tanh
        -> 1x28x28
    """,
    "cgan": """
        FC 110->256 bias
        LReLU 0.2
        FC 256->512 bias
        LReLU 0.2
        FC 512->1024 bias
        LReLU 0.2
        FC 1024->784 bias
        Tanh
        -> 1x28x28
    """,
    "cdcgan": """
        -> 110x1x1
        convT 110->128 4 2 0
        BN 128
        ReLU
        convT 128->64 3 2 1
        BN 64
        ReLU
        convT 64->32 4 2 1
        BN 32
        ReLU
        convT 32->1 4 2 1
        Tanh
    """,
    "dcgan64": """
        -> 100x1x1
        convT 100->512 4 2 0
        BN 512
        ReLU
        convT 512->256 4 2 1
        BN 256
        ReLU
        convT 256->128 4 2 1
        BN 128
        ReLU
        convT 128->64 4 2 1
        BN 64
        ReLU
        convT 64->1 4 2 1
        Tanh
    """,
    "dcgan-best": """
        -> 100x1x1
        convT 100->128 4 2 0
        BN 128
        ReLU
        convT 128->64 3 2 1
        BN 64
        ReLU
        convT 64->32 4 2 1
        BN 32
        ReLU
        convT 32->1 4 2 1
        Tanh
    """,
    "cdcgan-best": """
        -> 110x1x1
        convT 110->128 4 2 0
        BN 128
        ReLU
        convT 128->64 3 2 1
        BN 64
        ReLU
        convT 64->32 4 2 1
        BN 32
        ReLU
        convT 32->1 4 2 1
        Tanh
    """,
    "dcgan-xl": """
        -> 100x1x1
        convT 100->256 4 2 0
        BN 256
        ReLU
        convT 256->128 3 2 1
        BN 128
        ReLU
        convT 128->64 4 2 1
        BN 64
        ReLU
        convT 64->1 4 2 1
        Tanh
    """,
}

DISCRIMINATORS = {
    "gan": """
        FC 784->1024 bias
        LReLU 0.2
        dropout 0.3
        FC 1024->512 bias
        LReLU 0.2
        dropout 0.3
        FC 512->256 bias
        LReLU 0.2
        dropout 0.3
        FC 256->1 bias
    """,
    "dcgan": """
        conv 1->32 4 2 1
        LReLU 0.2
        conv 32->64 4 2 1
        BN 64
        LReLU 0.2
        conv 64->128 3 2 1
        BN 128
        LReLU 0.2
        conv 128->1 4 1 0
    """,
    "dcgan-keras": """
        pad left 0 right 1 top 0 bottom 1
        conv 1->64 3 2 0 bias
        LReLU 0.2
        dropout 0.4
        pad left 0 right 1 top 0 bottom 1
        conv 64->64 3 2 0 bias
        LReLU 0.2
        dropout 0.4
        flatten channels last
        FC 3136->1 bias
    """,
    "dcgan-step": """
        conv 1->32 5 1 0 bias
        LReLU 0.01
        max-pool 2
        conv 32->64 5 1 0 bias
        LReLU 0.01
        max-pool 2
        flatten
        FC 1024->1024 bias
        LReLU 0.01
        FC 1024->1 bias
    """,
    "gan-beginners": """
        FC 784->512 bias
        LReLU 0.2
        FC 512->256 bias
        LReLU 0.2
        FC 256->1 bias
    """,
    "cgan": """
        FC 794->512 bias
        LReLU 0.2
        FC 512->256 bias
        LReLU 0.2
        FC 256->1 bias
    """,
    "cdcgan": """
        conv 11->32 4 2 1
        LReLU 0.2
        conv 32->64 4 2 1
        BN 64
        LReLU 0.2
        conv 64->128 3 2 1
        BN 128
        LReLU 0.2
        conv 128->1 4 1 0
    """,
    "dcgan64": """
        conv 1->64 4 2 1
        LReLU 0.2
        conv 64->128 4 2 1
        BN 128
        LReLU 0.2
        conv 128->256 4 2 1
        BN 256
        LReLU 0.2
        conv 256->512 4 2 1
        BN 512
        LReLU 0.2
        conv 512->1 4 1 0
    """,
    "dcgan-best": """
        conv 1->64 4 2 1
        LReLU 0.2
        conv 64->128 4 2 1 bias
        LReLU 0.2
        conv 128->256 3 2 1 bias
        LReLU 0.2
        deviation of 8
        conv 257->41 4 1 0
    """,
    "cdcgan-best": """
        conv 11->128 4 2 1
        LReLU 0.2
        conv 128->256 4 2 1 bias
        LReLU 0.2
        conv 256->512 3 2 1 bias
        LReLU 0.2
        deviation of 8
        conv 513->1 4 1 0
    """,
    "dcgan-xl": """
        conv 1->64 4 2 1
        LReLU 0.2
        conv 64->128 4 2 1 bias
        LReLU 0.2
        conv 128->256 3 2 1 bias
        LReLU 0.2
        deviation of 8
        conv 257->41 4 1 0
    """,
}


def test_every_preset_has_its_layers_written_down_here():
    assert set(GENERATORS) == set(DISCRIMINATORS) == set(PRESETS)


@pytest.mark.parametrize("name", GENERATORS)
def test_generator_is_the_tutorials(name):
    assert describe(build_generator(PRESETS[name].config.model)) == lines(GENERATORS[name])


@pytest.mark.parametrize("name", DISCRIMINATORS)
def test_discriminator_is_the_tutorials(name):
    assert describe(build_discriminator(PRESETS[name].config.model)) == lines(DISCRIMINATORS[name])


# Feature maps


def maps_of(network: nn.Module, *inputs: torch.Tensor) -> list[tuple[int, ...]]:
    """Shapes (C, H, W) after every layer that has maps, each named once."""
    shapes: list[tuple[int, ...]] = []
    for layer in network.layers:
        layer.register_forward_hook(lambda _layer, _inputs, output: shapes.append(tuple(output.shape[1:])))
    with torch.no_grad():
        network.eval()(*inputs)
    maps = [shape for shape in shapes if len(shape) == 3]
    return [shape for index, shape in enumerate(maps) if index == 0 or shape != maps[index - 1]]


MAPS = {
    # preset: the generator's, then the discriminator's (with the padded maps of Keras' tutorial)
    "dcgan": (
        [(100, 1, 1), (128, 4, 4), (64, 7, 7), (32, 14, 14), (1, 28, 28)],
        [(32, 14, 14), (64, 7, 7), (128, 4, 4), (1, 1, 1)],
    ),
    "dcgan-keras": (
        [(128, 7, 7), (128, 14, 14), (128, 28, 28), (1, 28, 28)],
        [(1, 29, 29), (64, 14, 14), (64, 15, 15), (64, 7, 7)],
    ),
    "dcgan-step": (
        [(128, 7, 7), (64, 14, 14), (1, 28, 28)],
        [(32, 24, 24), (32, 12, 12), (64, 8, 8), (64, 4, 4)],
    ),
    "dcgan64": (
        [(100, 1, 1), (512, 4, 4), (256, 8, 8), (128, 16, 16), (64, 32, 32), (1, 64, 64)],
        [(64, 32, 32), (128, 16, 16), (256, 8, 8), (512, 4, 4), (1, 1, 1)],
    ),
}


@pytest.mark.parametrize("name", MAPS)
def test_feature_maps_are_the_tutorials(name):
    model = PRESETS[name].config.model
    gan = build_gan(model)
    assert maps_of(gan.generator, torch.zeros(2, model.latent_dim)) == MAPS[name][0]
    assert maps_of(gan.discriminator, torch.zeros(2, *model.image_shape)) == MAPS[name][1]


# Every size, colour and condition

SIZES = {"mlp": (8, 16, 28, 32, 64, 128), "conv": (8, 16, 28, 32, 64, 128)}
SIZES |= {"keras": (16, 20, 28, 32, 64, 128), "step": (16, 20, 28, 32, 64, 128)}


@pytest.mark.parametrize("num_classes", [0, 3])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("topology", "size"), [(name, size) for name, sizes in SIZES.items() for size in sizes])
def test_any_image_goes_forward_and_backward(topology, size, channels, num_classes):
    model = ModelConfig(
        topology=topology,
        image_size=size,
        channels=channels,
        num_classes=num_classes,
        latent_dim=5,
        hidden_g=(4,),
        hidden_d=(4,),
        # 1024 hidden units meet width * (S / 4)^2 inputs in `step`
        width_g=1,
        width_d=2 if size < 128 else 1,
    )
    gan = build_gan(model)
    z = torch.randn(3, 5, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([0, 2, 1]) if num_classes else None
    images = gan.generator(z, labels)
    assert images.shape == (3, channels, size, size)
    logits = gan.discriminator(images, labels)
    assert logits.shape == (3,)
    logits.sum().backward()
    for network in gan:
        assert all(parameter.grad is not None for parameter in network.parameters())
    first = next(gan.generator.parameters())
    assert first.grad.abs().sum() > 0, "the gradient does not reach the generator's first layer"


def test_conv_has_a_level_for_every_doubling():
    """The paper's network one level deeper: twice the size, one more layer, twice the innermost channels."""
    model = replace(PRESETS["dcgan64"].config.model, image_size=128, channels=3)
    assert [phrase for phrase in describe(build_generator(model)) if phrase.startswith("convT")] == [
        "convT 100->1024 4 2 0",
        "convT 1024->512 4 2 1",
        "convT 512->256 4 2 1",
        "convT 256->128 4 2 1",
        "convT 128->64 4 2 1",
        "convT 64->3 4 2 1",
    ]
    model = replace(model, image_size=32)
    assert [phrase for phrase in describe(build_discriminator(model)) if phrase.startswith("conv")] == [
        "conv 3->64 4 2 1",
        "conv 64->128 4 2 1",
        "conv 128->256 4 2 1",
        "conv 256->1 4 1 0",
    ]


# Conditions


def test_the_one_hot_label_follows_z():
    generator = build_generator(PRESETS["cgan"].config.model)
    z, labels = torch.randn(2, 100), torch.tensor([7, 0])
    joined = torch.zeros(2, 110)
    joined[:, :100] = z
    joined[0, 107] = joined[1, 100] = 1
    assert torch.equal(generator(z, labels), generator.layers(joined))


def test_the_one_hot_label_follows_the_flattened_image():
    discriminator = build_discriminator(PRESETS["cgan"].config.model)
    images, labels = torch.randn(2, 1, 28, 28), torch.tensor([7, 0])
    joined = torch.zeros(2, 794)
    joined[:, :784] = images.reshape(2, 784)
    joined[0, 791] = joined[1, 784] = 1
    assert torch.equal(discriminator(images, labels), discriminator.layers(joined)[:, 0])


@pytest.mark.parametrize("topology", ["conv", "keras", "step"])
def test_the_label_is_a_plane_of_ones_behind_the_image(topology):
    discriminator = build_discriminator(ModelConfig(topology=topology, num_classes=4, channels=3, width_d=2)).eval()
    images, labels = torch.randn(2, 3, 28, 28), torch.tensor([3, 1])
    joined = torch.zeros(2, 7, 28, 28)
    joined[:, :3] = images
    joined[0, 6] = joined[1, 4] = 1
    assert torch.equal(discriminator(images, labels), discriminator.layers(joined).flatten())


@pytest.mark.parametrize("name", ["cgan", "cdcgan"])
def test_a_conditional_network_says_that_labels_are_missing(name):
    gan = build_gan(PRESETS[name].config.model)
    with pytest.raises(ValueError, match="conditional: pass labels from 0 to 9"):
        gan.generator(torch.zeros(2, 100))
    with pytest.raises(ValueError, match="conditional: pass labels from 0 to 9"):
        gan.discriminator(torch.zeros(2, 1, 28, 28))


# Overrides


def test_conv_without_batch_norm_gets_biases_in_its_place():
    model = ModelConfig(topology="conv", norm_g="none", norm_d="none")
    assert describe(build_generator(model)) == lines("""
        -> 100x1x1
        convT 100->128 4 2 0 bias
        ReLU
        convT 128->64 3 2 1 bias
        ReLU
        convT 64->32 4 2 1 bias
        ReLU
        convT 32->1 4 2 1
        Tanh
    """)
    assert describe(build_discriminator(model)) == lines("""
        conv 1->32 4 2 1
        LReLU 0.2
        conv 32->64 4 2 1 bias
        LReLU 0.2
        conv 64->128 3 2 1 bias
        LReLU 0.2
        conv 128->1 4 1 0
    """)


def test_batch_norm_joins_where_the_tutorial_has_none():
    keras = replace(PRESETS["dcgan-keras"].config.model, norm_g="batch", norm_d="batch", output="tanh")
    assert describe(build_generator(keras))[3:] == lines("""
        convT 128->128 4 2 1 bias
        BN 128
        LReLU 0.2
        convT 128->128 4 2 1 bias
        BN 128
        LReLU 0.2
        conv 128->1 7 1 3 bias
        Tanh
    """)
    assert describe(build_discriminator(keras))[:8] == lines("""
        pad left 0 right 1 top 0 bottom 1
        conv 1->64 3 2 0 bias
        LReLU 0.2
        dropout 0.4
        pad left 0 right 1 top 0 bottom 1
        conv 64->64 3 2 0 bias
        BN 64
        LReLU 0.2
    """)
    mlp = replace(PRESETS["gan-beginners"].config.model, norm_g="batch", norm_d="batch")
    assert describe(build_generator(mlp))[:6] == lines("""
        FC 100->256 bias
        BN 256
        LReLU 0.2
        FC 256->512 bias
        BN 512
        LReLU 0.2
    """)
    assert describe(build_discriminator(mlp)) == lines("""
        FC 784->512 bias
        LReLU 0.2
        FC 512->256 bias
        BN 256
        LReLU 0.2
        FC 256->1 bias
    """)


@pytest.mark.parametrize("topology", ["mlp", "conv", "keras", "step"])
def test_norms_are_chosen_for_each_network_alone(topology):
    model = ModelConfig(topology=topology, norm_g="none", norm_d="batch")
    gan = build_gan(model)
    in_g, in_d = ([phrase for phrase in describe(network) if phrase.startswith("BN")] for network in gan)
    assert in_g == []
    assert in_d
    gan = build_gan(replace(model, norm_g="batch", norm_d="none"))
    in_g, in_d = ([phrase for phrase in describe(network) if phrase.startswith("BN")] for network in gan)
    assert in_g
    assert in_d == []


@pytest.mark.parametrize("topology", ["mlp", "conv", "keras", "step"])
def test_dropout_follows_every_hidden_activation_of_the_discriminator_alone(topology):
    gan = build_gan(ModelConfig(topology=topology, dropout=0.25, norm_d="none"))
    phrases = describe(gan.discriminator)
    activations = [index for index, phrase in enumerate(phrases) if phrase.startswith("LReLU")]
    assert [phrases[index + 1] for index in activations] == ["dropout 0.25"] * len(activations)
    assert phrases.count("dropout 0.25") == len(activations)
    assert not [phrase for phrase in describe(gan.generator) if phrase.startswith("dropout")]


def test_widths_and_hidden_layers_are_the_configs():
    model = ModelConfig(topology="mlp", hidden_g=(5, 7), hidden_d=(9,), latent_dim=3, norm_g="none", norm_d="none")
    gan = build_gan(model)
    assert [p for p in describe(gan.generator) if p[:2] == "FC"] == [
        "FC 3->5 bias",
        "FC 5->7 bias",
        "FC 7->784 bias",
    ]
    assert [p for p in describe(gan.discriminator) if p[:2] == "FC"] == ["FC 784->9 bias", "FC 9->1 bias"]
    gan = build_gan(ModelConfig(topology="conv", width_g=3, width_d=5))
    assert [p for p in describe(gan.generator) if p[:4] == "conv"] == [
        "convT 100->12 4 2 0",
        "convT 12->6 3 2 1",
        "convT 6->3 4 2 1",
        "convT 3->1 4 2 1",
    ]
    assert [p for p in describe(gan.discriminator) if p[:4] == "conv"] == [
        "conv 1->5 4 2 1",
        "conv 5->10 4 2 1",
        "conv 10->20 3 2 1",
        "conv 20->1 4 1 0",
    ]


# Initial weights


def weighted(network: nn.Module) -> list[nn.Module]:
    return [module for module in network.modules() if isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d)]


def test_torch_init_is_pytorchs_own():
    """The same draws as the layers written out by hand: nothing is drawn again."""
    torch.manual_seed(4)
    built = build_generator(PRESETS["dcgan"].config.model).state_dict()
    torch.manual_seed(4)
    by_hand = nn.Sequential(
        nn.ConvTranspose2d(100, 128, 4, 2, bias=False),
        nn.BatchNorm2d(128),
        nn.ConvTranspose2d(128, 64, 3, 2, 1, bias=False),
        nn.BatchNorm2d(64),
        nn.ConvTranspose2d(64, 32, 4, 2, 1, bias=False),
        nn.BatchNorm2d(32),
        nn.ConvTranspose2d(32, 1, 4, 2, 1, bias=False),
    ).state_dict()
    assert len(built) == len(by_hand)
    assert all(torch.equal(a, b) for a, b in zip(built.values(), by_hand.values(), strict=True))


@pytest.mark.parametrize("topology", ["mlp", "conv", "keras", "step"])
def test_glorot_is_uniform_up_to_its_bound_with_zero_biases(topology):
    """Glorot and Bengio 2010: U(-b, b), b = sqrt(6 / (fan in + fan out)), a fan counted over the whole kernel."""
    torch.manual_seed(0)
    for network in build_gan(ModelConfig(topology=topology, init="glorot", norm_d="none")):
        for module in weighted(network):
            weight = module.weight.detach()
            field = math.prod(weight.shape[2:])
            bound = math.sqrt(6 / (field * (weight.shape[0] + weight.shape[1])))
            assert weight.abs().max() <= bound
            assert weight.abs().max() > 0.95 * bound
            assert weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.1)
            assert module.bias is None or module.bias.abs().sum() == 0


@pytest.mark.parametrize("topology", ["mlp", "conv", "keras", "step"])
def test_normal_init_is_the_papers(topology):
    torch.manual_seed(0)
    for network in build_gan(ModelConfig(topology=topology, init="normal")):
        for module in weighted(network):
            weight = module.weight.detach()
            assert weight.std().item() == pytest.approx(0.02, rel=0.12)
            assert abs(weight.mean().item()) < 4 * 0.02 / math.sqrt(weight.numel())
            assert weight.abs().max() > 0.05, "a normal has tails"
            assert module.bias is None or module.bias.abs().sum() == 0
        for module in network.modules():
            if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
                assert module.weight.std().item() == pytest.approx(0.02, rel=0.5)
                assert module.weight.mean().item() == pytest.approx(1, abs=0.02)
                assert module.bias.abs().sum() == 0


def test_the_seed_decides_the_weights():
    model = PRESETS["dcgan"].config.model
    nets = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        nets.append(nn.utils.parameters_to_vector(build_discriminator(model).parameters()))
    assert torch.equal(nets[0], nets[1])
    assert not torch.equal(nets[0], nets[2])


@pytest.mark.parametrize(("output", "low", "high"), [("tanh", -1, 1), ("sigmoid", 0, 1)])
@pytest.mark.parametrize("topology", ["mlp", "conv", "keras", "step"])
def test_the_image_fills_its_range(topology, output, low, high):
    """Under strong input the last activation saturates at both ends of pixel_range and goes no further."""
    torch.manual_seed(0)
    model = ModelConfig(topology=topology, output=output, norm_g="none", width_g=8)
    assert model.pixel_range == (low, high)
    with torch.no_grad():
        images = build_generator(model)(3e4 * torch.randn(4, 100))
    assert (images.min().item(), images.max().item()) == pytest.approx((low, high), abs=0.01)
    assert low <= images.min() <= images.max() <= high


def test_the_discriminator_gives_logits():
    """No sigmoid at its end: a last layer of zeros and a bias of 30 gives 30. Of several the first is for all."""
    for name in PRESETS:
        model = PRESETS[name].config.model
        discriminator = build_discriminator(model).eval()
        last = discriminator.layers[-1]
        nn.init.zeros_(last.weight)
        last.bias = nn.Parameter(torch.tensor([30.0] + [0.0] * (len(last.weight) - 1)))
        labels = torch.zeros(2, dtype=torch.int64) if model.num_classes else None
        assert discriminator(torch.zeros(2, *model.image_shape), labels).tolist() == [30, 30]


# Sampling


def warmed_up(name: str) -> nn.Module:
    """A preset's generator whose batch-norm buffers have seen a few batches."""
    torch.manual_seed(1)
    model = PRESETS[name].config.model
    generator = build_generator(model)
    with torch.no_grad():
        for _ in range(3):
            labels = torch.randint(10, (8,)) if model.num_classes else None
            generator.train()(torch.randn(8, model.latent_dim) * 2 + 1, labels)
    return generator


def latents_for(model: ModelConfig, count: int) -> tuple[np.ndarray, np.ndarray | None]:
    z = latents_from_seeds(range(count), model.latent_dim, model.latent)
    return z, np.arange(count) % model.num_classes if model.num_classes else None


def some(labels: np.ndarray | None, index) -> np.ndarray | None:
    return None if labels is None else labels[index]


@pytest.mark.slow
@pytest.mark.parametrize("name", PRESETS)
def test_the_same_z_gives_the_same_image_wherever_it_stands(name):
    generator = warmed_up(name)
    z, labels = latents_for(generator.config, 64)
    images = sample(generator, z, labels)
    assert images.shape == (64, *generator.config.image_shape)
    for place in (0, 5, 15, 16, 63):  # the first, the middle and the last of a chunk; a chunk's first; the last
        alone = sample(generator, z[place : place + 1], some(labels, slice(place, place + 1)))
        assert torch.equal(alone[0], images[place]), f"alone, number {place} is another image"
    other_places = np.random.RandomState(0).permutation(64)[:37]
    assert torch.equal(sample(generator, z[other_places], some(labels, other_places)), images[other_places])
    assert len({image.numpy().tobytes() for image in images}) == 64, "64 latents give 64 images"


@pytest.mark.parametrize("name", ["gan", "dcgan"])
def test_threads_do_not_tell_neighbours_apart_either(name):
    """The other tests run on one thread, users on as many as they have: work is then divided by position."""
    generator = warmed_up(name)
    z, labels = latents_for(generator.config, 64)
    threads = torch.get_num_threads()
    torch.set_num_threads(threads + 1)
    try:
        images = sample(generator, z, labels)
        for place in (0, 9, 31, 63):
            assert torch.equal(sample(generator, z[place : place + 1], labels)[0], images[place])
    finally:
        torch.set_num_threads(threads)


@pytest.mark.slow
@pytest.mark.parametrize("name", PRESETS)
def test_the_memory_layout_of_z_does_not_matter(name):
    generator = warmed_up(name)
    z, labels = latents_for(generator.config, 32)
    images = sample(generator, z, labels)
    assert torch.equal(sample(generator, np.asfortranarray(z), labels), images)
    assert torch.equal(sample(generator, torch.from_numpy(z), labels), images)
    assert torch.equal(sample(generator, z.astype(np.float64), labels), images)


@pytest.mark.parametrize("training", [True, False])
def test_sampling_leaves_the_generator_as_it_was(training):
    generator = warmed_up("dcgan").train(training)
    before = {name: value.clone() for name, value in generator.state_dict().items()}
    stream = torch.get_rng_state()
    images = sample(generator, latents_for(generator.config, 3)[0])
    assert generator.training is training
    assert all(module.training is training for module in generator.modules())
    assert all(torch.equal(value, before[name]) for name, value in generator.state_dict().items())
    assert torch.equal(torch.get_rng_state(), stream)
    assert not images.requires_grad


def test_sampling_uses_the_running_statistics():
    """Eval mode, whatever the mode before: PyTorch's own answer for these buffers."""
    generator = warmed_up("dcgan")
    z = torch.from_numpy(latents_for(generator.config, 16)[0])
    with torch.no_grad():
        wanted = generator.eval()(z)
        generator.train()
    assert torch.allclose(sample(generator, z), wanted, atol=1e-6)


def test_sampling_brings_every_range_to_minus_one_and_one():
    generator = warmed_up("gan")
    assert generator.config.pixel_range == (0, 1)
    z = torch.from_numpy(latents_for(generator.config, 16)[0])
    with torch.no_grad():
        wanted = 2 * generator.eval()(z) - 1
    assert torch.allclose(sample(generator, z), wanted, atol=1e-6)
    assert wanted.min() < 0 < wanted.max()


@pytest.mark.parametrize("name", ["dcgan", "cdcgan"])
def test_no_latents_give_no_images(name):
    generator = warmed_up(name)
    z, labels = latents_for(generator.config, 0)
    images = sample(generator, z, labels)
    assert (images.shape, images.dtype) == ((0, 1, 28, 28), torch.float32)


@pytest.mark.parametrize("shape", [(2, 99), (2, 110), (100,), (1, 2, 100)])
def test_a_wrong_z_is_named(shape):
    generator = build_generator(PRESETS["cgan"].config.model)
    with pytest.raises(ValueError, match=r"z has shape \(.*\), the model takes \(N, 100\)") as caught:
        sample(generator, np.zeros(shape, np.float32), np.zeros(shape[0], np.int64))
    assert str(shape) in str(caught.value)


@pytest.mark.parametrize(
    ("name", "labels", "message"),
    [
        ("cgan", None, "conditional: pass labels from 0 to 9"),
        ("cgan", [0, 1], r"3 latents need 3 labels, not shape \(2,\)"),
        ("cgan", [[0], [1], [2]], r"3 latents need 3 labels, not shape \(3, 1\)"),
        ("cgan", [0, 10, 2], r"labels \[0, 10, 2\] are not all in 0\.\.9"),
        ("cgan", [0, -1, 2], r"labels \[0, -1, 2\] are not all in 0\.\.9"),
        ("gan", [0, 1, 2], "not conditional: leave the labels out"),
    ],
)
def test_wrong_labels_are_named(name, labels, message):
    generator = build_generator(PRESETS[name].config.model)
    labels = None if labels is None else np.array(labels)
    with pytest.raises(ValueError, match=message):
        sample(generator, np.zeros((3, 100), np.float32), labels)


def test_labels_are_told_to_the_generator_chunk_by_chunk():
    generator = warmed_up("cgan")
    z = np.repeat(latents_from_seeds([3], 100), 20, axis=0)
    images = sample(generator, z, np.arange(20) % 10)
    assert torch.equal(images[:10], images[10:])
    assert len({image.numpy().tobytes() for image in images}) == 10


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_images_do_not_depend_on_the_number_of_threads(threads):
    generator = build_generator(ModelConfig(topology="conv"))
    z = torch.from_numpy(latents_from_seeds(range(40), 100))
    before = torch.get_num_threads()
    wanted = sample(generator, z)
    try:
        torch.set_num_threads(threads)
        assert torch.equal(sample(generator, z), wanted)
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)


def in_threads(*works: Callable[[], None]) -> None:
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()


def test_two_who_draw_at_once_leave_the_number_of_threads_as_it_was():
    before, together = torch.get_num_threads(), threading.Barrier(2, timeout=30)
    while_drawing, after = [], []

    def draw(start: int) -> torch.Tensor:
        if start == 0:
            together.wait()  # both callers are amid their drawing
        while_drawing.append(torch.get_num_threads())
        return torch.zeros(1)

    def caller() -> None:
        side_by_side(draw, range(3))
        after.append(torch.get_num_threads())
        together.wait()
        side_by_side(draw, range(3))
        after.append(torch.get_num_threads())

    torch.set_num_threads(3)
    try:
        in_threads(caller, caller)
        in_threads(lambda: after.append(torch.get_num_threads()))
        assert after == [3] * 5
        assert while_drawing == [1] * 12
    finally:
        torch.set_num_threads(before)


def test_two_who_draw_at_once_get_the_pixels_of_one():
    generator = build_generator(ModelConfig(topology="conv")).eval()  # as one that was loaded
    z = torch.from_numpy(latents_from_seeds(range(40), 100))
    wanted, before, found = sample(generator, z), torch.get_num_threads(), []
    torch.set_num_threads(2)
    try:
        in_threads(*[lambda: found.append(sample(generator, z))] * 4)
        assert len(found) == 4
        assert all(torch.equal(images, wanted) for images in found)
    finally:
        torch.set_num_threads(before)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_process_draws_too():
    code = (
        "import os, torch; from dcgan.models.inference import side_by_side; torch.set_num_threads(2); "
        "draw = lambda: side_by_side(lambda start: torch.zeros(1), range(3)); draw(); child = os.fork(); "
        "child or (draw(), os._exit(7)); raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))"
    )
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], timeout=120)
    assert done.returncode == 7


# How much the images of a batch differ


def test_an_image_is_judged_as_of_the_kind_that_is_told_or_guessed():
    model = ModelConfig(latent="mixture", auxiliary_head=True, width_d=4)
    torch.manual_seed(0)
    discriminator = build_discriminator(model).eval()
    images = torch.rand(6, 1, 28, 28) * 2 - 1
    outputs = discriminator.layers(images).flatten(1)
    assert outputs.shape == (6, 41)
    for_all, for_components, auxiliary_logits = outputs[:, 0], outputs[:, 1:21], outputs[:, 21:]
    components = torch.tensor([3, 0, 19, 7, 7, 1])
    assert torch.equal(discriminator(images, components), for_all + for_components[range(6), components])
    discriminate = discriminator.discriminate(images)
    assert torch.equal(discriminate.components, auxiliary_logits.argmax(1))
    assert torch.equal(discriminate.auxiliary_logits, auxiliary_logits)
    assert torch.equal(discriminator(images), for_all + for_components[range(6), discriminate.components])
    discriminator.balance_bias[discriminate.components[0]] = 100.0
    assert discriminator.discriminate(images).components[0] == auxiliary_logits[0].topk(2).indices[1]
    assert torch.equal(discriminator.discriminate(images, components).components, components), (
        "the bias does not move given components"
    )


def test_a_batchs_deviation_is_that_of_each_group_of_images():
    x = torch.randn(16, 3, 2, 2, generator=torch.Generator().manual_seed(0))
    y = MinibatchStddev()(x)
    assert y.shape == (16, 4, 2, 2)
    assert torch.equal(y[:, :3], x)
    for image in range(16):  # two groups, in turn
        members = x[image % 2 :: 2].numpy()
        assert y[image, 3].numpy() == pytest.approx(members.std(0).mean(), rel=1e-5)


@pytest.mark.parametrize(("images", "counted"), [(1, 1), (5, 5), (8, 8), (15, 15), (17, 16), (33, 32)])
def test_batches_of_any_size_have_a_deviation(images, counted):
    x = torch.randn(images, 2, 3, 3, generator=torch.Generator().manual_seed(1))
    y = MinibatchStddev()(x)
    groups = max(1, images // 8)
    for image in range(images):
        expected = x[:counted][image % groups :: groups].numpy().std(0).mean()
        assert y[image, 2].numpy() == pytest.approx(expected, rel=1e-4, abs=1.1e-4)  # 1e-4 is the root of its epsilon


def test_a_rank_without_images_has_none_to_compare():
    x = torch.zeros(0, 2, 3, 3, requires_grad=True)
    y = MinibatchStddev()(x)
    assert y.shape == (0, 3, 3, 3)
    y.sum().backward()
    assert x.grad.shape == x.shape


def test_equal_images_have_a_deviation_of_nothing_and_gradients_that_are_numbers():
    x = torch.ones(8, 2, 3, 3, requires_grad=True)
    y = MinibatchStddev()(x)
    assert y[:, 2].max() <= 1.1e-4
    (gradient,) = torch.autograd.grad(y[:, 2].sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(gradient.square().sum(), x)
    assert gradient.isfinite().all()
    assert second.isfinite().all()


def test_only_the_convolutional_discriminator_is_told_its_batchs_deviation():
    with pytest.raises(ValueError, match="minibatch_stddev=True needs topology conv, not mlp; set it to False"):
        ModelConfig(topology="mlp", minibatch_stddev=True)
    with pytest.raises(ValueError, match="real and fake images together; set one of them to False"):
        TrainConfig(model=ModelConfig(minibatch_stddev=True), joint_batch=True)
