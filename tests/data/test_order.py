"""The order of images is a function of the seed and the pass."""

from __future__ import annotations

from dcgan.data.order import Order


def test_every_seed_and_every_pass_has_its_own_order():
    orders = [
        tuple(Order(50, 4, sampling, seed).of_pass(number)[:50])
        for sampling in ("shuffle", "replacement")
        for seed in (0, 1, 2)
        for number in (0, 1, 2)
    ]
    assert len(set(orders)) == len(orders)
