"""The step of `step.py`, faster: the same batches, noise and updates, in fewer operations and in another order.

`choose_step` picks what suits the config and the device. No formula is here: step.py has them all.

The module has a few more than 250 lines, so that the step and its executors are read together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from dcgan.data.loading import Batch
from dcgan.models.accelerated import accelerated_networks
from dcgan.models.networks import DiscriminatorOutput
from dcgan.training.cuda_graph import CapturedStep
from dcgan.training.state import TrainState, begin_step, count_step
from dcgan.training.step import (
    DiscriminatedBatch,
    StepStats,
    augmented,
    augmented_batch,
    auxiliary_loss,
    discriminator_loss,
    draw_fakes,
    is_augmented,
    penalty_weights,
    step_discriminator,
    step_generator,
    train_step,
    update_average,
    update_both,
    weighted,
    zero_centered_terms,
)

Step = Callable[[TrainState, Batch], StepStats]
_KERNELS: Any = torch
"""torch with its foreach kernels, which its types do not have."""


def choose_step(state: TrainState) -> Step:
    """Install the networks that run fastest on this device in the state, and return the fastest step for it.

    A step uses at most the number of threads that PyTorch has now.
    """
    state.accelerated = accelerated_networks(state.gan, state.config, state.device)
    if state.config.engine == "plain":
        return train_step
    update: Step = update_both
    if discriminates_once(state):
        threads = torch.get_num_threads() if state.device.type == "cpu" else 1
        update = partial(update_in_one_pass, executor=ThreadExecutor(threads) if threads > 1 else SerialExecutor())
    if state.device.type == "cuda" and state.ranks.world_size == 1:
        return CapturedStep(update)
    return partial(step_by, update)


def step_by(update: Step, state: TrainState, batch: Batch) -> StepStats:
    """Take a step as `train_step` does, with `update` for both updates."""
    begin_step(state)
    stats = update(state, batch)
    count_step(state, batch.size)
    return stats


# One pass of the discriminator for both updates


def discriminates_once(state: TrainState) -> bool:
    """Return whether both updates see the same images by the same discriminator.

    With dropout the two passes would have different masks. A gradient penalty makes one more pass between them.
    """
    config = state.config
    return (
        config.order == "generator-first"
        and config.reuse_fakes
        and not config.joint_batch
        and not config.model.dropout
        and not config.gradient_penalty
    )


def update_in_one_pass(state: TrainState, batch: Batch, executor: SerialExecutor) -> StepStats:
    """Compute what `update_both` computes, where discriminates_once, with one pass of the discriminator less.

    A loss that pairs real with fake images saves two passes. The losses' gradients are split at the logits, so the
    two updates hardly wait for each other: the executor runs the discriminator's, while this thread draws fake images
    and runs the generator's. Both take about as long.
    """
    with executor.halved_threads():
        return _update_in_one_pass(state, batch, executor)


def _update_in_one_pass(state: TrainState, batch: Batch, executor: SerialExecutor) -> StepStats:
    """Update both networks in one pass. The function is long because the order of its lines matters."""
    loss, discriminator = state.loss, state.accelerated.discriminator
    batch = augmented_batch(state, batch)
    r1_gamma, r2_gamma = penalty_weights(state)
    part = len(batch.images) / batch.size
    weights, statistics = list(discriminator.parameters()), RunningStatistics(state.gan.discriminator)
    state.optimizer_d.zero_grad()

    def discriminate(images: Tensor, labels: Tensor | None) -> DiscriminatorOutput:
        output = discriminator.discriminate(images, labels)
        statistics.record_pass()
        return output

    def learn_real(fake_logits: Tensor) -> None:
        real_logits = real_output.result().logits
        _, for_real, _ = logit_gradients(state, real_logits, fake_logits, part)
        terms = zero_centered_terms(r1_gamma, real_logits, real)
        accumulate_gradients(weights, real_logits, for_real, terms, part)

    def learn_fake(for_fake: Tensor, auxiliary: Tensor | None) -> None:
        terms = zero_centered_terms(r2_gamma, fake_logits, fake)
        terms += [] if auxiliary is None else [auxiliary]
        accumulate_gradients(weights, fake_logits, for_fake, terms, part)

    real = batch.images.detach().requires_grad_(r1_gamma > 0)
    real_output = executor(discriminate, real, batch.labels)
    # A loss that does not pair has a real term that no fake logit changes: any fake logits do.
    pairs = loss.pairs_real_with_fake
    real_done = None if pairs else executor(learn_real, torch.zeros(1, device=real.device))

    fakes = draw_fakes(state, batch.size)
    fake = fakes.images.detach().requires_grad_()
    real_logits = real_output.result().logits  # before the next pass: both write batch norm's buffers
    fake_output = discriminate(fake, fakes.labels)
    fake_logits = fake_output.logits
    d_loss, _, for_fake_logits = logit_gradients(state, real_logits, fake_logits, part)
    real_done = real_done or executor(learn_real, fake_logits)
    auxiliary = auxiliary_loss(augmented(state, batch, fake, fake_output))
    if is_augmented(state):
        statistics.record_pass()
    fake_done = executor(learn_fake, for_fake_logits, auxiliary)

    g_loss = loss.generator(real_logits.detach(), fake_logits)
    (for_fake_images,) = torch.autograd.grad(weighted(g_loss, fakes.part), fake, retain_graph=True)
    state.optimizer_g.zero_grad()
    fakes.images.backward(for_fake_images)
    g_loss, g_grad_norm = step_generator(state, fakes, g_loss)

    for done in (real_done, fake_done):
        done.result()
    outputs = DiscriminatedBatch(real, fake, real_logits, fake_logits, real_output.result().components)
    d_stats = step_discriminator(state, batch, d_loss, outputs)
    # In the plain step the generator's pass over the fakes comes first, after one over the real images if the loss
    # pairs. The buffers change only now, because the backward passes need them as they were.
    passes = [0, 1, 0, 1] if pairs else [1, 0, 1]
    statistics.replay([*passes, 2] if is_augmented(state) else passes)
    update_average(state, batch)
    return StepStats(g_loss=g_loss, g_grad_norm=g_grad_norm, **d_stats._asdict())


def logit_gradients(
    state: TrainState, real_logits: Tensor, fake_logits: Tensor, part: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the discriminator's loss, and its weighted gradients with respect to the real and the fake logits."""
    real_logits, fake_logits = (logits.detach().requires_grad_() for logits in (real_logits, fake_logits))
    d_loss = discriminator_loss(state, real_logits, fake_logits)
    for_real, for_fake = torch.autograd.grad(weighted(d_loss, part), (real_logits, fake_logits))
    return d_loss.detach(), for_real, for_fake


def accumulate_gradients(
    weights: Sequence[Tensor], logits: Tensor, gradient: Tensor, terms: Sequence[Tensor], part: float
) -> None:
    """Add to the gradients of the weights: those of the logits, whose gradient is given, and those of the terms."""
    roots = [logits, *(weighted(term, part) for term in terms)]
    gradients = [gradient, *(torch.ones_like(root) for root in roots[1:])]
    # Retained, because the generator's update may use the same graph at this moment.
    torch.autograd.backward(roots, gradients, retain_graph=True, inputs=weights)


# Executors


class SerialExecutor:
    """Runs calls at once, on this thread."""

    def __call__(self, function: Callable[..., Any], *arguments: Any) -> Future:
        """Run the call after all earlier ones, and return its future."""
        future: Future = Future()
        future.set_result(function(*arguments))
        return future

    @contextmanager
    def halved_threads(self) -> Iterator[None]:
        """Within the block, leave PyTorch's threads to this thread: a second one has none to share."""
        yield


class ThreadExecutor(SerialExecutor):
    """Runs calls on a second thread with half of PyTorch's threads.

    Small networks are faster this way: PyTorch's threads wait for each other after every operation, and these two
    threads wait a few times a step.
    """

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._pool = ThreadPoolExecutor(1, "discriminator", torch.set_num_threads, (threads // 2,))

    def __call__(self, function: Callable[..., Any], *arguments: Any) -> Future:
        return self._pool.submit(function, *arguments)

    @contextmanager
    def halved_threads(self) -> Iterator[None]:
        """Within the block, leave this thread the other half of PyTorch's threads."""
        torch.set_num_threads(self._threads - self._threads // 2)
        try:
            yield
        finally:
            torch.set_num_threads(self._threads)


class RunningStatistics:
    """The running means and variances of a network's batch norms, as other passes would leave them.

    A pass with statistics s moves each by x = (1 - m) x + m s. This class keeps m s of every pass, and adds them
    again in any order.
    """

    def __init__(self, network: nn.Module) -> None:
        norms = [module for module in network.modules() if getattr(module, "running_mean", None) is not None]
        self._buffers = [norm.get_buffer(name) for norm in norms for name in ("running_mean", "running_var")]
        self._counts = [norm.get_buffer("num_batches_tracked") for norm in norms]
        momenta = {float(getattr(norm, "momentum")) for norm in norms}  # noqa: B009, nn.Module has no such attribute
        assert len(momenta) < 2, momenta
        self._keep = 1 - momenta.pop() if momenta else 0.0
        self._before = self._copies()
        self._added: list[Sequence[Tensor]] = []
        self._last = self._before

    def record_pass(self) -> None:
        """Keep what the pass that just ended has added."""
        if self._buffers:
            now = self._copies()
            self._added.append(_KERNELS._foreach_sub(now, _KERNELS._foreach_mul(self._last, self._keep)))
            self._last = now

    @torch.no_grad()
    def replay(self, passes: Sequence[int]) -> None:
        """Set the statistics to what these passes, numbered from 0 and in this order, would leave."""
        if not self._buffers:
            return
        _KERNELS._foreach_copy_(self._buffers, self._before)
        for number in passes:
            _KERNELS._foreach_mul_(self._buffers, self._keep)
            _KERNELS._foreach_add_(self._buffers, self._added[number])
        _KERNELS._foreach_add_(self._counts, len(passes) - len(self._added))

    def _copies(self) -> list[Tensor]:
        return [buffer.clone() for buffer in self._buffers]
