"""What a training changes from step to step: networks, optimizers, step count, learning rates and noise.

B real images of a step, Z latent.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from dcgan.config import TrainConfig
from dcgan.models.gan import Gan, build_gan
from dcgan.models.networks import Generator
from dcgan.runtime.distributed import ALONE, Ranks, synchronize_batch_norm
from dcgan.training.losses import TARGET_DEFAULTS, AdversarialLoss, build_loss, check_loss
from dcgan.training.whitening import FirstImages, whiten_first_layer


@dataclass
class TrainState:
    """Everything that a step changes, and so everything that a resumed training needs."""

    config: TrainConfig
    gan: Gan
    ema: Generator | None
    """The moving average of the generator; None where the config keeps none."""
    optimizer_g: torch.optim.Optimizer
    optimizer_d: torch.optim.Optimizer
    loss: AdversarialLoss
    accelerated: Gan
    """The networks that a step calls: `gan` itself, or networks with its parameters and buffers that run faster."""
    step: int = 0
    """Steps done."""
    steps: int | None = None
    """Steps of the whole training, which learning rates decay over. None: no end, and no decay."""
    images_seen: int = 0
    """Real images, of all ranks."""
    ema_half_life: float | Tensor = 0.0
    """Of the moving average at the next step, in real images. On a GPU a half-life that changes is a 0-d tensor."""
    augment_p: Tensor | None = None
    """The probability of the augmentations, 0-d on the device, where it is steered; None otherwise."""
    ranks: Ranks = ALONE
    """The processes that share this training. Each has a state of its own, and all states are equal."""
    noise: torch.Generator | None = None
    """The source of noise and labels; None: torch's global RNG."""

    @classmethod
    def new(
        cls,
        config: TrainConfig,
        device: torch.device,
        ranks: Ranks = ALONE,
        *,
        first_images: FirstImages | None = None,
    ) -> TrainState:
        """Return a state with new networks, equal on every device and rank. Seed torch's global RNG.

        A step calls the plain networks, until `choose_step` installs faster ones.

        first_images: the `first_images` of the training's batches. Only a config with patch_whitening needs it.

        Raises ValueError where the loss does not fit the config, or where the images are missing.
        """
        check_loss(config)
        torch.manual_seed(config.seed)
        gan = build_gan(config.model)
        if config.patch_whitening:
            if first_images is None:
                raise ValueError("patch_whitening=True needs images; pass first_images=batches.first_images")
            whiten_first_layer(gan.discriminator, first_images)
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
            build_loss(config.loss, **{target: getattr(config, target) for target in TARGET_DEFAULTS}),
            accelerated=gan,
            augment_p=torch.tensor(config.augment_p, device=device) if config.augment_target else None,
            ranks=ranks,
        )

    @property
    def best_generator(self) -> Generator:
        """The generator to sample from: the moving average where one is kept."""
        return self.ema or self.gan.generator

    @property
    def device(self) -> torch.device:
        return next(self.gan.generator.parameters()).device

    def tensors(self) -> dict[str, Tensor]:
        """Return all tensors that a resume needs, as one flat dictionary.

        They are those of the networks, the moving average and both optimizers, and the steered probability.
        """
        tensors = {}
        for prefix, network in self._networks().items():
            tensors |= {f"{prefix}.{name}": value for name, value in network.state_dict().items()}
        for prefix, optimizer in self._optimizers().items():
            for index, values in optimizer.state_dict()["state"].items():
                tensors |= {f"{prefix}.{index}.{name}": value for name, value in values.items()}
        if self.augment_p is not None:
            tensors["augment_p"] = self.augment_p
        return tensors

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Copy in what tensors() returned. Raises KeyError or RuntimeError where names or shapes do not fit."""
        for prefix, network in self._networks().items():
            network.load_state_dict(_under(tensors, prefix))
        for prefix, optimizer in self._optimizers().items():
            states: dict[int, dict[str, Tensor]] = {}
            for key, value in _under(tensors, prefix).items():
                index, name = key.split(".")
                states.setdefault(int(index), {})[name] = value
            groups = optimizer.state_dict()["param_groups"]
            optimizer.load_state_dict({"state": states, "param_groups": groups})
        if self.augment_p is not None:
            self.augment_p.copy_(tensors["augment_p"])

    def _networks(self) -> dict[str, nn.Module]:
        networks: dict[str, nn.Module] = {"generator": self.gan.generator, "discriminator": self.gan.discriminator}
        return networks | ({"ema": self.ema} if self.ema else {})

    def _optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return {"optimizer_g": self.optimizer_g, "optimizer_d": self.optimizer_d}


def _under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key.removeprefix(f"{prefix}."): v for key, v in tensors.items() if key.startswith(f"{prefix}.")}


def _adam(network: nn.Module, lr: float, config: TrainConfig) -> torch.optim.Adam:
    # On a GPU the step count is on the device already, so `capturable` for a CUDA graph costs nothing.
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


# From step to step


def begin_step(state: TrainState) -> None:
    """Seed the noise of the next step, and set its learning rates and the half-life of the moving average.

    The seed and the rates are functions of the step's number, and the half-life is one of the images seen.
    """
    _seed_step(state)
    _set_half_life(state)
    if state.config.lr_decay and state.steps is not None:
        factor = state.config.decay_factor(state.step, state.steps)
        for optimizer, lr in ((state.optimizer_g, state.config.lr_g), (state.optimizer_d, state.config.lr_d)):
            for group in optimizer.param_groups:
                if isinstance(group["lr"], Tensor):
                    group["lr"].fill_(lr * factor)  # in place: a CUDA graph reads it there
                else:
                    group["lr"] = lr * factor


def _set_half_life(state: TrainState) -> None:
    half_life = state.config.ema_half_life(state.images_seen)
    if state.device.type != "cuda" or not state.config.ema_ramp:
        state.ema_half_life = half_life
    elif isinstance(state.ema_half_life, Tensor):
        state.ema_half_life.fill_(half_life)  # in place: a CUDA graph reads it there
    else:
        state.ema_half_life = torch.tensor(half_life, device=state.device)


def count_step(state: TrainState, num_images: int) -> None:
    """Count a step on `num_images` real images of all ranks."""
    state.step += 1
    state.images_seen += num_images


def _seed_step(state: TrainState) -> None:
    ranks = state.ranks
    seed = _step_seed(state.config.seed, state.step)
    _seed(seed, state.device)
    if ranks.world_size > 1:
        # The ranks share one stream of noise. Each has its own stream of dropout, or two ranks would share a mask.
        state.noise = torch.Generator(state.device).manual_seed(seed)
        _seed(_step_seed(state.config.seed, state.step, 1 + ranks.rank), state.device)


def _step_seed(seed: int, step: int, *rank: int) -> int:
    """Return unrelated seeds for neighboring steps, neighboring seeds and, counted from 1, neighboring ranks."""
    return int(np.random.SeedSequence([seed, step, *rank]).generate_state(1, np.uint64)[0])


def _seed(seed: int, device: torch.device) -> None:
    """Seed the device's global RNG only. torch.manual_seed seeds those of all kinds of device, which takes long."""
    if device.type == "cpu":
        torch.default_generator.manual_seed(seed)
    elif device.type == "cuda":
        torch.cuda.default_generators[device.index or 0].manual_seed(seed)
    else:
        torch.manual_seed(seed)
