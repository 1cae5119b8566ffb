"""The part "By hand" of the view "Inside the generator": one output pixel of a transposed convolution, as a sum.

It needs no run.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Collection

import numpy as np
import streamlit as st

from dcgan.figures import by_hand
from dcgan.figures.by_hand import MAX_INPUT, MAX_KERNEL, MAX_STRIDE, Convolution, Integers, Term
from dcgan.locale.language import tr, tr_later, tr_marked
from dcgan.pages.parts.tiles import Tile, show_tiles

KEYS = ("inputs", "kernel", "stride", "padding", "row", "column")

MAX_OUTPUT = (MAX_INPUT - 1) * MAX_STRIDE + MAX_KERNEL
MAX_PADDING = 4

INTRODUCTION = tr_later(
    "A transposed convolution makes maps larger. Each input pixel adds a copy of the kernel, times its value, to the "
    "output. The copies are one stride apart, and the padding is cut off the border. So one output pixel is a sum of "
    "a few products. Tap a pixel of the output to see its sum."
)
SIZE = tr_later(
    "Output size = (input - 1) {times} stride - 2 {times} padding + kernel = ({inputs} - 1) {times} {stride} - "
    "2 {times} {padding} + {kernel} = **{outputs}**."
)
WHY_3 = tr_later(
    "Why 4 to 7 needs kernel 3: with stride 2 and padding 1 the size is 4 + kernel. MNIST's digits have 28 pixels, "
    "and 28 is two times 14, which is two times 7. Kernel 3 leads from 4 to 7. Kernel 4 would lead to 8, and then to "
    "16 and 32."
)
EVEN = tr_later("Far from the border, each output pixel is a sum of {count} products. No pixel is favored.")
UNEVEN = tr_later(
    "Far from the border, an output pixel is a sum of {least} to {most} products: {numbers}. That is the "
    "checkerboard. Where the kernel is not a multiple of the stride, its copies overlap unevenly, and a network must "
    "learn to undo that. Source: Odena, Dumoulin and Olah 2016, *Deconvolution and Checkerboard Artifacts*."
)
BORDER = tr_later(
    "Here only pixels at the border have other numbers of products, since copies from outside are missing."
)


def show_by_hand() -> None:
    """Show the sizes, the three grids, the sum of the chosen pixel, and how many products each pixel has."""
    st.subheader(tr("By hand: one pixel of a transposed convolution"))
    st.write(tr_marked(INTRODUCTION))
    sizes = choose_sizes()
    image, weights = by_hand.example_image(sizes.inputs), by_hand.example_kernel(sizes.kernel)
    output = by_hand.transposed_convolution(sizes, image, weights)
    size = tr_marked(
        SIZE,
        times=by_hand.TIMES,
        inputs=sizes.inputs,
        stride=sizes.stride,
        padding=sizes.padding,
        kernel=sizes.kernel,
        outputs=sizes.outputs,
    )
    st.markdown(size)
    row, column = choose_pixel(sizes)
    products = by_hand.terms(sizes, row, column)
    show_grids(image, weights, output, products, (row, column))
    show_sum(image, weights, products, (row, column))
    show_counts(sizes)
    st.caption(tr_marked(WHY_3))


def choose_sizes() -> Convolution:
    """Show the controls of the sizes, and return them; too large a padding becomes the largest that is possible."""
    first, second, third, fourth = st.columns(4)
    inputs = first.number_input(tr("Input size"), 1, MAX_INPUT, 4, key="inputs", bind="query-params")
    kernel = second.number_input(tr("Kernel"), 1, MAX_KERNEL, 3, key="kernel", bind="query-params")
    stride = third.number_input(tr("Stride"), 1, MAX_STRIDE, 2, key="stride", bind="query-params")
    padding = fourth.number_input(tr("Padding"), 0, MAX_PADDING, 1, key="padding", bind="query-params")
    largest = by_hand.largest_padding(inputs, kernel, stride)
    if padding > largest:
        st.warning(
            tr(
                "Padding {padding} would cut all of the output off; {largest} is used instead.",
                padding=padding,
                largest=largest,
            )
        )
    return Convolution(inputs, kernel, stride, min(padding, largest))


def choose_pixel(sizes: Convolution) -> tuple[int, int]:
    """Show the controls of the output pixel, and return its row and column; one outside becomes the nearest one."""
    left, right, _ = st.columns([1, 1, 2])
    last = sizes.outputs - 1
    row = left.number_input(tr("Row of the output"), 0, MAX_OUTPUT - 1, 1, key="row", bind="query-params")
    column = right.number_input(tr("Column of the output"), 0, MAX_OUTPUT - 1, 1, key="column", bind="query-params")
    if max(row, column) > last:
        st.warning(tr("The output has rows and columns 0 to {last}, so the nearest pixel is used.", last=last))
    return min(row, last), min(column, last)


def chosen(side: int, pressed: list[int]) -> None:
    """Take the output pixel that was tapped. A tap on the chosen one changes nothing."""
    if pressed:
        st.session_state["row"], st.session_state["column"] = divmod(pressed[0], side)


# The grids

_STYLE = """<style>
.dcgan-grid { border-collapse: separate; border-spacing: 2px; }
.dcgan-grid td { min-width: 1.9rem; padding: 0.3rem 0.2rem; text-align: center; border-radius: 3px;
  border: 2px solid rgba(136, 136, 136, 0.4); font-size: 0.85rem; font-variant-numeric: tabular-nums; }
</style>"""
_USED = "background: {fill}; border-color: {line}; font-weight: 700"
BLUE = _USED.format(fill="rgba(0, 114, 178, 0.25)", line="#0072b2")
VERMILION = _USED.format(fill="rgba(213, 94, 0, 0.25)", line="#d55e00")


def show_grids(
    image: Integers, weights: Integers, output: Integers, products: list[Term], pixel: tuple[int, int]
) -> None:
    """Show the input and the kernel with the numbers that are used, and the output as tiles."""
    left, middle, right = st.columns([3, 3, 5])
    inputs_used = {term.input_at for term in products}
    weights_used = {term.weight_at for term in products}
    with left:
        st.markdown(tr("**Input**"))
        st.html(table(image, lambda place: BLUE if place in inputs_used else "", tr("The input")))
    with middle:
        st.markdown(tr("**Kernel**"))
        st.html(table(weights, lambda place: VERMILION if place in weights_used else "", tr("The kernel")))
    with right:
        st.markdown(tr("**Output**"))
        side = len(output)
        tiles = [
            Tile(
                row * side + column,
                str(output[row, column]),
                tr("Row {row}, column {column}: {value}", row=row, column=column, value=output[row, column]),
                (row, column) == pixel,
            )
            for row in range(side)
            for column in range(side)
        ]
        label = tr("The output. Tap a pixel to see its sum.")
        show_tiles(
            "output-pixel", tiles, lambda pressed: chosen(side, pressed), label=label, columns=side, single=True
        )


def table(values: Integers, style_of: Callable[[tuple[int, int]], str], label: str) -> str:
    """Return a grid of numbers as HTML, each cell with its style."""
    rows = [
        "".join(f'<td style="{style_of((row, column))}">{value}</td>' for column, value in enumerate(line))
        for row, line in enumerate(values.tolist())
    ]
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    return f'{_STYLE}<table class="dcgan-grid" aria-label="{html.escape(label)}">{body}</table>'


def show_sum(image: Integers, weights: Integers, products: list[Term], pixel: tuple[int, int]) -> None:
    """Show the sum of the chosen pixel, as a formula and product by product."""
    row, column = pixel
    if not products:
        st.markdown(
            tr("Output ({row}, {column}) = 0: no copy of the kernel reaches this pixel.", row=row, column=column)
        )
        return
    formula = by_hand.formula(image, weights, products)
    st.markdown(tr("Output ({row}, {column}) = {formula}", row=row, column=column, formula=formula))
    lines = [
        {
            tr("input (row, column)"): f"{term.input_at}",
            tr("its value"): str(image[term.input_at]),
            tr("weight (row, column)"): f"{term.weight_at}",
            tr("its value") + " ": str(weights[term.weight_at]),
            tr("product"): str(image[term.input_at] * weights[term.weight_at]),
        }
        for term in products
    ]
    with st.expander(tr("The products one by one")):
        st.table(lines)


def show_counts(sizes: Convolution) -> None:
    """Show how many products each output pixel is the sum of, and whether that is a checkerboard."""
    counts, inner = by_hand.term_counts(sizes), by_hand.inner_counts(sizes)
    st.markdown(tr("**How many products each output pixel has**"))
    st.html(table(counts, shades(counts), tr("The number of products of each output pixel")))
    if len(inner) > 1:
        numbers = ", ".join(map(str, inner))
        st.caption(tr_marked(UNEVEN, least=inner[0], most=inner[-1], numbers=numbers))
    else:
        even = tr_marked(EVEN, count=inner[0])
        st.caption(f"{even} {tr_marked(BORDER)}" if len(np.unique(counts)) > 1 else even)


def shades(counts: Integers) -> Callable[[tuple[int, int]], str]:
    """Return the style of a cell: the more products, the stronger its blue."""
    most: int = max(1, int(counts.max()))
    strengths: Collection[float] = [0.05, 0.6]
    low, high = strengths
    return lambda place: f"background: rgba(0, 114, 178, {low + (high - low) * counts[place] / most:.2f})"
