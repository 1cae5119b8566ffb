"""One step, compared with the loops of the tutorials, and the parts of a step."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from plain_steps import CPU, first_batches, small, weights
from recipes import random_batches
from torch import Tensor, nn
from torch.nn import functional as F

from dcgan.config import COMPONENT_SCALE, NUM_COMPONENTS, ModelConfig, TrainConfig
from dcgan.latents import DISTRIBUTIONS, latents_from_seeds
from dcgan.models.gan import build_gan
from dcgan.models.networks import DiscriminatorOutput
from dcgan.presets import PRESETS
from dcgan.training.augment import NUM_PARAMETERS, random_affine
from dcgan.training.state import TrainState
from dcgan.training.step import (
    augmented,
    auxiliary_loss,
    component_shares,
    discriminate,
    draw_fakes,
    fill_latents,
    train_step,
    update_balance,
    update_generator,
)


def with_auxiliary_head() -> TrainConfig:
    config = small("dcgan-best")
    return replace(config, model=replace(config.model, auxiliary_head=True))


def step_seed(seed: int, step: int) -> int:
    return int(np.random.SeedSequence([seed, step]).generate_state(1, np.uint64)[0])


def bce(probabilities: Tensor, target: float) -> Tensor:
    return nn.BCELoss()(probabilities, torch.full_like(probabilities, target))


def adam(network: nn.Module, lr: float, eps: float = 1e-8) -> torch.optim.Adam:
    return torch.optim.Adam(network.parameters(), lr=lr, betas=(0.5, 0.999), eps=eps)


# The loops of the tutorials: one function for each tutorial, its step on (G, D, optimizers, real images).


def series_step(g, d, opt_g, opt_d, real: Tensor) -> None:
    """A and B: the generator first, against 0.9; the discriminator on the same fakes; the mean of its halves."""
    z = torch.randn(len(real), 100)
    opt_g.zero_grad()
    fake = g(z)
    bce(torch.sigmoid(d(fake)), 0.9).backward()
    opt_g.step()
    opt_d.zero_grad()
    real_loss = bce(torch.sigmoid(d(real)), 0.9)
    fake_loss = bce(torch.sigmoid(d(fake.detach())), 0.0)
    ((real_loss + fake_loss) / 2).backward()
    opt_d.step()


def keras_step(g, d, opt_g, opt_d, real: Tensor) -> None:
    """C: the discriminator on one batch of real and fake; then the generator on twice as many fresh z."""
    fake = g(torch.randn(len(real), 100)).detach()
    images = torch.cat([real, fake])
    targets = torch.cat([torch.ones(len(real)), torch.zeros(len(real))])
    opt_d.zero_grad()
    nn.BCELoss()(torch.sigmoid(d(images)), targets).backward()
    opt_d.step()
    opt_g.zero_grad()
    bce(torch.sigmoid(d(g(torch.randn(2 * len(real), 100)))), 1.0).backward()
    opt_g.step()


def step_by_step_step(g, d, opt_g, opt_d, real: Tensor) -> None:
    """D: uniform noise, one batch of it a step, and the sum of the discriminator's two terms."""
    z = torch.empty(len(real), 96).uniform_(-1, 1)
    fake = g(z)
    opt_d.zero_grad()
    logits_real, logits_fake = d(real), d(fake.detach())
    real_loss = F.binary_cross_entropy_with_logits(logits_real, torch.ones_like(logits_real))
    fake_loss = F.binary_cross_entropy_with_logits(logits_fake, torch.zeros_like(logits_fake))
    (real_loss + fake_loss).backward()
    opt_d.step()
    opt_g.zero_grad()
    logits = d(fake)
    F.binary_cross_entropy_with_logits(logits, torch.ones_like(logits)).backward()
    opt_g.step()


def beginners_step(g, d, opt_g, opt_d, real: Tensor) -> None:
    """E: the discriminator first, the mean of its halves; the generator on fresh z against 1."""
    fake = g(torch.randn(len(real), 100)).detach()
    opt_d.zero_grad()
    ((bce(torch.sigmoid(d(real)), 1.0) + bce(torch.sigmoid(d(fake)), 0.0)) / 2).backward()
    opt_d.step()
    opt_g.zero_grad()
    bce(torch.sigmoid(d(g(torch.randn(len(real), 100)))), 1.0).backward()
    opt_g.step()


@pytest.mark.parametrize(
    ("preset", "tutorial_step", "lr", "eps"),
    [
        ("gan", series_step, 2e-4, 1e-8),
        ("dcgan", series_step, 2e-4, 1e-8),
        ("dcgan-keras", keras_step, 2e-4, 1e-7),
        ("dcgan-step", step_by_step_step, 3e-4, 1e-8),
        ("gan-beginners", beginners_step, 2e-4, 1e-8),
    ],
)
def test_a_step_is_that_of_the_tutorial(preset, tutorial_step, lr, eps):
    config = small(preset)
    batches = first_batches(config, 3)
    state = TrainState.new(config, CPU)
    ours_before = weights(*state.gan)
    for batch in batches:
        train_step(state, batch)

    torch.manual_seed(config.seed)
    g, d = build_gan(config.model)
    before = weights(g, d)
    opt_g, opt_d = adam(g, lr, eps), adam(d, lr, eps)
    for step, batch in enumerate(batches):
        torch.manual_seed(step_seed(config.seed, step))
        tutorial_step(g, d, opt_g, opt_d, batch.images)

    expected, ours = weights(g, d), weights(*state.gan)
    for name in expected:
        torch.testing.assert_close(ours_before[name], before[name], rtol=0, atol=0)
        if name.endswith("num_batches_tracked"):
            continue
        # Adam's first steps are lr * sign(gradient): rounding may flip the sign of a gradient that is zero except for
        # rounding, so the tolerance is a fraction of one step, and a wrong order of updates is far beyond it.
        torch.testing.assert_close(ours[name], expected[name], rtol=1e-4, atol=lr / 20)


def test_a_step_in_another_order_is_another_step():
    """The tolerance above distinguishes the recipes."""
    config = small("dcgan")
    swapped = replace(config, order="discriminator-first")
    results = []
    for each in (config, swapped):
        state = TrainState.new(each, CPU)
        for batch in first_batches(each, 3):
            train_step(state, batch)
        results.append(weights(*state.gan))
    name = "0.layers.1.weight"
    with pytest.raises(AssertionError):
        torch.testing.assert_close(results[0][name], results[1][name], rtol=1e-4, atol=2e-4 / 20)


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_takes_a_step_and_every_weight_moves(preset):
    config = small(preset)
    if config.model.image_size == 64:
        config = replace(config, model=replace(config.model, image_size=32))
    state = TrainState.new(config, CPU, first_images=random_batches(config).first_images)
    before = weights(*state.gan)
    stats = train_step(state, first_batches(config, 1)[0])
    assert all(torch.isfinite(value) for value in stats)
    assert state.step == 1
    assert state.images_seen == 8
    after = weights(*state.gan)
    still = [name for name in before if torch.equal(before[name], after[name])]
    # A bias or weight in front of batch norm may have no gradient except for rounding; Adam moves it all the same.
    assert still == []


@pytest.mark.parametrize(
    "changes",
    [
        {"loss": "minimax"},
        {"loss": "least-squares"},
        {"loss": "hinge"},
        {"loss": "wasserstein", "gradient_penalty": 10.0},
        {"loss": "relativistic", "r1_gamma": 1.0, "r2_gamma": 1.0, "ema_half_life_images": 100},
        {"loss": "hinge", "order": "generator-first", "reuse_fakes": False, "generator_batch_factor": 2},
        {"loss": "bce", "joint_batch": True, "r1_gamma": 0.5},
    ],
    ids=lambda c: "-".join(map(str, c.values())),
)
@pytest.mark.parametrize("preset", ["cgan", "cdcgan"])
def test_every_loss_and_penalty_trains_conditional_models(preset, changes):
    config = small(preset, real_target=1.0, generator_target=1.0, order="discriminator-first", reuse_fakes=False)
    config = replace(config, **changes)
    state = TrainState.new(config, CPU)
    for batch in first_batches(config, 2):
        stats = train_step(state, batch)
    assert all(torch.isfinite(value) for value in stats)


def test_penalties_change_the_update_but_not_the_reported_loss():
    plain = small("gan-beginners", loss="relativistic")
    penalised = replace(plain, r1_gamma=5.0)
    stats, norms = [], []
    for config in (plain, penalised):
        state = TrainState.new(config, CPU)
        result = train_step(state, first_batches(config, 1)[0])
        stats.append(float(result.d_loss))
        norms.append(float(result.d_grad_norm))
    assert stats[0] == stats[1]
    assert norms[0] != norms[1]


def test_rare_penalties_are_scaled_by_their_interval():
    """The penalty counts threefold at the first of three steps, and not at the others."""
    recipe = small("dcgan-best", d_reg_interval=3)
    state = TrainState.new(recipe, CPU)
    for number, batch in enumerate(first_batches(recipe, 6)):
        times = 3 if number % 3 == 0 else 0
        always = replace(recipe, d_reg_interval=1, r1_gamma=times * 0.2, r2_gamma=times * 0.2)
        alike = TrainState.new(always, CPU)
        alike.load({name: value.clone() for name, value in state.tensors().items()})
        alike.step = state.step
        assert all(map(torch.equal, train_step(alike, batch), train_step(state, batch)))
        assert all(map(torch.equal, alike.tensors().values(), state.tensors().values()))


def test_statistics_are_those_of_the_logits():
    config = small("gan-beginners")
    batch = first_batches(config, 1)[0]
    state = TrainState.new(config, CPU)
    torch.manual_seed(step_seed(0, 0))
    g, d = state.gan
    with torch.no_grad():
        real, fake = d(batch.images), d(g(torch.randn(8, 100)))
    expected = (-torch.log(torch.sigmoid(real)).mean() - torch.log(1 - torch.sigmoid(fake)).mean()) / 2
    stats = train_step(state, batch)
    assert float(stats.d_loss) == pytest.approx(float(expected), rel=1e-5)
    assert float(stats.d_real) == pytest.approx(float(torch.sigmoid(real).mean()), rel=1e-5)
    assert float(stats.d_fake) == pytest.approx(float(torch.sigmoid(fake).mean()), rel=1e-5)
    assert float(stats.d_real_accuracy) == float((torch.sigmoid(real) > 0.5).float().mean())
    assert float(stats.d_fake_accuracy) == float((torch.sigmoid(fake) < 0.5).float().mean())
    squares = sum(float(p.grad.square().sum()) for p in d.parameters())
    assert float(stats.d_grad_norm) == pytest.approx(squares**0.5, rel=1e-5)


def test_the_update_of_g_changes_neither_weights_nor_gradients_of_d():
    config = small("dcgan")
    state = TrainState.new(config, CPU)
    before = weights(state.gan.discriminator)
    update_generator(state, first_batches(config, 1)[0], draw_fakes(state, 8))
    parameters = dict(state.gan.discriminator.named_parameters())
    assert all(p.grad is None and p.requires_grad for p in parameters.values())
    assert all(torch.equal(before[f"0.{name}"], p) for name, p in parameters.items())


def test_the_auxiliary_head_learns_the_components_of_fakes_by_cross_entropy():
    config = with_auxiliary_head()
    state = TrainState.new(config, CPU)
    batch = first_batches(config, 1)[0]
    torch.manual_seed(1)
    z = fill_latents(config.model, torch.empty(8, 100))
    torch.manual_seed(1)
    fakes = draw_fakes(state, 8)
    assert (z[range(8), fakes.labels] == COMPONENT_SCALE).all()
    discriminator = state.gan.discriminator
    fake_output = discriminator.discriminate(fakes.images, fakes.labels)
    assert torch.equal(fake_output.components, fakes.labels)
    right = fake_output.auxiliary_logits.log_softmax(1)[range(8), fakes.labels]
    assert float(auxiliary_loss(fake_output).detach()) == pytest.approx(float(-right.mean().detach()), rel=1e-5)
    assert auxiliary_loss(DiscriminatorOutput(torch.zeros(2))) is None
    # Its gradient reaches the auxiliary head's weights, which no logit depends on.
    result = discriminate(state, batch, batch.images, fakes.images.detach(), fakes.labels)
    (gradient,) = torch.autograd.grad(result.auxiliary_loss, discriminator.layers[-1].weight)
    assert (gradient[1 + NUM_COMPONENTS :] != 0).any(dim=(1, 2, 3)).all()
    assert (gradient[: 1 + NUM_COMPONENTS] == 0).all()


def test_the_auxiliary_head_learns_from_fakes_with_one_random_affine_each():
    plain = replace(with_auxiliary_head(), auxiliary_affine=0.0)
    state = TrainState.new(plain, CPU)
    batch = first_batches(plain, 1)[0]
    fakes = draw_fakes(state, 8)
    fake = fakes.images.detach()
    fake_output = state.gan.discriminator.discriminate(fake, fakes.labels)
    before = torch.random.get_rng_state()
    assert augmented(state, batch, fake, fake_output) is fake_output
    assert torch.equal(torch.random.get_rng_state(), before)

    state.config = replace(plain, auxiliary_affine=1.0)
    torch.manual_seed(1)
    augmented_output = augmented(state, batch, fake, fake_output)
    torch.manual_seed(1)
    expected = state.gan.discriminator.discriminate(random_affine(fake, torch.rand(8, NUM_PARAMETERS)), fakes.labels)
    assert torch.equal(augmented_output.auxiliary_logits, expected.auxiliary_logits)
    assert torch.equal(augmented_output.components, fakes.labels)
    assert not torch.allclose(augmented_output.auxiliary_logits, fake_output.auxiliary_logits)
    torch.manual_seed(1)
    result = discriminate(state, batch, batch.images, fake, fakes.labels)
    assert torch.equal(result.auxiliary_loss, auxiliary_loss(expected))
    assert torch.equal(result.fake_logits, fake_output.logits)  # from images without the transform


def test_the_random_affine_comes_at_every_step_of_its_interval():
    config = replace(with_auxiliary_head(), auxiliary_affine=1.0, auxiliary_affine_interval=3)
    state = TrainState.new(config, CPU)
    batch = first_batches(config, 1)[0]
    fakes = draw_fakes(state, 8)
    fake_output = state.gan.discriminator.discriminate(fakes.images, fakes.labels)
    transformed = []
    for state.step in range(7):
        transformed.append(augmented(state, batch, fakes.images, fake_output) is not fake_output)
    assert transformed == [True, False, False, True, False, False, True]


def test_the_balance_bias_spreads_real_images_evenly_over_the_components():
    config = with_auxiliary_head()
    state = TrainState.new(config, CPU)
    discriminator = state.gan.discriminator
    generator = torch.Generator().manual_seed(0)
    preferred = torch.linspace(0, 3, NUM_COMPONENTS)  # the same preference for every image

    def shares() -> torch.Tensor:
        auxiliary_logits = preferred + torch.randn(400, NUM_COMPONENTS, generator=generator)
        outputs = torch.cat([torch.zeros(400, 1 + NUM_COMPONENTS), auxiliary_logits], 1)[:, :, None, None]
        return torch.stack(component_shares(discriminator.read(outputs, None).components))

    before = shares()
    assert float(before.sum()) == pytest.approx(1)
    assert float(before.max()) > 3 / NUM_COMPONENTS
    for _ in range(2000):
        update_balance(state, shares().unbind())
    assert float(shares().max()) < 1.6 / NUM_COMPONENTS
    assert float(discriminator.balance_bias.sum()) == pytest.approx(0, abs=1e-3)
    assert "discriminator.balance_bias" in state.tensors()


@pytest.mark.parametrize("latent", DISTRIBUTIONS)
def test_training_draws_from_the_distribution_that_seeds_name(latent):
    model = ModelConfig(latent_dim=30, latent=latent)
    z = fill_latents(model, torch.empty(4000, 30), torch.Generator().manual_seed(0)).numpy()
    named = latents_from_seeds(range(4000), 30, latent)
    assert np.abs(z.mean(0) - named.mean(0)).max() < 0.2
    assert np.abs(z.std(0) - named.std(0)).max() < 0.15
    for values in (z, named):  # what one is at most and how many are 0 tells the three apart
        assert (values.max() <= 1) == (latent == "uniform")
        assert ((values == 0).sum(1) == (NUM_COMPONENTS - 1 if latent == "mixture" else 0)).all()
        assert ((values == COMPONENT_SCALE).sum(1) == (latent == "mixture")).all()
