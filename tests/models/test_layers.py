"""Initial weights, and the minibatch standard deviation."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from dcgan.config import ModelConfig
from dcgan.models.gan import build_gan, build_generator
from dcgan.models.layers import MinibatchStddev
from dcgan.presets import PRESETS


def weighted(network: nn.Module) -> list[nn.Module]:
    """Return the layers that have a weight matrix or kernels."""
    return [module for module in network.modules() if isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d)]


def test_torch_init_is_that_of_pytorch():
    """The same layers, written out by hand, draw the same weights from the same seed."""
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
def test_normal_init_is_that_of_the_paper(topology):
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


def test_the_minibatch_stddev_is_that_of_each_group_of_images():
    x = torch.randn(16, 3, 2, 2, generator=torch.Generator().manual_seed(0))
    y = MinibatchStddev()(x)
    assert y.shape == (16, 4, 2, 2)
    assert torch.equal(y[:, :3], x)
    for image in range(16):  # two groups, in turn
        members = x[image % 2 :: 2].numpy()
        assert y[image, 3].numpy() == pytest.approx(members.std(0).mean(), rel=1e-5)


@pytest.mark.parametrize(("images", "counted"), [(1, 1), (5, 5), (8, 8), (15, 15), (17, 16), (33, 32)])
def test_batches_of_any_size_have_a_minibatch_stddev(images, counted):
    x = torch.randn(images, 2, 3, 3, generator=torch.Generator().manual_seed(1))
    y = MinibatchStddev()(x)
    groups = max(1, images // 8)
    for image in range(images):
        expected = x[:counted][image % groups :: groups].numpy().std(0).mean()
        assert y[image, 2].numpy() == pytest.approx(expected, rel=1e-4, abs=1.1e-4)  # 1e-4 is the root of its epsilon


def test_the_minibatch_stddev_of_no_images_is_empty():
    x = torch.zeros(0, 2, 3, 3, requires_grad=True)
    y = MinibatchStddev()(x)
    assert y.shape == (0, 3, 3, 3)
    y.sum().backward()
    assert x.grad.shape == x.shape


def test_equal_images_have_a_minibatch_stddev_of_0_and_finite_gradients():
    x = torch.ones(8, 2, 3, 3, requires_grad=True)
    y = MinibatchStddev()(x)
    assert y[:, 2].max() <= 1.1e-4
    (gradient,) = torch.autograd.grad(y[:, 2].sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(gradient.square().sum(), x)
    assert gradient.isfinite().all()
    assert second.isfinite().all()
