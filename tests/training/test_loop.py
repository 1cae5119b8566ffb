"""The step against the tutorials' own loops, written out plainly; the loop; the state."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dcgan.config import COMPONENT_SCALE, NUM_COMPONENTS, DataConfig, ModelConfig, TrainConfig
from dcgan.data.batches import Batch, ImageSet, ResidentBatches
from dcgan.data.loading import make_batches
from dcgan.latents import DISTRIBUTIONS, latents_from_seeds
from dcgan.models.gan import build_gan
from dcgan.models.networks import DiscriminatorOutput
from dcgan.presets import PRESETS
from dcgan.training.augment import NUM_PARAMETERS, random_affine
from dcgan.training.loop import training_steps
from dcgan.training.state import TrainState
from dcgan.training.step import (
    StepStats,
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

CPU = torch.device("cpu")


def small(preset: str, **changes) -> TrainConfig:
    """Return the preset's recipe with small networks and the plain step; a step takes milliseconds."""
    config = PRESETS[preset].config
    widths = {"hidden_g": (16, 24), "hidden_d": (24, 16), "width_g": 4, "width_d": 4}
    return replace(config, model=replace(config.model, **widths), batch_size=8, **({"engine": "plain"} | changes))


def with_auxiliary_head() -> TrainConfig:
    config = small("dcgan-best")
    return replace(config, model=replace(config.model, auxiliary_head=True))


def batches_for(config: TrainConfig, count: int = 40) -> ResidentBatches:
    rng = np.random.RandomState(3)
    images = torch.from_numpy(rng.randint(0, 256, (count, *config.model.image_shape), dtype=np.uint8))
    labels = torch.from_numpy(rng.randint(0, max(config.model.num_classes, 1), count))
    return ResidentBatches(ImageSet(images, labels, ()), config, CPU)


def first_batches(config: TrainConfig, count: int) -> list[Batch]:
    return list(itertools.islice(batches_for(config).from_step(0), count))


def weights(*networks: nn.Module) -> dict[str, Tensor]:
    return {f"{i}.{k}": v.clone() for i, network in enumerate(networks) for k, v in network.state_dict().items()}


def step_seed(seed: int, step: int) -> int:
    return int(np.random.SeedSequence([seed, step]).generate_state(1, np.uint64)[0])


def bce(probabilities: Tensor, target: float) -> Tensor:
    return nn.BCELoss()(probabilities, torch.full_like(probabilities, target))


def adam(network: nn.Module, lr: float, eps: float = 1e-8) -> torch.optim.Adam:
    return torch.optim.Adam(network.parameters(), lr=lr, betas=(0.5, 0.999), eps=eps)


# The tutorials' loops as their texts have them: one function a tutorial, its step on (G, D, optimizers, real).


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


def test_the_first_loss_of_step_by_step_is_the_printed_one():
    """On real digits, with its full networks, the tutorial prints D 1.387 = 2 ln 2 at iteration 0: a sum, not a mean.

    It prints G 0.638 there, which hangs on its initial weights and learning rate; ours starts near ln 2 as well.
    """
    config = PRESETS["dcgan-step"].config
    state = TrainState.new(config, CPU)
    stats = train_step(state, next(iter(make_batches(config, CPU).from_step(0))))
    assert float(stats.d_loss) == pytest.approx(2 * math.log(2), abs=0.03)
    assert float(stats.g_loss) == pytest.approx(math.log(2), abs=0.3)


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_takes_a_step_and_every_weight_moves(preset):
    config = small(preset)
    if config.model.image_size == 64:
        config = replace(config, model=replace(config.model, image_size=32))
    state = TrainState.new(config, CPU)
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
