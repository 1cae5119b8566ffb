"""Which generators a browser draws: the rules of dcgan/web/network.js, so that no page is made that refuses its own.

Imports no torch.
"""

from __future__ import annotations

from itertools import pairwise

from dcgan.config import ModelConfig
from dcgan.locale.language import tr

TOPOLOGIES = ("conv", "mlp")
MAX_MULTIPLY_ADDS = 500_000_000
"""A generator with more multiply-adds an image would take a browser seconds an image."""


def why_not_in_browser(model: ModelConfig) -> str:
    """Return a clause that says why a browser does not draw the generator; empty where it does."""
    if model.topology not in TOPOLOGIES:
        return tr(
            "its topology is {topology}, and a browser draws {first} and {second}",
            topology=model.topology,
            first=TOPOLOGIES[0],
            second=TOPOLOGIES[1],
        )
    count = multiply_adds(model)
    if count <= MAX_MULTIPLY_ADDS:
        return ""
    # Rounded up: a count just above the limit must not read as the limit.
    millions = -(-count // 1_000_000)
    return tr(
        "one image takes {millions} million multiply-adds, and a browser draws up to {most}",
        millions=millions,
        most=MAX_MULTIPLY_ADDS // 10**6,
    )


def multiply_adds(model: ModelConfig) -> int:
    """Return the multiply-adds of one image. Raises ValueError for another topology than TOPOLOGIES."""
    inputs = model.latent_dim + model.num_classes
    if model.topology == "mlp":
        widths = [inputs, *model.hidden_g, model.channels * model.image_size**2]
        return sum(before * after for before, after in pairwise(widths))
    if model.topology != "conv":
        raise ValueError(
            tr(
                "topology={topology!r} is not counted; choose one of {names}",
                topology=model.topology,
                names=", ".join(TOPOLOGIES),
            )
        )
    sizes = [4, 7, 14, 28] if model.image_size == 28 else [4]
    while sizes[-1] < model.image_size:
        sizes.append(2 * sizes[-1])
    widths = [model.width_g * 2**level for level in reversed(range(len(sizes) - 1))] + [model.channels]
    count = 16 * inputs * widths[0]
    for (small, large), (before, after) in zip(pairwise(sizes), pairwise(widths), strict=True):
        count += small**2 * (9 if large == 7 else 16) * before * after
    return count
