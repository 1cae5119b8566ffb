"""Pairs of networks of every size, color, width and norm."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from layer_text import describe, lines
from torch import nn

from dcgan.config import ModelConfig
from dcgan.models.gan import build_discriminator, build_gan, build_generator
from dcgan.presets import PRESETS


def maps_of(network: nn.Module, *inputs: torch.Tensor) -> list[tuple[int, ...]]:
    """Return the shapes (C, H, W) of the feature maps; a layer that keeps the shape adds none."""
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
def test_feature_maps_have_the_shapes_of_the_source(name):
    model = PRESETS[name].config.model
    gan = build_gan(model)
    assert maps_of(gan.generator, torch.zeros(2, model.latent_dim)) == MAPS[name][0]
    assert maps_of(gan.discriminator, torch.zeros(2, *model.image_shape)) == MAPS[name][1]


SIZES = {
    "mlp": (8, 16, 28, 32, 64, 128),
    "conv": (8, 16, 28, 32, 64, 128),
    "keras": (16, 20, 28, 32, 64, 128),
    "step": (16, 20, 28, 32, 64, 128),
}
"""Topology -> sizes of images that it can draw."""


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


def test_conv_without_batch_norm_has_biases_instead():
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


def test_batch_norm_can_be_added_to_every_topology():
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
def test_each_network_has_its_own_norm(topology):
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
def test_dropout_follows_every_hidden_activation_of_the_discriminator_only(topology):
    gan = build_gan(ModelConfig(topology=topology, dropout=0.25, norm_d="none"))
    phrases = describe(gan.discriminator)
    activations = [index for index, phrase in enumerate(phrases) if phrase.startswith("LReLU")]
    assert [phrases[index + 1] for index in activations] == ["dropout 0.25"] * len(activations)
    assert phrases.count("dropout 0.25") == len(activations)
    assert not [phrase for phrase in describe(gan.generator) if phrase.startswith("dropout")]


def test_widths_and_hidden_layers_are_those_of_the_config():
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


def test_the_seed_decides_the_weights():
    model = PRESETS["dcgan"].config.model
    nets = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        nets.append(nn.utils.parameters_to_vector(build_discriminator(model).parameters()))
    assert torch.equal(nets[0], nets[1])
    assert not torch.equal(nets[0], nets[2])
