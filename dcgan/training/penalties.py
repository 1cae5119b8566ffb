"""Penalties on the discriminator's gradient with respect to its images.

B batch, C H W image.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def gradient_penalty(
    discriminator: Callable[[Tensor], Tensor],
    real: Tensor,
    fake: Tensor,
    epsilon: Tensor,
) -> Tensor:
    """Return WGAN-GP's penalty: the mean of (|grad D(x)|_2 - 1)^2 at x = epsilon real + (1 - epsilon) fake.

    discriminator: images (B, C, H, W) -> logits (B,). real, fake: (B, C, H, W). epsilon: (B, 1, 1, 1), in [0, 1],
    drawn by the caller. The result is a scalar without a weight.

    Source: Gulrajani et al. 2017, equation 3. Their section 4 rules out batch norm in D, because the penalty of one
    image would depend on the others.
    """
    assert real.shape == fake.shape, f"real {tuple(real.shape)} unlike fake {tuple(fake.shape)}"
    per_image = (len(real), *[1] * (real.ndim - 1))
    assert epsilon.shape == per_image, f"epsilon {tuple(epsilon.shape)} is not one an image, {per_image}"
    between = (epsilon * real + (1 - epsilon) * fake).detach().requires_grad_()
    (gradient,) = torch.autograd.grad(discriminator(between).sum(), between, create_graph=True)
    norm = torch.linalg.vector_norm(gradient.flatten(1), dim=1)  # (B,); its own gradient at 0 is 0, not NaN
    return (norm - 1).square().mean()


def zero_centered_penalty(logits: Tensor, images: Tensor) -> Tensor:
    """Return 1/2 mean |grad D(x)|_2^2 at the images: R1 for real images, R2 for fake images.

    logits: (B,), computed from images (B, C, H, W), which require grad. The result is a scalar without a weight.

    Source: Mescheder et al. 2018, equation 9.
    """
    assert images.requires_grad, "images need requires_grad_() before the discriminator sees them"
    # The sum makes one backward pass give every image the gradient of its own logit.
    (gradient,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
    return gradient.square().sum() / (2 * len(images))
