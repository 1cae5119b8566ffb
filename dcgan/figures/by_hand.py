"""A transposed convolution by hand: which products add up to one output pixel.

One channel, square maps. n is the side of the input, k of the kernel, s the stride, p the padding.
The definition is that of torch.nn.functional.conv_transpose2d: each input pixel adds the kernel, times its value, to
the output at its own place times the stride. Then p rows and columns are cut off on each side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dcgan.locale.language import tr

MAX_INPUT, MAX_KERNEL, MAX_STRIDE = 7, 5, 4
"""Of the small example."""

TIMES = "\N{MULTIPLICATION SIGN}"

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Convolution:
    """The sizes of a transposed convolution. Raises ValueError where its output would have no pixel."""

    inputs: int
    kernel: int
    stride: int
    padding: int

    def __post_init__(self) -> None:
        if min(self.inputs, self.kernel, self.stride) < 1 or self.padding < 0:
            raise ValueError(
                tr("{sizes} has a side or a stride below 1, or a padding below 0; choose larger numbers", sizes=self)
            )
        if self.outputs < 1:
            largest = largest_padding(self.inputs, self.kernel, self.stride)
            raise ValueError(
                tr(
                    "padding={padding} cuts all of the output off; choose {largest} at most",
                    padding=self.padding,
                    largest=largest,
                )
            )

    @property
    def outputs(self) -> int:
        """The side of the output: (n - 1) s - 2 p + k."""
        return (self.inputs - 1) * self.stride - 2 * self.padding + self.kernel


@dataclass(frozen=True)
class Term:
    """One product: an input pixel times a weight of the kernel, each by its row and column."""

    input_at: tuple[int, int]
    weight_at: tuple[int, int]


def largest_padding(inputs: int, kernel: int, stride: int) -> int:
    """Return the largest padding that leaves at least one output pixel."""
    return ((inputs - 1) * stride + kernel - 1) // 2


def kernel_for(inputs: int, outputs: int, stride: int, padding: int) -> int:
    """Return the kernel that leads from one side to the other. It may be below 1: then there is none."""
    return outputs - (inputs - 1) * stride + 2 * padding


def terms(sizes: Convolution, row: int, column: int) -> list[Term]:
    """Return the products that add up to the output pixel at (row, column), by input pixel, row by row.

    Raises ValueError for a pixel that the output does not have.
    """
    side = sizes.outputs
    if not (0 <= row < side and 0 <= column < side):
        raise ValueError(
            tr(
                "the output of {side}x{side} has no pixel ({row}, {column}); choose 0 to {last}",
                side=side,
                row=row,
                column=column,
                last=side - 1,
            )
        )
    rows, columns = _along_an_axis(sizes, row), _along_an_axis(sizes, column)
    return [Term((y, x), (v, u)) for y, v in rows for x, u in columns]


def _along_an_axis(sizes: Convolution, position: int) -> list[tuple[int, int]]:
    """Return (input, weight) positions along one axis: those with input * s + weight = position + p."""
    pairs = [(place, position + sizes.padding - place * sizes.stride) for place in range(sizes.inputs)]
    return [(place, weight) for place, weight in pairs if 0 <= weight < sizes.kernel]


def term_counts(sizes: Convolution) -> Integers:
    """Return the number of products of each output pixel, (side, side). Unequal numbers are the checkerboard.

    Source: Odena, Dumoulin and Olah 2016, "Deconvolution and Checkerboard Artifacts".
    """
    counts = np.array([len(_along_an_axis(sizes, position)) for position in range(sizes.outputs)])
    return np.outer(counts, counts)


def inner_counts(sizes: Convolution) -> list[int]:
    """Return the different numbers of products of a pixel far from every edge, ascending. One number is even."""
    along = {len(range(place, sizes.kernel, sizes.stride)) for place in range(sizes.stride)}
    return sorted({first * second for first in along for second in along})


def transposed_convolution(sizes: Convolution, image: Integers, weights: Integers) -> Integers:
    """Return the output (side, side) of an image (n, n) and a kernel (k, k): for each pixel, the sum of its terms."""
    side = range(sizes.outputs)
    sums = [
        sum(int(image[term.input_at] * weights[term.weight_at]) for term in terms(sizes, row, column))
        for row in side
        for column in side
    ]
    return np.array(sums, np.int64).reshape(sizes.outputs, sizes.outputs)


def example_image(side: int) -> Integers:
    """Return small whole numbers (side, side), all different where they stand side by side."""
    rows, columns = np.indices((side, side))
    return ((3 * rows + 2 * columns) % 5 + 1).astype(np.int64)


def example_kernel(side: int) -> Integers:
    """Return small whole numbers (side, side), largest in the middle, and with a sign."""
    away = np.abs(np.arange(side) - (side - 1) / 2)
    far = np.ceil(away[:, None] + away[None]).astype(np.int64)
    slanted = np.where(np.subtract.outer(np.arange(side), np.arange(side)) > 0, -1, 1)
    return (far.max() + 1 - far) * slanted


def formula(image: Integers, weights: Integers, products: Sequence[Term]) -> str:
    """Return the sum as text, as 2 TIMES 3 + 1 TIMES (-1) = 5; 0 for no products."""
    parts = [(int(image[term.input_at]), int(weights[term.weight_at])) for term in products]
    total = sum(value * weight for value, weight in parts)
    if not parts:
        return "0"
    written = " + ".join(f"{value} {TIMES} {weight if weight >= 0 else f'({weight})'}" for value, weight in parts)
    return f"{written} = {total}"
