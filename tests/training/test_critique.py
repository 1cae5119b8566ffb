"""What the discriminator tells the generator."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from plain_steps import CPU, first_batches, small, weights

from dcgan.training.critique import as_in_training, criticize, follow_advice, largest_advice
from dcgan.training.state import TrainState
from dcgan.training.step import draw_fakes

RECIPES = {
    "gan": small("gan"),
    "dcgan": small("dcgan"),
    "cgan": small("cgan"),
    "dcgan-best": small("dcgan-best"),
    "least squares": small("dcgan", loss="least-squares"),
    "wasserstein": small("dcgan", loss="wasserstein", real_target=1.0, generator_target=1.0),
}


def scene(config):
    """Return a discriminator, fake images with labels, and a batch of real ones."""
    state = TrainState.new(config, CPU)
    with torch.no_grad():
        fakes = draw_fakes(state, 8)
    return state.gan.discriminator, fakes, first_batches(config, 1)[0]


@pytest.mark.parametrize("config", RECIPES.values(), ids=RECIPES)
def test_the_advice_is_minus_the_gradient_of_each_images_own_loss(config):
    discriminator, fakes, batch = scene(config)
    found = criticize(discriminator, config, fakes.images, fakes.labels, batch.images, batch.labels)
    loss = TrainState.new(config, CPU).loss
    discriminator.eval()
    # The minibatch standard deviation is of all images, so they are looked at together.
    size = 8 if config.model.minibatch_stddev else 1
    for start in range(0, 8, size):
        one = slice(start, start + size)
        image = fakes.images[one].clone().requires_grad_()
        labels, real_labels = (None if some is None else some[one] for some in (fakes.labels, batch.labels))
        real = discriminator(batch.images[one], real_labels) if loss.pairs_real_with_fake else None
        (gradient,) = torch.autograd.grad(size * loss.generator(real, discriminator(image, labels)), image)
        torch.testing.assert_close(found.advice[one], -gradient, rtol=1e-4, atol=1e-7)
    torch.testing.assert_close(found.logits, discriminator(fakes.images, fakes.labels))


@pytest.mark.parametrize("config", RECIPES.values(), ids=RECIPES)
def test_following_the_advice_raises_the_answer_and_stays_in_the_range(config):
    discriminator, fakes, batch = scene(config)
    real = (batch.images, batch.labels)
    before = criticize(discriminator, config, fakes.images, fakes.labels, *real).logits
    images, after = follow_advice(discriminator, config, fakes.images, 5, 0.02, fakes.labels, *real)
    assert after.logits.mean() > before.mean()
    low, high = config.model.pixel_range
    assert low <= images.min() <= images.max() <= high
    same, _ = follow_advice(discriminator, config, fakes.images, 0, 0.02, fakes.labels, *real)
    assert torch.equal(same, fakes.images)


def test_the_networks_stay_as_they_are():
    config = RECIPES["dcgan"]
    discriminator, fakes, _ = scene(config)
    before = weights(discriminator)
    discriminator.train()
    follow_advice(discriminator, config, fakes.images, 2, 0.1)
    assert discriminator.training
    assert all(torch.equal(value, before[name]) for name, value in weights(discriminator).items())
    assert all(parameter.grad is None for parameter in discriminator.parameters())


def test_a_loss_that_pairs_needs_as_many_real_images():
    config = RECIPES["dcgan-best"]
    discriminator, fakes, batch = scene(config)
    for real in (None, batch.images[:3]):
        with pytest.raises(ValueError, match="pairs 8 images with as many real ones"):
            criticize(discriminator, config, fakes.images, real=real)
    assert criticize(discriminator, replace(config, loss="bce"), fakes.images).real_logits is None


def test_batch_norm_is_that_of_the_images_at_hand():
    config = RECIPES["dcgan"]
    discriminator, fakes, batch = scene(config)
    for _ in range(5):  # running averages that mix real and fake images
        discriminator.train()(batch.images)
        discriminator(fakes.images)
    before = weights(discriminator)
    trained = as_in_training(discriminator.eval())
    critique = criticize(trained, config, fakes.images)
    assert all(torch.equal(value, before[name]) for name, value in weights(discriminator).items())
    image = fakes.images.clone().requires_grad_()
    logits = discriminator.train()(image)
    torch.testing.assert_close(critique.logits, logits)
    (gradient,) = torch.autograd.grad(len(image) * TrainState.new(config, CPU).loss.generator(None, logits), image)
    torch.testing.assert_close(critique.advice, -gradient)
    assert not torch.allclose(critique.logits, criticize(discriminator, config, fakes.images).logits)


def test_a_discriminator_without_batch_norm_is_not_copied():
    discriminator, _, _ = scene(RECIPES["gan"])
    assert as_in_training(discriminator) is discriminator
    assert not discriminator.training


@pytest.mark.parametrize("config", RECIPES.values(), ids=RECIPES)
def test_steps_follow_the_formula_and_can_go_on(config):
    discriminator, fakes, batch = scene(config)
    real = (batch.images, batch.labels)
    low, high = config.model.pixel_range
    images = fakes.images
    largest = largest_advice(criticize(discriminator, config, images, fakes.labels, *real))
    for _ in range(3):
        critique = criticize(discriminator, config, images, fakes.labels, *real)
        scale = torch.maximum(largest, largest_advice(critique))
        images = (images + 0.05 * (high - low) * critique.advice / scale).clamp(low, high)
    found, after = follow_advice(discriminator, config, fakes.images, 3, 0.05, fakes.labels, *real)
    torch.testing.assert_close(found, images, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(
        after.logits, criticize(discriminator, config, images, fakes.labels, *real).logits, rtol=1e-3, atol=1e-4
    )
    first, _ = follow_advice(discriminator, config, fakes.images, 1, 0.05, fakes.labels, *real)
    rest, _ = follow_advice(discriminator, config, first, 2, 0.05, fakes.labels, *real, largest=largest)
    torch.testing.assert_close(rest, images, rtol=1e-3, atol=1e-4)
