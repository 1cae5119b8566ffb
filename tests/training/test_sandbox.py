"""Networks that are trained by hand: the same steps as a training's, bounded, and without any effect on the run."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from plain_steps import CPU, small
from recorded import CONDITIONAL, MIXED, TINY, record_run

from dcgan.checkpoint import load_tensors
from dcgan.config import ModelConfig, TrainConfig
from dcgan.data.batches import ImageSet, ResidentBatches
from dcgan.presets import PRESETS
from dcgan.runs.run import Run
from dcgan.training import sandbox
from dcgan.training.sandbox import Sandbox, by_hand, fresh_start, load_start
from dcgan.training.state import TrainState
from dcgan.training.step import train_step

RGB = replace(TINY, model=replace(TINY.model, channels=3, image_size=8))
RECIPES = {
    "gan": small("gan"),
    "dcgan": small("dcgan"),
    "dcgan-keras": small("dcgan-keras"),
    "dcgan-step": small("dcgan-step"),
    "cdcgan-best": small("cdcgan-best"),
    "dcgan-best": small("dcgan-best"),
    "rgb": replace(RGB, batch_size=8, augment="translate,color", augment_target=0.6, reuse_fakes=True),
}


def images_for(config: TrainConfig, count: int = 40) -> ImageSet:
    """Return random images with labels."""
    rng = np.random.RandomState(3)
    images = rng.randint(0, 256, (count, *config.model.image_shape), dtype=np.uint8)
    labels = rng.randint(0, max(config.model.num_classes, 1), count)
    return ImageSet(torch.from_numpy(images), torch.from_numpy(labels), ())


def opened(config: TrainConfig) -> Sandbox:
    """Return a sandbox with fresh networks."""
    return Sandbox(fresh_start(config), images_for(config))


def files_of(run: Run) -> dict[Path, bytes]:
    """Return the bytes of all files of a run."""
    return {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()}


@pytest.mark.parametrize("config", RECIPES.values(), ids=RECIPES)
def test_steps_by_hand_are_steps_of_a_training_bit_for_bit(config):
    """Two sandboxes take turns, and random numbers are drawn between their parts."""
    first, second = opened(config), opened(config)
    for _ in range(2 * len(first.names)):
        torch.rand(3)
        first.next_part()
        second.next_part()
    second.take_steps("both", 1)
    own = by_hand(config)
    batches = ResidentBatches(images_for(config), own, CPU)
    state = TrainState.new(own, CPU, first_images=batches.first_images)
    stream = batches.from_step(0)
    for done in range(3):
        if done == 2:
            assert_equal(first.state, state)
        train_step(state, next(stream))
    assert_equal(second.state, state)
    assert (first.steps_done, second.steps_done) == (2, 3)


def assert_equal(one: TrainState, other: TrainState) -> None:
    """Assert that the states are equal bit for bit."""
    expected = other.tensors()
    assert one.tensors().keys() == expected.keys()
    assert all(torch.equal(value, expected[name]) for name, value in one.tensors().items())
    assert (one.step, one.images_seen) == (other.step, other.images_seen)


def test_visitors_at_the_same_time_get_what_each_gets_alone():
    config = small("dcgan-keras")
    boxes = [opened(config) for _ in range(4)]
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(lambda box: box.take_steps("both", 4), boxes[:3])) == [4, 4, 4]
    boxes[3].take_steps("both", 4)
    for box in boxes[:3]:
        assert_equal(box.state, boxes[3].state)


def test_looking_changes_no_network_and_no_random_number():
    config = small("dcgan-keras")
    box = opened(config)
    before = {name: value.clone() for name, value in box.state.tensors().items()}
    stream = torch.get_rng_state()
    answers = box._answers()
    assert answers.real_logits == box.now.real_logits, "dropout is off"
    assert all(torch.equal(value, before[name]) for name, value in box.state.tensors().items())
    assert torch.equal(torch.get_rng_state(), stream)
    assert box.state.gan.discriminator.training
    box.next_part()
    assert torch.equal(torch.get_rng_state(), stream)


def test_d_alone_wins_and_g_alone_fools_it():
    config = small("dcgan", lr_g=1e-2, lr_d=1e-2)
    of_d, of_g = opened(config), opened(config)
    assert of_d.take_steps("D", 60) == of_g.take_steps("G", 60) == 60
    assert of_d.history[-1].d_real - of_d.history[-1].d_fake > 0.5
    assert of_d.before.d_loss > of_d.now.d_loss
    assert np.array_equal(of_d.before.images_u8, of_d.now.images_u8), "G has not learned"
    assert of_g.history[-1].d_fake > of_g.history[0].d_fake + 0.2
    assert of_g.before.g_loss > of_g.now.g_loss
    assert of_g.before.real_logits == of_g.now.real_logits, "D has not learned"
    assert [point.step for point in of_d.history] == list(range(61))


def test_now_follows_each_update():
    box = opened(small("dcgan"))
    seen = {}
    for name in box.names:
        box.next_part()
        seen[name] = box.now
    assert seen["gradients of G"] is box.before
    assert not np.array_equal(seen["update of G"].images_u8, box.before.images_u8)
    assert seen["update of G"].real_logits == box.before.real_logits
    assert seen["update of D"].real_logits != box.before.real_logits
    assert not box.in_step
    box.next_part()
    assert box.before is seen["update of D"]
    assert box.in_step


def test_learning_rates_count_from_the_next_update():
    box = opened(small("gan"))
    box.set_learning_rates(0.0, 0.01)
    before = box.now
    box.take_steps("both", 3)
    assert np.array_equal(before.images_u8, box.now.images_u8)
    assert before.real_logits != box.now.real_logits


def test_steps_end_in_time_and_where_numbers_are_not_finite():
    box = opened(small("gan"))
    assert box.take_steps("both", 50, seconds=0) == 1
    box.set_learning_rates(1e30, 1e30)
    done = box.take_steps("both", 50)
    assert done < 50
    assert not box.now.are_finite
    assert box.now.images_u8.shape == (8, 1, 28, 28)
    assert box.take_steps("both", 5) == 0


def test_the_history_is_bounded(monkeypatch):
    monkeypatch.setattr(sandbox, "HISTORY", 5)
    box = opened(TINY)
    box.take_steps("both", 9)
    assert [point.step for point in box.history] == [5, 6, 7, 8, 9]


def test_a_closed_sandbox_holds_no_networks():
    box = opened(TINY)
    box.next_part()
    assert box.num_parameters == sum(p.numel() for network in box.state.gan for p in network.parameters())
    box.close()
    assert box.is_closed
    assert not hasattr(box, "state")
    assert len(box.seen) == 1
    for call in (box.next_part, partial(box.take_steps, "both", 1), partial(box.set_learning_rates, 0.1, 0.1)):
        with pytest.raises(ValueError, match="were closed"):
            call()


@pytest.mark.parametrize("config", [TINY, CONDITIONAL, MIXED, RGB], ids=["plain", "conditional", "mixed", "rgb"])
@pytest.mark.parametrize("step", [None, 2])
def test_a_run_is_trained_on_and_stays_as_it_is(tmp_path, config, step):
    run = record_run(tmp_path, config)
    before = files_of(run)
    start = load_start(run, step)
    assert (start.config, start.step) == (config, 4 if step is None else step)
    assert not start.has_later_discriminator
    box = Sandbox(start, images_for(config))
    weights = load_tensors(run.generator_path if step is None else run.snapshot_path(step))[0]
    state = box.state.gan.generator.state_dict()
    assert all(torch.equal(state[name].float(), value.float()) for name, value in weights.items())
    assert box.state.step == start.step
    box.take_steps("both", 2)
    box.next_part("D")
    again = Sandbox(load_start(run, step), images_for(config))
    assert not np.array_equal(box.now.images_u8, again.now.images_u8)
    assert (
        all(torch.equal(value, again.state.gan.generator.state_dict()[name]) for name, value in state.items())
        is False
    )
    assert files_of(run) == before


def test_the_networks_of_a_start_can_be_used_again(tmp_path):
    start = load_start(record_run(tmp_path))
    first = Sandbox(start, images_for(TINY))
    begun = first.now
    first.take_steps("both", 2)
    second = Sandbox(start, images_for(TINY))
    assert second.now.real_logits == begun.real_logits
    assert np.array_equal(second.now.images_u8, begun.images_u8)


def test_an_older_run_has_its_last_discriminator_only(tmp_path):
    run = record_run(tmp_path)
    run.d_snapshot_path(2).unlink()
    start = load_start(run, 2)
    assert (start.step, start.discriminator_step, start.has_later_discriminator) == (2, 4, True)


def test_a_snapshot_of_an_averaged_training_is_the_average(tmp_path):
    run = record_run(tmp_path, replace(TINY, ema_half_life_images=8), ema=True)
    assert load_start(run, 2).is_average
    newest = load_start(run)
    assert not newest.is_average
    assert newest.ema is not None
    box = Sandbox(newest, images_for(newest.config))
    average = load_tensors(run.ema_path)[0]
    assert box.state.ema is not None
    assert all(torch.equal(value, average[name]) for name, value in box.state.ema.state_dict().items())


@pytest.mark.parametrize("name", ["generator.safetensors", "discriminator.safetensors"])
@pytest.mark.parametrize("data", [None, b"no weights"], ids=["missing", "damaged"])
def test_missing_and_damaged_networks_are_an_error_that_names_them(tmp_path, name, data):
    run = record_run(tmp_path)
    if data is None:
        (run.path / name).unlink()
    else:
        (run.path / name).write_bytes(data)
    with pytest.raises((FileNotFoundError, ValueError), match=name):
        load_start(run)


def test_a_discriminator_of_other_networks_is_refused(tmp_path):
    run, other = record_run(tmp_path), record_run(tmp_path, CONDITIONAL)
    run.discriminator_path.write_bytes(other.discriminator_path.read_bytes())
    with pytest.raises(ValueError, match="is not the discriminator of"):
        load_start(run)


def test_networks_that_are_too_large_are_refused(monkeypatch):
    large = replace(TINY, model=ModelConfig(topology="conv", latent_dim=4, width_g=1, width_d=1, image_size=256))
    with pytest.raises(ValueError, match="256x256"):
        opened(large)
    monkeypatch.setattr(sandbox, "MAX_PARAMETERS", 100)
    with pytest.raises(ValueError, match="weights are too many"):
        opened(TINY)


def test_one_image_is_too_few():
    with pytest.raises(ValueError, match="a step needs 2"):
        Sandbox(fresh_start(TINY), images_for(TINY, count=1))


@pytest.mark.slow
@pytest.mark.parametrize("name", PRESETS)
def test_fresh_networks_of_every_preset_take_a_step(name):
    config = PRESETS[name].config
    classes = {"num_classes": 2} if name == "cpictures" else {}
    box = opened(replace(config, model=replace(config.model, **classes)))
    for part in box.names:
        assert box.next_part().name == part
    assert box.now.are_finite
