"""The networks taken apart add up to the tutorials' numbers."""

from __future__ import annotations

import pytest

from dcgan.config import ModelConfig
from dcgan.figures.architecture import INPUT, RESHAPE, Layer, anatomy, shared, stages, total_parameters
from dcgan.presets import PRESETS


@pytest.mark.parametrize("name", PRESETS)
def test_the_layers_add_up_to_the_preset(name):
    found = anatomy(PRESETS[name].config.model)
    totals = total_parameters(found.generator), total_parameters(found.discriminator)
    assert totals == PRESETS[name].parameters
    assert found.generator[0].output_shape == (PRESETS[name].config.model.latent_dim,)
    assert found.generator[-1].output_shape == PRESETS[name].config.model.image_shape


def test_the_dcgan_is_the_tutorials():
    found = anatomy(PRESETS["dcgan"].config.model)
    convolutions = [layer for layer in found.generator if layer.kind == "ConvTranspose2d"]
    assert [layer.output_shape for layer in convolutions] == [(128, 4, 4), (64, 7, 7), (32, 14, 14), (1, 28, 28)]
    assert [layer.parameters for layer in convolutions] == [204_800, 73_728, 32_768, 512]
    assert [layer.kind for layer in found.discriminator[:3]] == [INPUT, "Conv2d", "LeakyReLU"]
    assert found.discriminator[-1].output_shape == (1, 1, 1)


def test_what_happens_between_layers_is_told():
    gan = anatomy(PRESETS["gan"].config.model)
    assert gan.discriminator[1] == Layer(RESHAPE, "", (784,))
    told = anatomy(PRESETS["cdcgan"].config.model)
    assert told.generator[1] == Layer(RESHAPE, "with the label, one of 10", (110,))
    guessing = anatomy(PRESETS["dcgan-best"].config.model).discriminator
    assert guessing[-2].output_shape == (41, 1, 1)
    chosen = "the logit for all plus the component's own; 20 more are the auxiliary head"
    assert guessing[-1] == Layer(RESHAPE, chosen, (1,))
    assert told.discriminator[1].output_shape == (11, 28, 28)


def test_equal_layers_in_order_are_shared():
    a, b, c = (Layer(kind, "", (1,)) for kind in "abc")
    assert shared([a, b, c], [a, c]) == ([True, False, True], [True, True])
    assert shared([a], [b]) == ([False], [False])
    assert shared([], [a]) == ([], [False])


def test_stages_end_in_the_shape_that_comes_out():
    found = stages(anatomy(PRESETS["dcgan"].config.model).generator)
    assert [stage.shape for stage in found] == [(100,), (128, 4, 4), (64, 7, 7), (32, 14, 14), (1, 28, 28)]
    assert found[1].steps == ("ConvTranspose2d", "BatchNorm2d", "ReLU")
    assert found[-1].steps == ("ConvTranspose2d", "Tanh")


@pytest.mark.parametrize("image_size", [32, 64, 128])
def test_other_sizes_and_colours(image_size):
    found = anatomy(ModelConfig(image_size=image_size, channels=3))
    assert stages(found.generator)[-1].shape == (3, image_size, image_size)


def test_taking_apart_leaves_the_random_numbers_alone():
    import torch

    torch.manual_seed(3)
    before = torch.random.get_rng_state()
    anatomy(PRESETS["dcgan-keras"].config.model)
    assert torch.equal(before, torch.random.get_rng_state())
