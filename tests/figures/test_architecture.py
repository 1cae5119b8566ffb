"""The layers of each preset add up to the parameters that its tutorial gives."""

from __future__ import annotations

import pytest

from dcgan.config import ModelConfig
from dcgan.figures.architecture import (
    INPUT,
    RESHAPE,
    Layer,
    describe_architecture,
    multiplications,
    shared_layers,
    stages,
    total_parameters,
)
from dcgan.presets import PRESETS


@pytest.mark.parametrize("name", PRESETS)
def test_the_layers_add_up_to_the_preset(name):
    architecture = describe_architecture(PRESETS[name].config.model)
    totals = total_parameters(architecture.generator), total_parameters(architecture.discriminator)
    assert totals == PRESETS[name].parameters
    assert architecture.generator[0].output_shape == (PRESETS[name].config.model.latent_dim,)
    assert architecture.generator[-1].output_shape == PRESETS[name].config.model.image_shape


def test_the_layers_of_dcgan_are_those_of_the_tutorial():
    architecture = describe_architecture(PRESETS["dcgan"].config.model)
    convolutions = [layer for layer in architecture.generator if layer.kind == "ConvTranspose2d"]
    assert [layer.output_shape for layer in convolutions] == [(128, 4, 4), (64, 7, 7), (32, 14, 14), (1, 28, 28)]
    assert [layer.parameters for layer in convolutions] == [204_800, 73_728, 32_768, 512]
    assert [layer.kind for layer in architecture.discriminator[:3]] == [INPUT, "Conv2d", "LeakyReLU"]
    assert architecture.discriminator[-1].output_shape == (1, 1, 1)


def test_reshapes_between_layers_are_named():
    gan = describe_architecture(PRESETS["gan"].config.model)
    assert gan.discriminator[1] == Layer(RESHAPE, "", (784,))
    conditional = describe_architecture(PRESETS["cdcgan"].config.model)
    joined = conditional.generator[1]
    assert (joined.kind, joined.settings, joined.output_shape) == (RESHAPE, "with the label, one of 10", (110,))
    discriminator = describe_architecture(PRESETS["dcgan-best"].config.model).discriminator
    assert discriminator[-2].output_shape == (41, 1, 1)
    chosen = "the shared logit plus the component's own; 20 more are the auxiliary head"
    last = discriminator[-1]
    assert (last.kind, last.settings, last.output_shape, last.parameters) == (RESHAPE, chosen, (1,), 0)
    assert conditional.discriminator[1].output_shape == (11, 28, 28)


def test_equal_layers_in_order_are_shared():
    a, b, c = (Layer(kind, "", (1,)) for kind in "abc")
    assert shared_layers([a, b, c], [a, c]) == ([True, False, True], [True, True])
    assert shared_layers([a], [b]) == ([False], [False])
    assert shared_layers([], [a]) == ([], [False])


def test_stages_end_in_the_shape_that_comes_out():
    blocks = stages(describe_architecture(PRESETS["dcgan"].config.model).generator)
    assert [stage.shape for stage in blocks] == [(100,), (128, 4, 4), (64, 7, 7), (32, 14, 14), (1, 28, 28)]
    assert blocks[1].steps == ("ConvTranspose2d", "BatchNorm2d", "ReLU")
    assert blocks[-1].steps == ("ConvTranspose2d", "Tanh")


@pytest.mark.parametrize("image_size", [32, 64, 128])
def test_other_sizes_and_colors(image_size):
    architecture = describe_architecture(ModelConfig(image_size=image_size, channels=3))
    assert stages(architecture.generator)[-1].shape == (3, image_size, image_size)


def test_a_description_leaves_the_random_numbers_alone():
    import torch

    torch.manual_seed(3)
    before = torch.random.get_rng_state()
    describe_architecture(PRESETS["dcgan-keras"].config.model)
    assert torch.equal(before, torch.random.get_rng_state())


def test_multiplications_are_weights_at_each_of_their_places():
    layers = describe_architecture(ModelConfig()).generator
    counts = dict(zip([(layer.kind, layer.output_shape) for layer in layers], multiplications(layers), strict=True))
    assert counts["ConvTranspose2d", (128, 4, 4)] == 100 * 128 * 16
    assert counts["ConvTranspose2d", (64, 7, 7)] == 128 * 64 * 9 * 16
    assert counts["ConvTranspose2d", (32, 14, 14)] == 64 * 32 * 16 * 49
    assert counts["ConvTranspose2d", (1, 28, 28)] == 32 * 16 * 196
    of_d = describe_architecture(ModelConfig()).discriminator
    assert multiplications(of_d)[1] == 32 * 16 * 196
    assert sum(multiplications(of_d)) > 2_000_000
