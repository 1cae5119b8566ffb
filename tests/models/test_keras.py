"""Given Keras' weights, dcgan-keras computes what Keras computes: the tutorial's networks, in Keras itself."""

from __future__ import annotations

import os
import sys
from dataclasses import replace

os.environ["KERAS_BACKEND"] = "torch"  # read once, while keras is imported

import keras
import numpy as np
import pytest
import torch
from keras import layers
from torch import Tensor, nn

from dcgan.config import ModelConfig
from dcgan.models.gan import build_discriminator, build_generator, count_parameters
from dcgan.presets import PRESETS

# Keras 3.15's Variable.numpy() calls np.array on an object whose __array__ NumPy 2 finds old-fashioned.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning:keras")

MODEL = PRESETS["dcgan-keras"].config.model
RGB32 = replace(MODEL, image_size=32, channels=3, latent_dim=20, output="tanh")

# Where Streamlit finds Keras, it clears Keras's session after each run of a page, and collects garbage for that.
# Tests of pages in the same process would take several times as long.
KERAS = sys.modules.pop("keras")


@pytest.fixture(autouse=True)
def _keras_is_found(monkeypatch):
    """Let Keras import its own modules."""
    monkeypatch.setitem(sys.modules, "keras", KERAS)


@pytest.fixture(autouse=True)
def _on_the_cpu():
    """Run Keras on the CPU: the tests compare arithmetic, not devices."""
    with keras.device("cpu"):
        yield


def keras_discriminator(model: ModelConfig) -> keras.Model:
    """Return the tutorial's network; the sigmoid of its last layer is part of the loss."""
    return keras.Sequential(
        [
            keras.Input((model.image_size, model.image_size, model.channels)),
            layers.Conv2D(64, (3, 3), strides=(2, 2), padding="same"),
            layers.LeakyReLU(negative_slope=0.2),
            layers.Dropout(0.4),
            layers.Conv2D(64, (3, 3), strides=(2, 2), padding="same"),
            layers.LeakyReLU(negative_slope=0.2),
            layers.Dropout(0.4),
            layers.Flatten(),
            layers.Dense(1),
        ]
    )


def keras_generator(model: ModelConfig) -> keras.Model:
    size = model.image_size // 4
    return keras.Sequential(
        [
            keras.Input((model.latent_dim,)),
            layers.Dense(128 * size * size),
            layers.LeakyReLU(negative_slope=0.2),
            layers.Reshape((size, size, 128)),
            layers.Conv2DTranspose(128, (4, 4), strides=(2, 2), padding="same"),
            layers.LeakyReLU(negative_slope=0.2),
            layers.Conv2DTranspose(128, (4, 4), strides=(2, 2), padding="same"),
            layers.LeakyReLU(negative_slope=0.2),
            layers.Conv2D(model.channels, (7, 7), activation=model.output, padding="same"),
        ]
    )


AXES = {layers.Dense: (1, 0), layers.Conv2D: (3, 2, 0, 1), layers.Conv2DTranspose: (3, 2, 0, 1)}
"""Keras' kernels: dense (in, out), convolution (h, w, in, out), transposed convolution (h, w, out, in).
PyTorch's: (out, in), (out, in, h, w), (in, out, h, w)."""


def pairs(source: keras.Model, target: nn.Module) -> list[tuple[keras.Layer, nn.Module]]:
    """Return the pairs of layers that have weights, in order."""
    theirs = [layer for layer in source.layers if layer.weights]
    ours = [layer for layer in target.layers if list(layer.parameters())]
    return list(zip(theirs, ours, strict=True))


def copy_weights(source: keras.Model, target: nn.Module) -> None:
    """With random biases: zero ones, Keras' default, would hide a bias in the wrong place."""
    stream = np.random.RandomState(0)
    for theirs, ours in pairs(source, target):
        kernel, bias = theirs.get_weights()
        theirs.set_weights([kernel, stream.normal(0, 0.1, bias.shape)])
        kernel, bias = theirs.get_weights()
        kernel = torch.from_numpy(kernel.transpose(AXES[type(theirs)]).copy())
        assert kernel.shape == ours.weight.shape
        with torch.no_grad():
            ours.weight.copy_(kernel)
            ours.bias.copy_(torch.from_numpy(bias))


def channels_last(images: Tensor) -> np.ndarray:
    return images.permute(0, 2, 3, 1).numpy()


def keras_logits(network: keras.Model, images: Tensor) -> Tensor:
    return torch.as_tensor(network(channels_last(images), training=False)).detach()[:, 0]


@pytest.mark.parametrize("model", [MODEL, RGB32], ids=["tutorial", "rgb32"])
def test_given_kerass_weights_the_discriminator_computes_kerass_logits(model):
    keras.utils.set_random_seed(0)
    theirs, ours = keras_discriminator(model), build_discriminator(model).eval()
    copy_weights(theirs, ours)
    images = torch.rand(8, *model.image_shape, generator=torch.Generator().manual_seed(1))
    wanted = keras_logits(theirs, images)
    with torch.no_grad():
        torch.testing.assert_close(ours(images), wanted, atol=1e-5, rtol=1e-5)
    assert wanted.std() > 0.01, "the images must matter"


@pytest.mark.parametrize("model", [MODEL, RGB32], ids=["tutorial", "rgb32"])
def test_given_kerass_weights_the_generator_computes_kerass_images(model):
    keras.utils.set_random_seed(0)
    theirs, ours = keras_generator(model), build_generator(model).eval()
    copy_weights(theirs, ours)
    z = torch.randn(8, model.latent_dim, generator=torch.Generator().manual_seed(1))
    wanted = torch.as_tensor(theirs(z.numpy(), training=False)).detach()
    with torch.no_grad():
        images = ours(z)
    assert images.shape == (8, *model.image_shape)
    torch.testing.assert_close(images.permute(0, 2, 3, 1), wanted, atol=1e-5, rtol=1e-5)
    assert wanted.std() > 0.01, "z must matter"


def test_symmetric_padding_would_not_be_kerass():
    """Why the discriminator pads right and below only: PyTorch's padding=1 shifts every feature by a pixel."""
    keras.utils.set_random_seed(0)
    theirs, ours = keras_discriminator(MODEL), build_discriminator(MODEL).eval()
    copy_weights(theirs, ours)
    images = torch.rand(8, *MODEL.image_shape, generator=torch.Generator().manual_seed(1))
    for layer in ours.layers:
        if isinstance(layer, nn.ZeroPad2d):
            layer.padding = (0, 0, 0, 0)
        elif isinstance(layer, nn.Conv2d):
            layer.padding = (1, 1)
    with torch.no_grad():
        symmetric = ours(images)
    assert (symmetric - keras_logits(theirs, images)).abs().max() > 0.01


def test_parameter_counts_are_kerass_and_the_tutorials():
    theirs = keras_generator(MODEL), keras_discriminator(MODEL)
    ours = build_generator(MODEL), build_discriminator(MODEL)
    counts = [network.count_params() for network in theirs]
    assert counts == [count_parameters(network) for network in ours] == [1_164_289, 40_705]


@pytest.mark.parametrize(
    ("make_theirs", "make_ours"),
    [(keras_generator, build_generator), (keras_discriminator, build_discriminator)],
    ids=["generator", "discriminator"],
)
def test_initial_weights_are_drawn_as_keras_draws_them(make_theirs, make_ours):
    """Glorot's bound depends on how a kernel's fans are counted: both libraries' largest weights reach the same."""
    keras.utils.set_random_seed(0)
    for theirs, ours in pairs(make_theirs(MODEL), make_ours(MODEL)):
        kernel, bias = theirs.get_weights()
        weight = ours.weight.detach().numpy()
        assert kernel.size == weight.size
        assert np.abs(weight).max() == pytest.approx(np.abs(kernel).max(), rel=0.02)
        assert weight.std() == pytest.approx(kernel.std(), rel=0.06)
        assert not bias.any()
        assert not ours.bias.detach().any()


def test_the_recipes_epsilon_and_betas_are_kerass():
    """Adam as the tutorial writes it: a rate and beta_1 given, the rest Keras' defaults."""
    adam = keras.optimizers.Adam(learning_rate=0.0002, beta_1=0.5)
    config = PRESETS["dcgan-keras"].config
    assert (config.adam_epsilon, config.betas) == (adam.epsilon, (adam.beta_1, adam.beta_2))
    assert (config.lr_g, config.lr_d) == (0.0002, 0.0002)
