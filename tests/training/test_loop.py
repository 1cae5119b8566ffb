"""The loop that yields every step, and the state that it changes."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import pytest
import torch
from plain_steps import CPU, batches_for, first_batches, small

from dcgan.config import DataConfig, ModelConfig
from dcgan.data.batches import Batch
from dcgan.data.loading import make_batches
from dcgan.presets import PRESETS
from dcgan.training.loop import training_steps
from dcgan.training.state import TrainState
from dcgan.training.step import (
    StepStats,
    train_step,
)


def test_the_first_loss_of_step_by_step_is_the_printed_one():
    """On real digits, with its full networks, the tutorial prints D 1.387 = 2 ln 2 at iteration 0: a sum, not a mean.

    It prints G 0.638 there, which hangs on its initial weights and learning rate; ours starts near ln 2 as well.
    """
    config = PRESETS["dcgan-step"].config
    state = TrainState.new(config, CPU)
    stats = train_step(state, next(iter(make_batches(config, CPU).from_step(0))))
    assert float(stats.d_loss) == pytest.approx(2 * math.log(2), abs=0.03)
    assert float(stats.g_loss) == pytest.approx(math.log(2), abs=0.3)


def test_the_average_follows_the_generator_with_its_half_life():
    config = small("dcgan", ema_half_life_images=8)  # a batch: so each step halves the distance
    state = TrainState.new(config, CPU)
    name = "layers.1.weight"
    before = state.ema.state_dict()[name].clone()
    train_step(state, first_batches(config, 1)[0])
    now = state.gan.generator.state_dict()[name]
    torch.testing.assert_close(state.ema.state_dict()[name], (before + now) / 2)
    assert state.best_generator is state.ema


def test_train_yields_every_step_and_continues_from_a_state():
    config = small("gan", epochs=2)
    batches = batches_for(config)
    steps = [result.state.step for result in training_steps(config, batches, CPU)]
    assert steps == list(range(1, 11))

    half = training_steps(config, batches, CPU)
    for result in half:
        if result.state.step == 7:
            half.close()
            break
    rest = [after.state.step for after in training_steps(config, batches, CPU, result.state)]
    assert rest == [8, 9, 10]
    assert list(training_steps(config, batches, CPU, result.state)) == []


@pytest.mark.parametrize("preset", ["gan", "dcgan", "dcgan-keras", "cgan"])
def test_a_loaded_state_continues_bit_for_bit(preset):
    """Dropout, batch norm, both optimizers and the average continue too, from every step."""
    config = small(preset, ema_half_life_images=50)
    all_batches = first_batches(config, 6)

    def run(state: TrainState, batches: list[Batch]) -> list[StepStats]:
        return [train_step(state, batch) for batch in batches]

    whole = TrainState.new(config, CPU)
    expected = run(whole, all_batches)
    for cut in range(1, 6):
        first = TrainState.new(config, CPU)
        run(first, all_batches[:cut])
        stored = {name: value.clone() for name, value in first.tensors().items()}
        torch.manual_seed(999)  # a resumed process has another global RNG
        second = TrainState.new(replace(config, seed=77), CPU)
        second.config = config
        second.load(stored)
        second.step, second.images_seen = first.step, first.images_seen
        rest = run(second, all_batches[cut:])
        assert [tuple(map(float, s)) for s in rest] == [tuple(map(float, s)) for s in expected[cut:]]
        final = second.tensors()
        assert final.keys() == whole.tensors().keys()
        assert all(torch.equal(value, final[name]) for name, value in whole.tensors().items())


def test_draws_between_steps_change_nothing():
    config = small("gan")
    batches = batches_for(config)
    first = [tuple(map(float, s.stats)) for s in itertools.islice(training_steps(config, batches, CPU), 4)]
    second = []
    for result in itertools.islice(training_steps(config, batches, CPU), 4):
        torch.rand(17)
        second.append(tuple(map(float, result.stats)))
    assert first == second


def test_another_seed_is_another_training():
    losses = []
    for seed in (0, 1):
        config = small("gan", seed=seed)
        losses.append(float(train_step(TrainState.new(config, CPU), first_batches(config, 1)[0]).d_loss))
    assert losses[0] != losses[1]


def test_a_last_batch_that_is_shorter_counts_its_own_images():
    config = replace(small("dcgan", epochs=1), data=DataConfig(limit=20))
    last = list(training_steps(config, batches_for(config, 20), CPU))[-1]
    assert (last.state.step, last.state.images_seen) == (3, 20)


def test_a_state_that_does_not_fit_is_refused():
    state = TrainState.new(small("gan"), CPU)
    narrow = ModelConfig(topology="mlp", hidden_g=(5,), hidden_d=(5,))
    other = TrainState.new(replace(small("gan"), model=narrow), CPU)
    with pytest.raises(RuntimeError, match=r"size mismatch|Missing key"):
        other.load(state.tensors())


@pytest.mark.parametrize("engine", ["plain", "fast"])
@pytest.mark.parametrize("share", [1.0, 0.5])
def test_learning_rates_fall_along_half_a_cosine(engine, share):
    config = small("dcgan", engine=engine, lr_decay=share, lr_g=4e-4, lr_d=2e-4, epochs=4)
    batches = batches_for(config)
    steps = 4 * batches.steps_per_epoch
    rates = [
        (state.optimizer_g.param_groups[0]["lr"], state.optimizer_d.param_groups[0]["lr"])
        for state, _ in training_steps(config, batches, CPU)
    ]
    held = int(steps * (1 - share))
    assert len(rates) == steps == 20
    assert set(rates[: held + 1]) == {(4e-4, 2e-4)}
    assert rates[held + (steps - held) // 2] == pytest.approx((2e-4, 1e-4))
    assert 0 < rates[-1][0] < 4e-4 * (3 / (steps - held)) ** 2
    assert rates == sorted(rates, reverse=True)


def test_a_resumed_training_has_the_learning_rates_of_one_run():
    config = small("dcgan", lr_decay=1.0, engine="plain", epochs=2)
    *_, whole = training_steps(config, batches_for(config), CPU)
    for cut in training_steps(config, batches_for(config), CPU):
        if cut.state.step == 5:
            break
    second = TrainState.new(config, CPU)
    second.load({name: value.clone() for name, value in cut.state.tensors().items()})
    second.step, second.images_seen = cut.state.step, cut.state.images_seen
    *_, resumed = training_steps(config, batches_for(config), CPU, second)
    for name, value in whole.state.tensors().items():
        assert torch.equal(resumed.state.tensors()[name], value), name


def test_a_step_outside_of_a_training_has_the_full_rates():
    """Its length is unknown, as in a benchmark."""
    config = small("dcgan", lr_decay=1.0)
    state = TrainState.new(config, CPU)
    train_step(state, first_batches(config, 1)[0])
    assert state.optimizer_g.param_groups[0]["lr"] == config.lr_g
