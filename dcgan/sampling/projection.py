"""Find the latent vector whose image is nearest to a given image: the nearest image that a generator knows.

The best of many seeds are improved by Adam (Lipton and Tripathi 2017, arXiv 1702.04782; Creswell and Bharath 2018,
arXiv 1802.05701). The best of these are then improved by damped Gauss-Newton steps. A generator of ReLU layers is
nearly linear near a point, so a few such steps do more than hundreds of Adam's.

S starts, Z latent, F numbers of z that may change, P numbers of an image, C H W image.

The module has more than 250 lines, because the steps of one search share its state.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from dcgan.checkpoint import TrainedGenerator
from dcgan.config import NUM_COMPONENTS
from dcgan.latents import Vectors, norm_interval
from dcgan.locale.language import tr

NUM_SEEDS = 512
"""Seeds that are drawn first."""
NUM_STARTS = 8
ADAM_STEPS = 40
ADAM_RATE = 0.1
NEWTON_STARTS = 3
NEWTON_STEPS = 40
GOOD_ERROR = 2e-5
"""A mean squared error at which the search ends. It is that of one gray level of 255 in every pixel."""
LENGTH_WEIGHT = 0.0025
"""Weight, beside the squared error, of the square of what z is longer or shorter than 95 % of the training's."""
_PATH_POINTS = 24
_DAMPING = 1e-2
_MAX_TRIES = 6
_GRADIENT_IMAGES = 3
"""An image and its gradient take about as long as so many images."""
_DIFFERENCE = 0.01
"""Step of z by which derivatives are measured."""


@dataclass(frozen=True)
class Projection:
    """The nearest image that was found."""

    z: Vectors
    """(Z,) float32"""
    label: int | None
    """Its class, for a conditional model."""
    error: float
    """Mean squared difference to the target, of pixels in [0, 1]."""
    length: float
    """Euclidean norm of z."""
    usual_length: tuple[float, float]
    """Between which 95 % of the lengths of the training's vectors lie."""
    path: Vectors
    """(N, Z): z along the search, from the best seed to the result."""


def project(
    generator: TrainedGenerator,
    target: np.ndarray | Tensor,
    *,
    labels: Sequence[int] | None = None,
    max_images: int | None = None,
    on_point: Callable[[int, float], None] | None = None,
) -> Projection:
    """Return the latent vector whose image is nearest to a target image (C, H, W) in [-1, 1], pixel by pixel.

    The result is the same for the same generator and target. In a mixture, z keeps the component of its start.

    labels: the classes that a conditional model may draw; None: all of them. max_images: about how many images the
    search draws before it ends with what it has; None: any number. on_point: is called with the steps done and the
    least error so far.

    Raises ValueError for a target of another shape, or with numbers that are not finite, and for labels that the
    model does not have.
    """
    search = _Search(generator, _checked_target(generator, target), max_images)
    z, classes = search.starts(_checked_labels(generator, labels))
    path = [z[:1]]
    z = search.adam(z, classes, path, on_point)
    best = search.newton(z, classes, path, on_point)
    return search.result(*best, torch.cat(path))


def _checked_target(generator: TrainedGenerator, target: np.ndarray | Tensor) -> Tensor:
    shape = generator.config.image_shape
    target = torch.as_tensor(target, dtype=torch.float32).detach().cpu()
    if tuple(target.shape) != shape:
        raise ValueError(
            tr(
                "the target has shape {shape}, and the model draws {drawn}; resize it",
                shape=tuple(target.shape),
                drawn=shape,
            )
        )
    if not torch.isfinite(target).all():
        raise ValueError(tr("the target has values that are no numbers; draw or upload another image"))
    return target.clamp(-1, 1)


def _checked_labels(generator: TrainedGenerator, labels: Sequence[int] | None) -> list[int]:
    count = generator.config.num_classes
    if not count:
        if labels:
            raise ValueError(tr("the model is not conditional: leave the labels out"))
        return []
    chosen = list(range(count) if labels is None else labels)
    outside = [label for label in chosen if not 0 <= label < count]
    if outside or not chosen:
        raise ValueError(
            tr("labels={labels} are not in 0..{last}; name at least one of these", labels=chosen, last=count - 1)
        )
    return chosen


class _Search:
    """One search. It computes where the generator is, and draws no random numbers but those of seeds."""

    def __init__(self, generator: TrainedGenerator, target: Tensor, max_images: int | None) -> None:
        self.generator = generator
        self.max_images = math.inf if max_images is None else max_images
        self.images_drawn = 0
        self.config = generator.config
        self.device = generator.device
        self.target = target.flatten().to(self.device)  # (P,)
        self.first_free = NUM_COMPONENTS if self.config.latent == "mixture" else 0
        self.usual = norm_interval(self.config.latent_dim, self.config.latent)
        self.steps = 0

    @property
    def is_spent(self) -> bool:
        """Return whether the search has drawn as many images as it may."""
        return self.images_drawn >= self.max_images

    def images(self, z: Tensor, classes: Tensor | None) -> Tensor:
        """Return images (S, P) in [-1, 1], with a graph."""
        low, high = self.config.pixel_range
        self.images_drawn += len(z) * (_GRADIENT_IMAGES if z.requires_grad else 1)
        images = self.generator.network(z, classes).flatten(1)
        return (images - low) * (2 / (high - low)) - 1

    def errors(self, z: Tensor, classes: Tensor | None) -> Tensor:
        """Return the mean squared errors (S,), of pixels in [0, 1]."""
        return (self.images(z, classes) - self.target).square().mean(1) / 4

    def excess(self, z: Tensor) -> Tensor:
        """Return how much longer than usual each z (S, Z) is, or shorter, with its sign: (S,)."""
        low, high = self.usual
        norms = torch.linalg.vector_norm(z, dim=1)
        return (norms - high).relu() - (low - norms).relu()

    def loss(self, z: Tensor, classes: Tensor | None) -> Tensor:
        """Return what is minimized: (S,)."""
        return self.errors(z, classes) + LENGTH_WEIGHT * self.excess(z).square()

    @torch.no_grad()
    def starts(self, labels: Sequence[int]) -> tuple[Tensor, Tensor | None]:
        """Return z (S, Z) and classes of the seeds with the least errors, the best first."""
        count = int(min(NUM_SEEDS, max(NUM_STARTS, self.max_images / 2)))
        self.images_drawn += count
        z = torch.from_numpy(self.generator.latents(range(count))).to(self.device)
        classes = torch.tensor([labels[i % len(labels)] for i in range(count)]) if labels else None
        drawn = self.generator(z.cpu(), classes).flatten(1).to(self.device)
        nearest = (drawn - self.target).square().mean(1).argsort(stable=True)[:NUM_STARTS]
        return z[nearest], None if classes is None else classes.to(self.device)[nearest]

    def adam(
        self, z: Tensor, classes: Tensor | None, path: list[Tensor], on_point: Callable[[int, float], None] | None
    ) -> Tensor:
        """Return z (S, Z) after Adam's steps on each."""
        z = z.clone().requires_grad_()
        optimizer = torch.optim.Adam([z], lr=ADAM_RATE, betas=(0.9, 0.99))
        for step in range(ADAM_STEPS):
            if self.is_spent:
                break
            loss = self.loss(z, classes)
            (gradient,) = torch.autograd.grad(loss.sum(), z)
            gradient[:, : self.first_free] = 0
            z.grad = gradient
            optimizer.step()
            if step % max(1, 2 * ADAM_STEPS // _PATH_POINTS) == 0:
                best = int(loss.detach().argmin())
                path.append(z.detach()[best : best + 1].clone())
                self._report(float(loss.detach().min()), on_point)
            self.steps += 1
        return z.detach()

    def newton(
        self, z: Tensor, classes: Tensor | None, path: list[Tensor], on_point: Callable[[int, float], None] | None
    ) -> tuple[Tensor, Tensor | None]:
        """Return the best z (1, Z) after Gauss-Newton steps on the best starts, and its class (1,)."""
        with torch.no_grad():
            order = self.loss(z, classes).argsort(stable=True)[:NEWTON_STARTS]
        results = []
        for index in order.tolist():
            one = None if classes is None else classes[index : index + 1]
            points = [z[index : index + 1]]
            loss = self._newton_from(points, one, on_point)
            results.append((loss, points, one))
            if loss <= GOOD_ERROR or self.is_spent:
                break
        _, points, one = min(results, key=lambda result: result[0])
        path += points
        return points[-1], one

    def _newton_from(
        self, points: list[Tensor], classes: Tensor | None, on_point: Callable[[int, float], None] | None
    ) -> float:
        """Append better and better z (1, Z) to the points; return the last one's loss."""
        damping = _DAMPING
        with torch.no_grad():
            loss = float(self.loss(points[-1], classes))
        for _ in range(NEWTON_STEPS):
            if loss <= GOOD_ERROR or self.is_spent:
                break
            residuals, jacobian = self._linearized(points[-1], classes)  # (P + 1,), (P + 1, F)
            normal, slope = jacobian.mT @ jacobian, jacobian.mT @ residuals
            scale = normal.diagonal().mean().clamp_min(1e-12)
            for _ in range(_MAX_TRIES):
                damped = normal + damping * scale * torch.eye(len(normal), device=self.device)
                moved = points[-1].clone()
                moved[0, self.first_free :] -= torch.linalg.solve(damped, slope)
                with torch.no_grad():
                    new_loss = float(self.loss(moved, classes))
                if new_loss < loss:
                    break
                damping *= 5
            else:
                break
            is_slow = new_loss > 0.999 * loss
            loss, damping = new_loss, damping / 5
            points.append(moved)
            self.steps += 1
            self._report(loss, on_point)
            if is_slow:
                break
        return loss

    @torch.no_grad()
    def _linearized(self, z: Tensor, classes: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return the residuals (P + 1,), whose sum of squares is the loss, and their Jacobian (P + 1, F).

        The Jacobian is that of small differences, drawn in one batch. It is exact enough for damped steps, and any
        network can be drawn.
        """
        num_free = z.shape[1] - self.first_free
        moved = z.repeat(num_free + 1, 1)
        moved[1:, self.first_free :] += _DIFFERENCE * torch.eye(num_free, device=self.device)
        many = None if classes is None else classes.expand(num_free + 1)
        differences = (self.images(moved, many) - self.target) / math.sqrt(4 * len(self.target))
        lengths = math.sqrt(LENGTH_WEIGHT) * self.excess(moved)
        residuals = torch.cat([differences, lengths[:, None]], 1)  # (F + 1, P + 1)
        return residuals[0], (residuals[1:] - residuals[0]).mT / _DIFFERENCE

    def _report(self, loss: float, on_point: Callable[[int, float], None] | None) -> None:
        if on_point:
            on_point(self.steps, loss)

    def result(self, z: Tensor, classes: Tensor | None, path: Tensor) -> Projection:
        """Return the projection. Its error is that of the image as the generator draws it anywhere else."""
        image = self.generator(z.cpu(), None if classes is None else classes.cpu())
        error = float((image.flatten() - self.target.cpu()).square().mean()) / 4
        places = np.unique(np.linspace(0, len(path) - 1, _PATH_POINTS).round().astype(int))
        return Projection(
            z=z[0].cpu().numpy(),
            label=None if classes is None else int(classes[0]),
            error=error,
            length=float(torch.linalg.vector_norm(z)),
            usual_length=self.usual,
            path=path.cpu().numpy()[places],
        )
