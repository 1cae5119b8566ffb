"""A transposed convolution by hand."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from torch.nn.functional import conv_transpose2d

from dcgan.figures import by_hand
from dcgan.figures.by_hand import Convolution

ALL_SIZES = [
    Convolution(inputs, kernel, stride, padding)
    for inputs, kernel, stride in itertools.product((1, 2, 4, 7), range(1, 6), range(1, 5))
    for padding in range(by_hand.largest_padding(inputs, kernel, stride) + 1)
]


def test_the_output_is_that_of_pytorch():
    for sizes in ALL_SIZES:
        image, weights = by_hand.example_image(sizes.inputs), by_hand.example_kernel(sizes.kernel)
        tensors = (torch.from_numpy(values)[None, None] for values in (image, weights))
        expected = conv_transpose2d(*tensors, stride=sizes.stride, padding=sizes.padding)[0, 0].numpy()
        np.testing.assert_array_equal(by_hand.transposed_convolution(sizes, image, weights), expected)
        assert expected.shape == (sizes.outputs, sizes.outputs)


def test_the_counts_are_the_sums_of_ones():
    for sizes in ALL_SIZES:
        ones = [torch.ones(1, 1, side, side) for side in (sizes.inputs, sizes.kernel)]
        expected = conv_transpose2d(ones[0], ones[1], stride=sizes.stride, padding=sizes.padding)[0, 0].numpy()
        np.testing.assert_array_equal(by_hand.term_counts(sizes), expected)


def test_the_terms_of_a_pixel_are_where_its_gradient_is():
    sizes = Convolution(4, 3, 2, 1)
    image = torch.from_numpy(by_hand.example_image(4)).double()[None, None].requires_grad_()
    weights = torch.from_numpy(by_hand.example_kernel(3)).double()[None, None]
    output = conv_transpose2d(image, weights, stride=2, padding=1)[0, 0]
    for row, column in itertools.product(range(7), range(7)):
        (gradient,) = torch.autograd.grad(output[row, column], image, retain_graph=True)
        expected = torch.zeros(4, 4, dtype=torch.float64)
        for term in by_hand.terms(sizes, row, column):
            expected[term.input_at] += weights[0, 0][term.weight_at]
        torch.testing.assert_close(gradient[0, 0], expected)


def test_from_4_to_7_the_kernel_is_3_and_from_7_to_14_it_is_4():
    assert by_hand.kernel_for(4, 7, 2, 1) == 3
    assert by_hand.kernel_for(7, 14, 2, 1) == by_hand.kernel_for(14, 28, 2, 1) == 4
    assert Convolution(4, 3, 2, 1).outputs == 7
    assert Convolution(4, 4, 2, 1).outputs == 8


def test_kernel_3_with_stride_2_makes_a_checkerboard_and_kernel_4_does_not():
    counts = by_hand.term_counts(Convolution(4, 3, 2, 1))
    assert counts[:3, :3].tolist() == [[1, 2, 1], [2, 4, 2], [1, 2, 1]]
    assert by_hand.inner_counts(Convolution(4, 3, 2, 1)) == [1, 2, 4]
    assert set(by_hand.term_counts(Convolution(7, 4, 2, 1))[1:-1, 1:-1].flat) == {4}
    assert by_hand.inner_counts(Convolution(7, 4, 2, 1)) == [4]
    assert by_hand.inner_counts(Convolution(4, 1, 2, 0)) == [0, 1]


def test_inner_counts_are_those_of_the_middle_of_a_large_output():
    for kernel, stride in itertools.product(range(1, 6), range(1, 5)):
        counts = by_hand.term_counts(Convolution(40, kernel, stride, 0))[16:-16, 16:-16]
        assert sorted(set(counts.flat)) == by_hand.inner_counts(Convolution(4, kernel, stride, 0))


def test_the_formula_ends_with_the_value_of_the_pixel():
    sizes = Convolution(4, 3, 2, 1)
    image, weights = by_hand.example_image(4), by_hand.example_kernel(3)
    output = by_hand.transposed_convolution(sizes, image, weights)
    products = by_hand.terms(sizes, 1, 1)
    text = by_hand.formula(image, weights, products)
    assert text.count(by_hand.TIMES) == len(products) == 4
    assert text.endswith(f"= {output[1, 1]}")
    assert by_hand.formula(image, weights, []) == "0"


@pytest.mark.parametrize("sizes", [(1, 1, 1, 1), (2, 2, 1, 2), (0, 3, 2, 0), (4, 3, 0, 0), (4, 3, 2, -1)])
def test_sizes_without_an_output_are_refused(sizes):
    with pytest.raises(ValueError, match="padding"):
        Convolution(*sizes)


@pytest.mark.parametrize("pixel", [(-1, 0), (0, 7)])
def test_a_pixel_outside_is_refused(pixel):
    with pytest.raises(ValueError, match="choose 0 to 6"):
        by_hand.terms(Convolution(4, 3, 2, 1), *pixel)
