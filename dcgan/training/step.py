"""One step of training: the mathematics, in the order that a config asks for.

`train_step` is the plain step. `fast_step.py` schedules the functions of this file in another order, for speed, and
is tested against the plain step.

This file is long because the whole of a step is in it, to be read in one go.

B real images, F fake images, Z latent, C H W image. On several ranks B and F are this rank's share.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dcgan.config import COMPONENT_SCALE, NUM_COMPONENTS, ModelConfig
from dcgan.data.loading import Batch
from dcgan.models.networks import DiscriminatorOutput
from dcgan.training.augment import NUM_PARAMETERS, random_affine
from dcgan.training.diff_augment import NUM_PARAMETERS as NUM_AUGMENT_PARAMETERS
from dcgan.training.diff_augment import augment, steered
from dcgan.training.ema import ema_decay, update_ema
from dcgan.training.penalties import gradient_penalty, zero_centered_penalty
from dcgan.training.state import TrainState, begin_step, count_step

BALANCE_RATE = 0.01
"""The step of the balance bias: see `update_balance`."""


class StepStats(NamedTuple):
    """The statistics of a step, as 0-d tensors on the device. Only reading them waits for the device."""

    d_loss: Tensor
    """The adversarial loss as optimized, without penalties."""
    g_loss: Tensor
    d_real: Tensor
    """Mean sigmoid of D's logits on the real images."""
    d_fake: Tensor
    """Mean sigmoid of D's logits on the fake images it was trained on."""
    d_grad_norm: Tensor
    g_grad_norm: Tensor
    d_real_accuracy: Tensor
    """Share of the real images that D takes for real: a logit above 0."""
    d_fake_accuracy: Tensor
    """Share of the fake images that D takes for fake: a logit below 0."""


class DiscriminatorStats(NamedTuple):
    """The part of StepStats that the discriminator's update gives."""

    d_loss: Tensor
    d_real: Tensor
    d_fake: Tensor
    d_real_accuracy: Tensor
    d_fake_accuracy: Tensor
    d_grad_norm: Tensor


class Fakes(NamedTuple):
    """Fake images of one draw."""

    images: Tensor
    """(F, C, H, W)"""
    z: Tensor
    """(F, Z)"""
    labels: Tensor | None
    """(F,) int64: the labels of a conditional model, or the mixture components of an auxiliary head."""
    part: float
    """This rank's share of all ranks' fakes; 1 for one process."""


class DiscriminatedBatch(NamedTuple):
    """The discriminator's outputs for a batch of real and fake images, with their graphs."""

    real: Tensor
    """(B, C, H, W)"""
    fake: Tensor
    """(F, C, H, W)"""
    real_logits: Tensor
    """(B,)"""
    fake_logits: Tensor
    """(F,)"""
    real_components: Tensor | None = None
    """(B,) int64: pseudo-labels, where there is an auxiliary head."""
    auxiliary_loss: Tensor | None = None
    """Scalar, where there is an auxiliary head."""


# The order of a step


def train_step(state: TrainState, batch: Batch) -> StepStats:
    """Update both networks once on a batch of real images (B, C, H, W), in the order of the config.

    On several ranks each computes its share of the batch, and all end with the whole batch's networks and statistics.

    Every draw comes from torch's global RNG, which this function seeds from (seed, step). So the noise, the labels
    and the dropout of a step depend on no earlier step: a resumed training needs no RNG state, and draws between two
    steps change nothing.
    """
    begin_step(state)
    stats = update_both(state, batch)
    count_step(state, batch.size)
    return stats


def update_both(state: TrainState, batch: Batch) -> StepStats:
    """Compute a step, without its seed and its count: both updates and the moving average."""
    config = state.config
    batch = augmented_batch(state, batch)
    if config.order == "generator-first":
        fakes = draw_fakes(state, batch.size * config.generator_batch_factor)
        g_loss, g_grad_norm = update_generator(state, batch, fakes)
        if not config.reuse_fakes:
            with torch.no_grad():
                fakes = draw_fakes(state, batch.size)
        d_stats = update_discriminator(state, batch, fakes)
    else:
        with torch.set_grad_enabled(config.reuse_fakes):
            fakes = draw_fakes(state, batch.size)
        d_stats = update_discriminator(state, batch, fakes)
        if not config.reuse_fakes:
            fakes = draw_fakes(state, batch.size * config.generator_batch_factor)
        g_loss, g_grad_norm = update_generator(state, batch, fakes)
    update_average(state, batch)
    return StepStats(g_loss=g_loss, g_grad_norm=g_grad_norm, **d_stats._asdict())


def update_average(state: TrainState, batch: Batch) -> None:
    """Move the generator's moving average, where one is kept."""
    if state.ema is not None:
        update_ema(state.ema, state.gan.generator, ema_decay(batch.size, state.ema_half_life))


# Fake images


def draw_fakes(state: TrainState, count: int) -> Fakes:
    """Draw `count` images from the current generator, with new noise and, if conditional, uniform labels.

    The images are augmented, if the config says so: both updates see them like that.
    Each of several ranks draws the noise of all, so that any number of ranks draws the same, and computes its share.
    """
    model, device = state.config.model, state.device
    z = fill_latents(model, torch.empty(count, model.latent_dim, device=device), state.noise)
    shard = state.ranks.shard(count)
    z, labels = z[shard], None
    if model.num_classes:
        labels = torch.randint(model.num_classes, (count,), device=device, generator=state.noise)[shard]
    images = augmented_images(state, state.accelerated.generator(z, labels), count)
    if model.auxiliary_head:
        labels = z[:, :NUM_COMPONENTS].argmax(1)
    return Fakes(images, z, labels, len(z) / count)


def augmented_batch(state: TrainState, batch: Batch) -> Batch:
    """Return the real images as the discriminator sees them, in both updates."""
    return batch._replace(images=augmented_images(state, batch.images, batch.size))


def augmented_images(state: TrainState, images: Tensor, count: int) -> Tensor:
    """Return this rank's share (N, C, H, W) of `count` images under the config's augmentations."""
    config = state.config
    if not config.augment:
        return images
    drawn = torch.rand(count, NUM_AUGMENT_PARAMETERS, device=images.device, generator=state.noise)
    p = config.augment_p if state.augment_p is None else state.augment_p
    return augment(images, drawn[state.ranks.shard(count)], config.augmentations, p)


def steer_augmentation(state: TrainState, overlap: Tensor, num_images: int) -> None:
    """Move the probability of the augmentations by r_t of the whole batch."""
    assert state.augment_p is not None, "the config steers no probability"
    state.augment_p.copy_(steered(state.augment_p, overlap, state.config.augment_target, num_images))


def fill_latents(model: ModelConfig, z: Tensor, noise: torch.Generator | None = None) -> Tensor:
    """Fill z (F, Z) with the model's latent distribution and return it; `noise` None: torch's global RNG.

    The distributions are those of latents_from_seeds, drawn from torch's stream.
    """
    if model.latent == "uniform":
        return z.uniform_(-1, 1, generator=noise)
    z.normal_(generator=noise)
    if model.latent == "mixture":
        components = z[:, :NUM_COMPONENTS].argmax(1, keepdim=True)
        z[:, :NUM_COMPONENTS] = 0
        z.scatter_(1, components, COMPONENT_SCALE)
    return z


# The generator's update


def update_generator(state: TrainState, batch: Batch, fakes: Fakes) -> tuple[Tensor, Tensor]:
    """Take one Adam step of the generator through the discriminator. Return its loss and its gradient norm."""
    return step_generator(state, fakes, generator_gradients(state, batch, fakes))


def generator_gradients(state: TrainState, batch: Batch, fakes: Fakes) -> Tensor:
    """Compute the generator's gradients, and return its loss.

    The discriminator's own gradients are not computed, which saves a third of the backward pass.
    """
    discriminator, loss = state.accelerated.discriminator, state.loss
    discriminator.requires_grad_(False)
    real_logits = discriminator(batch.images, batch.labels) if loss.pairs_real_with_fake else None
    g_loss = loss.generator(real_logits, discriminator(fakes.images, fakes.labels))
    state.optimizer_g.zero_grad()
    weighted(g_loss, fakes.part).backward()
    discriminator.requires_grad_(True)
    return g_loss


def step_generator(state: TrainState, fakes: Fakes, g_loss: Tensor) -> tuple[Tensor, Tensor]:
    """Apply the generator's gradients, summed over the ranks. Return the whole batch's loss and the gradient norm."""
    (g_loss,) = state.ranks.sum_gradients(state.gan.generator, fakes.part, g_loss.detach())
    state.optimizer_g.step()
    return g_loss, grad_norm(state.gan.generator)


# The discriminator's update


def update_discriminator(state: TrainState, batch: Batch, fakes: Fakes) -> DiscriminatorStats:
    """Take one Adam step of the discriminator. Return its statistics."""
    outputs = discriminate_both(state, batch, fakes)
    return step_discriminator(state, batch, discriminator_gradients(state, batch, outputs), outputs)


def discriminate_both(state: TrainState, batch: Batch, fakes: Fakes) -> DiscriminatedBatch:
    """Pass real and fake images through D, with the gradients at the images that penalties need."""
    r1_gamma, r2_gamma = penalty_weights(state)
    real = batch.images.detach().requires_grad_(r1_gamma > 0)
    fake = fakes.images.detach().requires_grad_(r2_gamma > 0)
    return discriminate(state, batch, real, fake, fakes.labels)


def discriminate(
    state: TrainState, batch: Batch, real: Tensor, fake: Tensor, fake_labels: Tensor | None
) -> DiscriminatedBatch:
    """Pass real and fake images through D: in two batches, or in one for batch norm (config.joint_batch)."""
    discriminator = state.accelerated.discriminator
    if state.config.joint_batch:
        labels = None
        if batch.labels is not None:
            assert fake_labels is not None, "a conditional model's fakes have labels"
            labels = torch.cat([batch.labels, fake_labels])
        logits = discriminator(torch.cat([real, fake]), labels)
        return DiscriminatedBatch(real, fake, logits[: len(real)], logits[len(real) :])
    real_output = discriminator.discriminate(real, batch.labels)
    fake_output = discriminator.discriminate(fake, fake_labels)
    auxiliary = auxiliary_loss(augmented(state, batch, fake, fake_output))
    return DiscriminatedBatch(real, fake, real_output.logits, fake_output.logits, real_output.components, auxiliary)


def discriminator_gradients(state: TrainState, batch: Batch, outputs: DiscriminatedBatch) -> Tensor:
    """Compute the discriminator's gradients from these outputs, and return its adversarial loss."""
    discriminator, part = state.accelerated.discriminator, len(outputs.real) / batch.size
    d_loss = discriminator_loss(state, outputs.real_logits, outputs.fake_logits)
    total = d_loss
    for term in penalty_terms(state, batch, outputs):
        total = total + term
    state.optimizer_d.zero_grad()
    # By name, because the images may require gradients too, which are not needed.
    weighted(total, part).backward(inputs=list(discriminator.parameters()))
    return d_loss


def step_discriminator(
    state: TrainState, batch: Batch, d_loss: Tensor, outputs: DiscriminatedBatch
) -> DiscriminatorStats:
    """Apply the discriminator's gradients, summed over the ranks. Move the balance bias and the augmentation.

    Return the statistics of the whole batch.
    """
    discriminator, part = state.accelerated.discriminator, len(outputs.real) / batch.size
    real_logits, fake_logits = outputs.real_logits.detach(), outputs.fake_logits.detach()
    margins = real_logits - fake_logits if state.loss.pairs_real_with_fake else real_logits
    means = (
        d_loss.detach(),
        real_logits.sigmoid().mean(),
        fake_logits.sigmoid().mean(),
        (real_logits > 0).to(d_loss.dtype).mean(),
        (fake_logits < 0).to(d_loss.dtype).mean(),
        margins.sign().mean(),
    )
    shares = component_shares(outputs.real_components)
    d_loss, d_real, d_fake, real_accuracy, fake_accuracy, overlap, *shares = state.ranks.sum_gradients(
        discriminator, part, *means, *shares
    )
    state.optimizer_d.step()
    update_balance(state, shares)
    if state.augment_p is not None:
        steer_augmentation(state, overlap, batch.size)
    return DiscriminatorStats(d_loss, d_real, d_fake, real_accuracy, fake_accuracy, grad_norm(discriminator))


# The terms of the discriminator's loss


def discriminator_loss(state: TrainState, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Return the adversarial loss of the discriminator, reduced as the config says."""
    d_loss = state.loss.discriminator(real_logits, fake_logits)
    return d_loss / 2 if state.config.reduction == "mean" else d_loss


def weighted(term: Tensor, part: float) -> Tensor:
    """Return a mean over this rank's `part` of the batch as a term of the mean over the whole batch."""
    return term * part


def penalty_terms(state: TrainState, batch: Batch, outputs: DiscriminatedBatch) -> list[Tensor]:
    """Return what the config adds to the adversarial loss: R1, R2, the auxiliary loss and WGAN-GP's penalty."""
    r1_gamma, r2_gamma = penalty_weights(state)
    terms = zero_centered_terms(r1_gamma, outputs.real_logits, outputs.real)
    terms += zero_centered_terms(r2_gamma, outputs.fake_logits, outputs.fake)
    if outputs.auxiliary_loss is not None:
        terms.append(outputs.auxiliary_loss)
    if state.config.gradient_penalty:
        terms.append(gradient_penalty_term(state, batch, outputs))
    return terms


def is_penalized(state: TrainState) -> bool:
    """Return whether the next step computes R1 and R2.

    This is the lazy regularization of StyleGAN2 (Karras et al. 2020, section 3.1), without its change of Adam's
    numbers.
    """
    return state.step % state.config.d_reg_interval == 0


def penalty_weights(state: TrainState) -> tuple[float, float]:
    """Return the weights of R1 and R2 at the next step. Their means over all steps are the config's gammas."""
    config = state.config
    times = config.d_reg_interval if is_penalized(state) else 0
    return times * config.r1_gamma, times * config.r2_gamma


def zero_centered_terms(gamma: float, logits: Tensor, images: Tensor) -> list[Tensor]:
    """Return the weighted R1 or R2 penalty as a list; an empty list where the weight is 0."""
    return [gamma * zero_centered_penalty(logits, images)] if gamma else []


def gradient_penalty_term(state: TrainState, batch: Batch, outputs: DiscriminatedBatch) -> Tensor:
    """Return WGAN-GP's weighted penalty, between the real and the fake images, with the real images' labels."""
    real, fake = outputs.real.detach(), outputs.fake.detach()
    epsilon = torch.rand(batch.size, 1, 1, 1, device=real.device, generator=state.noise)
    epsilon = epsilon[state.ranks.shard(batch.size)]

    def with_real_labels(images: Tensor) -> Tensor:
        return state.accelerated.discriminator(images, batch.labels)

    return state.config.gradient_penalty * gradient_penalty(with_real_labels, real, fake, epsilon)


def is_augmented(state: TrainState) -> bool:
    """Return whether the auxiliary head learns from transformed fake images at the next step."""
    config = state.config
    return config.auxiliary_affine > 0 and state.step % config.auxiliary_affine_interval == 0


def augmented(state: TrainState, batch: Batch, fake: Tensor, fake_output: DiscriminatorOutput) -> DiscriminatorOutput:
    """Return D's output for randomly transformed copies of the fake images (F, C, H, W).

    At a step without the transform (see `is_augmented`) that is `fake_output` itself. An auxiliary head that learns
    from such copies cannot separate components by slant or position. Source: IMSAT (Hu et al. 2017, arXiv
    1702.08720), whose clusters are the same for an image and its transformed copy.
    """
    if not is_augmented(state):
        return fake_output
    drawn = torch.rand(batch.size, NUM_PARAMETERS, device=fake.device, generator=state.noise)
    images = random_affine(fake.detach(), drawn[state.ranks.shard(batch.size)], state.config.auxiliary_affine)
    return state.accelerated.discriminator.discriminate(images, fake_output.components)


def auxiliary_loss(fake_output: DiscriminatorOutput) -> Tensor | None:
    """Return the auxiliary head's cross-entropy on fake images, whose components are known; None without a head.

    Source: InfoGAN (Chen et al. 2016, equation 5). Here only the discriminator learns from it.
    """
    if fake_output.auxiliary_logits is None:
        return None
    assert fake_output.components is not None, "an auxiliary head gives components too"
    return F.cross_entropy(fake_output.auxiliary_logits, fake_output.components)


# The balance of the auxiliary head


def component_shares(components: Tensor | None) -> Sequence[Tensor]:
    """Return the share of the images (B,) that is assigned to each component; empty without an auxiliary head."""
    return () if components is None else F.one_hot(components, NUM_COMPONENTS).float().mean(0).unbind()


def update_balance(state: TrainState, shares: Sequence[Tensor]) -> None:
    """Move each component's bias by 0.01 x (share of real images assigned to it / (1/20) - 1).

    The bias is subtracted from the component's auxiliary logit, so components with too many real images get fewer.
    Fake images are spread evenly over the components, so a component with few real images would be drawn too often.

    Source: loss-free load balancing (Wang et al. 2024, arXiv 2408.15664), with a step in proportion to the error.
    """
    if shares:
        bias = state.gan.discriminator.balance_bias
        bias += BALANCE_RATE * (NUM_COMPONENTS * torch.stack(tuple(shares)) - 1)


def grad_norm(network: nn.Module) -> Tensor:
    """Return the L2 norm of all gradients of the network together."""
    return torch.nn.utils.get_total_norm([p.grad for p in network.parameters() if p.grad is not None])
