"""What goes into the networks and what comes out: labels, components, pixel ranges and logits."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from dcgan.config import ModelConfig, TrainConfig
from dcgan.models.gan import build_discriminator, build_gan, build_generator
from dcgan.presets import PRESETS


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
def test_a_conditional_network_needs_labels(name):
    gan = build_gan(PRESETS[name].config.model)
    with pytest.raises(ValueError, match="labels from 0 to 9"):
        gan.generator(torch.zeros(2, 100))
    with pytest.raises(ValueError, match="labels from 0 to 9"):
        gan.discriminator(torch.zeros(2, 1, 28, 28))


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
    """A last layer of zeros with a bias of 30 gives 30: there is no sigmoid. The first output is for all images."""
    for name in PRESETS:
        model = PRESETS[name].config.model
        discriminator = build_discriminator(model).eval()
        last = discriminator.layers[-1]
        nn.init.zeros_(last.weight)
        last.bias = nn.Parameter(torch.tensor([30.0] + [0.0] * (len(last.weight) - 1)))
        labels = torch.zeros(2, dtype=torch.int64) if model.num_classes else None
        assert discriminator(torch.zeros(2, *model.image_shape), labels).tolist() == [30, 30]


def test_the_logit_is_that_of_the_given_or_predicted_component():
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
        "the bias has no effect on given components"
    )


def test_only_conv_has_a_minibatch_stddev_and_never_of_a_joint_batch():
    with pytest.raises(ValueError, match="minibatch_stddev=True needs topology conv"):
        ModelConfig(topology="mlp", minibatch_stddev=True)
    with pytest.raises(ValueError, match="real and fake images together"):
        TrainConfig(model=ModelConfig(minibatch_stddev=True), joint_batch=True)
