"""A step in slow motion: its parts add up to the step, and show what they computed."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from plain_steps import CPU, batches_for, first_batches, small

from dcgan.config import TrainConfig
from dcgan.training import slow_motion
from dcgan.training.slow_motion import PARTS, Part, lines_of, part_names, slow_step
from dcgan.training.state import TrainState
from dcgan.training.step import train_step

RECIPES = {
    "gan": small("gan"),
    "dcgan": small("dcgan"),
    "dcgan-keras": small("dcgan-keras"),
    "dcgan-step": small("dcgan-step"),
    "cgan": small("cgan"),
    "dcgan-best": small("dcgan-best"),
    "cdcgan-best": small("cdcgan-best"),
    "pictures": small("pictures", augment="translate,mirror", augment_target=0.6),
    "discriminator first": small("dcgan", order="discriminator-first", reuse_fakes=False, ema_half_life_images=40),
}


def new_state(config: TrainConfig) -> TrainState:
    return TrainState.new(config, CPU, first_images=batches_for(config).first_images)


def names_of(parts: list[Part]) -> list[str]:
    return [part.name for part in parts]


def tensors_of(state: TrainState) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in state.tensors().items()}


@pytest.mark.parametrize("config", RECIPES.values(), ids=RECIPES)
def test_the_parts_add_up_to_the_step_bit_for_bit(config):
    slow, plain = new_state(config), new_state(config)
    for batch in first_batches(config, 3):
        parts = list(slow_step(slow, batch))
        train_step(plain, batch)
        assert set(names_of(parts)) <= set(PARTS)
        assert names_of(parts) == list(part_names(config))
    assert (slow.step, slow.images_seen) == (plain.step, plain.images_seen) == (3, 24)
    expected = plain.tensors()
    assert slow.tensors().keys() == expected.keys()
    assert all(torch.equal(value, expected[name]) for name, value in slow.tensors().items())


def test_the_parts_come_in_the_order_of_the_config():
    of_d = ["answers", "loss of D", "gradients of D", "update of D"]
    of_g = ["loss of G", "gradient at the images", "gradients of G", "update of G"]
    drawn = ["latents", "fake images"]
    first = RECIPES["dcgan"]
    assert names_of(list(slow_step(new_state(first), first_batches(first, 1)[0]))) == [*drawn, *of_g, *of_d]
    second = RECIPES["discriminator first"]
    parts = names_of(list(slow_step(new_state(second), first_batches(second, 1)[0])))
    assert parts == [*drawn, *of_d, *drawn, *of_g, "moving average"]


@pytest.mark.parametrize(
    ("players", "moving", "resting"), [("G", "generator", "discriminator"), ("D", "discriminator", "generator")]
)
def test_only_the_chosen_network_learns(players, moving, resting):
    config = small("gan")
    state = new_state(config)
    before = tensors_of(state)
    names = names_of(list(slow_step(state, first_batches(config, 1)[0], players)))
    after = state.tensors()
    assert all(torch.equal(after[name], value) for name, value in before.items() if name.startswith(f"{resting}."))
    assert any(not torch.equal(after[name], value) for name, value in before.items() if name.startswith(f"{moving}."))
    assert f"update of {players}" in names
    assert names == list(part_names(config, players))
    assert f"update of {'D' if players == 'G' else 'G'}" not in names


def test_d_alone_wins_and_g_alone_fools_it():
    config = small("dcgan", lr_g=1e-2, lr_d=1e-2)
    batches = first_batches(config, 40)
    state = new_state(config)
    for batch in batches:
        parts = {part.name: part for part in slow_step(state, batch, "D")}
    answers = parts["answers"].values
    separation = answers["real_logits"].mean() - answers["fake_logits"].mean()
    assert separation > 3
    for batch in batches:
        parts = {part.name: part for part in slow_step(state, batch, "G")}
    assert parts["loss of G"].values["loss"] < 0.4


def test_the_values_are_those_of_the_step():
    config = small("dcgan")
    state, other = new_state(config), new_state(config)
    batch = first_batches(config, 1)[0]
    parts = {part.name: part.values for part in slow_step(state, batch)}
    stats = train_step(other, batch)
    assert torch.equal(parts["loss of D"]["loss"], stats.d_loss)
    assert torch.equal(parts["loss of G"]["loss"], stats.g_loss)
    assert torch.equal(parts["gradients of D"]["norm"], stats.d_grad_norm)
    assert torch.equal(parts["gradients of G"]["norm"], stats.g_grad_norm)
    assert torch.equal(parts["answers"]["real_logits"].sigmoid().mean(), stats.d_real)
    assert parts["latents"]["z"].shape == (8, 100)
    assert parts["fake images"]["images"].shape == (8, 1, 28, 28)
    images = {name: parts["answers"][name].shape for name in ("real", "fake")}
    assert images == {"real": (8, 1, 28, 28), "fake": (8, 1, 28, 28)}
    assert 0 < parts["update of G"]["step"] < parts["update of G"]["weights"]


def test_the_gradient_at_the_images_is_that_of_the_loss_of_g():
    config = small("dcgan-step")
    state = new_state(config)
    frozen = copy.deepcopy(state)
    parts = {}
    for part in slow_step(state, first_batches(config, 1)[0], "G"):
        parts[part.name] = part.values
    images = parts["fake images"]["images"].requires_grad_()
    discriminator = frozen.gan.discriminator.train()
    loss = frozen.loss.generator(None, discriminator(images, None))
    (expected,) = torch.autograd.grad(loss, images)
    torch.testing.assert_close(parts["gradient at the images"]["gradient"], expected)


def test_every_part_names_functions_of_the_step():
    config = small("dcgan-best")
    for part in slow_step(new_state(config), first_batches(config, 1)[0]):
        assert part.functions
        assert all(function.__module__ == "dcgan.training.step" for function in part.functions)
        assert part.network in ("G", "D")
    assert slow_motion.PARTS["latents"]


@pytest.mark.parametrize("name", ["dcgan", "dcgan-best"])
def test_the_loss_of_g_comes_with_the_logits_that_it_is_made_of(name):
    config = RECIPES[name]
    state = new_state(config)
    for part in slow_step(state, first_batches(config, 1)[0]):
        if part.name == "loss of G":
            values = part.values
            real_logits = values.get("real_logits")
            assert (real_logits is not None) == state.loss.pairs_real_with_fake
            assert torch.equal(state.loss.generator(real_logits, values["fake_logits"]), values["loss"])


def test_the_lines_of_a_function_come_from_its_file():
    lines = lines_of(train_step)
    path = Path(__file__).parents[2] / lines.file
    source = path.read_text(encoding="utf-8").splitlines()
    assert lines.file == "dcgan/training/step.py"
    assert (
        source[lines.first - 1]
        == lines.text.splitlines()[0]
        == "def train_step(state: TrainState, batch: Batch) -> StepStats:"
    )
    assert [line for line in lines.text.splitlines() if line not in source] == []
    assert '"""' not in lines.text
    assert "update_both(state, batch)" in lines.text
