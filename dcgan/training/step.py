"""One step of training, plain and readable: the state that it changes, and the mathematics in the order of a config.

What trains by default does the same in fewer and larger operations (fast.py), and is tested against this.

B real images, F fake images, Z latent, C H W image.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dcgan.config import COMPONENT_SCALE, NUM_COMPONENTS, ModelConfig, TrainConfig
from dcgan.data.loading import Batch
from dcgan.models.accelerated import accelerated_networks
from dcgan.models.gan import Gan, build_gan
from dcgan.models.networks import DiscriminatorOutput, Generator
from dcgan.runtime.distributed import ALONE, Ranks, synchronize_batch_norm
from dcgan.training.augment import NUM_PARAMETERS, random_affine
from dcgan.training.ema import ema_decay, update_ema
from dcgan.training.losses import AdversarialLoss, build_loss, gradient_penalty, zero_centered_penalty

BALANCE_RATE = 0.01
"""How far the balance bias moves a step: times (share of real images in a component * components - 1)."""


class StepStats(NamedTuple):
    """What a step tells, as 0-d tensors on the device: reading them is what costs time, not making them."""

    d_loss: Tensor
    """The adversarial loss as optimised, penalties left out."""
    g_loss: Tensor
    d_real: Tensor
    """Mean sigmoid of D's logits on the real images."""
    d_fake: Tensor
    """Mean sigmoid of D's logits on the fake images it was trained on."""
    d_grad_norm: Tensor
    g_grad_norm: Tensor


@dataclass
class TrainState:
    """Everything that a step changes, and so everything that a resume needs."""

    config: TrainConfig
    gan: Gan
    ema: Generator | None
    optimizer_g: torch.optim.Optimizer
    optimizer_d: torch.optim.Optimizer
    loss: AdversarialLoss
    accelerated: Gan
    """What a step calls: `gan` itself, or the same parameters and buffers in networks that run faster."""
    step: int = 0
    steps: int | None = None
    """Of the whole training, over which learning rates decay: train sets it. None: it has no end, and they do not."""
    images_seen: int = 0
    ranks: Ranks = ALONE
    """The processes that share this training; each has a state of its own, with equal numbers in it."""
    noise: torch.Generator | None = None
    """Where noise and labels come from; None: torch's global RNG."""

    @classmethod
    def new(cls, config: TrainConfig, device: torch.device, ranks: Ranks = ALONE) -> TrainState:
        """Freshly drawn networks, the same on every device and rank. Seeds torch's global RNG."""
        torch.manual_seed(config.seed)
        gan = build_gan(config.model)
        for network in gan:
            synchronize_batch_norm(network, ranks)
            network.to(device)
        ema = copy.deepcopy(gan.generator).requires_grad_(False) if config.ema_half_life_images else None
        return cls(
            config,
            gan,
            ema,
            _adam(gan.generator, config.lr_g, config),
            _adam(gan.discriminator, config.lr_d, config),
            build_loss(config.loss, config.real_target, config.fake_target, config.generator_target),
            accelerated_networks(gan, config, device),
            ranks=ranks,
        )

    @property
    def best_generator(self) -> Generator:
        """The one to sample from: the moving average where one is kept."""
        return self.ema or self.gan.generator

    @property
    def device(self) -> torch.device:
        return next(self.gan.generator.parameters()).device

    def tensors(self) -> dict[str, Tensor]:
        """Networks, moving average and both optimizers as one flat dictionary."""
        tensors = {}
        for prefix, network in self._networks().items():
            tensors |= {f"{prefix}.{name}": value for name, value in network.state_dict().items()}
        for prefix, optimizer in self._optimizers().items():
            for index, values in optimizer.state_dict()["state"].items():
                tensors |= {f"{prefix}.{index}.{name}": value for name, value in values.items()}
        return tensors

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Take over what tensors() gave. Raises KeyError or RuntimeError where they do not fit."""
        for prefix, network in self._networks().items():
            network.load_state_dict(_under(tensors, prefix))
        for prefix, optimizer in self._optimizers().items():
            states: dict[int, dict[str, Tensor]] = {}
            for key, value in _under(tensors, prefix).items():
                index, name = key.split(".")
                states.setdefault(int(index), {})[name] = value
            groups = optimizer.state_dict()["param_groups"]
            optimizer.load_state_dict({"state": states, "param_groups": groups})

    def _networks(self) -> dict[str, nn.Module]:
        networks = {"generator": self.gan.generator, "discriminator": self.gan.discriminator}
        return networks | ({"ema": self.ema} if self.ema else {})

    def _optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return {"optimizer_g": self.optimizer_g, "optimizer_d": self.optimizer_d}


def _under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key.removeprefix(f"{prefix}."): v for key, v in tensors.items() if key.startswith(f"{prefix}.")}


def _adam(network: nn.Module, lr: float, config: TrainConfig) -> torch.optim.Adam:
    # Its step count lies on the device already, so being fit for a CUDA graph costs nothing.
    device = next(network.parameters()).device
    capturable = device.type == "cuda"
    return torch.optim.Adam(
        network.parameters(),
        lr=torch.tensor(lr, device=device) if capturable and config.lr_decay else lr,
        betas=config.betas,
        eps=config.adam_epsilon,
        fused=True,
        capturable=capturable,
    )


# One step


def train_step(state: TrainState, batch: Batch) -> StepStats:
    """Update both networks once on a batch of real images (B, C, H, W), in the order the config says. Of several
    ranks each has its share of the batch, and all end with the same networks and statistics: the whole batch's.

    Every draw comes from torch's global RNG, which is seeded here from (seed, step): a step's noise, labels and
    dropout depend on nothing before it. So a resumed training needs no RNG state, and whoever draws numbers
    between two steps changes nothing.
    """
    begin_step(state)
    stats = update_both(state, batch)
    count_step(state, batch.size)
    return stats


def update_both(state: TrainState, batch: Batch) -> StepStats:
    """What a step computes: both updates and the moving average, from the noise that comes next."""
    config = state.config
    if config.order == "generator-first":
        fakes = draw_fakes(state, batch.size * config.generator_batch_factor)
        g_loss, g_grad_norm = update_generator(state, batch, fakes)
        if not config.reuse_fakes:
            with torch.no_grad():
                fakes = draw_fakes(state, batch.size)
        d_loss, d_real, d_fake, d_grad_norm = update_discriminator(state, batch, fakes)
    else:
        with torch.set_grad_enabled(config.reuse_fakes):
            fakes = draw_fakes(state, batch.size)
        d_loss, d_real, d_fake, d_grad_norm = update_discriminator(state, batch, fakes)
        if not config.reuse_fakes:
            fakes = draw_fakes(state, batch.size * config.generator_batch_factor)
        g_loss, g_grad_norm = update_generator(state, batch, fakes)
    update_average(state, batch)
    return StepStats(d_loss, g_loss, d_real, d_fake, d_grad_norm, g_grad_norm)


def begin_step(state: TrainState) -> None:
    """Start the noise of the step that comes next, and set its learning rates: both are functions of its number."""
    _seed_step(state)
    if state.config.lr_decay and state.steps is not None:
        factor = decay_factor(state.step, state.steps, state.config.lr_decay)
        for optimizer, lr in ((state.optimizer_g, state.config.lr_g), (state.optimizer_d, state.config.lr_d)):
            for group in optimizer.param_groups:
                if isinstance(group["lr"], Tensor):
                    group["lr"].fill_(lr * factor)  # in place: a CUDA graph reads it there
                else:
                    group["lr"] = lr * factor


def decay_factor(step: int, steps: int, share: float) -> float:
    """What is left of the learning rates at a step, counted from 0: all, and in the last `share` of the steps, in
    (0, 1], half a cosine from 1 down to 0 (Loshchilov and Hutter 2017, SGDR, equation 5, without restarts).
    """
    assert 0 <= step < steps, f"step {step} is not one of {steps}"
    gone = max(0.0, 1 - (1 - step / steps) / share)
    return (1 + math.cos(math.pi * gone)) / 2


def _seed_step(state: TrainState) -> None:
    ranks = state.ranks
    seed = _step_seed(state.config.seed, state.step)
    _seed(seed, state.device)
    if ranks.world_size > 1:
        # One stream of noise for all, and one of dropout for each: no two ranks may share a mask.
        state.noise = torch.Generator(state.device).manual_seed(seed)
        _seed(_step_seed(state.config.seed, state.step, 1 + ranks.rank), state.device)


def _seed(seed: int, device: torch.device) -> None:
    """Seed the device's global RNG. torch.manual_seed takes long to seed the devices that are not there."""
    if device.type == "cpu":
        torch.default_generator.manual_seed(seed)
    elif device.type == "cuda":
        torch.cuda.default_generators[device.index or 0].manual_seed(seed)
    else:
        torch.manual_seed(seed)


def count_step(state: TrainState, num_images: int) -> None:
    """A step is done, on so many real images of all ranks."""
    state.step += 1
    state.images_seen += num_images


def update_average(state: TrainState, batch: Batch) -> None:
    """Move the generator's average, where one is kept."""
    if state.ema is not None:
        update_ema(state.ema, state.gan.generator, ema_decay(batch.size, state.config.ema_half_life_images))


class Fakes(NamedTuple):
    images: Tensor  # (F, C, H, W)
    labels: Tensor | None  # (F,), what the discriminator is told: the wanted label, or the kind
    part: float  # of all ranks' fakes; 1 for one process


def draw_fakes(state: TrainState, count: int) -> Fakes:
    """`count` images of the generator as it is now, from fresh noise and, if conditional, uniform labels.

    Of several ranks each draws the noise of all, so that any number of them draws the same, and makes its share.
    """
    model, device = state.config.model, state.device
    z = fill_latents(model, torch.empty(count, model.latent_dim, device=device), state.noise)
    share = state.ranks.shard(count)
    z, labels = z[share], None
    if model.num_classes:
        labels = torch.randint(model.num_classes, (count,), device=device, generator=state.noise)[share]
    images = state.accelerated.generator(z, labels)
    if model.auxiliary_head:
        labels = z[:, :NUM_COMPONENTS].argmax(1)
    return Fakes(images, labels, len(z) / count)


def fill_latents(model: ModelConfig, z: Tensor, noise: torch.Generator | None = None) -> Tensor:
    """z (F, Z) filled with what the model's latent distribution gives; `noise` None: from torch's global RNG.

    The distributions of latents_from_seeds, from torch's stream.
    """
    if model.latent == "uniform":
        return z.uniform_(-1, 1, generator=noise)
    z.normal_(generator=noise)
    if model.latent == "mixture":
        components = z[:, :NUM_COMPONENTS].argmax(1, keepdim=True)
        z[:, :NUM_COMPONENTS] = 0
        z.scatter_(1, components, COMPONENT_SCALE)
    return z


def update_generator(state: TrainState, batch: Batch, fakes: Fakes) -> tuple[Tensor, Tensor]:
    """One Adam step of the generator through the discriminator; its loss and gradient norm.

    The discriminator stands still here, so its own gradients are not computed: a third of the backward pass.
    """
    discriminator, loss = state.accelerated.discriminator, state.loss
    discriminator.requires_grad_(False)
    real_logits = discriminator(batch.images, batch.labels) if loss.relative else None
    g_loss = loss.generator(real_logits, discriminator(fakes.images, fakes.labels))
    state.optimizer_g.zero_grad()
    (g_loss * fakes.part).backward()
    discriminator.requires_grad_(True)
    (g_loss,) = state.ranks.sum_gradients(state.gan.generator, fakes.part, g_loss.detach())
    state.optimizer_g.step()
    return g_loss, grad_norm(state.gan.generator)


class Judgement(NamedTuple):
    """What the discriminator says of a batch, with the graphs behind it."""

    real: Tensor  # (B, C, H, W)
    fake: Tensor  # (F, C, H, W)
    real_logits: Tensor  # (B,)
    fake_logits: Tensor  # (F,)
    real_components: Tensor | None = None  # (B,), where kinds are guessed
    auxiliary_loss: Tensor | None = None


def update_discriminator(state: TrainState, batch: Batch, fakes: Fakes) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """One Adam step of the discriminator; its loss, mean sigmoid on real and on fake images, gradient norm."""
    r1_gamma, r2_gamma = penalty_weights(state)
    real = batch.images.detach().requires_grad_(r1_gamma > 0)
    fake = fakes.images.detach().requires_grad_(r2_gamma > 0)
    return improve_discriminator(state, batch, discriminate(state, batch, real, fake, fakes.labels))


def discriminate(
    state: TrainState,
    batch: Batch,
    real: Tensor,
    fake: Tensor,
    fake_labels: Tensor | None,
) -> Judgement:
    """Real and fake images judged in two passes, or in one that batch norm sees whole (config.joint_batch)."""
    discriminator = state.accelerated.discriminator
    if not state.config.joint_batch:
        of_real = discriminator.discriminate(real, batch.labels)
        of_fake = discriminator.discriminate(fake, fake_labels)
        guessing = auxiliary_loss(augmented(state, batch, fake, of_fake))
        return Judgement(real, fake, of_real.logits, of_fake.logits, of_real.components, guessing)
    labels = None if batch.labels is None else torch.cat([batch.labels, fake_labels])
    logits = discriminator(torch.cat([real, fake]), labels)
    return Judgement(real, fake, logits[: len(real)], logits[len(real) :])


def is_penalised(state: TrainState) -> bool:
    """Whether the step that comes next computes R1 and R2 (lazy regularisation: Karras et al. 2020, StyleGAN2,
    section 3.1, but without its change of Adam's numbers)."""
    return state.step % state.config.d_reg_interval == 0


def penalty_weights(state: TrainState) -> tuple[float, float]:
    """Those of R1 and R2 at the step that comes next: over all steps they weigh what the config says."""
    config = state.config
    times = config.d_reg_interval if is_penalised(state) else 0
    return times * config.r1_gamma, times * config.r2_gamma


def augmented(state: TrainState, batch: Batch, fake: Tensor, of_fake: DiscriminatorOutput) -> DiscriminatorOutput:
    """What is said of the fake images (F, C, H, W) when they are warped, each by numbers drawn now; of_fake itself
    where the config warps none.

    Who learns the kinds from such images cannot tell them apart by slant or place, but by what is drawn (as in IMSAT:
    Hu et al. 2017, arXiv 1702.08720, whose clusters are to be the same for an image and its warped copy).
    """
    if not state.config.auxiliary_affine:
        return of_fake
    drawn = torch.rand(batch.size, NUM_PARAMETERS, device=fake.device, generator=state.noise)
    images = random_affine(fake.detach(), drawn[state.ranks.shard(batch.size)], state.config.auxiliary_affine)
    return state.accelerated.discriminator.discriminate(images, of_fake.components)


def auxiliary_loss(of_fake: DiscriminatorOutput) -> Tensor | None:
    """The cross-entropy of what is guessed of fake images, whose kinds are known: as in InfoGAN (Chen et al. 2016,
    equation 5), but for the discriminator alone. None where nothing is guessed."""
    return None if of_fake.auxiliary_logits is None else F.cross_entropy(of_fake.auxiliary_logits, of_fake.components)


def improve_discriminator(
    state: TrainState, batch: Batch, judgement: Judgement
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """update_discriminator, for images that are judged already."""
    config, discriminator = state.config, state.accelerated.discriminator
    real, fake, real_logits, fake_logits, real_components, guessing = judgement
    d_loss = state.loss.discriminator(real_logits, fake_logits)
    if config.reduction == "mean":
        d_loss = d_loss / 2
    total = d_loss
    r1_gamma, r2_gamma = penalty_weights(state)
    if r1_gamma:
        total = total + r1_gamma * zero_centered_penalty(real_logits, real)
    if r2_gamma:
        total = total + r2_gamma * zero_centered_penalty(fake_logits, fake)
    if guessing is not None:
        total = total + guessing
    if config.gradient_penalty:
        epsilon = torch.rand(batch.size, 1, 1, 1, device=real.device, generator=state.noise)
        epsilon = epsilon[state.ranks.shard(batch.size)]

        def judge_real_label(images: Tensor) -> Tensor:
            return discriminator(images, batch.labels)

        penalty = gradient_penalty(judge_real_label, real.detach(), fake.detach(), epsilon)
        total = total + config.gradient_penalty * penalty
    part = len(real) / batch.size
    state.optimizer_d.zero_grad()
    # Named, because the images may want gradients too, and nobody asks for these.
    (total * part).backward(inputs=list(discriminator.parameters()))
    with torch.no_grad():
        means = d_loss.detach(), real_logits.sigmoid().mean(), fake_logits.sigmoid().mean()
    d_loss, d_real, d_fake, *shares = state.ranks.sum_gradients(
        discriminator, part, *means, *component_shares(real_components)
    )
    state.optimizer_d.step()
    update_balance(state, shares)
    return d_loss, d_real, d_fake, grad_norm(discriminator)


def component_shares(components: Tensor | None) -> Sequence[Tensor]:
    """Which share of the images (B,) was judged as of each kind; empty where kinds are not guessed."""
    return () if components is None else F.one_hot(components, NUM_COMPONENTS).float().mean(0).unbind()


def update_balance(state: TrainState, shares: Sequence[Tensor]) -> None:
    """Move what is taken from each guess, so that as many real images come to be of each kind: fakes are evenly of
    all, and a kind with few real images would be drawn too often."""
    if shares:
        state.gan.discriminator.balance_bias += BALANCE_RATE * (NUM_COMPONENTS * torch.stack(tuple(shares)) - 1)


def grad_norm(network: nn.Module) -> Tensor:
    """L2 norm of all gradients of the network together."""
    return torch.nn.utils.get_total_norm([p.grad for p in network.parameters() if p.grad is not None])


def _step_seed(seed: int, step: int, *rank: int) -> int:
    """Unrelated seeds for neighbouring steps, neighbouring seeds and, counted from 1, neighbouring ranks."""
    return int(np.random.SeedSequence([seed, step, *rank]).generate_state(1, np.uint64)[0])
