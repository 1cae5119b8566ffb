"""The reference step, faster: the same batches, noise and updates, in fewer operations.

Which of it a training takes depends on its config and device: `choose_step`.
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
from dcgan.models.networks import DiscriminatorOutput
from dcgan.training.cuda_graph import CapturedStep
from dcgan.training.losses import zero_centered_penalty
from dcgan.training.step import (
    StepStats,
    TrainState,
    augmented,
    auxiliary_loss,
    begin_step,
    component_shares,
    count_step,
    draw_fakes,
    grad_norm,
    penalty_weights,
    train_step,
    update_average,
    update_balance,
    update_both,
)

Step = Callable[[TrainState, Batch], StepStats]


def choose_step(state: TrainState) -> Step:
    """The fastest way to step this state. Asks for the number of threads now; a step may use as many."""
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
    """train_step with other ways to the same updates."""
    begin_step(state)
    stats = update(state, batch)
    count_step(state, batch.size)
    return stats


# One judgement for both updates


def discriminates_once(state: TrainState) -> bool:
    """Whether both updates see the same images by the same discriminator: it stands still until its own update.

    Dropout would judge twice by different masks; a gradient penalty makes a further pass in between.
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
    """update_both where discriminates_once: one pass of the discriminator less, and with a relative loss two.

    The two updates then hardly wait for each other: the executor runs the discriminator's while the generator draws
    and learns. Both take about as long. The losses' gradients are split at the logits, for that.
    """
    with executor.shared():
        return _update_in_one_pass(state, batch, executor)


def _update_in_one_pass(state: TrainState, batch: Batch, executor: SerialExecutor) -> StepStats:
    config, loss = state.config, state.loss
    r1_gamma, r2_gamma = penalty_weights(state)
    discriminator, part = state.accelerated.discriminator, len(batch.images) / batch.size
    weights = list(discriminator.parameters())
    statistics = RunningStatistics(state.gan.discriminator)
    state.optimizer_d.zero_grad()

    def discriminate(images: Tensor, labels: Tensor | None) -> DiscriminatorOutput:
        found = discriminator.discriminate(images, labels)
        statistics.passed()
        return found

    def scored(real_logits: Tensor, fake_logits: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The discriminator's loss and its gradients with respect to both logits."""
        real_logits, fake_logits = (logits.detach().requires_grad_() for logits in (real_logits, fake_logits))
        d_loss = loss.discriminator(real_logits, fake_logits) / (2 if config.reduction == "mean" else 1)
        return d_loss.detach(), *torch.autograd.grad(d_loss * part, (real_logits, fake_logits))

    def learn(images: Tensor, logits: Tensor, gradient: Tensor, gamma: float, *more: Tensor) -> None:
        terms = [gamma * zero_centered_penalty(logits, images), *more] if gamma else more
        roots, gradients = [logits, *terms], [gradient, *(torch.full_like(term, part) for term in terms)]
        # Retained, because the generator may be going back through the same graph now.
        torch.autograd.backward(roots, gradients, retain_graph=True, inputs=weights)

    def learn_real(fake_logits: Tensor) -> None:
        real_logits = real_output.result().logits
        learn(real, real_logits, scored(real_logits, fake_logits)[1], r1_gamma)

    real = batch.images.detach().requires_grad_(r1_gamma > 0)
    real_output = executor(discriminate, real, batch.labels)
    # The two terms of a loss that is not relative know nothing of each other: any fake logits do.
    first = None if loss.relative else executor(learn_real, torch.zeros(1, device=real.device))

    fakes = draw_fakes(state, batch.size)
    fake = fakes.images.detach().requires_grad_()
    of_real = real_output.result()  # before the next pass: they share batch norm's buffers
    of_fake = discriminate(fake, fakes.labels)
    real_logits, fake_logits = of_real.logits, of_fake.logits
    d_loss, _, for_fake_logits = scored(real_logits, fake_logits)
    first = first or executor(learn_real, fake_logits)
    guess = [] if of_fake.auxiliary_logits is None else [auxiliary_loss(augmented(state, batch, fake, of_fake))]
    if config.auxiliary_affine:
        statistics.passed()
    second = executor(learn, fake, fake_logits, for_fake_logits, r2_gamma, *guess)

    g_loss = loss.generator(real_logits.detach(), fake_logits)
    (for_fake,) = torch.autograd.grad(g_loss * fakes.part, fake, retain_graph=True)
    state.optimizer_g.zero_grad()
    fakes.images.backward(for_fake)
    (g_loss,) = state.ranks.sum_gradients(state.gan.generator, fakes.part, g_loss.detach())
    state.optimizer_g.step()

    for learnt in (first, second):
        learnt.result()
    means = d_loss, real_logits.detach().sigmoid().mean(), fake_logits.detach().sigmoid().mean()
    shares = component_shares(of_real.components)
    d_loss, d_real, d_fake, *shares = state.ranks.sum_gradients(discriminator, part, *means, *shares)
    state.optimizer_d.step()
    update_balance(state, shares)
    # In the reference the generator's pass over the fakes comes first, and with a relative loss one over the real
    # images before it. Only now, because the passes back want to find the buffers as they were.
    passes = [0, 1, 0, 1] if loss.relative else [1, 0, 1]
    statistics.replay([*passes, 2] if config.auxiliary_affine else passes)
    update_average(state, batch)
    norms = grad_norm(discriminator), grad_norm(state.gan.generator)
    return StepStats(d_loss, g_loss, d_real, d_fake, *norms)


class SerialExecutor:
    """Where calls run: here and now."""

    def __call__(self, function: Callable[..., Any], *arguments: Any) -> Future:
        """Run a call after those before it."""
        future: Future = Future()
        future.set_result(function(*arguments))
        return future

    @contextmanager
    def shared(self) -> Iterator[None]:
        """A block that makes such calls."""
        yield


class ThreadExecutor(SerialExecutor):
    """On a second thread, which has half of PyTorch's threads for itself, and leaves the other half in the block.

    Networks this small are faster so: PyTorch's threads meet after every operation, these two a few times a step.
    """

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._pool = ThreadPoolExecutor(1, "discriminator", torch.set_num_threads, (threads // 2,))

    def __call__(self, function: Callable[..., Any], *arguments: Any) -> Future:
        return self._pool.submit(function, *arguments)

    @contextmanager
    def shared(self) -> Iterator[None]:
        torch.set_num_threads(self._threads - self._threads // 2)
        try:
            yield
        finally:
            torch.set_num_threads(self._threads)


class RunningStatistics:
    """The running means and variances of a network's batch norms, as if it had made other passes than it did.

    A pass moves each by x = (1 - m) x + m s, where s are the pass's own statistics: what it added, m s, is kept, and
    added again in any order.
    """

    def __init__(self, network: nn.Module) -> None:
        norms = [module for module in network.modules() if getattr(module, "running_mean", None) is not None]
        self._buffers = [buffer for norm in norms for buffer in (norm.running_mean, norm.running_var)]
        self._counts = [norm.num_batches_tracked for norm in norms]
        momenta = {norm.momentum for norm in norms}
        assert len(momenta) < 2, momenta
        self._keep = 1 - momenta.pop() if momenta else 0.0
        self._before = self._copies()
        self._added: list[Sequence[Tensor]] = []
        self._last = self._before

    def passed(self) -> None:
        """A pass was made."""
        if self._buffers:
            now = self._copies()
            self._added.append(torch._foreach_sub(now, torch._foreach_mul(self._last, self._keep)))
            self._last = now

    @torch.no_grad()
    def replay(self, passes: Sequence[int]) -> None:
        """Set the statistics to what these passes, by number and in this order, would have left."""
        if not self._buffers:
            return
        torch._foreach_copy_(self._buffers, self._before)
        for number in passes:
            torch._foreach_mul_(self._buffers, self._keep)
            torch._foreach_add_(self._buffers, self._added[number])
        torch._foreach_add_(self._counts, len(passes) - len(self._added))

    def _copies(self) -> list[Tensor]:
        return [buffer.clone() for buffer in self._buffers]
