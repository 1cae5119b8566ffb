"""What visitors share: networks in memory, and steps a minute."""

from __future__ import annotations

import gc

import pytest

from dcgan.training.sandbox_limits import OpenSandboxes, StepBudget


class Box:
    """What sessions hold."""

    def __init__(self, num_parameters: int = 1) -> None:
        self.num_parameters = num_parameters
        self.is_closed = False

    def close(self) -> None:
        self.is_closed = True


def test_the_sandbox_that_was_not_used_for_longest_is_closed():
    boxes = [Box() for _ in range(4)]
    sandboxes = OpenSandboxes(most=3)
    for box in (*boxes[:3], boxes[0], boxes[3]):
        sandboxes.use(box)
    assert [box.is_closed for box in boxes] == [False, True, False, False]
    assert len(sandboxes) == 3


@pytest.mark.parametrize(("size", "closed"), [(10, [False, False]), (11, [True, False]), (1000, [True, True])])
def test_parameters_are_bounded_too(size, closed):
    boxes = [Box(40), Box(50)]
    sandboxes = OpenSandboxes(most_parameters=100)
    for box in (*boxes, last := Box(size)):
        sandboxes.use(box)
    assert [box.is_closed for box in boxes] == closed
    assert not last.is_closed


def test_a_session_that_ends_makes_room():
    sandboxes = OpenSandboxes(most=2)
    stays, leaves = Box(), Box()
    sandboxes.use(leaves)
    sandboxes.use(stays)
    del leaves
    gc.collect()
    sandboxes.use(Box())
    assert not stays.is_closed


def test_steps_are_counted_for_a_minute():
    now = [0.0]
    budget = StepBudget(100, lambda: now[0])
    budget.take(60)
    now[0] = 30.0
    budget.take(60)
    assert budget.left() == 0
    now[0] = 59.9
    assert budget.left() == 0
    now[0] = 60.0
    assert budget.left() == 40
    now[0] = 90.0
    assert budget.left() == 100
