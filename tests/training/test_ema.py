"""The moving average of a network's weights."""

import copy

import pytest
import torch
from torch import nn, tensor
from torch.testing import assert_close

from dcgan.config import TrainConfig
from dcgan.training.ema import ema_decay, update_ema


def network(weight: float) -> nn.Module:
    """Return a linear layer of one weight and a batch norm, with all floats set to `weight`."""
    model = nn.Sequential(nn.Linear(1, 1, bias=False), nn.BatchNorm1d(1))
    with torch.no_grad():
        for value in [*model.parameters(), model[1].running_mean, model[1].running_var]:
            value.fill_(weight)
    return model


def test_decay_halves_over_the_half_life():
    assert ema_decay(32, 32) == 0.5
    assert ema_decay(32, 64) == pytest.approx(0.7071067812)
    assert ema_decay(500, 10_000) ** 20 == pytest.approx(0.5)


def test_floats_are_averaged_and_integers_copied():
    ema, model = network(1.0), network(3.0)
    model[1].num_batches_tracked.fill_(7)
    update_ema(ema, model, 0.75)
    for name, value in ema.state_dict().items():
        expected = tensor(7) if name == "1.num_batches_tracked" else torch.full_like(value, 1.5)
        assert_close(value, expected)
    assert_close(model.state_dict(), network(3.0).state_dict() | {"1.num_batches_tracked": tensor(7)})


@pytest.mark.parametrize("batch_images", [10, 32, 640])
def test_after_a_half_life_the_distance_to_a_constant_model_has_halved(batch_images):
    half_life_images = 640
    ema, model = network(0.0), network(1.0)
    for _ in range(half_life_images // batch_images):
        update_ema(ema, model, ema_decay(batch_images, half_life_images))
    assert_close(ema[0].weight.detach(), tensor([[0.5]]))
    assert_close(ema[1].running_var, tensor([0.5]))


def test_a_decay_in_a_tensor_averages_as_a_number_does():
    averages = []
    for decay in (0.75, tensor(0.75)):
        ema, model = network(1.0), network(3.0)
        update_ema(ema, model, decay)
        averages.append(ema.state_dict())
    assert_close(averages[0], averages[1])


def test_the_ramp_keeps_the_half_life_below_its_share_of_the_images_seen():
    config = TrainConfig(batch_size=16, ema_half_life_images=2000, ema_ramp=0.1)
    assert config.ema_half_life(0) == pytest.approx(1.6)
    assert config.ema_half_life(9984) == 1000
    assert config.ema_half_life(10**6) == 2000
    assert TrainConfig(batch_size=16, ema_half_life_images=2000).ema_half_life(0) == 2000


def test_after_a_short_training_hardly_anything_of_the_initial_weights_is_left():
    config = TrainConfig(batch_size=16, ema_half_life_images=20_000, ema_ramp=0.1)
    ema, model = network(0.0), network(1.0)
    for step in range(75):
        update_ema(ema, model, ema_decay(16, config.ema_half_life(16 * step)))
    assert ema[0].weight.item() > 0.99


def test_decay_0_copies_and_decay_1_keeps_exactly():
    model = network(1 / 3)
    ema = network(7e7)
    update_ema(ema, model, 1.0)
    assert ema[0].weight.item() == 7e7
    update_ema(ema, model, 0.0)
    assert torch.equal(ema[0].weight, model[0].weight)


def test_the_average_has_no_gradients():
    model = network(1.0)
    ema = copy.deepcopy(model).requires_grad_(False)
    update_ema(ema, model, 0.5)
    assert not ema[0].weight.requires_grad
    assert ema[0].weight.grad_fn is None


def test_networks_of_different_structure_are_refused():
    with pytest.raises(ValueError, match="zip"):
        update_ema(nn.Linear(1, 1, bias=False), nn.Linear(1, 1), 0.5)
